"""OFAC's Specially Designated Nationals as XML: sdn.xml.

The same list as `sdn.csv`: read one of the two. Each party has OFAC's number (`uid`), by which it
is the same matter as in the csv files; aliases of category weak, which fit too many, are
attributes. The list says nothing of when it listed or amended whom: what it says first or anew is
dated by the day of publication that it gives.
Source: https://sanctionslist.ofac.treas.gov (data specification of the SDN list, standard XML).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import suppress
from datetime import date, datetime
from typing import Any

from riskmon.errors import Problem
from riskmon.formats import tree
from riskmon.formats.packed import Parts
from riskmon.identifiers import canonical
from riskmon.listing import Found, Listed, Listing, Shape, broken
from riskmon.model import Note, Row

SHAPE = Shape(
    source="ofac-xml",
    title="Specially Designated Nationals list",
    topics=("ofac-sdn",),
    rows=2000,
    since=date(1980, 1, 1),
    urls=("https://sanctionslistservice.ofac.treas.gov/api/PublicationPreview/exports/SDN.XML",),
    formats=("xml",),
)
ENTRY, PUBLISHED = "sdnEntry", "publshInformation"
KINDS = {"individual": "person", "vessel": "vessel", "aircraft": "aircraft"}
PAGE = "https://sanctionssearch.ofac.treas.gov/Details.aspx?id="
NAMES = """
    publshInformation Publish_Date Record_Count sdnEntry uid firstName lastName title sdnType
    nspType remarks programList program idList id idType idNumber idCountry issueDate
    expirationDate akaList aka type category addressList address address1 address2 address3 city
    stateOrProvince postalCode country nationalityList nationality citizenshipList citizenship
    mainEntry dateOfBirthList dateOfBirthItem dateOfBirth placeOfBirthList placeOfBirthItem
    placeOfBirth vesselInfo callSign vesselType vesselFlag vesselOwner tonnage
    grossRegisteredTonnage
"""
VOLATILE = frozenset({"uid"})
"""Of a party it is the key; of aliases, addresses and papers it numbers the export's rows."""
PLACE = ("address1", "address2", "address3", "city", "stateOrProvince", "postalCode", "country")
PAPER = ("idType", "idNumber", "idCountry", "issueDate", "expirationDate")
SHIP = {
    "call_sign": "callSign",
    "vessel_type": "vesselType",
    "flag": "vesselFlag",
    "owner": "vesselOwner",
    "tonnage": "tonnage",
    "gross_registered_tonnage": "grossRegisteredTonnage",
}
CONSOLIDATED = re.compile(r"NS-PLC|CMIC-EO13959|FSE-[A-Z]+|561[- ]?(?:List|Related)|EO13645")
"""Programmes of which a party that has no other is on the consolidated list, and not on this."""
IMO = re.compile(r"(?:IMO )?(\d{7})", re.ASCII)
MOST_ISINS = 50
MOST = 200
"""Values of one attribute."""


def entries(parts: Parts) -> Iterator[Found]:
    """Yield each party by its number, and first the day that the list was published."""
    told = "got the consolidated list: read it as --source ofac-consolidated-xml"
    return parties(parts, CONSOLIDATED, f"expected the SDN list, {told}")


def parties(parts: Parts, other: re.Pattern[str], why: str) -> Iterator[Found]:
    """Yield each party of a list of OFAC's.

    One whose programmes are all of an `other` list says that this copy is one of that: `why`.
    """
    name = tree.sole(parts, ".xml")
    if isinstance(name, Row):
        yield name
        return
    said, count = "", 0
    with parts[name]() as stream:
        for one in tree.elements(stream, {ENTRY, PUBLISHED}, NAMES.split()):
            if isinstance(one, tree.Start):
                if one.root.tag != "sdnList":
                    told = f"expected <sdnList>, got <{one.root.tag[:80]}>: is this the list?"
                    yield broken(told)
                    return
            elif isinstance(one, Row):
                yield one
            elif one.tag == PUBLISHED:
                said = one.one("Record_Count")
                with suppress(ValueError):
                    yield datetime.strptime(one.one("Publish_Date"), "%m/%d/%Y").date()  # noqa: DTZ007
            else:
                programmes = one.texts("programList", "program")
                if programmes and all(map(other.fullmatch, programmes)):
                    yield broken(f"{why} (<{ENTRY}> in line {one.line})")
                    return
                count += 1
                yield _entry(one)
    if said and said != str(count):
        yield Row(0, "", Note(f"it says that it has {said[:20]} entries, and has {count:,}"))


def _entry(one: tree.Node) -> Listed | Row:
    key = one.one("uid")
    if not re.fullmatch(r"[0-9]{1,20}", key):
        problem = Problem("expected the number of a party", field="uid")
        return Row(one.line, tree.written(one), [problem])
    return Listed(one.line, tree.written(one), key, tree.content(one, VOLATILE), one)


def listing(entry: Listed) -> Listing | list[Problem]:
    """Return a party with its strong aliases, programmes, addresses, papers and remarks."""
    one: tree.Node = entry.cells
    aliases = {"strong": [], "weak": []}  # type: dict[str, list[str]]
    for alias in one.all("akaList", "aka"):
        aliases["weak" if alias.one("category") == "weak" else "strong"].append(_name(alias))
    identifiers: dict[str, str | list[str]] = {}
    isins: list[str] = []
    for paper in one.all("idList", "id"):
        kind, number = paper.one("idType"), paper.one("idNumber")
        if kind in {"Legal Entity Number", "LE Number"}:
            with suppress(ValueError):  # one with a slip names nobody
                identifiers["lei"] = canonical("lei", number)
        elif kind == "ISIN":
            with suppress(ValueError):
                isins.append(canonical("isin", number))
        elif kind == "Vessel Registration Identification" and (found := IMO.fullmatch(number)):
            identifiers["imo"] = found[1]
    if isins:
        identifiers["isin"] = list(dict.fromkeys(isins))[:MOST_ISINS]
    attributes: dict[str, Any] = {
        "title": one.one("title"),
        **{name: one.one("vesselInfo", tag) for name, tag in SHIP.items()},
        "programmes": one.texts("programList", "program")[:MOST],
        "remarks": one.one("remarks"),
        "weak_aliases": aliases["weak"][:MOST],
        "addresses": _joined(one, PLACE, "addressList", "address"),
        "documents": _joined(one, PAPER, "idList", "id"),
        "born": one.texts("dateOfBirthList", "dateOfBirthItem", "dateOfBirth")[:MOST],
        "birthplaces": one.texts("placeOfBirthList", "placeOfBirthItem", "placeOfBirth")[:MOST],
        "nationalities": one.texts("nationalityList", "nationality", "country")[:MOST],
        "citizenships": one.texts("citizenshipList", "citizenship", "country")[:MOST],
    }
    number = entry.key.partition(" ")[0]
    return Listing(
        _name(one),
        aliases=list(filter(None, aliases["strong"])),
        kind=KINDS.get((one.one("sdnType") or one.one("nspType")).lower()),
        identifiers=identifiers,
        attributes={name: value for name, value in attributes.items() if value},
        matter=f"ofac-sdn:{number}",
        url=f"{PAGE}{number}",
    )


def _name(one: tree.Node) -> str:
    """Return a name as the csv files write it: `LAST, First`."""
    return ", ".join(filter(None, (one.one("lastName"), one.one("firstName"))))


def _joined(one: tree.Node, tags: tuple[str, ...], *path: str) -> list[str]:
    found = (", ".join(filter(None, map(inner.one, tags))) for inner in one.all(*path))
    return list(dict.fromkeys(filter(None, found)))[:MOST]
