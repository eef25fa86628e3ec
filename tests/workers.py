"""What tests do in processes of their own: they write, and can be killed at any moment."""

from __future__ import annotations

import json
import multiprocessing
import os
import random
import resource
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from multiprocessing.context import ForkServerProcess
from multiprocessing.synchronize import Barrier
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NamedTuple

import psycopg
import sqlalchemy as sa

import riskmon
from riskmon.database import connect
from riskmon.errors import DatabaseError, RiskmonError
from riskmon.forms import moment
from riskmon.ledger import Fact, Ledger
from riskmon.monitor import Monitor, utc_now
from tests.builders import event

CONTEXT = multiprocessing.get_context("forkserver")
CONTEXT.set_forkserver_preload(["pytest", "alembic.command", "tests.workers"])

BATCH = 3
"""Entries that a writer appends at a time."""

PATIENCE = 120
"""Seconds after which a test that waits for a process gives up."""


class Orders(NamedTuple):
    """What a writer is told."""

    url: str
    file: Path
    """It is told there what was acknowledged, a line each: what is written survives a kill."""
    name: str
    """Its refs begin so."""
    ingests: bool = False
    """Through a monitor; else through the ledger itself."""
    seconds: float = PATIENCE
    batches: int = 10**9
    delay: float = 0
    """The most seconds between an insert and its commit."""
    now: str | None = None
    """What its clock says; None for the moment that it is."""
    retries: bool = False
    """It tries a batch again until it is stored; else an error ends it."""


def begun(target: Callable[..., None], *arguments: object) -> ForkServerProcess:
    """Return a process that runs `target`."""
    process = CONTEXT.Process(target=target, args=arguments)
    process.start()
    return process


def ends(processes: Iterable[ForkServerProcess]) -> list[int | None]:
    """Return the exit code of each process, once all have ended: 0 where no error came."""
    found = []
    for process in processes:
        process.join(PATIENCE)
        found.append(process.exitcode)
        if process.is_alive():
            process.kill()
    return found


def killed(processes: Sequence[ForkServerProcess]) -> None:
    """Kill processes, as `kill -9` does, and wait until they are gone."""
    for process in processes:
        if process.is_alive():  # else its number may be another's by now
            process.kill()
    for process in processes:
        process.join()


def tell(file: Path, told: object) -> None:
    """Add a line of JSON to a file."""
    opened = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.write(opened, json.dumps(told).encode() + b"\n")
    os.close(opened)


def told(file: Path) -> list[Any]:
    """Return what was told to a file; a torn line at its end was not."""
    found = file.read_bytes() if file.exists() else b""
    return [json.loads(line) for line in found[: found.rfind(b"\n") + 1].splitlines()]


def wait_for(done: Callable[[], object]) -> None:
    """Return once `done` holds."""
    until = time.monotonic() + PATIENCE
    while not done():
        assert time.monotonic() < until, "a process does not do what it should"
        time.sleep(0.002)


def body(ref: str) -> str:
    """Return the body of the event under `ref`."""
    return riskmon.Event.model_validate(event(ref=ref)).model_dump_json(exclude_defaults=True)


def fact(ref: str) -> Fact:
    """Return the event under `ref`, as the ledger takes it."""
    return Fact("event.recorded", "reuters", ref, body(ref))


def of_server(url: str) -> str:
    """Return a URL as the driver takes it."""
    return sa.make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)


def schema(url: str) -> list[tuple[object, ...]]:
    """Return tables, columns, triggers and revision of a database; nothing where it is empty."""
    parsed = sa.make_url(url)
    if parsed.get_backend_name() == "sqlite" and not Path(str(parsed.database)).exists():
        return []
    engine = sa.create_engine(url)
    queries = {
        "sqlite": ["SELECT type, name, sql FROM sqlite_master"],
        "postgresql": [
            "SELECT relkind, relname, attname FROM pg_class JOIN pg_attribute "
            "ON attrelid = pg_class.oid WHERE relnamespace = 'public'::regnamespace",
            "SELECT tgname, tgenabled FROM pg_trigger WHERE NOT tgisinternal",
            "SELECT proname FROM pg_proc WHERE pronamespace = 'public'::regnamespace",
            "SELECT conname, contype FROM pg_constraint "
            "WHERE connamespace = 'public'::regnamespace",
        ],
    }
    with engine.connect() as connection:
        statements = queries[engine.dialect.name]
        if sa.inspect(connection).has_table("alembic_version"):
            statements = [*statements, "SELECT version_num FROM alembic_version"]
        found = [tuple(row) for text in statements for row in connection.execute(sa.text(text))]
    engine.dispose()
    return sorted(found, key=repr)


def write(orders: Orders, together: Barrier | None = None) -> None:
    """Append batch after batch, and tell of each the refs and how long it took."""
    now = orders.now

    def clock() -> datetime:
        return moment(now) if now else utc_now()

    with riskmon.open(orders.url, clock=clock) as monitor:
        if orders.delay:
            before_commits(monitor._ledger, lambda: _sleep(orders.delay))
        if together is not None:
            together.wait(PATIENCE)
        until = time.monotonic() + orders.seconds
        for number in range(orders.batches):
            if time.monotonic() > until:
                break
            refs = [f"{orders.name}.{number}.{place}" for place in range(BATCH)]
            began = time.monotonic()
            assert BATCH == _stored(monitor, refs, orders)
            tell(orders.file, {"refs": refs, "waited": time.monotonic() - began})


