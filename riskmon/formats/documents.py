"""Lists of the US government as tables and as JSON documents, row by row, with what is wrong.

The documents have one layout: `list_id`, `extracted` (the day of the copy), `count` and `entities`,
each with `FIELDS`; as a table they have the same columns, aliases divided by `; `. Columns and
fields are known, or told of once; a copy that is cut, or of something else, is broken.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterator, Mapping
from datetime import date
from typing import Any, BinaryIO, NamedTuple

from riskmon.errors import Problem
from riskmon.formats import json_lines, table
from riskmon.formats.citations import day
from riskmon.formats.packed import Parts
from riskmon.listing import Broken, broken
from riskmon.model import Note, Row
from riskmon.validation import shown

MOST_BYTES = 128 * 1024 * 1024
"""Of a document."""
MOST_NOTES = 20
FIELDS = (
    "name", "aliases", "country", "address", "status", "effective_date", "federal_register", "notes"
)  # fmt: skip
SCREENING = {
    "Source List": "source", "Programs": "programme", "Name": "name", "Title": "title",
    "Address": "street", "City": "city", "State/Province": "state", "Postal Code": "postal_code",
    "Country": "country", "Federal Register Notice": "federal_register",
    "Effective Date": "effective_date", "Date Lifted/Waived/Expired": "lifted",
    "License Requirement": "notes", "License Policy": "policy", "Remarks/Notes": "remarks",
    "Alternate Name": "aliases", "Alternative Names": "aliases",
}  # fmt: skip
"""The columns in which agencies gave their lists to the Consolidated Screening List until 2016."""
UNUSED = (
    "Entity Number", "SDN Type", "Standard Order", "Call Sign", "Vessel Type", "Gross Tonnage",
    "Gross Register Tonnage", "Vessel Flag", "Vessel Owner", "Address Number", "Address Remarks",
    "Alternate Number", "Alternate Type", "Alternate Remarks", "Web Link",
)  # fmt: skip
"""Those that are empty in the lists that are read so, and a link to the list as a whole."""
AROUND = frozenset({"list_id", "source_file", "extracted", "count", "entities"})
HEAD = 1024
TWICE = Problem("the header stands twice: expected a row")

Open = Callable[[], BinaryIO]


class Told(NamedTuple):
    """A row as it was read, each cell as text."""

    line: int
    raw: str
    cells: dict[str, str]


Reading = Iterator[Told | Row | date]
"""Rows; those that are refused, Notes and Broken; the day that the copy says it is of."""


def only(parts: Parts) -> Open | Row:
    """Return the one file of a list that has no more."""
    if len(parts) != 1:
        return broken(f"expected one file, got {len(parts)}: {', '.join(sorted(parts))[:300]}")
    return next(iter(parts.values()))


def looks(given: Open) -> str:
    """Return what a file looks like by its first bytes: json, html or table."""
    with given() as stream:
        head = stream.read(HEAD).removeprefix(b"\xef\xbb\xbf").lstrip()[:1]
    return {b"{": "json", b"[": "json", b"<": "html"}.get(head, "table")


def read(parts: Parts, list_id: str) -> Reading:
    """Yield the entries of a list in the layout that they share, as JSON or as a table.

    `line`: of JSON, which entity it is, from 1. Aliases are one a line.
    """
    given = only(parts)
    if isinstance(given, Row):
        yield given
    elif looks(given) == "table":
        with given() as stream:
            for one in tabular(stream, ("name",), FIELDS):
                if isinstance(one, Told):
                    one.cells["aliases"] = "\n".join(divided(one.cells.get("aliases", "")))
                yield one
    else:
        with given() as stream:
            yield from entities(stream, list_id)


def divided(text: str) -> list[str]:
    """Return the names in a text that a `;` divides, the `and` before the last left out."""
    found = (one.strip().removeprefix("and ").strip() for one in text.split(";"))
    return [one for one in found if one]


def address(cells: Mapping[str, str]) -> str:
    """Return the address in the cells of a row, from the street to the country."""
    parts = (cells.get(one, "") for one in ("street", "city", "state", "postal_code", "country"))
    return ", ".join(filter(None, parts))


# Tables


def tabular(
    stream: BinaryIO,
    required: Collection[str],
    known: Collection[str],
    *,
    named: Mapping[str, str] | None = None,
    delimiter: str = ",",
) -> Reading:
    """Yield the rows of a table with a header; empty columns at its right edge are none.

    `named`: what columns of older layouts are called now.
    """
    header: list[str] = []
    line = 0
    for line, raw, cells in table.bare(stream, legacy=True, delimiter=delimiter):
        if not header:
            row = [] if isinstance(cells, Problem) else [cell.strip() for cell in cells]
            written = _cut(row)
            header = [(named or {}).get(column, column) for column in written]
            if wrong := _wrong(cells, header, required):
                yield Row(line, raw, Broken(wrong))
                return
            for column in [one for one in header if one not in known][:MOST_NOTES]:
                yield Row(0, "", Note(f"column {shown(column, 60)} is not known: it is not read"))
            continue
        if isinstance(cells, Problem):
            yield Row(line, raw, [cells])
            continue
        row = [cell.strip() for cell in cells]
        if len(row) > len(header) and not any(row[len(header) :]):
            row = row[: len(header)]
        if _cut(row) == written:
            yield Row(line, raw, [TWICE])
        elif len(row) == len(header):
            yield Told(line, raw, dict(zip(header, row, strict=True)))
        else:
            reason = f"expected {len(header)} cells as in the header, got {len(row)}"
            yield Row(line, raw, [Problem(f"{reason}: is a quotation mark missing?")])
    if not header:
        yield Row(line, "", Broken([table.EMPTY]))


def _cut(row: list[str]) -> list[str]:
    """Return a row without its last cells that are empty."""
    last = len(row)
    while last and not row[last - 1]:
        last -= 1
    return row[:last]


def _wrong(
    cells: list[str] | Problem, header: list[str], required: Collection[str]
) -> list[Problem]:
    if isinstance(cells, Problem):
        return [cells]
    twice = sorted({column for column in header if header.count(column) > 1})[:1]
    problems = [Problem(f"{shown(one, 40)} stands twice in the header: keep one") for one in twice]
    return problems + table.missing(header, list(required))


# JSON


def document(stream: BinaryIO, field: str) -> dict[str, Any] | Row:
    """Return the JSON object in a stream, with a list in its `field`; else what is wrong."""
    raw = stream.read(MOST_BYTES + 1)
    if len(raw) > MOST_BYTES:
        return broken(f"expected at most {MOST_BYTES:,} bytes: is this the list?")
    found = json_lines.parse(raw.removeprefix(b"\xef\xbb\xbf"))
    if isinstance(found, dict) and isinstance(found.get(field), list) and found[field]:
        return found
    why = "; ".join(map(str, found)) if isinstance(found, json_lines.Problems) else "got none"
    return broken(
        f"expected a JSON object with a list `{field}`: is the copy whole? ({why})", field=field
    )


def entities(stream: BinaryIO, list_id: str) -> Reading:
    """Yield the entities of a document in the layout that the lists share."""
    found = document(stream, "entities")
    if isinstance(found, Row):
        yield found
        return
    rows = found["entities"]
    if found.get("list_id", list_id) != list_id:
        yield broken(f"expected {list_id!r}, got {shown(found['list_id'])}", field="list_id")
        return
    if found.get("count", len(rows)) != len(rows):
        told = f"expected {len(rows):,}, as entities are here, got {shown(found['count'])}"
        yield broken(f"{told}: is the copy whole?", field="count")
        return
    unknown = dict.fromkeys(key for key in found if key not in AROUND)
    unknown |= dict.fromkeys(
        key for one in rows if isinstance(one, dict) for key in one if key not in FIELDS
    )
    for key in list(unknown)[:MOST_NOTES]:
        yield Row(0, "", Note(f"field {shown(key, 60)} is not known: it is not read"))
    try:
        if when := day(found["extracted"] if isinstance(found.get("extracted"), str) else ""):
            yield when
    except ValueError:
        yield Row(0, "", Note(f"`extracted` is no date: {shown(found['extracted'])}"))
    for number, one in enumerate(rows, 1):
        yield _entity(number, one)


def _entity(number: int, one: Any) -> Told | Row:
    raw = json.dumps(one, ensure_ascii=False)
    if not isinstance(one, dict):
        return Row(number, raw, [Problem(f"expected an object with a name, got {shown(one)}")])
    problems = [
        Problem(f"expected text, got {shown(one[field])}", field=field)
        for field in FIELDS
        if field != "aliases" and not isinstance(one.get(field, ""), str | None)
    ]
    aliases = one.get("aliases") or []
    if not isinstance(aliases, list) or not all(isinstance(name, str) for name in aliases):
        problems.append(Problem(f"expected a list of names, got {shown(aliases)}", field="aliases"))
    if not problems and not (one.get("name") or "").strip():
        problems.append(Problem("is required and missing", field="name"))
    if problems:
        return Row(number, raw, problems)
    cells = {field: one.get(field) or "" for field in FIELDS}
    cells["aliases"] = "\n".join(aliases)
    return Told(number, raw, cells)
