"""The United Nations Security Council Consolidated List, as XML.

Individuals, and entities and other groups, each with its DATAID, which stays when names and
reference numbers change; LISTED_ON is when a committee listed it, each LAST_DAY_UPDATED when it
amended the entry. Aliases of low quality, which fit too many, are attributes. An entity's name that
is several with semicolons between is known by each of them.
Source: https://main.un.org/securitycouncil/en/content/un-sc-consolidated-list (XML, with its XSD).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import suppress
from datetime import date
from typing import Any

from riskmon.errors import Problem
from riskmon.formats import tree
from riskmon.formats.packed import Parts
from riskmon.listing import Found, Listed, Listing, Shape
from riskmon.model import Row

SHAPE = Shape(
    source="un-sanctions",
    title="United Nations Security Council Consolidated List",
    topics=("un-sanctions",),
    rows=500,
    since=date(1999, 10, 15),  # the day of resolution 1267
    urls=("https://scsanctions.un.org/resources/xml/en/consolidated.xml",),
    formats=("xml",),
)
ROOT = "CONSOLIDATED_LIST"
ENTRIES = {"INDIVIDUAL": "person", "ENTITY": None}
NAMES = ("FIRST_NAME", "SECOND_NAME", "THIRD_NAME", "FOURTH_NAME")
GOOD = {"Good", "a.k.a.", "f.k.a.", ""}
VOLATILE = {"LISTED_ON", "VERSIONNUM", "SORT_KEY", "SORT_KEY_LAST_MOD"}
"""The first is a date of the listing; the others number the export, not the entry."""
TAGS = """
    INDIVIDUAL ENTITY DATAID VERSIONNUM FIRST_NAME SECOND_NAME THIRD_NAME FOURTH_NAME
    UN_LIST_TYPE REFERENCE_NUMBER LISTED_ON GENDER NAME_ORIGINAL_SCRIPT COMMENTS1 TITLE VALUE
    DESIGNATION NATIONALITY LIST_TYPE LAST_DAY_UPDATED INDIVIDUAL_ALIAS ENTITY_ALIAS QUALITY
    ALIAS_NAME NOTE CITY_OF_BIRTH COUNTRY_OF_BIRTH DATE_OF_BIRTH INDIVIDUAL_ADDRESS ENTITY_ADDRESS
    STREET CITY STATE_PROVINCE ZIP_CODE COUNTRY INDIVIDUAL_DATE_OF_BIRTH TYPE_OF_DATE DATE YEAR
    FROM_YEAR TO_YEAR INDIVIDUAL_PLACE_OF_BIRTH INDIVIDUAL_DOCUMENT TYPE_OF_DOCUMENT
    TYPE_OF_DOCUMENT2 NUMBER ISSUING_COUNTRY DATE_OF_ISSUE COUNTRY_OF_ISSUE CITY_OF_ISSUE SORT_KEY
    SORT_KEY_LAST_MOD
"""
SINGLE = {
    "reference": ("REFERENCE_NUMBER",),
    "regime": ("UN_LIST_TYPE",),
    "remarks": ("COMMENTS1",),
    "gender": ("GENDER",),
}
SEVERAL = {
    "titles": ("TITLE", "VALUE"),
    "designations": ("DESIGNATION", "VALUE"),
    "nationalities": ("NATIONALITY", "VALUE"),
    "updated": ("LAST_DAY_UPDATED", "VALUE"),
}
JOINED = {
    "addresses": "ADDRESS",
    "born": "DATE_OF_BIRTH",
    "birthplaces": "PLACE_OF_BIRTH",
    "documents": "DOCUMENT",
}
MOST = 200
"""Values of one attribute."""


def entries(parts: Parts) -> Iterator[Found]:
    """Yield each individual and entity by its DATAID, and first the day the list was generated."""
    return tree.entries(parts, ROOT, "dateGenerated", ENTRIES, TAGS.split(), _entry)


def _entry(one: tree.Node) -> Listed | Row:
    key = one.one("DATAID")
    if not re.fullmatch(r"[0-9]{1,20}", key):
        problem = Problem("expected a number that the list knows it by", field="DATAID")
        return Row(one.line, tree.written(one), [problem])
    try:
        since = tree.day(one.one("LISTED_ON"))
    except ValueError as error:
        return Row(one.line, tree.written(one), [Problem(str(error), field="LISTED_ON")])
    return Listed(one.line, tree.written(one), key, tree.content(one, VOLATILE), one, since)


def listing(entry: Listed) -> Listing | list[Problem]:
    """Return an individual or entity with its good aliases, regime, reference and addresses."""
    one: tree.Node = entry.cells
    name = " ".join(filter(None, map(one.one, NAMES)))
    aliases: list[str] = []
    weak: list[str] = []
    if one.tag == "ENTITY" and ";" in name:
        aliases += [part.strip() for part in name.split(";")]
    aliases += one.texts("NAME_ORIGINAL_SCRIPT")
    for alias in one.all(f"{one.tag}_ALIAS"):
        said = [part.strip() for part in alias.one("ALIAS_NAME").split(";")]
        (aliases if alias.one("QUALITY") in GOOD else weak).extend(said)
    attributes: dict[str, Any] = {name: one.one(*path) for name, path in SINGLE.items()}
    attributes |= {name: one.texts(*path)[:MOST] for name, path in SEVERAL.items()}
    attributes["weak_aliases"] = list(dict.fromkeys(filter(None, weak)))[:MOST]
    for name_, tag in JOINED.items():
        found = (_joined(inner) for inner in one.all(f"{one.tag}_{tag}"))
        attributes[name_] = list(dict.fromkeys(filter(None, found)))[:MOST]
    return Listing(
        name,
        aliases=[alias for alias in dict.fromkeys(aliases) if alias],
        kind=ENTRIES[one.tag],
        attributes={key: value for key, value in attributes.items() if value},
        amended=_amended(one),
    )


def _joined(one: tree.Node) -> str:
    return ", ".join(inner.text for inner in one.inside if inner.text)


def _amended(one: tree.Node) -> date | None:
    days = []
    for text in one.texts("LAST_DAY_UPDATED", "VALUE"):
        with suppress(ValueError):
            days.append(tree.day(text))
    return max(filter(None, days), default=None)