def before_commits(ledger: Ledger, do: Callable[[], None]) -> None:
    """Let a process do something between the insert and the commit of each append."""
    insert = ledger.database.insert

    def inserted(connection: Any, rows: Sequence[tuple[Any, ...]]) -> None:
        insert(connection, rows)
        do()

    vars(ledger)["database"] = SimpleNamespace(**vars(ledger.database) | {"insert": inserted})


def _stored(monitor: Monitor, refs: Sequence[str], orders: Orders) -> int:
    while True:
        try:
            if orders.ingests:
                report = monitor.ingest([event(ref=ref) for ref in refs])
                return report.appended + report.duplicates * orders.retries
            outcomes = monitor._ledger.append([fact(ref) for ref in refs], monitor._clock)
            return outcomes.count("appended") + outcomes.count("duplicate") * orders.retries
        except DatabaseError:
            if not orders.retries:
                raise
            time.sleep(0.05)


def _sleep(most: float) -> None:
    time.sleep(random.uniform(0, most))  # noqa: S311 (no secret)


def write_plainly(url: str, file: Path, name: str, seconds: float, delay: float) -> None:
    """Insert row after row into a table whose keys are a sequence's, and tell of each its ref."""
    until = time.monotonic() + seconds
    with psycopg.connect(of_server(url)) as connection:
        number = 0
        while time.monotonic() < until:
            number += 1
            ref = f"{name}.{number}"
            connection.execute("INSERT INTO plain (ref) VALUES (%s)", (ref,))
            _sleep(delay)
            connection.commit()
            tell(file, {"refs": [ref]})


def deliver(url: str, file: Path, refs: Sequence[str], seed: int) -> None:
    """Ingest events in batches of random sizes, and tell what each report counted."""
    draw = random.Random(seed)  # noqa: S311 (no secret)
    with riskmon.open(url) as monitor:
        start = 0
        while start < len(refs):
            size = draw.randint(1, 40)
            report = monitor.ingest([event(ref=ref) for ref in refs[start : start + size]])
            tell(file, [report.appended, report.duplicates, report.revised, len(report.rejected)])
            start += size


def start_first(url: str, together: Barrier) -> None:
    """Open a monitor at the same time as others, and ingest nothing."""
    together.wait(PATIENCE)
    with riskmon.open(url) as monitor:
        monitor.ingest([])


def migrate(url: str, file: Path, dies_before: int | None = None) -> None:
    """Bring a database to the newest schema; die before the statement of that number."""
    count = 0

    def before(*_: object) -> None:
        nonlocal count
        count += 1
        if count == dies_before:
            os.kill(os.getpid(), 9)

    sa.event.listen(sa.Engine, "before_cursor_execute", before)
    sa.event.listen(sa.Engine, "commit", before)
    tell(file, "begins")
    connect(url).dispose()
    tell(file, "ends")


@contextmanager
def no_file_over(size: int) -> Iterator[None]:
    """Let no file of this process grow over `size` bytes: as if the disk were full."""
    _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))


def fill(orders: Orders, room: int) -> None:
    """Append until the disk has no room, then with room again; tell what was said and stored."""
    wal = Path(f"{sa.make_url(orders.url).database}-wal")
    with riskmon.open(orders.url) as monitor:
        said: list[list[str]] = []
        acknowledged: list[str] = []

        def add(number: int) -> bool:
            refs = [f"{number}.{place}" for place in range(BATCH)]
            try:
                assert BATCH == _stored(monitor, refs, orders)
            except RiskmonError as error:  # another error ends the process
                said.append([type(error).__name__, str(error)])
                return False
            acknowledged.extend(refs)
            return True

        assert add(0)
        with no_file_over(wal.stat().st_size + room):
            full = next(number for number in range(1, 10_000) if not add(number))
            assert not add(full)
            stored = [entry.ref for entry in monitor.entries() if entry.kind == "event.recorded"]
            assert acknowledged == stored
        for number in range(full, full + 5):
            assert add(number)
        tell(orders.file, {"said": said, "acknowledged": acknowledged, "full": full})


def start_without_room(url: str, file: Path, room: int) -> None:
    """Open a database where no file may grow over `room` bytes, then without limit; tell both."""
    said = None
    with no_file_over(room):
        try:
            connect(url).dispose()
        except RiskmonError as error:
            said = [type(error).__name__, str(error)]
    with riskmon.open(url) as monitor:
        tell(file, {"said": said, "appended": monitor.ingest([event(ref="x")]).appended})


def ingest_and_die(url: str, rows: Sequence[dict[str, Any]]) -> None:
    """Store events, or companies, and die as `kill -9` does before names are matched."""
    with riskmon.open(url) as monitor:
        vars(monitor._matching)["catch_up"] = lambda _: os.kill(os.getpid(), 9)
        monitor.declare(rows) if "id" in rows[0] else monitor.ingest(rows)
