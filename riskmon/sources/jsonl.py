"""Riskmon's own events: one JSON object a line."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, BinaryIO, NoReturn

from riskmon.errors import Problem
from riskmon.model import Company, Event, Row, Withdrawal
from riskmon.validation import check

MOST_BYTES = 1024 * 1024


def read(stream: BinaryIO) -> Iterator[Row]:
    """Yield a row for each line that is not blank."""
    return (told(*row) for row in rows(stream))


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
    number = 0
    while raw := stream.readline(MOST_BYTES + 1):
        number += 1
        if len(raw) > MOST_BYTES:
            beginning = raw[:200].decode("utf-8", "backslashreplace")
            while raw and not raw.endswith(b"\n"):  # the rest of the line, a piece at a time
                raw = stream.readline(MOST_BYTES)
            reason = f"expected at most {MOST_BYTES:,} bytes a line: put one object on each line"
            yield number, f"{beginning}…", Problems([Problem(reason)])
            continue
        if number == 1:
            raw = raw.removeprefix(b"\xef\xbb\xbf")
        if raw.strip():
            raw = raw.rstrip(b"\r\n")
            yield number, raw.decode("utf-8", "backslashreplace"), parse(raw)


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
