"""The Military End-User List (Supplement No. 7 to Part 744 of the EAR), as JSON or as a table.

Each entry is dated by the first of its Federal Register citations, as on the Entity List, and known
by its name and country. Export licences are needed for what Supplement No. 2 to Part 744 has.
Source: https://www.ecfr.gov/current/title-15/part-744/appendix-Supplement-No.-7-to-Part-744
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

from riskmon.errors import Problem
from riskmon.formats import documents, grouped
from riskmon.formats.packed import Parts
from riskmon.listing import Found, Listed, Listing, Shape

SHAPE = Shape(
    source="bis-meu",
    title="Military End-User List",
    topics=("military-end-user",),
    rows=30,  # 103 at the beginning, 70 since the Russian ones went to the Entity List
    since=date(2020, 12, 1),
    drop=0.5,  # in March 2022 one rule moved 45 of 102 entries to the Entity List
    formats=("json", "csv"),
)


def entries(parts: Parts) -> Iterator[Found]:
    """Yield each entry by its name and country."""
    return grouped.cited(documents.read(parts, SHAPE.source))


def listing(entry: Listed) -> Listing | list[Problem]:
    """Return a party with its aliases, address and citations."""
    return grouped.listing(entry.cells)
