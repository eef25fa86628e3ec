"""Sources: whatever is in riskmon/sources is tested by being there."""

from __future__ import annotations

import io
import json
from collections import Counter
from collections.abc import Iterator
from datetime import date
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import riskmon
from riskmon import sources
from riskmon.errors import InputError
from riskmon.formats import json_lines
from riskmon.model import Draft, Event, Note, canonical
from riskmon.monitor import Monitor
from riskmon.reports import Report
from riskmon.sources import jsonl
from tests.builders import company, event

SAMPLES = Path(__file__).parent / "samples"
DAY = date(2024, 3, 6)
"""That a sample is of, where it does not say so."""


def read(name: str, raw: bytes) -> list[Any]:
    """Return the rows as JSON: line, and either what is told or what is wrong."""
    rows = []
    for row in sources.reader(name, DAY)(io.BytesIO(raw)):
        if isinstance(row.told, list):
            rows.append({"line": row.line, "problems": list(map(str, row.told))})
        elif isinstance(row.told, Note):
            rows.append({"line": row.line, "note": row.told.text})
        elif isinstance(row.told, Draft):
            told = row.told.event.model_dump(mode="json", exclude_defaults=True)
            rows.append({"line": row.line, "draft": told})
        else:
            told = row.told.model_dump(mode="json", exclude_defaults=True)
            rows.append({"line": row.line, "told": told})
    return rows


@pytest.mark.parametrize("name", sources.names())
def test_a_sample_gives_the_expected_rows(name: str) -> None:
    """tests/samples/<name>/: input.* in the native format, expected.json beside it."""
    (given,) = (SAMPLES / name).glob("input.*")
    expected = json.loads((SAMPLES / name / "expected.json").read_text("utf-8"))
    assert expected == read(name, given.read_bytes())


@pytest.mark.parametrize("name", sources.names())
def test_a_source_says_what_it_reads(name: str) -> None:
    """The first line of its docstring is what `riskmon sources` will show."""
    module = import_module(f"riskmon.sources.{name.replace('-', '_')}")
    assert (module.__doc__ or "").splitlines()[0].endswith(".")


@pytest.mark.parametrize("name", sources.names())
def test_no_input_breaks_a_source(name: str) -> None:
    """Cut anywhere, bytes flipped, nothing, noise, depth: rows and problems, never an exception."""
    (given,) = (SAMPLES / name).glob("input.*")
    raw = given.read_bytes()
    hostile = [b"", b"\0" * 100, b"[" * 100_000, b"\xff\xfe" + raw, b"null", b'{"entities": 3}']
    hostile += [b'"' + raw, raw + b'"', raw.replace(b"\n", b"\r"), b"," * 100_000, raw + raw]
    hostile += [raw[:cut] for cut in range(0, len(raw), 97)]
    hostile += [raw[:at] + bytes([raw[at] ^ 0x10]) + raw[at + 1 :] for at in range(0, len(raw), 53)]
    for one in hostile:
        for row in read(name, one):
            assert any(row.get(what) for what in ("problems", "told", "note", "draft"))


def test_an_unknown_source_is_said_with_those_there_are() -> None:
    """And the nearest one."""
    there = ", ".join(sources.names())
    assert "bis-entity-list" in there
    with pytest.raises(InputError, match=rf"did you mean 'jsonl'.*there are: {there}$"):
        sources.reader("json")


def test_an_empty_or_cut_list_is_no_list() -> None:
    """Nothing is read from it, and the one row says so."""
    for raw in (b"", b'{"entities": [{"name": "A"', b'{"entities": []}', b'{"a": 1, "a": 2}'):
        (row,) = read("bis-entity-list", raw)
        (problem,) = row["problems"]
        assert "is the copy whole?" in problem


@pytest.fixture(scope="module")
def listed(
    shared: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Monitor, Report]]:
    """Ingest the Entity List into the ledger of a monitor that watches three of its companies."""
    monitor = riskmon.open(f"sqlite:///{tmp_path_factory.mktemp('list') / 'risk.db'}")
    names = {
        "huawei": "Huawei Technologies Co., Ltd.",
        "smic": "Semiconductor Manufacturing International Corporation",
        "moonshot-ai": "Moonshot AI",
    }
    monitor.declare([company(one, name=name) for one, name in names.items()])
    file = shared / "data" / "bis" / "bis_entity_list_2026-07-09.json"
    yield monitor, monitor.ingest(file, source="bis-entity-list")
    monitor.close()


