"""OFAC's family of csv files: parties, alternate names, addresses, remarks that spill over.

Source: https://sanctionslist.ofac.treas.gov (data specification of the SDN list).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import suppress
from typing import Any, NamedTuple

from riskmon.errors import Problem
from riskmon.formats import table
from riskmon.formats.packed import Parts
from riskmon.identifiers import canonical
from riskmon.listing import Broken, Found, Listed, Listing
from riskmon.model import Note, Row

COLUMNS = (
    "number", "name", "type", "programmes", "title", "call_sign", "vessel_type", "tonnage",
    "gross_registered_tonnage", "flag", "owner", "remarks",
)  # fmt: skip
NULL = "-0-"
END = "\x1a"
KINDS = {"individual": "person", "vessel": "vessel", "aircraft": "aircraft"}
LEI = re.compile(r"(?:Legal Entity Number|LEI)\W{1,3}([0-9A-Z]{20})\b")
IMO = re.compile(r"Vessel Registration Identification IMO (\d{7})\b")
PAGE = "https://sanctionssearch.ofac.treas.gov/Details.aspx?id="
MOST_BESIDE = 1_000_000
"""Rows of a file beside the main one."""


class Files(NamedTuple):
    """How the files of a family are called."""

    main: re.Pattern[str]
    alt: re.Pattern[str]
    add: re.Pattern[str]
    comments: re.Pattern[str]


class Beside(NamedTuple):
    """What the other files say of a party."""

    names: Sequence[str] = ()
    addresses: Sequence[str] = ()
    comments: Sequence[str] = ()


def entries(parts: Parts, files: Files) -> Iterator[Found]:
    """Yield each party by its number; the file's end mark missing, the copy is cut."""
    main, beside = next(iter(parts)), dict[str, dict[str, list[list[str]]]]()
    if len(parts) > 1:
        named = {
            kind: next((name for name in parts if pattern.search(name)), None)
            for kind, pattern in reversed(files._asdict().items())
        }
        taken = set(filter(None, (named["comments"], named["alt"], named["add"])))
        mains = [name for name in parts if files.main.search(name) and name not in taken]
        if len(mains) != 1:
            told = f"expected one main file, such as sdn.csv, got {', '.join(sorted(parts))[:500]}"
            yield Row(0, "", Broken([Problem(told)]))
            return
        main = mains[0]
        for kind in ("alt", "add", "comments"):
            if name := named[kind]:
                problems: list[Row] = []
                beside[kind] = _beside(parts, name, problems)
                yield from problems
        for name in sorted(parts.keys() - taken - {main}):
            yield Row(0, "", Note(f"{name} is not of this family of files: it is not read"))
    yield from _main(parts, main, beside)


def _beside(parts: Parts, name: str, problems: list[Row]) -> dict[str, list[list[str]]]:
    found: dict[str, list[list[str]]] = {}
    with parts[name]() as stream:
        for line, raw, cells in table.bare(stream, legacy=True):
            if not isinstance(cells, list):
                problems.append(Row(line, raw, [Problem(f"{name}: {cells}")]))
            elif cells[0].strip() == END or line > MOST_BESIDE:
                break
            else:
                found.setdefault(cells[0].strip(), []).append(cells)
    return found


def _main(
    parts: Parts, main: str, beside: dict[str, dict[str, list[list[str]]]]
) -> Iterator[Found]:
    with parts[main]() as stream:
        for line, raw, cells in table.bare(stream, legacy=True):
            if not isinstance(cells, list):
                yield Row(line, raw, [cells])
                continue
            number = cells[0].strip()
            if number == END:
                return
            if len(cells) != len(COLUMNS) or not number.isdecimal():
                told = f"expected {len(COLUMNS)} columns, the first a number; got {len(cells)}"
                yield Row(line, raw, [Problem(told)])
                continue
            content = "\x1f".join(cells[1:])
            more = None
            if beside:
                more = [beside[kind].get(number, ()) if kind in beside else () for kind in KIND]
                for rows in more:
                    content += "\x1e" + "\x1d".join("\x1f".join(row[1:]) for row in rows)
            yield Listed(line, raw, number, content, (cells, more))
    told = "the mark that ends the file (0x1A) is missing: is the copy whole?"
    yield Row(0, "", Broken([Problem(told)]))


KIND = ("alt", "add", "comments")


def listing(entry: Listed) -> Listing | list[Problem]:
    """Return a party with its aliases, programmes, addresses and remarks."""
    row, more = entry.cells
    cells = dict(zip(COLUMNS, map(_cell, row), strict=True))
    alt, add, comments = more or ((), (), ())
    told = [row[-1], *(one[1] for one in comments if len(one) > 1)]  # cut anywhere, even in a space
    remarks = "".join(one for one in told if _cell(one)).strip()
    identifiers = {}
    if found := LEI.search(remarks):
        with suppress(ValueError):  # one with a slip names nobody
            identifiers["lei"] = canonical("lei", found[1])
    if found := IMO.search(remarks):
        identifiers["imo"] = found[1]
    kept = ("title", "call_sign", "vessel_type", "tonnage", "gross_registered_tonnage", "flag")
    attributes: dict[str, Any] = {name: cells[name] for name in (*kept, "owner") if cells[name]}
    if cells["programmes"]:
        attributes["programmes"] = re.split(r"\]\s*\[", cells["programmes"].strip("[] "))
    if remarks:
        attributes["remarks"] = remarks
    if addresses := [_joined(one[2:5]) for one in add if _joined(one[2:5])]:
        attributes["addresses"] = addresses
    return Listing(
        cells["name"],
        aliases=[_cell(one[3]) for one in alt if len(one) > 3 and _cell(one[3])],  # noqa: PLR2004
        kind=KINDS.get(cells["type"].lower()),
        identifiers=identifiers,
        attributes=attributes,
        url=f"{PAGE}{entry.key.partition(' ')[0]}",
    )


def _cell(text: str) -> str:
    text = text.strip()
    return "" if text == NULL else text


def _joined(cells: Sequence[str]) -> str:
    return ", ".join(filter(None, map(_cell, cells)))
