"""Recalculating: rules published, scores kept run by run, alerts told. Part of the facade."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple, Self

from riskmon import messages, outbox, runs
from riskmon.alarm import Alarm, Raised
from riskmon.config import engine_of
from riskmon.database import Connection, reading, writing
from riskmon.errors import MovedError, Problem, UsageError
from riskmon.fetcher import Fetcher
from riskmon.intake import OWN
from riskmon.ledger import Fact, Fence
from riskmon.model import Score
from riskmon.outbox import Outbox
from riskmon.ran import Ran, Runs
from riskmon.results import Move, Run
from riskmon.ruleset import Ruleset, load_ruleset
from riskmon.runs import Scored
from riskmon.settings import Config, Engine
from riskmon.ticks import Ticks

RULESET = "ruleset"
NOTABLE_POINTS = 0.01
MOST_MOVES = 100
"""That a run keeps: those that moved furthest."""
TRIES = 10

log = logging.getLogger("riskmon")


class Recalculator(Fetcher):
    """A ledger whose scores are kept, run by run, and told of. `Monitor` is one; use that."""

    def __init__(
        self, url: str, rules: Path, clock: Callable[[], datetime], config: Config
    ) -> None:
        if not rules.is_dir():
            raise UsageError(f"expected a folder of rules, got {str(rules)!r}: there is none")
        super().__init__(url, clock, config)
        self._rules = rules
        self._alarm = Alarm(self._ledger, self._replay, config)
        self._run = _Claimed()

    @property
    def rules_folder(self) -> Path:
        """The folder of rule files that `recalculate` publishes."""
        return self._rules

    def _begin(self) -> None:
        if self._ledger.first("ruleset.published") is None:
            self._publish(self._load())

    def _load(self) -> Ruleset:
        ruleset = load_ruleset(self._rules)
        for warning in self.unusual(ruleset):
            log.warning("%s", warning)
        return ruleset

    def unusual(self, ruleset: Ruleset) -> list[Problem]:
        """Return the words of a ruleset that neither the vocabulary nor the ledger mentions."""
        if not ruleset.unusual:
            return []
        with self._lock:
            mentioned = self._replay.standing().words()
        return [
            one.problem for one in ruleset.unusual if not one.word.known(mentioned[one.word.kind])
        ]

    def _publish(self, ruleset: Ruleset) -> bool:
        fact = Fact("ruleset.published", OWN, RULESET, ruleset.body)
        return self._ledger.append([fact], self._clock) != ["duplicate"]

    def recalculate(self, *, engine: Engine | None = None, master: str | None = None) -> Run:
        """Publish the rules if they changed, keep every score as of now, say what moved.

        What the configuration has told of it is told: alerts become entries of the ledger, and
        messages in the outbox, in the transaction that keeps the scores. `engine`: memory, stream
        or spark, and for Spark the `master`; default the configuration's, see docs/scale.md.
        """
        asked = engine or self._config.engine, master or self._config.master
        if asked != (self._config.engine, self._config.master):
            with self._by(*asked) as other:
                return other.recalculate()
        begun, started_at = time.monotonic(), self._clock()
        with self._lock:
            self.match()
            ruleset = self._load()
            rules = ruleset.differences(self._replay.standing().ruleset)
            published = self._publish(ruleset)
            for _ in range(TRIES):
                found = self._found(ruleset, rules, published=published)
                row = {"started_at": started_at, "seconds": time.monotonic() - begun}
                try:
                    self._ledger.commit(partial(self._keep, found, row), self._clock)
                except MovedError:
                    continue
                return found.run
        raise MovedError("other processes recalculate all the time: try again")

    @contextmanager
    def _by(self, engine: Engine, master: str) -> Iterator[Self]:
        """Give the same ledger opened with another engine."""
        url = self._ledger.engine.url
        if self._ledger.database.in_memory(url):
            raise UsageError("a ledger in memory has no other engine: give the database a file")
        config = engine_of(self._config, engine, master)
        with type(self)(
            url.render_as_string(hide_password=False), self._rules, self._clock, config
        ) as other:
            yield other

    def runs(self, limit: int = 100, *, job: str | None = None) -> Runs:
        """Return the last runs, newest first: of all jobs, or of one.

        Each has when, from which position to which, ruleset, seconds, what moved, what failed.
        """
        return Runs([Ran.of(row) for row in runs.listed(self._ledger.engine, limit, job)])

    def alerts(self) -> list[Mapping[str, Any]]:
        """Return the alerts that were told, oldest first: company, from, value, why, lines.

        `messages` has, by channel, the key of the message that told it; `corrects` the `entry` of
        the alert that one takes back. The receipt is kept apart: see `alert_receipt`.
        """
        with self._lock:
            return list(self._alarm.bodies())

    def alert_receipt(self, digest: str) -> dict[str, Any]:
        """Return the receipt that an alert names by its digest, or the beginning of that."""
        with self._lock:
            found = [one for one in self._alarm.bodies() if one["digest"].startswith(digest)]
        if len({one["digest"] for one in found}) != 1 or not digest:
            many = f"{len(found)} have it" if found else "none has it"
            raise UsageError(f"expected the digest of one alert's receipt, got {digest!r}: {many}")
        (entry,) = self._ledger.some([found[0]["entry"]])
        receipt: dict[str, Any] = json.loads(entry.body)["receipt"]
        return receipt

    def say_hello(self, channels: Sequence[str]) -> None:
        """Put a message into the outbox for each channel that says nothing but that it arrives."""
        now = self._clock()
        told = [outbox.Message(*messages.hello(one, now), now, now) for one in channels]
        with writing(self._ledger.engine) as connection:
            outbox.put(connection, told)

    @property
    def clock(self) -> Callable[[], datetime]:
        """What says which moment it is."""
        return self._clock

    def ticks(self, lease: float) -> Ticks:
        """Return this process's claims of ticks; one that is silent for `lease` seconds loses."""
        return Ticks(self._ledger.engine, lease, self._clock)

    def outbox(self) -> Outbox:
        """Return the messages that are to be sent."""
        return Outbox(self._ledger.engine)

    @contextmanager
    def claimed(
        self, fence: Fence, read: Mapping[str, Any], failed: Mapping[str, str]
    ) -> Iterator[None]:
        """Store what a claimed run finds, and nothing once another process has taken it over.

        FencedError says so then. `read` and `failed` are kept with the run when it ends: what
        became of the rows of each source, and what failed, as far as they are filled by then.
        """
        self._run = _Claimed(fence, read, failed)
        try:
            with self._ledger.fenced(fence):
                yield
        finally:
            self._run = _Claimed()

    def end_run(self, state: str, seconds: float) -> None:
        """End a claimed run that did not recalculate: `done`, or `failed`."""
        fence, read, failed = self._run
        if fence is not None:
            told = {"read": dict(read), "failed": dict(failed)}
            runs.end_alone(self._ledger.engine, fence, {"state": state, "seconds": seconds}, told)

    def _found(self, ruleset: Ruleset, rules: dict[str, list[str]], *, published: bool) -> _Found:
        """Return what there is now, beside what the last run kept."""
        now = self._clock()
        with reading(self._ledger.engine) as connection:
            before = runs.last(connection)
            values = runs.values(connection, before) if before else {}
        standing = self._replay.standing()
        view = self._replay.view(standing)
        scores = list(self._replay.scores(standing, now))
        raised = self._alarm.raised(standing, scores, before, values)
        run = Run(
            as_of=now,
            position=standing.position,
            ruleset=ruleset.digest,
            published=published,
            rules=rules,
            since=before.as_of if before else None,
            companies=len(scores),
            moved=_moved(scores, values),
            failed=dict(view.failed) if view else {},
            alerts=len(raised.alerts),
        )
        return _Found(run, scores, raised, before)

    def _keep(
        self, found: _Found, row: Mapping[str, Any], connection: Connection
    ) -> Sequence[Fact]:
        """Keep a run, its scores and its messages; return its alerts, to be appended."""
        if runs.last(connection) != found.before:
            raise MovedError("another process has recalculated meanwhile")
        run = found.run
        fence, read, failed = self._run
        runs.keep(connection, found.scores, run.as_of)
        facts = self._alarm.store(connection, found.raised, run.as_of)
        scored = {
            "as_of": run.as_of,
            "since": found.before.position if found.before else 0,
            "position": run.position,
            "ruleset": run.ruleset,
            "companies": run.companies,
        }
        told = {
            "published": run.published,
            "moved": len(run.moved),
            "furthest": [list(one) for one in run.moved[:MOST_MOVES]],
            "alerts": run.alerts,
            "read": dict(read),
            "failed": {**failed, **run.failed},
        }
        runs.end(connection, fence, {**row, **scored}, told)
        return facts


class _Claimed(NamedTuple):
    """The run of a tick that is claimed, with what is kept of it at its end; or one by hand."""

    fence: Fence | None = None
    read: Mapping[str, Any] = {}
    failed: Mapping[str, str] = {}


class _Found(NamedTuple):
    """What a recalculation found, and the run it was compared with."""

    run: Run
    scores: Sequence[Score]
    raised: Raised
    before: Scored | None


def _moved(scores: Sequence[Score], before: Mapping[str, float]) -> list[Move]:
    """Return the companies whose score moved, furthest first."""
    found = [
        Move(score.company, before.get(score.company, 0.0), score.value)
        for score in scores
        if abs(score.value - before.get(score.company, 0.0)) >= NOTABLE_POINTS
    ]
    return sorted(found, key=lambda move: (-abs(move.after - move.before), move.company))
