"""The Entity List (Supplement No. 4 to Part 744 of the EAR): JSON, or the older csv of its parties.

Each entry is dated by the first of its Federal Register citations (`84 FR 22963, 5/21/19`); later
ones amended it, and all are kept in its attributes. The list numbers no entry: a name in a country
is one, but for a few that stand twice. The csv has a row for each address and alias of a party,
with the date of the rule; the rows of one party are one entry.
Source: https://www.ecfr.gov/current/title-15/part-744/appendix-Supplement-No.-4-to-Part-744
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
from riskmon.validation import shown

SHAPE = Shape(
    source="bis-entity-list",
    title="Entity List",
    topics=("entity-list",),
    rows=600,  # 1,200 in 2019, 3,409 in July 2026; the csv of 2014 had as many parties as rows here
    since=date(1997, 1, 1),
    rise=0.25,  # the largest rules, of 2019, 2022 and 2024, added 46 to 140 entries
    formats=("json", "csv"),
)
ACRONYM = re.compile(r" \([A-Z][A-Z0-9 -]{1,9}\)$")
"""What the list adds to some names: `Beihang University (BUAA)`."""
NUMBERED = re.compile(r" #\d+$")


def entries(parts: Parts) -> Iterator[Found]:
    """Yield each entry by its name and country."""
    given = documents.only(parts)
    if isinstance(given, Row):
        yield given
    elif documents.looks(given) == "table":
        with given() as stream:
            read = documents.tabular(
                stream,
                ("name", "country"),
                (*documents.SCREENING.values(), *documents.UNUSED),
                named=documents.SCREENING,
            )
            yield from grouped.together(map(_row, read))
    else:
        with given() as stream:
            told = list(documents.entities(stream, SHAPE.source))
        known = pages(one.cells["federal_register"] for one in told if isinstance(one, Told))
        yield from (_entity(one, known) if isinstance(one, Told) else one for one in told)


def _entity(told: Told, known: Mapping[str, date]) -> Listed | Row:
    cells = told.cells
    cited = written(cells["federal_register"], known)
    when = dates(cited)
    if not when:
        got = shown(cells["federal_register"])
        reason = f"expected a dated citation such as 84 FR 22963, 5/21/19, got {got}"
        return Row(told.line, told.raw, [Problem(reason, field="federal_register")])
    cells["federal_register"] = cited
    found = grouped.row(told, _key(cells), when[:1])
    return found._replace(cells=[cells]) if isinstance(found, Listed) else found


def _row(told: Told | Row | date) -> Found:
    """Return a row of the csv: a party at an address, under a name."""
    if not isinstance(told, Told):
        return told
    cells = told.cells
    cells["address"] = documents.address(cells)
    when = days(cells, "effective_date")
    by = when[0] if isinstance(when[0], date) else None
    cells["federal_register"] = written(cells.get("federal_register", ""), {}, by)
    return grouped.row(told, _key(cells), when)


def _key(cells: Mapping[str, str]) -> str:
    return f"{cells['name']} ({cells['country']})"


def listing(entry: Listed) -> Listing | list[Problem]:
    """Return a party with its aliases, country, addresses and citations."""
    rows: list[dict[str, str]] = entry.cells
    name, number = rows[0]["name"], NUMBERED.search(entry.key)
    short = [ACRONYM.sub("", name)] if ACRONYM.search(name) else []
    cited = "; ".join(grouped.values(rows, "federal_register"))
    return Listing(
        name,
        aliases=short + grouped.aliases(rows),
        attributes={
            **grouped.attributes(rows, "country", "address", "notes", "policy", "status"),
            "citations": list(dict.fromkeys(filter(None, cited.split("; ")))),
        },
        amended=max(dates(cited), default=None),
        matter=places.matter(SHAPE.source, name, rows[0]["country"])
        + (number[0] if number else ""),
    )
