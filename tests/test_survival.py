"""Killed, cut off, out of room: what was acknowledged is there, and the ledger goes on."""

from __future__ import annotations

import os
import random
import re
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path

import psycopg
import pytest
import sqlalchemy as sa

import riskmon
from riskmon.database import connect
from riskmon.errors import DatabaseError, RiskmonError
from riskmon.ledger import Ledger
from riskmon.monitor import utc_now
from tests.workers import (
    BATCH,
    Orders,
    begun,
    body,
    ends,
    fact,
    fill,
    killed,
    migrate,
    of_server,
    schema,
    start_without_room,
    tell,
    told,
    wait_for,
    write,
)

soak = pytest.mark.soak
ROOMS = [*range(1000, 200_000, 10_000)]


def events(ledger: Ledger, after: int = 0) -> list[tuple[str, str]]:
    """Return ref and body of each event; the chain is verified, and positions are dense."""
    head = ledger.head().position
    assert head == sum(1 for _ in ledger.verified(head))
    entries = list(ledger.entries(after))
    assert list(range(after + 1, head + 1)) == [entry.position for entry in entries]
    return [(entry.ref, entry.body) for entry in entries if entry.kind == "event.recorded"]


def check(ledger: Ledger, acknowledged: set[str], writers: int, after: int = 0) -> None:
    """Of each writer all that was acknowledged is there, and at most one batch more, whole."""
    found = events(ledger, after)
    assert len(found) == len(set(found))
    more = dict(found).keys() - acknowledged
    assert {(ref, body(ref)) for ref in acknowledged | more} == set(found)
    batches = {ref.rpartition(".")[0] for ref in more}
    assert len(batches) <= writers
    assert len(more) == BATCH * len(batches)


@pytest.mark.parametrize("rounds", [6, pytest.param(200, marks=soak)])
def test_killed_writers_lose_nothing_acknowledged(url: str, tmp_path: Path, rounds: int) -> None:
    """Kill -9 two writers at any moment: the chain is whole, and the next append works."""
    draw = random.Random(rounds)  # noqa: S311 (no secret)
    everything: set[str] = set()
    for number in range(rounds):
        with closing(Ledger(url)) as ledger:
            after = ledger.head().position
        orders = [
            Orders(url, tmp_path / f"{number}.{ingests}", f"{number}.{ingests}", bool(ingests))
            for ingests in (0, 1)
        ]
        writers = [begun(write, one) for one in orders]
        wait_for(lambda: all(told(one.file) for one in orders))  # noqa: B023 (at once)
        time.sleep(draw.uniform(0, 0.15))
        killed(writers)
        acknowledged = {ref for one in orders for line in told(one.file) for ref in line["refs"]}
        with closing(Ledger(url)) as ledger:
            assert ["appended"] == ledger.append([fact(f"then {number}")], utc_now)
            acknowledged.add(f"then {number}")
            check(ledger, acknowledged, len(writers), after)
        everything |= acknowledged
    with closing(Ledger(url)) as ledger:
        assert {(ref, body(ref)) for ref in everything} <= set(events(ledger))
        assert 1 == len(list(ledger.entries(kinds=["ruleset.published"])))
    tell(tmp_path / "figures", {"rounds": rounds, "acknowledged": len(everything)})


@pytest.fixture
def crashing_url(postgresql_server: str) -> Iterator[str]:
    """Return the URL of an empty database, on a server that may go down under its connections."""
    if "RISKMON_TEST_POSTGRES_URL" in os.environ:
        pytest.skip("kills PostgreSQL: needs the one that the tests start themselves")
    name = f"crashing_{os.getpid()}"
    with psycopg.connect(postgresql_server, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name} ENCODING 'UTF8' TEMPLATE template0")
    url = sa.make_url(postgresql_server).set(drivername="postgresql+psycopg", database=name)
    yield url.render_as_string(hide_password=False)
    with once_more(postgresql_server) as connection:
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


