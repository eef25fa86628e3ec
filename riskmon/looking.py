"""What is looked at: an overview, a company, a matter, what rules move, a draft. Of the facade."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import datetime
from functools import partial
from itertools import islice
from os import PathLike
from pathlib import Path
from typing import NamedTuple

import numpy as np

from riskmon import companyview, finding, matterview, whatif
from riskmon.across import by_rule
from riskmon.companyview import Leading, Owned, Timeline
from riskmon.errors import UnknownCompanyError, UnknownMatterError, UsageError
from riskmon.finding import Found, FoundEvent
from riskmon.matterview import MatterView
from riskmon.model import Company, Entry, Event
from riskmon.names import words
from riskmon.overview import Overview, Table
from riskmon.progress import progress
from riskmon.recalculation import Recalculator
from riskmon.results import Comparison
from riskmon.ruleset import load_ruleset
from riskmon.scoring import View, points_of
from riskmon.standing import Standing
from riskmon.validation import did_you_mean
from riskmon.witness import Moment, as_moment

MOST_MOVED = 10
MOST_DIFFERENT = 50
CHUNK = 200
"""Events that are read at a time while titles are searched."""
MOST_READ = 2_000
"""Events whose bodies have the words, of which the titles are looked at; the latest."""


class RuleMoves(NamedTuple):
    """What a rule adds to the scores of all companies."""

    companies: int
    """How many it bears on."""
    points: float
    """The points of all its lines."""
    top: list[tuple[str, str, float]]
    """Company, name and points of those on which it bears most."""


class Looking(Recalculator):
    """A ledger that is looked at by persons. `Monitor` is one; use that."""

    _draft: View | None = None
    """Of the draft that was compared last."""

    def overview(
        self, *, as_of: Moment | None = None, known_at: Moment | int | None = None
    ) -> Overview:
        """Return all companies known by `known_at`: score, changes, greatest cause; highest first.

        Changes are to the scores 7, 30 and 90 days before `as_of`, as all was known at `known_at`.
        """
        with self._lock:
            standing, at = self._clocks(as_of, known_at)
            table = Table(self._replay.view(standing), at)
            known = asked(known_at) or standing.recorded_at
            return Overview(table, known, partial(finding.companies, standing))

    def leading(
        self,
        name: str,
        *,
        as_of: Moment | None = None,
        known_at: Moment | int | None = None,
        limit: int = 50,
    ) -> Leading:
        """Return a company's score with the greatest `limit` of its lines, and what the rest add.

        `score` draws them all, which for a company that much is told of takes long.
        """
        with self._lock:
            standing, at = self._clocks(as_of, known_at)
            company = self._called(name, standing)
            score = self._replay.score(standing, at, company)
            view = self._replay.view(standing, score.company)
        known = asked(known_at)
        score = replace(score, known_at=known) if known else score
        if view is None:
            return Leading(score, [], 0, 0.0, {}, [])
        return companyview.leading(view, score, limit)

    def timeline(
        self,
        company: str,
        *,
        as_of: Moment | None = None,
        known_at: Moment | int | None = None,
        limit: int = 200,
    ) -> Timeline:
        """Return the matters that bear on a company at `as_of`, most points first.

        At most `limit`; `matters` says how many there are, `more_points` what the others come to.
        """
        with self._lock:
            standing, at = self._clocks(as_of, known_at)
            firm = self._folded(self._called(company, standing), standing)
            view = self._replay.view(standing, firm)
            if view is None:
                return Timeline()
            found = companyview.timeline(view, firm, at, limit)
            titles = finding.latest(view.standing, [one.matter for one in found], at)
            found[:] = [one._replace(title=titles.get(one.matter, "")) for one in found]
            return found

    def owners(
        self, company: str, *, as_of: Moment | None = None, known_at: Moment | int | None = None
    ) -> list[Owned]:
        """Return who owns a company, and what it owns, with the scores of both at `as_of`."""
        with self._lock:
            standing, at = self._clocks(as_of, known_at)
            firm = self._folded(self._called(company, standing), standing)
            if firm not in standing.companies:
                return []
            view = self._replay.view(standing)
        return companyview.owners(standing, view, firm, at)

    def matter(
        self,
        name: str,
        *,
        as_of: Moment | None = None,
        known_at: Moment | int | None = None,
        limit: int = 200,
    ) -> MatterView:
        """Return a matter: every telling of its events up to `known_at`, and on whom it bears.

        `limit`: of companies and rules that it reaches, most points first. `rule:company` is the
        matter of a rule about all matters of a company: the events that its line stands on.
        Raises UnknownMatterError.
        """
        with self._lock:
            standing, at = self._clocks(as_of, known_at)
            view = self._replay.view(standing)
            rows = matterview.rows_of(standing, name)
            line = matterview.whole(view, name, at) if view and not len(rows) else None
            if line is not None:
                rows = matterview.cited(standing, line)
            if not len(rows):
                raise UnknownMatterError(f"no event was told of a matter called {name!r}")
        entries = self._opened(self._ledger.some(matterview.entries_of(standing, rows)))
        tellings = matterview.tellings(standing, rows, {one.position: one for one in entries})
        reached, count = matterview.reached(view, name, line, at, limit) if view else ([], 0)
        title = matterview.title(tellings)
        return MatterView(name, title, tellings, reached, count, at, standing.position)

    def rule_moves(
        self, *, as_of: Moment | None = None, known_at: Moment | int | None = None
    ) -> dict[str, RuleMoves]:
        """Return by rule how many companies it bears on, with how many points, whom most.

        Rules that are computed and not counted move nothing.
        """
        with self._lock:
            standing, at = self._clocks(as_of, known_at)
            view = self._replay.view(standing)
        if view is None:
            return {}
        total = view.course([at])[0]
        shares = points_of(total) / np.where(total > 0, total, 1.0)
        firms = standing.companies
        found = {}
        for rule, hazards in by_rule(view, at).items():
            points = hazards * shares
            some = np.flatnonzero(points > 0)
            order = some[np.argsort(-points[some], kind="stable")][:MOST_MOVED].tolist()
            top = [(view.ids[one], firms[view.ids[one]].name, float(points[one])) for one in order]
            found[rule] = RuleMoves(len(some), float(points.sum()), top)
        return found

    @progress("comparing with the draft")
    def compare(
        self,
        rules: str | PathLike[str],
        *,
        as_of: Moment | None = None,
        limit: int = MOST_DIFFERENT,
    ) -> Comparison:
        """Return the companies that a draft of the rules would score otherwise at `as_of`.

        The `limit` that differ most; its `differing` says how many do. Days on which levels differ,
        and how well rulesets foresee listings, take longer: `what_if` has them.
        """
        draft = load_ruleset(Path(rules))
        with self._lock:
            standing, at = self._clocks(as_of, None)
            now = self._replay.view(standing)
            if now is None:
                raise UsageError("nothing was recorded yet: declare companies and ingest events")
            then = self._draft
            if then is None or (then.standing, then.ruleset.digest) != (standing, draft.digest):
                self._draft = then = View(standing, draft)
        differences, count = whatif.furthest(now, then, at, limit)
        found = Comparison(
            differences,
            spells=[],
            foresight=[],
            as_of=at,
            digests=(now.ruleset.digest, draft.digest),
            rules=draft.differences(now.ruleset),
            failed={**now.failed, **then.failed},
        )
        found.differing = count
        return found

    def search(self, text: str, limit: int = 20, *, known_at: Moment | int | None = None) -> Found:
        """Return at most `limit` companies, matters and events each that a text finds.

        Companies by id, name, alias or identifier, matters by name, events by words of the title;
        what was told last first. What is told of natural persons is not searched.
        """
        with self._lock:
            standing = self._standing(known_at)
        firms = standing.companies
        some = [(one, firms[one].name) for one in finding.companies(standing, text)[:limit]]
        events = list(islice(self._titled(standing, text), limit))
        with self._lock:
            names = [*finding.matters(standing, text, limit), *(one.matter for one in events)]
            titles = finding.latest(standing, list(dict.fromkeys(names))[:limit])
        return Found(some, list(titles.items()), events)

    def _titled(self, standing: Standing, text: str) -> Iterator[FoundEvent]:
        parts = text[: finding.MOST_TEXT].split()
        before, left = standing.position + 1, MOST_READ
        while parts and left > 0:
            entries = self._ledger.mentioning(parts, before, CHUNK)
            opened = (
                (e.position, Event.model_validate_json(e.body)) for e in self._opened(entries)
            )
            for event in finding.titled(standing, opened, text):
                yield FoundEvent(event.key, event.title, event.matter or event.key)
            if len(entries) < CHUNK:
                return
            before, left = entries[-1].position, left - len(entries)

    def _opened(self, entries: Iterable[Entry]) -> list[Entry]:
        return list(self._persons.open(entries))

    # Who is meant, as known when

    def _clocks(
        self, as_of: Moment | None, known_at: Moment | int | None
    ) -> tuple[Standing, datetime]:
        at = as_moment(as_of, "as_of") if as_of is not None else self._clock()
        return self._standing(known_at), at

    def _folded(self, company: str, standing: Standing) -> str:
        """Return the company that one is by now: itself, unless it was found to be another."""
        return standing.roster.into.get(company, company)

    def _called(self, name: str, then: Standing) -> str:
        """Return the id of the company that a name meant then; where none, that it means now."""
        if name in then.companies:
            return name
        return then.names.known((name,)).company or self.find(name).id

    def find(self, name: str) -> Company:
        """Return the declared company with this id or name, or raise UnknownCompanyError."""
        with self._lock:
            standing = self._standing(None)
            if name in standing.companies:
                return standing.companies[name]
            if name in standing.roster.into:
                return standing.companies[standing.roster.into[name]]
            found = standing.names.known((name,))
            if found.company is not None:
                return standing.companies[found.company]
            if found.candidates:
                bearers = " and ".join(one.company for one in found.candidates)
                raise UnknownCompanyError(f"{name!r} is a name of {bearers}: ask by id")
            hint = did_you_mean(words(name), standing.names.all())
            advice = hint or "; `riskmon scores` lists those there are, `riskmon declare` adds more"
            raise UnknownCompanyError(f"no declared company is called {name!r}{advice}")

    def companies(self, *, known_at: Moment | int | None = None) -> list[Company]:
        """Return the companies declared by `known_at`, by id; those merged into others are not."""
        with self._lock:
            return [one for _, one in sorted(self._standing(known_at).companies.items())]

    def _standing(self, known_at: Moment | int | None) -> Standing:
        return self._replay.standing(None if known_at is None else self._position(known_at))


def asked(known_at: Moment | int | None) -> datetime | None:
    """Return the moment that was asked for; None for a position, and for all of the log."""
    if known_at is None or isinstance(known_at, int):
        return None
    return as_moment(known_at, "known_at")
