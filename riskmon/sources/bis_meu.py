"""The Military End-User List (Supplement No. 7 to Part 744 of the EAR), as JSON or as a table.

Each entry is dated by the first of its Federal Register citations, as on the Entity List, and known
by its name and country. Export licences are needed for what Supplement No. 2 to Part 744 has.
Source: https://www.ecfr.gov/current/title-15/part-744/appendix-Supplement-No.-7-to-Part-744
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date

from riskmon.errors import Problem
from riskmon.formats import documents, grouped, places
from riskmon.formats.citations import dates, days, pages, written
from riskmon.formats.documents import Told
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
    read = list(documents.read(parts, SHAPE.source))
    known = pages(one.cells.get("federal_register", "") for one in read if isinstance(one, Told))
    yield from grouped.together(_row(one, known) if isinstance(one, Told) else one for one in read)


def _row(told: Told, known: Mapping[str, date]) -> Found:
    cells = told.cells
    cells["federal_register"] = written(cells.get("federal_register", ""), known)
    when = dates(cells["federal_register"])[:1] or days(cells, "effective_date")
    return grouped.row(told, places.key(cells["name"], cells.get("country")), when)


def listing(entry: Listed) -> Listing | list[Problem]:
    """Return a party with its aliases, address and citations."""
    rows = entry.cells
    cited = "; ".join(grouped.values(rows, "federal_register"))
    return Listing(
        rows[0]["name"],
        aliases=grouped.aliases(rows),
        attributes=grouped.attributes(rows, "country", "address", "notes", "federal_register"),
        amended=max(dates(cited), default=None),
    )
