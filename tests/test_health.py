"""Health: what `status` says and how it exits, and what is served of a process that runs."""

from __future__ import annotations

import json
import os
import shutil
import socket
import sqlite3
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from prometheus_client.parser import text_string_to_metric_families

import riskmon
from riskmon import health, serving
from riskmon.database import connect, probe, writing
from riskmon.errors import BusyError
from riskmon.monitor import Monitor
from riskmon.outbox import Message, put
from riskmon.schedule import Schedule
from riskmon.serving import served
from riskmon.settings import Config
from riskmon.status import Check, exit_code
from riskmon.tables import process, run
from tests.builders import RISKMON, Clock, company, event, forge, listed
from tests.running import answers, asked, free_port, running, wait


def state_of(monitor: Monitor, name: str) -> Check:
    """Return a check by its name."""
    (found,) = [one for one in monitor.health().checks() if one.name == name]
    return found


def configured(url: str, clock: Any, **data: Any) -> Monitor:
    """Open a monitor by a configuration."""
    return riskmon.open(url, clock=clock, config=Config.model_validate(data))


NIGHTLY = {"jobs": {"nightly": {"cron": "30 2 * * *"}}}


def insert(monitor: Monitor, table: sa.Table, **row: Any) -> None:
    """Put a row into a table, as a process would."""
    with writing(monitor._ledger.engine) as connection:
        connection.execute(sa.insert(table), [row])


def ran(monitor: Monitor, number: int, state: str = "done", **row: Any) -> None:
    """Keep a run of `nightly` that began now."""
    now = monitor.clock()
    told = json.dumps({"moved": 0, "failed": row.pop("failed", {})})
    begun = {"number": number, "job": "nightly", "tick": now, "token": 1, "holder": "host/1/a"}
    rest = {"state": state, "started_at": now, "seconds": 1.5, "told": told}
    insert(monitor, run, **(begun | rest | row))


def lives(monitor: Monitor, holder: str = "host/1/a") -> None:
    """Let a process give a sign of life now."""
    now = monitor.clock()
    insert(monitor, process, holder=holder, started_at=now, beat_at=now, beats=1)


# Checks


def test_a_new_database_is_well(monitor: Monitor) -> None:
    """Every check is there, none fails, on each kind of database."""
    found = monitor.health().checks()
    assert ["database", "head", "clock", "schedule", "outbox", "held", "disk"] == (
        [one.name for one in found]
    )
    # The clock of the test is years behind the server's.
    assert {"ok"} == {one.state for one in found if one.name != "clock"}
    assert 0 == exit_code([one for one in found if one.name != "clock"])


def test_the_clock_is_compared_with_the_databases(postgresql_url: str) -> None:
    """Five seconds are too many, a minute is far too many; both ways."""
    for seconds, state in ((0, "ok"), (20, "warn"), (-20, "warn"), (-90, "fail"), (90, "fail")):
        clock = lambda ahead=timedelta(seconds=seconds): riskmon.monitor.utc_now() + ahead  # noqa: E731
        with configured(postgresql_url, clock) as monitor:
            assert state == state_of(monitor, "clock").state, seconds


def test_a_clock_that_went_back_is_said(tmp_path: Path, clock: Clock) -> None:
    """The last entry is then of a moment to come."""
    with configured(f"sqlite:///{tmp_path}/risk.db", clock) as monitor:
        monitor.ingest([event()])
        clock.turn("2023-12-31T23:00:00Z")
        assert Check(
            "clock",
            "warn",
            "went back: the last entry was recorded 60 min from now, and entries keep that moment "
            "until then: set it by NTP (timedatectl)",
        ) == state_of(monitor, "clock")


def test_the_head_kept_outside_is_compared(tmp_path: Path, clock: Clock) -> None:
    """Equal, behind, missing; and cut, which is exit code 4."""
    with configured(f"sqlite:///{tmp_path}/risk.db", clock) as monitor:
        monitor.ingest([event()])
        kept = tmp_path / "risk.db.head"
        old = kept.read_bytes()
        assert "equal to the one kept outside, at position 2" == state_of(monitor, "head").told
        monitor.ingest([event(), event()])
        new = kept.read_bytes()
        kept.write_bytes(old)
        behind = state_of(monitor, "head")
        assert ("ok", True) == (behind.state, "2 behind" in behind.told)
        kept.unlink()
        assert "warn" == state_of(monitor, "head").state
        kept.write_bytes(new)
        forge(monitor._ledger.engine, "DELETE FROM entry WHERE position = 4")
        cut = state_of(monitor, "head")
        assert ("fail", 4) == (cut.state, cut.exit_code)
        assert "its tail was cut" in cut.told


