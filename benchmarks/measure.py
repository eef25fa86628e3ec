"""What all figures share: CPU seconds, medians, and the ratio to a limit of the same run."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterable
from pathlib import Path

import riskmon
from benchmarks import workload
from riskmon.monitor import Monitor

RUNS = 5


def cpu(call: Callable[[], object]) -> float:
    """Return the CPU seconds of this process that a call takes."""
    start = time.process_time()
    call()
    return time.process_time() - start


def show(
    name: str,
    figure: Iterable[float],
    limit: Iterable[float],
    count: int,
    what: str,
    asked: str = "",
) -> None:
    """Print one figure: microseconds each, the limit's, their ratio, and what was asked."""
    cost, least = statistics.median(figure), statistics.median(limit)
    each, bound = cost / count * 1e6, least / count * 1e6
    print(
        f"{name:<28} {each:10.2f} us   limit {bound:10.2f} us   ratio {cost / least:8.2f}"
        f"   {asked:<14} ({what})",
        flush=True,
    )


def open_at(database: Path, rules: Path) -> Monitor:
    """Open a monitor whose clock stands still."""
    return riskmon.open(f"sqlite:///{database}", rules=rules, clock=lambda: workload.NOW)
