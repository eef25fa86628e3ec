"""Withhold release orders and findings on forced labour (19 CFR 12.42): JSON, or a table.

An order names a producer, several, a vessel, or a region or industry (then there is no party). An
order and the finding that follows are one entry. An inactive or revoked one ends on the day that
its remarks give; where they give none, it is taken as not on the list, so that it is delisted when
the copy before had it. A modified order stands.
Source: https://www.cbp.gov/document/stats/withhold-release-orders-findings
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date

from riskmon.errors import Problem
from riskmon.formats import documents, grouped, places
from riskmon.formats.citations import day, days
from riskmon.formats.documents import Told
from riskmon.formats.packed import Parts
from riskmon.listing import Found, Listed, Listing, Repeat, Shape
from riskmon.model import Note, Row
from riskmon.notices import firms

SHAPE = Shape(
    source="cbp-wro",
    title="list of withhold release orders and findings",
    topics=("withhold-release-order",),
    rows=25,  # 67 in June 2026
    since=date(1930, 6, 17),  # the Tariff Act
    formats=("json", "csv"),
)
OVER = re.compile(r"inactive|revoked", re.IGNORECASE)
ENDED = re.compile(
    r"(?:revoked|inactive|terminated)\b[^;.]{0,60}?\b(\d{4}-\d{2}-\d{2}|\d{1,2}/\d{1,2}/\d{4})",
    re.IGNORECASE,
)
VESSEL = re.compile(r"Fishing Vessel: ", re.IGNORECASE)
OWNED = re.compile(r"Fishing Vessels owned by ", re.IGNORECASE)
NOBODY = re.compile(
    r"\bproduced in\b|^All \w+ \w+ or products\b|\bAutonomous Region\b|\bDiamond Fields\b"
    r"|\bSmall Mines\b",
    re.IGNORECASE,
)
"""What names goods, a region or an industry."""
WITH = re.compile(r"\s+and (?:its |their )?(?:subsidiaries|subordinates)\.?$", re.IGNORECASE)
BOTH = re.compile(r"(?:,? and |;\s*)(?=\w)")


def entries(parts: Parts) -> Iterator[Found]:
    """Yield each producer by its name and country."""
    over: list[Repeat] = []
    yield from grouped.together(_standing(documents.read(parts, SHAPE.source), over))
    if over:
        told = f"of {len(over):,} inactive entries nothing says since when: taken as not listed"
        yield Row(0, "", Note(told))
    yield from over


def _standing(read: documents.Reading, over: list[Repeat]) -> Iterator[Found]:
    """Yield the rows that are of an entry; those that are over with no day go to `over`."""
    for told in read:
        one = _row(told) if isinstance(told, Told) else told
        if isinstance(one, Listed) and OVER.match(one.cells.get("status", "")) and not one.until:
            over.append(Repeat(one.line, one.raw))
        else:
            yield one


def _row(told: Told) -> Listed | Row:
    cells = told.cells
    when = days(cells, "effective_date")
    ended = ENDED.search(cells.get("notes", "")) if OVER.match(cells.get("status", "")) else None
    if ended and not isinstance(when[0], Problem):
        try:
            when = [when[0], day(ended[1])]
        except ValueError:
            when = [when[0], None]
    key = places.key(cells["name"], cells.get("country"))
    return grouped.row(told, key, when, without=("effective_date",))


def listing(entry: Listed) -> Listing | list[Problem]:
    """Return a producer or vessel with its goods; nobody, where a region or an industry is."""
    rows = entry.cells
    written = rows[0]["name"]
    attributes = grouped.attributes(rows, "country", "status", "notes", "effective_date")
    if NOBODY.search(written):
        title = f"{SHAPE.title}: {written[:300]}"
        return Listing("", attributes={**attributes, "goods": written}, title=title)
    name = OWNED.sub("", VESSEL.sub("", written))
    plain = WITH.sub("", name)
    notes = " ".join(cells.get("notes", "") for cells in rows)
    several = firms.with_form(plain) if BOTH.search(plain) else []
    several = [one for one in several if one not in notes or "removed" not in notes]
    aliases = [plain] * (plain != name) + (several if len(several) > 1 else [])
    return Listing(
        name,
        aliases=aliases + grouped.aliases(rows),
        kind="vessel" if VESSEL.match(written) else None,
        attributes=attributes,
    )