def test_a_database_that_is_held_is_busy_and_still_read(monitor: Monitor, url: str) -> None:
    """The check waits two seconds, not thirty; everything else is told all the same."""
    begun = time.monotonic()
    holder = connect(url)
    with writing(holder):
        found = {one.name: one for one in monitor.health().checks()}
    holder.dispose()
    assert ("fail", 5) == (found["database"].state, found["database"].exit_code)
    assert "another process has held it for more than 2 s" in found["database"].told
    assert "ok" == found["outbox"].state
    assert time.monotonic() - begun < 20
    assert "ok" == state_of(monitor, "database").state


def test_probing_leaves_the_connections_as_they_were(tmp_path: Path) -> None:
    """The patience of a check is not that of an append, and its lock is given back."""
    engine = connect(f"sqlite:///{tmp_path}/risk.db")
    with sqlite3.connect(tmp_path / "risk.db", isolation_level=None) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(BusyError):
            probe(engine, 0.05)
        other.execute("ROLLBACK")
        assert probe(engine, 0.05) < 5
        other.execute("BEGIN IMMEDIATE")
        other.execute("ROLLBACK")
    with engine.connect() as connection:
        assert 30_000 == connection.exec_driver_sql("PRAGMA busy_timeout").scalar()
    engine.dispose()


def test_no_process_runs_what_is_configured(monitor: Monitor, url: str, clock: Clock) -> None:
    """A warning: cron may begin the jobs. Without jobs in the configuration there is none."""
    assert "run by nobody, and none is set" == state_of(monitor, "schedule").told
    with configured(url, clock, **NIGHTLY) as other:
        assert ("warn", True) == (
            state_of(other, "schedule").state,
            "start `riskmon run`" in state_of(other, "schedule").told,
        )
        assert "not run yet; next at 2024-01-01 02:30:00Z" == state_of(other, "job nightly").told


def test_a_process_that_is_silent_is_named(url: str, clock: Clock) -> None:
    """After its lease; whoever lives is named beside it."""
    with configured(url, clock, **NIGHTLY) as other:
        lives(other, "host/1/a")
        clock.turn("2024-01-01T00:05:00Z")
        lives(other, "host/2/b")
        assert Check(
            "schedule",
            "warn",
            "host/2 since 2024-01-01 00:05Z; host/1 gave no sign of life for 5 min: it died or was "
            "stopped: others take its ticks over, one that starts forgets it",
        ) == state_of(other, "schedule")


def test_a_job_says_how_it_was_run_last(url: str, clock: Clock) -> None:
    """Done, failed with what failed, given back, running; and overdue after two intervals."""
    with configured(url, clock, **NIGHTLY) as other:
        lives(other)
        ran(other, 1)
        assert Check(
            "job nightly",
            "ok",
            "last run at 2024-01-01 00:00:00Z, done in 1.5 s; next at 2024-01-01 02:30:00Z",
        ) == state_of(other, "job nightly")
        clock.turn("2024-01-01T00:00:10Z")
        ran(other, 2, failed={"us-csl": "it cannot be fetched:\n try 1: refused"})
        failed = state_of(other, "job nightly")
        assert ("warn", True) == (
            failed.state,
            "; failed: us-csl: it cannot be fetched:; next at" in failed.told,
        )
        clock.turn("2024-01-01T00:00:20Z")
        ran(other, 3, "returned", seconds=None)
        assert "given back unfinished" in state_of(other, "job nightly").told
        clock.turn("2024-01-01T00:00:25Z")
        ran(other, 4, "open", seconds=None, told=None)
        assert Check("job nightly", "ok", "run by host/1 since 2024-01-01 00:00:25Z") == (
            state_of(other, "job nightly")
        )


def test_an_overdue_job_fails_where_a_process_runs(url: str, clock: Clock) -> None:
    """Not within two intervals; and where nobody runs it, it is a warning."""
    with configured(url, clock, **NIGHTLY) as other:
        ran(other, 1)
        clock.turn("2024-01-02T02:29:00Z")
        lives(other)
        assert "ok" == state_of(other, "job nightly").state
        clock.turn("2024-01-02T02:31:00Z")
        overdue = state_of(other, "job nightly")
        assert "warn" == overdue.state  # the process is silent for two minutes
        insert(other, process, holder="host/2/b", started_at=clock(), beat_at=clock(), beats=1)
        overdue = state_of(other, "job nightly")
        assert ("fail", 3) == (overdue.state, overdue.exit_code)
        assert "riskmon run --once nightly" in overdue.told


