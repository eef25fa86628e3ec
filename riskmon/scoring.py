"""The scores of a prefix of the log: layers of matters, and what they come to. Pure."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import groupby
from typing import NamedTuple, overload

import numpy as np

from riskmon import sums
from riskmon.bearing import Bearing
from riskmon.errors import UsageError
from riskmon.evaluators import Flags, Floats, Ints, evaluators
from riskmon.forms import duration, microseconds
from riskmon.layer import Layer, Watched
from riskmon.matters import Matters
from riskmon.model import DECIMALS, Line, Score
from riskmon.roster import NOBODY, Roster
from riskmon.ruleset import Ruleset
from riskmon.standing import Standing
from riskmon.sums import Sums
from riskmon.walks import Tellers
from riskmon.world import Worlds

STATUSES = COUNTED, SHOWN = "stable", "experimental"
"""Statuses of the rules that are computed; the others are not."""

MOST_LAYERS = 8
"""Small layers are made one before there are more."""
LEAST_WHOLE = 0.2
"""Where small layers would have this share of the matters, all is made anew."""
KEPT_BEARINGS = 64
KEPT_MOMENTS = 64
"""At which the hazards of all companies are kept, those asked for last."""
LEAST_STEP = timedelta(hours=1)
MOST_STEPS = 100_000


class Held(NamedTuple):
    """A layer, and which of its units no later layer has replaced."""

    layer: Layer
    alive: Flags


class Part(NamedTuple):
    """A layer of a view, and the place in the view's `ids` of each company here; -1 for none."""

    layer: Layer
    alive: Flags
    places: Ints


