"""A large ledger on PostgreSQL beside a small one: appends, and queries as of a moment.

Filled with COPY, its chain valid; generated with a seed, 30 sources, keys that grow as those of
news do. CPU seconds of this process and of the server, in turns, and wall seconds. PostgreSQL's
own vacuuming is off while it is measured: it would be counted with whatever runs beside it.
"""

from __future__ import annotations

import itertools
import os
import random
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from hashlib import sha256
from pathlib import Path

import psycopg

from benchmarks import workload
from benchmarks.measure import show
from benchmarks.postgresql import COLUMNS, server
from riskmon.evidence import GENESIS, Head
from riskmon.forms import utc_text
from riskmon.ledger import Fact, Ledger

SMALL, LARGE = 100_000, 10_000_000
RUNS = 15
BATCH = 1000
BEGIN = workload.NOW - timedelta(days=3650)
ASKED = "at most 1.3"


def measure(folder: Path) -> None:
    """Fill both, and print how much more the large one costs."""
    os.environ["XDG_RUNTIME_DIR"] = os.environ["XDG_DATA_HOME"] = str(folder)
    with server(folder / "pg") as (uri, both):
        with psycopg.connect(uri, autocommit=True) as admin:
            admin.execute("ALTER SYSTEM SET autovacuum = off")
            admin.execute("SELECT pg_reload_conf()")
            for name in ("small", "large"):
                admin.execute(f"CREATE DATABASE {name}")
        ledgers = {
            count: Ledger(uri.replace("/postgres?", f"/{name}?"))
            for name, count in (("small", SMALL), ("large", LARGE))
        }
        for count, ledger in ledgers.items():
            print(fill(ledger, count), flush=True)
        for name, (count, what) in PARTS.items():
            _compare(name, count, what, ledgers, both)
        for ledger in ledgers.values():
            ledger.close()


def _compare(
    name: str,
    count: int,
    what: Callable[[Ledger, int, random.Random], Callable[[], object]],
    ledgers: dict[int, Ledger],
    both: Callable[[Callable[[], object]], float],
) -> None:
    """Print one figure of both ledgers, each asked in turns with the other."""
    cpu: dict[int, list[float]] = {one: [] for one in ledgers}
    wall: dict[int, list[float]] = {one: [] for one in ledgers}
    for run in range(-2, RUNS):
        for size, ledger in ledgers.items():
            call = what(ledger, size, random.Random(1000 + run))
            begun = time.perf_counter()
            used = both(call)
            if run >= 0:  # the first two warm up
                cpu[size].append(used)
                wall[size].append(time.perf_counter() - begun)
    asked = "" if name.startswith("(") else ASKED
    show(name, cpu[LARGE], cpu[SMALL], count, f"at {SMALL:,} entries", asked)
    show("  wall", wall[LARGE], wall[SMALL], count, "the same", "")


def fill(ledger: Ledger, count: int) -> str:
    """Append entries as another writer would: COPY, a hundred thousand a transaction."""
    begun, head = time.perf_counter(), Head(0, GENESIS, "")
    url = ledger.engine.url.set(drivername="postgresql").render_as_string(hide_password=False)
    with psycopg.connect(url) as connection:
        rows = _rows(count)
        while piece := list(itertools.islice(rows, 100_000)):
            connection.execute("SELECT entry_make_room(%s)", (piece[-1][0].position,))
            with connection.cursor().copy(f"COPY entry ({COLUMNS}) FROM STDIN") as copy:
                copy.write("".join(line for _, line in piece))
            connection.commit()
            head = piece[-1][0]
        connection.autocommit = True
        for table in ("entry", "entry_key"):
            connection.execute(f"VACUUM (ANALYZE) {table}")
        connection.execute("CHECKPOINT")
        found = connection.execute("SELECT pg_database_size(current_database())").fetchone()
    if ledger.kept:
        with ledger.kept.held() as held:
            held.keep(head)
    size = found[0] / count if found else 0
    seconds = time.perf_counter() - begun
    return f"{count:,} entries, {size:.0f} bytes each with indices, filled in {seconds:.0f} s"


