"""The Entity List (Supplement No. 4 to Part 744 of the EAR) as JSON, one object an entry.

Each entry becomes one listing, dated by the first of its Federal Register citations
(`84 FR 22963, 5/21/19`); later citations amended it and are kept in its attributes.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator
from datetime import date
from typing import Any, BinaryIO

from riskmon.errors import Problem
from riskmon.model import Event, Row
from riskmon.validation import check, shown

SOURCE = "bis-entity-list"
TOPIC = "entity-list"
MOST_BYTES = 64 * 1024 * 1024
FIELDS = {
    "name", "aliases", "country", "address", "status", "effective_date", "federal_register", "notes"
}  # fmt: skip
CITATION = re.compile(r"(\d+) FR (\d+),?\s+(\d{1,2})/(\d{1,2})/(\d{4}|\d{2})\b", re.ASCII)
CENTURY_TURNS = 70
"""Two-digit years from here on are of the 20th century; the list began in 1997."""


def read(stream: BinaryIO) -> Iterator[Row]:
    """Yield a listing for each entry of the list, in its order; `line` counts entries from 1."""
    raw = stream.read(MOST_BYTES + 1)
    if len(raw) > MOST_BYTES:
        reason = f"expected at most {MOST_BYTES:,} bytes: is this the list?"
        yield Row(0, "", [Problem(reason)])
        return
    try:
        entities = json.loads(raw)["entities"]
        if not isinstance(entities, list):
            raise TypeError  # noqa: TRY301
    except (ValueError, KeyError, TypeError, RecursionError):
        reason = "expected a JSON object with a list `entities`: is the copy whole?"
        yield Row(0, raw[:200].decode("utf-8", "replace"), [Problem(reason, field="entities")])
        return
    seen: Counter[str] = Counter()
    for number, entity in enumerate(entities, 1):
        yield Row(number, json.dumps(entity, ensure_ascii=False), _listing(entity, seen))


def _listing(entity: Any, seen: Counter[str]) -> Event | list[Problem]:
    if not isinstance(entity, dict) or not isinstance(entity.get("name"), str):
        return [Problem("expected an entry with a name", field="name")]
    if unknown := sorted(entity.keys() - FIELDS):
        return [Problem("is not a known field: has the list changed?", field=unknown[0])]
    citations = _citations(entity.get("federal_register"))
    if not citations:
        got = shown(entity.get("federal_register"))
        reason = f"expected a citation such as 84 FR 22963, 5/21/19, got {got}"
        return [Problem(reason, field="federal_register")]
    first = min(when for _, when in citations)
    country = entity.get("country")
    # The list numbers no entry. A name in a country is one, but for a few that stand twice.
    ref = f"{entity['name']} ({country})"
    seen[ref] += 1
    ref += f" #{seen[ref]}" if seen[ref] > 1 else ""
    return check(
        Event,
        {
            "source": SOURCE,
            "ref": ref,
            "type": "listing.listed",
            "matter": f"{SOURCE}:{ref}",
            "occurred_at": first,
            "title": f"{entity['name']} added to the Entity List",
            "topics": [TOPIC],
            "parties": [{"name": entity["name"], "aliases": entity.get("aliases") or []}],
            "attributes": {
                "citations": [f"{page}, {when}" for page, when in citations],
                **{
                    field: entity[field]
                    for field in ("country", "address", "notes", "status", "effective_date")
                    if entity.get(field)
                },
            },
        },
    )


def _citations(text: object) -> list[tuple[str, date]]:
    """Return (page, date) for each citation, in the order of the list."""
    found = []
    for volume, page, month, day, year in CITATION.findall(text if isinstance(text, str) else ""):
        century = 0 if len(year) > 2 else 1900 if int(year) >= CENTURY_TURNS else 2000  # noqa: PLR2004
        try:
            found.append((f"{volume} FR {page}", date(century + int(year), int(month), int(day))))
        except ValueError:
            continue  # a date that is none dates nothing; the entry's other citations do
    return found
