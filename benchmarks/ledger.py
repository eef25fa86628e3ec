"""Figures of the ledger: ingest, ingest again, one event, verify, columns."""

from __future__ import annotations

import itertools
import json
import os
import sqlite3
from collections.abc import Iterator
from datetime import timedelta
from hashlib import sha256
from pathlib import Path

from benchmarks import workload
from benchmarks.measure import RUNS, cpu, open_at, show
from riskmon import columns
from riskmon.ledger import Fact, Ledger
from riskmon.model import Event

BATCH = 1000
ONE_BY_ONE = 1000


def ingest(folder: Path, events: Path, companies: Path, rules: Path, count: int) -> None:
    """Ingest a file into a new database, and the same file again."""
    figures, limits, again, checks = [], [], [], []
    for run in range(RUNS):
        with open_at(folder / f"ingest-{run}.db", rules) as monitor:
            monitor.declare(companies)
            figures.append(cpu(lambda: monitor.ingest(events)))
            limits.append(cpu(lambda: bare(folder / f"bare-{run}.db", events)))  # noqa: B023
            again.append(cpu(lambda: monitor.ingest(events)))
            checks.append(cpu(lambda: check(events)))
    what = "JSON decode + bare sqlite3.executemany"
    show("ingest", figures, limits, count, what, "at most 2.0")
    show("ingest again", again, checks, count, "JSON decode + validation", "at most 1.2")


def check(events: Path) -> None:
    """Decode and validate each line."""
    with events.open("rb") as lines:
        for line in lines:
            Event.model_validate(json.loads(line))


def _bare_table(database: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(database, isolation_level=None)
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=FULL")
    connection.execute("PRAGMA cache_size=-65536")
    connection.execute("CREATE TABLE e (n INTEGER PRIMARY KEY, source TEXT, ref TEXT, body TEXT)")
    connection.execute("CREATE UNIQUE INDEX k ON e (source, ref)")
    return connection


def bare(database: Path, events: Path) -> None:
    """Decode each line, and insert the lines in thousands with one unique index."""
    connection = _bare_table(database)
    batch: list[tuple[str, str, str]] = []

    def insert() -> None:
        connection.execute("BEGIN IMMEDIATE")
        connection.executemany("INSERT INTO e (source, ref, body) VALUES (?, ?, ?)", batch)
        connection.execute("COMMIT")
        batch.clear()

    with events.open(encoding="utf-8") as lines:
        for line in lines:
            event = json.loads(line)
            batch.append((event["source"], event["ref"], line))
            if len(batch) == 1000:
                insert()
    insert()
    connection.close()


def one_event(folder: Path) -> None:
    """Append events one by one, each durable, its head kept outside."""
    figures, limits = [], []
    connection = _bare_table(folder / "one-bare.db")
    ledger = Ledger(f"sqlite:///{folder / 'one.db'}")
    bodies = iter(itertools.count())
    body = json.dumps({"text": "x" * 600})

    def append() -> None:
        for _ in range(ONE_BY_ONE):
            fact = Fact("event.recorded", "wire", f"event-{next(bodies)}", body)
            ledger.append([fact], lambda: workload.NOW)

    def insert() -> None:
        for _ in range(ONE_BY_ONE):
            connection.execute("BEGIN IMMEDIATE")
            row = ("wire", f"event-{next(bodies)}", body)
            connection.execute("INSERT INTO e (source, ref, body) VALUES (?, ?, ?)", row)
            connection.execute("COMMIT")

    append()  # until the write-ahead logs have their size
    insert()
    for _ in range(RUNS):
        figures.append(cpu(append))
        limits.append(cpu(insert))
    what = "a bare transaction of one row"
    show("one event, durable", figures, limits, ONE_BY_ONE, what, "at most 2.5")


def _facts(count: int) -> Iterator[list[Fact]]:
    events = workload.events(count, 1000)
    while batch := list(itertools.islice(events, BATCH)):
        yield [
            Fact("event.recorded", event["source"], event["ref"], json.dumps(event))
            for event in batch
        ]


def million(folder: Path, count: int) -> None:
    """Fill a ledger, and read it whole: verified, and as columns."""
    file = folder / "million.db"
    ledger = Ledger(f"sqlite:///{file}")
    for number, facts in enumerate(_facts(count)):
        at = workload.NOW + timedelta(seconds=number)
        ledger.append(facts, lambda: at)  # noqa: B023
    connection = sqlite3.connect(file)

    def verify() -> None:
        for _ in ledger.verified(count):
            pass

    def read_and_hash() -> None:
        for row in connection.execute("SELECT * FROM entry ORDER BY position"):
            sha256("\0".join(map(str, row)).encode()).digest()

    def fetch_all() -> None:
        connection.execute(f"SELECT {', '.join(columns.NAMES)} FROM entry").fetchall()  # noqa: S608

    figures: dict[str, list[float]] = {}
    columns.load(ledger)  # makes the copy
    for _ in range(RUNS):
        for name, call in {
            "verify": verify,
            "read and hash": read_and_hash,
            "columns": lambda: columns.read(ledger),
            "copy": lambda: columns.load(ledger),
            "fetch all": fetch_all,
        }.items():
            figures.setdefault(name, []).append(cpu(call))
    bytes_ = "SHA-256 over the same bytes + reading them"
    show("verify", figures["verify"], figures["read and hash"], count, bytes_, "at most 2.0")
    rows = "sqlite3 fetchall of the same columns"
    show("columns, Arrow", figures["columns"], figures["fetch all"], count, rows, "at most 0.6")
    show(
        "columns, from the copy", figures["copy"], figures["fetch all"], count, rows, "at most 0.1"
    )
    _memory(ledger, count)


def _memory(ledger: Ledger, count: int) -> None:
    """Print how much memory verifying takes, in a process of its own."""
    reader, writer = os.pipe()
    if (child := os.fork()) == 0:
        import resource  # noqa: PLC0415

        ledger = Ledger(ledger.engine.url.render_as_string())
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        for _ in ledger.verified(count):
            pass
        after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        os.write(writer, str(after - before).encode())
        os._exit(0)
    os.waitpid(child, 0)
    grown = int(os.read(reader, 100)) / 1024
    print(f"{'verify, memory':<28} {grown:10.1f} MiB more for {count:,} entries   (flat)")
