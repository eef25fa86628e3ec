"""What tests of the schedule run in processes of their own, and what the database saw of them."""

from __future__ import annotations

import os
import signal
import socket
import sys
import threading
import time
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from datetime import datetime, timedelta
from multiprocessing.connection import Connection
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from pkgutil import resolve_name
from typing import Any, NamedTuple

import sqlalchemy as sa
import time_machine

import riskmon
from riskmon import runs
from riskmon.cli import main
from riskmon.config import load
from riskmon.database import reading
from riskmon.ledger import Ledger
from riskmon.monitor import Monitor
from riskmon.tables import run, snapshot
from riskmon.ticks import Ticks
from tests.workers import begun, ends

EVERY_SECOND = '[jobs.steady]\nevery = "1s"\n'
SECOND = timedelta(seconds=1)

WITNESS = {
    "sqlite": [
        "CREATE TABLE seen (place INTEGER PRIMARY KEY, number INTEGER, token INTEGER, "
        "state TEXT, at REAL)",
        *(
            f"CREATE TRIGGER seen_{what} AFTER {what} ON run BEGIN "
            "INSERT INTO seen (number, token, state, at) VALUES (NEW.number, NEW.token, NEW.state, "
            "(julianday('now') - 2440587.5) * 86400.0); END"
            for what in ("INSERT", "UPDATE")
        ),
    ],
    "postgresql": [
        "CREATE TABLE seen (place BIGSERIAL PRIMARY KEY, number BIGINT, token INTEGER, "
        "state TEXT, at DOUBLE PRECISION)",
        "CREATE FUNCTION see() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
        "INSERT INTO seen (number, token, state, at) VALUES (NEW.number, NEW.token, NEW.state, "
        "EXTRACT(EPOCH FROM clock_timestamp())); RETURN NEW; END $$",
        "CREATE TRIGGER seen AFTER INSERT OR UPDATE ON run FOR EACH ROW EXECUTE FUNCTION see()",
    ],
}
"""Triggers by which the database notes what happens to each run: who is killed cannot forget it."""


class Seen(NamedTuple):
    """A run claimed, taken over, given back or ended, and the seconds since 1970."""

    number: int
    token: int
    state: str
    at: float


def configure(folder: Path, url: str, jobs: str = EVERY_SECOND, more: str = "") -> Path:
    """Write `riskmon.toml` into a folder, and return that; its first lines are `more`'s."""
    folder.mkdir(exist_ok=True)
    text = f'database_url = "{url}"\nlease = "2s"\n{more}\n{jobs}'
    (folder / "riskmon.toml").write_text(text, "utf-8")
    return folder


def applied(folder: Path) -> Monitor:
    """Open the monitor that a folder configures, its alert rules applied once: all is known.

    A rule tells nothing of what was there before it was first applied.
    """
    monitor = riskmon.open(config=load(str(folder / "riskmon.toml")))
    monitor.recalculate()
    return monitor


def witnessed(url: str) -> None:
    """Have the database note what happens to runs from now on."""
    with closing(Ledger(url)) as ledger, ledger.engine.begin() as connection:
        for statement in WITNESS[ledger.engine.dialect.name]:
            connection.exec_driver_sql(statement)


def seen(url: str) -> list[Seen]:
    """Return what happened to runs, in order."""
    query = "SELECT number, token, state, at FROM seen ORDER BY place"
    with closing(Ledger(url)) as ledger, reading(ledger.engine) as connection:
        return [Seen(*row) for row in connection.exec_driver_sql(query)]


def rows(url: str) -> list[dict[str, Any]]:
    """Return the runs, oldest first."""
    with closing(Ledger(url)) as ledger:
        return [dict(one) for one in reversed(runs.listed(ledger.engine, 1_000_000))]


def snapshots(url: str) -> Counter[tuple[int, datetime]]:
    """Return how many scores were kept of each position and moment."""
    query = sa.select(snapshot.c.position, snapshot.c.as_of)
    with closing(Ledger(url)) as ledger, reading(ledger.engine) as connection:
        return Counter((row.position, row.as_of) for row in connection.execute(query))


def unfinished(url: str) -> int:
    """Return how many runs have no end."""
    query = sa.select(sa.func.count()).where(run.c.state.in_(("open", "returned")))
    with closing(Ledger(url)) as ledger, reading(ledger.engine) as connection:
        return int(connection.scalar(query) or 0)


