"""The Unverified List (Supplement No. 6 to Part 744 of the EAR): csv, or JSON.

The csv has a row for each address of a party and no dates: what it says first is dated by the copy.
The JSON has Federal Register citations, and then the first of them dates an entry. Parties are
known by name and country.
Source: https://www.ecfr.gov/current/title-15/part-744/appendix-Supplement-No.-6-to-Part-744
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import date

from riskmon.errors import Problem
from riskmon.formats import documents, grouped, places
from riskmon.formats.citations import dates, days, pages, written
from riskmon.formats.documents import Told
from riskmon.formats.packed import Parts
from riskmon.listing import Found, Listed, Listing, Shape
from riskmon.model import Row

SHAPE = Shape(
    source="bis-unverified",
    title="Unverified List",
    topics=("unverified-list",),
    rows=15,  # 29 parties when it was made anew in 2014, 170 to 220 since 2022
    since=date(2002, 1, 1),
    drop=0.3,  # of October 2022: 9 went; of December 2022: 35 of 180 went to the Entity List or off
    formats=("csv", "json"),
)
COLUMNS = {"COUNTRY": "country", "NAME": "name", "ADDRESS": "address"}
ALSO = re.compile(r"[,;]?\s+(?:a\.?k\.?a\.?|also known as)[,:]?\s+", re.IGNORECASE)


def entries(parts: Parts) -> Iterator[Found]:
    """Yield each party by its name and country."""
    given = documents.only(parts)
    if isinstance(given, Row):
        yield given
        return
    if documents.looks(given) == "table":
        with given() as stream:
            known = (*COLUMNS.values(), *documents.FIELDS)
            read = list(documents.tabular(stream, ("name", "country"), known, named=COLUMNS))
    else:
        read = list(documents.read(parts, SHAPE.source))
    dated = pages(one.cells.get("federal_register", "") for one in read if isinstance(one, Told))
    yield from grouped.together(_row(one, dated) if isinstance(one, Told) else one for one in read)


def _row(told: Told, known: Mapping[str, date]) -> Found:
    cells = told.cells
    cells["federal_register"] = written(cells.get("federal_register", ""), known)
    when = dates(cells["federal_register"])[:1] or days(cells, "effective_date")
    return grouped.row(told, places.key(cells["name"], cells.get("country")), when)


def listing(entry: Listed) -> Listing | list[Problem]:
    """Return a party with its aliases and addresses."""
    rows = entry.cells
    name, *also = ALSO.split(rows[0]["name"])
    cited = "; ".join(grouped.values(rows, "federal_register"))
    return Listing(
        name,
        aliases=also + grouped.aliases(rows),
        attributes=grouped.attributes(rows, "country", "address", "notes", "federal_register"),
        amended=max(dates(cited), default=None),
    )
