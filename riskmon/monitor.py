"""The monitor: ingest, recalculate, query. The one facade, and the only reader of the clock."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from os import PathLike
from pathlib import Path
from typing import BinaryIO

import numpy as np

from riskmon import exporting, runs, whatif
from riskmon.config import Config, engine_of, load
from riskmon.database import default_url, reading, shipped, shown
from riskmon.errors import RulesError, UsageError
from riskmon.foresight import foresight
from riskmon.frames import Frame
from riskmon.health import Health
from riskmon.looking import Looking, asked
from riskmon.model import Event, Score
from riskmon.progress import progress
from riskmon.results import Comparison, Histories, History, Point, Scores
from riskmon.ruleset import Ruleset, load_ruleset
from riskmon.scoring import View, points_of, steps
from riskmon.settings import Engine
from riskmon.status import Status
from riskmon.witness import Moment, as_moment

BRIEFLY = 0.1
"""Seconds."""


def utc_now() -> datetime:
    """Return the moment it is."""
    return datetime.now(UTC)


def open(  # noqa: A001 (riskmon.open, as one opens a file)
    url: str | None = None,
    *,
    rules: str | PathLike[str] | None = None,
    clock: Callable[[], datetime] = utc_now,
    config: Config | None = None,
    engine: Engine | None = None,
) -> Monitor:
    """Open the monitor on a database, made and brought to the newest schema where needed.

    `url`: such as `sqlite:///risk.db`; default the configuration's, else a file in the user's
    data folder. `rules`: a folder of rule files; default the configuration's, else the rules that
    ship with riskmon. `clock`: returns an aware datetime; tests turn it. `config`: default
    RISKMON_* over `riskmon.toml`, see docs/configuration.md. `engine`: what scores are made by,
    `memory` (default), `stream` or `spark`, see docs/scale.md.
    """
    config = engine_of(config or load(), engine, None)
    found = config.database_url.get_secret_value() if config.database_url else default_url()
    folder = Path(rules or config.rules or shipped("rules"))
    return Monitor(url or found, folder, clock, config)


class Monitor(Looking):
    """Events in, scores out. Use it as a context manager, or `close` it."""

    def score(
        self, name: str, *, as_of: Moment | None = None, known_at: Moment | int | None = None
    ) -> Score:
        """Return the score of a company, by id or name, at `as_of`, as known at `known_at`.

        `as_of`: default now. `known_at`: a moment (that moment included) or a position; default
        all of the log. A company declared later than `known_at` has no lines then, and 0 points.
        Raises UnknownCompanyError.
        """
        with self._lock:
            standing = self._standing(known_at)
            company = self._called(name, standing)
            at = as_moment(as_of, "as_of") if as_of is not None else self._clock()
            score = self._replay.score(standing, at, company)
            known = asked(known_at)
            return replace(score, known_at=known) if known else score

    def scores(
        self, *, as_of: Moment | None = None, known_at: Moment | int | None = None
    ) -> Scores:
        """Return the scores of all companies known by `known_at`, highest first."""
        with self._lock:
            standing = self._standing(known_at)
            at = as_moment(as_of, "as_of") if as_of is not None else self._clock()
            return Scores(self._replay.scores(standing, at, asked(known_at)))

    def history(
        self,
        name: str,
        *,
        start: Moment | None = None,
        end: Moment | None = None,
        step: str = "1d",
        known_at: Moment | int | None = None,
    ) -> History:
        """Return a company's score from `start` (default a year before) to `end` (default now).

        One point at `start` and every `step` (`1d`, `12h`, `1w`) after it, and one at `end`.
        """
        with self._lock:
            company = self._called(name, self._standing(known_at))
            last = as_moment(end, "end") if end is not None else self._clock()
            first = as_moment(start, "start") if start is not None else last - timedelta(days=365)
            view = self._replay.view(self._standing(known_at), company)
            moments = steps(first, last, step)
            hazards = view.course_of(company, moments) if view else np.zeros(len(moments))
            values = points_of(hazards).tolist()
            return History(
                company,
                [Point(at, value) for at, value in zip(moments, values, strict=True)],
                self.find(company).name,
            )

    def histories(
        self,
        *,
        start: Moment | None = None,
        end: Moment | None = None,
        step: str = "1d",
        known_at: Moment | int | None = None,
    ) -> Histories:
        """Return the scores of all companies from `start` (default a year before) to `end`.

        At the same moments as `history`, and for all of them at the cost of one.
        """
        with self._lock:
            last = as_moment(end, "end") if end is not None else self._clock()
            first = as_moment(start, "start") if start is not None else last - timedelta(days=365)
            moments = steps(first, last, step)
            view = self._replay.view(self._standing(known_at))
            if view is None:
                return Histories([], moments, [])
            return Histories(view.ids, moments, [points_of(one) for one in view.course(moments)])

    @progress("comparing with the draft")
    def what_if(
        self, rules: str | PathLike[str], *, as_of: Moment | None = None, step: str = "1d"
    ) -> Comparison:
        """Replay the whole history under a draft of the rules, beside those in force.

        `rules`: the draft's folder. `as_of`: when scores are compared, default now; levels are
        compared from the first event on, every `step`. Returns the companies whose score differs,
        with the lines that do; when levels differ; how well each ruleset anticipates listings.
        """
        draft = load_ruleset(Path(rules))
        with self._lock:
            standing = self._standing(None)
            at = as_moment(as_of, "as_of") if as_of is not None else self._clock()
            now = self._replay.view(standing)
            if now is None:
                raise UsageError("nothing was recorded yet: declare companies and ingest events")
            then = View(standing, draft)
            first = standing.first(default=at)
            moments = steps(min(first, at), at, step)
            return Comparison(
                whatif.differences(now, then, at),
                spells=whatif.spells(now, then, moments),
                foresight=foresight(standing, [("in force", now.ruleset), ("draft", draft)]),
                as_of=at,
                digests=(now.ruleset.digest, draft.digest),
                rules=draft.differences(now.ruleset),
                failed={**now.failed, **then.failed},
            )

    def events(
        self, name: str, *, as_of: Moment | None = None, known_at: Moment | int | None = None
    ) -> list[Event]:
        """Return the events that name a company, oldest first, those without risk among them."""
        with self._lock:
            company = self._called(name, self._standing(known_at))
            at = as_moment(as_of, "as_of") if as_of is not None else self._clock()
            return self._standing(known_at).naming(company, at)

    def export(
        self,
        what: str,
        file: str | PathLike[str] | BinaryIO,
        *,
        form: str | None = None,
        as_of: Moment | None = None,
        known_at: Moment | int | None = None,
    ) -> int:
        """Write `scores`, `lines` (of every score) or `events`, and return how many rows.

        `events` are those that stand; without `as_of` all of them. `file`: a path, written whole
        or not at all, or an open binary file. `form`: csv, jsonl or parquet (extra `columns`);
        default what the path ends in, else csv, in which no cell runs in a spreadsheet.
        """
        rows: Frame
        if what == "events":
            with self._lock:
                until = as_moment(as_of, "as_of") if as_of is not None else None
                rows = exporting.Events(self._standing(known_at), until)
        elif what in {"scores", "lines"}:
            scores = self.scores(as_of=as_of, known_at=known_at)
            rows = exporting.Lines(scores) if what == "lines" else scores
        else:
            raise UsageError(f"expected scores, lines or events, got {what!r}")
        return exporting.export(rows, file, form)

    def ruleset(self, known_at: Moment | int | None = None) -> Ruleset | None:
        """Return the rules in force by `known_at`; None before anything was recorded."""
        with self._lock:
            return self._standing(known_at).ruleset

    def rules_changed(self) -> bool | None:
        """Return whether the rule folder differs from the rules in force; None if unreadable."""
        current = self.ruleset()
        try:
            return load_ruleset(self._rules).digest != (current.digest if current else None)
        except RulesError:
            return None

    def status(self) -> Status:
        """Return what there is, and how it is: each check says what to do where it is not well."""
        health = self.health()
        with self._lock:
            standing = self._standing(None)
            head = self._ledger.head()
            current = standing.ruleset
            with reading(self._ledger.engine) as connection:
                last = runs.last(connection)
            return Status(
                database=shown(self._ledger.engine.url),
                position=head.position,
                head=head.hash,
                recorded_at=standing.recorded_at,
                companies=len(standing.companies),
                events=standing.events,
                matters=standing.matters,
                rules=len(current.rules) if current else 0,
                ruleset=current.digest if current else None,
                rules_changed=self.rules_changed(),
                recalculated_at=last.as_of if last else None,
                unresolved=standing.unresolved(),
                held=len(self.held()),
                drafts=len(self.drafts()),
                processes=health.processes(),
                jobs=health.jobs(),
                messages=self.outbox().standing(),
                dead=health.dead(),
                checks=health.checks(),
            )

    def health(self) -> Health:
        """Return what the database alone says of how it is, whatever this monitor is busy with."""
        return Health(self._ledger, self._config, self._clock, lambda: len(self.held()))

    def unresolved(self) -> int | None:
        """Return how many names mean no declared company; None while this monitor is busy."""
        if not self._lock.acquire(timeout=BRIEFLY):
            return None
        try:
            return len(self._standing(None).unresolved())
        finally:
            self._lock.release()
