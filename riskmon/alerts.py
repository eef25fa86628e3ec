"""Alerts: what of a recalculation is worth telling, and what told before no longer holds. Pure.

An alert is told once: a score that stays over a bound, or moves to and fro at its edge, is silent
until it has left by the rule's margin; after a jump the next one is measured from what was told.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from datetime import date, datetime, timedelta
from typing import Any, NamedTuple

from riskmon.forms import moment
from riskmon.model import LEVELS, Line, Score

MOST_LINES = 10
"""Lines that an alert names: the others are in its receipt."""
LEAST_HAZARD = 1e-6
MARGIN = 2.0


class Rule(NamedTuple):
    """What is worth telling: exactly one of a level crossed, a jump, and a new listing."""

    level: str | None = None
    margin: float = MARGIN
    """Points below the level's bound before a score has left it."""
    jump: float | None = None
    """Points, up or down."""
    days: int = 1
    """Within which it jumps."""
    to: tuple[str, ...] = ()
    """Channels."""

    @property
    def name(self) -> str:
        """What the rule is called wherever it is kept: by what it says, and not by its place."""
        if self.level is not None:
            return f"level {self.level}"
        return f"jump {self.jump:g} in {self.days}d" if self.jump is not None else "listing"


class Ground(NamedTuple):
    """Why a company is told of by a rule, and from what score it moved."""

    rule: str
    company: str
    before: float
    why: str
    events: tuple[str, ...] = ()
    """Keys of the listings that are new."""


class Told(NamedTuple):
    """One ground of an alert that was told: of an entry of the ledger."""

    position: int
    rule: str
    company: str
    as_of: datetime
    value: float
    before: float
    events: tuple[str, ...]
    matters: frozenset[str]
    """Those that the score stood on, or moved by."""
    messages: Mapping[str, str]
    """By channel, the key of the message that told it."""
    corrects: int | None = None
    """The position of the alert that it takes back."""


def told(position: int, body: Mapping[str, Any]) -> Iterator[Told]:
    """Yield the grounds of an alert, an entry's body."""
    for ground in body["grounds"]:
        yield Told(
            position,
            ground["rule"],
            body["company"],
            moment(body["as_of"]),
            float(body["value"]),
            float(ground["from"]),
            tuple(ground.get("events", ())),
            frozenset(body["matters"]),
            body["messages"],
            body.get("corrects"),
        )


class Facts(NamedTuple):
    """What a recalculation found, beside what the one before it had."""

    as_of: datetime
    scores: Mapping[str, float]
    before: Mapping[str, float]
    """As the last run kept them; a company that is new has none."""
    extremes: Callable[[datetime], Mapping[str, tuple[float, float]]]
    """The lowest and highest score of each company in the runs since a moment."""
    stances: Mapping[str, AbstractSet[str]]
    """By rule, the companies over its bound; none for a rule that was not applied before."""
    listings: Mapping[str, tuple[str, ...]]
    """By company, the keys of listings that are new since the last run."""
    told: Sequence[Told]


def grounds(rules: Iterable[Rule], facts: Facts) -> Iterator[Ground]:
    """Yield what the rules have to tell, by rule and company."""
    for rule in rules:
        if rule.level is not None:
            yield from _crossed(rule, facts)
        elif rule.jump is not None:
            yield from _jumped(rule, facts)
        else:
            yield from _listed(rule, facts)


def bound(name: str) -> float:
    """Return the score from which a level begins."""
    names = list(LEVELS)
    return float(LEVELS[names[names.index(name) - 1]])


def over(rule: Rule, facts: Facts) -> set[str]:
    """Return the companies that stand over the bound of a rule, or have not left it by its margin.

    A score that is new is over it from its bound on, one that was over it as long as it is not
    more than the margin below.
    """
    assert rule.level is not None  # noqa: S101 (a rule about levels)
    least = bound(rule.level)
    stood = facts.stances.get(rule.name, frozenset())
    return {
        company
        for company, value in facts.scores.items()
        if value >= (least - rule.margin if company in stood else least)
    }


def _crossed(rule: Rule, facts: Facts) -> Iterator[Ground]:
    if rule.name not in facts.stances:
        return  # applied for the first time: where scores stand now is where it begins
    stood, stands = facts.stances[rule.name], over(rule, facts)
    for company in sorted(stood ^ stands):
        if company in facts.scores:
            before = facts.before.get(company, 0.0)
            verb = "reached" if company in stands else "left"
            yield Ground(rule.name, company, before, f"{verb} the level {rule.level}")


