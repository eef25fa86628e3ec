"""One news story as plain text: drafts of what it tells, for a person to accept.

Header lines may say who told it and when: `Source: Reuters`, `Date: 2024-03-14`; a dateline such as
`BEIJING, March 14 (Reuters) -` does the same, or a line near either end of the text that has a day
with its year and little else. The text is UTF-8. Nothing of it scores before it
is accepted. The coding is riskmon's own, after CAMEO and PLOVER: see riskmon/coding.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from datetime import date
from typing import Any, BinaryIO

from riskmon import coding
from riskmon.coding.dictionary import titles
from riskmon.coding.matching import Coding
from riskmon.coding.sentences import LONGEST, MOST
from riskmon.coding.whom import Told
from riskmon.errors import Problem
from riskmon.model import Draft, Event, Note, Row
from riskmon.validation import check

MOST_BYTES = 64 * 1024
KINDS = {"p": "person", "a": "authority"}
LONGEST_TITLE = 200
SHOWN = 200


def read(stream: BinaryIO, day: date | None = None) -> Iterator[Row]:
    """Yield a row with a draft for each event that the story tells.

    `day` is the story's, where its text says none; without either, what has no date of its own is
    refused. A text of more than 64 KiB, or in another encoding, is refused whole.
    """
    raw = stream.read(MOST_BYTES + 1)
    if len(raw) > MOST_BYTES:
        reason = f"expected at most {MOST_BYTES:,} bytes: give one story a file"
        yield Row(1, raw[:SHOWN].decode("utf-8", "backslashreplace"), [Problem(reason)])
        return
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        shown = raw[max(0, error.start - 40) : error.start + 40].decode("utf-8", "backslashreplace")
        yield Row(line, shown, [Problem("expected UTF-8: save the file in that encoding")])
        return
    story = coding.story(text.replace("\r\n", "\n").replace("\r", "\n"), day)
    if story.skipped:
        why = f"longer than {LONGEST:,} characters, or more than {MOST} in all"
        yield Row(1, text[:SHOWN], Note(f"sentences not read: {story.skipped}, {why}"))
    seen: set[str] = set()
    for one in coding.code(story):
        ref = _digest(one.sentence.text, one.type)
        if ref in seen:  # a sentence that tells the same of two
            ref = _digest(one.sentence.text, one.type, one.subject)
        seen.add(ref)
        yield Row(one.sentence.line, one.sentence.text, _told(one, ref, story.outlet))


def _digest(*parts: str) -> str:
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:16]


def _told(one: Coding, ref: str, outlet: str | None) -> Draft | list[Problem]:
    """Return the draft of a coding, or why there is none."""
    if one.day is None:
        return [
            Problem(
                "the story does not say its day: say the day the copy is of: --dated 2024-03-06",
                field="occurred_at",
            )
        ]
    event = check(Event, _event(one, one.day, ref, outlet))
    return Draft(event) if isinstance(event, Event) else event


def _event(one: Coding, day: date, ref: str, outlet: str | None) -> dict[str, Any]:
    who = one.names.text(one.subject) if one.subject else ""
    title = titles()[one.type].format(who=who)
    if one.topics:
        title += f" ({one.topics[0]})"
    attributes: dict[str, Any] = {
        "sentence": one.sentence.text,
        "confidence": one.confidence,
        "why": list(one.why),
    }
    if one.precision != "day":
        attributes["date_precision"] = one.precision
    source = re.sub(r"[^\w.&-]+", "-", (outlet or "").lower()).strip("-")[:100] or "article"

    return {
        "source": source,
        "ref": ref,
        "type": one.type,
        "occurred_at": day.isoformat(),
        "title": title[:LONGEST_TITLE],
        "topics": list(one.topics),
        "parties": [_party(one, party) for party in one.parties],
        "scope": list(one.scope),
        "attributes": attributes,
    }


def _party(one: Coding, party: Told) -> dict[str, Any]:
    told: dict[str, Any] = {"name": one.names.text(party.key), "role": party.role}
    if party.kind in KINDS:
        told["kind"] = KINDS[party.kind]
    if aliases := one.names.aliases(party.key):
        told["aliases"] = list(aliases)
    return told
