"""Rows for other programs: CSV, JSON lines, Parquet; a row at a time, and a file whole or not.

CSV is opened by spreadsheets, which run a cell that begins as a formula does: such text gets an
apostrophe (OWASP, CSV injection). JSON lines and Parquet are exact.
"""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from itertools import islice
from os import PathLike
from pathlib import Path
from typing import Any, BinaryIO, Protocol

from riskmon.errors import UsageError, safe
from riskmon.extras import library
from riskmon.forms import microseconds, utc_text
from riskmon.frames import Frame, Kind, Lined
from riskmon.model import Event
from riskmon.progress import counted
from riskmon.results import Scores
from riskmon.roster import NOBODY
from riskmon.standing import Standing
from riskmon.written import written

BATCH = 2_000
"""Rows that are held at a time."""

EVENTS: dict[str, Kind] = {
    "source": "text",
    "ref": "text",
    "type": "text",
    "occurred_at": "moment",
    "published_at": "moment",
    "matter": "text",
    "title": "text",
    "url": "text",
    "topics": "texts",
    "scope": "texts",
    "parties": "texts",
    "roles": "texts",
    "companies": "texts",
    "origin": "text",
    "credibility": "number",
    "summary": "text",
    "attributes": "text",
}
"""Of an event; `companies` are those declared that it names, `attributes` are JSON."""


class Sink(Protocol):
    """What takes bytes."""

    def write(self, told: bytes, /) -> object:
        """Take some."""


class Lines(Frame):
    """The lines of many scores, a score after another."""

    kinds = Lined.kinds

    def __init__(self, scores: Scores) -> None:
        self._scores = scores

    def rows(self) -> Iterator[dict[str, Any]]:
        """Yield the lines as dicts."""
        return (row for score in self._scores for row in score.rows())


class Events(Frame):
    """The events that stand, in the order in which they were told."""

    kinds = EVENTS

    def __init__(self, standing: Standing, until: datetime | None) -> None:
        """`until`: when they occurred at the latest."""
        self._standing, self._told = standing, standing.told
        self._rows = standing.rows
        if until is not None:
            occurred = self._told.rows["occurred"][self._rows]
            self._rows = self._rows[occurred <= microseconds(until)]
        # What names mean is as it was asked for, whatever is told while the rows are read.
        self._companies = standing.roster.resolved(self._told.named.names)
        self._parties = self._told.parties["party"]
        self._columns = {name: self._told.rows[name] for name in ("first", "last", "matter")}

    def rows(self) -> Iterator[dict[str, Any]]:
        """Yield the events as dicts."""
        for start in range(0, len(self._rows), BATCH):
            some = self._rows[start : start + BATCH]
            for row, event in zip(some.tolist(), self._standing.read(some), strict=True):
                yield self._flat(row, event)

    def size(self) -> int:
        """Return how many events there are."""
        return len(self._rows)

    def _flat(self, row: int, event: Event) -> dict[str, Any]:
        """Return an event as one row: with the companies that it names, each once."""
        first, last, matter = (int(column[row]) for column in self._columns.values())
        named = dict.fromkeys(self._companies[self._parties[first:last]].tolist())
        told = {name: getattr(event, name) for name in EVENTS if name in Event.model_fields}
        return (
            dict.fromkeys(EVENTS)
            | told
            | {
                "matter": str(self._told.matters.names[matter]),
                "topics": list(event.topics),
                "scope": list(event.scope),
                "parties": [str(party.name or party.company) for party in event.parties],
                "roles": [party.role for party in event.parties],
                "companies": [self._standing.roster.ids[one] for one in named if one != NOBODY],
                "attributes": _json(event.attributes) if event.attributes else None,
            }
        )


def export(rows: Frame, file: str | PathLike[str] | BinaryIO, form: str | None = None) -> int:
    """Write rows to a file, which is there whole or not at all, or to an open one.

    `form`: csv, jsonl or parquet (extra `columns`); default what the file's name ends in, else csv.
    Returns how many rows there were.
    """
    ending = Path(file).suffix[1:].lower() if isinstance(file, str | PathLike) else ""
    write = FORMS.get(form or (ending if ending in FORMS else "csv"))
    if write is None:
        raise UsageError(f"form: expected {', '.join(FORMS)}, got {form!r}")
    if isinstance(file, str | PathLike):
        with written(file) as stream:
            return _counted(write, rows, stream)
    if isinstance(file, io.TextIOBase):
        raise UsageError("expected a binary file: open it with mode 'wb'")
    if not file.isatty():
        return _counted(write, rows, file)
    if write is _parquet:
        raise UsageError("parquet is not for a terminal: name a file")
    return write(rows.kinds, rows.rows(), _Terminal(file))


