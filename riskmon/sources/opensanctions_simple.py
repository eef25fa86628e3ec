"""Listings in the simplified table of OpenSanctions: `targets.simple.csv`, one target a row.

As `opensanctions`, in short: a target of several lists is one entry, with the topics of those that
its data sets and programmes name, and without the dates on which they listed it; what the table
says first or anew is dated by the copy. Its id changes when targets are merged, which looks as if
one had left and another come: who has the choice reads `opensanctions`. A target without sanctions,
programmes and a list that is known, such as a politician, is on no list. When OpenSanctions first
and last saw a target says nothing of the lists, and is not compared.
Source: https://www.opensanctions.org/docs/bulk/csv/ (licence: CC BY-NC 4.0, commercial by
agreement).
"""

from __future__ import annotations

import csv
from collections.abc import Iterator
from contextlib import suppress
from datetime import date
from typing import Any

from riskmon.errors import Problem
from riskmon.formats import opensanctions as lists
from riskmon.formats import table, tree
from riskmon.formats.packed import Parts
from riskmon.listing import Broken, Found, Listed, Listing, Shape
from riskmon.model import Note, Row
from riskmon.sources import opensanctions
from riskmon.validation import shown

SHAPE = Shape(
    source="opensanctions-simple",
    title=opensanctions.TITLE,
    topics=(),
    rows=20_000,
    since=opensanctions.SHAPE.since,
    urls=("https://data.opensanctions.org/datasets/latest/sanctions/targets.simple.csv",),
)
REQUIRED = ("id", "schema", "name", "sanctions", "dataset")
KEPT = ("birth_date", "countries", "addresses", "identifiers", "sanctions", "program_ids")
ALSO = ("aliases", "phones", "emails", "first_seen", "last_seen", "last_change")
"""Known, and not among the attributes: the first are names, the others volatile or no matter."""
MOST = 100
"""Values of one attribute."""
MOST_ALIASES = 500
MOST_NOTES = 20


def entries(parts: Parts) -> Iterator[Found]:
    """Yield each target that is on a list by its id."""
    name = tree.sole(parts, ".csv")
    if isinstance(name, Row):
        yield name
        return
    unlisted = 0
    header: list[str] = []
    last = ""

    def columns(given: Any) -> list[Problem]:
        header.extend(given)
        return table.missing(given, REQUIRED)

    with parts[name]() as stream:
        for line, raw, cells in table.rows(stream, columns):
            if isinstance(cells, dict):
                last = max(last, cells.get("last_seen", "")[:10])
                if _listed(cells):
                    yield _entry(line, raw, cells)
                else:
                    unlisted += 1
            elif table.missing(header, REQUIRED) or cells == [table.EMPTY]:
                yield Row(line, raw, Broken(cells))
                return
            else:
                yield Row(line, raw, cells)
    known = {*REQUIRED, *KEPT, *ALSO}
    for column in [one for one in header if one not in known][:MOST_NOTES]:
        told = f"column {shown(column, 60)} is not known: what it says is not read"
        yield Row(0, "", Note(told))
    if unlisted:
        yield Row(0, "", Note(f"targets that are on no list have no listing: {unlisted:,}"))
    with suppress(ValueError):  # no entry has dates that would be judged by it: it may come last
        yield date.fromisoformat(last)


def _values(text: str) -> list[str]:
    """Return the values that a cell joins by semicolons, those that have one in quotes."""
    try:
        found = next(csv.reader([text], delimiter=";"), [])
    except csv.Error:
        found = text.split(";")
    return list(dict.fromkeys(one.strip() for one in found if one.strip()))


def _datasets(cells: table.Cells) -> list[str]:
    return [lists.TITLES.get(one, one) for one in _values(cells["dataset"])]


def _listed(cells: table.Cells) -> bool:
    if cells["schema"] in opensanctions.NOBODY:
        return False
    known = any(one in lists.LISTS for one in _datasets(cells))
    return known or bool(cells["sanctions"] or cells.get("program_ids"))


def _entry(line: int, raw: str, cells: table.Cells) -> Listed | Row:
    if not cells["id"]:
        return Row(line, raw, [Problem("expected the id of a target", field="id")])
    said = (f"{name}\x1f{cells.get(name, '')}" for name in (*REQUIRED, "aliases", *KEPT))
    return Listed(line, raw, cells["id"], "\x1e".join(said), cells)


def listing(entry: Listed) -> Listing | list[Problem]:
    """Return a target with its names, countries, programmes, and the lists that it is on."""
    cells: table.Cells = entry.cells
    datasets = _datasets(cells)
    programmes = _values(cells.get("program_ids", ""))
    found = [lists.register(one, ()) for one in datasets]
    found += [lists.register("", [one]) for one in programmes]
    known = list(dict.fromkeys(one for one in found if one is not None))
    matters = [one for name in datasets for one in lists.numbered(name, [cells["id"]])]
    if not matters and len(known) == 1:
        named = lists.by_name(programmes, cells["name"], _values(cells.get("countries", "")))
        matters = [named] if named else []
    attributes: dict[str, Any] = {name: _values(cells.get(name, ""))[:MOST] for name in KEPT}
    attributes |= {"datasets": datasets[:MOST], "first_seen": cells.get("first_seen", "")}
    amended = None
    with suppress(ValueError):
        amended = date.fromisoformat(cells.get("last_change", "")[:10])
    return Listing(
        cells["name"],
        aliases=_values(cells.get("aliases", ""))[:MOST_ALIASES],
        kind=opensanctions.KINDS.get(cells["schema"]),
        attributes={name: value for name, value in attributes.items() if value},
        amended=amended,
        matter=matters[0] if len(matters) == 1 else None,
        topics=sorted({one.topic for one in known if one.topic}),
        title=known[0].title if len(known) == 1 else None,
    )
