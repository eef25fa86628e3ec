"""Pools of connections: behind pgbouncer all is as on the server itself, but in one mode."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import psycopg
import pytest
import sqlalchemy as sa

import riskmon
from riskmon.database import connect
from riskmon.errors import DatabaseError
from riskmon.monitor import Monitor
from riskmon.postgresql import ENDING
from riskmon.ticks import Ticks
from tests.builders import ROOT, Clock, company, event, values
from tests.clusters import Pool, pool
from tests.scheduled import configure, done, riskmon_in, running, said, witnessed
from tests.test_schedule_survival import check_once
from tests.test_writers import refs
from tests.workers import Orders, begun, ends, killed, of_server, wait_for, write

soak = pytest.mark.soak
LEASE = 60.0
SIZE = {"session": 40, "transaction": 4}
"""Connections that a pool has: behind one of transactions fewer than there are clients."""


@pytest.fixture(params=["transaction", pytest.param("session", marks=soak)])
def pooler(request: pytest.FixtureRequest, postgresql_server: str) -> Iterator[Pool]:
    """Give a pool before the server, in each mode."""
    with pool(postgresql_server, request.param, SIZE[request.param]) as found:
        yield found


@pytest.fixture
def pooled(pooler: Pool, postgresql_url: str) -> str:
    """Return the URL of an empty database, through the pool."""
    return pooler.url(database_of(postgresql_url))


def database_of(url: str) -> str:
    return str(sa.make_url(url).database)


def fill(monitor: Monitor) -> None:
    """Do what writes: declare, ingest, revise, forget, recalculate, give a receipt."""
    monitor.declare(ROOT / "scenario" / "companies.jsonl")
    monitor.ingest(ROOT / "scenario" / "events.jsonl")
    person = {"name": "Jane Roe", "kind": "person"}
    monitor.ingest([event(ref="1", parties=[person]), event(ref="2")])
    monitor.ingest([event(ref="2", title="Told otherwise")])
    monitor.forget("Jane Roe")
    monitor.recalculate()
    monitor.receipt(monitor.score("baidu"))


def kinds(monitor: Monitor) -> list[tuple[str, str, int]]:
    """Return what entries there are; keys of persons are drawn, and so are the digests on them."""
    return [(one.kind, one.source, one.revision) for one in monitor.entries()]


def test_all_that_is_done_through_a_pool_is_done(
    pooled: str, postgresql_url: str, tmp_path: Path
) -> None:
    """Entries, scores, histories, runs, proofs, copies: as without one, and durable."""
    clock = Clock("2024-06-01")
    with (
        riskmon.open(f"sqlite:///{tmp_path / 'risk.db'}", clock=clock) as expected,
        riskmon.open(pooled, clock=clock) as monitor,
    ):
        for one in (expected, monitor):
            fill(one)
        assert kinds(expected) == kinds(monitor)
        assert values(expected) == values(monitor)
        assert values(expected, known_at=40) == values(monitor, known_at=40)
        assert expected.history("baidu").to_dicts() == monitor.history("baidu").to_dicts()
        assert [1] == [one.number for one in monitor.runs()]
        assert monitor.verify(proof=2).proof is not None
        copied = monitor.backup(tmp_path / "copy.db")
    with riskmon.open(postgresql_url, clock=clock) as direct:
        assert copied.hash == direct.verify().head.hash


def test_writers_behind_a_pool_wait_for_one_another(
    pooled: str, postgresql_url: str, tmp_path: Path
) -> None:
    """More processes than a pool has connections: no error, no gap, nothing lost."""
    orders = [Orders(pooled, tmp_path / str(n), str(n), n % 2 == 1, batches=10) for n in range(6)]
    assert [0] * 6 == ends([begun(write, one) for one in orders])
    with riskmon.open(postgresql_url) as monitor:
        entries = list(monitor.entries())
        monitor.verify()
    assert list(range(1, len(entries) + 1)) == [one.position for one in entries]
    acknowledged = sorted(ref for one in orders for ref in refs(one.file))
    assert acknowledged == sorted(one.ref for one in entries if one.kind == "event.recorded")


def test_a_pool_is_left_as_it_was(pooled: str) -> None:
    """Who shares it finds no setting of ours, no lock and no prepared statement."""
    names = (
        "default_transaction_isolation",
        "idle_in_transaction_session_timeout",
        "lock_timeout",
        "synchronous_commit",
    )
    asked = [f"current_setting('{name}')" for name in names]
    query = f"SELECT {', '.join(asked)}, pg_backend_pid()".encode()
    server = of_server(pooled)
    with psycopg.connect(server, prepare_threshold=None, autocommit=True) as connection:
        *before, _ = connection.execute(query).fetchone() or ()
    with riskmon.open(pooled, clock=Clock("2024-06-01")) as monitor:
        fill(monitor)
        with ExitStack() as stack:
            found = {}
            for _ in range(4):  # at once, so that each has a connection of its own
                other = stack.enter_context(psycopg.connect(server, prepare_threshold=None))
                *settings, pid = other.execute(query).fetchone() or ()
                left = (
                    "SELECT (SELECT count(*) FROM pg_prepared_statements), (SELECT count(*) "
                    "FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid())"
                )
                found[pid] = (settings, other.execute(left).fetchone())
    assert [(before, (0, 0))] * 4 == list(found.values())


def test_who_lives_is_seen_through_a_pool(pooled: str) -> None:
    """By processes that share its connections, whatever else is asked through it meanwhile."""
    engines = [connect(pooled) for _ in range(2)]
    one, other = (Ticks(engine, LEASE, Clock()) for engine in engines)
    try:
        keys = [ticks.holder.rpartition("/")[2] for ticks in (one, other)]
        for _ in range(5):
            assert one._alive.sees(keys[1])
            assert other._alive.sees(keys[0])
            assert not one._alive.sees("5" * 15)
            other.beat()
        one._alive.close()
        wait_for(lambda: not other._alive.sees(keys[0]))
        one.beat()  # takes it again
        assert other._alive.sees(keys[0])
    finally:
        for ticks in (one, other):
            ticks.close()
        for engine in engines:
            engine.dispose()


def test_to_be_alive_keeps_nothing_from_being_vacuumed(postgresql_url: str) -> None:
    """Its transaction has no number and no snapshot, and no timeout of the server's ends it."""
    with psycopg.connect(of_server(postgresql_url), autocommit=True) as server:
        for (setting,) in server.execute(f"SELECT name FROM {ENDING}").fetchall():
            name = database_of(postgresql_url)
            server.execute(f"ALTER DATABASE {name} SET {setting} = '200ms'".encode())
        engine = connect(postgresql_url)
        ticks = Ticks(engine, LEASE, Clock())
        pid = ticks._alive._pooled.driver_connection.info.backend_pid
        time.sleep(0.5)
        query = "SELECT state, backend_xid, backend_xmin FROM pg_stat_activity WHERE pid = %s"
        assert ("idle in transaction", None, None) == server.execute(query, (pid,)).fetchone()
        ticks.beat()
        assert pid == ticks._alive._pooled.driver_connection.info.backend_pid
        ticks.close()
        engine.dispose()


