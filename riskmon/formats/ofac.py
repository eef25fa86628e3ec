"""OFAC's family of csv files: parties, alternate names, addresses, remarks that spill over.

Source: https://sanctionslist.ofac.treas.gov (data specification of the SDN list).
"""

from __future__ import annotations

import re
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import suppress
from typing import Any, NamedTuple

from riskmon.errors import Problem
from riskmon.formats import table
from riskmon.formats.packed import Parts
from riskmon.identifiers import canonical
from riskmon.listing import Cut, Found, Listed, Listing, broken
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
CUT = "the mark that ends the file (0x1A) is missing: is the copy whole?"
KIND = ("alt", "add", "comments")
WIDTH = {"alt": 5, "add": 6, "comments": 2}
"""Columns of the files beside the main one."""
MOST_BESIDE = 300_000
"""Rows of such a file: the longest has a tenth of that."""
MOST_SIZE = 64 * 1024 * 1024
"""Characters of such a file."""


class Files(NamedTuple):
    """How the files of a family are called."""

    main: re.Pattern[str]
    alt: re.Pattern[str]
    add: re.Pattern[str]
    comments: re.Pattern[str]


Rows = dict[str, list[str]]
"""Of a file beside the main one: the cells of each, divided by 0x1F, by the party's number."""


def entries(parts: Parts, files: Files) -> Iterator[Found]:
    """Yield each party by its number; the end mark of the list missing, it may be cut."""
    if len(parts) == 1:
        yield from _main(parts, next(iter(parts)), {})
        return
    named = {
        kind: next((name for name in parts if getattr(files, kind).search(name)), "")
        for kind in KIND
    }
    taken = {*named.values()}
    mains = [name for name in parts if files.main.search(name) and name not in taken]
    if len(mains) != 1:
        yield broken(f"expected one main file, such as sdn.csv, got {_listed(parts)}")
        return
    if bool(named["alt"]) != bool(named["add"]):
        what = "addresses" if named["alt"] else "alternate names"
        yield broken(f"expected the file of {what} too, got {_listed(parts)}")
        return
    if named["alt"] and not named["comments"]:
        file = f"{files.comments.pattern.partition('[')[0]}.csv"
        told = f"{file} is not among the files: remarks longer than 1,000 characters are cut"
        yield Row(0, "", Note(told))
    for name in sorted(parts.keys() - taken - {mains[0]}):
        yield Row(0, "", Note(f"{name} is not of this family of files: it is not read"))
    beside = {}
    for kind, name in named.items():
        if name:
            beside[kind] = yield from _beside(parts, name, WIDTH[kind])
    yield from _main(parts, mains[0], beside)


def _listed(parts: Parts) -> str:
    return ", ".join(sorted(parts))[:500]


def _beside(parts: Parts, name: str, width: int) -> Generator[Found, None, Rows]:
    """Yield what is wrong with a file beside the main one; return its rows."""
    found: Rows = {}
    count = size = 0
    whole = False
    with parts[name]() as stream:
        for line, raw, cells in table.bare(stream, legacy=table.LEGACY):
            count, size = count + 1, size + len(raw)
            whole = isinstance(cells, list) and len(cells) == width and bool(cells[-1])
            if count > MOST_BESIDE or size > MOST_SIZE:
                most = f"{MOST_BESIDE:,} rows and {MOST_SIZE:,} characters"
                yield broken(f"{name}: expected at most {most}: is this the file?")
                return found
            if not isinstance(cells, list):
                yield Row(line, raw, [Problem(f"{name}: {cells}")])
            elif cells[0].strip() == END:
                return found
            elif len(cells) != width:
                told = f"{name}: expected {width} columns, got {len(cells)}"
                yield Row(line, raw, [Problem(told)])
            else:
                found.setdefault(cells[0].strip(), []).append("\x1f".join(cells[1:]))
    if whole:  # some copies have lost their marks on their way
        yield Row(0, "", Note(f"{name}: {CUT}"))
    else:
        yield broken(f"{name}: {CUT}")
    return found


def _main(parts: Parts, main: str, beside: Mapping[str, Rows]) -> Iterator[Found]:
    with parts[main]() as stream:
        for line, raw, cells in table.bare(stream, legacy=table.LEGACY):
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
                more = [beside.get(kind, {}).get(number, ()) for kind in KIND]
                content += "".join("\x1e" + "\x1d".join(rows) for rows in more)
            yield Listed(line, raw, number, content, (cells, more))
    yield Cut(CUT)


def listing(entry: Listed) -> Listing | list[Problem]:
    """Return a party with its aliases, programmes, addresses and remarks."""
    row, more = entry.cells
    cells = dict(zip(COLUMNS, map(_cell, row), strict=True))
    alt, add, comments = ([one.split("\x1f") for one in rows] for rows in more or ((), (), ()))
    told = [row[-1], *(one[0] for one in comments)]  # cut anywhere, even in a space
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
    if addresses := [_joined(one[1:4]) for one in add if _joined(one[1:4])]:
        attributes["addresses"] = addresses
    return Listing(
        cells["name"],
        aliases=[_cell(one[2]) for one in alt if _cell(one[2])],
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
