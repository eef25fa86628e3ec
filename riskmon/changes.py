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

DECLARING = {
    "company.declared": "id",
    "holding.told": "company",
    "match.decided": "company",
    "merge.decided": "company",
}
"""Kinds of entries that say who a company is, and the field with its id."""

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


class Later:
    """The entries after a position, by what they can have changed."""

    def __init__(self, entries: Iterable[Entry], then: Standing, now: Standing) -> None:
        self._then = then
        self._now = now
        self._rules: set[int] = set()
        self._declared: dict[str, set[int]] = {}
        self._matters: dict[str, set[int]] = {}
        for entry in entries:
            if entry.kind == "ruleset.published":
                self._rules.add(entry.position)
            elif entry.kind in DECLARING:
                firm = json.loads(entry.body).get(DECLARING[entry.kind])
                self._declared.setdefault(firm, set()).add(entry.position)
            elif entry.kind.startswith("event."):
                for standing in (then, now):
                    if (matter := standing.matter_of(entry.source, entry.ref)) is not None:
                        self._matters.setdefault(matter, set()).add(entry.position)

    def behind(self, was: Score, score: Score) -> tuple[int, ...]:
        """Return the positions of those that bear on what differs between two scores."""
        before = {(line.rule, line.matter): line.hazard for line in was.hazards}
        after = {(line.rule, line.matter): line.hazard for line in score.hazards}
        keys = before.keys() | after.keys()
        matters = {key[1] for key in keys if before.get(key) != after.get(key)}
        found = set().union(*(self._matters.get(matter, ()) for matter in matters))
        if was.ruleset != score.ruleset:
            found |= self._rules
        # A declaration may say who owns the company, or whom a name in a matter means.
        renamed = any(self._then.roles(one) != self._now.roles(one) for one in matters)
        firms = self._declared if renamed else self._now.above({score.company})
        return tuple(sorted(found.union(*(self._declared.get(firm, ()) for firm in firms))))


def moved(before: Iterable[Score], after: Iterable[Score], later: Later) -> list[Change]:
    """Return the scores that differ, furthest first, each with the `later` entries behind it."""
    old = {score.company: score for score in before}
    found = []
    for score in after:
        was = old.get(score.company) or Score(score.company, "", score.as_of, None, 0, None)
        if abs(was.value - score.value) > LEAST_POINTS:
            causes = later.behind(was, score)
            found.append(Change(score.company, was.value, score.value, causes))
    return sorted(found, key=lambda one: (-abs(one.after - one.before), one.company))


def said(entry: Entry) -> tuple[str, str, float, int]:
    """Return company, as_of and value of what an entry told somebody, and on what it stood."""
    body: Mapping[str, Any] = json.loads(entry.body)
    return body["company"], body["as_of"], body["value"], body.get("position", entry.position)