def test_a_pool_that_was_started_again_is_no_error(
    pooler: Pool, pooled: str, postgresql_url: str
) -> None:
    """Its clients are cut off; what they do next is done."""
    with riskmon.open(pooled) as monitor:
        assert 1 == monitor.ingest([event(ref="1")]).appended
        pooler.stop()
        with pytest.raises(DatabaseError, match="Expected a server that runs"):
            monitor.ingest([event(ref="2")])
        pooler.start()
        assert 1 == monitor.ingest([event(ref="2")]).appended
        assert 3 == monitor.position
    with riskmon.open(postgresql_url) as direct:
        assert ["ruleset", "1", "2"] == [one.ref for one in direct.entries()]


def test_a_pool_of_statements_is_refused(postgresql_server: str, postgresql_url: str) -> None:
    """It has no transactions, and nothing can be appended whole or not at all."""
    with (
        pool(postgresql_server, "statement", 4) as found,
        pytest.raises(DatabaseError, match="Expected a pool that gives a connection for a trans"),
    ):
        riskmon.open(found.url(database_of(postgresql_url)))


@pytest.mark.parametrize("seconds", [pytest.param(30, marks=soak)])
def test_a_schedule_behind_a_pool_runs_each_tick_once(
    pooled: str, postgresql_url: str, tmp_path: Path, seconds: int
) -> None:
    """A tick a second, three processes that are killed in turn, and fewer connections than that."""
    with riskmon.open(postgresql_url) as monitor:
        monitor.declare([company("baidu")])
    folder = configure(tmp_path / "here", pooled)
    witnessed(postgresql_url)
    with running(folder, 3) as processes:
        wait_for(lambda: done(postgresql_url))
        for number in range(seconds):
            time.sleep(1)
            killed([processes[number % 3]])
            processes[number % 3] = begun(riskmon_in, folder, "run")
        before = done(postgresql_url)
        wait_for(lambda: done(postgresql_url) > before)
    assert [0] == ends([begun(riskmon_in, folder, "run", "--once", "steady")])
    assert "Traceback" not in said(folder)
    check_once(postgresql_url)
