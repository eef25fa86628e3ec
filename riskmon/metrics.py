"""Metrics, as Prometheus reads them: from the database, so that each process says the same.

What only this process knows, such as its own signs of life, is of this process.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

import sqlalchemy as sa
from prometheus_client import CollectorRegistry
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    InfoMetricFamily,
    Metric,
    SummaryMetricFamily,
)
from prometheus_client.exposition import generate_latest

from riskmon import __version__, runs
from riskmon.database import database_of, reading
from riskmon.model import LEVELS, level
from riskmon.outbox import Outbox, Standing
from riskmon.status import Check
from riskmon.tables import entry, run

TYPE = "text/plain; version=0.0.4; charset=utf-8"
SUCCESS = '%"failed": {}}'
"""How a run's account ends of which nothing failed."""
WORTH = {"ok": 0, "warn": 1, "fail": 2}


class JobFigures(NamedTuple):
    """What a job came to so far."""

    done: int = 0
    failed: int = 0
    ended: int = 0
    seconds: float = 0.0
    """Of those that ended."""
    last: float | None = None
    """When the last one began, in seconds since 1970."""
    success: float | None = None
    """When the last one began of which nothing failed."""


class Figures(NamedTuple):
    """What the database says."""

    jobs: dict[str, JobFigures]
    position: int
    alerts: int
    levels: dict[str, int]
    """Companies by level, as the last recalculation found them."""
    messages: Standing


def figures(engine: sa.Engine, jobs: Iterable[str]) -> Figures:
    """Ask the database; `jobs` bounds the labels, whatever was run under other names before."""
    with reading(engine) as connection:
        found = {job: _job(connection, job) for job in (*jobs, runs.BY_HAND)}
        position = connection.scalar(sa.select(sa.func.max(entry.c.position)))
        keys = database_of(engine.url).KEYS.c  # of all that were sent, archived ones too
        sent = (keys.source == "riskmon") & (keys.kind == "alert.sent")
        alerts = connection.scalar(sa.select(sa.func.count()).where(sent))
        last = runs.last(connection)
        values = runs.values(connection, last).values() if last else ()
    levels = Counter(map(level, values))
    counts = {name: levels[name] for name in LEVELS}
    return Figures(found, int(position or 0), int(alerts or 0), counts, Outbox(engine).standing())


def _job(connection: sa.Connection, job: str) -> JobFigures:
    mine = run.c.job == job
    count = sa.func.count()
    states = connection.execute(
        sa.select(run.c.state, count, sa.func.count(run.c.seconds), sa.func.sum(run.c.seconds))
        .where(mine, run.c.state.in_(("done", "failed")))
        .group_by(run.c.state)
    ).all()
    by_state = {row[0]: row[1] for row in states}
    newest = sa.select(run.c.started_at).where(mine).order_by(run.c.number.desc()).limit(1)
    last = connection.scalar(newest)
    well = (run.c.state == "done") & run.c.told.like(SUCCESS)
    success = connection.scalar(newest.where(well))
    return JobFigures(
        by_state.get("done", 0),
        by_state.get("failed", 0),
        sum(row[2] for row in states),
        float(sum(row[3] or 0.0 for row in states)),
        last.timestamp() if last else None,
        success.timestamp() if success else None,
    )


@dataclass(frozen=True, eq=False)
class Told:
    """All that a scrape tells of."""

    silent: float
    """Seconds since this process gave its last sign of life."""
    found: Figures | None = None
    """None where the database did not answer."""
    checks: tuple[Check, ...] = ()
    held: int | None = None
    unresolved: int | None = None

    def collect(self) -> Iterator[Metric]:
        """Yield what Prometheus is told."""
        yield InfoMetricFamily(
            "riskmon_build", "The version of riskmon.", value={"version": __version__}
        )
        yield _gauge(
            "riskmon_heartbeat_age_seconds", "Since this process's last sign of life.", self.silent
        )
        yield _gauge("riskmon_database_up", "1 where the database answered.", int(bool(self.found)))
        checks = GaugeMetricFamily(
            "riskmon_check", "How a check is: 0 ok, 1 warn, 2 fail.", labels=["check"]
        )
        for one in self.checks:
            checks.add_metric([one.name], WORTH[one.state])
        yield checks
        for name, text, value in (
            ("riskmon_held_copies", "Copies of lists that wait for a person.", self.held),
            (
                "riskmon_names_unresolved",
                "Names that mean no declared company; those that may wait for review.",
                self.unresolved,
            ),
        ):
            if value is not None:
                yield _gauge(name, text, value)
        if self.found is not None:
            yield from _jobs(self.found.jobs)
            yield from _rest(self.found)


def exposition(told: Told) -> bytes:
    """Return it as the text that Prometheus reads."""
    registry = CollectorRegistry()
    registry.register(told)
    return generate_latest(registry)


def _gauge(name: str, text: str, value: float) -> Metric:
    return GaugeMetricFamily(name, text, value=value)


def _jobs(jobs: dict[str, JobFigures]) -> Iterator[Metric]:
    ended = CounterMetricFamily("riskmon_runs", "Runs that ended.", labels=["job", "state"])
    took = SummaryMetricFamily("riskmon_run_seconds", "How long runs took.", labels=["job"])
    last = GaugeMetricFamily(
        "riskmon_last_run_timestamp_seconds", "When the last run began.", labels=["job"]
    )
    success = GaugeMetricFamily(
        "riskmon_last_success_timestamp_seconds",
        "When the last run began of which nothing failed.",
        labels=["job"],
    )
    for job, one in jobs.items():
        ended.add_metric([job, "done"], one.done)
        ended.add_metric([job, "failed"], one.failed)
        took.add_metric([job], count_value=one.ended, sum_value=one.seconds)
        if one.last is not None:
            last.add_metric([job], one.last)
        if one.success is not None:
            success.add_metric([job], one.success)
    yield from (ended, took, last, success)


def _rest(found: Figures) -> Iterator[Metric]:
    yield _gauge("riskmon_ledger_position", "The last entry of the ledger.", found.position)
    companies = "Companies, as the last recalculation found them"
    yield _gauge("riskmon_companies", f"{companies}.", sum(found.levels.values()))
    levels = GaugeMetricFamily(
        "riskmon_companies_by_level", f"{companies}, by level.", labels=["level"]
    )
    for name, count in found.levels.items():
        levels.add_metric([name], count)
    yield levels
    messages = GaugeMetricFamily(
        "riskmon_messages",
        "Messages of the outbox; failing ones are among those that wait.",
        labels=["state"],
    )
    for name in ("waiting", "failing", "sent", "dead", "withdrawn"):
        messages.add_metric([name], getattr(found.messages, name))
    yield messages
    yield CounterMetricFamily("riskmon_alerts", "Alerts that were told.", value=found.alerts)
