"""The Consolidated Screening List of the International Trade Administration: csv, or its JSON.

It repeats what other lists have, so an entry is of their matter: by number, where the list gives
one, else by name and country (`riskmon.formats.places`). The rows of one matter are one entry. Two
layouts of the csv are read, of 28 columns (2019) and of 29 (`_id` first, 2023); what stands in its
JSON as lists is read as the csv would have it. Left out of what makes an amendment: `_id`, which
is made anew, and the two addresses of pages.
Source: https://www.trade.gov/consolidated-screening-list
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import suppress
from datetime import date
from typing import Any, BinaryIO

from riskmon.errors import Problem
from riskmon.formats import documents, grouped, places
from riskmon.formats.citations import days
from riskmon.formats.documents import Told
from riskmon.formats.named import enumerated, person
from riskmon.formats.packed import Parts
from riskmon.identifiers import canonical
from riskmon.listing import Found, Listed, Listing, Shape
from riskmon.model import Note, Row
from riskmon.sources import bis_denied_persons, state_debarred, state_isn

SHAPE = Shape(
    source="csl",
    title="Consolidated Screening List",
    topics=(),
    rows=4000,  # of a whole copy; it was of more than twice as many when it got this layout
    since=date(1970, 1, 1),
    urls=("https://data.trade.gov/downloadable_consolidated_screening_list/v1/consolidated.csv",),
    formats=("csv", "json"),
)
COLUMNS = (
    "_id", "source", "entity_number", "type", "programs", "name", "title", "addresses",
    "federal_register_notice", "start_date", "end_date", "standard_order", "license_requirement",
    "license_policy", "call_sign", "vessel_type", "gross_tonnage", "gross_registered_tonnage",
    "vessel_flag", "vessel_owner", "remarks", "source_list_url", "alt_names", "citizenships",
    "dates_of_birth", "nationalities", "places_of_birth", "source_information_url", "ids",
)  # fmt: skip
INSIDE = (*COLUMNS[1:], "id", "country")
"""Fields of the JSON."""
ADDRESS = ("address", "city", "state", "postal_code", "country")
LISTS = {
    "EL": ("bis-entity-list", "entity-list"),
    "MEU": ("bis-meu", "military-end-user"),
    "UVL": ("bis-unverified", "unverified-list"),
    "DPL": ("bis-denied-persons", "denied-persons"),
    "ISN": ("state-isn", "nonproliferation-sanctions"),
    "DTC": ("state-debarred", "aeca-debarment"),
    "SDN": ("ofac-sdn", "ofac-sdn"),
    "CMIC": ("ofac-consolidated", "ns-cmic"),
    "SSI": ("ofac-consolidated", "ssi"),
    "CAP": ("ofac-consolidated", ""),
    "FSE": ("ofac-consolidated", ""),
    "PLC": ("ofac-consolidated", ""),
    "NS-MBS": ("ofac-consolidated", ""),
    "NS-ISA": ("ofac-consolidated", ""),
}
"""Lists by the letters that the column `source` gives them: their source here, and their topic."""
TITLES = {
    "SDN": "Specially Designated Nationals list",
    "ISN": state_isn.SHAPE.title,
    "DTC": state_debarred.SHAPE.title,
}
"""Where the column `source` has no title that stands in a sentence."""
LETTERS = re.compile(r"\(([A-Z-]{2,8})(?: List)?\)")
KINDS = {"individual": "person", "vessel": "vessel", "aircraft": "aircraft"}
NUMBERS = {
    "lei": re.compile(r"\bLegal Entity Number, ([0-9A-Z]{20})\b"),
    "imo": re.compile(r"\bVessel Registration Identification, IMO (\d{7})\b"),
    "isin": re.compile(r"\bISIN, ([A-Z]{2}[0-9A-Z]{9}\d)\b"),
}
VOLATILE = ("_id", "source_list_url", "source_information_url", "start_date", "end_date")
KEPT = (
    "source", "programs", "title", "addresses", "federal_register_notice", "license_requirement",
    "license_policy", "standard_order", "vessel_type", "vessel_flag", "vessel_owner", "remarks",
)  # fmt: skip


def entries(parts: Parts) -> Iterator[Found]:
    """Yield each party by the matter that it is of."""
    given = documents.only(parts)
    if isinstance(given, Row):
        yield given
        return
    unknown: set[str] = set()
    with given() as stream:
        if documents.looks(given) == "table":
            read = documents.tabular(stream, ("source", "name", "start_date", "end_date"), COLUMNS)
        else:
            read = _results(stream)
        yield from grouped.together(_row(one, unknown) for one in read)
    for name in sorted(unknown)[: documents.MOST_NOTES]:
        yield Row(0, "", Note(f"the list {name!r} is not known here: its entries have no topic"))


def _row(told: Told | Row | date, unknown: set[str]) -> Found:
    if not isinstance(told, Told):
        return told
    cells = told.cells
    if _letters(cells) not in LISTS:
        unknown.add(cells["source"][:100])
    when = days(cells, "start_date", "end_date")
    return grouped.row(told, _matter(cells), when, without=VOLATILE)


def _letters(cells: dict[str, str]) -> str:
    """Return the letters of the list that an entry is of."""
    found = LETTERS.search(cells["source"])
    return found[1] if found else ""


def _matter(cells: dict[str, str]) -> str:
    """Return the matter of an entry: that of the list which it repeats."""
    source = LISTS.get(_letters(cells), (SHAPE.source, ""))[0]
    name, addresses = cells["name"], cells.get("addresses", "")
    if source.startswith("ofac") and (number := cells.get("entity_number", "")).isdecimal():
        return f"{source}:{number[:20]}"
    if source == "state-isn":
        return f"{source}:{state_isn.key(name)}"
    if source == "state-debarred":
        return f"{source}:{state_debarred.key(name, hidden=person(name))}"
    if source == "bis-denied-persons":
        return f"{source}:{bis_denied_persons.key(name, addresses)}"
    country = next(filter(None, map(places.behind, addresses.split(";"))), None)
    return places.matter(source, name, country, hidden=_kind(cells) == "person")


def _kind(cells: dict[str, str]) -> str | None:
    """Return what an entry is of: the list says so, or is one of persons in the main."""
    if cells.get("type"):
        return KINDS.get(cells["type"].lower())
    if state_isn.natural(cells["name"]):
        return "person"
    named = "(DPL)" in cells["source"] or "(DTC)" in cells["source"]
    return "person" if named and person(cells["name"], cells.get("addresses", "")) else None


def _results(stream: BinaryIO) -> documents.Reading:
    """Yield the entries of the JSON, `line` being which one it is."""
    found = documents.document(stream, "results")
    if isinstance(found, Row):
        yield found
        return
    when = found.get("search_performed_at")
    with suppress(ValueError):
        if isinstance(when, str):
            yield date.fromisoformat(when[:10])
    rows = found["results"]
    fields = (key for one in rows if isinstance(one, dict) for key in one)
    unknown = [key for key in dict.fromkeys(fields) if key not in INSIDE]
    for key in unknown[: documents.MOST_NOTES]:
        yield Row(0, "", Note(f"field {key[:60]!r} is not known: it is not read"))
    for number, one in enumerate(rows, 1):
        raw = json.dumps(one, ensure_ascii=False)
        if isinstance(one, dict):
            yield Told(number, raw, {key: _text(key, one.get(key)) for key in COLUMNS})
        else:
            yield Row(number, raw, [Problem(f"expected an object, got {raw[:80]}")])


def _text(field: str, value: Any) -> str:
    """Return a field of the JSON as the csv has it."""
    if isinstance(value, list):
        return "; ".join(filter(None, (_text(field, one) for one in value[:10_000])))
    if isinstance(value, dict):
        keys = ADDRESS if field == "addresses" else ("type", "number", "country")
        return ", ".join(str(value[key]).strip() for key in keys if value.get(key))
    return "" if value is None else str(value).strip()


def listing(entry: Listed) -> Listing | list[Problem]:
    """Return a party with its aliases, programmes, addresses, remarks, and lists it is on."""
    rows = entry.cells
    lists = [_letters(cells) for cells in rows]
    topics = [LISTS[one][1] for one in lists if one in LISTS]
    aliases: list[str] = []
    for cells, letters in zip(rows, lists, strict=True):
        divide = enumerated if letters == "ISN" else documents.divided
        aliases += divide(cells.get("alt_names", ""))
    return Listing(
        rows[0]["name"],
        aliases=aliases[:500],
        kind=_kind(rows[0]),
        identifiers=_identifiers("; ".join(cells.get("ids", "") for cells in rows)),
        attributes=grouped.attributes(rows, *KEPT),
        matter=entry.key,
        topics=list(dict.fromkeys(filter(None, topics))),
        title=TITLES.get(lists[0]) or rows[0]["source"].partition(" (")[0][:200],
    )


def _identifiers(text: str) -> dict[str, str | list[str]]:
    """Return the identifiers in the column `ids` that can be checked; a slip is left out."""
    found: dict[str, str | list[str]] = {}
    for kind, pattern in NUMBERS.items():
        values: list[str] = []
        for one in dict.fromkeys(pattern.findall(text)):
            with suppress(ValueError):
                values.append(canonical(kind, one))
        if values:
            found[kind] = values[0] if len(values) == 1 else values[:50]
    return found
