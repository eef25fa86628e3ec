"""The Entity List (Supplement No. 4 to Part 744 of the EAR) as JSON, one object an entry.

Each entry becomes one listing, dated by the first of its Federal Register citations
(`84 FR 22963, 5/21/19`); later citations amended it and are kept in its attributes. A page that
one entry cites without its date has the date that other entries give it.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import suppress
from datetime import date
from typing import Any, BinaryIO

from riskmon.errors import Problem
from riskmon.model import Event, Row
from riskmon.sources import jsonl
from riskmon.validation import check, shown

SOURCE = "bis-entity-list"
TOPIC = "entity-list"
MOST_BYTES = 64 * 1024 * 1024
FIELDS = {
    "name", "aliases", "country", "address", "status", "effective_date", "federal_register", "notes"
}  # fmt: skip
CITATION = re.compile(
    r"(\d{1,3}) FR (\d{1,6})(?:\D{1,40}(\d{1,2})/(\d{1,2})/(\d{4}|\d{2})\b)?", re.ASCII
)
ACRONYM = re.compile(r" \([A-Z][A-Z0-9 -]{1,9}\)$")
"""What the list adds to some names: `Beihang University (BUAA)`."""
CENTURY_TURNS = 70
"""Two-digit years from here on are of the 20th century; the list began in 1997."""


def read(stream: BinaryIO) -> Iterator[Row]:
    """Yield a listing for each entry of the list, in its order; `line` counts entries from 1."""
    raw = stream.read(MOST_BYTES + 1)
    if len(raw) > MOST_BYTES:
        reason = f"expected at most {MOST_BYTES:,} bytes: is this the list?"
        yield Row(0, "", [Problem(reason)])
        return
    document = jsonl.parse(raw)
    entities = document.get("entities") if isinstance(document, dict) else None
    if not isinstance(entities, list) or not entities:
        why = "; ".join(map(str, document)) if isinstance(document, jsonl.Problems) else "got none"
        reason = f"expected a JSON object with a list `entities`: is the copy whole? ({why})"
        yield Row(0, raw[:200].decode("utf-8", "replace"), [Problem(reason, field="entities")])
        return
    pages = _pages(entities)
    seen: Counter[str] = Counter()
    for number, entity in enumerate(entities, 1):
        yield Row(number, json.dumps(entity, ensure_ascii=False), _listing(entity, pages, seen))


def _listing(entity: Any, pages: Mapping[str, date], seen: Counter[str]) -> Event | list[Problem]:
    if not isinstance(entity, dict) or not isinstance(entity.get("name"), str):
        return [Problem("expected an entry with a name", field="name")]
    if unknown := sorted(entity.keys() - FIELDS):
        return [Problem("is not a known field: has the list changed?", field=unknown[0])]
    cited = [(page, when or pages.get(page)) for page, when in _citations(entity)]
    dates = [when for _, when in cited if when]
    if not dates:
        got = shown(entity.get("federal_register"))
        reason = f"expected a dated citation such as 84 FR 22963, 5/21/19, got {got}"
        return [Problem(reason, field="federal_register")]
    name = entity["name"]
    country = entity.get("country")
    # The list numbers no entry. A name in a country is one, but for a few that stand twice.
    ref = f"{name} ({country})"
    seen[ref] += 1
    ref += f" #{seen[ref]}" if seen[ref] > 1 else ""
    aliases = entity.get("aliases") or []
    if not isinstance(aliases, list):
        return [Problem(f"expected a list, got {shown(aliases)}", field="aliases")]
    aliases = [ACRONYM.sub("", name), *aliases] if ACRONYM.search(name) else aliases
    kept = ("country", "address", "notes", "status", "effective_date")
    return check(
        Event,
        {
            "source": SOURCE,
            "ref": ref,
            "type": "listing.listed",
            "matter": f"{SOURCE}:{ref}",
            "occurred_at": min(dates),
            "title": f"{name} added to the Entity List",
            "topics": [TOPIC],
            "parties": [{"name": name, "aliases": aliases}],
            "attributes": {
                "citations": [f"{page}, {when}" if when else page for page, when in cited],
                **{field: entity[field] for field in kept if entity.get(field)},
            },
        },
    )


def _pages(entities: list[Any]) -> dict[str, date]:
    """Return the date of each page that the list cites: the one most often given."""
    given: dict[str, Counter[date]] = {}
    for entity in entities:
        for page, when in _citations(entity):
            if when:
                given.setdefault(page, Counter())[when] += 1
    return {page: dates.most_common(1)[0][0] for page, dates in given.items()}


def _citations(entity: Any) -> list[tuple[str, date | None]]:
    """Return (page, date) for each citation, in the order of the list."""
    text = entity.get("federal_register") if isinstance(entity, dict) else None
    found: list[tuple[str, date | None]] = []
    for volume, page, month, day, year in CITATION.findall(text if isinstance(text, str) else ""):
        when = None
        with suppress(ValueError):  # no date, or one that is none
            century = 0 if len(year) > 2 else 1900 if int(year) >= CENTURY_TURNS else 2000  # noqa: PLR2004
            when = date(century + int(year), int(month), int(day))
        found.append((f"{volume} FR {page}", when))
    return found
