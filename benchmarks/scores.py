"""Figures of scores: a full recalculation, and how long a command takes to begin."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np

from benchmarks import workload
from benchmarks.measure import RUNS, cpu, open_at, show
from riskmon.model import Line

COMPANIES = 1000


def recalculate(folder: Path, events: Path, companies: Path, rules: Path, count: int) -> None:
    """Read the ledger and score every company, against the same sums in numpy."""
    figures, limits = [], []
    database = folder / "scores.db"
    with open_at(database, rules) as monitor:
        monitor.declare(companies)
        monitor.ingest(events)
    for _ in range(RUNS):
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
    show("full recalculation", figures, limits, count, what)


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


def start_up() -> None:
    """Start `riskmon --help`, against a Python that does nothing."""

    def children(code: str) -> float:
        command = [sys.executable, "-c", "import resource, subprocess, sys\n" + SPAWN, code]
        return float(subprocess.run(command, capture_output=True, check=True).stdout)

    figures = [children("import riskmon.cli; riskmon.cli.main()") for _ in range(RUNS)]
    limits = [children("pass") for _ in range(RUNS)]
    show("riskmon --help", figures, limits, 1, "python -c pass", "150 ms")


SPAWN = """
subprocess.run([sys.executable, "-c", "import sys; sys.argv[1:] = ['--help']\\n" + sys.argv[1]],
               stdout=subprocess.DEVNULL, check=True)
used = resource.getrusage(resource.RUSAGE_CHILDREN)
print(used.ru_utime + used.ru_stime)
"""
