"""What corrections changed: scores that are another now, and what was said that no longer holds."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, NamedTuple

from riskmon.model import Entry, Score
from riskmon.standing import Standing

SAID = ("receipt.issued", "alert.sent")
"""Kinds of entries that told somebody a score: their bodies have company, as_of and value."""

LEAST_POINTS = 1e-9


class Change(NamedTuple):
    """A score at one moment: as it was known then, and as it is known now."""

    company: str
    before: float
    after: float
    entries: tuple[int, ...]
    """Positions of the later entries that bear on what changed."""


class Contradiction(NamedTuple):
    """A receipt or an alert that said another value than the ledger gives now."""

    kind: str
    position: int
    ref: str
    company: str
    as_of: datetime
    said: float
    now: float


class Changes(NamedTuple):
    """What entries after a position changed of what was said up to it."""

    since: int
    as_of: datetime | None
    """The moment of that position: both scores are as of then."""
    moved: list[Change]
    contradicted: list[Contradiction]


def moved(
    before: Iterable[Score],
    after: Iterable[Score],
    later: Iterable[Entry],
    then: Standing,
    now: Standing,
) -> list[Change]:
    """Return the scores that differ, furthest first, each with the `later` entries behind it."""
    old = {score.company: score for score in before}
    entries = list(later)
    found = []
    for score in after:
        was = old.get(score.company) or Score(score.company, "", score.as_of, None, 0, None)
        if abs(was.value - score.value) > LEAST_POINTS:
            causes = _causes(was, score, entries, then, now)
            found.append(Change(score.company, was.value, score.value, causes))
    return sorted(found, key=lambda one: (-abs(one.after - one.before), one.company))


def _causes(
    was: Score, score: Score, entries: Iterable[Entry], then: Standing, now: Standing
) -> tuple[int, ...]:
    before = {(line.rule, line.matter): line.hazard for line in was.hazards}
    after = {(line.rule, line.matter): line.hazard for line in score.hazards}
    matters = {key[1] for key in before.keys() | after.keys() if before.get(key) != after.get(key)}
    firms = now.above(score.company)
    rules = was.ruleset != score.ruleset
    return tuple(
        entry.position
        for entry in entries
        if (entry.kind == "ruleset.published" and rules)
        or (entry.kind == "company.declared" and entry.ref in firms)
        or not matters.isdisjoint(
            {then.matter_of(entry.source, entry.ref), now.matter_of(entry.source, entry.ref)}
        )
    )


def said(entry: Entry) -> tuple[str, str, float]:
    """Return company, as_of and value of what an entry told somebody."""
    body: Mapping[str, Any] = json.loads(entry.body)
    return body["company"], body["as_of"], body["value"]
