"""What other programs read: CSV that no spreadsheet runs, JSON lines and Parquet that are exact."""

from __future__ import annotations

import csv
import errno
import io
import json
import os
import re
import resource
import subprocess
import tracemalloc
import unicodedata
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

import riskmon
from riskmon import exporting
from riskmon.errors import InputError, UsageError
from riskmon.exporting import BATCH, harmless
from riskmon.frames import Frame
from riskmon.monitor import Monitor
from riskmon.persons import FORGOTTEN
from tests.builders import RISKMON, Clock, company, event, withdrawal

DAY = "2026-11-22"


def exported(monitor: Monitor, what: str, form: str, **asked: Any) -> bytes:
    """Return what an export writes."""
    stream = io.BytesIO()
    monitor.export(what, stream, form=form, **asked)
    return stream.getvalue()


def json_rows(told: bytes) -> list[dict[str, Any]]:
    """Return the rows of JSON lines."""
    return [json.loads(line) for line in told.splitlines()]


def csv_rows(told: bytes) -> list[dict[str, str]]:
    """Return the rows of CSV."""
    return list(csv.DictReader(io.StringIO(told.decode(), newline="")))


def as_json(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return rows whose moments are UTC text."""
    return [
        {
            name: f"{value:%Y-%m-%dT%H:%M:%SZ}" if isinstance(value, datetime) else value
            for name, value in row.items()
        }
        for row in rows
    ]


@pytest.fixture
def small(clock: Clock) -> Iterator[Monitor]:
    """Open a monitor on a database in memory."""
    with riskmon.open("sqlite://", clock=clock) as opened:
        yield opened


def test_scores_are_a_row_for_each_company(scenario: Monitor) -> None:
    """The same in each form, and as the frame has it."""
    rows = scenario.scores(as_of=DAY).to_dicts()
    assert as_json(rows) == json_rows(exported(scenario, "scores", "jsonl", as_of=DAY))
    assert rows == pl.read_parquet(exported(scenario, "scores", "parquet", as_of=DAY)).to_dicts()
    found = csv_rows(exported(scenario, "scores", "csv", as_of=DAY))
    assert [str(row["value"]) for row in rows] == [row["value"] for row in found]
    assert [row["name"] for row in rows] == [row["name"] for row in found]
    assert "2026-06-08T00:00:00Z" == found[0]["since"]


def test_lines_are_a_row_for_each_line_of_every_company(scenario: Monitor) -> None:
    """Companies as the scores are ordered, lines greatest first."""
    scores = scenario.scores(as_of=DAY)
    rows = [row for score in scores for row in score.to_dicts()]
    assert as_json(rows) == json_rows(exported(scenario, "lines", "jsonl", as_of=DAY))
    assert rows == pl.read_parquet(exported(scenario, "lines", "parquet", as_of=DAY)).to_dicts()
    first = csv_rows(exported(scenario, "lines", "csv", as_of=DAY))[0]
    assert "; ".join(rows[0]["events"]) == first["events"]


def test_events_are_a_row_for_each_that_stands(small: Monitor) -> None:
    """The latest revision of each, none that was withdrawn, with the companies that it names."""
    small.declare([company("baidu", name="Baidu, Inc."), company("tencent")])
    told = event(
        ref="1",
        published_at="2024-01-02",
        matter="a-case",
        topics=["ai"],
        scope=["country:cn"],
        parties=[{"name": "BAIDU INC"}, {"company": "baidu", "role": "owner"}, {"name": "X"}],
        origin="ap",
        credibility=0.5,
        url="https://example.com/1",
        summary="What happened",
        attributes={"days": 3},
    )
    gone = event(ref="2")
    small.ingest([told | {"title": "Before"}, gone, event(ref="3", occurred_at="2024-03-01")])
    small.ingest([told, withdrawal(gone)])
    expected = {
        "source": "reuters",
        "ref": "1",
        "type": "claim.alleged",
        "occurred_at": "2024-01-01T00:00:00Z",
        "published_at": "2024-01-02T00:00:00Z",
        "matter": "a-case",
        "title": "Something happened",
        "url": "https://example.com/1",
        "topics": ["ai"],
        "scope": ["country:cn"],
        "parties": ["BAIDU INC", "baidu", "X"],
        "roles": ["subject", "owner", "subject"],
        "companies": ["baidu"],
        "origin": "ap",
        "credibility": 0.5,
        "summary": "What happened",
        "attributes": '{"days": 3}',
    }
    rows = json_rows(exported(small, "events", "jsonl"))
    assert ["3", "1"] == [row["ref"] for row in rows]
    assert expected == rows[1]
    assert "reuters:3" == rows[0]["matter"]
    assert ["1"] == [
        one["ref"] for one in json_rows(exported(small, "events", "jsonl", as_of="2024-02-01"))
    ]
    before = json_rows(exported(small, "events", "jsonl", known_at=5))
    assert ["Before", "Something happened"] == [one["title"] for one in before[:2]]


def test_what_is_told_of_persons_is_readable_until_they_are_forgotten(small: Monitor) -> None:
    """Then it is in no form any more."""
    party = {"name": "Jane Roe", "kind": "person"}
    small.ingest([event(title="Jane Roe is accused", parties=[party])])
    (row,) = json_rows(exported(small, "events", "jsonl"))
    assert ("Jane Roe is accused", ["Jane Roe"]) == (row["title"], row["parties"])
    small.forget("Jane Roe")
    (row,) = json_rows(exported(small, "events", "jsonl"))
    assert (FORGOTTEN, [FORGOTTEN]) == (row["title"], row["parties"])
    for form in exporting.FORMS:
        assert b"Jane" not in exported(small, "events", form)


def test_events_beyond_a_batch_are_all_there_in_order(small: Monitor) -> None:
    """However many are held at a time."""
    count = 2 * BATCH + 1
    small.ingest(event(ref=str(number)) for number in range(count))
    expected = [str(number) for number in range(count)]
    for form, read in {"csv": csv_rows, "jsonl": json_rows}.items():
        assert expected == [row["ref"] for row in read(exported(small, "events", form))]
    table = pq.read_table(io.BytesIO(exported(small, "events", "parquet")))
    assert expected == table["ref"].to_pylist()


def test_a_header_is_there_without_rows_and_types_are_the_same(small: Monitor) -> None:
    """Of each export in each form; in UTF-8, with no mark before it."""
    filled = {"events": [event()], "scores": [], "lines": []}
    for what, events in filled.items():
        names = exported(small, what, "csv").decode().split("\r\n")
        none = pl.read_parquet(exported(small, what, "parquet"))
        assert [",".join(none.columns), ""] == names
        assert b"" == exported(small, what, "jsonl")
        small.ingest(events)
        assert none.schema == pl.read_parquet(exported(small, what, "parquet")).schema


class Made(Frame):
    """Rows that are made as they are asked for, and may fail."""

    kinds = {"text": "text", "number": "number", "since": "moment"}  # noqa: RUF012

    def __init__(self, count: int, fails: BaseException | None = None) -> None:
        self.count, self.fails = count, fails

    def rows(self) -> Iterator[dict[str, Any]]:
        """Make the rows, then fail."""
        for number in range(self.count):
            since = datetime(2024, 1, 1, tzinfo=UTC)
            yield {"text": "x" * 100, "number": float(number), "since": since}
        if self.fails:
            raise self.fails

    def size(self) -> int:
        """Return how many there are."""
        return self.count


@pytest.mark.parametrize("form", list(exporting.FORMS))
def test_rows_are_not_held(form: str, tmp_path: Path) -> None:
    """Ten times as many take no more memory."""
    peaks = []
    exporting.export(Made(10), tmp_path / "warm", form)
    for count in (5_000, 50_000):
        tracemalloc.start()
        assert count == exporting.export(Made(count), tmp_path / "rows", form)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < 2 * peaks[0] + 100_000


FORMULAS = [
    "=1+1",
    "+1",
    "-1",
    "@SUM(A1)",
    "\tx",
    "\rx",
    "  =1",
    "\u00a0=1",
    "\u200b=1",
    "\ufeff=1",
    "\N{FULLWIDTH EQUALS SIGN}1",
    "\N{FULLWIDTH PLUS SIGN}1",
    "\N{FULLWIDTH HYPHEN-MINUS}1",
    "\N{FULLWIDTH COMMERCIAL AT}A1",
    '=HYPERLINK("http://example.com?x="&A1,"Baidu")',
    "=cmd|' /C calc'!A0",
]


@pytest.mark.parametrize("text", FORMULAS)
def test_a_cell_that_a_spreadsheet_would_run_is_made_harmless(text: str, small: Monitor) -> None:
    """By an apostrophe, in CSV; JSON lines and Parquet have what was told."""
    small.ingest([event(title=text, topics=["ai"], parties=[{"name": text}])])
    (cells,) = csv_rows(exported(small, "events", "csv"))
    assert ("'" + text, "'" + text, "ai") == (cells["title"], cells["parties"], cells["topics"])
    (row,) = json_rows(exported(small, "events", "jsonl"))
    assert (text, [text]) == (row["title"], row["parties"])
    (row,) = pl.read_parquet(exported(small, "events", "parquet")).to_dicts()
    assert (text, [text]) == (row["title"], row["parties"])


@pytest.mark.parametrize("text", ["Baidu", "a=b", "1-2", "3 + 4", "'=1", "A & B; C", "a\n\nb", ""])
def test_a_cell_that_nothing_would_run_is_as_it_was(text: str) -> None:
    """Also with such a character within."""
    assert text == harmless(text)


UNSEEN = {chr(one) for one in range(0xA1) if unicodedata.category(chr(one)) == "Cc"} | {
    *"\u00ad\u200b\u200c\u200d\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2060\u2066\u2067\u2068\u2069",
    "\ufeff",
}


@given(st.text(st.sampled_from("=+-@;\t\r\n ,\"'a\u200b\u00a0\uff1d\uff0d") | st.characters()))
def test_no_cell_begins_as_a_formula_however_it_is_parted(text: str) -> None:
    """A spreadsheet parts cells at a comma, a semicolon or a tab, as its country has it."""
    stream = io.StringIO()
    csv.writer(stream).writerow([harmless(text), harmless(text)])
    cells = next(csv.reader(io.StringIO(stream.getvalue(), newline="")), [""])
    for cell in cells:
        for part in re.split("[;\t\r\n]", cell):
            seen = "".join(c for c in part if c not in UNSEEN).strip()
            assert unicodedata.normalize("NFKC", seen)[:1] not in {*"=+-@"}


def test_numbers_stay_numbers(tmp_path: Path) -> None:
    """Those below nought, too: a column of numbers is one where it is read."""

    class Numbers(Made):
        def rows(self) -> Iterator[dict[str, Any]]:
            yield {"text": "-1", "number": -1.5, "since": None}
            yield {"text": None, "number": None, "since": None}

    exporting.export(Numbers(2), tmp_path / "numbers.csv")
    assert b"text,number,since\r\n'-1,-1.5,\r\n,,\r\n" == (tmp_path / "numbers.csv").read_bytes()
    assert [-1.5, None] == pl.read_csv(tmp_path / "numbers.csv")["number"].to_list()


def test_the_form_is_what_the_name_ends_in(scenario: Monitor, tmp_path: Path) -> None:
    """Else CSV; what is asked for goes first."""
    for name, form, begins in (
        ("a.parquet", None, b"PAR1"),
        ("a.JSONL", None, b'{"company"'),
        ("a.csv", None, b"company,"),
        ("a.txt", None, b"company,"),
        ("a", None, b"company,"),
        ("b.csv", "jsonl", b'{"company"'),
    ):
        assert 11 == scenario.export("scores", tmp_path / name, form=form, as_of=DAY)
        assert (tmp_path / name).read_bytes().startswith(begins)


def test_what_there_is_not_is_refused(scenario: Monitor, tmp_path: Path) -> None:
    """With what there is."""
    with pytest.raises(UsageError, match="expected scores, lines or events, got 'matters'"):
        scenario.export("matters", tmp_path / "a.csv")
    with pytest.raises(UsageError, match="form: expected csv, jsonl, parquet, got 'xml'"):
        scenario.export("scores", tmp_path / "a.csv", form="xml")
    with pytest.raises(UsageError, match="expected a binary file: open it with mode 'wb'"):
        scenario.export("scores", io.StringIO())  # type: ignore[arg-type]
    with pytest.raises(InputError, match="this is a folder: name a file in it"):
        scenario.export("scores", tmp_path)
    with pytest.raises(InputError, match=r"a\.csv: cannot be written: No such file or directory"):
        scenario.export("scores", tmp_path / "none" / "a.csv")
    assert [] == list(tmp_path.iterdir())


@pytest.mark.parametrize("form", list(exporting.FORMS))
def test_a_file_is_there_whole_or_not_at_all(form: str, tmp_path: Path) -> None:
    """Whatever interrupts: the one that was there before stays as it was."""
    file = tmp_path / "rows"
    full = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    for fails, raised in ((KeyboardInterrupt(), KeyboardInterrupt), (full, InputError)):
        with pytest.raises(raised):
            exporting.export(Made(10_000, fails), file, form)
        assert [] == list(tmp_path.iterdir())
    file.write_text("before")
    with pytest.raises(KeyboardInterrupt):
        exporting.export(Made(10_000, KeyboardInterrupt()), file, form)
    assert ["before"] == [one.read_text() for one in tmp_path.iterdir()]


@pytest.mark.parametrize("form", list(exporting.FORMS))
def test_a_full_disk_leaves_nothing(form: str, tmp_path: Path) -> None:
    """A real one: the system lets the process write no more than a few thousand bytes."""
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, limits[1]))
    try:
        with pytest.raises(InputError, match="rows: cannot be written: File too large"):
            exporting.export(Made(50_000), tmp_path / "rows", form)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert [] == list(tmp_path.iterdir())


def test_the_command_writes_to_standard_output_or_a_file(loaded: Any) -> None:
    """The same bytes; a note of how many rows is on standard error."""
    for what, count in {"scores": 11, "lines": 21, "events": 27}.items():
        asked = ("export", what, "--as-of", DAY)
        printed = loaded(*asked, "--format", "jsonl")
        assert (0, count, "") == (
            printed.returncode,
            len(printed.stdout.splitlines()),
            printed.stderr,
        )
        written = loaded(*asked, "--output", "rows.jsonl")
        assert (0, "", f"riskmon: rows.jsonl: {count} rows\n") == (
            written.returncode,
            written.stdout,
            written.stderr,
        )
        assert printed.stdout == (loaded.folder / "rows.jsonl").read_text("utf-8")


def test_the_command_says_what_is_wrong(loaded: Any) -> None:
    """2 for what cannot be asked, 1 for what cannot be done; no traceback."""
    for arguments, code, text in (
        (["matters"], 2, "invalid choice: 'matters'"),
        (["scores", "--format", "xml"], 2, "invalid choice: 'xml'"),
        (["scores", "--json"], 2, "unrecognized arguments: --json"),
        (["scores", "--as-of", "soon"], 2, "as_of: expected a date such as"),
        (["scores", "--output", ""], 2, "expected a file, got nothing"),
        (["scores", "--output", "none/a.csv"], 1, "none/a.csv: cannot be written: No such file"),
        (["scores", "--output", "/dev/full"], 1, "/dev/full: cannot be written: No space left"),
    ):
        done = loaded("export", *arguments)
        assert (code, "") == (done.returncode, done.stdout)
        assert text in done.stderr
        assert "Traceback" not in done.stderr


def test_on_a_terminal_nothing_acts_and_parquet_is_refused(run: Any, tmp_path: Path) -> None:
    """Escapes of a hostile title are shown as what they are not."""
    given = json.dumps(event(title="a\x1b[2Jb\u202ec"))
    assert 0 == run("ingest", "-", given=given).returncode
    main, terminal = os.openpty()
    env = {**os.environ, "RISKMON_DATABASE_URL": "sqlite:///risk.db"}
    for form, code in (("csv", 0), ("jsonl", 0), ("parquet", 2)):
        done = subprocess.run(
            [RISKMON, "export", "events", "--format", form],
            cwd=tmp_path,
            env=env,
            stdout=terminal,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
        assert code == done.returncode, done.stderr
    os.close(terminal)
    shown = b""
    try:
        while read := os.read(main, 4096):
            shown += read
    except OSError:  # all was read
        pass
    os.close(main)
    assert "parquet is not for a terminal: name a file" in done.stderr
    assert [] == [bad for bad in ("\x1b", "\u202e") if bad in shown.decode()]
    assert 1 == shown.decode().count("a\N{REPLACEMENT CHARACTER}[2Jb\N{REPLACEMENT CHARACTER}c")
