"""Chinese military companies under section 1260H (Public Law 116-283): JSON, or a table.

The Department publishes the list as a notice in the Federal Register and as a PDF; this reads it in
the layout of the other lists. An entry is dated by its effective date, else by the first of its
citations; one that says neither is dated by the copy. Companies are known by name alone.
Source: https://www.federalregister.gov, notices of the Office of the Secretary of Defense
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date

from riskmon.errors import Problem
from riskmon.formats import documents, grouped, places
from riskmon.formats.citations import dates, days, written
from riskmon.formats.documents import Told
from riskmon.formats.packed import Parts
from riskmon.listing import Found, Listed, Listing, Shape
from riskmon.model import Row

SHAPE = Shape(
    source="dow-1260h",
    title="list of Chinese military companies (section 1260H)",
    topics=("section-1260h",),
    rows=20,  # 47 in June 2021, 134 in January 2025
    since=date(2020, 6, 1),
    drop=0.3,  # it comes once a year, and is made anew each time
    rise=1.0,  # from 73 to 134 in January 2025
    formats=("json", "csv"),
)


def entries(parts: Parts) -> Iterator[Found]:
    """Yield each company by its name."""
    yield from grouped.together(map(_row, documents.read(parts, SHAPE.source)))


def _row(told: Told | Row | date) -> Found:
    if not isinstance(told, Told):
        return told
    cells = told.cells
    cells["federal_register"] = written(cells.get("federal_register", ""), {})
    when: Sequence[date | None] | Sequence[Problem] = days(cells, "effective_date")
    if when == [None]:
        when = dates(cells["federal_register"])[:1]
    return grouped.row(told, places.key(cells["name"]), when, without=("effective_date",))


def listing(entry: Listed) -> Listing | list[Problem]:
    """Return a company with its aliases, address and citations."""
    return grouped.listing(entry.cells)
