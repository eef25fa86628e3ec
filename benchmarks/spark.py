"""Figures of Spark on one machine: what it costs beside the kernel that it runs, and what it gains.

CPU seconds are those of all its processes, JVMs and Pythons, of a session that has started: each of
its workers has had work. Wall times are the least of three, since others may use the machine.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import psutil

from benchmarks import bulk, columnar, workload
from benchmarks.measure import cpu
from riskmon.bulk import spark, stream
from riskmon.bulk.copy import Copy
from riskmon.bulk.kernel import Task, task_of
from riskmon.bulk.part import Ended

RUNS = 3
MASTER = "local-cluster[{},1,2048]"
"""So many workers, of a core and 2 GB each."""
COST, GAIN = 4.0, 1.6
"""What is asked: at most so many times the kernel's CPU; two workers so many times as fast."""


class Took(NamedTuple):
    """What a run took, in seconds."""

    cpu: float
    wall: float


def measure(folder: Path, events: int) -> None:
    """Print the figures of a size; its copy stays in `folder`."""
    copy = folder / f"{events}"
    if not (copy / "copy.json").exists():
        columnar.write(copy, events, max(1, events // bulk.EVENTS_A_COMPANY), bulk.SEED)
    found = Copy(copy)
    standing, ended = bulk.opened(copy).standing(), Ended.of(found.read("ended"))
    task = task_of(standing, workload.ruleset(workload.rules()), workload.NOW, ended)
    print(f"{events:,} events, {len(task.ids):,} companies")
    kernel = statistics.median(cpu(lambda: stream.weigh(found, task)) for _ in range(RUNS))
    print(f"{'the kernel alone':<28} {kernel / events * 1e6:8.2f} us an event ({kernel:.1f} s)")
    expected = stream.weigh(found, task).hazards
    one, two = (by_spark(workers, found, task, expected) for workers in (1, 2))
    for workers, all_ in ((1, one), (2, two)):
        costs = [took.cpu for took in all_]
        cost = statistics.median(costs)
        print(
            f"{f'Spark, {workers} of its workers':<28} {cost / events * 1e6:8.2f} us an event"
            f" ({', '.join(f'{each:.1f}' for each in costs)} s)   ratio {cost / kernel:6.2f}"
            f"   asked {COST}"
        )
    slow, fast = (min(took.wall for took in all_) for all_ in (one, two))
    print(
        f"{'two against one, wall time':<28} {slow:8.1f} s against {fast:.1f} s"
        f"   ratio {slow / fast:6.2f}   asked {GAIN}"
    )


def by_spark(workers: int, copy: Copy, task: Task, expected: Any) -> list[Took]:
    """Return what runs on so many workers took; all give the same digits."""
    found = []
    with cluster(workers) as master:
        for _ in range(RUNS):
            start, before = time.perf_counter(), spent()
            hazards = spark.weigh(copy, task, master).hazards
            found.append(Took(spent() - before, time.perf_counter() - start))
            assert np.allclose(expected, hazards, rtol=0, atol=1e-9)  # noqa: S101
    return found


@contextmanager
def cluster(workers: int) -> Iterator[str]:
    """Give the master of a cluster of which each worker has had work."""
    master = MASTER.format(workers)
    session = spark.start(master)
    try:
        while len(pythons()) < 2 * workers:  # one forks the other
            session.sparkContext.parallelize(range(64), 16).map(str).count()
        yield master
    finally:
        session.sparkContext.setLogLevel("OFF")  # its end is loud
        session.stop()


def pythons() -> list[psutil.Process]:
    """Return the Pythons of Spark's workers."""
    below = psutil.Process().children(recursive=True)
    alive = [one for one in below if one.status() != psutil.STATUS_ZOMBIE]
    return [one for one in alive if "pyspark.daemon" in one.cmdline()]


def spent() -> float:
    """Return the CPU seconds of this process and all it started, those that ended among them."""
    mine = psutil.Process()
    total: float = sum(mine.cpu_times()[:2])
    for one in mine.children(recursive=True):
        total += sum(one.cpu_times()[:4])
    return total
