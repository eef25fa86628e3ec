"""The public files, all of them: what goes in is told, left out with a word, held or refused."""

from __future__ import annotations

import csv
import gzip
import io
import json
import re
from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path

import pytest

import riskmon
import riskmon.sources
from riskmon.formats.packed import parts
from riskmon.model import Note
from riskmon.monitor import Monitor
from riskmon.reports import Report
from riskmon.spells import first
from tests.builders import SHARED, Clock

DATA = SHARED / "data"


def lines(file: Path, *, header: int = 0, sep: str = ",", encoding: str = "utf-8") -> int:
    """Return how many rows a table has that are not blank."""
    with file.open(encoding=encoding, errors="replace", newline="") as stream:
        rows = csv.reader(stream, delimiter=sep)
        return sum(any(map(str.strip, row)) and row != ["\x1a"] for row in rows) - header


def each(file: Path) -> int:
    """Return how many lines of a file are not blank."""
    return sum(bool(line.strip()) for line in file.read_bytes().splitlines())


def tags(*names: str) -> Callable[[Path], int]:
    """Return what counts the elements with some names."""
    pattern = re.compile(rf"<(?:\w+:)?(?:{'|'.join(names)})[\s>]")
    return lambda file: len(pattern.findall(file.read_text("utf-8", "replace")))


def entries(name: str) -> Callable[[Path], int]:
    """Return what counts the members of a list in JSON."""
    return lambda file: len(json.loads(file.read_text("utf-8"))[name])


def table(**how: object) -> Callable[[Path], int]:
    return lambda file: lines(file, **how)  # type: ignore[arg-type]


SINGLE = (
    ("bis/bis_entity_list_2026-07-09.json", "bis-entity-list", entries("entities")),
    ("bis/bis_meu_2026-07-09.json", "bis-meu", entries("entities")),
    ("bis/dpl_*.txt", "bis-denied-persons", table(header=1, sep="\t")),
    ("csl/csl_2019-12-03_sample.csv", "csl", table(header=1)),
    ("csl/csl_2023-11-30_partial.csv", "csl", table(header=1)),
    ("federal_register/*.jsonl", "federal-register", each),
    ("gdelt/gdelt1_events_sample.tsv", "gdelt", each),
    ("gdelt/gdelt2_mentions_sample.csv", "gdelt-mentions", lambda file: each(file) - 1),
    ("native_samples/deriv_sample_eu.xml", "eu-sanctions", tags("sanctionEntity")),
    ("native_samples/deriv_sample_hmt.csv", "uk-sanctions", table(header=2)),
    ("native_samples/*_sdn.xml", "ofac-xml", tags("sdnEntry")),
    ("native_samples/govwizely_consolidated.xml", "ofac-consolidated-xml", tags("sdnEntry")),
    ("native_samples/deriv_sample_unsc.xml", "un-sanctions", tags("INDIVIDUAL", "ENTITY")),
    ("native_samples/govwizely_dpl.txt", "bis-denied-persons", table(header=1, sep="\t")),
    ("native_samples/govwizely_el.csv", "bis-entity-list", table(header=1)),
    ("native_samples/govwizely_uvl.csv", "bis-unverified", table(header=1)),
    ("ofac_consolidated/cons_prim_*.csv", "ofac-consolidated", table()),
    ("ofac_sdn/sdn_*.csv.gz", "ofac-sdn", None),
    ("seed/story.txt", "article", None),
    ("state_isn_dtc/isn_*.csv", "state-isn", table(header=1)),
    ("state_isn_dtc/*debarred*.csv", "state-debarred", table(header=1)),
    ("un/UN_consolidated_*.xml", "un-sanctions", tags("INDIVIDUAL", "ENTITY")),
    ("us_lists/cbp_wro.json", "cbp-wro", entries("entities")),
    ("us_lists/dhs_uflpa.json", "dhs-uflpa", entries("entities")),
    ("us_lists/source-uflpa-*.html", "dhs-uflpa", None),
    ("us_lists/fcc_covered.json", "fcc-covered", entries("entities")),
    ("us_lists/state_debarred_admin.json", "state-debarred", entries("entities")),
    ("us_lists/state_nonproliferation.json", "state-isn", entries("entities")),
)
"""Files, the source that reads them, and what counts their rows without it; None where that is
what the source is for."""