def once_more(url: str) -> psycopg.Connection:
    """Connect to a server that may just be starting again."""
    until = time.monotonic() + 60
    while True:
        with suppress(psycopg.OperationalError):
            return psycopg.connect(url, autocommit=True)
        assert time.monotonic() < until, "the server does not come back"
        time.sleep(0.05)


@pytest.mark.parametrize("rounds", [2, pytest.param(30, marks=soak)])
def test_a_killed_server_loses_nothing(crashing_url: str, tmp_path: Path, rounds: int) -> None:
    """Kill -9 a backend of PostgreSQL, so that all go down: writers that try again come through.

    What was stored before the crash, without its acknowledgement, is not stored twice.
    """
    connect(crashing_url).dispose()
    orders = [
        Orders(crashing_url, tmp_path / str(n), str(n), n == 1, retries=True) for n in range(2)
    ]
    writers = [begun(write, one) for one in orders]
    draw = random.Random(rounds)  # noqa: S311 (no secret)
    for _ in range(rounds):
        counts = [len(told(one.file)) for one in orders]
        wait_for(
            lambda: all(len(told(one.file)) > n for one, n in zip(orders, counts, strict=True))  # noqa: B023
        )
        time.sleep(draw.uniform(0, 0.1))
        with once_more(of_server(crashing_url)) as connection:
            pid = connection.info.backend_pid
            os.kill(pid, signal.SIGKILL)
    wait_for(lambda: all(len(told(one.file)) > 0 for one in orders))
    once_more(of_server(crashing_url)).close()
    assert all(writer.is_alive() for writer in writers)
    killed(writers)
    acknowledged = {ref for one in orders for line in told(one.file) for ref in line["refs"]}
    with closing(Ledger(crashing_url)) as ledger:
        check(ledger, acknowledged, len(writers))


def wipe(url: str) -> None:
    """Make a database empty again."""
    parsed = sa.make_url(url)
    if parsed.get_backend_name() == "sqlite":
        for ending in ("", "-wal", "-shm"):
            Path(f"{parsed.database}{ending}").unlink(missing_ok=True)
        return
    with psycopg.connect(of_server(url)) as connection:
        connection.execute("DROP SCHEMA public CASCADE")
        connection.execute("CREATE SCHEMA public")


def made(url: str) -> list[tuple[object, ...]]:
    """Return the schema of a database once it was opened."""
    connect(url).dispose()
    return schema(url)


@pytest.mark.parametrize("rounds", [4, pytest.param(20, marks=soak)])
def test_a_killed_migration_leaves_no_half_a_schema(url: str, tmp_path: Path, rounds: int) -> None:
    """Kill -9 a first start at any moment: the schema is absent or whole, the next start works."""
    whole = made(url)
    draw = random.Random(rounds)  # noqa: S311 (no secret)
    for number in range(rounds):
        wipe(url)
        file = tmp_path / str(number)
        start = begun(migrate, url, file)
        wait_for(lambda: told(file))  # noqa: B023 (at once)
        time.sleep(draw.uniform(0, 0.08))
        killed([start])
        assert schema(url) in ([], whole)
        assert whole == made(url)


def test_a_migration_killed_before_any_of_its_statements_leaves_nothing(
    url: str, tmp_path: Path
) -> None:
    """One after the other, and before the commit: until it ends there are no tables at all."""
    whole = made(url)
    wipe(url)
    file = tmp_path / "told"
    deaths = 0
    while "ends" not in told(file):
        assert [] == schema(url)
        deaths += 1
        ends([begun(migrate, url, file, deaths)])
    assert deaths > 10
    assert whole == schema(url)


def test_a_schema_newer_than_the_code_is_refused(url: str) -> None:
    """On each kind of database; the message says what to do, and nothing is changed."""
    engine = connect(url)
    with engine.begin() as connection:
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")
    engine.dispose()
    before = schema(url)
    with pytest.raises(DatabaseError, match=r"schema 9999, newer than this riskmon's.*upgrade"):
        riskmon.open(url)
    assert before == schema(url)


