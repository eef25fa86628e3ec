"""Surge: unusually many matters about one company in a window, against its own past.

    likelihood = cap x (2 P(fewer than n) - 1)    where that is above 0, and n at least `least`

n is how many matters of the company began within the window before an event; how many are usual is
Poisson with the mean of the `baseline` before the window, and one more (so that a quiet past is not
taken for silence). With as many as usual the odds of fewer are even, and it is no surge. Published
scan statistics do the same over space: Kulldorff, Communications in Statistics 26, 1997,
https://doi.org/10.1080/03610929708831995
"""

from __future__ import annotations

from typing import Annotated

import numpy as np
from pydantic import Field

from riskmon.evaluators import DAY, NEVER, Floats, Found, Ints, Walk
from riskmon.model import Noun
from riskmon.rules import Days, Terms

VERSION = "1"
UNIT = "company"
MOST_TERMS = 1000
"""Above so many usual matters, the normal distribution is near enough."""


class Parameters(Noun):
    """What is unusual."""

    window: Days = 30.0
    baseline: Days = 365.0
    least: Annotated[int, Field(strict=True, ge=1, le=1_000_000)] = 3


def evaluate(parameters: Parameters, terms: Terms, walk: Walk) -> Found:
    """Return how unusual the number of matters is after each event of a company."""
    counts = np.diff(walk.starts)
    company = np.repeat(np.arange(len(counts)), counts)
    begins = _first_of_matter(walk, company)
    width, past = (int(days * DAY) for days in (parameters.window, parameters.baseline))
    # Ranks in place of moments, so that companies stand apart and one search serves all.
    moments = walk.occurred
    asked = np.stack([moments, moments - width, moments - width - past])
    ranks = np.unique(asked, return_inverse=True)[1].reshape(asked.shape)
    apart = 3 * len(moments) + 1
    began = np.append(0, np.cumsum(begins))

    def until(ranked: Ints) -> Ints:
        """Return how many matters had begun by a moment, that included."""
        places = np.searchsorted(ranks[0] + company * apart, ranked + company * apart, "right")
        return began[places]

    now, before, long_before = map(until, ranks)
    found = now - before
    usual = (before - long_before + 1).astype(np.float64) * (width / past)
    above = np.maximum(2 * _fewer(found, usual) - 1, 0.0)
    likelihood = np.where(found >= parameters.least, terms.cap * above, 0.0)
    since = np.where(likelihood > 0, walk.occurred, NEVER)
    return Found(likelihood, since, np.full(len(since), -1))


def _first_of_matter(walk: Walk, company: Ints) -> Ints:
    """Return 1 for each event that is its company's first of a matter."""
    keys = company * (int(walk.matter.max(initial=0)) + 1) + walk.matter
    first = np.zeros(len(keys), np.int64)
    first[np.unique(keys, return_index=True)[1]] = 1
    return first


def _fewer(found: Ints, usual: Floats) -> Floats:
    """Return how likely fewer than `found` are, where `usual` are expected."""
    rate = np.minimum(usual, MOST_TERMS / 2)
    total, term = np.zeros(len(found)), np.exp(-rate)
    for number in range(int(min(found.max(initial=0), MOST_TERMS))):
        total += np.where(number < found, term, 0.0)
        term = term * rate / (number + 1)
    many = (found > MOST_TERMS) | (usual > MOST_TERMS / 2)
    near = 1 / (1 + np.exp(-1.702 * (found - 0.5 - usual) / np.sqrt(np.maximum(usual, 1))))
    return np.clip(np.where(many, near, total), 0.0, 1.0)
