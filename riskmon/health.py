"""Health: what is asked of the database alone, whatever else this process is at, and what it means.

Each check says in one sentence how it is, and what to do where it is not well.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path

import sqlalchemy as sa

from riskmon.database import beside, database_of, driver, probe, reading
from riskmon.errors import BusyError, ReplicaError, RiskmonError
from riskmon.forms import moment
from riskmon.ledger import Ledger
from riskmon.outbox import LONGEST_QUIET, Message, Outbox
from riskmon.settings import Config
from riskmon.status import FAILED, Check, Lately, Process, State, failure
from riskmon.tables import process, run

PATIENCE = 2.0
"""Seconds that a check waits for the right to write."""
SKEW, MOST_SKEW = 5.0, 60.0
"""Seconds between two clocks that are too many, and far too many."""
LOW, LEAST = (500e6, 0.05), (50e6, 0.01)
"""Bytes and share of a disk that are too few, and far too few."""
MOST_DEAD = 20


class Health:
    """The checks of a ledger and of the schedule over it; none takes the monitor's lock."""

    def __init__(
        self,
        ledger: Ledger,
        config: Config,
        clock: Callable[[], datetime],
        held: Callable[[], int],
    ) -> None:
        self._ledger = ledger
        self.engine = ledger.engine
        self._config = config
        self._clock = clock
        self._held = held
        self._outbox = Outbox(ledger.engine)
        self._in_memory = database_of(ledger.engine.url).in_memory(ledger.engine.url)

    def checks(self) -> list[Check]:
        """Return every check; the first alone, and the disk's, where the database cannot be read.

        Bounded in time as the database's answers are.
        """
        found = [*self._asked("database", self._reached)]
        if found[0].exit_code in {0, BusyError.exit_code}:
            found += self._asked("head", self._kept)
            found += self._asked("clock", self._clocks)
            found += self._asked("schedule", self._scheduled)
            found += self._asked("outbox", self._told)
            found += self._asked("held", self._waiting)
        return [*found, *self._asked("disk", self._room)]

    def processes(self) -> list[Process]:
        """Return the processes that registered to run the schedule, the oldest first."""
        query = sa.select(process.c.holder, process.c.started_at, process.c.beat_at)
        with reading(self.engine) as connection:
            rows = connection.execute(query.order_by(process.c.started_at)).all()
        return [Process(*row) for row in rows]

    def jobs(self) -> list[Lately]:
        """Return the jobs of the configuration, each with its last run."""
        names = ("state", "holder", "started_at", "seconds", "told")
        query = sa.select(*(run.c[name] for name in names)).order_by(run.c.number.desc()).limit(1)
        found = []
        with reading(self.engine) as connection:
            for job in self._config.jobs:
                next_at = self._config.timetable(job).after(self._clock())
                row = connection.execute(query.where(run.c.job == job)).first()
                failed = json.loads(row.told or "{}").get("failed", {}) if row else {}
                found.append(Lately(job, next_at, failed, *(row[:-1] if row else ())))
        return found

    def dead(self) -> list[Message]:
        """Return the oldest messages that were given up, without their bodies."""
        return [one._replace(body="") for one in self._outbox.messages("dead", MOST_DEAD)]

    def _asked(self, name: str, ask: Callable[[], Iterator[Check]]) -> Iterator[Check]:
        try:
            yield from ask()
        except RiskmonError as error:
            yield failure(name, error)

    def _reached(self) -> Iterator[Check]:
        if self._in_memory:
            yield Check("database", "ok", "is in memory, and gone with this process")
            return
        try:
            waited = probe(self.engine, PATIENCE)
        except ReplicaError:
            told = "can be read: it is a read replica, and what is written goes to its primary"
            yield Check("database", "ok", told)
            return
        except BusyError as error:
            raise BusyError(
                f"another process has held it for more than {PATIENCE:g} s: where that lasts, find "
                "out which (`riskmon runs` says what runs), and end it"
            ) from error
        yield Check("database", "ok", f"can be read and written; waited {waited:.1f} s")

    def _kept(self) -> Iterator[Check]:
        name, kept = "head", self._ledger.kept
        if kept is None:
            yield Check(name, "ok", "none is kept outside a database in memory")
            return
        self._ledger.check_tail()
        outside, last = kept.read(), self._ledger.size()
        if outside is None and last:
            told = (
                f"no head is kept outside ({kept.path}): a cut tail cannot be seen; compare with a "
                "published one (riskmon verify --since HEAD); the next entry from here makes one"
            )
            yield Check(name, "warn", told)
        elif outside is not None and outside.position < last:
            told = f"the one kept outside is among the entries, {last - outside.position:,} behind"
            yield Check(name, "ok", f"{told}; the next entry from this host brings it up")
        else:
            yield Check(name, "ok", f"equal to the one kept outside, at position {last:,}")

    def _clocks(self) -> Iterator[Check]:
        name, now = "clock", self._clock()
        recorded_at = self._ledger.head().recorded_at
        ahead = (moment(recorded_at) - now).total_seconds() if recorded_at else 0.0
        with reading(self.engine) as connection:
            theirs = database_of(self.engine.url).moment(driver(connection))
        skew = (theirs - self._clock()).total_seconds() if theirs else 0.0
        if abs(skew) > SKEW:
            told = f"this host's is {abs(skew):.0f} s {'behind' if skew > 0 else 'ahead of'} the "
            state: State = "fail" if abs(skew) > MOST_SKEW else "warn"
            code = FAILED if state == "fail" else 0
            yield Check(name, state, told + "database's: set both by NTP (timedatectl)", code)
        elif ahead > SKEW:
            told = (
                f"went back: the last entry was recorded {_span(ahead)} from now, and entries "
                "keep that moment until then: set it by NTP (timedatectl)"
            )
            yield Check(name, "warn", told)
        else:
            beside = f"{abs(skew):.0f} s from the database's" if theirs else "the database's, too"
            yield Check(name, "ok", f"this host's is {beside}")

    def _scheduled(self) -> Iterator[Check]:
        processes, now = self.processes(), self._clock()
        alive = [one for one in processes if self._lives(one, now)]
        told = [f"{_who(one.holder)} since {one.started_at:%Y-%m-%d %H:%MZ}" for one in alive]
        silent = [
            f"{_who(one.holder)} gave no sign of life for {_span(now - one.beat_at)}"
            for one in processes
            if one not in alive
        ]
        configured = "jobs" in self._config.model_fields_set
        if silent:
            advice = (
                "it died or was stopped: others take its ticks over, one that starts forgets it"
            )
            yield Check("schedule", "warn", f"{'; '.join([*told, *silent])}: {advice}")
        elif told or not configured:
            yield Check("schedule", "ok", f"run by {'; '.join(told) or 'nobody, and none is set'}")
        else:
            advice = "start `riskmon run`, unless cron starts `riskmon run --once JOB`"
            yield Check("schedule", "warn", f"no process runs it: {advice}")
        for one in self.jobs():
            if configured or alive or one.state:
                yield self._job(one, alive, now)

    def _lives(self, one: Process, now: datetime) -> bool:
        return abs(now - one.beat_at) <= self._config.lease

    def _job(self, one: Lately, alive: list[Process], now: datetime) -> Check:
        name = f"job {one.job}"
        following = f"next at {one.next_at:%Y-%m-%d %H:%M:%SZ}"
        since = one.started_at or min((one.started_at for one in alive), default=now)
        after = self._config.timetable(one.job).after
        overdue = now > after(after(since)) + timedelta(seconds=SKEW)
        begun = f"{since:%Y-%m-%d %H:%M:%SZ}"
        last = f"last run at {begun}" if one.started_at else "never run"
        if overdue and one.state != "open":
            if alive:
                told = f"{last}, more than two intervals ago: the log of {_who(alive[0].holder)}"
                return Check(name, "fail", f"{told} says why; riskmon run --once {one.job}", FAILED)
            return Check(name, "warn", f"{last}, more than two intervals ago, and nobody runs it")
        if one.state is None:
            return Check(name, "ok", f"not run yet; {following}")
        if one.state == "open":
            runs = f"run by {_who(one.holder or '')} since {begun}"
            if one.holder not in {other.holder for other in alive}:
                told = f"{runs}, which gave no sign of life: another process takes it over"
                return Check(name, "warn", told)
            late = ", over two intervals: riskmon runs" if overdue else ""
            return Check(name, "warn" if overdue else "ok", f"{runs}{late}")
        ended = f"{last}, {one.state} in {one.seconds or 0:.1f} s"
        if one.failed or one.state == "failed":
            failed = "; ".join(f"{what}: {_first(why)}" for what, why in one.failed.items())
            return Check(name, "warn", f"{ended}; failed: {failed}; {following}")
        if one.state == "returned":
            return Check(name, "warn", f"{last}, given back unfinished: the next process ends it")
        return Check(name, "ok", f"{ended}; {following}")

    def _told(self) -> Iterator[Check]:
        found, now = self._outbox.standing(), self._clock()
        counts = f"{found.waiting:,} wait, {found.failing:,} of them failing, {found.sent:,} sent"
        if found.dead:
            told = f"{found.dead:,} were given up: riskmon alerts waiting, riskmon alerts retry"
            yield Check("outbox", "warn", f"{told}; {counts}")
        elif found.oldest and now - found.oldest > LONGEST_QUIET:
            told = f"the oldest waits for {_span(now - found.oldest)}: riskmon alerts waiting"
            yield Check("outbox", "warn", f"{told}; {counts}")
        elif found.failing:
            yield Check("outbox", "warn", f"{counts}; tried again: riskmon alerts waiting")
        else:
            yield Check("outbox", "ok", counts)

    def _waiting(self) -> Iterator[Check]:
        held = self._held()
        told = f"{held:,} copies of lists wait for a person"
        advice = " and do not count meanwhile: riskmon hold review"
        yield Check("held", "warn" if held else "ok", told + advice * bool(held))

    def _room(self) -> Iterator[Check]:
        if self._in_memory:
            return
        folder = beside(self.engine, "").resolve().parent
        while not folder.exists() and folder != folder.parent:
            folder = folder.parent
        yield room(folder)


def room(folder: Path) -> Check:
    """Return whether the disk of a folder has room left."""
    total, _, free = shutil.disk_usage(folder)
    told = f"{free / 1e9:,.1f} GB free of {total / 1e9:,.1f} beside {folder}"
    for (few, share), state, code in ((LEAST, "fail", FAILED), (LOW, "warn", 0)):
        if free < few or free < share * total:
            return Check("disk", "fail" if state == "fail" else "warn", f"{told}: make room", code)
    return Check("disk", "ok", told)


def _who(holder: str) -> str:
    """Return host/pid of a holder, without its key."""
    return holder.rpartition("/")[0]


def _first(text: str) -> str:
    return text.partition("\n")[0]


def _span(span: timedelta | float) -> str:
    """Return a length of time as a person says it."""
    seconds = abs(span.total_seconds() if isinstance(span, timedelta) else span)
    for unit, length in (("d", 86400), ("h", 3600), ("min", 60)):
        if seconds >= 2 * length:
            return f"{seconds / length:.0f} {unit}"
    return f"{seconds:.0f} s"