class View:
    """What bears on all companies, or on some. It does not change: lines are drawn when asked."""

    def __init__(
        self,
        standing: Standing,
        ruleset: Ruleset,
        companies: frozenset[str] | None = None,
        failed: Mapping[str, str] | None = None,
    ) -> None:
        """`failed`: rules that fail on what is not here, each with the reason."""
        self.standing, self.ruleset, self.companies = standing, ruleset, companies
        roster = standing.roster
        ids = roster.ids if companies is None else sorted(standing.above(companies))
        self._codes = {one: number for number, one in enumerate(ids)}
        self._watched = Watched(ids, Worlds([standing.companies[one] for one in ids]))
        self._number(roster)
        self._start({**ruleset.outdated, **(failed or {})})
        self._matters = {status: self._layers(None, status, "matter") for status in STATUSES}
        self._make_companies()

    def _number(self, roster: Roster) -> None:
        """Note the number here of each company of the roster."""
        self._numbers = np.full(len(roster.ids) + 1, NOBODY)
        self._numbers[[roster.codes[one] for one in self._codes]] = np.arange(len(self._codes))

    def _start(self, failed: dict[str, str]) -> None:
        self.failed = failed
        """Rules that failed, each with the reason; the others' scores stand."""
        self._lock = threading.Lock()
        self._sums: dict[int, Sums] = {}
        self._courses: dict[datetime, Floats] = {}
        self._bearings: dict[tuple[str, str, int], list[Bearing]] = {}

    def _make_companies(self) -> None:
        """Make the layers of rules that are about all matters of a company."""
        self._companies = {status: self._layers(None, status, "company") for status in STATUSES}

    def _layers(self, rows: Ints | None, status: str, unit: str) -> list[Held]:
        """Return the layer of `rows`, or of all, under rules of a status and a kind of unit."""
        rules = [
            rule
            for rule in self.ruleset.rules
            if rule.status == status
            and rule.id not in self.failed
            and evaluators()[rule.evaluator].UNIT == unit
        ]
        if not rules:
            return []
        standing = self.standing
        if rows is None:
            some = self.companies
            rows = standing.rows if some is None else standing.bearing(some)
        told = standing.told
        resolved = self._numbers[standing.roster.resolved(told.named.names)]
        codes = self._codes
        into = {one: codes[other] for one, other in standing.roster.into.items() if other in codes}
        tellers = Tellers(told.tellers.names, self.ruleset.publishers, {**codes, **into})
        layer = Layer(
            rules, Matters(told, rows, resolved), tellers, self._watched, standing.meeting
        )
        self.failed |= layer.failed
        return [Held(layer, np.ones(layer.pieces.units, bool))]

    # Forward

    def forward(self, standing: Standing, touched: Ints) -> View:
        """Return the view of a later prefix in which, of all, only some matters changed.

        `touched`: their numbers in the log. Companies and ruleset are the same.
        """
        told = standing.told
        kept = {status: list(held) for status, held in self._matters.items()}
        small = [held for layers in kept.values() for held in layers[1:]]
        again = touched
        if len(kept[COUNTED]) > MOST_LAYERS:
            again = np.union1d(touched, np.concatenate([one.matter[alive] for one, alive in small]))
            kept = {status: layers[:1] for status, layers in kept.items()}
        failing = self.failed.keys() != self.ruleset.outdated.keys()  # a rule may be mended now
        if failing or len(again) > LEAST_WHOLE * max(len(told.matters), 1):
            return View(standing, self.ruleset, self.companies)
        fresh = object.__new__(View)
        fresh.__dict__ |= self.__dict__
        fresh.standing = standing
        if standing.roster.ids is not self.standing.roster.ids:  # some came
            fresh._number(standing.roster)
        fresh._start(dict(self.failed))
        rows = told.standing(standing.position, told.rows_of(again.tolist()))
        fresh._matters = {
            status: [
                *(self._without(fresh, held, touched) for held in layers),
                *fresh._layers(rows, status, "matter"),
            ]
            for status, layers in kept.items()
        }
        fresh._make_companies()
        if fresh.failed.keys() != self.failed.keys():
            return View(standing, self.ruleset, self.companies)
        return fresh

    def _without(self, fresh: View, held: Held, matters: Ints) -> Held:
        """Return a layer without the units of some matters; its sums are carried to `fresh`."""
        layer, alive = held
        units, _ = layer.of_matter.find(matters)
        units = units[alive[units]]
        if len(units):
            alive = alive.copy()
            alive[units] = False
        if id(layer) in self._sums:
            fresh._sums[id(layer)] = sums.without(self._sums[id(layer)], layer, units)
        return Held(layer, alive)

    def like(self, standing: Standing) -> View:
        """Return what bears, by the same rules, on the companies of a prefix."""
        return View(standing, self.ruleset)

    # Scores

    def _held(self, status: str) -> list[Held]:
        return [*self._matters[status], *self._companies[status]]

    def hazards(self, at: datetime) -> Floats:
        """Return the hazard of every company at `at`, in the order of their ids."""
        total = np.zeros(len(self._watched.ids))
        for layer, alive in self._held(COUNTED):
            before = self._sums.get(id(layer))
            if before is None:
                now = sums.full(layer, alive, at)
            else:
                now = sums.moved(before, layer, alive, at)
            if before is None or now.at >= before.at:
                self._sums[id(layer)] = now
            total += now.total(layer.around_epoch(now.epoch)[1])
        return total

    def course(self, moments: Sequence[datetime]) -> list[Floats]:
        """Return the hazard of every company at each of some moments; by any thread.

        In order of time each costs what moved since the one before it, not the whole.
        """
        with self._lock:
            for at in moments:
                if at in self._courses:  # asked for last: dropped last
                    self._courses[at] = self._courses.pop(at)
            kept = {at: self._courses[at] for at in moments if at in self._courses}
        missing = sorted(set(moments) - kept.keys())
        fresh = dict(zip(missing, self._course(missing), strict=True))
        with self._lock:
            self._courses |= fresh
            while len(self._courses) > KEPT_MOMENTS:
                self._courses.pop(next(iter(self._courses)))
        return [kept[at] if at in kept else fresh[at] for at in moments]

    def _course(self, moments: Sequence[datetime]) -> list[Floats]:
        totals = [np.zeros(len(self.ids)) for _ in moments]
        for layer, alive in self._held(COUNTED):
            for place, found in enumerate(sums.course(layer, alive, moments)):
                totals[place] += found
        for one in totals:
            one.flags.writeable = False  # it is kept
        return totals

    def hazard(self, company: str, at: datetime) -> float:
        """Return the hazard of one company at `at`."""
        moment = microseconds(at)
        return sum(one.hazard(moment) for one in self.bearings(company, at))

    def course_of(self, company: str, moments: Sequence[datetime]) -> Floats:
        """Return the hazard of one company at each of some moments, which are in order."""
        epoch = self._watched.worlds.epoch
        found = [np.zeros(0)]
        for _, some in groupby(moments, epoch):
            alike = list(some)
            at = np.array([microseconds(one) for one in alike])
            bearings = self.bearings(company, alike[0])
            found.append(sum((one.course(at) for one in bearings), np.zeros(len(at))))
        return np.concatenate(found)

    def scores(self, at: datetime, known_at: datetime | None = None) -> Ranked:
        """Return the score of each company at `at`, highest first."""
        return Ranked(self, at, known_at or self.standing.recorded_at)

    def score(self, company: str, at: datetime, hazard: float | None = None) -> Score:
        """Return the score of one company at `at`; `hazard`, where it is known."""
        return Score(
            company=company,
            name=self.standing.companies[company].name,
            as_of=at,
            known_at=self.standing.recorded_at,
            position=self.standing.position,
            ruleset=self.ruleset.digest,
            hazard=self.hazard(company, at) if hazard is None else hazard,
            failed=self.failed,
            drawn=self,
        )

    @property
    def ids(self) -> Sequence[str]:
        """The companies, in the order of `hazards`."""
        return self._watched.ids

    # Lines

    def parts(self) -> list[Part]:
        """Return the layers that count."""
        places = np.arange(len(self._watched.ids))
        return [Part(layer, alive, places) for layer, alive in self._held(COUNTED)]

    def lines(self, company: str, at: datetime) -> tuple[Line, ...]:
        """Return the counted lines of a company at `at`, greatest first."""
        return _ordered(self._drawn(company, COUNTED, at))

    def shadow(self, company: str, at: datetime) -> tuple[Line, ...]:
        """Return the lines of experimental rules."""
        return _ordered(self._drawn(company, SHOWN, at))

    def top(self, company: str, at: datetime) -> Line | None:
        """Return the greatest of the counted lines; None where there is none."""
        moment = microseconds(at)
        found = [line for one in self.bearings(company, at) for line in one.greatest(moment)]
        return _ordered(found)[0] if found else None

    def _drawn(self, company: str, status: str, at: datetime) -> Iterator[Line]:
        moment = microseconds(at)
        return (line for one in self.bearings(company, at, status) for line in one.lines(moment))

    def bearings(self, company: str, at: datetime, status: str = COUNTED) -> list[Bearing]:
        """Return what bears on a company, a layer each, as the world is at `at`."""
        epoch = self._watched.worlds.epoch(at)
        key = (company, status, epoch)
        with self._lock:  # lines may be drawn by any thread
            if key not in self._bearings:
                if len(self._bearings) >= KEPT_BEARINGS:
                    self._bearings.pop(next(iter(self._bearings)))
                number = self._codes[company]
                self._bearings[key] = [
                    Bearing(layer, alive, number, epoch) for layer, alive in self._held(status)
                ]
            return self._bearings[key]


