"""Figures of large ledgers on one machine: of their columnar copies, by size, and how they grow.

What is measured runs in a process of its own, so that its memory and its CPU are its own. They
include what starting and importing take, and reading companies, rules and names.
"""

from __future__ import annotations

import json
import re
import statistics
import subprocess
import sys
import time
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import columnar, workload
from benchmarks.measure import cpu
from riskmon.bulk import stream
from riskmon.bulk.copy import Copy
from riskmon.bulk.replay import Columnar
from riskmon.evidence import Head
from riskmon.forms import utc_text

EVENTS_A_COMPANY = 100
SEED = 1
QUERIES = 50
MATTERS = 100
GROWTH, MEMORY, QUERY = 1.15, 120, 1.5
"""What is asked: of ten times as many events, in bytes an event at 100 million, of a query."""


def measure(folder: Path, sizes: list[int]) -> None:
    """Print the figures of each size, and how they grow; copies stay in `folder`."""
    full, one = {}, {}
    for size in sizes:
        copy = folder / f"{size}"
        if not (copy / "copy.json").exists():
            columnar.write(copy, size, max(1, size // EVENTS_A_COMPANY), SEED)
        print(f"{size:,} events, {disk(copy) / size:.0f} bytes an event on disk", flush=True)
        full[size] = figures("full", copy)
        one[size] = figures("one", copy, *asked_for(copy))
        show(size, full[size], one[size])
    for size in sizes:
        if 10 * size in full:
            growth = full[10 * size]["cpu"] / (10 * full[size]["cpu"])
            grown = f"{10 * size:,} against ten times {size:,}"
            print(f"{grown:<44} {growth:8.2f} times   asked {GROWTH}")
    least, most = min(sizes), max(sizes)
    if least < most:
        memory = full[most]["memory"] / most
        print(f"{f'memory at {most:,}':<44} {memory:8.0f} bytes an event   asked {MEMORY}")
        for way in ("cold", "warm"):
            growth = one[most][way] / one[least][way]
            print(f"{f'a query, {way}, against {least:,}':<44} {growth:8.2f} times   asked {QUERY}")


def show(size: int, full: dict[str, float], one: dict[str, float]) -> None:
    """Print the figures of one size."""
    print(
        f"{'full recalculation':<28} {full['cpu'] / size * 1e6:10.2f} us an event "
        f"({full['cpu']:.1f} s, of which {full['before']:.1f} s companies, rules and names); "
        f"{full['wall']:.1f} s of wall time"
    )
    print(
        f"{'its peak memory':<28} {full['memory'] / size:10.0f} bytes an event "
        f"({full['memory'] / 2**30:.2f} GiB)"
    )
    print(
        f"{'one company, process cold':<28} {one['cold'] * 1e3:10.1f} ms\n"
        f"{'one company, process warm':<28} {one['warm'] * 1e3:10.1f} ms   (median of {QUERIES} "
        f"in about {MATTERS} matters each, with their lines)",
        flush=True,
    )


def disk(folder: Path) -> int:
    """Return how many bytes the files of a folder take."""
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())


def figures(what: str, folder: Path, *more: str) -> dict[str, float]:
    """Return what a process of its own measures on a copy."""
    command = [sys.executable, "-m", "benchmarks.bulk", what, str(folder), *more]
    found = subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout
    return dict(json.loads(found))


def asked_for(folder: Path) -> list[str]:
    """Return the companies of a copy that the nearest to a hundred matters name."""
    copy = Copy(folder)
    ids = [one.company or "" for one in copy.named()]
    counts = np.zeros(len(ids), np.int64)
    for number in range(copy.buckets):
        for table in copy.bucket(number, columns=["party"], kind="pairs"):
            counts += np.bincount(table["party"], minlength=len(ids))
    nearest = np.argsort(np.abs(counts - MATTERS), kind="stable")
    return [ids[number] for number in nearest[: 1 + QUERIES].tolist()]


class Behind:
    """What a replay asks of the ledger that a copy is of, answered by the copy: it has none."""

    def __init__(self, copy: Copy) -> None:
        self._copy = copy

    def size(self) -> int:
        """Return the last position."""
        return self._copy.position

    def at(self, position: int) -> Head:
        """Return the head there."""
        return Head(position, self._copy.segments[-1].hash, utc_text(workload.NOW))

    def recorded_at(self, _: int) -> datetime:
        """Return when an entry was recorded."""
        return workload.NOW

    def first_told(self, _: str, __: str) -> None:
        """Return no position: nobody asks for an event by its key."""


def opened(folder: Path) -> Columnar:
    """Return the replay of a copy: that of a monitor with the engine of one machine."""
    ledger: Any = Behind(Copy(folder))
    persons: Any = None  # no body is read
    return Columnar(ledger, persons, folder, stream.weigh)


def full(folder: Path) -> dict[str, float]:
    """Return what a recalculation of all companies takes: seconds, and bytes at its peak."""
    start = time.perf_counter()
    replay = opened(folder)
    standing = replay.standing()
    view = replay.view(standing)
    assert view is not None  # noqa: S101 (there are rules)
    before = time.process_time()
    hazards = view.hazards(workload.NOW)
    assert np.count_nonzero(hazards) > len(hazards) / 2  # noqa: S101 (they were weighed)
    return {
        "before": before,
        "cpu": time.process_time(),
        "wall": time.perf_counter() - start,
        "memory": peak(),
    }


def one(folder: Path, companies: list[str]) -> dict[str, float]:
    """Return the CPU seconds of a process until its first answer, and the median of the others."""
    replay = opened(folder)

    def ask(company: str) -> None:
        score = replay.score(replay.standing(), workload.NOW, company)
        assert len(score.lines) > 0  # noqa: S101 (it has some)

    ask(companies[0])
    cold = time.process_time()
    costs = [cpu(lambda: ask(company)) for company in companies[1:]]  # noqa: B023
    return {"cold": cold, "warm": statistics.median(costs)}


def peak() -> int:
    """Return the most memory that this process had, in bytes.

    Not `ru_maxrss`: a child begins with its parent's.
    """
    found = re.search(r"VmHWM:\s+(\d+)", Path("/proc/self/status").read_text())
    assert found  # noqa: S101 (Linux)
    return int(found[1]) * 1024


if __name__ == "__main__":
    what, folder, *companies = sys.argv[1:]
    found = full(Path(folder)) if what == "full" else one(Path(folder), companies)
    print(json.dumps(found))
