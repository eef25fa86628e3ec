"""Press releases of the US Department of Justice as its API gives them, a page of JSON.

Each release is one event: the step of a case that its title (else its beginning) tells, or
commentary where it tells none. Accused are subjects, the firm that was robbed is a victim, the firm
that was to gain a beneficiary. Releases on one case join in one matter by the surname of the first
accused (`us-v-ding`), or by the first firm; only where the release is on a topic of this field,
since surnames repeat and most cases are on drugs and fraud: those stay alone. A matter's parties
are those of all its releases. `date` is the day in seconds since 1970, or as a date.
Source: https://www.justice.gov/developer/api-documentation/api_v1.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import BinaryIO

from riskmon.errors import Problem
from riskmon.model import Event, Row
from riskmon.notices import justice, words
from riskmon.notices.text import cut, host, one_line, without_tags
from riskmon.sources.federal_register import Document, documents, refused, text, unknown
from riskmon.validation import check, shown

SOURCE = "us-doj"
URLS = ("https://www.justice.gov/api/v1/press_releases.json?sort=date&direction=DESC&pagesize=50",)
FORMATS = ("json",)
MOST_TITLE, MOST_SUMMARY, MOST_WORDS = 300, 2000, 20
SECONDS = re.compile(r"\d{9,10}", re.ASCII)
DAY = re.compile(r"\d{4}-\d\d-\d\d")


def read(stream: BinaryIO) -> Iterator[Row]:
    """Yield an event for each press release; `line` counts them from 1."""
    known = frozenset(words("justice")["fields"])
    seen: set[str] = set()
    for line, raw, release in documents(stream, "results"):
        yield from unknown(release, known, seen, line)
        yield Row(line, raw, _told(release) if isinstance(release, dict) else refused(release))


def _told(release: Document) -> Event | list[Problem]:
    ref, title = text(release, "uuid") or text(release, "number"), text(release, "title")
    day = _day(release.get("date"))
    problems = [
        Problem(f"expected text, got {shown(release.get(field))}", field=field)
        for field, value in (("uuid", ref), ("title", title))
        if not value
    ]
    if day is None:
        reason = f"expected seconds since 1970 or a date, got {shown(release.get('date'))}"
        problems.append(Problem(reason, field="date"))
    if problems:
        return problems
    body = release.get("body")
    told = without_tags(body) if isinstance(body, str) else ""
    plain_title = one_line(without_tags(title)) or title
    return check(Event, _event(release, ref, plain_title, told) | {"occurred_at": day})


def _event(release: Document, ref: str, title: str, body: str) -> Document:
    type_ = justice.step(title, body)
    topics = justice.topics(title, body)
    parties = _parties(title, body) if type_ else []
    first = next((one for one in parties if one.role == "subject"), None)
    matter = f"{SOURCE}:{ref}"
    if first and topics and (name := _short(first)):
        matter = f"us-v-{name}"
    url = text(release, "url")
    summary = text(release, "teaser") and one_line(without_tags(text(release, "teaser")))
    attributes = {
        field: named
        for field in ("component", "topic", "number")
        if (named := _names(release.get(field)))
    }
    return {
        "source": SOURCE,
        "ref": ref,
        "type": type_ or "commentary.published",
        "matter": matter,
        "title": cut(title, MOST_TITLE),
        "topics": topics,
        "parties": [_party(one) for one in parties],
        "summary": cut(summary or body, MOST_SUMMARY),
        **({"url": url} if host(url) and len(url) < MOST_SUMMARY else {}),
        **({"attributes": attributes} if attributes else {}),
    }


def _parties(title: str, body: str) -> list[justice.Who]:
    """Return who is named, each once: an accused firm is no victim, a victim gains nothing."""
    found = [
        *justice.persons(body),
        *justice.accused_firms(title, body),
        *justice.others(title, body),
    ]
    names = [one.name for one in found]
    # A title writes `Importer Example Tiles, Inc.`: what it puts before a name is no part of it.
    found = [one for one in found if not any(one.name.endswith(f" {name}") for name in names)]
    return list({one.name.casefold(): one for one in reversed(found)}.values())[::-1]


def _party(one: justice.Who) -> Document:
    return {
        "name": one.name,
        "role": one.role,
        **({"kind": "person"} if one.person else {}),
        **({"aliases": list(one.aliases)} if one.aliases else {}),
    }


def _short(one: justice.Who) -> str:
    """Return what a case against somebody is called by."""
    if one.person:
        return justice.surname(one.name)
    return re.sub(r"[^a-z0-9]+", "-", justice.bare(one.name).lower()).strip("-")


def _day(value: object) -> str | None:
    """Return the day of `1709683200` or `2024-03-06T...` as 2024-03-06, else None."""
    found = str(value).strip() if isinstance(value, str | int) else ""
    if SECONDS.fullmatch(found):
        return f"{datetime.fromtimestamp(int(found), UTC):%Y-%m-%d}"
    return found[:10] if DAY.match(found) else None


def _names(value: object) -> list[str] | str:
    """Return the names in `[{"uuid": ..., "name": "Office of Public Affairs"}]`, or a text."""
    if isinstance(value, str):
        return cut(one_line(value), MOST_TITLE)
    names = []
    for one in value[:MOST_WORDS] if isinstance(value, list) else ():
        name = one.get("name") if isinstance(one, dict) else one
        if isinstance(name, str) and name.strip():
            names.append(cut(one_line(name), MOST_TITLE))
    return names