def test_a_job_that_was_never_run_fails_after_two_intervals(url: str, clock: Clock) -> None:
    """Since the process began that should run it."""
    with configured(url, clock, **NIGHTLY, lease="1d") as other:
        lives(other)
        clock.turn("2024-01-01T23:00:00Z")
        assert "ok" == state_of(other, "job nightly").state
    with configured(url, clock, **NIGHTLY, lease="1d") as other:
        insert(other, process, holder="b/2/b", started_at=clock(), beat_at=clock(), beats=1)
        clock.turn("2024-01-02T22:00:00Z")
        assert "ok" == state_of(other, "job nightly").state
        clock.turn("2024-01-03T02:31:00Z")
        with writing(other._ledger.engine) as connection:
            connection.execute(sa.update(process).values(beat_at=clock()))
        assert "fail" == state_of(other, "job nightly").state


def test_the_outbox_says_what_was_given_up(monitor: Monitor, clock: Clock) -> None:
    """With what to do; in the status each with key, channel and error, without its body."""
    now = clock()
    dead = Message("k1", "desk", "{}", now, now, 12, "dead", now, "hooks: 500")
    waits = Message("k2", "desk", "{}", now, now, 1, "waiting", None, "hooks: 503")
    with writing(monitor._ledger.engine) as connection:
        put(connection, [waits])
    assert Check(
        "outbox", "warn", "1 wait, 1 of them failing, 0 sent; tried again: riskmon alerts waiting"
    ) == state_of(monitor, "outbox")
    with writing(monitor._ledger.engine) as connection:
        put(connection, [dead])
    assert state_of(monitor, "outbox").told.startswith("1 were given up: riskmon alerts waiting")
    found = monitor.status()
    assert [dead._replace(body="")] == found.dead
    assert (1, 1, 1) == (found.messages.waiting, found.messages.failing, found.messages.dead)


