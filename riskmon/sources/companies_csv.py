"""Companies as a table: CSV in UTF-8 with a header, one company a row.

Columns, of which `id` and `name` are required and the case does not matter: `id`, `name`,
`aliases`, `jurisdiction`; the identifiers `lei`, `cik`, `isin`, `ticker` (`NASDAQ:AAPL`) and
`opensanctions`; `exposures` such as `sector:ai=1.0;technology:ai-chips=0.5`; `owners` such as
`alibaba=0.36`. Several in a cell are separated by semicolons; an exposure or an owner may end in
its days: `alibaba=0.36@2024-02-19..2025-01-01`, of which either may be left out.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any, BinaryIO

from riskmon.errors import Problem
from riskmon.formats.table import Cells, missing, rows
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
MOST_SHOWN = 20
"""Unknown columns that are named one by one."""


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
