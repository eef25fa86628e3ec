"""What a draft of the rules would have done: over the whole history, beside the rules in force."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

import numpy as np

from riskmon.evaluators import Flags, Floats
from riskmon.model import LEVELS, level
from riskmon.scoring import View, points_of

BOUNDS = np.array(sorted(LEVELS.values())[:-1], float)
"""Scores from which the second level and those above it begin."""
NAMES = tuple(sorted(LEVELS, key=LEVELS.__getitem__))
LEAST_POINTS = 0.005


class Cause(NamedTuple):
    """A line that is not the same under both rulesets, and its points under each."""

    rule: str
    matter: str
    now: float
    then: float


class Difference(NamedTuple):
    """A company's score under the rules in force, and under the draft."""

    company: str
    name: str
    now: float
    then: float
    level_now: str
    level_then: str
    why: list[Cause]
    """The lines that differ, furthest first."""


class Spell(NamedTuple):
    """Days on which a company has one level under the rules in force, another under the draft."""

    company: str
    start: datetime
    end: datetime
    """The first of the days compared on which it is so, and the last."""
    level_now: str
    level_then: str
    why: list[Cause]
    """The lines that differ on the first day."""


def differences(now: View, then: View, at: datetime) -> list[Difference]:
    """Return the companies whose score differs at `at`, furthest first."""
    return furthest(now, then, at, len(now.ids))[0]


def furthest(now: View, then: View, at: datetime, limit: int) -> tuple[list[Difference], int]:
    """Return the `limit` companies whose score differs most at `at`, and how many differ."""
    before, after = (points_of(view.course([at])[0]) for view in (now, then))
    order = np.argsort(-np.abs(after - before), kind="stable")
    order = order[np.abs(after - before)[order] >= LEAST_POINTS]
    found = []
    for number in order[:limit].tolist():
        company = now.ids[number]
        found.append(
            Difference(
                company,
                now.standing.companies[company].name,
                float(before[number]),
                float(after[number]),
                level(before[number]),
                level(after[number]),
                causes(now, then, company, at),
            )
        )
    return found, len(order)


def causes(now: View, then: View, company: str, at: datetime) -> list[Cause]:
    """Return the lines of a company that differ between two rulesets, furthest first."""
    before, after = (_lines(view, company, at) for view in (now, then))
    found = []
    for key in {**before, **after}:
        (hazard, one), (other_hazard, other) = (
            side.get(key, (0.0, 0.0)) for side in (before, after)
        )
        # Where only the rest of the score changed, a line's share of it did too: that is no cause.
        if not math.isclose(hazard, other_hazard, rel_tol=1e-9):
            found.append(Cause(*key, one, other))
    return sorted(found, key=lambda one: (-abs(one.then - one.now), one.rule, one.matter))


def _lines(view: View, company: str, at: datetime) -> dict[tuple[str, str], tuple[float, float]]:
    """Return hazard and points of each line, by rule and matter."""
    lines = view.score(company, at).lines
    return {(line.rule, line.matter): (line.hazard, line.points) for line in lines}


def spells(now: View, then: View, moments: Sequence[datetime]) -> list[Spell]:
    """Return when the levels of a company differ, by company and time.

    `moments`: the days to compare, in order.
    """
    open_: dict[int, tuple[int, int, int]] = {}
    found: list[tuple[int, datetime, datetime, int, int]] = []
    previous = np.full(len(now.ids), -1)
    for place, at in enumerate(moments):
        levels = [_levels(points_of(view.hazards(at))) for view in (now, then)]
        pair = np.where(levels[0] != levels[1], levels[0] * len(NAMES) + levels[1], -1)
        for number in np.flatnonzero(pair != previous).tolist():
            if number in open_:
                start, one, other = open_.pop(number)
                found.append((number, moments[start], moments[place - 1], one, other))
            if pair[number] >= 0:
                open_[number] = (place, *divmod(int(pair[number]), len(NAMES)))
        previous = pair
    for number, (start, one, other) in open_.items():
        found.append((number, moments[start], moments[-1], one, other))
    return [
        Spell(
            now.ids[number],
            start,
            end,
            NAMES[one],
            NAMES[other],
            causes(now, then, now.ids[number], start),
        )
        for number, start, end, one, other in sorted(found)
    ]


def _levels(scores: Floats) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    return np.searchsorted(BOUNDS, scores, side="right")


def ranked(scores: Floats, truth: Flags) -> float:
    """Return the area under the ROC curve: how often what came is ranked above what did not.

    Equal ones count half. NaN where all or none came. Hanley and McNeil, Radiology 143, 1982.
    """
    came, did_not = int(truth.sum()), int((~truth).sum())
    if not (came and did_not):
        return float("nan")
    _, place, counts = np.unique(scores, return_inverse=True, return_counts=True)
    rank = (np.cumsum(counts) - (counts - 1) / 2)[place]
    return float((rank[truth].sum() - came * (came + 1) / 2) / (came * did_not))