@pytest.mark.parametrize(
    ("total", "free", "state"),
    [
        (100e9, 50e9, "ok"),
        (100e9, 4e9, "warn"),
        (2e9, 0.4e9, "warn"),
        (100e9, 0.9e9, "fail"),
        (0.9e9, 0.04e9, "fail"),
    ],
)
def test_a_full_disk_is_seen_before_it_is_full(
    total: float, free: float, state: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Below 5 % or 500 MB a warning, below 1 % or 50 MB a failure."""
    monkeypatch.setattr(shutil, "disk_usage", lambda _: (total, total - free, free))
    assert state == health.room(Path("/")).state


# The command


def test_status_exits_by_the_gravest_check(loaded: Any) -> None:
    """0 where none fails, 4 where the head does not match."""
    assert 0 == loaded("status").returncode
    with sqlite3.connect(loaded.folder / "risk.db") as connection:
        connection.execute("DROP TRIGGER entry_no_delete")
        connection.execute("DELETE FROM entry WHERE position = 39")
    connection.close()
    done = loaded("status", "--json")
    assert 4 == done.returncode
    checks = {one["name"]: one["state"] for one in json.loads(done.stdout)["checks"]}
    assert ("ok", "fail") == (checks["database"], checks["head"])


def test_status_of_a_busy_database_is_5(loaded: Any) -> None:
    """And everything that can be read is told."""
    with sqlite3.connect(loaded.folder / "risk.db", isolation_level=None) as holder:
        holder.execute("BEGIN IMMEDIATE")
        done = loaded("status")
    holder.close()
    assert 5 == done.returncode
    assert "companies     11" in done.stdout
    assert "fail  database" in done.stdout


@pytest.mark.parametrize(
    ("url", "code"),
    [("sqlite:///no/such/risk.db", 3), ("sqlite:///damaged.db", 4), ("sqlite:///folder", 3)],
)
def test_a_database_that_cannot_be_opened_has_a_status(run: Any, url: str, code: int) -> None:
    """A report on standard output, with what to do, and no traceback."""
    (run.folder / "damaged.db").write_text("no database " * 1000)
    (run.folder / "folder").mkdir()
    done = run("status", "--json", "--database", url)
    (found,) = json.loads(done.stdout)["checks"]
    assert (code, "", "database", "fail") == (
        done.returncode,
        done.stderr,
        found["name"],
        found["state"],
    )
    assert "Expected a" in found["told"]
    assert run("status", "--database", url).stdout.strip().startswith("fail  database")


# What is served


@contextmanager
def serving_of(monitor: Monitor, beaten: Any = time.monotonic, **data: Any) -> Iterator[int]:
    """Serve the health of a monitor meanwhile; give the port."""
    port = free_port()
    config = Config.model_validate({"health": {"port": port}, **data})
    with served(monitor, config, beaten):
        yield port


@pytest.fixture
def small(tmp_path: Path) -> Iterator[Monitor]:
    """Open a monitor on SQLite, by the clock of this host."""
    with riskmon.open(f"sqlite:///{tmp_path}/risk.db") as opened:
        yield opened


def test_healthz_is_red_without_signs_of_life(small: Monitor) -> None:
    """Half a lease long, three seconds at least."""
    silent = 0.0
    with serving_of(small, lambda: time.monotonic() - silent, lease="20s") as port:
        assert 200 == asked(port, "/healthz").status
        silent = 11.0
        assert 503 == asked(port, "/healthz").status
    with serving_of(small, lambda: time.monotonic() - silent, lease="2s") as port:
        silent = 2.0
        assert 200 == asked(port, "/healthz").status
        silent = 4.0
        assert 503 == asked(port, "/healthz").status


def test_readyz_has_the_checks(small: Monitor, monkeypatch: pytest.MonkeyPatch) -> None:
    """All of them as JSON; 503 where one fails."""
    monkeypatch.setattr(serving, "FRESH", 0)
    with serving_of(small) as port:
        found = asked(port, "/readyz")
        assert (200, True) == (found.status, found.json["ready"])
        assert "application/json" == found.headers["content-type"]
        assert {"name": "held", "state": "ok", "told": "0 copies of lists wait for a person"} in (
            found.json["checks"]
        )
        kept = small._ledger.kept
        assert kept is not None
        small.ingest([event()])
        forge(small._ledger.engine, "DELETE FROM entry WHERE position = 2")
        found = asked(port, "/readyz")
        assert (503, False) == (found.status, found.json["ready"])


def test_a_database_that_hangs_keeps_nobody_waiting(
    small: Monitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What asks gets its answer in time, however many ask; one thread alone waits."""
    monkeypatch.setattr(serving, "PATIENCE", 0.2)
    gate = threading.Event()
    monkeypatch.setattr(health.Health, "checks", lambda _: gate.wait() and [])
    with serving_of(small) as port:
        for _ in range(3):
            found = asked(port, "/readyz")
            assert (503, ["database"]) == (
                found.status,
                [one["name"] for one in found.json["checks"]],
            )
        assert 1 == sum(one.name == "riskmon-ask" for one in threading.enumerate())
        assert 200 == asked(port, "/metrics").status
        assert 200 == asked(port, "/healthz").status
        gate.set()


def test_only_reading_is_served_and_only_to_this_machine(small: Monitor) -> None:
    """GET and HEAD; another name of the host is a page of the web that was led here."""
    with serving_of(small) as port:
        assert 404 == asked(port, "/").status
        assert 404 == asked(port, "/healthz/").status
        for method in ("POST", "PUT", "DELETE", "OPTIONS", "TRACE", "BREW"):
            found = asked(port, "/healthz", method=method)
            assert (405, "GET, HEAD") == (found.status, found.headers["allow"]), method
        head = asked(port, "/healthz", method="HEAD")
        assert (200, b"") == (head.status, head.body)
        assert int(head.headers["content-length"]) > 0
        for host in (
            "example.com",
            f"example.com:{port}",
            "127.0.0.1.example.com",
            "[",
            "10.0.0.1",
        ):
            assert 403 == asked(port, "/metrics", host=host).status, host
        for host in (f"localhost:{port}", "LOCALHOST", "[::1]:9", "127.0.0.1"):
            assert 200 == asked(port, "/metrics", host=host).status, host


def test_no_header_tells_a_version(small: Monitor) -> None:
    """Neither of Python nor of a library, in an answer or in an error."""
    with serving_of(small) as port:
        assert "riskmon" == asked(port, "/healthz").headers["server"]
        with socket.create_connection(("127.0.0.1", port), 10) as raw:
            raw.sendall(b"NONSENSE\r\n\r\n")
            assert b"ython" not in raw.recv(65536)


def test_slow_clients_are_cut_off(small: Monitor, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also one that sends a byte now and then; and no more than eight are there at a time."""
    monkeypatch.setattr(serving, "SLOW", 0.5)
    with serving_of(small) as port:
        slow = [socket.create_connection(("127.0.0.1", port), 10) for _ in range(8)]
        ninth = socket.create_connection(("127.0.0.1", port), 10)
        assert b"" == ninth.recv(1)
        for one in slow:
            one.sendall(b"G")
        for one in slow:
            assert b"" == one.recv(1)
            one.close()
        ninth.close()
        wait(lambda: answers(port, "/healthz") == 200)


def test_a_port_that_is_taken_is_a_warning(
    small: Monitor, caplog: pytest.LogCaptureFixture
) -> None:
    """The schedule is worth more than what is told of it."""
    with serving_of(small) as port:
        config = Config.model_validate({"health": {"port": port}})
        with served(small, config, time.monotonic):
            pass
        assert f"127.0.0.1:{port} cannot be served (Address already in use)" in caplog.text
        assert 200 == asked(port, "/healthz").status


def test_it_is_served_by_the_other_loopback(small: Monitor) -> None:
    """::1 and localhost are this machine, too."""
    for host, at in (("::1", "::1"), ("localhost", "127.0.0.1")):
        with serving_of(small) as port:
            pass
        config = Config.model_validate({"health": {"port": port, "host": host}})
        with served(small, config, time.monotonic):
            shown = f"[{at}]" if ":" in at else at
            assert 200 == asked(port, "/healthz", host=shown, at=at).status


def metrics_of(port: int) -> dict[tuple[str, str], float]:
    """Return the metrics that are served, by name and the values of their labels."""
    text = asked(port, "/metrics").body.decode()
    return {
        (one.name, " ".join(one.labels.values())): one.value
        for family in text_string_to_metric_families(text)
        for one in family.samples
    }


def test_metrics_are_what_the_database_says(monitor: Monitor, clock: Clock) -> None:
    """Any process says the same; labels are bounded by the configuration."""
    monitor.declare([company("baidu"), company("zte")])
    monitor.ingest([listed("Baidu"), listed("Nobody Ltd")])
    monitor.recalculate()
    lives(monitor)
    ran(monitor, 2)
    clock.turn("2024-01-01T00:01:00Z")
    ran(monitor, 3, failed={"us-csl": "refused"}, seconds=0.5)
    clock.turn("2024-01-01T00:02:00Z")
    ran(monitor, 4, "failed", seconds=1.0, failed={"nightly": "busy"})
    clock.turn("2024-01-01T00:03:00Z")
    ran(monitor, 5, job="of-last-year")
    with serving_of(monitor) as port:
        found = metrics_of(port)
    began = 1704067200.0
    assert {
        ("riskmon_build_info", riskmon.__version__): 1.0,
        ("riskmon_database_up", ""): 1.0,
        ("riskmon_runs_total", "nightly done"): 2.0,
        ("riskmon_runs_total", "nightly failed"): 1.0,
        ("riskmon_runs_total", "recalculate done"): 1.0,
        ("riskmon_run_seconds_count", "nightly"): 3.0,
        ("riskmon_run_seconds_sum", "nightly"): 3.0,
        ("riskmon_last_run_timestamp_seconds", "nightly"): began + 120,
        ("riskmon_last_success_timestamp_seconds", "nightly"): began,
        ("riskmon_last_success_timestamp_seconds", "recalculate"): began,
        ("riskmon_ledger_position", ""): float(monitor.status().position),
        ("riskmon_companies", ""): 2.0,
        ("riskmon_companies_by_level", "low"): 1.0,
        ("riskmon_companies_by_level", monitor.score("baidu").level): 1.0,
        ("riskmon_messages", "waiting"): 0.0,
        ("riskmon_held_copies", ""): 0.0,
        ("riskmon_names_unresolved", ""): 1.0,
        ("riskmon_alerts_total", ""): 0.0,
        ("riskmon_check", "database"): 0.0,
    }.items() <= found.items()
    assert not [labels for _, labels in found if "of-last-year" in labels]


# A process that runs


def test_a_mistake_in_a_job_is_a_run_that_failed(
    small: Monitor, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """With its traceback in the log; the tick has ended, so it is not tried each second."""
    lacking: dict[str, int] = {}
    monkeypatch.setattr(Monitor, "recalculate", lambda _: lacking["mistaken"])
    with Schedule(small, Config()) as schedule:
        assert not schedule.once("nightly")
    (found,) = small.runs()
    assert ("failed", {"nightly": "a mistake in riskmon (KeyError): see its log"}) == (
        found.state,
        found.failed,
    )
    assert "KeyError: 'mistaken'" in caplog.text


def held_by_another(url: str) -> Any:
    """Hold the database meanwhile, as another process that writes does."""

    @contextmanager
    def held() -> Iterator[None]:
        engine = connect(url)
        with writing(engine):
            yield
        engine.dispose()

    return held()


QUICK = """
database_url = "{url}"
lease = "2s"
[jobs.quick]
every = "2s"
"""


def test_health_is_red_while_the_database_is_held(url: str, tmp_path: Path) -> None:
    """Both probes, and the command; green again once it is let go, and jobs run on."""
    with running(tmp_path / "one", QUICK.format(url=url)) as one:
        wait(lambda: answers(one.port, "/healthz") == 200)
        wait(lambda: answers(one.port, "/readyz") == 200)
        with held_by_another(url):
            wait(lambda: answers(one.port, "/healthz") == 503)
            wait(lambda: answers(one.port, "/readyz") == 503)
            command = [RISKMON, "status", "--database", url]
            assert 5 == subprocess.run(command, capture_output=True, check=False).returncode
        wait(lambda: answers(one.port, "/healthz") == 200)
        wait(lambda: answers(one.port, "/readyz") == 200)
        before = metrics_of(one.port)["riskmon_runs_total", "quick done"]
        wait(lambda: metrics_of(one.port)["riskmon_runs_total", "quick done"] > before)
        one.process.terminate()
        assert 0 == one.process.wait(10)


HANGS = """
database_url = "{url}"
lease = "2s"
[jobs.hangs]
every = "2s"
fetch = ["un-sanctions"]
[fetch]
insecure = true
[fetch.urls]
un-sanctions = "http://127.0.0.1:{port}/list.xml"
"""


def test_a_job_that_hangs_is_given_back_and_ended_by_another(url: str, tmp_path: Path) -> None:
    """SIGTERM ends within ten seconds, whatever hangs; the tick is not lost."""
    engine = connect(url)
    with socket.create_server(("127.0.0.1", 0)) as mute:  # it takes, and never answers
        toml = HANGS.format(url=url, port=mute.getsockname()[1])
        with running(tmp_path / "one", toml) as one:
            one.says("the tick of")
            connection, _ = mute.accept()
            one.process.terminate()
            assert 0 == one.process.wait(10)
            connection.close()
            assert "hangs: the tick is given back" in one.logged()
    query = sa.select(run.c.state, run.c.holder, run.c.token).where(run.c.number == 1)
    with engine.connect() as connected:
        state, holder, token = connected.execute(query).one()
        assert "returned" == state
        assert not connected.execute(sa.select(process)).all()
    with running(tmp_path / "two", QUICK.format(url=url).replace("quick", "hangs")) as two:
        two.says("companies moved")
        two.process.terminate()
        assert 0 == two.process.wait(10)
    with engine.connect() as connected:
        ended = connected.execute(query).one()
    engine.dispose()
    assert ("done", True, True) == (ended.state, ended.holder != holder, ended.token > token)


def test_an_idle_process_ends_at_once(tmp_path: Path) -> None:
    """Within ten seconds, with 0, and it is no longer among those that run."""
    url = f"sqlite:///{tmp_path}/risk.db"
    idle = f'database_url = "{url}"\n[jobs.nightly]\ncron = "30 2 1 1 *"\n'
    with running(tmp_path / "one", idle) as one:
        wait(lambda: answers(one.port, "/healthz") == 200)
        command = [RISKMON, "status", "--json", "--config", str(one.folder / "riskmon.toml")]
        found = json.loads(subprocess.check_output(command))
        assert [f"{socket.gethostname()}/{one.process.pid}"] == [
            process["holder"].rpartition("/")[0] for process in found["processes"]
        ]
        one.process.terminate()
        assert 0 == one.process.wait(10)
        assert None is answers(one.port, "/healthz")
    found = json.loads(subprocess.check_output(command, env=os.environ))
    assert [] == found["processes"]
    assert "warn" == {one["name"]: one["state"] for one in found["checks"]}["schedule"]