def _rows(count: int) -> Iterator[tuple[Head, str]]:
    """Yield heads, and the lines of COPY that make them."""
    chance = random.Random(1)
    previous = GENESIS
    for position in range(1, count + 1):
        source = workload.TELLERS[int(chance.random() * 30)]
        ref = f"event-{position:09}"
        at = utc_text(BEGIN + timedelta(seconds=position // BATCH))
        body = (
            f'{{"source":"{source}","ref":"{ref}","type":"claim.alleged","matter":"matter-'
            f'{int(chance.random() * 0.7 * count)}","occurred_at":"2024-05-02","title":"Export '
            f'control notice on advanced equipment","topics":["military-research"],"parties":'
            f'[{{"name":"Company number {int(chance.random() * 10_000)}"}}],'
            f'"url":"https://example.com/{position}"}}'
        )
        columns = (str(position), "event.recorded", source, ref, "1", at, body)
        previous = sha256("\0".join(("", previous, *columns)).encode()).hexdigest()
        yield Head(position, previous, at), "\t".join((*columns, previous)) + "\n"


_numbers = itertools.count(2 * LARGE)


def _facts(refs: list[str], chance: random.Random) -> list[Fact]:
    text = "x" * 300
    return [
        Fact("event.recorded", workload.TELLERS[chance.randrange(30)], ref, f'{{"text":"{text}"}}')
        for ref in refs
    ]


def _many(ledger: Ledger, size: int, chance: random.Random) -> Callable[[], object]:
    del size
    return _appending(ledger, [f"event-{next(_numbers):09}" for _ in range(5 * BATCH)], chance)


def _scattered(ledger: Ledger, size: int, chance: random.Random) -> Callable[[], object]:
    refs = [f"event-{chance.randrange(size):09}-{next(_numbers)}" for _ in range(5 * BATCH)]
    return _appending(ledger, refs, chance)


def _appending(ledger: Ledger, refs: list[str], chance: random.Random) -> Callable[[], object]:
    facts = iter(_facts(refs, chance))
    batches = list(iter(lambda: list(itertools.islice(facts, BATCH)), []))
    return lambda: [ledger.append(one, lambda: workload.NOW) for one in batches]


def _one_by_one(ledger: Ledger, size: int, chance: random.Random) -> Callable[[], object]:
    del size
    facts = _facts([f"event-{next(_numbers):09}" for _ in range(50)], chance)
    return lambda: [ledger.append([fact], lambda: workload.NOW) for fact in facts]


def _again(ledger: Ledger, size: int, chance: random.Random) -> Callable[[], object]:
    known = ledger.some([chance.randrange(1, size + 1) for _ in range(BATCH)])
    facts = [Fact(one.kind, one.source, one.ref, one.body) for one in known]
    return lambda: [ledger.append(facts, lambda: workload.NOW) for _ in range(10)]


def _moments(ledger: Ledger, size: int, chance: random.Random) -> Callable[[], object]:
    asked = [BEGIN + timedelta(seconds=chance.randrange(size) / BATCH) for _ in range(50)]
    return lambda: [ledger.at(ledger.position_at(one)) for one in asked]


def _places(ledger: Ledger, size: int, chance: random.Random) -> Callable[[], object]:
    asked = [[chance.randrange(1, size + 1) for _ in range(20)] for _ in range(50)]
    return lambda: [list(ledger.some(one)) for one in asked]


def _prefix(ledger: Ledger, size: int, chance: random.Random) -> Callable[[], object]:
    """Read the last ten thousand entries of a prefix, as a fold that had come so far does."""
    until = chance.randrange(20_000, size)
    return lambda: sum(1 for _ in ledger.entries(until - 10_000, until))


PARTS: dict[str, tuple[int, Callable[[Ledger, int, random.Random], Callable[[], object]]]] = {
    "append of 1,000 events": (5 * BATCH, _many),
    "append of one event": (50, _one_by_one),
    "(1,000 repeats, from anywhere)": (10 * BATCH, _again),
    "head as of a moment": (50, _moments),
    "20 entries by position": (50, _places),
    "10,000 entries of a prefix": (10_000, _prefix),
    "(1,000, keys at random places)": (5 * BATCH, _scattered),
}
