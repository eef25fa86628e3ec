"""The log replayed: its newest prefix, kept up to date, and the past one asked for last."""

from __future__ import annotations

from datetime import datetime

from riskmon.ledger import Ledger
from riskmon.model import Score
from riskmon.persons import Persons
from riskmon.ruleset import Ruleset
from riskmon.scoring import View
from riskmon.standing import Standing


class Replay:
    """What stood at any position of the log, and the scores that follow from it."""

    def __init__(self, ledger: Ledger, persons: Persons) -> None:
        self._ledger = ledger
        self._persons = persons
        self._live = Standing()
        self._past: Standing | None = None
        self._seen = 0
        """Up to where the log was searched for persons who are forgotten."""

    def standing(self, position: int | None = None) -> Standing:
        """Return what stood at `position`; without it, what stands now."""
        self._forget()
        if position is None:
            after = self._live.position
            self._live.apply(self._persons.open(self._ledger.entries(after)))
            return self._live
        if self._past is None or self._past.position != position:
            self._past = Standing(self._persons.open(self._ledger.entries(until=position)))
        return self._past

    def _forget(self) -> None:
        """Drop what was read, once a person is forgotten: it may hold what nobody may know now."""
        last = self._ledger.size()
        if last > self._seen:
            gone = self._ledger.entries(self._seen, kinds=("person.forgotten",))
            if self._seen and any(True for _ in gone):
                self._live, self._past = Standing(), None
            self._seen = last

    def in_force(self, standing: Standing) -> Ruleset | None:
        """Return the ruleset by which a prefix of the log is read."""
        # Before its first ruleset a ledger is read by that one: it is the first there was.
        if standing.ruleset is None:
            first = self._ledger.first("ruleset.published")
            standing.ruleset = Ruleset.from_body(first.body) if first else None
        return standing.ruleset

    def view(self, standing: Standing, company: str | None) -> View | None:
        """Return what bears on a company, or on all; None where there is nothing to score."""
        ruleset = self.in_force(standing)
        if ruleset is None or (company is not None and company not in standing.companies):
            return None
        return View(standing, ruleset, company)

    def scores(self, standing: Standing, at: datetime, company: str | None = None) -> list[Score]:
        """Return the score of a company, or of all that were declared by then."""
        view = self.view(standing, company)
        if view is not None:
            return view.scores(at)
        if company is None:
            return []
        name = self.standing().companies[company].name
        known_at, position = standing.recorded_at, standing.position
        return [Score(company, name, at, known_at, position, None, declared=False)]
