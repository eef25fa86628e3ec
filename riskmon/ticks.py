"""Ticks: each is claimed by one process, and lost by one that is dead or gave no sign too long.

A claim is a row of `run`. Its token grows each time the tick is taken over, and is checked in every
transaction that stores what the run found: a process that was stopped and goes on stores nothing.
(Burrows, 2006, calls it a sequencer; Kleppmann, 2016, a fencing token.)
"""

from __future__ import annotations

import os
import secrets
import socket
import time
from collections.abc import Callable
from datetime import datetime
from typing import Any, NamedTuple

import sqlalchemy as sa

from riskmon.database import database_of, reading, refusals, writing
from riskmon.ledger import Fence
from riskmon.tables import process, run

SIGNS = 6
"""Signs of life in the time after which a process that gives none has lost its tick."""


class Claim(NamedTuple):
    """A tick of a job that this process runs."""

    job: str
    tick: datetime
    fence: Fence


class Claimed(NamedTuple):
    """The last claim of a job, by whomever."""

    number: int
    tick: datetime
    token: int
    holder: str
    state: str
    started_at: datetime

    @property
    def unfinished(self) -> bool:
        """Whether the tick is still to be run to its end."""
        return self.state in {"open", "returned"}


class Ticks:
    """The claims of this process, and its signs of life.

    Whether another process lives is asked of what the system takes from a dead one: a file lock
    beside SQLite, a transaction's lock on PostgreSQL. One that lives but is stopped gives no sign:
    its count of beats stands still for `lease` seconds of the caller's own steady clock. No wall
    clock is compared with another.
    """

    def __init__(self, engine: sa.Engine, lease: float, clock: Callable[[], datetime]) -> None:
        self._engine = engine
        self._lease = lease
        self._clock = clock
        key = f"{secrets.randbits(60):015x}"
        self._alive = database_of(engine.url).Alive(engine, key)
        self.holder = f"{here()}/{key}"
        self._beats = 0
        self._seen: dict[str, tuple[int, float]] = {}
        """Of each holder that was watched, its beats, and since when they are so many."""
        self._register()

    def _register(self) -> None:
        now = self._clock()
        with writing(self._engine) as connection:
            others = list(connection.scalars(sa.select(process.c.holder)))
            gone = [one for one in others if not self._alive.sees(_key(one))]
            connection.execute(sa.delete(process).where(process.c.holder.in_(gone)))
            row = {"holder": self.holder, "started_at": now, "beat_at": now, "beats": 0}
            connection.execute(sa.insert(process), [row])

    def close(self) -> None:
        """Give no more signs of life; the database must be there for it."""
        try:
            with writing(self._engine) as connection:
                connection.execute(sa.delete(process).where(process.c.holder == self.holder))
        finally:
            self._alive.close()

    def beat(self) -> None:
        """Give a sign of life, some times within `lease`."""
        with refusals(self._engine):
            self._alive.renew()
        self._beats += 1
        row = {"beats": self._beats, "beat_at": self._clock()}
        with writing(self._engine) as connection:
            mine = process.c.holder == self.holder
            if connection.execute(sa.update(process).where(mine).values(row)).rowcount == 0:
                row |= {"holder": self.holder, "started_at": row["beat_at"]}
                connection.execute(sa.insert(process), [row])  # others took us for dead

    def last(self, job: str) -> Claimed | None:
        """Return the last claim of a job, None where there is none."""
        with reading(self._engine) as connection:
            return _last(connection, job)

    def claim(self, job: str, tick: datetime, last: Claimed | None) -> Claim | None:
        """Claim a tick after `last`; None where another process was faster."""
        with writing(self._engine) as connection:
            if _last(connection, job) != last:
                return None
            number = next_number(connection)
            row: dict[str, Any] = {"number": number, "job": job, "tick": tick, "token": 1}
            row |= {"holder": self.holder, "state": "open", "started_at": self._clock()}
            connection.execute(sa.insert(run), [row])
        return Claim(job, tick, Fence(number, 1))

    def take_over(self, job: str, last: Claimed) -> Claim | None:
        """Claim a tick that another process has lost; None where a third was faster."""
        token = last.token + 1
        row = {"token": token, "holder": self.holder, "state": "open", "started_at": self._clock()}
        with writing(self._engine) as connection:
            lost = (run.c.number == last.number) & (run.c.token == last.token)
            lost &= run.c.state.in_(("open", "returned"))
            if connection.execute(sa.update(run).where(lost).values(row)).rowcount == 0:
                return None
        return Claim(job, last.tick, Fence(last.number, token))

    def give_back(self, claim: Claim) -> None:
        """Let another process have the tick; what this one still tries to store is refused."""
        with writing(self._engine) as connection:
            mine = (run.c.number == claim.fence.number) & (run.c.token == claim.fence.token)
            mine &= run.c.state == "open"
            row = {"state": "returned", "token": claim.fence.token + 1}
            connection.execute(sa.update(run).where(mine).values(row))

    def lost(self, claimed: Claimed) -> bool:
        """Whether the process that claimed an unfinished tick is dead, or silent for too long."""
        if claimed.state == "returned" or claimed.holder == self.holder:
            return True  # ours, and we ask: the run that had it could not say that it failed
        with refusals(self._engine):
            if not self._alive.sees(_key(claimed.holder)):
                return True
        with reading(self._engine) as connection:
            query = sa.select(process.c.beats).where(process.c.holder == claimed.holder)
            beats = connection.scalar(query)
        if beats is None:
            return True
        seen, since = self._seen.get(claimed.holder, (-1, 0.0))
        now = time.monotonic()
        if seen != beats:
            self._seen[claimed.holder] = (int(beats), now)
            return False
        return now - since >= self._lease


def here() -> str:
    """Return host/pid of this process."""
    return f"{socket.gethostname()[:100]}/{os.getpid()}"


def next_number(connection: sa.Connection) -> int:
    """Return the number of the next run, in a transaction that alone may write."""
    return int(connection.scalar(sa.select(sa.func.max(run.c.number))) or 0) + 1


def _last(connection: sa.Connection, job: str) -> Claimed | None:
    columns = [run.c[name] for name in Claimed._fields]
    # A job's ticks never go back, and their index is at hand.
    mine = (run.c.job == job) & (run.c.tick.is_not(None))
    row = connection.execute(
        sa.select(*columns).where(mine).order_by(run.c.tick.desc()).limit(1)
    ).first()
    return None if row is None else Claimed._make(row)


def _key(holder: str) -> str:
    return holder.rpartition("/")[2]
