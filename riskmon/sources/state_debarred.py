"""Parties debarred under the AECA and ITAR (22 CFR 127.7), as the State Department lists them: csv.

Its csv had 16, 12 and 6 columns; in the last one aliases stand behind the name, `(a.k.a. ...)`, and
nothing says who is a person: their names do, `Surname, Given`. A debarment is dated by its notice,
which every layout has, and amended by a corrected one. Of the administrative debarments there is
JSON in the layout of the other lists; being a part of the list, it is read as a partial copy.
Parties are known by the words of the name alone, in any order: others write `Given Surname`.
Source: https://www.pmddtc.state.gov/ddtc_public/ddtc_public?id=ddtc_kb_article_page
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date

from riskmon.errors import Problem
from riskmon.formats import documents, grouped, places
from riskmon.formats.citations import day, days
from riskmon.formats.documents import Told
from riskmon.formats.named import person
from riskmon.formats.packed import Parts
from riskmon.listing import Found, Listed, Listing, Shape
from riskmon.model import Row

SHAPE = Shape(
    source="state-debarred",
    title="list of parties debarred under the AECA and ITAR",
    topics=("aeca-debarment",),
    rows=250,  # 515 to 525 from 2014 to 2018
    since=date(1980, 1, 1),
    formats=("csv", "json"),
)
BEFORE = "Federal Register Notices - "
COLUMNS = {
    "Corp": "corporate", "Type": "type", "Alias": "aliases", "Notice": "federal_register",
    "Notice Date": "effective_date", "Eff. Date": "convicted", "Juris": "court", "Notes": "notes",
    "Corrected Notice": "corrected", "Corrected Notice Date": "corrected_date",
    "Rescission Notice": "rescission", "Rescission Eff. Date": "rescission_date",
    "DOB": "birth", "Date of Birth": "birth", "Date of Birth - PUBLIC RELEASE": "birth",
    f"{BEFORE}Debarred Party (Full Name)": "name", "Debarred Party Full Name": "name",
    "Debarred Party Full Name and Alias": "name", f"{BEFORE}Debarred Party Given Names": "given",
    "Debarred Party Given Names": "given", "Debarred Party Surname/Corporate Name": "surname",
    f"{BEFORE}Debarred Party Surname/Corporate Name": "surname",
}  # fmt: skip
ALSO = re.compile(r"\s*\(a\.k\.a\. ([^()]{1,1000})\)\s*$", re.IGNORECASE)
TOGETHER = re.compile(r";|,? and ")
"""Between parties of one debarment."""
DATES = ("effective_date", "rescission_date", "corrected_date")


def entries(parts: Parts) -> Iterator[Found]:
    """Yield each party by its name, whatever it was debarred for and how often."""
    given = documents.only(parts)
    if isinstance(given, Row):
        yield given
    elif documents.looks(given) == "table":
        with given() as stream:
            columns = (*COLUMNS.values(), "surname")
            required = ("name", "effective_date")
            read = documents.tabular(stream, required, columns, named=COLUMNS)
            yield from grouped.together(map(_row, read))
    else:
        with given() as stream:
            read = documents.entities(stream, "state-debarred-admin")
            yield from grouped.together(map(_row, read))


def _row(told: Told | Row | date) -> Found:
    if not isinstance(told, Told):
        return told
    cells = told.cells
    also = ALSO.search(cells["name"])
    if also:
        cells["name"] = cells["name"][: also.start()]
        cells["aliases"] = also[1]
    given = cells.get("aliases", "").removeprefix("(a.k.a. ").removesuffix(")")
    cells["aliases"] = "\n".join(documents.divided(given))
    natural = person(cells["name"]) and not cells.get("corporate")
    cells["kind"] = "person" if natural or cells.get("given") else ""
    hidden = bool(cells["kind"]) or any(map(person, TOGETHER.split(cells["name"])))
    when = days(cells, *DATES)
    return grouped.row(told, key(cells["name"], hidden=hidden), when, without=DATES)


def key(name: str, *, hidden: bool) -> str:
    """Return what a party is known by: the words of its name in alphabetical order."""
    return places.key(places.in_order(name), hidden=hidden)


def listing(entry: Listed) -> Listing | list[Problem]:
    """Return a party with its aliases, notices and kind of debarment."""
    rows = entry.cells
    corrected = filter(None, (day(cells.get("corrected_date", "")) for cells in rows))
    name, aliases = rows[0]["name"], grouped.aliases(rows)
    surname, comma, given = name.partition(",")
    if rows[0]["kind"] and comma and "," not in given:
        aliases.append(f"{given.strip()} {surname.strip()}")
    kept = ("federal_register", "corrected", "rescission", "type", "convicted", "court", "notes")
    return Listing(
        name,
        aliases=aliases,
        kind=rows[0]["kind"] or None,
        attributes=grouped.attributes(rows, *kept),
        amended=max(corrected, default=None),
    )