def riskmon_in(folder: Path, *arguments: str) -> None:
    """Be `riskmon` in a folder; what it says is added to the file `said` there."""
    os.chdir(folder)
    os.dup2(os.open("said", os.O_WRONLY | os.O_CREAT | os.O_APPEND), 2)
    sys.argv = ["riskmon", *arguments]
    main()


def said(folder: Path) -> str:
    """Return what processes said in a folder."""
    file = folder / "said"
    return file.read_text("utf-8") if file.exists() else ""


@contextmanager
def running(folder: Path, count: int = 1) -> Iterator[list[ForkServerProcess]]:
    """Give processes of `riskmon run` in a folder, which a caller may replace; end them at last."""
    processes = [begun(riskmon_in, folder, "run") for _ in range(count)]
    try:
        yield processes
        stop(processes)
    finally:
        for one in processes:
            if one.is_alive():
                one.kill()
                one.join()


def stop(processes: Sequence[ForkServerProcess]) -> list[int | None]:
    """Ask processes to end, as a system that goes down does; return their exit codes."""
    for one in processes:
        one.terminate()
    for one in processes:
        one.join(20)
    return [one.exitcode for one in processes]


def done(url: str) -> int:
    """Return how many runs of jobs came to their end."""
    with closing(Ledger(url)) as ledger, reading(ledger.engine) as connection:
        query = sa.select(sa.func.count()).where(run.c.state == "done", run.c.tick.is_not(None))
        return int(connection.scalar(query) or 0)


def free_port() -> int:
    """Return a port of this machine on which nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


def health(port: int) -> int:
    """Return what a process answers when it is asked whether it is well, 0 for nothing."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/healthz", timeout=10) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        with error:
            return error.code
    except OSError:
        return 0


def ends_with_nothing_unfinished(folder: Path, url: str) -> None:
    """Have one more process end the run that has no end, as after processes that are gone."""
    while unfinished(url):
        assert [0] == ends([begun(riskmon_in, folder, "run", "--once", "steady")])


class Stops(NamedTuple):
    """Where a process stops itself, as SIGSTOP from outside would have it."""

    owner: str
    """A module, or a class as `module:Class`."""
    name: str
    """Of its function."""
    after: bool = False
    """Once the function is done; else before."""


def stopping(folder: Path, where: Stops) -> None:
    """Be `riskmon run`, and stop once, at a place; the file `stopped` has the process then.

    Not while its other thread gives a sign of life: who is stopped in a commit holds SQLite, and
    another test has that.
    """
    owner = resolve_name(where.owner)
    whole = getattr(owner, where.name)

    beat, quiet = Ticks.beat, threading.Lock()

    def beat_quietly(ticks: Ticks) -> None:
        with quiet:
            beat(ticks)

    def stop_once(*given: Any, **named: Any) -> Any:
        setattr(owner, where.name, whole)
        found = whole(*given, **named) if where.after else None
        with quiet:
            Path("stopped").touch()
            os.kill(os.getpid(), signal.SIGSTOP)
        return found if where.after else whole(*given, **named)

    setattr(owner, where.name, stop_once)
    setattr(Ticks, "beat", beat_quietly)  # noqa: B010 (a method is not assigned to otherwise)
    riskmon_in(folder, "run")


def turned(folder: Path, now: datetime, turns: Connection) -> None:
    """Be `riskmon run` under a wall clock that begins at `now`, and is set by what `turns` has.

    time_machine sets what the C functions behind datetime.now and time.time return, so that
    APScheduler sees it, too; time.monotonic and waiting go on as they do.
    """
    with time_machine.travel(now, tick=True) as traveller:

        def listen() -> None:
            while True:
                traveller.shift(timedelta(seconds=turns.recv()))

        threading.Thread(target=listen, daemon=True).start()
        riskmon_in(folder, "run")


def slow(folder: Path, seconds: float, *arguments: str) -> None:
    """Be `riskmon run` whose recalculations take so long; `begun` is there once one begins."""
    whole = Monitor._found

    def found(*given: Any, **named: Any) -> Any:
        Path("begun").touch()
        time.sleep(seconds)
        return whole(*given, **named)

    Monitor._found = found  # type: ignore[method-assign]
    riskmon_in(folder, "run", *arguments)
