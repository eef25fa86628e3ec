"""Ticks: claimed by one process, lost by one that is dead or silent, ended once, never doubled."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from riskmon import runs
from riskmon.database import connect, database_of, writing
from riskmon.errors import BusyError, DatabaseError, FencedError
from riskmon.ledger import Fact, Fence, Ledger
from riskmon.tables import process, run
from riskmon.ticks import Claim, Claimed, Ticks
from tests.builders import Clock
from tests.workers import CONTEXT, PATIENCE, begun, fact

NOON = datetime(2026, 11, 26, 12, tzinfo=UTC)
JOB = "lists"
LEASE = 0.3
Makes = Callable[[], Ticks]


@pytest.fixture
def ledger(url: str) -> Iterator[Ledger]:
    """Open an empty ledger, on each kind of database."""
    with closing(Ledger(url)) as opened:
        yield opened


@pytest.fixture
def ticks(url: str) -> Iterator[Makes]:
    """Return what makes a process's ticks, each with connections of its own."""
    with ExitStack() as stack:

        def make() -> Ticks:
            engine = connect(url)
            stack.callback(engine.dispose)
            made = Ticks(engine, LEASE, Clock("2026-11-26"))
            stack.callback(gone, made)
            return made

        yield make


def gone(one: Ticks) -> None:
    """Have a process be dead: the system takes from it what shows that it lives."""
    with suppress(OSError):  # it is already
        one._alive.close()


def claimed(one: Ticks, tick: datetime = NOON) -> Claim:
    """Return the claim of a tick that nobody else has."""
    claim = one.claim(JOB, tick, one.last(JOB))
    assert claim is not None
    return claim


def last(one: Ticks) -> Claimed:
    """Return the last claim, which there is."""
    found = one.last(JOB)
    assert found is not None
    return found


def state(one: Ticks) -> tuple[int, int, str]:
    """Return number, token and state of the last claim."""
    found = last(one)
    return found.number, found.token, found.state


def end(ledger: Ledger, claim: Claim, ref: str = "x") -> None:
    """End a run as a recalculation does: what it found, and that it is done, or neither."""

    def write(connection: Any) -> Sequence[Fact]:
        runs.end(connection, claim.fence, {"seconds": 1.0}, {})
        return [fact(ref)]

    with ledger.fenced(claim.fence):
        ledger.commit(write, lambda: NOON)


def refs(ledger: Ledger) -> list[str]:
    return [entry.ref for entry in ledger.entries()]


def test_a_tick_is_claimed_once(ticks: Makes) -> None:
    """Who looked at the same last claim, and was slower, has nothing; runs are numbered."""
    one, other = ticks(), ticks()
    before = other.last(JOB)
    assert Claim(JOB, NOON, Fence(1, 1)) == one.claim(JOB, NOON, None)
    assert None is before
    assert None is other.claim(JOB, NOON, before)
    assert None is other.claim(JOB, NOON + timedelta(hours=1), before)
    found = last(other)
    assert (one.holder, "open", True) == (found.holder, found.state, found.unfinished)
    assert Fence(2, 1) == one.claim("another", NOON, None)[2]  # type: ignore[index]


def test_of_many_at_the_same_moment_one_has_it(ticks: Makes) -> None:
    """Eight processes, ten ticks: each tick is one's."""
    everybody = [ticks() for _ in range(8)]
    together = threading.Barrier(len(everybody))

    def race(one: Ticks) -> list[datetime]:
        won = []
        for number in range(10):
            before = one.last(JOB)
            together.wait(PATIENCE)
            if one.claim(JOB, NOON + timedelta(seconds=number), before):
                won.append(NOON + timedelta(seconds=number))
            together.wait(PATIENCE)
        return won

    with ThreadPoolExecutor(len(everybody)) as pool:
        won = sorted(tick for some in pool.map(race, everybody) for tick in some)
    assert [NOON + timedelta(seconds=number) for number in range(10)] == won


