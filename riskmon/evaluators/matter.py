"""The standard evaluator: where a matter stands, how likely that makes the risk, and for whom.

    h = S x likelihood x weight x decay        one line: (rule, matter, company)

docs/model.md, "How a line is computed", has the four steps; they follow here in its order.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import NamedTuple

from riskmon.model import Event, Line, Matter
from riskmon.rules import Factor, Terms
from riskmon.world import World

SECONDS_PER_DAY = 86_400
ROUNDING = 1e-9
"""Shares that add up to the threshold in decimals may miss it by this much in binary."""


class Standing(NamedTuple):
    """Where a matter stands: how likely the risk is, since when, at which official stage."""

    likelihood: float
    since: datetime | None
    stage: str | None


def lines(rule: Terms, matter: Matter, world: World, at: datetime) -> Iterator[Line]:
    """Yield the lines of one rule on one matter at `at`, one for each company it reaches."""
    if not reads(rule, matter):
        return
    walked = tuple(e for e in matter.events if e.type in rule.stages and e.occurred_at <= at)
    if not walked:
        return
    neutral = stand(rule, walked, world, None)
    partial = _conflicted(rule, walked, world)
    severity_hazard = rule.hazard
    for company, (weight, via) in weigh(rule, matter, world).items():
        standing = stand(rule, walked, world, company) if company in partial else neutral
        if standing.since is None:
            continue
        decay = _decay(rule, standing, at)
        hazard = severity_hazard * standing.likelihood * weight * decay
        if hazard > 0:
            yield Line(
                company=company,
                rule=rule.id,
                category=rule.category,
                matter=matter.id,
                hazard=hazard,
                severity=rule.severity,
                likelihood=standing.likelihood,
                weight=weight,
                decay=decay,
                stage=standing.stage,
                since=standing.since,
                via=via,
                events=walked,
            )


# 1. Which matters


def reads(rule: Terms, matter: Matter) -> bool:
    """Whether the rule reads the matter: one of its stages, and one of its topics."""
    if rule.topics and rule.topics.isdisjoint(matter.topics):
        return False
    return any(event.type in rule.stages for event in matter.events)


# 2. Weight of a company


def weigh(rule: Terms, matter: Matter, world: World) -> dict[str, tuple[float, str]]:
    """Return, for each company that the rule reaches, the greatest of its weights and by what."""
    named = {
        company: max(rule.roles.get(role, 0.0) for role in roles)
        for company, roles in matter.roles.items()
    }
    weights = {company: (weight, "named") for company, weight in named.items() if weight > 0}
    ways: list[tuple[str, Mapping[str, float]]]
    ways = [("owned", through_owners(rule, weights, world))] if weights else []
    if rule.scope > 0:
        ways += [("scope", world.exposed(scope)) for scope in matter.scopes]
    for via, reached in ways:
        factor = rule.scope if via == "scope" else 1.0
        for company, weight in reached.items():
            if factor * weight > weights.get(company, (0.0, ""))[0]:
                weights[company] = (factor * weight, via)
    return weights


def through_owners(
    rule: Terms, named: Mapping[str, tuple[float, str]], world: World
) -> dict[str, float]:
    """Return the weights that companies carry because of who owns them.

    Shares of carrying owners are added, never multiplied along a chain: OFAC FAQ 401,
    https://ofac.treasury.gov/faqs/401
    """
    value = {company: weight for company, (weight, _) in named.items()}
    if rule.control > 0:
        _control(rule, value, world)
    held = {company for owner in value for company in world.owned.get(owner, ())}
    minority = {
        company: rule.minority
        * math.fsum(share * value[o] for o, share in world.owners[company] if o in value)
        for company in held - value.keys()
    }
    return {**value, **minority}


def _control(rule: Terms, value: dict[str, float], world: World) -> None:
    """Add to `value`, by carrier, those whose carrying owners' shares reach the threshold."""
    pending = list(value)
    while pending:  # a carrier makes carriers of those it helps to own
        for company in sorted(world.owned.get(pending.pop(), ())):
            shares = [share for owner, share in world.owners[company] if owner in value]
            if company not in value and math.fsum(shares) >= rule.threshold - ROUNDING:
                value[company] = 0.0
                pending.append(company)
    pending = list(value)
    while pending:  # control <= 1, so values rise to a fixed point and stay there
        owner = pending.pop()
        for company in world.owned.get(owner, ()):
            if company in value and rule.control * value[owner] > value[company]:
                value[company] = rule.control * value[owner]
                pending.append(company)


# 3. Likelihood


def stand(rule: Terms, walked: tuple[Event, ...], world: World, company: str | None) -> Standing:
    """Walk the events and return where the matter stands, as seen for `company`.

    `company` matters only where a publisher is not neutral about it; None is everybody else.
    """
    best: dict[str, float] = {}
    official: float | None = None
    multipliers: dict[str, float] = {}
    stage: str | None = None
    since: datetime | None = None
    for event in walked:
        found = rule.stages[event.type]
        if isinstance(found, str):
            publisher = world.teller(event)
            evidence = event.credibility if event.credibility is not None else publisher.credibility
            if company in publisher.conflicts:
                evidence /= 2
            group = publisher.group or publisher.id
            if evidence > best.get(group, 0.0):
                best[group] = evidence
                since = event.occurred_at if official is None else since
        elif isinstance(found, Factor):
            multipliers[event.type] = found
        else:
            official, stage, since = found, event.type, event.occurred_at
            multipliers.clear()
    claimed = min(rule.cap, 1 - math.prod(1 - evidence for evidence in best.values()))
    base = claimed if official is None else official
    return Standing(base * math.prod(multipliers.values()), since, stage)


def _conflicted(rule: Terms, walked: tuple[Event, ...], world: World) -> set[str]:
    return {
        company
        for event in walked
        if rule.stages[event.type] == "sources"
        for company in world.teller(event).conflicts
    }


# 4. Decay


def _decay(rule: Terms, standing: Standing, at: datetime) -> float:
    if standing.stage in rule.open:
        return 1.0
    if standing.since is None or rule.half_life_days <= 0:
        return 0.0
    age_days = (at - standing.since).total_seconds() / SECONDS_PER_DAY
    return math.exp2(-age_days / rule.half_life_days)