ELSEWHERE = {
    "ofac_sdn/sdn_daily_*": "copies, each a file: tests/test_lists.py",
    "ofac_sdn/companion/*": "files beside the list: below",
    "ofac_consolidated/cons_a*": "files beside the list: below",
    "ofac_consolidated/cons_comments*": "files beside the list: below",
    "companies/*": "companies, no events: tests/test_companies_in.py",
    "matching/*": "labelled names: benchmarks/names.py",
    "name_pairs/*": "labelled names: benchmarks/names.py",
}
UNREAD = {
    "README.md": "says what the files are",
    "*/PROVENANCE.md": "says where they come from",
    "gdelt/schema_*": "names of columns",
    "gdelt/cameo_codes.json": "names of codes",
    "native_samples/deriv_sample_moha.xml": "Malaysia's list: no source of ours",
    "ofac_sdn/sdn_change_counts_*": "what is expected",
    "us_lists/lists.json": "says what the lists are",
    "us_lists/dow_1286.json": "universities: no rule of ours reads it",
    "us_lists/ofac_*.json": "somebody's excerpt of a list that `ofac-consolidated` has whole",
}


def files(patterns: Iterator[str] | tuple[str, ...]) -> list[Path]:
    return sorted({file for one in patterns for file in DATA.glob(one) if file.is_file()})


def ingest(file: Path, source: str) -> tuple[Monitor, Report]:
    monitor = riskmon.open("sqlite://", clock=Clock())
    partial = riskmon.sources.list_of(source) is not None
    return monitor, monitor.ingest(file, source=source, dated="2026-11-22", partial=partial)


def test_every_public_file_is_read_or_said_not_to_be(shared: Path) -> None:
    """No file of the folder is in neither table."""
    del shared
    known = files((*(one for one, _, _ in SINGLE), *ELSEWHERE, *UNREAD))
    assert files(("**/*",)) == known


@pytest.mark.parametrize(("pattern", "source", "count"), SINGLE, ids=[one for one, _, _ in SINGLE])
def test_no_row_is_lost(
    shared: Path, pattern: str, source: str, count: Callable[[Path], int] | None
) -> None:
    """Rows in = rows that told something + duplicates + refused + those left out with a word."""
    del shared
    for file in files((pattern,)):
        monitor, report = ingest(file, source)
        with monitor:
            assert report.held is None
            told = {
                (one.source, one.body)
                for one in monitor.entries()
                if one.kind in {"event.recorded", "draft.told"}
            }
            assert len(told) == report.appended + report.drafts
            left = sum(
                int(found[1].replace(",", ""))
                for note in report.notes
                if (found := re.match(r"([\d,]+) of [\d,]+ rows are left out", note))
            )
            if count is not None:
                assert (file.name, count(file)) == (file.name, report.rows + left)
            assert report.rows > 0


FAMILIES = {
    "ofac-sdn": "ofac_sdn/companion/*2021-07-07*",
    "ofac-consolidated": "ofac_consolidated/*",
}


@pytest.mark.parametrize("source", FAMILIES)
def test_files_beside_a_list_are_read_with_it(shared: Path, tmp_path: Path, source: str) -> None:
    """Every alternate name and every address with something in it is in the event of its party."""
    del shared
    rows: dict[str, list[list[str]]] = {}
    for file in files((FAMILIES[source],)):
        raw = gzip.decompress(file.read_bytes()) if file.suffix == ".gz" else file.read_bytes()
        (tmp_path / file.name.removesuffix(".gz")).write_bytes(raw)
        kind = file.name.removeprefix("cons_").partition("_2")[0]
        text = io.StringIO(raw.decode(), newline="")
        rows[kind] = [[one.strip() for one in row] for row in csv.reader(text) if len(row) > 1]
    names = {row[0]: row[1] for row in rows.get("prim", rows.get("sdn", []))}
    with parts(tmp_path) as found:
        told = [
            row.told for row in first(riskmon.sources.module(source), found, date(2026, 11, 22))
        ]
    told = [one for one in told if not isinstance(one, Note)]
    events = [one for one in told if isinstance(one, riskmon.Event)]
    assert len(told) == len(events) == len(names)
    aliases = {(row[0], row[3]) for row in rows["alt"] if row[3] != names[row[0]]}
    assert aliases == {(one.ref, name) for one in events for name in one.parties[0].aliases}
    some = [row for row in rows["add"] if {*row[2:5]} != {"-0-"}]
    assert len(some) == sum(len(one.attributes.get("addresses", ())) for one in events)
