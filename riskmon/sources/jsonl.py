"""Riskmon's own events: one JSON object a line."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, BinaryIO, NoReturn

from pydantic import ValidationError

from riskmon.errors import Problem
from riskmon.model import Company, Event, Party, Row, Withdrawal, canonical
from riskmon.validation import check

MOST_BYTES = 1024 * 1024


def read(stream: BinaryIO) -> Iterator[Row]:
    """Yield a row for each line that is not blank."""
    for number, raw in _lines(stream):
        yield _sound(number, raw) or told(*_parsed(number, raw))


def _sound(number: int, raw: bytes) -> Row | None:
    """Return the event in a line; None where it needs a closer look.

    Decodes and checks in one go, in half the time, but without a look at keys that are given
    twice. Such a key has quotes that neither the canonical JSON has nor the defaults that it
    leaves out; and none can be added to it, where the line writes no quote as a number.
    """
    if len(raw) > MOST_BYTES:
        return None
    try:
        event = _validated(raw)
    except ValidationError:
        return None
    body = canonical(event)
    more = raw.count(b'"') - body.count('"')
    if more and more != sum(map(_left_out, (event, *event.parties))):
        return None
    if b"\\" in raw and b"\\u0022" in raw:
        return None
    return Row(number, raw.decode(), event, body)


def _left_out(noun: Event | Party) -> int:
    """Return how many quotes are in those fields that say the default: 2 a key, 2 a text."""
    defaults = DEFAULTS[type(noun)]
    quotes = 0
    for name in noun.__pydantic_fields_set__:
        if name in defaults and getattr(noun, name) == defaults[name]:
            quotes += 4 if name == "role" else 2
    return quotes


_validated = Event.__pydantic_validator__.validate_json
DEFAULTS = {
    model: {
        name: field.get_default(call_default_factory=True, validated_data={})
        for name, field in model.model_fields.items()
        if not field.is_required()
    }
    for model in (Event, Party)
}


def told(line: int, raw: str, data: object) -> Row:
    """Return `data`, parsed JSON or the problems with it, as what it tells."""
    withdrawn = isinstance(data, dict) and "withdrawn" in data
    return checked(Withdrawal if withdrawn else Event, line, raw, data)


def checked(model: type[Event | Withdrawal | Company], line: int, raw: str, data: object) -> Row:
    """Return a row with `data` as a `model`, or with the problems that it has or had."""
    return Row(line, raw, data if isinstance(data, Problems) else check(model, data))


class Problems(list[Problem]):
    """Why a line is no JSON value (which could itself be a list)."""


def rows(stream: BinaryIO) -> Iterator[tuple[int, str, object]]:
    """Yield (line number, raw text, its JSON or the problems with it) for each line not blank."""
    return (_parsed(number, raw) for number, raw in _lines(stream))


def _parsed(number: int, raw: bytes) -> tuple[int, str, object]:
    if len(raw) > MOST_BYTES:
        beginning = raw[:200].decode("utf-8", "backslashreplace")
        reason = f"expected at most {MOST_BYTES:,} bytes a line: put one object on each line"
        return number, f"{beginning}…", Problems([Problem(reason)])
    return number, raw.decode("utf-8", "backslashreplace"), parse(raw)


def _lines(stream: BinaryIO) -> Iterator[tuple[int, bytes]]:
    """Yield number and bytes of each line not blank; of one too long, a beginning too long."""
    number = 0
    while raw := stream.readline(MOST_BYTES + 1):
        number += 1
        if len(raw) > MOST_BYTES:
            rest = raw
            while rest and not rest.endswith(b"\n"):  # to the end of the line, a piece at a time
                rest = stream.readline(MOST_BYTES)
        if number == 1:
            raw = raw.removeprefix(b"\xef\xbb\xbf")
        if not raw.isspace():
            yield number, raw if len(raw) > MOST_BYTES else raw.rstrip(b"\r\n")


def parse(raw: bytes) -> object:
    """Return the JSON of `raw`, or the problem with it: each key once, finite numbers only."""
    try:
        return _decode(raw.decode("utf-8"))
    except UnicodeDecodeError:
        problem = Problem("expected UTF-8: save the file in that encoding")
    except json.JSONDecodeError as error:
        where = f"at column {error.colno}" if error.lineno == 1 else f"in line {error.lineno}"
        problem = Problem(f"expected one JSON object: {error.msg} {where}")
    except _RefusedError as error:
        problem = error.problem
    except ValueError:
        problem = Problem("expected numbers of at most 4,300 digits")
    except RecursionError:
        problem = Problem("expected less nesting")
    return Problems([problem])


class _RefusedError(ValueError):
    def __init__(self, problem: Problem) -> None:
        super().__init__()
        self.problem = problem


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) != len(pairs):
        keys = [key for key, _ in pairs]
        twice = next(key for key in keys if keys.count(key) > 1)
        raise _RefusedError(Problem("is given twice: keep one", field=twice))
    return value


def _refuse(constant: str) -> NoReturn:
    raise _RefusedError(Problem(f"expected a finite number, got {constant}"))


_decode = json.JSONDecoder(object_pairs_hook=_unique, parse_constant=_refuse).decode
