"""Legal entities of GLEIF, level 1: the golden copy as CSV, or some of its columns.

`LEI` and `Entity.LegalName` are required. Other and transliterated names, former ones among them,
become aliases; the jurisdiction is the country of `Entity.LegalJurisdiction`, else of the legal
address. The other columns, of the golden copy's more than 300 (`Entity.`, `Registration.`, ...)
or of whoever made a smaller file of it, are not read. An LEI that was annulled, or is registered
as a duplicate of another, names no further company and is skipped. Entities that have ceased stay:
what they did is still found under their names.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, BinaryIO

from riskmon.errors import Problem
from riskmon.formats import table
from riskmon.identifiers import canonical
from riskmon.model import Company, Row
from riskmon.validation import check

NAME = "Entity.LegalName"
OTHER_NAMES = tuple(
    f"Entity.{kind}OtherEntityNames.{kind}OtherEntityName.{number}"
    for kind in ("", "Transliterated")
    for number in range(1, 6)
)
COUNTRIES = ("Entity.LegalJurisdiction", "Entity.LegalAddress.Country")
STATUS = "Registration.RegistrationStatus"
IN_ERROR = {"ANNULLED", "DUPLICATE"}


def read(stream: BinaryIO) -> Iterator[Row]:
    """Yield a company, its id `lei:<LEI>`, for each entity."""
    for line, raw, cells in table.rows(stream, _columns):
        if isinstance(cells, list):
            yield Row(line, raw, cells)
        elif cells.get(STATUS, "").upper() not in IN_ERROR:
            yield Row(line, raw, _company(cells))


def _columns(header: Sequence[str]) -> list[Problem]:
    return table.missing(header, ("LEI", NAME))


def _company(cells: table.Cells) -> Company | list[Problem]:
    try:
        lei = canonical("lei", cells["LEI"])
    except ValueError as error:
        return [Problem(str(error), field="LEI")]
    data: dict[str, Any] = {"id": f"lei:{lei}", "name": cells[NAME], "identifiers": {"lei": lei}}
    names = dict.fromkeys(cells.get(column, "") for column in OTHER_NAMES)
    if aliases := [name for name in names if name and name != cells[NAME]]:
        data["aliases"] = aliases
    # The jurisdiction may be a part of a country, US-DE; exposures are to countries.
    places = [place for column in COUNTRIES if (place := cells.get(column))]
    if places:
        data["jurisdiction"] = places[0].partition("-")[0].lower()
    return check(Company, data)