def _counted(write: Write, rows: Frame, stream: Sink) -> int:
    total = None if isinstance(rows, Lines) else rows.size()  # lines are drawn to be counted
    return write(rows.kinds, counted(rows.rows(), "writing rows", total), stream)


class _Terminal:
    """A terminal, to which nothing comes that acts on it."""

    def __init__(self, stream: Sink) -> None:
        self._stream = stream

    def write(self, told: bytes, /) -> object:
        shown = "".join(one if one in "\r\n" else safe(one) for one in told.decode())
        return self._stream.write(shown.encode())


class _Encoded:
    """Text, written to a stream as UTF-8."""

    def __init__(self, stream: Sink) -> None:
        self._stream = stream

    def write(self, told: str, /) -> object:
        return self._stream.write(told.encode())


# Each form

FORMULA = re.compile(
    r"^(?=[\t\r\n])"
    r"|(?:^|(?<=[;\t\r\n]))"  # where a cell begins: a ; parts cells in half of Europe
    # What is not seen, then what a formula begins with, in any width.
    r"(?=[\s\0-\x20\x7f-\xa0\u00ad\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff]*"
    r"[=+\-@\u2a75\u2a76\u207a\u207c\u208a\u208c\ufb29\ufe62\ufe63\ufe66\ufe6b\uff0b\uff0d\uff1d\uff20])"
)


def harmless(text: str) -> str:
    """Return text that no spreadsheet takes for a formula: an apostrophe is before what may be."""
    return FORMULA.sub("'", text)


def _cell(value: Any) -> Any:
    """Return a value as a cell: numbers as they are."""
    if isinstance(value, list):
        value = "; ".join(value)
    return harmless(value) if isinstance(value, str) else _plain(value)


def _plain(value: Any) -> Any:
    return utc_text(value).replace(".000000Z", "Z") if isinstance(value, datetime) else value


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


def _csv(kinds: Mapping[str, Kind], rows: Iterator[dict[str, Any]], stream: Sink) -> int:
    out = csv.writer(_Encoded(stream))  # lines end in CR LF (RFC 4180)
    out.writerow(kinds)
    count = 0
    for row in rows:
        out.writerow(map(_cell, row.values()))
        count += 1
    return count


def _json_lines(kinds: Mapping[str, Kind], rows: Iterator[dict[str, Any]], stream: Sink) -> int:
    count = 0
    for row in rows:
        stream.write(_json({name: _plain(row[name]) for name in kinds}).encode() + b"\n")
        count += 1
    return count


def arrow_schema(kinds: Mapping[str, Kind]) -> Any:
    """Return columns as a schema of Arrow (extra `columns`)."""
    arrow = library("pyarrow", "columns")
    types = {
        "text": arrow.string(),
        "number": arrow.float64(),
        "count": arrow.int64(),
        "moment": arrow.timestamp("us", tz="UTC"),
        "texts": arrow.list_(arrow.string()),
    }
    return arrow.schema({name: types[kind] for name, kind in kinds.items()})


def _parquet(kinds: Mapping[str, Kind], rows: Iterator[dict[str, Any]], stream: Sink) -> int:
    arrow, parquet = (library(name, "columns") for name in ("pyarrow", "pyarrow.parquet"))
    schema = arrow_schema(kinds)
    count = 0
    with parquet.ParquetWriter(stream, schema, compression="zstd") as out:
        while batch := list(islice(rows, BATCH)):
            out.write_batch(arrow.RecordBatch.from_pylist(batch, schema))
            count += len(batch)
    return count


Write = Callable[[Mapping[str, Kind], Iterator[dict[str, Any]], Sink], int]
FORMS: dict[str, Write] = {"csv": _csv, "jsonl": _json_lines, "parquet": _parquet}
