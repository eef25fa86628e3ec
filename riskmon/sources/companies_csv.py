"""Companies as a table: CSV in UTF-8 with a header, one company a row.

Columns, of which `id` and `name` are required and the case does not matter: `id`, `name`,
`aliases`, `jurisdiction`; the identifiers `lei`, `cik`, `isin`, `ticker` (`NASDAQ:AAPL`) and
`opensanctions`; `exposures` such as `sector:ai=1.0;technology:ai-chips=0.5`; `owners` such as
`alibaba=0.36`. Several in a cell are separated by semicolons; an exposure or an owner may end in
its days: `alibaba=0.36@2024-02-19..2025-01-01`, of which either may be left out.
"""

from __future__ import annotations

import csv
import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from typing import Any, BinaryIO

from riskmon.errors import Problem
from riskmon.identifiers import of_company
from riskmon.model import Company, Row
from riskmon.validation import check, did_you_mean, shown

PLAIN = ("id", "name", "jurisdiction")
IDENTIFIERS = ("lei", "cik", "isin", "ticker", "opensanctions")
EDGES = {
    "exposures": ("subject", "weight", "sector:ai=1.0"),
    "owners": ("company", "share", "alibaba=0.36@2024-02-19..2025-01-01"),
}
"""Columns of edges: what stands before the equals sign, what after it, and an example."""
COLUMNS = (*PLAIN, "aliases", *IDENTIFIERS, *EDGES)
EDGE = re.compile(
    r"(?P<to>\S+?)\s*=\s*(?P<number>\d{1,20}(\.\d{1,20})?)"
    r"(@(?P<since>[^@.]*)\.\.(?P<until>[^@.]*))?",
    re.ASCII,
)
MOST_BYTES = 1024 * 1024
"""Of a row, with all its lines."""
MOST_SHOWN = 20
"""Unknown columns that are named one by one."""
MOST_NEAR = 400
"""Columns among which a missing one is looked for under a similar name; GLEIF has 338."""
EMPTY = Problem("expected a header and rows below it: is the copy whole?")

Cells = dict[str, str]


def read(stream: BinaryIO) -> Iterator[Row]:
    """Yield a company for each row below the header; none where a column is not known."""
    for line, raw, cells in rows(stream, _columns, str.lower):
        yield Row(line, raw, cells if isinstance(cells, list) else _company(cells))


def _columns(header: Sequence[str]) -> list[Problem]:
    unknown = [column for column in header if column not in COLUMNS]
    problems = []
    for column in unknown[:MOST_SHOWN]:
        hint = did_you_mean(column, COLUMNS) or f"; expected some of {', '.join(COLUMNS)}"
        problems.append(Problem(f"{shown(column, 40)} is not a known column{hint}"))
    if len(unknown) > MOST_SHOWN:
        problems.append(Problem(f"{len(unknown) - MOST_SHOWN:,} more columns are not known"))
    return missing(header, ("id", "name")) + problems


def _company(cells: Cells) -> Company | list[Problem]:
    data: dict[str, Any] = {column: cells[column] for column in PLAIN if cells.get(column)}
    problems: list[Problem] = []
    if aliases := _parts(cells, "aliases"):
        data["aliases"] = aliases
    for kind in IDENTIFIERS:
        if values := _parts(cells, kind):
            try:
                data.setdefault("identifiers", {})[kind] = of_company(kind, values)
            except ValueError as error:
                problems.append(Problem(str(error), field=kind))
    for column in EDGES:
        edges = [_edge(column, part) for part in _parts(cells, column)]
        problems += [edge for edge in edges if isinstance(edge, Problem)]
        if edges and not any(isinstance(edge, Problem) for edge in edges):
            data[column] = edges
    told = check(Company, data)
    return problems + told if isinstance(told, list) else problems or told


def _edge(column: str, part: str) -> dict[str, Any] | Problem:
    to, number, example = EDGES[column]
    found = EDGE.fullmatch(part)
    if not found:
        return Problem(f"expected such as {example}, got {shown(part)}", field=column)
    days = {day: found[day].strip() for day in ("since", "until") if found[day]}
    return {to: found["to"], number: float(found["number"]), **days}


