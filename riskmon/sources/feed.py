"""Feeds of news, RSS 0.9x to 2.0, RSS 1.0 and Atom: each entry is commentary of its outlet.

`source` is the host of the feed's own link (`www.example.com`), else of its first entry's; `ref`
the entry's id (guid), else its link, else a digest of its title and date. A feed says that
something was written, not what: an entry has no parties and no topics, and its summary is text
without tags. An entry without a date is of the day that the copy is of (`day`). A document type
declaration is refused before anything is read of it: no feed needs one, and entities, expanding
or outside, come with it. What is not well-formed XML is refused too. Sources: RSS 2.0
specification, RFC 4287.
"""

from __future__ import annotations

import io
import re
import time
import xml.sax
import xml.sax.handler
from collections.abc import Iterator
from datetime import UTC, date, datetime
from hashlib import sha256
from typing import Any, BinaryIO

from riskmon.errors import Problem
from riskmon.model import Event, Row
from riskmon.notices.text import cut, host, one_line, without_tags
from riskmon.validation import check

MOST_BYTES = 4 * 1024 * 1024
MOST_DEPTH = 64
MOST_PARTS = 100_000
"""Elements and attributes of a feed together."""
MOST_TITLE, MOST_SUMMARY, MOST_URL, MOST_REF = 300, 5000, 1000, 380
ROOTS = {"rss", "feed", "RDF"}
DECLARATION = re.compile(rb"<!\s*(?:DOCTYPE|ENTITY)", re.IGNORECASE)
ROOT = re.compile(rb"<(?:\w{1,20}:)?(?:rss|feed|rdf)\b", re.IGNORECASE)
UNDATED = "has no date: say the day the copy is of: --dated 2024-03-06"


class _FeedError(xml.sax.SAXException):
    """The document is no feed that is read."""


class _Shape(xml.sax.handler.ContentHandler):
    """Refuses what is no feed, too deep or of too many parts, before a tree is built of it."""

    def __init__(self) -> None:
        super().__init__()
        self._depth = self._parts = 0

    def startElement(self, name: str, attrs: Any) -> None:  # noqa: N802 (its parent's name)
        root = name.rpartition(":")[2]
        if not self._parts and root not in ROOTS:
            raise _FeedError(f"expected a feed (rss, feed or rdf:RDF), got <{cut(name, 40)}>")
        self._depth += 1
        self._parts += 1 + len(attrs)
        if self._depth > MOST_DEPTH or self._parts > MOST_PARTS:
            raise _FeedError(f"expected at most {MOST_DEPTH} levels and {MOST_PARTS:,} elements")

    def endElement(self, name: str) -> None:  # noqa: ARG002, N802
        self._depth -= 1


def read(stream: BinaryIO, day: date | None = None) -> Iterator[Row]:
    """Yield commentary for each entry, in its order; `line` counts the entries from 1."""
    raw = stream.read(MOST_BYTES + 1)
    problem = _problem(raw)
    if problem:
        yield Row(0, raw[:200].decode("utf-8", "backslashreplace"), [problem])
        return
    parsed = _parsed(raw)
    if isinstance(parsed, Problem):
        yield Row(0, raw[:200].decode("utf-8", "backslashreplace"), [parsed])
        return
    feed, entries = parsed
    links = [_text(feed, "link"), _text(feed, "id"), *(_text(one, "link") for one in entries[:1])]
    outlet = next((found for link in links if (found := host(link))), None)
    for number, entry in enumerate(entries, 1):
        shown_ = cut(" | ".join((_text(entry, "title"), _text(entry, "link"))), 2000)
        yield Row(number, shown_, _told(entry, outlet, day))


def _problem(raw: bytes) -> Problem | None:
    """Return why a document is not read at all."""
    import defusedxml.sax  # noqa: PLC0415 (only feeds need it)
    from defusedxml import DefusedXmlException  # noqa: PLC0415

    if len(raw) > MOST_BYTES:
        return Problem(f"expected at most {MOST_BYTES:,} bytes: is this a feed?")
    beginning = ROOT.split(raw.replace(b"\0", b""), maxsplit=1)[0]  # an entry may quote one
    if DECLARATION.search(beginning):
        return Problem("expected no document type declaration: a feed needs none")
    try:
        defusedxml.sax.parseString(raw, _Shape(), forbid_dtd=True)
    except _FeedError as error:
        return Problem(error.getMessage())
    except DefusedXmlException:
        return Problem("expected no document type declaration: a feed needs none")
    except xml.sax.SAXException as error:
        return Problem(f"expected a feed in XML: {cut(one_line(str(error)), 200)}")
    except (ValueError, LookupError) as error:  # an encoding that is none
        return Problem(f"expected a feed in UTF-8: {cut(one_line(str(error)), 200)}")
    return None


def _parsed(raw: bytes) -> tuple[Any, list[Any]] | Problem:
    import feedparser  # noqa: PLC0415

    try:
        # A stream, since bytes that look like an address or a path would be opened.
        found = feedparser.parse(io.BytesIO(raw), sanitize_html=False, resolve_relative_uris=False)
        return found.feed, list(found.entries)
    except Exception as error:  # noqa: BLE001 (nobody knows what a feed can make a parser raise)
        return Problem(f"expected a feed: {cut(one_line(str(error)), 200)}")


def _told(entry: Any, outlet: str | None, day: date | None) -> Event | list[Problem]:
    if outlet is None:
        return [Problem("expected a link of the feed or of its first entry: who tells this?")]
    link = _text(entry, "link")
    title = one_line(without_tags(_text(entry, "title")))
    summary = without_tags(_text(entry, "summary") or _content(entry), 4 * MOST_SUMMARY)
    title = title or summary or link
    if not title:
        return [Problem("expected a title, a summary or a link")]
    said = _moment(entry, "published_parsed") or _moment(entry, "updated_parsed")
    if said is None and day is None:
        return [Problem(UNDATED, field="published")]
    ref = _text(entry, "id") or link
    if not ref or len(ref) > MOST_REF:
        ref = sha256(f"{ref or title}\n{'' if ref else said}".encode()).hexdigest()[:32]
    return check(
        Event,
        {
            "source": outlet,
            "ref": ref,
            "type": "commentary.published",
            "occurred_at": said or day,
            "published_at": said or day,
            "title": cut(title, MOST_TITLE),
            **({"url": link} if host(link) and len(link) <= MOST_URL else {}),
            **({"summary": cut(summary, MOST_SUMMARY)} if summary else {}),
        },
    )


def _text(of: Any, field: str) -> str:
    value = of.get(field)
    if not isinstance(value, str):
        return ""
    return one_line(value) if field in {"link", "id"} else value


def _content(entry: Any) -> str:
    """Return the text of an Atom entry that has no summary."""
    parts = entry.get("content")
    first = parts[0] if isinstance(parts, list) and parts else {}
    value = first.get("value") if isinstance(first, dict) else None
    return value if isinstance(value, str) else ""


def _moment(entry: Any, field: str) -> datetime | None:
    """Return a date of an entry in UTC, None where it has none that exists."""
    value = dict.get(entry, field)  # `entry.get` takes one date for the other, and warns
    if not isinstance(value, time.struct_time):
        return None
    try:
        return datetime(*value[:5], min(value[5], 59), tzinfo=UTC)
    except (ValueError, OverflowError):
        return None
