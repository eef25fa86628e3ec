"""The log replayed: its newest prefix, kept up to date, and the past one asked for last."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime

import numpy as np

from riskmon.ledger import Ledger
from riskmon.model import Score
from riskmon.names import Names
from riskmon.newcomers import brought_in
from riskmon.persons import Persons
from riskmon.progress import counted, progress
from riskmon.ruleset import Ruleset
from riskmon.scoring import View
from riskmon.standing import Standing
from riskmon.told import Told


class Replay:
    """What stood at any position of the log, and the scores that follow from it."""

    def __init__(self, ledger: Ledger, persons: Persons) -> None:
        self._ledger = ledger
        self._persons = persons
        self._told = Told(self._bodies)
        self._firms = Told(self._bodies)
        """Without the events: until somebody asks for a score, they need not be read."""
        self._live = Standing(self._told, 0, None)
        self._view: View | None = None
        self._past: View | None = None

    def _bodies(self, positions: Sequence[int]) -> Iterator[tuple[int, str]]:
        """Yield the bodies of events, opened where they tell of persons."""
        entries = self._persons.open(self._ledger.some(positions))
        return ((entry.position, entry.body) for entry in entries)

    def standing(self, position: int | None = None) -> Standing:
        """Return what stood at `position`; without it, what stands now."""
        forgotten = self._told.forgotten
        after = self._told.position
        fresh = self._ledger.told(after)
        if not after:  # all of the log, which takes long
            fresh = counted(fresh, "reading the ledger", self._ledger.size())
        self._told.append(fresh)
        if self._told.forgotten > forgotten:  # what a `where` read of them may be gone
            self._view = self._past = None
        if position is None:
            position = self._told.position
        if self._live.position < self._told.position:
            last = self._told.position
            self._live = Standing(self._told, last, self._ledger.recorded_at(last))
        if position == self._live.position:
            return self._live
        return Standing(self._told, position, self._ledger.recorded_at(position))

    def since(self, position: int, keys: Iterable[str] = ()) -> tuple[Standing, Standing]:
        """Return what stands now and what stood at `position`.

        `keys`: of events that are asked for beside those of matters that changed since.
        """
        del keys  # all are here
        return self.standing(), self.standing(position)

    def names(self) -> Names:
        """Return what names mean now; events are not read for it."""
        told = self._told if self._told.position else self._firms
        if told.position:
            return self._names(told)
        with progress("reading names"):
            return self._names(told)

    def _names(self, told: Told) -> Names:
        told.append(
            self._ledger.rest(told.position)
            if told is self._firms
            else self._ledger.told(told.position)
        )
        return told.rosters.at(told.position).names

    def view(self, standing: Standing, company: str | None = None) -> View | None:
        """Return what bears on a company, or on all; None where there is nothing to score."""
        ruleset = standing.ruleset
        if ruleset is None or (company is not None and company not in standing.companies):
            return None
        if standing.position == self._live.position:
            return self._forward(standing, ruleset)
        # A rule that fails anywhere fails for all.
        some = frozenset({company}) if company and ruleset.cannot_fail else None
        past = self._past
        if past is None or (past.standing.position, past.companies) not in {
            (standing.position, some),
            (standing.position, None),
        }:
            self._past = past = _made(standing, ruleset, some)
        return past

    def _forward(self, standing: Standing, ruleset: Ruleset) -> View:
        """Return the live view, brought to what stands now."""
        view = self._view
        if (
            view is None
            or view.ruleset is not ruleset
            or standing.roster.lineage is not view.standing.roster.lineage
        ):
            view = _made(standing, ruleset)
        elif view.standing.position < standing.position:
            touched = self._told.changed(view.standing.position)
            renamed = standing.renamed(view.standing)
            view = view.forward(standing, np.union1d(touched, renamed))
            view = brought_in(view, standing, ruleset)
        self._view = view
        return view

    def scores(
        self, standing: Standing, at: datetime, known_at: datetime | None = None
    ) -> Sequence[Score]:
        """Return the scores of all companies that were declared by then, highest first."""
        view = self.view(standing)
        return view.scores(at, known_at) if view is not None else []

    def score(self, standing: Standing, at: datetime, company: str) -> Score:
        """Return the score of a company; one that was declared later has no lines."""
        company = standing.roster.into.get(company, company)
        view = self.view(standing, company)
        if view is not None:
            return view.score(company, at)
        name = self.standing().roster.declared[company].name
        known_at, position = standing.recorded_at, standing.position
        return Score(company, name, at, known_at, position, None, declared=False)


@progress("weighing what was told")
def _made(standing: Standing, ruleset: Ruleset, some: frozenset[str] | None = None) -> View:
    return View(standing, ruleset, some)
