"""What a user gives, row by row: a path, an open file or an iterable; and what each row records."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from os import PathLike
from pathlib import Path
from typing import Any, BinaryIO, cast

from riskmon.errors import InputError, Problem
from riskmon.ledger import Fact, canonical
from riskmon.model import Company, Event, Row, Withdrawal
from riskmon.sources import Read, jsonl

OWN = "riskmon"
"""The `source` of what riskmon's user declares and publishes."""

Input = str | PathLike[str] | BinaryIO | Iterable[Any]
One = Callable[[int, str, object], Row]
"""From line number, raw text and JSON to a row."""


def read_companies(stream: BinaryIO) -> Iterator[Row]:
    """Yield a row for each company, one JSON object a line."""
    return (one_company(*row) for row in jsonl.rows(stream))


def one_company(line: int, raw: str, data: object) -> Row:
    """Return one company, or the problems with it."""
    return jsonl.checked(Company, line, raw, data)


@contextmanager
def rows(given: Input, read: Read, one: One) -> Iterator[tuple[str, Iterator[Row]]]:
    """Give the name of an input and its rows."""
    if isinstance(given, str | PathLike):
        path = Path(given)
        try:
            stream = path.open("rb")
        except OSError as error:
            raise InputError(f"{path}: cannot be read: {error.strerror}") from None
        with stream:
            yield str(path), read(stream)
    elif hasattr(given, "read"):
        stream = cast(BinaryIO, given)
        stream = getattr(stream, "buffer", stream)  # a text file's bytes
        yield str(getattr(given, "name", "input")), read(stream)
    else:
        yield "input", (_given(number, data, one) for number, data in enumerate(given, 1))


def _given(number: int, data: Any, one: One) -> Row:
    if isinstance(data, Event | Withdrawal | Company):
        return Row(number, data.model_dump_json(exclude_defaults=True), data)
    return one(number, json.dumps(data, ensure_ascii=False, default=str), data)


def fact(told: Event | Withdrawal | Company) -> Fact:
    """Return what the ledger is to record of a row."""
    body = canonical(told.model_dump(mode="json", exclude_defaults=True))
    if isinstance(told, Company):
        return Fact("company.declared", OWN, told.id, body)
    kind = "event.recorded" if isinstance(told, Event) else "event.withdrawn"
    return Fact(kind, told.source, told.ref, body)


def strangers(told: Event | Withdrawal | Company, missing: set[str]) -> list[Problem]:
    """Return a problem for each party that names a company which nobody has declared."""
    if not missing or not isinstance(told, Event):
        return []
    advice = "declare it first and ingest this again, or give only its `name`"
    return [
        Problem(
            f"expected the id of a declared company, got {party.company!r}: {advice}",
            field=f"parties[{index}].company",
        )
        for index, party in enumerate(told.parties)
        if party.company in missing
    ]