def test_a_run_that_was_taken_over_stores_nothing(ticks: Makes, ledger: Ledger) -> None:
    """Neither what it found nor its end; the one that has it now stores both."""
    one, other = ticks(), ticks()
    lost = claimed(one)
    mine = other.take_over(JOB, last(other))
    assert Claim(JOB, NOON, Fence(1, 2)) == mine
    with pytest.raises(FencedError):
        end(ledger, lost, "late")
    with ledger.fenced(lost.fence), pytest.raises(FencedError):
        ledger.append([fact("late")], lambda: NOON)
    runs.end_alone(ledger.engine, lost.fence, {"state": "failed"}, {})
    assert (1, 2, "open") == state(one)
    assert mine is not None
    end(ledger, mine)
    assert (1, 2, "done") == state(one)
    with pytest.raises(FencedError):
        end(ledger, mine, "again")
    assert ["x"] == refs(ledger)


def test_of_two_that_take_over_one_has_it(ticks: Makes) -> None:
    """Both saw the same dead holder; and what is done is taken over by nobody."""
    one, other = ticks(), ticks()
    claimed(ticks())
    before = last(one)
    assert one.take_over(JOB, before) is not None
    assert None is other.take_over(JOB, before)


def test_a_tick_that_is_given_back_is_anybodys(ticks: Makes, ledger: Ledger) -> None:
    """Its token grows, so what gave it back stores nothing more; of a run that ended, nothing."""
    one, other = ticks(), ticks()
    claim = claimed(one)
    one.give_back(claim)
    assert (1, 2, "returned") == state(one)
    assert other.lost(last(other))
    with pytest.raises(FencedError):
        end(ledger, claim)
    mine = other.take_over(JOB, last(other))
    assert Claim(JOB, NOON, Fence(1, 3)) == mine
    assert mine is not None
    end(ledger, mine)
    other.give_back(mine)
    one.give_back(claim)
    assert (1, 3, "done") == state(one)


def test_who_is_dead_has_lost_its_tick_at_once(ticks: Makes) -> None:
    """Without waiting for its lease; who lives and gives signs has not, however long it takes."""
    one, other = ticks(), ticks()
    claimed(one)
    until = time.monotonic() + 3 * LEASE
    while time.monotonic() < until:
        one.beat()
        assert not other.lost(last(other))
        time.sleep(LEASE / 10)
    gone(one)
    assert other.lost(last(other))


def test_who_is_silent_for_its_lease_has_lost_its_tick(ticks: Makes) -> None:
    """It lives, and is stopped; the time is the watcher's own, whatever the clocks say."""
    one, other = ticks(), ticks()
    claimed(one)
    assert not other.lost(last(other))
    began = time.monotonic()
    while not other.lost(last(other)):
        assert time.monotonic() < began + PATIENCE
        time.sleep(LEASE / 10)
    assert time.monotonic() - began >= LEASE
    one.beat()
    assert not other.lost(last(other))


def test_two_that_are_silent_have_both_lost_their_ticks(ticks: Makes) -> None:
    """Each its own job's: watching one does not begin to watch the other anew."""
    one, other, watcher = ticks(), ticks(), ticks()
    for who, job in ((one, "lists"), (other, "nightly")):
        assert who.claim(job, NOON, None)
    silent: set[str] = set()
    until = time.monotonic() + PATIENCE
    while silent != {"lists", "nightly"}:
        assert time.monotonic() < until
        for job in ("lists", "nightly"):
            found = watcher.last(job)
            assert found is not None
            if watcher.lost(found):
                silent.add(job)
        time.sleep(LEASE / 10)


def test_ones_own_unfinished_tick_is_lost(ticks: Makes) -> None:
    """The run that had it could not even say that it failed: it is run again."""
    one = ticks()
    claimed(one)
    assert one.lost(last(one))


def test_a_holder_that_is_not_known_has_lost_its_tick(ticks: Makes) -> None:
    """As one on another host whose server was restored from a copy: no lock, no row."""
    one, other = ticks(), ticks()
    claimed(one)
    engine = one._engine
    with writing(engine) as connection:
        connection.execute(sa.update(run).values(holder="elsewhere/1/123456789abcdef"))
    assert other.lost(last(other))


def test_who_was_taken_for_dead_registers_again(ticks: Makes) -> None:
    """A row that somebody took away comes back with the next sign of life."""
    one, other = ticks(), ticks()
    with writing(other._engine) as connection:
        connection.execute(sa.delete(process).where(process.c.holder == one.holder))
    one.beat()
    with other._engine.connect() as connection:
        found = connection.execute(sa.select(process.c.holder, process.c.beats)).all()
    assert {(one.holder, 1), (other.holder, 0)} == {tuple(row) for row in found}


