"""Input: what is good is stored, what is bad is refused with file, line, field and reason."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import riskmon
from riskmon.database import beside
from riskmon.errors import InputError
from riskmon.forms import EARLIEST, LATEST, moment
from riskmon.monitor import Monitor
from tests.builders import Clock, company, event, lines, withdrawal

GOOD = event(ref="good")
BAD_LINES = {
    "malformed": ("{", "expected one JSON object: Expecting property name"),
    "no object": ("[1]", "expected an object of fields, got [1]"),
    "null": ("null", "expected an object of fields, got null"),
    "not utf-8": ("{\udcff}", "expected UTF-8: save the file in that encoding"),
    "NaN": ('{"credibility": NaN}', "expected a finite number, got NaN"),
    "infinity": ('{"a": -Infinity}', "expected a finite number, got -Infinity"),
    "twice": ('{"ref": "1", "ref": "2"}', "ref: is given twice: keep one"),
    "deep": ("[" * 100_000, "expected less nesting"),
    "long": ('{"title": "' + "x" * 1024 * 1024 + '"}', "expected at most 1,048,576 bytes a line"),
    "digits": ('{"a": ' + "9" * 5000 + "}", "expected numbers of at most 4,300 digits"),
}
BAD_FIELDS: dict[str, tuple[dict[str, Any], str, str]] = {
    "unknown field": (
        {"titel": "x"},
        "titel",
        "titel: is not a known field; did you mean 'title'?",
    ),
    "missing": ({"title": ...}, "title", "title: is required and missing"),
    "naive time": (
        {"occurred_at": "2024-01-12T14:00:00"},
        "occurred_at",
        "a time without its offset is ambiguous: end it in Z or in +08:00, got",
    ),
    "no date": ({"occurred_at": "soon"}, "occurred_at", "expected a date such as 2024-01-12"),
    "31 February": ({"occurred_at": "2024-02-31"}, "occurred_at", "day"),
    "a number for a date": ({"occurred_at": 20240112}, "occurred_at", "expected a date such as"),
    "the year 3017": ({"occurred_at": "3017-01-01"}, "occurred_at", "a date from 1900 to 2199"),
    "the year 0222": ({"occurred_at": "0222-01-01"}, "occurred_at", "a date from 1900 to 2199"),
    "the last moment of all": (
        {"occurred_at": "9999-12-31T23:59:59-12:00"},
        "occurred_at",
        "a date from 1900 to 2199",
    ),
    "credibility": ({"credibility": 1.5}, "credibility", "expected at most 1, got 1.5"),
    "1e999": ({"credibility": 1e999}, "credibility", "expected a finite number"),
    "text for a number": ({"credibility": "0.5"}, "credibility", "expected a number, got"),
    "true for a number": ({"credibility": True}, "credibility", "expected a number, got true"),
    "type": (
        {"type": "Indicted"},
        "type",
        "expected two lower-case words joined by a dot, such as case.indicted, got",
    ),
    "topic": ({"topics": ["Trade Secrets"]}, "topics[0]", "lower-case words joined by hyphens"),
    "scope": ({"scope": ["country:CN"]}, "scope[0]", "expected a subject such as sector:ai"),
    "empty title": ({"title": ""}, "title", "expected text, not empty and without NUL"),
    "NUL": ({"title": "a\0b"}, "title", "expected text, not empty and without NUL"),
    "half a character": ({"title": "\ud800"}, "title", "without half characters"),
    "half a character within": ({"attributes": {"a": ["\ud800"]}}, "attributes", "half"),
    "NUL within": ({"attributes": {"a": "\0"}}, "attributes", "expected text without NUL"),
    "2^63": ({"attributes": {"a": 2**63}}, "attributes", "at most 63 bits"),
    "1e999 within": ({"attributes": {"a": 1e999}}, "attributes", "expected a finite number"),
    "depth": (
        {"attributes": {"a": [[[[[[[[[[1]]]]]]]]]]}},
        "attributes",
        "at most 8 levels of nesting",
    ),
    "party without a name": ({"parties": [{}]}, "parties[0]", "expected a `name` or a `company`"),
    "unknown company": (
        {"parties": [{"name": "A"}, {"company": "baidoo"}]},
        "parties[1].company",
        "expected the id of a declared company, got 'baidoo': declare it first",
    ),
    "many parties": ({"parties": [{"name": "A"}] * 1001}, "parties", "at most 1000"),
}
BAD_COMPANIES: dict[str, tuple[dict[str, Any], str, str]] = {
    "negative share": (
        {"owners": [{"company": "a", "share": -0.2}]},
        "owners[0].share",
        "expected at least 0, got -0.2",
    ),
    "share in percent": (
        {"owners": [{"company": "a", "share": 36}]},
        "owners[0].share",
        "expected at most 1, got 36",
    ),
    "until before since": (
        {"owners": [{"company": "a", "share": 1, "since": "2024-01-02", "until": "2024-01-01"}]},
        "owners[0]",
        "expected `since` before `until`",
    ),
    "id with a space": ({"id": "a b"}, "id", "expected an id, not empty and without spaces"),
    "weight": (
        {"exposures": [{"subject": "sector:ai", "weight": 2}]},
        "exposures[0].weight",
        "expected at most 1, got 2",
    ),
}


@pytest.mark.parametrize("name", BAD_LINES)
def test_a_bad_line_is_refused_and_its_neighbours_are_stored(
    name: str, monitor: Monitor, tmp_path: Path
) -> None:
    """Blank lines and a byte order mark do not shift the count."""
    bad, reason = BAD_LINES[name]
    file = tmp_path / "events.jsonl"
    text = f"\ufeff{json.dumps(GOOD)}\n\n{bad}\r\n{json.dumps(GOOD | {'ref': 'other'})}"
    file.write_bytes(text.encode("utf-8", "surrogateescape"))
    report = monitor.ingest(file)
    assert (2, 1) == (report.appended, len(report.rejected))
    (rejected,) = report.rejected
    assert (str(file), 3) == (rejected.file, rejected.line)
    assert reason in rejected.reason


@pytest.mark.parametrize("name", BAD_FIELDS)
def test_a_bad_field_is_said(name: str, monitor: Monitor) -> None:
    """Field, what was expected, what is there."""
    changes, field, reason = BAD_FIELDS[name]
    row = {key: value for key, value in (GOOD | changes).items() if value is not ...}
    report = monitor.ingest([GOOD, row, GOOD | {"ref": "other"}])
    assert 2 == report.appended
    (rejected,) = report.rejected
    assert (2, field) == (rejected.line, rejected.field)
    assert reason in rejected.reason


@pytest.mark.parametrize("name", BAD_COMPANIES)
def test_a_bad_company_is_said(name: str, monitor: Monitor) -> None:
    """As events are; the good ones are declared."""
    changes, field, reason = BAD_COMPANIES[name]
    report = monitor.declare([company(), company("bad") | changes])
    assert 1 == report.appended
    (rejected,) = report.rejected
    assert (2, field) == (rejected.line, rejected.field)
    assert reason in rejected.reason


def test_every_problem_of_a_row_is_said_at_once(monitor: Monitor) -> None:
    """One refusal, all reasons."""
    (rejected,) = monitor.ingest([{"source": "a b", "ref": "1", "type": "x"}]).rejected
    fields = [part.partition(":")[0] for part in rejected.reason.split("; ")]
    assert ["source", "type", "occurred_at", "title"] == fields


def test_refused_rows_are_written_to_a_file(monitor: Monitor, tmp_path: Path) -> None:
    """Beside the database, or where the caller says; each with its reason and itself."""
    file = tmp_path / "events.jsonl"
    file.write_text("{\n" + json.dumps(GOOD) + "\n")
    report = monitor.ingest(file)
    assert report.rejects is not None
    assert beside(monitor._ledger.engine, ".rejected.jsonl") == report.rejects
    (written,) = lines(report.rejects)
    assert {
        "rejected_at": "2024-01-01T00:00:00Z",
        "file": str(file),
        "line": 1,
        "field": "",
        "reason": "expected one JSON object: Expecting property name enclosed in double quotes "
        "at column 2",
        "raw": "{",
    } == written
    elsewhere = tmp_path / "refused.jsonl"
    assert elsewhere == monitor.ingest(file, rejects=elsewhere).rejects
    assert monitor.ingest([GOOD]).rejects is None


def test_a_withdrawal_of_what_was_never_told_is_refused(monitor: Monitor) -> None:
    """Most likely its ref is misspelt."""
    report = monitor.ingest([withdrawal(GOOD), GOOD, withdrawal(GOOD), withdrawal(GOOD)])
    assert (1, 1, 1) == (report.appended, report.withdrawn, report.duplicates)
    assert [(1, "ref")] == [(one.line, one.field) for one in report.rejected]


def test_input_comes_as_path_file_or_iterable(monitor: Monitor, tmp_path: Path) -> None:
    """Text file, binary file, str, Path, dicts, Events, a generator."""
    file = tmp_path / "events.jsonl"
    file.write_text(json.dumps(GOOD), "utf-8")
    assert 1 == monitor.ingest(file).appended
    with file.open("rb") as binary, file.open(encoding="utf-8") as text:
        given: list[Any] = [str(file), binary, text, io.BytesIO(file.read_bytes()), [GOOD]]
        given += [(row for row in [GOOD]), [riskmon.Event(**GOOD)]]
        assert [1] * 7 == [monitor.ingest(one).duplicates for one in given]


def test_a_text_file_is_read_from_where_it_stands(monitor: Monitor) -> None:
    """After a line that the caller read, and from a StringIO."""
    text = io.StringIO("a heading\n" + json.dumps(GOOD) + "\n")
    text.readline()
    assert 1 == monitor.ingest(text).appended


def test_what_a_giver_gave_before_it_failed_is_stored(monitor: Monitor) -> None:
    """And its failure reaches the caller."""

    def giver() -> Iterator[dict[str, Any]]:
        for number in range(1500):
            yield GOOD | {"ref": str(number)}
        raise OSError("the line is cut")

    with pytest.raises(OSError, match="the line is cut"):
        monitor.ingest(giver())
    assert 1500 == monitor.status().events


@pytest.mark.parametrize("name", ["circle", "depth", "key"])
def test_what_is_no_json_is_refused(name: str, monitor: Monitor) -> None:
    """And its neighbours are stored."""
    circle: dict[Any, Any] = {}
    circle["self"] = circle
    deep: Any = {}
    for _ in range(5000):
        deep = {"a": deep}
    bad = {"circle": circle, "depth": deep, "key": {(1, 2): 3}}[name]
    report = monitor.ingest([GOOD, GOOD | {"attributes": bad}, GOOD | {"ref": "other"}])
    assert (2, [2]) == (report.appended, [one.line for one in report.rejected])


def test_very_many_unknown_companies_are_refused_as_one_is(monitor: Monitor) -> None:
    """However many ids a batch names."""
    parties = [{"company": f"c{number}"} for number in range(1000)]
    rows = [
        GOOD | {"ref": str(n), "parties": [{"company": f"{n}-{i}"} for i in range(1000)]}
        for n in range(40)
    ]
    assert 40 == len(monitor.ingest(rows).rejected)
    assert 1000 == str(monitor.ingest([GOOD | {"parties": parties}]).rejected[0].reason).count(
        "declare it first"
    )


def test_a_missing_file_is_said(monitor: Monitor, tmp_path: Path) -> None:
    """With its path."""
    with pytest.raises(InputError, match=r"nowhere\.jsonl: cannot be read: No such file"):
        monitor.ingest(tmp_path / "nowhere.jsonl")


def test_a_declaration_is_revised_by_the_next(monitor: Monitor) -> None:
    """And a repeat vanishes."""
    reports = [
        monitor.declare([company()]),
        monitor.declare([company()]),
        monitor.declare([company(jurisdiction="cn")]),
    ]
    found = [(one.appended, one.duplicates, one.revised) for one in reports]
    assert [(1, 0, 0), (0, 1, 0), (0, 0, 1)] == found
    assert "cn" == monitor.find("baidu").jurisdiction


@given(
    st.datetimes(
        EARLIEST.replace(tzinfo=None), LATEST.replace(tzinfo=None), timezones=st.timezones()
    )
)
def test_a_moment_is_the_same_written_out(at: datetime) -> None:
    """Any zone, in as text or as datetime: one moment in UTC."""
    expected = at.astimezone(UTC)
    if EARLIEST <= expected < LATEST and not (at.utcoffset() or expected.utcoffset()).seconds % 60:  # type: ignore[union-attr]
        assert expected == moment(at) == moment(at.isoformat())


def test_a_date_is_its_first_moment_in_utc() -> None:
    """As text and as date."""
    expected = datetime(2024, 1, 12, tzinfo=UTC)
    assert [expected] * 2 == [moment("2024-01-12"), moment(date(2024, 1, 12))]


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
        max_leaves=10,
    )
)
def test_any_json_is_stored_or_refused(value: Any) -> None:
    """No value of any field ends in an exception, and what is stored can be read again."""
    clock = Clock()
    with riskmon.open("sqlite://", clock=clock) as monitor:
        rows = [value, {"attributes": value}, GOOD | {"attributes": value}, GOOD | {"title": value}]
        report = monitor.ingest(rows, rejects="/dev/null")
        assert 4 == report.appended + report.revised + report.duplicates + len(report.rejected)
        monitor.scores()
