"""The Unverified List (Supplement No. 6 to Part 744 of the EAR): csv, or JSON.

The csv has a row for each address of a party and no dates: what it says first is dated by the copy.
The JSON has Federal Register citations, and then the first of them dates an entry. Parties are
known by name and country.
Source: https://www.ecfr.gov/current/title-15/part-744/appendix-Supplement-No.-6-to-Part-744
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date

from riskmon.errors import Problem
from riskmon.formats import documents, grouped
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
            yield from grouped.cited(
                documents.tabular(stream, ("name", "country"), known, named=COLUMNS)
            )
    else:
        yield from grouped.cited(documents.read(parts, SHAPE.source))


def listing(entry: Listed) -> Listing | list[Problem]:
    """Return a party with its aliases and addresses."""
    name, *also = ALSO.split(entry.cells[0]["name"])
    return grouped.listing(entry.cells, name, also)
