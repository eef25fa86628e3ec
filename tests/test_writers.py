"""Many writers and a reader: one order for all, nothing lost, nothing twice, no foreign error."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from contextlib import closing, suppress
from datetime import UTC, datetime, timedelta
from multiprocessing.context import ForkServerProcess
from pathlib import Path

import psycopg
import pytest

import riskmon
from riskmon.errors import RiskmonError
from riskmon.ledger import Ledger
from riskmon.monitor import Monitor, utc_now
from tests.builders import Clock, event
from tests.workers import (
    CONTEXT,
    Orders,
    before_commits,
    begun,
    deliver,
    ends,
    of_server,
    start_first,
    tell,
    told,
    write,
    write_plainly,
)

soak = pytest.mark.soak

DELAY = 0.03
"""The most seconds that a writer waits between an insert and its commit."""

Seen = list[tuple[int, str]]
"""Positions and refs."""


def followed(
    read: Callable[[int], Iterable[tuple[int, str]]], writers: Sequence[ForkServerProcess]
) -> Seen:
    """Return what a reader sees who asks, again and again, for what is after the last it saw."""
    seen: Seen = []
    over = False
    while not over:
        over = not any(writer.is_alive() for writer in writers)  # it then reads once more
        seen.extend(read(seen[-1][0] if seen else 0))
    return seen


def refs_of(monitor: Monitor) -> list[str]:
    """Return the refs of all events, in the order of the ledger."""
    return [entry.ref for entry in monitor.entries() if entry.kind == "event.recorded"]


def refs(file: Path) -> list[str]:
    """Return the refs that were acknowledged."""
    return [ref for line in told(file) for ref in line["refs"]]


@pytest.mark.parametrize("seconds", [2, pytest.param(30, marks=soak)])
def test_a_reader_who_follows_sees_every_entry_once(
    url: str, tmp_path: Path, seconds: float
) -> None:
    """In order, while eight writers append, whose commits come late and at random."""
    orders = [Orders(url, tmp_path / str(n), str(n), n == 0, seconds) for n in range(8)]
    with riskmon.open(url) as monitor:
        monitor.ingest([])
        writers = [begun(write, one._replace(delay=DELAY)) for one in orders]
        seen = followed(
            lambda after: [(entry.position, entry.ref) for entry in monitor.entries(after)],
            writers,
        )
        assert [0] * 8 == ends(writers)
        assert [(entry.position, entry.ref) for entry in monitor.entries()] == seen
    acknowledged = sorted(ref for one in orders for ref in refs(one.file))
    assert ["ruleset", *acknowledged] == ["ruleset", *sorted(ref for _, ref in seen[1:])]
    assert list(range(1, len(seen) + 1)) == [position for position, _ in seen]
    assert all(refs(one.file) for one in orders)
    tell(tmp_path / "figures", {"seen": len(seen)})


def test_the_same_reader_would_miss_rows_whose_keys_are_a_sequences(
    postgresql_url: str, tmp_path: Path
) -> None:
    """Which shows that the test above can fail: there the order is not that of the commits."""
    with psycopg.connect(of_server(postgresql_url), autocommit=True) as connection:
        connection.execute(
            "CREATE TABLE plain (position bigint GENERATED ALWAYS AS IDENTITY, ref text)"
        )

        def read(after: int) -> Seen:
            query = "SELECT position, ref FROM plain WHERE position > %s ORDER BY position"
            return connection.execute(query, (after,)).fetchall()

        missed = 0
        for attempt in range(10):
            before = read(0)
            files = [tmp_path / f"{attempt}.{n}" for n in range(8)]
            writers = [
                begun(write_plainly, postgresql_url, file, file.name, 1, DELAY) for file in files
            ]
            last = before[-1][0] if before else 0
            seen = followed(lambda after, last=last: read(max(after, last)), writers)  # type: ignore[misc]
            assert [0] * 8 == ends(writers)
            stored = read(last)
            assert sorted(ref for file in files for ref in refs(file)) == sorted(
                ref for _, ref in stored
            )
            assert set(seen) <= set(stored)
            missed += len(stored) - len(seen)
            if missed:
                break
        tell(tmp_path / "figures", {"missed": missed, "of": len(stored)})
        assert missed > 0


@pytest.mark.parametrize(
    ("writers", "seconds"),
    [(1, 2), (4, 2), *(pytest.param(n, 30, marks=soak) for n in (1, 2, 4, 8))],
)
def test_writers_wait_for_one_another(
    url: str, tmp_path: Path, writers: int, seconds: float
) -> None:
    """No error reaches a caller, there is no gap, and what was acknowledged is there."""
    orders = [Orders(url, tmp_path / str(n), str(n), n == 1, seconds) for n in range(writers)]
    assert [0] * writers == ends([begun(write, one) for one in orders])
    acknowledged = sorted(ref for one in orders for ref in refs(one.file))
    assert all(refs(one.file) for one in orders)
    with closing(Ledger(url)) as ledger:
        head = ledger.head().position
        assert head == sum(1 for _ in ledger.verified(head))
        entries = list(ledger.entries())
        assert list(range(1, head + 1)) == [entry.position for entry in entries]
        assert acknowledged == sorted(
            entry.ref for entry in entries if entry.kind == "event.recorded"
        )
    longest = max(line["waited"] for one in orders for line in told(one.file))
    tell(tmp_path / "figures", {"acknowledged": len(acknowledged), "longest wait": longest})
    if seconds >= 30:
        assert longest < 10


@pytest.mark.parametrize("level", ["repeatable read", "serializable"])
def test_a_server_with_another_isolation_raises_no_false_alarm(
    postgresql_url: str, tmp_path: Path, level: str
) -> None:
    """A transaction that saw the ledger before it had the lock would append to an old head."""
    with psycopg.connect(of_server(postgresql_url), autocommit=True) as connection:
        connection.execute(
            f"ALTER DATABASE {connection.info.dbname} SET default_transaction_isolation = '{level}'"
        )
    orders = [Orders(postgresql_url, tmp_path / str(n), str(n), batches=50) for n in range(4)]
    assert [0] * 4 == ends([begun(write, one) for one in orders])
    with riskmon.open(postgresql_url) as monitor:
        assert sorted(ref for one in orders for ref in refs(one.file)) == sorted(refs_of(monitor))


@pytest.mark.parametrize("count", [200, pytest.param(5000, marks=soak)])
def test_what_is_told_five_times_is_stored_once(url: str, tmp_path: Path, count: int) -> None:
    """By four processes at once, in different orders; the reports add up to what was told."""
    told_refs = [f"event {number}" for number in range(count)] * 5
    random.Random(count).shuffle(told_refs)  # noqa: S311 (no secret)
    files = [tmp_path / str(n) for n in range(4)]
    givers = [begun(deliver, url, file, told_refs[n::4], n) for n, file in enumerate(files)]
    assert [0] * 4 == ends(givers)
    lines = [line for file in files for line in told(file)]
    counts = [sum(column) for column in zip(*lines, strict=True)]
    assert [count, 4 * count, 0, 0] == counts
    with riskmon.open(url) as monitor:
        stored = Counter((entry.kind, entry.ref, entry.revision) for entry in monitor.entries())
    expected = Counter(("event.recorded", ref, 1) for ref in set(told_refs))
    assert expected + Counter([("ruleset.published", "ruleset", 1)]) == stored


@pytest.mark.parametrize("start", [0, *(pytest.param(n, marks=soak) for n in range(1, 10))])
def test_first_starts_at_once_all_succeed(url: str, start: int) -> None:
    """Eight: one makes the tables and publishes the rules, the others wait."""
    del start  # each has a database of its own
    together = CONTEXT.Barrier(8)
    assert [0] * 8 == ends([begun(start_first, url, together) for _ in range(8)])
    with riskmon.open(url) as monitor:
        assert [(1, "ruleset.published")] == [(one.position, one.kind) for one in monitor.entries()]


def cut_off(url: str) -> None:
    """End every connection to a database, from the server's side."""
    with psycopg.connect(of_server(url), autocommit=True) as connection:
        connection.execute(
            "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity "
            "WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )


@pytest.mark.parametrize("when", ["idle", "before the insert", "before the commit"])
def test_a_connection_that_is_cut_stores_nothing_twice(
    postgresql_url: str, when: str, caplog: pytest.LogCaptureFixture
) -> None:
    """A RiskmonError or a new connection; the next append works, and nothing is lost.

    No library logs a traceback of its own.
    """
    cuts: list[str] = []

    def may_cut(now: str) -> None:
        if cuts == [now]:
            cuts.clear()
            cut_off(postgresql_url)

    def clock() -> datetime:
        may_cut("before the insert")
        return utc_now()

    with riskmon.open(postgresql_url, clock=clock) as monitor:
        before_commits(monitor._ledger, lambda: may_cut("before the commit"))
        assert 1 == monitor.ingest([event(ref="0")]).appended
        acknowledged = ["0"]
        cuts.append(when)
        may_cut("idle")
        for ref in "ab":
            with suppress(RiskmonError):
                assert 1 == monitor.ingest([event(ref=ref)]).appended
                acknowledged.append(ref)
        assert [] == cuts
        assert "b" in acknowledged
        assert acknowledged == refs_of(monitor)
        assert {"a", "b"} - set(acknowledged) == set(
            "ab"[: monitor.ingest([event(ref=ref) for ref in "ab"]).appended]
        )
        assert sorted("0ab") == sorted(refs_of(monitor))
        cut_off(postgresql_url)
        with suppress(RiskmonError):
            monitor.status()
        assert 4 == monitor.status().position
    assert "" == caplog.text


NOW = datetime(2024, 1, 1, tzinfo=UTC)


def test_a_clock_that_is_set_back_moves_no_entry_back(url: str, clock: Clock) -> None:
    """By an hour, by a day; a day forward and back: the last moment stands until it is passed."""
    hours = [0, -1, 1, -24, 25, 1, 24, 26]
    with riskmon.open(url, clock=clock) as monitor:
        monitor.ingest([])
        for hour in hours:
            clock.turn((NOW + timedelta(hours=hour)).isoformat())
            assert 1 == monitor.ingest([event()]).appended
        moments = [(entry.recorded_at - NOW) / timedelta(hours=1) for entry in monitor.entries()]
    assert [0, 0, 0, 1, 1, 25, 25, 25, 26] == moments


def test_clocks_that_differ_by_a_day_move_no_entry_back(url: str, tmp_path: Path) -> None:
    """Two processes at once: from the first entry by the fast clock on, all have its moment."""
    with riskmon.open(url, clock=lambda: NOW) as monitor:
        monitor.ingest([])
        together = CONTEXT.Barrier(2)
        slow, fast = (
            Orders(url, tmp_path / day, day, batches=30, now=day)
            for day in ("2024-01-01", "2024-01-02")
        )
        assert [0, 0] == ends([begun(write, one, together) for one in (slow, fast)])
        monitor.ingest([event(ref="last")])
        entries = list(monitor.entries())
    first = next(n for n, entry in enumerate(entries) if entry.ref.startswith(fast.name))
    days = [(entry.recorded_at - NOW).days for entry in entries]
    assert [0] * first + [1] * (len(entries) - first) == days
    assert {*refs(slow.file), *refs(fast.file)} == {entry.ref for entry in entries[1:-1]}
