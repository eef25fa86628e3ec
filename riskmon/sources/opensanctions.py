"""Listings in FollowTheMoney as OpenSanctions publishes them: `entities.ftm.json`, one a line.

An entity that is itself listed (topics sanction, sanction.counter, debarment, export.control,
export.risk) has a listing for each list that says so: its Sanctions, joined by their `entity`,
with their dates. Ids of entities change when two of them are merged, so that a listing is known by
what the list itself numbers (OFAC, EU, UN, UK: the same matter as there), else by the id of the
Sanction, which stays. Entities that are only linked to one that is listed, owned by it or akin to
it, are on no list and have no listing. `entities.delta.json` is a part of the list: ingest it as
`partial`. What it deletes is delisted where its id says which listing it was (that of a Sanction,
or one with the list's number); else the next whole copy tells so.
Dates without their day are read widely. When OpenSanctions last looked is no amendment.
Source: https://www.opensanctions.org/docs/bulk/json/ (licence: CC BY-NC 4.0, commercial by
agreement).
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import date
from typing import Any, BinaryIO, NamedTuple

from riskmon.errors import Problem
from riskmon.formats import json_lines, tree
from riskmon.formats import opensanctions as lists
from riskmon.formats.packed import Parts
from riskmon.identifiers import of_company
from riskmon.listing import Found, Gone, Listed, Listing, Shape, broken
from riskmon.model import Note, Row

TITLE = "sanctions lists that OpenSanctions collects"
SHAPE = Shape(
    source="opensanctions",
    title=TITLE,
    topics=(),
    rows=20_000,
    since=date(1970, 1, 1),
    urls=("https://data.opensanctions.org/datasets/latest/sanctions/entities.ftm.json",),
    formats=("json",),
)
LISTED = frozenset({"sanction", "sanction.counter", "debarment", "export.control", "export.risk"})
"""Topics of what is itself on a list; `sanction.linked` and the like are conclusions."""
KINDS = {"Person": "person", "Vessel": "vessel", "Airplane": "aircraft"}
NOBODY = frozenset({"CryptoWallet", "Security", "Address", "Identification", "Passport"})
"""Schemata of what has an owner or a holder, which is listed as such."""
NAMES = ("name", "alias", "previousName")
CODES = {"leiCode": "lei", "isin": "isin", "isinCode": "isin", "cikCode": "cik", "imoNumber": "imo"}
OF_ENTITY = ("country", "jurisdiction", "nationality", "birthDate", "address", "registrationNumber",
    "taxNumber", "position", "weakAlias", "topics")  # fmt: skip
OF_SANCTION = ("program", "programId", "authority", "authorityId", "provisions", "reason", "status",
    "listingDate", "startDate", "endDate", "sourceUrl")  # fmt: skip
MOST_SANCTIONS = 2_000_000
MOST_TEXT = 500
"""Characters of a value that is kept."""
MOST = 100
"""Values of one attribute."""
MOST_ALIASES = 500


Properties = Mapping[str, Sequence[str]]


class Sanction(NamedTuple):
    """That a list has an entity, as compactly as it can be kept."""

    id: str
    dataset: str
    since: date | None
    until: date | None
    said: str
    """Its properties, as JSON."""


class Told(NamedTuple):
    """An entity, and what says that it is on one list."""

    entity: dict[str, Any]
    sanctions: Sequence[Sanction] = ()
    matter: str | None = None
    """Where the list numbers it."""


def entries(parts: Parts) -> Iterator[Found]:
    """Yield each listing of each entity, and first the day on which OpenSanctions last saw one."""
    name = tree.sole(parts, ".json")
    if isinstance(name, Row):
        yield name
        return
    sanctions: dict[str, list[Sanction]] = {}
    refused: dict[str, Problem] = {}
    with parts[name]() as stream:
        last = _joined(stream, sanctions, refused)
    if last is None:
        yield broken(f"expected at most {MOST_SANCTIONS:,} sanctions: is this the list?")
        return
    with suppress(ValueError):
        yield date.fromisoformat(last)
    left: Counter[str] = Counter()
    read = 0
    with parts[name]() as stream:
        for line, raw, given in json_lines.rows(stream):
            read += 1
            if isinstance(given, json_lines.Problems):
                yield Row(line, raw, list(given))
            else:
                yield from _line(Row(line, raw, []), given, sanctions, refused, left)
    if not read:
        yield broken("expected an entity of FollowTheMoney on each line: is the copy whole?")
    if alone := sum(map(len, sanctions.values())):
        left["Sanctions of entities that are not in this file"] += alone
    for why, count in sorted(left.items()):
        yield Row(0, "", Note(f"{why} have no listing: {count:,}"))


def _line(
    row: Row,
    given: object,
    sanctions: dict[str, list[Sanction]],
    refused: Mapping[str, Problem],
    left: Counter[str],
) -> Iterator[Found]:
    """Yield the listings of the entity in a line; count it in `left` where it has none."""
    entity, delta = lists.entity(given)
    if isinstance(entity, Problem):
        yield row._replace(told=[entity])
    elif delta == "DEL":
        ids = [entity["id"]]
        numbers = (key for dataset in lists.LISTS for key in lists.numbered(dataset, ids))
        yield Gone(row.line, row.raw, [*ids, *numbers])
    elif entity["id"] in refused:
        yield row._replace(told=[refused[entity["id"]]])
    elif entity["schema"] != "Sanction":
        found = sanctions.pop(entity["id"], None)
        if why := _unlisted(entity, found, delta):
            left[why] += 1
        else:
            yield from _listings(row.line, row.raw, entity, found or ())


def _joined(
    stream: BinaryIO, sanctions: dict[str, list[Sanction]], refused: dict[str, Problem]
) -> str | None:
    """Add the Sanctions of a file by entity; return the last day seen, None for too many."""
    last, count = "", 0
    for raw in iter(lambda: stream.readline(json_lines.MOST_BYTES + 1), b""):
        if b'"Sanction"' not in raw or len(raw) > json_lines.MOST_BYTES:
            continue
        entity, _ = lists.entity(json_lines.parse(raw.removeprefix(b"\xef\xbb\xbf")))
        if isinstance(entity, Problem) or entity["schema"] != "Sanction":
            continue
        count += 1
        if count > MOST_SANCTIONS:
            return None
        seen = entity.get("last_seen")
        last = max(last, seen[:10]) if isinstance(seen, str) else last
        one: Sanction | None
        try:
            one = _sanction(entity)
        except ValueError as error:
            refused[entity["id"]] = Problem(str(error), field="properties")
            one = None
        for owner in entity["properties"].get("entity", ()):
            ours = sanctions.setdefault(owner, [])
            if one is not None:
                ours.append(one)
    return last


def _sanction(entity: dict[str, Any]) -> Sanction:
    properties: Properties = entity["properties"]
    starts = [*properties.get("listingDate", ()), *properties.get("startDate", ())]
    ends = properties.get("endDate", ())
    said = {
        name: sorted(text[:MOST_TEXT] for text in properties[name])[:MOST]
        for name in OF_SANCTION
        if properties.get(name)
    }
    datasets = sorted(entity.get("datasets", ())) or [""]
    known = [one for one in datasets if one in lists.LISTS]
    return Sanction(
        entity["id"],
        (known or datasets)[0],
        min((lists.day(text) for text in starts), default=None),
        max((lists.day(text, past=True) for text in ends), default=None),
        json.dumps(said, ensure_ascii=False),
    )


def _unlisted(entity: dict[str, Any], found: Sequence[Sanction] | None, delta: str) -> str:
    """Return what an entity is that has no listing, for a Note; empty where it has one.

    `found`: its Sanctions, empty where all of them are refused, None where there is none.
    """
    if entity["schema"] in NOBODY or not entity["properties"].get("name"):
        return "entities that are no parties"
    if not LISTED.intersection(entity["properties"].get("topics", ())):
        return "entities that are themselves on no list"
    if found is not None and not found:
        return "entities whose Sanctions are refused"
    return "changes of entities without their Sanctions" if delta and not found else ""


def _listings(
    line: int, raw: str, entity: dict[str, Any], found: Sequence[Sanction]
) -> Iterator[Listed]:
    """Yield the listings of an entity: by the numbers of lists that have them, else each Sanction.

    One without any Sanction is known by its id alone.
    """
    said = json.dumps(_kept(entity), ensure_ascii=False, sort_keys=True)
    ids = [entity["id"], *sorted(entity.get("referents", ()))]
    several = lists.OFAC <= {one.dataset for one in found}  # their numbers are of one series
    by_list: dict[str, list[Sanction]] = {}
    for one in sorted(found, key=lambda one: (one.since or date.max, one.id)):
        by_list.setdefault(one.dataset, []).append(one)
    for dataset, ours in by_list.items():
        numbers = lists.numbered(dataset, ids)
        for key in numbers[:1] if several and dataset in lists.OFAC else numbers:
            yield _listed(line, raw, key, said, Told(entity, ours, key))
        if not numbers:
            for one in ours:
                yield _listed(line, raw, one.id, said, Told(entity, [one]))
    if not found:
        yield _listed(line, raw, entity["id"], said, Told(entity))


def _listed(line: int, raw: str, key: str, said: str, told: Told) -> Listed:
    ours = told.sanctions
    content = "\x1e".join([said, *sorted(one.said for one in ours)])
    since = min((one.since for one in ours if one.since), default=None)
    ends = [one.until for one in ours]
    until = max(filter(None, ends), default=None) if all(ends) else None
    return Listed(line, raw, key, content, told, since, until)


def _kept(entity: dict[str, Any]) -> dict[str, list[str]]:
    """Return the properties of an entity that are compared and told, in one order."""
    properties: Properties = entity["properties"]
    return {
        name: sorted(text[:MOST_TEXT] for text in properties[name])[:MOST_ALIASES]
        for name in (*NAMES, *OF_ENTITY, *CODES)
        if properties.get(name)
    }


def listing(entry: Listed) -> Listing | list[Problem]:
    """Return an entity on a list, with its names, identifiers, programmes and reasons."""
    told: Told = entry.cells
    entity, kept = told.entity, _kept(told.entity)
    caption = entity.get("caption")
    names = [caption] if isinstance(caption, str) and caption else []
    names = list(dict.fromkeys(names + [name for field in NAMES for name in kept.get(field, ())]))
    attributes: dict[str, Any] = {name: kept[name][:MOST] for name in OF_ENTITY if name in kept}
    for one in told.sanctions:
        for name, texts in json.loads(one.said).items():
            attributes[name] = list(dict.fromkeys([*attributes.get(name, ()), *texts]))[:MOST]
    dataset = told.sanctions[0].dataset if told.sanctions else ""
    programmes = attributes.get("programId", ())
    known = lists.register(dataset, programmes)
    attributes["entity"] = entity["id"]
    attributes["dataset"] = dataset or sorted(entity.get("datasets", ()))
    identifiers = _identifiers(kept, attributes)
    return Listing(
        names[0] if names else "",
        aliases=names[1:MOST_ALIASES],
        kind=KINDS.get(entity["schema"]),
        identifiers=identifiers,
        attributes=attributes,
        amended=_changed(entity),
        matter=told.matter
        or lists.by_name(programmes, names[0] if names else "", kept.get("country", ())),
        topics=[known.topic] if known and known.topic else (),
        url=next(iter(attributes.get("sourceUrl", ())), None),
        title=known.title if known else _title(attributes.get("authority", ())),
    )


def _identifiers(
    kept: Mapping[str, Sequence[str]], attributes: dict[str, Any]
) -> dict[str, str | Sequence[str]]:
    """Return the identifiers that can be of their kind; others are put with the attributes."""
    found: dict[str, str | Sequence[str]] = {}
    for kind in dict.fromkeys(CODES.values()):
        values = [text for code, of in CODES.items() if of == kind for text in kept.get(code, ())]
        values = [text.removeprefix("IMO").strip() for text in values]
        try:
            found |= {kind: of_company(kind, values)} if values else {}
        except ValueError:  # several, or one with a slip, which names nobody
            attributes[kind] = values[:MOST]
    return found


def _changed(entity: dict[str, Any]) -> date | None:
    with suppress(ValueError):
        return date.fromisoformat(str(entity.get("last_change"))[:10])
    return None


def _title(authorities: Sequence[str]) -> str:
    return f"list of {authorities[0][:200]}" if authorities else TITLE