def points_of(hazards: Floats) -> Floats:
    """Return scores, 0 to 100, from summed hazards, as `points` has them."""
    found: Floats = np.round(-100 * np.expm1(-hazards), DECIMALS) + 0.0  # never -0.0
    return found


class Ranked(Sequence[Score]):
    """Scores of all companies at a moment, highest first; each is made when it is looked at."""

    def __init__(self, view: View, at: datetime, known_at: datetime | None) -> None:
        self._view, self._at, self._known_at = view, at, known_at
        self._hazards = view.hazards(at)
        # By value as it is shown, and by company where that is the same.
        self._order = np.argsort(-points_of(self._hazards), kind="stable")

    def __len__(self) -> int:
        return len(self._order)

    @overload
    def __getitem__(self, index: int) -> Score: ...
    @overload
    def __getitem__(self, index: slice) -> list[Score]: ...
    def __getitem__(self, index: int | slice) -> Score | list[Score]:
        if isinstance(index, slice):
            return [self[place] for place in range(*index.indices(len(self)))]
        number = int(self._order[index])
        score = self._view.score(self._view.ids[number], self._at, float(self._hazards[number]))
        return replace(score, known_at=self._known_at)


def _ordered(lines: Iterable[Line]) -> tuple[Line, ...]:
    return tuple(sorted(lines, key=lambda line: (-line.hazard, line.rule, line.matter)))


def steps(start: datetime, end: datetime, step: str) -> list[datetime]:
    """Return `start` and every `step` (`1d`, `12h`, `1w`) after it, and `end` last.

    Raises UsageError for another step, for an end before the start, for over 100,000 steps.
    """
    try:
        width = duration(step)
    except ValueError:
        width = timedelta(0)
    if width < LEAST_STEP:  # `1m` may be meant for a month
        raise UsageError(f"expected a step such as 1d, 12h or 1w, got {step!r}")
    if end < start:
        raise UsageError(f"expected a start before the end, got {start:%Y-%m-%d} to {end:%Y-%m-%d}")
    count = -(-(end - start) // width)  # rounded up: the end is a step of its own
    if count > MOST_STEPS:
        raise UsageError(f"expected at most {MOST_STEPS:,} steps, got {count:,}: take longer ones")
    return [*(start + width * index for index in range(count)), end]
