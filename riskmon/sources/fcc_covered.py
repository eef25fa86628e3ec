"""The FCC's Covered List (47 CFR 1.50002): equipment and services, by their producers; JSON or csv.

An entry that names a category of goods and no producer has no party, and says which category.
Source: https://www.fcc.gov/supplychain/coveredlist
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date

from riskmon.errors import Problem
from riskmon.formats import documents, grouped, places
from riskmon.formats.citations import days
from riskmon.formats.documents import Told
from riskmon.formats.packed import Parts
from riskmon.listing import Found, Listed, Listing, Shape
from riskmon.model import Row

SHAPE = Shape(
    source="fcc-covered",
    title="FCC Covered List",
    topics=("fcc-covered-list",),
    rows=3,  # 5 at the beginning, 15 in July 2026
    since=date(2021, 3, 1),
    rise=1.0,
    formats=("json", "csv"),
)
CATEGORY = re.compile(r"category listing\b", re.IGNORECASE)


def entries(parts: Parts) -> Iterator[Found]:
    """Yield each producer, or category, by its name."""
    yield from grouped.together(map(_row, documents.read(parts, SHAPE.source)))


def _row(told: Told | Row | date) -> Found:
    if not isinstance(told, Told):
        return told
    when = days(told.cells, "effective_date")
    return grouped.row(told, places.key(told.cells["name"]), when, without=("effective_date",))


def listing(entry: Listed) -> Listing | list[Problem]:
    """Return a producer with what of it is covered; nobody, where a category is."""
    rows = entry.cells
    name = rows[0]["name"]
    attributes = grouped.attributes(rows, "country", "notes")
    if any(CATEGORY.match(cells.get("notes", "")) for cells in rows):
        title = f"{SHAPE.title}: {name[:300]}"
        return Listing("", attributes={**attributes, "category": name}, title=title)
    return Listing(name, aliases=grouped.aliases(rows), attributes=attributes)
