"""Any table as events: a mapping file says which column is what.

The file is YAML. A value is text in which `{Column}` stands for what is in that column, or a map:
`{column: Date, format: "%d/%m/%Y"}` reads a date, `{column: Status, values: {open: case.indicted}}`
looks a word up, `{column: Aliases, split: ";"}` makes a list. What comes out empty is left out.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from functools import partial
from os import PathLike
from pathlib import Path
from typing import Annotated, Any, BinaryIO

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from riskmon.errors import InputError, Problem
from riskmon.formats import table
from riskmon.forms import Text, Word
from riskmon.model import Event, Note, Row
from riskmon.sources import Read
from riskmon.validation import check, did_you_mean, shown
from riskmon.yaml12 import Document

PLACE = re.compile(r"\{([^{}]+)\}")
MOST_BYTES = 256 * 1024
MOST_MADE = 100_000
"""Characters that a value may come to: no field of an event has more."""
LONG = f"expected at most {MOST_MADE:,} characters"
MOST_PARTS = 1000
"""Values that a cell may be split into."""


def _form(form: str) -> str:
    """Return the format of a date if a day that is written so can be read."""
    day = datetime(2024, 3, 6)  # noqa: DTZ001 (a day)
    try:
        read = datetime.strptime(day.strftime(form), form)  # noqa: DTZ007
    except (ValueError, OverflowError, LookupError, re.error) as error:
        raise ValueError(f"expected the format of a date such as %d/%m/%Y ({error})") from None
    if read.year != day.year:
        raise ValueError("expected the format of a date with its year such as %d/%m/%Y")
    return form


def _divides(delimiter: str) -> str:
    if delimiter in '"\r\n\0':
        raise ValueError("expected what stands between cells, such as a comma or a semicolon")
    return delimiter


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class FromColumn(_Part):
    """A value that is read from one column."""

    column: Text
    format: Annotated[Text, AfterValidator(_form)] | None = None
    """Of a date, as `datetime.strptime` has it."""
    values: dict[str, Text] | None = None
    """What each word of the column means."""
    split: Text | None = None
    """What stands between several."""


Value = Text | FromColumn


class MappedParty(_Part):
    """Somebody who takes part; left out where the name comes out empty."""

    name: Value | None = None
    company: Value | None = None
    role: Value = "subject"
    kind: Word | None = None
    aliases: Value | None = None
    identifiers: dict[Word, Value] = Field(default_factory=dict)


class Mapped(_Part):
    """Which column is what."""

    source: Text
    ref: Value
    type: Value
    occurred_at: Value
    title: Value
    matter: Value | None = None
    published_at: Value | None = None
    summary: Value | None = None
    url: Value | None = None
    origin: Value | None = None
    topics: Annotated[tuple[Value, ...], Field(max_length=100)] | FromColumn = ()
    scope: Annotated[tuple[Value, ...], Field(max_length=100)] | FromColumn = ()
    parties: Annotated[tuple[MappedParty, ...], Field(max_length=100)] = ()
    attributes: dict[Word, Value] = Field(default_factory=dict)
    delimiter: Annotated[str, Field(min_length=1, max_length=1), AfterValidator(_divides)] = ","
    ignore: tuple[Text, ...] = ()
    """Columns that are known and not read."""


class _UnreadError(ValueError):
    """Says what is wrong with a cell."""


def load(file: str | PathLike[str]) -> Read:
    """Return a reader of tables by a mapping file; InputError with all that is wrong with it."""
    path = Path(file)
    try:
        with path.open("rb") as stream:
            raw = stream.read(MOST_BYTES + 1)
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}") from None
    document = Document(raw, str(path))
    problems = document.problems
    found = problems or check(Mapped, document.value)
    if isinstance(found, list):
        told = [
            one
            if one.line
            else Problem(one.message, str(path), document.line(one.location), one.field)
            for one in found
        ]
        raise InputError("\n  ".join(["the mapping cannot be used:", *map(str, told)]))
    return partial(read, found)


def read(mapping: Mapped, stream: BinaryIO) -> Iterator[Row]:
    """Yield an event for each row of a table."""
    named = columns(mapping)
    unread: list[str] = []

    def wrong(header: Sequence[str]) -> list[Problem]:
        unread.extend(one for one in header if one not in named and one not in mapping.ignore)
        return [
            Problem(
                f"is named by the mapping and is no column{did_you_mean(one, header)}", field=one
            )
            for one in sorted(named)
            if one not in header
        ]

    for line, raw, cells in table.rows(stream, wrong, legacy=True, delimiter=mapping.delimiter):
        for column in unread:
            told = (
                f"column {shown(column, 40)} is not read: name it in the mapping, or under `ignore`"
            )
            yield Row(line, "", Note(told))
        unread.clear()
        yield Row(line, raw, cells if isinstance(cells, list) else _event(mapping, cells))


def columns(value: object) -> set[str]:
    """Return the columns that a mapping names."""
    if isinstance(value, FromColumn):
        return {value.column}
    if isinstance(value, BaseModel):
        return columns([one for name, one in value if name not in {"delimiter", "ignore"}])
    if isinstance(value, str):
        return set(PLACE.findall(value))
    if isinstance(value, Mapping):
        return columns(list(value.values()))
    return set().union(*map(columns, value)) if isinstance(value, list | tuple) else set()


def _event(mapping: Mapped, cells: table.Cells) -> Event | list[Problem]:
    data: dict[str, Any] = {}
    problems = []
    for name, value in mapping:
        if name in {"delimiter", "ignore"} or not value:
            continue
        try:
            made = _parties(value, cells) if name == "parties" else _made(value, cells)
        except _UnreadError as error:
            problems.append(Problem(str(error), field=name))
            continue
        if made:
            data[name] = made
    return problems or check(Event, data)


def _parties(parties: Sequence[MappedParty], cells: table.Cells) -> list[dict[str, Any]]:
    found = [
        {name: made for name, value in party if value and (made := _made(value, cells))}
        for party in parties
    ]
    return [one for one in found if "name" in one or "company" in one]


def _made(value: Any, cells: table.Cells) -> Any:
    """Return what a value comes to in a row."""
    if isinstance(value, str):
        if sum(len(cells[name]) for name in PLACE.findall(value)) > MOST_MADE:
            raise _UnreadError(f"{shown(value, 40)}: {LONG}")
        return PLACE.sub(lambda found: cells[found[1]], value).strip()
    if isinstance(value, Mapping):
        return {name: made for name, one in value.items() if (made := _made(one, cells))}
    if not isinstance(value, FromColumn):
        return [made for one in value if (made := _made(one, cells))]
    text = cells[value.column]
    if value.split is not None:
        parts = text.split(value.split, MOST_PARTS)
        if len(parts) > MOST_PARTS:
            raise _UnreadError(f"column {value.column}: expected at most {MOST_PARTS:,} values")
        return [one for part in parts if (one := _word(value, part.strip()))]
    return _word(value, text)


def _word(value: FromColumn, text: str) -> str:
    if not text:
        return ""
    if len(text) > MOST_MADE:
        raise _UnreadError(f"column {value.column}: {LONG}")
    if value.values is not None:
        if text not in value.values:
            there = ", ".join(value.values)[:200]
            raise _UnreadError(f"column {value.column}: {shown(text, 40)} is none of: {there}")
        return value.values[text]
    if value.format is None:
        return text
    try:
        return datetime.strptime(text, value.format).date().isoformat()  # noqa: DTZ007 (a day)
    except (ValueError, OverflowError):
        told = f"column {value.column}: expected a date as {value.format}"
        raise _UnreadError(f"{told}, got {shown(text, 40)}") from None