def _jumped(rule: Rule, facts: Facts) -> Iterator[Ground]:
    assert rule.jump is not None  # noqa: S101 (a rule about jumps)
    since = facts.as_of - timedelta(days=rule.days)
    extremes = facts.extremes(since)
    if not extremes:
        return  # the first run, or the first for so long: nothing to compare with
    recent = {
        one.company: one.value for one in facts.told if one.rule == rule.name and one.as_of >= since
    }
    for company, value in sorted(facts.scores.items()):
        low, high = extremes.get(company, (0.0, 0.0))  # one that is new begins at none
        if company in recent:
            low = high = recent[company]
        before = low if value - low >= high - value else high
        if abs(value - before) >= rule.jump:
            verb = "rose" if value > before else "fell"
            days = f"{rule.days} day{'s' * (rule.days != 1)}"
            yield Ground(
                rule.name,
                company,
                before,
                f"{verb} by {abs(value - before):.1f} points within {days}",
            )


def _listed(rule: Rule, facts: Facts) -> Iterator[Ground]:
    for company, events in sorted(facts.listings.items()):
        before = facts.before.get(company, 0.0)
        many = f"{len(events)} new listings" if len(events) > 1 else "a new listing"
        yield Ground(rule.name, company, before, f"{many}: {', '.join(events[:3])}", events)


def standing(told: Iterable[Told]) -> list[Told]:
    """Return the grounds that no correction has taken back."""
    found = list(told)
    gone = {(one.corrects, one.rule) for one in found}
    return [one for one in found if one.corrects is None and (one.position, one.rule) not in gone]


def unfounded(told: Told, rule: Rule, value: float, listings: AbstractSet[str]) -> str | None:
    """Return why a ground would not be told by what is known now; None where it still would.

    `value`: the score at its moment, as known now. `listings`: keys of those that name the company
    now.
    """
    said, before = told.value, told.before
    if rule.level is not None:
        least = bound(rule.level)
        if said >= least > value + rule.margin:
            return f"it had not reached the level {rule.level}"
        if value >= least > said + rule.margin:
            return f"it had not left the level {rule.level}"
    elif rule.jump is not None:
        moved = (value - before) * (1 if said > before else -1)
        if moved < rule.jump - max(1.0, rule.jump / 10):
            return f"it had not moved by {rule.jump:g} points"
    elif listings.isdisjoint(told.events):
        return "the listing was taken back, or names another"
    return None


def moved_lines(was: Score | None, now: Score) -> list[dict[str, Any]]:
    """Return the lines that moved a score the way it went, furthest first.

    Each: rule, matter, stage, via, points before and now, keys of the events it stands on now.
    """
    old = {(line.rule, line.matter): line for line in was.lines} if was else {}
    new = {(line.rule, line.matter): line for line in now.lines}
    rising = now.hazard >= (was.hazard if was else 0.0)
    found = []
    for key in old.keys() | new.keys():
        before, after = old.get(key), new.get(key)
        step = (after.hazard if after else 0.0) - (before.hazard if before else 0.0)
        if abs(step) >= LEAST_HAZARD and (step > 0) == rising:
            found.append((abs(step), key, before, after))
    found.sort(key=lambda one: (-one[0], one[1]))
    return [_shown(before, after) for _, _, before, after in found[:MOST_LINES]]


def _shown(before: Line | None, after: Line | None) -> dict[str, Any]:
    line = after or before
    assert line is not None  # noqa: S101 (one of the two has moved)
    return {
        "rule": line.rule,
        "matter": line.matter,
        "stage": line.stage,
        "via": line.via,
        "before": round(before.points, 6) if before else 0.0,
        "points": round(after.points, 6) if after else 0.0,
        "events": [event.key for event in after.events] if after else [],
    }


def silent(silence: Mapping[str, date], company: str, day: date) -> bool:
    """Whether nothing is to be told of a company on a day."""
    return company in silence and day < silence[company]


def ref(body: Mapping[str, Any]) -> str:
    """Return under which key an alert is an entry."""
    corrects = f" corrects {body['corrects']}" if "corrects" in body else ""
    return f"{body['company']} {body['as_of']}{corrects}"


def canonical(body: Mapping[str, Any]) -> str:
    """Return what is kept of an alert: JSON, keys sorted, without spaces."""
    return json.dumps(body, ensure_ascii=False, separators=(",", ":"), sort_keys=True)
