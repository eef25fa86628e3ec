"""The United Kingdom's sanctions lists as csv: the UK Sanctions List, and OFSI's ConList before it.

A line above the header says the day (`Report Date: 13-Feb-2026`, `Last Updated,27/04/2020`). An
entry has a row for each combination of its names and addresses, anywhere in the file: they are
joined by the Unique ID or the Group ID. Its key is OFSI's Group ID, which both lists have; what
only the newer one has, such as ships, is known by its Unique ID. `Listed On`, or `Date Designated`,
is when it was listed. The FCDO publishes the UK Sanctions List; OFSI's ended on 28 January 2026.
Source: https://www.gov.uk/government/publications/the-uk-sanctions-list (format guide).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from riskmon.errors import Problem
from riskmon.formats import table, tree
from riskmon.formats.packed import Parts
from riskmon.listing import Broken, Found, Listed, Listing, Repeat, Shape, broken
from riskmon.model import Note, Row
from riskmon.validation import shown

SHAPE = Shape(
    source="uk-sanctions",
    title="UK Sanctions List",
    topics=("uk-sanctions",),
    rows=2000,
    since=date(1995, 1, 1),
    urls=("https://sanctionslist.fcdo.gov.uk/docs/UK-Sanctions-List.csv",),
)
SINCE = ("listed on", "date designated")
KEYS = ("unique id", "ofsi group id", "group id")
NAMES = ("name 1", "name 2", "name 3", "name 4", "name 5", "name 6")
"""The last is the family name, or the whole name of what is no person."""
NAME_TYPES = ("alias type", "name type")
STRENGTHS = ("alias quality", "alias strength")
SCRIPT = "name non-latin script"
TYPES = ("group type", "designation type")
UPDATED = "last updated"
PRIMARY = frozenset({"primary name", "prime alias", "primary alias"})
KINDS = {"individual": "person", "ship": "vessel"}
PLACE = (
    *(f"address {number}" for number in range(1, 7)),
    *(f"address line {number}" for number in range(1, 7)),
    "post/zip code", "address postal code", "country", "address country",
)  # fmt: skip
KEPT = {
    "regimes": ("regime", "regime name"),
    "sanctions": ("sanctions imposed",),
    "designated": ("uk sanctions list date designated",),
    "designated_by": ("designation source",),
    "un_references": ("un reference number",),
    "titles": ("title",),
    "positions": ("position",),
    "born": ("dob", "d.o.b"),
    "birth_towns": ("town of birth",),
    "birth_countries": ("country of birth",),
    "nationalities": ("nationality", "nationality(/ies)"),
    "gender": ("gender",),
    "passports": ("passport number", "passport details", "passport additional information"),
    "national_ids": (
        "national identification number", "national identification details", "ni number",
        "ni details", "national identifier number", "national identifier additional information",
    ),
    "contacts": ("phone number", "website", "email address"),
    "entity_types": ("type of entity",),
    "subsidiaries": ("subsidiaries",),
    "parents": ("parent company",),
    "registrations": ("business registration number (s)",),
    "imo": ("imo number",),
    "owners": ("current owner/operator (s)",),
    "previous_owners": ("previous owner/operator (s)",),
    "flags": ("current believed flag of ship",),
    "previous_flags": ("previous flags",),
    "ship": (
        "type of ship", "tonnage of ship", "length of ship", "year built",
        "hull identification number (hin)",
    ),
    "reasons": ("uk statement of reasons",),
    "remarks": ("other information",),
}  # fmt: skip
"""Attributes, and the columns of either list that tell them."""
UNSAID = frozenset({"non-latin script type", "non-latin script language"})
KNOWN = frozenset(column for columns in KEPT.values() for column in columns).union(
    SINCE, KEYS, NAMES, NAME_TYPES, STRENGTHS, TYPES, PLACE, UNSAID, (SCRIPT, UPDATED)
)
SLASHED = re.compile(r"(\d{1,2})/(\d{1,2})/(\d{4})", re.ASCII)
WORDED = re.compile(r"(\d{1,2})[- ]([A-Z][a-z]{2})[a-z]*[- ](\d{4})", re.ASCII)
MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
IMO = re.compile(r"(?:IMO ?)?(\d{7})", re.ASCII)
MOST_ABOVE = 5
"""Lines above the header."""
MOST_BYTES = 512 * 1024 * 1024
"""Characters of all rows: ten times what the list has."""
MOST = 200
"""Values of one attribute."""
MOST_NOTES = 20


@dataclass
class _Entry:
    """What the rows of one entry say, each thing once."""

    line: int
    raw: str
    group: str = ""
    since: date | None = None
    names: dict[tuple[str, str, str], None] = field(default_factory=dict)
    """Kind, strength and name."""
    addresses: dict[str, None] = field(default_factory=dict)
    values: dict[str, dict[str, None]] = field(default_factory=dict)
    """By column."""


def entries(parts: Parts) -> Iterator[Found]:
    """Yield each entry by its Group ID, or Unique ID, and first the day that the list says."""
    name = tree.sole(parts, ".csv")
    if isinstance(name, Row):
        yield name
        return
    header: list[str] = []
    above: list[str] = []
    found: dict[str, _Entry] = {}
    size = 0
    with parts[name]() as stream:
        for line, raw, cells in table.bare(stream, legacy=True):
            size += len(raw)
            if header:
                row = _row(header, line, raw, cells, found)
                if row is not None:
                    yield row
            elif isinstance(cells, list) and "name 6" in _lower(cells):
                header = _lower(cells)
                if wrong := _wrong(header):
                    yield Row(line, raw, Broken(wrong))
                    return
                yield from _noted(header, above)
            elif len(above) < MOST_ABOVE:
                above.append(raw)
            else:
                break
            if size > MOST_BYTES:
                yield broken(f"expected at most {MOST_BYTES:,} characters: is it the list?")
                return
    if not header:
        got = shown(above[0] if above else "", 100)
        yield broken(f"expected a header with the columns of the list, got {got}")
    for key, one in found.items():
        yield Listed(one.line, one.raw, one.group or key, _content(one), one, one.since)


def _lower(cells: Sequence[str]) -> list[str]:
    return [" ".join(cell.lower().split()) for cell in cells]


def _wrong(header: Sequence[str]) -> list[Problem]:
    """Return what is wrong with a header: columns of either list that are missing, or twice."""
    problems = [
        Problem("is required and missing from the header", field=columns[-1])
        for columns in (KEYS, SINCE, NAME_TYPES, TYPES)
        if not set(columns) & set(header)
    ]
    twice = sorted({one for one in header if one and header.count(one) > 1})[:1]
    return problems + [Problem("stands twice in the header", field=one) for one in twice]


def _noted(header: Sequence[str], above: Sequence[str]) -> Iterator[Row | date]:
    """Yield the day that the lines above the header say, and the columns that are not known."""
    days = (_found(text) for text in above)
    if day := next(filter(None, days), None):
        yield day
    for column in [one for one in header if one and one not in KNOWN][:MOST_NOTES]:
        told = f"column {shown(column, 60)} is not known: what it says is not read"
        yield Row(0, "", Note(told))


def _found(text: str) -> date | None:
    match = SLASHED.search(text) or WORDED.search(text)
    with suppress(ValueError):
        return _day(match[0]) if match else None
    return None


def _day(text: str) -> date | None:
    """Return a date written day first; None where there is none. Raises ValueError."""
    if not text:
        return None
    with suppress(ValueError):
        if match := SLASHED.fullmatch(text):
            return date(int(match[3]), int(match[2]), int(match[1]))
        if (match := WORDED.fullmatch(text)) and match[2] in MONTHS:
            return date(int(match[3]), MONTHS.index(match[2]) + 1, int(match[1]))
    raise ValueError(f"expected a date such as 27/04/2020, got {shown(text)}")


def _row(
    header: Sequence[str],
    line: int,
    raw: str,
    cells: Sequence[str] | Problem,
    found: dict[str, _Entry],
) -> Row | Repeat | None:
    """Add a row to its entry; return what it is, if not the first of one."""
    if isinstance(cells, Problem):
        return Row(line, raw, [cells])
    if len(cells) != len(header):
        told = f"expected {len(header)} cells as in the header, got {len(cells)}"
        return Row(line, raw, [Problem(f"{told}: is a quotation mark missing?")])
    row = {column: cell.strip() for column, cell in zip(header, cells, strict=True) if cell.strip()}
    key = _first(row, KEYS)
    if not key:
        return Row(line, raw, [Problem("expected what the list knows it by", field="group id")])
    try:
        since = _day(_first(row, SINCE))
    except ValueError as error:
        column = next(one for one in SINCE if one in row)
        return Row(line, raw, [Problem(str(error), field=column)])
    repeated = key in found
    one = found.setdefault(key, _Entry(line, raw))
    one.group = one.group or row.get("ofsi group id", "")
    one.since = min(filter(None, (one.since, since)), default=None)
    kind, strength = _first(row, NAME_TYPES).lower(), _first(row, STRENGTHS).lower()
    one.names[kind, strength, " ".join(row[part] for part in NAMES if part in row)] = None
    if SCRIPT in row:
        one.names["script", "", row[SCRIPT]] = None
    one.addresses[", ".join(row[part] for part in PLACE if part in row)] = None
    for column in KNOWN.intersection(row).difference(NAMES, NAME_TYPES, STRENGTHS, PLACE, SINCE):
        one.values.setdefault(column, {})[row[column]] = None
    return Repeat(line, raw) if repeated else None


def _first(row: dict[str, str], columns: Sequence[str]) -> str:
    return next((row[column] for column in columns if column in row), "")


def _content(one: _Entry) -> str:
    """Return what is compared: the order of rows says nothing."""
    said = [f"\x1e{'|'.join(name)}" for name in sorted(one.names)]
    said += [f"\x1e{address}" for address in sorted(one.addresses)]
    for column, values in sorted(one.values.items()):
        if column not in UNSAID and column != UPDATED:
            said.append(f"\x1d{column}\x1f{'|'.join(sorted(values))}")
    return "".join(said)


def listing(entry: Listed) -> Listing | list[Problem]:
    """Return an entry with its names, regimes, addresses and reasons."""
    one: _Entry = entry.cells
    kinds = {value.lower() for column in TYPES for value in one.values.get(column, ())}
    kind = next((KINDS[one] for one in sorted(kinds) if one in KINDS), None)
    weak = [name for _, strength, name in one.names if "low" in strength]
    strong = [name for what, strength, name in one.names if "low" not in strength]
    primary = [name for what, strength, name in one.names if what in PRIMARY]
    names = list(dict.fromkeys(filter(None, [*primary, *strong, *weak[:1]])))
    attributes: dict[str, Any] = {
        name: [value for column in columns for value in one.values.get(column, ())][:MOST]
        for name, columns in KEPT.items()
    }
    attributes["addresses"] = list(filter(None, one.addresses))[:MOST]
    attributes["weak_aliases"] = [name for name in weak if name and name != names[0]][:MOST]
    attributes["unique_id"] = next(iter(one.values.get("unique id", ())), "")
    numbers = {match[1] for text in attributes["imo"] if (match := IMO.fullmatch(text))}
    updated = []
    for text in one.values.get(UPDATED, ()):
        with suppress(ValueError):
            updated.append(_day(text))
    return Listing(
        names[0] if names else "",
        aliases=[name for name in names[1:] if name not in weak],
        kind=kind,
        identifiers={"imo": numbers.pop()} if kind == "vessel" and len(numbers) == 1 else {},
        attributes={name: value for name, value in attributes.items() if value},
        amended=max(filter(None, updated), default=None),
    )
