"""The log replayed from a columnar copy: no event stays in memory, so it may be of any length.

One company is asked for by the matters that can bear on it, which the copy finds; all companies by
an engine, which weighs the copy part by part.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from riskmon.bearing import Bearing
from riskmon.bulk import kernel
from riskmon.bulk.copy import Copy, arrow, bucket_of
from riskmon.bulk.following import follow
from riskmon.bulk.kernel import Task, Weighed
from riskmon.bulk.part import Ended, Excerpt
from riskmon.bulk.stream import PART_ROWS
from riskmon.bulk.summary import Summary, summary
from riskmon.errors import UsageError
from riskmon.evaluators import Floats, Ints
from riskmon.forms import EARLIEST
from riskmon.ledger import Ledger
from riskmon.model import EVENTS, Event, Taken
from riskmon.names import Names
from riskmon.parties import damaged
from riskmon.persons import Persons
from riskmon.pieces import Index
from riskmon.replay import Replay
from riskmon.ruleset import Ruleset
from riskmon.scoring import COUNTED, View
from riskmon.standing import Standing
from riskmon.told import Bodies, Told

if TYPE_CHECKING:
    import pyarrow as pa

About = Callable[[Standing, str], Standing]
Counted = Callable[[int, int], Summary]
Engine = Callable[[Copy, Task], Weighed]
"""Weighs a columnar copy."""

KEPT_VIEWS = 16
"""Of one company, those asked for last."""

ELSEWHERE = (
    "this asks for every event at once, and with this engine they are not in memory: ask for one "
    'company or for scores, or open the ledger with engine = "memory"'
)


def _elsewhere(*_: Any, **__: Any) -> Any:
    raise UsageError(ELSEWHERE)


OF_EVENTS = {"rows", "parties", "ends", "matters", "types", "roles", "tellers", "topics", "scopes"}


class Apart(Told):
    """The fold of a log without its events, which are asked for in the copy."""

    row_of = _elsewhere

    def __init__(self, bodies: Bodies) -> None:
        super().__init__(bodies)
        for name in OF_EVENTS:
            delattr(self, name)  # who asks is told so, and not that there is none

    def __getattr__(self, name: str) -> Any:
        if name in OF_EVENTS:
            _elsewhere()
        raise AttributeError(name)

    def _take_in(self, batch: list[Taken]) -> None:
        for position, kind, source, _, body in batch:
            try:
                self._take(position, kind, source, body)
            except (ValueError, TypeError, KeyError) as error:
                raise damaged(position, error) from error


class Prefix(Standing):
    """A prefix of the log whose events are counted in the copy."""

    def __init__(
        self,
        told: Told,
        position: int,
        recorded_at: datetime | None,
        counted: Counted,
        about: About,
    ) -> None:
        super().__init__(told, position, recorded_at)
        self._counted, self._about = counted, about

    @cached_property
    def _summary(self) -> Summary:
        return self._counted(self.position, len(self.told.named))

    @property
    def events(self) -> int:
        """How many events stand."""
        return self._summary.events

    @property
    def matters(self) -> int:
        """In how many matters an event stands."""
        return self._summary.matters

    def words(self) -> dict[str, set[str]]:
        """Return the words that events and companies mention, by the kinds of the vocabulary."""
        found = self._summary
        return {
            "event type": found.types,
            "role": found.roles,
            "topic": found.topics,
            "subject": found.subjects | self.subjects(),
        }

    def told_of_each(self) -> Ints:
        """Return how many events name each of whom the log names."""
        return self._summary.named

    def naming(self, company: str, at: datetime) -> list[Event]:
        """Return the events until `at` that name a company, oldest first."""
        if company not in self.companies:
            return []
        return self._about(self, company).naming(company, at)


class Columnar(Replay):
    """A replay whose events stay in a columnar copy."""

    def __init__(self, ledger: Ledger, persons: Persons, folder: Path, engine: Engine) -> None:
        super().__init__(ledger, persons)
        self._folder, self._engine = folder, engine
        self._copy = Copy(folder)
        self._told = Apart(self._bodies)
        self._ended = Ended.of(self._copy.read("ended"))
        self._in_scope: tuple[set[tuple[int, str]], pa.Table] | None = None
        self._bearers: tuple[Ints, Index] | None = None
        """What names mean, and the names by that; kept while they mean the same."""
        self._views: dict[tuple[int, str], View] = {}
        self._everyone: dict[int, Everyone] = {}
        self._one = threading.RLock()  # lines may be drawn by any thread, and are read here

    def standing(self, position: int | None = None) -> Standing:
        """Return what stood at `position`; without it, what stands now. Its events are not here."""
        with self._one:
            self._follow()
            return self._at(self._told.position if position is None else position)

    def _follow(self) -> None:
        told = self._told
        copy = follow(self._ledger, self._folder)
        if copy.position != told.position or copy.segments != self._copy.segments:
            self._copy, self._ended = copy, Ended.of(copy.read("ended"))
            self._in_scope = None
            self._views.clear()  # what a `where` read of a person may be gone
            self._everyone.clear()
            for one in copy.named(len(told.named)):
                told.named[one]
            told.append(copy.rest(told.position))
            told.position = copy.position

    def _at(self, position: int) -> Standing:
        if self._live.position != position:
            recorded_at = self._ledger.recorded_at(position)
            counted = partial(summary, self._copy, self._ended)
            self._live = Prefix(self._told, position, recorded_at, counted, self._about)
        return self._live

    def names(self) -> Names:
        """Return what names mean now."""
        return self.standing().names

    def view(self, standing: Standing, company: str | None = None) -> View | None:
        """Return what bears on a company, or on all; None where there is nothing to score."""
        ruleset = standing.ruleset
        if ruleset is None or (company is not None and company not in standing.companies):
            return None
        with self._one:
            if company is None:
                return self._of_all(standing, ruleset)
            return self._of_one(standing, ruleset, company)

    def _of_one(self, standing: Standing, ruleset: Ruleset, company: str) -> View:
        key = (standing.position, company)
        if key not in self._views:
            if len(self._views) >= KEPT_VIEWS:
                self._views.pop(next(iter(self._views)))
            failed = {} if ruleset.cannot_fail else self._of_all(standing, ruleset).failing()
            about = self._about(standing, company)
            self._views[key] = View(about, ruleset, frozenset({company}), failed)
        return self._views[key]

    def _of_all(self, standing: Standing, ruleset: Ruleset) -> Everyone:
        if standing.position not in self._everyone:
            self._everyone = {standing.position: Everyone(self, standing, ruleset)}
        return self._everyone[standing.position]

    def weighed(self, standing: Standing, ruleset: Ruleset, at: datetime) -> Weighed:
        """Return the hazard of each company at `at`, as the engine finds it.

        A rule that fails anywhere counts nowhere: all is weighed again without it.
        """
        task = kernel.task_of(standing, ruleset, at, self._ended)
        task = kernel.met(self._copy.parts(PART_ROWS), task, standing)
        failed: dict[str, str] = {}
        while (found := self._engine(self._copy, task)).failed:
            failed |= found.failed
            task = task.without(failed)
        return found._replace(failed=failed)

    def _scope(self) -> tuple[set[tuple[int, str]], pa.Table]:
        """Return the matters that have a scope, which may bear on any company, and their events.

        They are few, so they are kept for as long as the copy is as it is.
        """
        if self._in_scope is None:
            scoped = self._copy.scoped()
            self._in_scope = scoped, self._copy.matters(scoped)
        return self._in_scope

    def _about(self, standing: Standing, company: str) -> Standing:
        """Return the same prefix with the events that can bear on a company, and no other."""
        roster = standing.roster
        group = [roster.codes[one] for one in standing.above({company})]
        resolved = roster.resolved(standing.told.named.names)
        if self._bearers is None or self._bearers[0] is not resolved:
            self._bearers = resolved, Index(resolved)
        named, _ = self._bearers[1].find(np.array(group))
        matters = self._copy.matters_of(named.tolist())
        scoped, events = self._scope()
        table = arrow().concat_tables([self._copy.matters(matters - scoped), events])
        return self._excerpt(standing, table.unify_dictionaries())

    def since(self, position: int, keys: Iterable[str] = ()) -> tuple[Standing, Standing]:
        """Return what stands now and at `position`, with the events by which both differ.

        Those are the matters of which something was told since, those that name, by a name told
        before, another company now, and those of the events under `keys`.
        """
        now, recorded_at = self.standing(), self._ledger.recorded_at(position)
        then = Standing(self._told, position, recorded_at)
        told = Told(self._bodies)
        told.append(self._ledger.told_before(position, now.position))
        fresh = self._ledger.told(position, now.position)
        told.append(one for one in fresh if one[1] in EVENTS)
        names = {told.matters.names[one] for one in told.changed(position).tolist()}
        for key in keys:
            source, _, ref = key.partition(":")
            for one in self._ledger.latest("event.recorded", source, [ref]):
                names.add(Event.model_validate_json(one.body).matter or key)
        buckets = self._copy.buckets
        matters = {(bucket_of(one, buckets), one) for one in names}
        named, old = self._told.named.names, then.roster
        meant = old.resolved(named)
        merged = now.roster.into.keys() & old.companies.keys()  # by another id, with one number
        gone = np.isin(meant, [old.codes[one] for one in merged])
        others = np.union1d(old.renamed_in(now.roster, named), np.flatnonzero(gone))
        matters |= self._copy.matters_of(others.tolist())
        table = self._copy.matters(matters)
        return self._excerpt(now, table), self._excerpt(then, table)

    def _excerpt(self, standing: Standing, table: pa.Table) -> Standing:
        told = Excerpt(table, self._ended, self._told, self._ledger.first_told)
        found = Standing(told, standing.position, standing.recorded_at)
        found.roster, found.ruleset = standing.roster, standing.ruleset
        return found


class Everyone(View):
    """All companies at some position; what bears on one is looked for when it is asked for."""

    course = parts = forward = _elsewhere

    def __init__(self, replay: Columnar, standing: Standing, ruleset: Ruleset) -> None:
        self._replay = replay
        self.standing, self.ruleset, self.companies = standing, ruleset, None
        self.failed = dict(ruleset.outdated)
        self._found: dict[datetime, Floats] = {}

    @property
    def ids(self) -> Sequence[str]:
        """The companies, in the order of `hazards`."""
        return self.standing.roster.ids

    def hazards(self, at: datetime) -> Floats:
        """Return the hazard of every company at `at`, in the order of their ids."""
        if at not in self._found:
            found = self._replay.weighed(self.standing, self.ruleset, at)
            self.failed |= found.failed
            self._found = {at: found.hazards}
        return self._found[at]

    def like(self, standing: Standing) -> Everyone:
        """Return what bears, by the same rules, on the companies of a prefix."""
        return Everyone(self._replay, standing, self.ruleset)

    def failing(self) -> Mapping[str, str]:
        """Return the rules that fail on any matter, each with the reason: they count nowhere."""
        if not self._found:
            self.hazards(EARLIEST)
        return self.failed

    def course_of(self, company: str, moments: Sequence[datetime]) -> Floats:
        """Return the hazard of one company at each of some moments, which are in order."""
        return self._of(company).course_of(company, moments)

    def bearings(self, company: str, at: datetime, status: str = COUNTED) -> list[Bearing]:
        """Return what bears on a company, a layer each, as the world is at `at`."""
        return self._of(company).bearings(company, at, status)

    def _of(self, company: str) -> View:
        view = self._replay.view(self.standing, company)
        assert view is not None  # noqa: S101 (it is one of its companies)
        return view
