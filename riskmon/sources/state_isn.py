"""Nonproliferation sanctions of the State Department (ISN): csv in the layouts since 2014, or JSON.

The csv has a row for each sanction: a party, a programme, when it began and, until 2015, when it
was lifted, waived or expired (in words here and there, which are kept as words). The JSON has a
party with its sanctions in `notes`, each with its authority, its day and its status. Sanctions of a
party are one entry: it is listed while one of them stands. Parties are known by name alone, since
the list that repeats them gives no country.
Source: https://www.state.gov/bureau-of-arms-control-and-nonproliferation/nonproliferation-sanctions
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import suppress
from datetime import date

from riskmon.errors import Problem
from riskmon.formats import documents, grouped, places
from riskmon.formats.citations import day, days
from riskmon.formats.documents import Told
from riskmon.formats.named import enumerated
from riskmon.formats.packed import Parts
from riskmon.listing import Found, Listed, Listing, Shape
from riskmon.model import Row

SHAPE = Shape(
    source="state-isn",
    title="list of nonproliferation sanctions",
    topics=("nonproliferation-sanctions",),
    rows=85,  # 176 to 213 in the layouts since September 2015, 462 before, 528 parties in 2025
    since=date(1980, 1, 1),
    drop=0.15,  # sanctions of two years end a score at a time, 38 of 528 parties on one day
    formats=("csv", "json"),
)
KEPT = ("country", "programme", "federal_register", "effective_date", "lifted", "remarks", "notes")
SANCTION = re.compile(r"Authority: (.{1,300}?); imposed ([\d/]{1,12}); status: ([^;|]{1,100})")
ENDED = re.compile(r"(?:expired|lifted|waived|terminated)(?: on)? (\S{1,12})$", re.IGNORECASE)
WITH = re.compile(
    r"[;,]?\s+and (?:any|its) (?:sub-units?|successors?)\b.{0,80}$|\s*\([^()]{1,30}individual\)$"
)
"""What notices add to a name."""


def entries(parts: Parts) -> Iterator[Found]:
    """Yield each party by its name."""
    given = documents.only(parts)
    if isinstance(given, Row):
        yield given
    elif documents.looks(given) == "table":
        with given() as stream:
            read = documents.tabular(
                stream,
                ("name", "programme", "effective_date"),
                (*documents.SCREENING.values(), *documents.UNUSED),
                named=documents.SCREENING,
            )
            yield from grouped.together(map(_row, read))
    else:
        with given() as stream:
            read = documents.entities(stream, "state-nonproliferation")
            yield from grouped.together(map(_entity, read))


def key(name: str) -> str:
    """Return what a party is known by: its name without what notices add."""
    return places.key(WITH.sub("", name.strip()), hidden=natural(name))


def natural(name: str) -> bool:
    """Whether the list says of a party that it is a natural person: `(Russian individual)`."""
    return name.strip().endswith(" individual)")


def _row(told: Told | Row | date) -> Found:
    if not isinstance(told, Told):
        return told
    cells = told.cells
    cells["aliases"] = "\n".join(enumerated(cells.get("aliases", "")))
    when = days(cells, "effective_date")
    until = None
    with suppress(ValueError):
        until = day(cells.get("lifted", ""))
    if len(when) == 1 and not isinstance(when[0], Problem):
        when = [when[0], until]
    return grouped.row(told, key(cells["name"]), when, without=("lifted", "effective_date"))


def _entity(told: Told | Row | date) -> Found:
    """Return a party of the JSON, whose sanctions are in its notes."""
    if not isinstance(told, Told):
        return told
    cells = told.cells
    sanctions = SANCTION.findall(cells["notes"])
    sinces: list[date] = []
    untils: list[date] = []
    for _, imposed, status in sanctions:
        with suppress(ValueError):  # 12/11/201
            sinces += filter(None, [day(imposed)])
        if ended := ENDED.match(status.strip()):
            with suppress(ValueError):
                untils += filter(None, [day(ended[1])])
    cells["programme"] = "; ".join(dict.fromkeys(authority for authority, _, _ in sanctions))
    over = untils and len(untils) == len(sanctions)
    when = days(cells, "effective_date")
    if len(when) == 1 and not isinstance(when[0], Problem):
        when = [min(sinces, default=when[0]), max(untils) if over else None]
    return grouped.row(told, key(cells["name"]), when, without=("effective_date",))


def listing(entry: Listed) -> Listing | list[Problem]:
    """Return a party with its aliases, country, programmes and notices."""
    rows = entry.cells
    name = rows[0]["name"].strip()
    plain = WITH.sub("", name)
    return Listing(
        name,
        aliases=[plain, *grouped.aliases(rows)] if plain != name else grouped.aliases(rows),
        kind="person" if natural(name) else None,
        attributes=grouped.attributes(rows, *KEPT),
    )
