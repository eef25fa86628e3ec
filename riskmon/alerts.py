"""Alerts: what of a recalculation is worth telling, and what told before no longer holds. Pure.

An alert is told once: a score that stays over a bound, or moves to and fro at its edge, is silent
until it has left by the rule's margin; after a jump the next one is measured from what was told.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from riskmon.memory import Told
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


def named(name: str) -> Rule:
    """Return the rule of a name, also where the configuration has it no longer."""
    kind, *rest = name.split()
    if kind == "level":
        return Rule(level=rest[0])
    if kind == "jump":
        return Rule(jump=float(rest[0]), days=int(rest[2].removesuffix("d")))
    return Rule()


class Ground(NamedTuple):
    """Why a company is told of by a rule, and from what score it moved."""

    rule: str
    company: str
    before: float
    why: str
    events: tuple[str, ...] = ()
    """Keys of the listings that are new."""


class Facts(NamedTuple):
    """What a recalculation found, beside what the one before it had."""

    as_of: datetime
    scores: Mapping[str, float]
    before: Mapping[str, float]
    """As the last run kept them; a company that is new has none."""
    extremes: Callable[[datetime], Mapping[str, tuple[float, float]]]
    """The lowest and highest score of each company from a moment on, as the runs kept them."""
    stances: Mapping[str, AbstractSet[str]]
    """By rule, the companies that `stand` said; none for a rule that was not applied before."""
    told: Sequence[Told]
    silent: AbstractSet[str] = frozenset()
    """Companies of which nothing is to be told."""
    listings: Mapping[str, tuple[str, ...]] = {}
    """By company, the keys of listings that are new since alerts were raised last."""


def grounds(rules: Iterable[Rule], facts: Facts) -> Iterator[Ground]:
    """Yield what the rules have to tell, by rule and company."""
    for rule in rules:
        if rule.level is not None:
            found = _crossed(rule, facts)
        elif rule.jump is not None:
            found = _jumped(rule, facts)
        else:
            found = _listed(facts)
        yield from (one for one in found if one.company not in facts.silent)


def stand(rule: Rule, facts: Facts) -> set[str]:
    """Return the companies of which a rule is not to tell again what it has told, or passed over.

    For a level: those over its bound, or not yet more than the margin below once they were over
    it. For a jump: those whose jump was passed over, for as long as it is within the days.
    """
    if rule.jump is not None:
        return _passed_over(rule, facts)
    if rule.level is None:
        return set()
    least = bound(rule.level)
    stood = facts.stances.get(rule.name, frozenset())
    return {
        company
        for company, value in facts.scores.items()
        if value >= (least - rule.margin if company in stood else least)
    }


def bound(name: str) -> float:
    """Return the score from which a level begins."""
    names = list(LEVELS)
    return float(LEVELS[names[names.index(name) - 1]])


def _crossed(rule: Rule, facts: Facts) -> Iterator[Ground]:
    if rule.name not in facts.stances:
        return  # applied for the first time: where scores stand now is where it begins
    stood, stands = facts.stances[rule.name], stand(rule, facts)
    for company in sorted(stood ^ stands):
        if company in facts.scores:
            before = facts.before.get(company, 0.0)
            verb = "reached" if company in stands else "left"
            yield Ground(rule.name, company, before, f"{verb} the level {rule.level}")


def _jumped(rule: Rule, facts: Facts) -> Iterator[Ground]:
    passed = _passed_over(rule, facts)
    for company, before in _jumps(rule, facts).items():
        if company not in passed:
            value, days = facts.scores[company], f"{rule.days} day{'s' * (rule.days != 1)}"
            verb = "rose" if value > before else "fell"
            why = f"{verb} by {abs(value - before):.1f} points within {days}"
            yield Ground(rule.name, company, before, why)


def _jumps(rule: Rule, facts: Facts) -> dict[str, float]:
    """Return the companies that jumped within the days, each with the score it jumped from.

    That is the farthest of the days, or what was told of it meanwhile: a jump is told once. Of one
    whose jump was passed over, the last score: it jumps anew from there.
    """
    assert rule.jump is not None  # noqa: S101 (a rule about jumps)
    since = facts.as_of - timedelta(days=rule.days)
    extremes = facts.extremes(since)
    stood = facts.stances.get(rule.name, frozenset())
    recent = {
        one.company: one.value for one in facts.told if one.rule == rule.name and one.as_of >= since
    }
    found = {}
    for company, value in sorted(facts.scores.items()):
        last = facts.before.get(company, 0.0)  # one that is new begins at none
        if company in recent:
            low = high = recent[company]
        else:
            low, high = extremes.get(company, (last, last))
        before = low if value - low >= high - value else high
        if company in stood and abs(value - last) >= rule.jump:
            before = last
        if abs(value - before) >= rule.jump:
            found[company] = before
    return found


def _passed_over(rule: Rule, facts: Facts) -> set[str]:
    """Return those whose jump is not told: before the rule was there, or while they are silent."""
    jumps = _jumps(rule, facts)
    if rule.name not in facts.stances:
        return set(jumps)
    stood = facts.stances[rule.name]
    anew = {one for one in jumps if jumps[one] == facts.before.get(one, 0.0)}
    return jumps.keys() & (facts.silent | (stood - anew))


def _listed(facts: Facts) -> Iterator[Ground]:
    for company, events in sorted(facts.listings.items()):
        before = facts.before.get(company, 0.0)
        more = f" and {len(events) - 3} more" if len(events) > 3 else ""  # noqa: PLR2004
        yield Ground("listing", company, before, f"listed: {', '.join(events[:3])}{more}", events)


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


def ref(body: Mapping[str, Any]) -> str:
    """Return under which key an alert is an entry."""
    corrects = f" corrects {body['corrects']}" if "corrects" in body else ""
    return f"{body['company']} {body['as_of']}{corrects}"


def canonical(body: Mapping[str, Any]) -> str:
    """Return what is kept of an alert: JSON, keys sorted, without spaces."""
    return json.dumps(body, ensure_ascii=False, separators=(",", ":"), sort_keys=True)
