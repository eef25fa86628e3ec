"""FollowTheMoney, `entities.ftm.json`: `declare` takes companies and owners, `ingest` listings.

Listings are read as by `opensanctions`. Company, Organization, LegalEntity and PublicBody are
companies, their id that of the entity; an Ownership is a holding. Other schemata, persons above
all, are no companies and are skipped. Aliases are the other names, aliases and former names; weak
aliases fit too many. The jurisdiction is the first of `jurisdiction`, `mainCountry` and `country`
that is given, where it is one country that still has a code of two letters. Of an ownership without
its percentage, or with a range of them, no share is made up: it is refused. A date without its day
is read widely: a holding since `2019` holds from that year's first day, and one until `2019` to its
last.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, BinaryIO

from riskmon.errors import Problem
from riskmon.formats import json_lines
from riskmon.identifiers import of_company
from riskmon.model import Company, Holding, Row
from riskmon.sources import opensanctions
from riskmon.validation import check, shown

URLS = ()  # `opensanctions` is fetched, under its own name
SHAPE, entries, listing = opensanctions.SHAPE, opensanctions.entries, opensanctions.listing
COMPANIES = {"Company", "Organization", "LegalEntity", "PublicBody"}
NAMES = ("name", "alias", "previousName")
COUNTRIES = ("jurisdiction", "mainCountry", "country")
CODES = {"leiCode": "lei", "cikCode": "cik", "isinCode": "isin", "isin": "isin"}
MERGED = "referents"
"""What the exports of OpenSanctions have and plain FollowTheMoney has not: the ids it merged."""
COUNTRY = re.compile(r"([A-Za-z]{2})(-.*)?", re.ASCII)
PERCENT = re.compile(r"(\d{1,3}(?:\.\d{1,20})?)\s*%?", re.ASCII)
PARTIAL = re.compile(r"(\d{4})(?:-(0[1-9]|1[0-2]))?", re.ASCII)

Properties = dict[str, list[str]]


class _RefusedError(ValueError):
    """Says why, after the field."""

    def __init__(self, field: str, reason: str) -> None:
        super().__init__()
        self.problem = Problem(reason, field=field)


def read(stream: BinaryIO) -> Iterator[Row]:
    """Yield a company or a holding for each entity that is one."""
    for line, raw, entity in json_lines.rows(stream):
        if isinstance(entity, json_lines.Problems):
            yield Row(line, raw, entity)
            continue
        try:
            told = _told(entity)
        except _RefusedError as error:
            told = [error.problem]
        if told is not None:
            yield Row(line, raw, told)


def _told(entity: object) -> Company | Holding | list[Problem] | None:
    if not isinstance(entity, dict) or not isinstance(entity.get("schema"), str):
        raise _RefusedError("schema", "expected an entity of FollowTheMoney with its schema")
    if entity["schema"] == "Ownership":
        return _holding(_properties(entity))
    if entity["schema"] in COMPANIES:
        return _company(entity, _properties(entity))
    return None


def _properties(entity: dict[str, Any]) -> Properties:
    properties = entity.get("properties")
    if not isinstance(properties, dict):
        raise _RefusedError("properties", f"expected a map of lists, got {shown(properties)}")
    for name, values in properties.items():
        if not isinstance(values, list) or not all(isinstance(one, str) for one in values):
            raise _RefusedError(name, f"expected a list of text, got {shown(values)}")
    return properties


def _company(entity: dict[str, Any], properties: Properties) -> Company | list[Problem]:
    caption = entity.get("caption")
    names = [caption] if isinstance(caption, str) else []
    names += [name for field in NAMES for name in properties.get(field, ())]
    name, *aliases = dict.fromkeys(names) or [None]
    data: dict[str, Any] = {"id": entity.get("id"), "name": name, "aliases": aliases}
    given: dict[str, list[str]] = {}
    for code, kind in CODES.items():
        given.setdefault(kind, []).extend(properties.get(code, ()))
    if MERGED in entity and isinstance(data["id"], str):
        given["opensanctions"] = [data["id"]]
    identifiers = {}
    for kind, values in given.items():
        if values:
            try:
                identifiers[kind] = of_company(kind, values)
            except ValueError as error:
                raise _RefusedError(kind, str(error)) from None
    return check(
        Company, data | {"identifiers": identifiers, "jurisdiction": _jurisdiction(properties)}
    )


def _jurisdiction(properties: Properties) -> str | None:
    given = next((properties[field] for field in COUNTRIES if properties.get(field)), [])
    found = [COUNTRY.fullmatch(one) for one in given]
    codes = {match[1].lower() if match else None for match in found}
    return codes.pop() if len(codes) == 1 else None


def _holding(properties: Properties) -> Holding | list[Problem]:
    percent = _one(properties, "percentage", "the share is not known and none is made up")
    found = PERCENT.fullmatch(percent.strip())
    if not found:
        raise _RefusedError(
            "percentage", f"expected one percentage such as 51.2, got {shown(percent)}"
        )
    data = {
        "company": _one(properties, "asset"),
        "owner": _one(properties, "owner"),
        "share": float(found[1]) / 100,
    }
    for field, name in (("since", "startDate"), ("until", "endDate")):
        if properties.get(name):
            data[field] = _day(_one(properties, name), past=field == "until")
    return check(Holding, data)


def _one(properties: Properties, name: str, without: str = "") -> str:
    values = properties.get(name, [])
    if not values:
        raise _RefusedError(name, f"is required and missing{': ' if without else ''}{without}")
    if len(values) > 1:
        raise _RefusedError(name, f"expected one, got {shown(values)}")
    return values[0]


def _day(text: str, *, past: bool) -> str:
    """Return a date; of a year or a month its first day, or the first day `past` it."""
    found = PARTIAL.fullmatch(text)
    if not found:
        return text
    year, month = int(found[1]), int(found[2] or 1)
    if past:
        year, month = (year + 1, 1) if not found[2] or month == 12 else (year, month + 1)  # noqa: PLR2004
    return f"{year:04}-{month:02}-01"
