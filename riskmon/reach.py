"""Reach: with what weight a rule bears on companies named, on those they own, on those in scope.

docs/model.md, "Weight of a company": the greatest of the three.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from riskmon.evaluators import Flags, Floats, Ints
from riskmon.matters import Matters, Named
from riskmon.rules import Terms
from riskmon.told import Codes
from riskmon.world import World

ROUNDING = 1e-9
"""Shares that add up to the threshold in decimals may miss it by this much in binary."""

NAMED, OWNED, SCOPE = 0, 1, 2
VIA = ("named", "owned", "scope")


class Reached(NamedTuple):
    """Which company a matter bears on, with what weight above 0, by what; sorted, once each."""

    matter: Ints
    company: Ints
    weight: Floats
    via: Ints

    def some(self, rows: Ints | Flags) -> Reached:
        """Return some of them."""
        return Reached(self.matter[rows], self.company[rows], self.weight[rows], self.via[rows])


def by_name(terms: Terms, roles: Codes, named: Named, reads: Flags) -> Reached:
    """Return the companies that the matters read name, each by the greatest of its roles."""
    weights = np.array([terms.roles.get(role, 0.0) for role in roles.names])
    keep = np.flatnonzero(reads[named.matter])
    weight = weights[named.role[keep]]
    keep, weight = keep[weight > 0], weight[weight > 0]
    matter, company = named.matter[keep], named.company[keep]
    first = _first(matter, company)
    best = np.maximum.reduceat(weight, first) if len(first) else weight
    return Reached(matter[first], company[first], best, np.full(len(first), NAMED))


def by_owner(terms: Terms, named: Reached, world: World) -> Reached:
    """Return those, and whom they own: a named company may carry more through its own owners."""
    if not (terms.control or terms.minority):
        return named
    inside = np.flatnonzero(world.around[named.company])
    first = np.flatnonzero(np.diff(named.matter[inside], prepend=-1))
    profiles: dict[tuple[tuple[int, float], ...], dict[int, float]] = {}
    matters, companies, weights = [], [], []
    pairs = list(zip(named.company[inside].tolist(), named.weight[inside].tolist(), strict=True))
    bounds = [*first.tolist(), len(pairs)]
    of = named.matter[inside][first].tolist()
    for matter, begin, end in zip(of, bounds, bounds[1:], strict=False):
        profile = tuple(pairs[begin:end])
        if profile not in profiles:
            profiles[profile] = through_owners(terms, dict(profile), world)
        for company, weight in profiles[profile].items():
            matters.append(matter)
            companies.append(company)
            weights.append(weight)
    owned = np.full(len(matters), OWNED)
    return _joined(
        named, Reached(np.array(matters, int), np.array(companies, int), np.array(weights), owned)
    )


def through_owners(terms: Terms, named: Mapping[int, float], world: World) -> dict[int, float]:
    """Return the weights that companies carry because of who owns them.

    Shares of carrying owners are added, never multiplied along a chain: OFAC FAQ 401,
    https://ofac.treasury.gov/faqs/401
    """
    value = dict(named)
    if terms.control > 0:
        _control(terms, value, world)
    held = {company for owner in value for company in world.owned.get(owner, ())}
    minority = {
        company: terms.minority
        * math.fsum(share * value[o] for o, share in world.owners[company] if o in value)
        for company in held - value.keys()
    }
    return {**value, **minority}


def _control(terms: Terms, value: dict[int, float], world: World) -> None:
    """Add to `value`, by carrier, those whose carrying owners' shares reach the threshold."""
    pending = list(value)
    while pending:  # a carrier makes carriers of those it helps to own
        for company in sorted(world.owned.get(pending.pop(), ())):
            shares = [share for owner, share in world.owners[company] if owner in value]
            if company not in value and math.fsum(shares) >= terms.threshold - ROUNDING:
                value[company] = 0.0
                pending.append(company)
    pending = list(value)
    while pending:  # control <= 1, so values rise to a fixed point and stay there
        owner = pending.pop()
        for company in world.owned.get(owner, ()):
            if company in value and terms.control * value[owner] > value[company]:
                value[company] = terms.control * value[owner]
                pending.append(company)


def groups(matters: Matters, reads: Flags, found: Codes) -> Ints:
    """Return for each matter a number in `found` for the set of its scopes; -1 for none.

    `found` numbers sets of numbers of `told.scopes`; a matter of one scope is the rule.
    """
    scope = matters.of("scope").astype(np.int64)
    rows = np.flatnonzero((scope > 0) & reads[matters.matter])
    keys = np.unique(matters.matter[rows] * (int(scope.max(initial=0)) + 1) + scope[rows])
    matter, scope = np.divmod(keys, int(matters.of("scope").max(initial=0)) + 1)
    group = np.full(len(matters), -1)
    first = np.flatnonzero(np.diff(matter, prepend=-1))
    counts = np.diff(np.append(first, len(matter)))
    single = counts == 1
    used, place = np.unique(scope[first[single]], return_inverse=True)
    numbers = np.array([found[frozenset([one])] for one in used.tolist()], int)
    group[matter[first[single]]] = numbers[place] if len(used) else -1
    for begin, count in zip(first[~single].tolist(), counts[~single].tolist(), strict=True):
        group[matter[begin]] = found[frozenset(scope[begin : begin + count].tolist())]
    return group


def _joined(named: Reached, owned: Reached) -> Reached:
    """Return both, each matter and company once: the greater weight, by name where it is equal."""
    both = Reached(
        np.append(named.matter, owned.matter),
        np.append(named.company, owned.company),
        np.append(named.weight, owned.weight),
        np.append(named.via, owned.via),
    )
    order = np.lexsort((both.via, -both.weight, both.company, both.matter))
    order = order[_first(both.matter[order], both.company[order])]
    order = order[both.weight[order] > 0]
    return both.some(order)


def _first(matter: Ints, company: Ints) -> Ints:
    """Return where each pair comes first, where equal ones stand together."""
    new = (np.diff(matter, prepend=-1) != 0) | (np.diff(company, prepend=-1) != 0)
    return np.flatnonzero(new)
