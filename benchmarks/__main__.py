"""Print the figures: `python -m benchmarks [--events N] [--runs N]`.

Each is CPU seconds of this process, the median of several runs, and its ratio to a limit that is
measured in the same run: what the bare libraries need for the same bytes or the same sums.
"""

from __future__ import annotations

import argparse
import json
import sqlite3
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

import riskmon
from benchmarks import workload
from riskmon.model import Line
from riskmon.monitor import Monitor

COMPANIES = 1000


def main() -> None:
    """Measure, and print one line a figure."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--events", type=int, default=100_000)
    parser.add_argument("--runs", type=int, default=5)
    arguments = parser.parse_args()
    with TemporaryDirectory() as name:
        folder = Path(name)
        events, companies, rules = workload.write(folder, arguments.events, COMPANIES)
        size = events.stat().st_size / arguments.events
        print(f"{arguments.events:,} events of {size:.0f} bytes, {COMPANIES:,} companies, 20 rules")
        ingest(folder, events, companies, rules, arguments)
        recalculate(folder / "ingest-0.db", rules, arguments)
    start_up(arguments)


def show(name: str, figure: Iterable[float], limit: Iterable[float], count: int, what: str) -> None:
    """Print one figure: CPU seconds, microseconds an event, and the ratio to its limit."""
    cost, least = statistics.median(figure), statistics.median(limit)
    print(
        f"{name:<22} {cost:8.3f} s  {cost / count * 1e6:7.1f} us each   "
        f"limit {least:8.4f} s   ratio {cost / least:8.2f}   ({what})"
    )


def cpu(call: Callable[[], object]) -> float:
    """Return the CPU seconds that a call takes."""
    start = time.process_time()
    call()
    return time.process_time() - start


def ingest(
    folder: Path, events: Path, companies: Path, rules: Path, arguments: argparse.Namespace
) -> None:
    """Ingest the file into a new database, against decoding and bare inserts of its lines."""
    figures, limits = [], []
    for run in range(arguments.runs):
        monitor = open_at(folder / f"ingest-{run}.db", rules)
        monitor.declare(companies)
        figures.append(cpu(lambda: monitor.ingest(events)))  # noqa: B023 (called at once)
        monitor.close()
        limits.append(cpu(lambda: bare(folder / f"bare-{run}.db", events)))  # noqa: B023
    show("ingest", figures, limits, arguments.events, "JSON decode + bare sqlite3.executemany")


def bare(database: Path, events: Path) -> None:
    """Decode each line, and insert the lines in thousands with one unique index."""
    connection = sqlite3.connect(database, isolation_level=None)
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=FULL")
    connection.execute("PRAGMA cache_size=-65536")
    connection.execute("CREATE TABLE e (n INTEGER PRIMARY KEY, source TEXT, ref TEXT, body TEXT)")
    connection.execute("CREATE UNIQUE INDEX k ON e (source, ref)")
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


def recalculate(database: Path, rules: Path, arguments: argparse.Namespace) -> None:
    """Read the ledger and score every company, against the same sums in numpy."""
    figures, limits = [], []
    for _ in range(arguments.runs):
        monitor = open_at(database, rules)
        figures.append(cpu(lambda: monitor.scores(as_of=workload.NOW)))  # noqa: B023
        scores = monitor.scores(as_of=workload.NOW)
        monitor.close()
        columns = arrays([line for score in scores for line in score.hazards])
        limits.append(cpu(lambda: sums(*columns)))  # noqa: B023
        found = {score.company: score.value for score in scores}
        expected = sums(*columns)
        assert np.allclose(expected, [found[f"c{n}"] for n in range(COMPANIES)], atol=1e-9)  # noqa: S101
    what = f"the same sums of {len(columns[0]):,} lines in numpy"
    show("full recalculation", figures, limits, arguments.events, what)


def arrays(lines: list[Line]) -> tuple[np.ndarray, ...]:
    """Return company, severity, likelihood, weight and decay of each line."""
    rows = [(int(ln.company[1:]), ln.severity, ln.likelihood, ln.weight, ln.decay) for ln in lines]
    company, *factors = zip(*rows, strict=True)
    return (np.array(company), *(np.array(factor) for factor in factors))


def sums(
    company: np.ndarray,
    severity: np.ndarray,
    likelihood: np.ndarray,
    weight: np.ndarray,
    decay: np.ndarray,
) -> np.ndarray:
    """Return every company's score."""
    hazard = -np.log1p(-severity / 100) * likelihood * weight * np.exp2(np.log2(decay))
    return -100 * np.expm1(-np.bincount(company, hazard, minlength=COMPANIES))


def start_up(arguments: argparse.Namespace) -> None:
    """Start `riskmon --help`, against a Python that does nothing."""

    def children(code: str) -> float:
        command = [sys.executable, "-c", "import resource, subprocess, sys\n" + SPAWN, code]
        return float(subprocess.run(command, capture_output=True, check=True).stdout)

    figures = [children("import riskmon.cli; riskmon.cli.main()") for _ in range(arguments.runs)]
    limits = [children("pass") for _ in range(arguments.runs)]
    show("riskmon --help", figures, limits, 1, "python -c pass")


SPAWN = """
subprocess.run([sys.executable, "-c", "import sys; sys.argv[1:] = ['--help']\\n" + sys.argv[1]],
               stdout=subprocess.DEVNULL, check=True)
used = resource.getrusage(resource.RUSAGE_CHILDREN)
print(used.ru_utime + used.ru_stime)
"""


def open_at(database: Path, rules: Path) -> Monitor:
    """Open a monitor whose clock stands still."""
    return riskmon.open(f"sqlite:///{database}", rules=rules, clock=lambda: workload.NOW)


if __name__ == "__main__":
    main()
