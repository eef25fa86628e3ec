"""The standard evaluator: a matter's events walked in order, as docs/model.md has it.

    likelihood = (official stage, else min(cap, 1 - product of (1 - evidence))) x the multipliers

All matters walk at once: the first events of all, then the second ones of those that have any.
"""

from __future__ import annotations

import numpy as np

from riskmon.evaluators import NEVER, NUMBER, SOURCES, TIMES, Flags, Floats, Found, Ints, Walk
from riskmon.model import Noun
from riskmon.rules import Terms

VERSION = "1"
UNIT = "matter"


class Parameters(Noun):
    """None: all is in the rule's own fields."""


class _Standing:
    """Where each matter stands, while it walks."""

    def __init__(self, matters: int, groups: int) -> None:
        self.official = np.full(matters, np.nan)
        self.stage = np.full(matters, -1)
        self.since = np.full(matters, NEVER)
        self.disbelief = np.ones(matters)
        """Product of (1 - best evidence) over the groups that told of it."""
        self.best = np.zeros(groups)
        """Best evidence of each group on each matter."""
        self.factor = np.ones(matters)

    def claim(self, matter: Ints, group: Ints, evidence: Floats, occurred: Ints) -> None:
        """Take the best of each group; a rise restarts the clock where no stage is official."""
        before = self.best[group]
        rises = evidence > before
        matter, group, before = matter[rises], group[rises], before[rises]
        self.best[group] = evidence[rises]
        self.disbelief[matter] *= (1 - evidence[rises]) / (1 - before)
        claimed = np.isnan(self.official[matter])
        self.since[matter[claimed]] = occurred[rises][claimed]

    def become(self, matter: Ints, events: Ints, likelihood: Floats, occurred: Ints) -> None:
        """Set the likelihood, restart the clock and clear the multipliers: a stage is official."""
        self.official[matter] = likelihood
        self.stage[matter] = events
        self.since[matter] = occurred
        self.factor[matter] = 1.0

    def likelihood(self, matter: Ints, cap: float) -> Floats:
        """How likely the risk is, where the matter stands."""
        official = self.official[matter]
        claimed = np.minimum(cap, 1 - self.disbelief[matter])
        found: Floats = np.where(np.isnan(official), claimed, official) * self.factor[matter]
        return np.where(self.since[matter] == NEVER, 0.0, found)


def evaluate(parameters: Parameters, terms: Terms, walk: Walk) -> Found:
    """Return where each matter stands after each of its events."""
    del parameters
    counts = np.diff(walk.starts)
    matter = np.repeat(np.arange(len(counts)), counts)
    groups = _numbered(matter, walk.group)
    again = _repeats(walk, matter)
    standing = _Standing(len(counts), int(groups.max(initial=-1)) + 1)
    likelihood = np.zeros(len(matter))
    since, stage = np.full(len(matter), NEVER), np.full(len(matter), -1)
    longest_first = np.argsort(-counts, kind="stable")
    first = walk.starts[:-1][longest_first]
    remaining = -counts[longest_first]
    for step in range(int(counts.max(initial=0))):
        events = first[: np.searchsorted(remaining, -step)] + step
        kind = walk.kind[events]
        claims = events[kind == SOURCES]
        standing.claim(matter[claims], groups[claims], walk.value[claims], walk.occurred[claims])
        multiplied = events[(kind == TIMES) & ~again[events]]
        standing.factor[matter[multiplied]] *= walk.value[multiplied]
        stages = events[kind == NUMBER]
        standing.become(matter[stages], stages, walk.value[stages], walk.occurred[stages])
        walked = matter[events]
        likelihood[events] = standing.likelihood(walked, terms.cap)
        since[events], stage[events] = standing.since[walked], standing.stage[walked]
    return Found(likelihood, since, stage)


def _numbered(matter: Ints, group: Ints) -> Ints:
    """Return a number for each pair of matter and group."""
    pairs = matter * (int(group.max(initial=0)) + 1) + group
    found: Ints = np.unique(pairs, return_inverse=True)[1]
    return found


def _repeats(walk: Walk, matter: Ints) -> Flags:
    """Return which events multiply by a type that did already since the last official stage."""
    again = np.zeros(len(matter), bool)
    times = np.flatnonzero(walk.kind == TIMES)
    if len(times):
        begins = walk.kind == NUMBER
        begins[walk.starts[:-1]] = True
        stretch = np.cumsum(begins)[times]
        keys = stretch * (int(walk.type.max()) + 1) + walk.type[times]
        again[times] = True
        again[times[np.unique(keys, return_index=True)[1]]] = False
    return again
