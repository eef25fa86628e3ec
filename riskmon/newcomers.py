"""Companies that were declared since a view was made: beside it, until it is made anew."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import numpy as np

from riskmon.bearing import Bearing
from riskmon.evaluators import Floats, Ints
from riskmon.model import Line
from riskmon.ruleset import Ruleset
from riskmon.scoring import COUNTED, Part, View
from riskmon.standing import Standing

MOST_NEWCOMERS = 100
"""With more of them, all is made anew."""


class Together(View):
    """A view, and one of the newcomers: they own none of the companies that were there."""

    def __init__(self, known: View, fresh: View, newcomers: Sequence[str]) -> None:
        self.known, self.fresh = known, fresh
        self.standing, self.ruleset, self.companies = fresh.standing, fresh.ruleset, None
        self.failed = known.failed | fresh.failed
        both = [*known.ids, *newcomers]
        order = sorted(range(len(both)), key=both.__getitem__)
        self._ids = [both[place] for place in order]
        self._order = np.array(order)
        places = {one: place for place, one in enumerate(fresh.ids)}
        self._of = {one: places[one] for one in newcomers}

    @property
    def ids(self) -> Sequence[str]:
        """The companies, in the order of `hazards`."""
        return self._ids

    def forward(self, standing: Standing, touched: Ints) -> View:
        """Return the view of a later prefix in which, of all, only some matters changed."""
        known = self.known.forward(standing, touched)
        if len(known.ids) == len(standing.roster.ids):  # all was made anew
            return known
        return Together(known, self.fresh.forward(standing, touched), list(self._of))

    def hazards(self, at: datetime) -> Floats:
        """Return the hazard of every company at `at`, in the order of their ids."""
        fresh = self.fresh.hazards(at)[list(self._of.values())]
        found: Floats = np.append(self.known.hazards(at), fresh)[self._order]
        return found

    def parts(self) -> list[Part]:
        """Return the layers that count."""
        place = {one: number for number, one in enumerate(self._ids)}
        known = np.array([place[one] for one in self.known.ids], np.int64)
        fresh = np.array([place[one] if one in self._of else -1 for one in self.fresh.ids])
        pairs = ((self.known, known), (self.fresh, fresh))
        return [part._replace(places=places) for view, places in pairs for part in view.parts()]

    def bearings(self, company: str, at: datetime, status: str = COUNTED) -> list[Bearing]:
        """Return what bears on a company, a layer each, as the world is at `at`."""
        return self._view(company).bearings(company, at, status)

    def course(self, moments: Sequence[datetime]) -> list[Floats]:
        """Return the hazard of every company at each of some moments; by any thread."""
        places = list(self._of.values())
        both = zip(self.known.course(moments), self.fresh.course(moments), strict=True)
        return [np.append(known, fresh[places])[self._order] for known, fresh in both]

    def course_of(self, company: str, moments: Sequence[datetime]) -> Floats:
        """Return the hazard of one company at each of some moments, which are in order."""
        return self._view(company).course_of(company, moments)

    def hazard(self, company: str, at: datetime) -> float:
        """Return the hazard of one company at `at`."""
        return self._view(company).hazard(company, at)

    def top(self, company: str, at: datetime) -> Line | None:
        """Return the greatest of the counted lines; None where there is none."""
        return self._view(company).top(company, at)

    def lines(self, company: str, at: datetime) -> tuple[Line, ...]:
        """Return the counted lines of a company at `at`, greatest first."""
        return self._view(company).lines(company, at)

    def shadow(self, company: str, at: datetime) -> tuple[Line, ...]:
        """Return the lines of experimental rules."""
        return self._view(company).shadow(company, at)

    def _view(self, company: str) -> View:
        return self.fresh if company in self._of else self.known


def brought_in(view: View, standing: Standing, ruleset: Ruleset) -> View:
    """Return a view with the companies of its standing that it does not have yet."""
    if len(view.ids) == len(standing.roster.ids):
        return view
    known = view.known if isinstance(view, Together) else view
    there = set(known.ids)
    newcomers = [one for one in standing.roster.ids if one not in there]
    if len(newcomers) > MOST_NEWCOMERS or known.failed or not ruleset.cannot_fail:
        return View(standing, ruleset)
    return Together(known, View(standing, ruleset, frozenset(newcomers)), newcomers)