def test_the_entity_list_goes_in_whole(listed: tuple[Monitor, Report]) -> None:
    """3,409 entries, each dated by its first citation, none refused, none lost."""
    monitor, report = listed
    assert {"listing.listed": 3409} == report.types
    assert (3409, 0, 0, []) == (
        report.appended,
        report.revised,
        report.duplicates,
        report.rejected,
    )
    assert 3409 == monitor.status().events


def test_companies_named_in_the_entity_list_score(
    listed: tuple[Monitor, Report],
) -> None:
    """Huawei since 21 May 2019, SMIC since 22 December 2020; Moonshot AI never.

    Entries in Cairo and Hanoi have a name that is Huawei's but for its plural: whoever knows the
    addresses says that they are others. Bahrain's and Portugal's wait for a person by themselves.
    """
    monitor, _ = listed
    kin = ("Huawei Technology", "Huawei Technology Co. Ltd.")
    assert ["huawei", "huawei"] == [monitor.resolve(name).company for name in kin]
    for name in kin:
        monitor.reject(name, "huawei", why="another place")
    days = {"2019-05-20": 0, "2019-05-21": 70, "2026-11-22": 70}
    assert days == {day: round(monitor.score("huawei", as_of=day).value, 9) for day in days}
    waiting = {one.name for one in monitor.review(100)}
    assert {"Huawei Technologies Bahrain", "Huawei Technology Portugal"} <= waiting
    (line,) = monitor.score("smic", as_of="2026-11-22").lines
    assert "2020-12-22" == f"{line.since:%Y-%m-%d}"
    assert 0 == monitor.score("moonshot-ai", as_of="2026-11-22").value


def test_every_date_of_the_entity_list_is_its_first_citation(shared: Path) -> None:
    """Between the list's beginning in 1997 and the copy's day; two-digit years read right."""
    file = shared / "data" / "bis" / "bis_entity_list_2026-07-09.json"
    with file.open("rb") as stream:
        told = [row.told for row in sources.reader("bis-entity-list")(stream)]
    events = [one for one in told if isinstance(one, Event)]
    years = Counter(one.occurred_at.year for one in events)
    assert (1997, 2025) == (min(years), max(years))
    for one in events:
        dates = [citation.rpartition(", ")[2] for citation in one.attributes["citations"]]
        assert f"{one.occurred_at:%Y-%m-%d}" == min(dates)
    assert 257 <= sum(len(one.attributes["citations"]) > 1 for one in events)


def test_what_hides_behind_a_long_line_is_refused(monitor: Monitor) -> None:
    """A good event, then a mebibyte of blanks, then more: none of it is taken."""
    line = json.dumps(event()).encode() + b" " * 1024 * 1024 + b'{"garbage": 1}\n'
    report = monitor.ingest(io.BytesIO(line + json.dumps(event()).encode()))
    assert (1, [1]) == (report.appended, [one.line for one in report.rejected])
    assert "expected at most 1,048,576 bytes a line" in report.rejected[0].reason


ATTRIBUTES = st.dictionaries(
    st.sampled_from(["role", "subject", "a", '"', "\\u0022", "\u0022:"]), st.text(max_size=5)
)


@settings(max_examples=300)
@given(st.data())
def test_the_quick_reading_takes_only_what_the_slow_one_takes(data: st.DataObject) -> None:
    """For lines with keys twice, defaults said, escapes and strange strings: the same event."""
    fields: list[tuple[str, object]] = list(event(ref="x").items())
    extra: list[tuple[str, object]] = [
        ("title", data.draw(st.text(max_size=8))),
        ("summary", None),
        ("scope", []),
        ("attributes", data.draw(ATTRIBUTES)),
        ("parties", [{"name": "A", "role": data.draw(st.sampled_from(["subject", "victim"]))}]),
        ("origin", None),
    ]
    fields += data.draw(st.lists(st.sampled_from(extra), max_size=4))
    ascii_only = data.draw(st.booleans())
    given_ = ",".join(
        f"{json.dumps(name)}:{json.dumps(value, ensure_ascii=ascii_only)}" for name, value in fields
    )
    raw = ("{" + given_.replace("A", data.draw(st.sampled_from(["A", "\\u0022"]))) + "}").encode()
    quick = jsonl._sound(1, raw)
    slow = jsonl.told(*json_lines.parsed(1, raw))
    if quick is not None:
        assert slow.told == quick.told
        assert canonical(quick.told) == quick.body  # type: ignore[arg-type]