def _parts(cells: Cells, column: str) -> list[str]:
    return [part.strip() for part in cells.get(column, "").split(";") if part.strip()]


# Below: any table, for every source that is one.


def rows(
    stream: BinaryIO,
    columns: Callable[[Sequence[str]], list[Problem]],
    named: Callable[[str], str] = str,
) -> Iterator[tuple[int, str, Cells | list[Problem]]]:
    """Yield (first line, raw text, stripped cells by column or the problems) for each row.

    `columns` says what is wrong with a header: then its problems are all there is. `named` makes
    the name of a column from what stands in the header.
    """
    found = _rows(stream)
    line, raw, first = next(found, (0, "", EMPTY))
    header = [] if isinstance(first, Problem) else [named(cell.strip()) for cell in first]
    wrong = [first] if isinstance(first, Problem) else _twice(header) + columns(header)
    if wrong:
        yield line, raw, wrong
        return
    below = 0
    for below, raw, cells in found:
        yield below, raw, [cells] if isinstance(cells, Problem) else _named(header, cells)
    if not below:
        yield line, raw, [EMPTY]


def missing(header: Sequence[str], required: Sequence[str]) -> list[Problem]:
    """Return a problem for each required column that a header has not."""
    return [
        Problem(
            f"is required and missing from the header{did_you_mean(one, header[:MOST_NEAR])}",
            field=one,
        )
        for one in required
        if one not in header
    ]


def _twice(header: Sequence[str]) -> list[Problem]:
    twice = (column for column, times in Counter(header).items() if times > 1)
    return [
        Problem(f"{shown(column, 40)} stands twice in the header: keep one")
        for column in islice(twice, 1)
    ]


def _named(header: Sequence[str], cells: Sequence[str]) -> Cells | list[Problem]:
    if len(cells) == len(header):
        return {column: cell.strip() for column, cell in zip(header, cells, strict=True)}
    reason = f"expected {len(header)} cells as in the header, got {len(cells)}"
    return [Problem(f"{reason}: a cell that has a comma stands in quotation marks")]


class _TooLongError(ValueError):
    pass


class _Lines:
    """The lines of a stream as text, and those of the row that is being read."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self.number = 0
        self.size = 0
        self.row: list[str] = []

    def __iter__(self) -> _Lines:
        return self

    def __next__(self) -> str:
        """Return the next line; after a row that is too long, the rest of its line is passed."""
        raw = self._stream.readline(MOST_BYTES + 1)
        if not raw:
            raise StopIteration
        self.number += 1
        self.size += len(raw)
        if self.size > MOST_BYTES:
            self.row.append(f"{raw[:200].decode('utf-8', 'surrogateescape')}…")
            while raw and not raw.endswith(b"\n"):
                raw = self._stream.readline(MOST_BYTES)
            raise _TooLongError
        raw = raw.removeprefix(b"\xef\xbb\xbf") if self.number == 1 else raw
        self.row.append(raw.decode("utf-8", "surrogateescape"))
        return self.row[-1]


def _rows(stream: BinaryIO) -> Iterator[tuple[int, str, list[str] | Problem]]:
    """Yield (first line, raw text, cells or the problem) for each row that is not blank."""
    lines = _Lines(stream)
    reader = csv.reader(lines, strict=True)
    while True:
        first, lines.size, lines.row = lines.number + 1, 0, []
        cells: list[str] | Problem
        try:
            cells = next(reader)
        except StopIteration:
            return
        except _TooLongError:
            cells = Problem(
                f"expected at most {MOST_BYTES:,} bytes a row: is a quotation mark not closed?"
            )
        except csv.Error as error:
            bare = "new-line" in str(error)
            why = "a line ends in CR alone" if bare else f"look at its quotation marks ({error})"
            cells = Problem(f"expected a row of CSV: {why}")
        raw = "".join(lines.row).rstrip("\r\n")
        try:
            raw.encode()
        except UnicodeEncodeError:
            raw = raw.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
            cells = Problem("expected UTF-8: save the file in that encoding")
        if isinstance(cells, Problem) or any(map(str.strip, cells)):
            yield first, raw, cells