MAKE_ROOM = r"What was stored stays stored: .*, and ingest again; repeats vanish"


@pytest.mark.parametrize("ingests", [False, True])
@pytest.mark.parametrize("room", [0, 5_000, *(pytest.param(n, marks=soak) for n in ROOMS)])
def test_a_file_that_may_not_grow_is_said(tmp_path: Path, *, ingests: bool, room: int) -> None:
    """No room for the write-ahead log: what is refused is not stored, what is stored was said.

    With room again the same process goes on.
    """
    url, file = f"sqlite:///{tmp_path / 'risk.db'}", tmp_path / "told"
    assert [0] == ends([begun(fill, Orders(url, file, "", ingests), room)])
    (found,) = told(file)
    assert 2 == len(found["said"])
    for name, message in found["said"]:
        assert "DatabaseError" == name
        assert re.search(MAKE_ROOM, message)
    with closing(Ledger(url)) as ledger:
        assert [(ref, body(ref)) for ref in found["acknowledged"]] == events(ledger)


@pytest.mark.parametrize("room", [0, 4096, 50_000, *(pytest.param(n, marks=soak) for n in ROOMS)])
def test_a_first_start_without_room_is_said(tmp_path: Path, room: int) -> None:
    """No tables are made, or all; with room the next start works."""
    url, file = f"sqlite:///{tmp_path / 'risk.db'}", tmp_path / "told"
    assert [0] == ends([begun(start_without_room, url, file, room)])
    (found,) = told(file)
    assert 1 == found["appended"]
    if room < 5_000 or found["said"]:
        name, message = found["said"]
        assert "DatabaseError" == name
        assert re.search(MAKE_ROOM, message)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """Return a folder on a file system of its own, of 1 MiB."""
    folder = tmp_path / "small"
    folder.mkdir()
    mount = shutil.which("mount") or "false"
    asked = [mount, "-t", "tmpfs", "-o", "size=1m", "riskmon", str(folder)]
    if subprocess.run(asked, capture_output=True, check=False).returncode:
        pytest.skip("needs the right to mount a file system")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def test_a_full_disk_is_said(small_disk: Path) -> None:
    """Appends until there is no room; once a file is removed, they go on."""
    ballast = small_disk / "ballast"
    ballast.write_bytes(bytes(300_000))
    acknowledged = []
    with closing(Ledger(f"sqlite:///{small_disk / 'risk.db'}")) as ledger:
        with pytest.raises(DatabaseError, match=MAKE_ROOM):  # noqa: PT012
            for number in range(100_000):
                ledger.append([fact(str(number))], utc_now)
                acknowledged.append(str(number))
        assert acknowledged == [ref for ref, _ in events(ledger)]
        ballast.unlink()
        for number in range(len(acknowledged), len(acknowledged) + 5):
            assert ["appended"] == ledger.append([fact(str(number))], utc_now)
            acknowledged.append(str(number))
        assert [(ref, body(ref)) for ref in acknowledged] == events(ledger)


def test_a_disk_with_room_for_a_part_is_said(small_disk: Path) -> None:
    """Page by page more room for the first append: it is stored and said, or neither."""
    ballast = small_disk / "ballast"
    with closing(Ledger(f"sqlite:///{small_disk / 'risk.db'}")) as ledger:
        with ballast.open("wb", buffering=0) as file, suppress(OSError):
            while file.write(bytes(4096)):
                pass
        said: list[str] = []
        while not said or said[-1] != "appended":
            try:
                said.extend(ledger.append([fact("x")], utc_now))
            except RiskmonError as error:
                said.append(str(error))
                assert [] == events(ledger)
                os.truncate(ballast, ballast.stat().st_size - 4096)
        assert [("x", body("x"))] == events(ledger)
    assert len(said) > 1
    assert all(re.search(MAKE_ROOM, one) for one in said[:-1])