def test_who_starts_forgets_the_dead(ticks: Makes) -> None:
    """Their rows go; those of the living stay, until they leave."""
    one, dead = ticks(), ticks()
    gone(dead)
    other = ticks()
    with one._engine.connect() as connection:
        assert {one.holder, other.holder} == set(connection.scalars(sa.select(process.c.holder)))
    other.close()
    with one._engine.connect() as connection:
        assert [one.holder] == list(connection.scalars(sa.select(process.c.holder)))


def hold(url: str, key: str, ready: Any) -> None:
    """Be a process that lives, until it is killed."""
    engine = connect(url)
    alive = database_of(engine.url).Alive(engine, key)
    ready.set()
    time.sleep(PATIENCE)
    alive.close()


def test_a_killed_process_is_seen_to_be_dead(url: str) -> None:
    """As soon as the system has buried it; one that lives, and oneself, are seen to live."""
    engine = connect(url)
    alive = database_of(engine.url).Alive(engine, f"{1:015x}")
    ready = CONTEXT.Event()
    other = begun(hold, url, f"{2:015x}", ready)
    try:
        assert ready.wait(PATIENCE)
        assert alive.sees(f"{1:015x}")
        assert alive.sees(f"{2:015x}")
        assert not alive.sees(f"{3:015x}")
    finally:
        other.kill()
        other.join()
    until = time.monotonic() + PATIENCE
    while alive.sees(f"{2:015x}"):
        assert time.monotonic() < until
        time.sleep(0.01)
    alive.close()
    engine.dispose()


def test_nothing_is_left_beside_the_database(tmp_path: Path) -> None:
    """Not of the dead, whose files others take away, nor once the last one leaves."""
    engine = connect(f"sqlite:///{tmp_path / 'risk.db'}")
    folder = tmp_path / "risk.db.alive"
    alive = database_of(engine.url).Alive(engine, "1")
    (folder / "2").touch()
    assert not alive.sees("2")
    assert ["1"] == [one.name for one in folder.iterdir()]
    alive.close()
    assert not folder.exists()
    engine.dispose()


def test_who_comes_as_the_last_one_leaves_finds_a_folder(tmp_path: Path) -> None:
    """Made and taken away by many at once, it is there for each that begins."""
    engine = connect(f"sqlite:///{tmp_path / 'risk.db'}")

    def come_and_go(key: str) -> None:
        for _ in range(200):
            database_of(engine.url).Alive(engine, key).close()

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(come_and_go, "abcd"))
    assert not (tmp_path / "risk.db.alive").exists()
    engine.dispose()


def test_a_folder_that_one_may_not_write_to_is_said(tmp_path: Path) -> None:
    """With what to do."""
    engine = connect(f"sqlite:///{tmp_path / 'risk.db'}")
    (tmp_path / "risk.db.alive").touch()
    with pytest.raises(DatabaseError, match=r"risk\.db\.alive: .*Expected a folder that you may"):
        Ticks(engine, LEASE, Clock())
    engine.dispose()


def test_a_lost_connection_is_made_again(postgresql_url: str) -> None:
    """The server ended it: the next sign of life takes the lock again, and others see it."""
    engines = [connect(postgresql_url) for _ in range(2)]
    one, other = (Ticks(engine, LEASE, Clock()) for engine in engines)
    key = one.holder.rpartition("/")[2]
    assert other._alive.sees(key)
    server = sa.create_engine(postgresql_url, isolation_level="AUTOCOMMIT")
    with server.connect() as connection:
        pid = one._alive._pooled.driver_connection.info.backend_pid
        connection.exec_driver_sql(f"SELECT pg_terminate_backend({pid}, 5000)")
        assert not other._alive.sees(key)
        one.beat()
        assert other._alive.sees(key)
        # While the server has not missed the old connection, its lock is another's.
        pid = one._alive._pooled.driver_connection.info.backend_pid
        connection.exec_driver_sql(f"SELECT pg_advisory_lock({int('5' * 15, 16)})")
        late = database_of(engines[0].url).Alive(engines[0], "5" * 15)
        assert not late._held
        connection.exec_driver_sql(f"SELECT pg_advisory_unlock({int('5' * 15, 16)})")
        late.renew()
        assert other._alive.sees("5" * 15)
    late.close()
    for ticks in (one, other):
        ticks.close()
    for engine in (*engines, server):
        engine.dispose()


