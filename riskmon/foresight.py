"""Foresight: how well rules anticipate listings, beside a plain count of events.

Each listing is judged by what had been said the moment before it, and by nothing else. A company
counts once, by the first listing that names it.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

import numpy as np

from riskmon.evaluators import Flags, Floats, Ints
from riskmon.forms import microseconds, since_1970
from riskmon.model import LEVELS, points
from riskmon.ruleset import Ruleset
from riskmon.scoring import View, points_of
from riskmon.standing import Standing
from riskmon.told import FOR_EVER
from riskmon.whatif import ranked

LISTED = "listing.listed"
HORIZON = timedelta(days=365)
"""A listing within this time of an alarm makes it a true one."""
EVERY = timedelta(days=91)
"""How often all companies are looked at."""
ALARM = float(LEVELS["low"])
"""Points from which a level is above low."""
WEEK = timedelta(days=7)
LONGEST = 104
"""Weeks that are looked back, one by one, for when the alarm was raised."""


class Foresight(NamedTuple):
    """How well scores, or a count of events, anticipate listings."""

    name: str
    listings: int
    """Companies that were listed."""
    hits: int
    """Those of them that had an alarm the moment before."""
    days_before: float
    """How long the alarm had stood then, the median of the hits; NaN where there are none.

    In whole weeks, each judged by what had been said by then; two years at most.
    """
    alarms: int
    """How often a company not yet listed had an alarm, looking every quarter."""
    false_alarms: int
    """Those of them that no listing followed within a year."""
    auc: float
    """How often one that was listed within a year ranks above one that was not; NaN for none."""

    @property
    def hit_rate(self) -> float:
        """Share of the listings that had an alarm; NaN where there are none."""
        return self.hits / self.listings if self.listings else float("nan")


class _Panel(NamedTuple):
    """Companies not yet listed, on days a quarter apart; and whether a listing followed."""

    truth: Flags
    scores: list[Floats]
    """For each ruleset."""
    counts: Ints


class _Before(NamedTuple):
    """A listing, the moment before."""

    scores: list[float]
    days: list[float]
    events: int


def foresight(standing: Standing, rulesets: Sequence[tuple[str, Ruleset]]) -> list[Foresight]:
    """Return how well each ruleset anticipates, and last how well a count of events does."""
    listed = first_listings(standing)
    panel = _panel(standing, [one for _, one in rulesets], listed)
    before = [_before(standing, [r for _, r in rulesets], *one) for one in listed.items()]
    found = []
    for place, (name, _) in enumerate(rulesets):
        hits = [one.days[place] for one in before if one.scores[place] >= ALARM]
        found.append(_judged(name, len(listed), hits, panel.scores[place], ALARM, panel.truth))
    # The count's alarm is set so that it raises about as many as the first ruleset does.
    wanted = int((panel.scores[0] >= ALARM).sum()) if len(rulesets) else 0
    bound = _bound(panel.counts, wanted)
    days = [float("nan") for one in before if one.events >= bound]
    counts = panel.counts.astype(float)
    name = f"{bound} events in a year"
    found.append(_judged(name, len(listed), days, counts, bound, panel.truth))
    return found


def _judged(
    name: str, listings: int, hits: list[float], scores: Floats, bound: float, truth: Flags
) -> Foresight:
    alarms = scores >= bound
    return Foresight(
        name=name,
        listings=listings,
        hits=len(hits),
        days_before=float(np.median(hits)) if hits else float("nan"),
        alarms=int(alarms.sum()),
        false_alarms=int((alarms & ~truth).sum()),
        auc=ranked(scores, truth),
    )


def first_listings(standing: Standing) -> dict[str, datetime]:
    """Return when each company was first listed, by company."""
    told = standing.told
    code = told.types.get(LISTED)
    rows = standing.rows[told.rows["type"][standing.rows] == code] if code is not None else []
    found: dict[str, int] = {}
    pairs = standing.naming_pairs(np.asarray(rows, np.int64), role="subject")
    for company, row in zip(*pairs, strict=True):
        at = int(told.rows["occurred"][row])
        name = standing.roster.ids[company]
        found[name] = min(found.get(name, at), at)
    return {company: since_1970(at) for company, at in sorted(found.items())}


def _before(
    standing: Standing, rulesets: Sequence[Ruleset], company: str, listed: datetime
) -> _Before:
    at = listed - timedelta(microseconds=1)
    known = standing.said_by(at)
    scores, days = [], []
    for ruleset in rulesets:
        scores.append(_score(known, ruleset, company, at))
        weeks = 0 if scores[-1] >= ALARM else LONGEST
        while weeks < LONGEST:
            earlier = at - (weeks + 1) * WEEK
            if _score(standing.said_by(earlier), ruleset, company, earlier) < ALARM:
                break
            weeks += 1
        days.append(weeks * float(WEEK.days))
    return _Before(scores, days, int(_counts(known, at)[standing.roster.codes[company]]))


def _score(known: Standing, ruleset: Ruleset, company: str, at: datetime) -> float:
    return points(View(known, ruleset, frozenset({company})).hazard(company, at))


def _panel(standing: Standing, rulesets: Sequence[Ruleset], listed: dict[str, datetime]) -> _Panel:
    occurred = standing.told.rows["occurred"][standing.rows]
    ids = standing.roster.ids
    at_ = [microseconds(listed[one]) if one in listed else FOR_EVER for one in ids]
    when = np.array(at_, np.int64)
    truth, counts = [np.zeros(0, bool)], [np.zeros(0, np.int64)]
    scores: list[list[Floats]] = [[np.zeros(0)] for _ in rulesets]
    if len(occurred):
        at, last = since_1970(int(occurred.min())) + HORIZON, since_1970(int(occurred.max()))
        while at + HORIZON <= last:
            known = standing.said_by(at)
            watched = when > microseconds(at)
            truth.append(when[watched] <= microseconds(at + HORIZON))
            counts.append(_counts(known, at)[watched])
            for place, ruleset in enumerate(rulesets):
                scores[place].append(points_of(View(known, ruleset).hazards(at))[watched])
            at += EVERY
    return _Panel(
        np.concatenate(truth), [np.concatenate(one) for one in scores], np.concatenate(counts)
    )


def _counts(known: Standing, at: datetime) -> Ints:
    """Return how many events of the year before `at` name each company."""
    occurred = known.told.rows["occurred"][known.rows]
    recent = (occurred > microseconds(at - HORIZON)) & (occurred <= microseconds(at))
    company, _ = known.naming_pairs(known.rows[recent])
    return np.bincount(company, minlength=len(known.roster.ids))


def _bound(counts: Ints, wanted: int) -> int:
    """Return the least count that raises no more than about `wanted` alarms; at least 1."""
    bounds = np.arange(1, int(counts.max(initial=0)) + 2)
    alarms = len(counts) - np.searchsorted(np.sort(counts), bounds)
    return int(bounds[np.argmin(np.abs(alarms - wanted))])
