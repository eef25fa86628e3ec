"""Companies that were declared since a view was made: beside it, until it is made anew."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import numpy as np

from riskmon.evaluators import Floats, Ints
from riskmon.model import Line
from riskmon.ruleset import Ruleset
from riskmon.scoring import View
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
    def ids(self) -> list[str]:
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