def test_a_writer_that_was_stopped_is_cut_off(
    postgresql_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Within a transaction it keeps the others waiting for a while, and no longer."""
    monkeypatch.setattr("riskmon.postgresql.IDLE_SECONDS", 1)
    engine = connect(postgresql_url)
    with pytest.raises(DatabaseError), writing(engine) as stopped:  # noqa: PT012
        with writing(engine):  # waits for the lock of the first
            pass
        stopped.exec_driver_sql("SELECT 1")
    engine.dispose()


def test_a_head_that_is_held_keeps_nobody_for_ever(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By a process that was stopped between its commit and the head: it is said, and told whom.

    Nothing is stored; once it goes on, so do the others.
    """
    monkeypatch.setattr("riskmon.heads.BUSY_SECONDS", 0.1)
    assert ledger.kept is not None
    with ledger.kept.held(), pytest.raises(BusyError, match=r"\.head, .*continue or end it"):
        ledger.append([fact("x")], lambda: NOON)
    assert ["appended"] == ledger.append([fact("x")], lambda: NOON)


class Many(RuleBasedStateMachine):
    """Some processes on one database, in any order of what they may do."""

    def __init__(self) -> None:
        super().__init__()
        self.ledger = Ledger("sqlite://")
        self.ticks = [Ticks(self.ledger.engine, 1e9, Clock()) for _ in range(3)]
        self.claims: list[Claim] = []
        self.valid: Claim | None = None
        self.stored: list[str] = []
        self.tokens: dict[int, int] = {}
        self.number = 0

    who = st.integers(0, 2)

    def claim_is(self, claim: Claim | None) -> None:
        """Keep who has the tick now; its token is higher than any before."""
        if claim is not None:
            number, token = claim.fence
            assert self.tokens.get(number, 0) < token
            self.tokens[number] = token
            self.claims.append(claim)
            self.valid = claim

    @rule(who=who)
    def claim(self, who: int) -> None:
        """Claim the tick after the last one, where that has ended."""
        before = self.ticks[who].last(JOB)
        if before is None or not before.unfinished:
            tick = before.tick + timedelta(hours=1) if before else NOON
            self.claim_is(self.ticks[who].claim(JOB, tick, before))

    @rule(who=who)
    def take_over(self, who: int) -> None:
        """Whoever has it: it was lost, or so it seemed."""
        before = self.ticks[who].last(JOB)
        if before is not None:
            claim = self.ticks[who].take_over(JOB, before)
            assert (claim is not None) == before.unfinished
            self.claim_is(claim)

    @precondition(lambda self: self.claims)
    @rule(data=st.data())
    def give_back(self, data: st.DataObject) -> None:
        """By one that has it, or had it."""
        claim = data.draw(st.sampled_from(self.claims))
        self.ticks[0].give_back(claim)
        if claim == self.valid:
            self.valid = None
            self.tokens[claim.fence.number] += 1

    @precondition(lambda self: self.claims)
    @rule(data=st.data())
    def end(self, data: st.DataObject) -> None:
        """By one that has it, or had it: it stores what it found, or nothing."""
        claim = data.draw(st.sampled_from(self.claims))
        self.number += 1
        ref = f"{claim.fence.number}.{self.number}"
        if claim == self.valid:
            end(self.ledger, claim, ref)
            self.stored.append(ref)
            self.valid = None
        else:
            with pytest.raises(FencedError):
                end(self.ledger, claim, ref)

    @invariant()
    def each_tick_is_stored_once(self) -> None:
        """And what is stored is what those did that had it."""
        found = refs(self.ledger)
        assert self.stored == found
        numbers = [ref.partition(".")[0] for ref in found]
        assert sorted(set(numbers), key=int) == numbers

    def teardown(self) -> None:
        """Leave."""
        for one in self.ticks:
            one.close()
        self.ledger.close()


Many.TestCase.settings = settings(max_examples=40, stateful_step_count=25)
TestMany = Many.TestCase
