"""JSON, one value a line or a whole document: bounded, each key once, finite numbers only."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, BinaryIO, NoReturn

from riskmon.errors import Problem

MOST_BYTES = 1024 * 1024
"""Of a line."""


class Problems(list[Problem]):
    """Why a line is no JSON value (which could itself be a list)."""


def rows(stream: BinaryIO) -> Iterator[tuple[int, str, object]]:
    """Yield (line number, raw text, its JSON or the problems with it) for each line not blank."""
    return (parsed(number, raw) for number, raw in numbered(stream))


def parsed(number: int, raw: bytes) -> tuple[int, str, object]:
    """Return line number, text, and its JSON or the problems with it."""
    if len(raw) > MOST_BYTES:
        beginning = raw[:200].decode("utf-8", "backslashreplace")
        reason = f"expected at most {MOST_BYTES:,} bytes a line: put one object on each line"
        return number, f"{beginning}…", Problems([Problem(reason)])
    return number, raw.decode("utf-8", "backslashreplace"), parse(raw)


def numbered(stream: BinaryIO) -> Iterator[tuple[int, bytes]]:
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
