"""The Denied Persons List of BIS: text divided by tabs, a row for each address of a person or firm.

An order holds from its effective date to its expiration date, for ever where it has none; the rows
of one name in one country are one entry. The list says of nobody whether he is a person: the names
do, and addresses in prison. A row whose last update is in a year that cannot be (3017, 0222) is
refused, and what else is said of its party stands.
Source: https://www.bis.gov/licensing/end-user-guidance/denied-persons-list-dpl
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

from riskmon.errors import Problem
from riskmon.formats import documents, grouped, places
from riskmon.formats.citations import day, days, written
from riskmon.formats.documents import Told
from riskmon.formats.named import person
from riskmon.formats.packed import Parts
from riskmon.listing import Found, Listed, Listing, Shape
from riskmon.model import Row

SHAPE = Shape(
    source="bis-denied-persons",
    title="Denied Persons List",
    topics=("denied-persons",),
    rows=250,  # 546 in 2019, 581 in 2022
    since=date(1970, 1, 1),
    drop=0.1,  # of 2019's 458 parties, 139 were gone three years later: one a week
    formats=("text", "csv"),
)
COLUMNS = {
    "Name": "name", "Street_Address": "street", "City": "city", "State": "state",
    "Country": "country", "Postal_Code": "postal_code", "Effective_Date": "effective_date",
    "Expiration_Date": "expiration_date", "Standard_Order": "standard_order",
    "Last_Update": "last_update", "Action": "action", "FR_Citation": "federal_register",
}  # fmt: skip
LAST = date(2199, 12, 31)
DATES = ("effective_date", "expiration_date", "last_update")


def entries(parts: Parts) -> Iterator[Found]:
    """Yield each party by its name and country; rows with a year that cannot be come last."""
    given = documents.only(parts)
    if isinstance(given, Row):
        yield given
        return
    odd: list[Listed] = []
    with given() as stream:
        required = ("name", "effective_date", "expiration_date")
        read = documents.tabular(
            stream, required, tuple(COLUMNS.values()), named=COLUMNS, delimiter="\t"
        )
        yield from grouped.together(_sound(read, odd))
    yield from odd


def _sound(read: documents.Reading, odd: list[Listed]) -> Iterator[Found]:
    for told in read:
        one = _row(told) if isinstance(told, Told) else told
        if isinstance(one, Listed) and _impossible(one.cells):
            content = f"{one.content}\x1f{one.cells['last_update']}"  # it is nobody's repeat
            odd.append(one._replace(cells=[one.cells], content=content))
        else:
            yield one


def _row(told: Told) -> Listed | Row:
    cells = told.cells
    cells["address"] = documents.address(cells)
    by = key(cells["name"], cells["address"], cells.get("country", ""))
    cells["federal_register"] = written(cells.get("federal_register", ""), {})
    return grouped.row(told, by, days(cells, *DATES), without=DATES)


def key(name: str, address: str, country: str = "") -> str:
    """Return the key of a row: its country stands in a column, or at the end of the address."""
    place = places.code(country) or places.behind(address)
    return places.key(name, place, hidden=person(name, address))


def _impossible(cells: dict[str, str]) -> list[Problem]:
    """Return that the last update is before the list began, or hundreds of years ahead."""
    when = day(cells.get("last_update", ""))
    if when is None or SHAPE.since <= when <= LAST:
        return []
    told = f"expected a date from {SHAPE.since} to {LAST}, got {when}"
    return [Problem(told, field="last_update")]


def listing(entry: Listed) -> Listing | list[Problem]:
    """Return a party with its addresses, citations and what was done last."""
    rows = entry.cells
    if problems := _impossible(rows[0]):
        return problems
    kept = ("country", "address", "federal_register", "action", "standard_order")
    name = rows[0]["name"]
    updated = filter(None, (day(cells.get("last_update", "")) for cells in rows))
    jailed = any(person(name, cells["address"]) for cells in rows)
    return Listing(
        name,
        kind="person" if jailed else None,
        attributes=grouped.attributes(rows, *kept),
        amended=max(updated, default=None),
    )
