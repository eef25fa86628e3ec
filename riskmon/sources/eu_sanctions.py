"""The European Union's Consolidated Financial Sanctions List, as XML (version 1.1).

Persons and enterprises, each with its logicalId. No entry says when it was listed: it cites the
regulations that its names, addresses and numbers stem from, and may have a day of designation; the
earliest of these days is when it was listed, the latest publication when it was last amended. Names
that are not `strong`, or that a remark calls of low quality, are attributes.
Source: Financial Sanctions Files of the European Commission, FSF-XML 1.1.
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

FILES = "https://webgate.ec.europa.eu/fsd/fsf/public/files"
SHAPE = Shape(
    source="eu-sanctions",
    title="EU Consolidated Financial Sanctions List",
    topics=("eu-sanctions",),
    rows=1000,
    since=date(1998, 1, 1),
    urls=(f"{FILES}/xmlFullSanctionsList_1_1/content?token=dG9rZW4tMjAxNw",),  # anybody's token
    formats=("xml",),
)
ENTRY = "sanctionEntity"
KINDS = {"P": "person", "person": "person"}
DATES = ("publicationDate", "entryIntoForceDate")
VOLATILE = frozenset({"designationDate", "logicalId"})
"""The first is a date of the listing; the second numbers names and addresses of the export."""
NAMES = """
    sanctionEntity remark regulation publicationUrl subjectType nameAlias regulationSummary
    citizenship birthdate identification address contactInfo @designationDate @designationDetails
    @unitedNationId @euReferenceNumber @logicalId @regulationType @organisationType
    @publicationDate @entryIntoForceDate @numberTitle @programme @publicationUrl @code
    @classificationCode @firstName @middleName @lastName @wholeName @function @title @gender
    @nameLanguage @strong @regulationLanguage @region @countryIso2Code @countryDescription @circa
    @calendarType @city @zipCode @birthdate @dayOfMonth @monthOfYear @year @yearRangeFrom
    @yearRangeTo @place @street @poBox @asAtListingTime @key @value @diplomatic @knownExpired
    @knownFalse @reportedLost @revokedByIssuer @issuedBy @issueDate @issuedDate @validFrom @validTo
    @latinNumber @nameOnDocument @number @identificationTypeCode @identificationTypeDescription
"""
WEAK = re.compile(r"\blow?[ -]quality", re.IGNORECASE)
PLACE = ("street", "poBox", "place", "zipCode", "city", "region", "countryDescription")
MOST = 200
"""Values of one attribute."""


def entries(parts: Parts) -> Iterator[Found]:
    """Yield each person and enterprise by its logicalId, and first the day of the export."""
    return tree.entries(parts, "export", "generationDate", {ENTRY}, NAMES.split(), _entry)


def _entry(one: tree.Node) -> Listed | Row:
    key = one.get("logicalId")
    if not re.fullmatch(r"[0-9]{1,20}", key):
        problem = Problem("expected a number that the list knows it by", field="logicalId")
        return Row(one.line, tree.written(one), [problem])
    found = [("designationDate", one.get("designationDate"))]
    found += [(name, cited.get(name)) for cited in _cited(one) for name in DATES]
    days = []
    for name, text in found:
        try:
            days.append(tree.day(text))
        except ValueError as error:
            return Row(one.line, tree.written(one), [Problem(str(error), field=name)])
    since = min(filter(None, days), default=None)
    return Listed(one.line, tree.written(one), key, tree.content(one, VOLATILE), one, since)


def _cited(one: tree.Node) -> Iterator[tree.Node]:
    """Yield the regulations that an entry, its names, addresses and numbers cite."""
    yield from one.all("regulation")
    for inner in one.inside:
        yield from inner.all("regulationSummary")


def listing(entry: Listed) -> Listing | list[Problem]:
    """Return a person or enterprise with its strong names, programmes, addresses and numbers."""
    one: tree.Node = entry.cells
    strong, weak = _names(one)
    if not strong:
        strong, weak = weak, []
    kinds = [inner.get("classificationCode") for inner in one.all("subjectType")]
    kinds += [inner.get("code") for inner in one.all("subjectType")]
    published = []
    for cited in _cited(one):
        with suppress(ValueError):
            published.append(tree.day(cited.get("publicationDate")))
    reference = one.get("euReferenceNumber")
    attributes: dict[str, Any] = {
        "reference": reference,
        "un_reference": one.get("unitedNationId"),
        "designated": one.get("designationDate"),
        "designation": one.get("designationDetails"),
        "programmes": _each(inner.get("programme") for inner in one.all("regulation")),
        "regulations": _each(
            f"{inner.get('numberTitle')}, {inner.get('publicationDate')}" for inner in _cited(one)
        ),
        "functions": _each(inner.get("function") for inner in one.all("nameAlias")),
        "weak_aliases": weak[:MOST],
        "addresses": _each(_joined(inner, PLACE) for inner in one.all("address")),
        "citizenships": _each(inner.get("countryDescription") for inner in one.all("citizenship")),
        "born": _each(
            _joined(inner, ("birthdate",)) or _joined(inner, ("year",))
            for inner in one.all("birthdate")
        ),
        "documents": _each(
            _joined(inner, ("identificationTypeDescription", "number", "countryDescription"))
            for inner in one.all("identification")
        ),
        "remarks": _each(one.texts("remark") + [t for i in one.inside for t in i.texts("remark")]),
    }
    return Listing(
        strong[0] if strong else "",
        aliases=strong[1:],
        kind=next((KINDS[kind] for kind in kinds if kind in KINDS), None),
        attributes={name: value for name, value in attributes.items() if value},
        amended=max(filter(None, published), default=None),
        matter=f"eu-sanctions:{reference or entry.key}",
        url=one.one("regulation", "publicationUrl") or None,
    )


def _names(one: tree.Node) -> tuple[list[str], list[str]]:
    """Return strong and weak names, those in Latin letters or of no language first."""
    names: dict[bool, list[tuple[bool, str]]] = {True: [], False: []}
    for alias in one.all("nameAlias"):
        parts = (alias.get(part) for part in ("firstName", "middleName", "lastName"))
        name = alias.get("wholeName") or " ".join(filter(None, parts))
        low = alias.get("strong") == "false" or any(map(WEAK.search, alias.texts("remark")))
        names[not low].append((alias.get("nameLanguage").upper() not in {"", "EN"}, name))
    strong, weak = (_each(name for _, name in sorted(names[b], key=_first)) for b in (True, False))
    return strong, weak


def _first(named: tuple[bool, str]) -> bool:
    return named[0]


def _each(texts: Any) -> list[str]:
    return list(dict.fromkeys(filter(None, texts)))[:MOST]


def _joined(one: tree.Node, names: tuple[str, ...]) -> str:
    found = (one.get(name) for name in names)
    return ", ".join(text for text in found if text and text != "UNKNOWN")
