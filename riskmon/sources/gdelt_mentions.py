"""Mentions of GDELT 2: which article told which event; 16 columns, tab separated or CSV.

A mention has no type, actors or topic of its own: alone it scores nothing. It is told as
commentary in the matter of its event (`gdelt:<GlobalEventID>`), with the article's outlet as
`origin`, so that who reads the matter sees how many independent outlets tell it, and a rule that
reads commentary can count them. Its credibility is Confidence / 100 x 0.2: GDELT's confidence is
in the reading of the sentence, not in its truth, and a sentence that was read with certainty is
worth no more than an event of GDELT with many sources (0.2). An article that mentions an event in
several sentences is one report (the first that stands in the file); `ref` is the event's number
and a digest of the article's identifier. Only what is on the web (MentionType 1) has an address;
others are told by their name. Source: GDELT Event Codebook 2.0,
http://data.gdeltproject.org/documentation/.
"""

from __future__ import annotations

import csv
import re
from collections import Counter
from collections.abc import Iterator
from hashlib import sha256
from typing import BinaryIO

from riskmon.errors import Problem
from riskmon.model import Event, Note, Row
from riskmon.notices.pages import lines
from riskmon.notices.text import cut, domain, one_line
from riskmon.sources.gdelt import EMPTY, left_out, moment
from riskmon.validation import check, shown

SOURCE = "gdelt-mentions"
FIRST = "globaleventid"
WIDTHS = (14, 15, 16)
"""The two last columns, of translation and extras, are left out by some copies."""
EVENT, EVENT_TIME, TIME, KIND, NAME, IDENTIFIER, CONFIDENCE = 0, 1, 2, 3, 4, 5, 11
WEB = "1"
MOST_CREDIBLE = 0.2
MOST_URL, MOST_NAME = 1000, 200
MOST_SEEN = 500_000
"""Mentions among which those of one article are known again; a file of GDELT has some 10,000."""
NUMBER = re.compile(r"\d{1,18}", re.ASCII)
PERCENT = re.compile(r"\d{1,2}|100", re.ASCII)
AGAIN = "of an article that mentions the event before"


def read(stream: BinaryIO) -> Iterator[Row]:
    """Yield commentary for each article that mentions an event, and a note of what was left out."""
    left: Counter[str] = Counter()
    seen: set[bytes] = set()
    comma = False
    number = total = 0
    for number, raw, problem in lines(stream):
        if number == 1 and raw.lower().startswith(FIRST):
            comma = "," in raw
            continue
        total += 1
        cells = [] if problem else _cells(raw, comma=comma)
        told = [problem] if problem else _told(cells)
        if isinstance(told, Event):
            digest = sha256(told.ref.encode()).digest()[:12]
            if digest in seen:
                left[AGAIN] += 1
                continue
            if len(seen) < MOST_SEEN:
                seen.add(digest)
        yield Row(number, raw, told)
    if left:
        yield Row(number, "", Note(left_out(left, total)))
    if not total:
        yield Row(0, "", [EMPTY])


def _cells(raw: str, *, comma: bool) -> list[str]:
    if not comma:
        return raw.split("\t")
    try:
        return next(csv.reader([raw]), [])
    except csv.Error:
        return []


def _told(cells: list[str]) -> Event | list[Problem]:
    if len(cells) not in WIDTHS:
        reason = f"expected 14 to 16 columns, got {len(cells)}: are these mentions of GDELT 2?"
        return [Problem(reason)]
    problems = [
        Problem(f"expected {wanted}, got {shown(cells[column])}", field=field)
        for field, column, sound, wanted in (
            ("GLOBALEVENTID", EVENT, NUMBER.fullmatch(cells[EVENT]), "a number"),
            ("EventTimeDate", EVENT_TIME, moment(cells[EVENT_TIME]), "digits of a moment"),
            ("MentionTimeDate", TIME, moment(cells[TIME]), "digits of a moment"),
            ("MentionIdentifier", IDENTIFIER, cells[IDENTIFIER].strip(), "text"),
            ("Confidence", CONFIDENCE, PERCENT.fullmatch(cells[CONFIDENCE]), "0 to 100"),
        )
        if not sound
    ]
    if problems:
        return problems
    identifier, name = one_line(cells[IDENTIFIER]), cut(one_line(cells[NAME]), MOST_NAME)
    url = identifier if cells[KIND] == WEB and domain(identifier) else None
    # GDELT tells an outlet by its domain, without the part of it that an article is on.
    outlet = domain(f"http://{name}/") or domain(url or "")
    digest = sha256(identifier.encode()).hexdigest()[:16]
    return check(
        Event,
        {
            "source": SOURCE,
            "ref": f"{cells[EVENT]} {digest}",
            "type": "commentary.published",
            "matter": f"gdelt:{cells[EVENT]}",
            "occurred_at": moment(cells[TIME]),
            "title": f"{name or outlet or 'An article'} on event {cells[EVENT]} of GDELT",
            "credibility": round(int(cells[CONFIDENCE]) / 100 * MOST_CREDIBLE, 3),
            "attributes": {"event_first_told": moment(cells[EVENT_TIME])},
            **({"origin": outlet} if outlet else {}),
            **({"url": url} if url and len(url) <= MOST_URL else {}),
        },
    )
