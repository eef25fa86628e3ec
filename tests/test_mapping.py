"""Any table becomes events by a mapping file, whose problems are all said at once."""

from __future__ import annotations

from pathlib import Path

import pytest

from riskmon.errors import InputError
from riskmon.model import Event
from riskmon.monitor import Monitor

TABLE = """\
Case No;Date;Company;LEI;Status;Also known as;Note
7;31.12.2023;Example AG;529900T8BM49AURSDO55;charged;Beispiel AG|Exemple SA;internal
8;30.02.2024;Example AG;;charged;;
9;01.02.2024;Example AG;;lost;;
10;01.03.2024;;;closed;;
"""
MAPPING = """\
source: acme-watch
ref: "{Case No}"
type: {column: Status, values: {charged: case.indicted, closed: case.dismissed}}
occurred_at: {column: Date, format: "%d.%m.%Y"}
matter: "acme-{Case No}"
title: "{Company} is {Status}"
topics: [corruption]
parties:
  - name: "{Company}"
    aliases: {column: Also known as, split: "|"}
    identifiers: {lei: "{LEI}"}
delimiter: ";"
"""


@pytest.fixture
def files(tmp_path: Path) -> tuple[Path, Path]:
    """Write a table and its mapping."""
    (tmp_path / "any.csv").write_text(TABLE, "utf-8")
    (tmp_path / "mapping.yaml").write_text(MAPPING, "utf-8")
    return tmp_path / "any.csv", tmp_path / "mapping.yaml"


@pytest.mark.parametrize("url", ["sqlite"], indirect=True)
def test_columns_become_what_the_mapping_says(monitor: Monitor, files: tuple[Path, Path]) -> None:
    """Dates, words and several in a cell are read; what is empty is left out; bad rows are said."""
    table, mapping = files
    report = monitor.ingest(table, mapping=mapping)
    first, second = (
        Event.model_validate_json(one.body)
        for one in monitor.entries()
        if one.kind == "event.recorded"
    )
    assert {
        "source": "acme-watch",
        "ref": "7",
        "type": "case.indicted",
        "occurred_at": "2023-12-31T00:00:00Z",
        "title": "Example AG is charged",
        "matter": "acme-7",
        "topics": ["corruption"],
        "parties": [
            {
                "name": "Example AG",
                "aliases": ["Beispiel AG", "Exemple SA"],
                "identifiers": {"lei": "529900T8BM49AURSDO55"},
            }
        ],
    } == first.model_dump(mode="json", exclude_defaults=True)
    assert ("10", ()) == (second.ref, second.parties)
    assert [
        (3, 'occurred_at: column Date: expected a date as %d.%m.%Y, got "30.02.2024"'),
        (4, 'type: column Status: "lost" is none of: charged, closed'),
    ] == [(one.line, one.reason) for one in report.rejected]
    assert ['column "Note" is not read: name it in the mapping, or under `ignore`'] == report.notes


@pytest.mark.parametrize("url", ["sqlite"], indirect=True)
def test_what_is_wrong_with_a_mapping_is_said_by_line(
    monitor: Monitor, files: tuple[Path, Path]
) -> None:
    """All at once, and nothing is read."""
    table, mapping = files
    wrong = MAPPING.replace("source:", "sauce:").replace('delimiter: ";"', "delimiter: tab")
    mapping.write_text(wrong, "utf-8")
    with pytest.raises(InputError) as raised:
        monitor.ingest(table, mapping=mapping)
    said = str(raised.value)
    assert "mapping.yaml:1: sauce: " in said
    assert "source: is required and missing" in said
    assert "mapping.yaml:12: delimiter: expected at most 1 character" in said
    mapping.write_text(MAPPING.replace("{Case No}", "{Case Nr}"), "utf-8")
    report = monitor.ingest(table, mapping=mapping)
    reason = "Case Nr: is named by the mapping and is no column; did you mean 'Case No'?"
    assert [reason] == [one.reason for one in report.rejected]
    with pytest.raises(InputError, match="cannot be read: No such file"):
        monitor.ingest(table, mapping=mapping.with_name("none.yaml"))
