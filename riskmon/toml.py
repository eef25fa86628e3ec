"""TOML with the line of each value, which the parser of the standard library does not tell."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping
from typing import Any

from riskmon.errors import Problem

TOKEN = re.compile(
    r'"""(?:\\.|[^\\])*?"{3,5}|' + r"'''.*?'{3,5}|"
    r'"(?:\\.|[^"\\\n])*"|' + r"'[^'\n]*'|#[^\n]*|[\[\]{}\n]",
    re.DOTALL,
)
"""What may hide the end of a statement, and its end."""
PLACE = re.compile(r" \(at (?:line (\d+), column \d+|end of document)\)$")

Steps = tuple[str | int, ...]


def read(text: str) -> tuple[dict[str, Any], dict[Steps, int]] | Problem:
    """Return the values of a document, and the line of each table and value; or what is wrong."""
    try:
        data = tomllib.loads(text)
    except RecursionError:
        return Problem("is no TOML that can be read: too many brackets inside each other")
    except ValueError as error:  # a TOMLDecodeError, or a whole number of a million digits
        place = PLACE.search(str(error))
        line = int(place[1] or text.count("\n") + 1) if place else 0
        what = PLACE.sub("", str(error)) if place else "a value that cannot be read"
        return Problem(f"is no TOML: {what[:100]}", line=line)
    return data, _lines(text)


def _lines(text: str) -> dict[Steps, int]:
    lines: dict[Steps, int] = {}
    table: Steps = ()
    for line, statement in _statements(text.replace("\r\n", "\n")):
        repeated = statement.startswith("[[")
        found = tomllib.loads(statement)
        if not statement.startswith("["):
            for steps in steps_of(found, table):
                lines.setdefault(steps, line)
            continue
        table = ()
        while isinstance(found, dict) and found:
            (key,) = found
            found = found[key]
            table = (*table, key)
            last = isinstance(found, list) or not found
            lines.setdefault(table, line)
            if not (last and repeated):
                table = _last(lines, table)
            else:
                table = (*table, 1 + _count(lines, table))
                lines[table] = line
    return lines


def _statements(text: str) -> Iterator[tuple[int, str]]:
    """Yield each table's heading and each `key = value`, with the number of its first line."""
    start = depth = 0
    line = 1
    for token in TOKEN.finditer(text + "\n"):
        if token[0] in {"[", "{"}:
            depth += 1
        elif token[0] in {"]", "}"}:
            depth -= 1
        elif token[0] == "\n" and not depth:
            statement = text[start : token.start()].strip()
            if statement and not statement.startswith("#"):
                yield line, statement
            line += text.count("\n", start, token.end())
            start = token.end()


def _count(lines: Mapping[Steps, int], table: Steps) -> int:
    """Return the number of the last table of a repeated one, -1 where there is none yet."""
    number = -1
    while (*table, number + 1) in lines:
        number += 1
    return number


def _last(lines: Mapping[Steps, int], table: Steps) -> Steps:
    """Return the table that `[table.below]` continues: of a repeated one the last."""
    number = _count(lines, table)
    return table if number < 0 else (*table, number)


def steps_of(found: Any, at: Steps = ()) -> Iterator[Steps]:
    """Yield the place of each value inside a value that stands `at` a place."""
    pairs = found.items() if isinstance(found, dict) else enumerate(found)
    for key, value in pairs:
        yield (*at, key)
        if isinstance(value, dict | list):
            yield from steps_of(value, (*at, key))
