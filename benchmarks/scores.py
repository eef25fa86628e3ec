"""Figures of scores: a full recalculation, a little more, one company, all, a year of history."""

from __future__ import annotations

import random
import statistics
import subprocess
import sys
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from benchmarks import workload
from benchmarks.measure import RUNS, cpu, open_at, show
from riskmon.forms import microseconds
from riskmon.layer import Layer
from riskmon.monitor import Monitor
from riskmon.scoring import COUNTED, View
from riskmon.told import spread

COMPANIES = 10_000
MORE = 1000
DAYS = 365
SAMPLE = 10_000
"""Events on which the slow reference runs."""


class Sums(NamedTuple):
    """Every line of every piece, as plain arrays: what is summed."""

    company: np.ndarray
    column: np.ndarray
    start: np.ndarray
    end: np.ndarray
    since: np.ndarray
    amplitude: np.ndarray
    rate: np.ndarray
    """1 / microseconds, by column."""

    def at(self, moment: int) -> np.ndarray:
        """Return the hazard of every company."""
        held = np.flatnonzero((self.start <= moment) & (self.end > moment))
        age = (moment - self.since[held]) * self.rate[self.column[held]]
        return np.bincount(
            self.company[held], self.amplitude[held] * np.exp2(-age), minlength=COMPANIES
        )

    def days(self, moments: list[int]) -> list[np.ndarray]:
        """Return the same on many days, each from the one before: the cheapest in numpy."""
        begin, finish = np.argsort(self.start), np.argsort(self.end)
        starts, ends = self.start[begin], self.end[finish]
        held = np.zeros((COMPANIES, len(self.rate)))
        found, before = [], -(2**62)
        for moment in moments:
            held *= np.exp2(-(moment - max(before, moments[0])) * self.rate)
            low, high = np.searchsorted(starts, [before, moment], side="right")
            fresh = begin[low:high]
            self._add(held, fresh[self.end[fresh] > moment], moment, 1)
            low, high = np.searchsorted(ends, [before, moment], side="right")
            gone = finish[low:high]
            self._add(held, gone[self.start[gone] <= before], moment, -1)
            before = moment
            found.append(held.sum(axis=1))
        return found

    def _add(self, held: np.ndarray, lines: np.ndarray, moment: int, sign: int) -> None:
        column = self.column[lines]
        value = (
            sign
            * self.amplitude[lines]
            * np.exp2(-(moment - self.since[lines]) * self.rate[column])
        )
        np.add.at(held, (self.company[lines], column), value)


def measure(folder: Path, count: int) -> None:
    """Measure all figures on `count` events, and the growth on four times as many."""
    database, rules = ingested(folder / "whole", count, COMPANIES)
    monitor = full(database, rules, count)
    view = live(monitor)
    sums = _sums(view)
    any_day(monitor, view, sums)
    year(monitor, sums)
    print(f"{'peak memory, full':<28} {peak(database, rules) / count:10.0f} bytes an event")
    whole = statistics.median(_full_costs(database, rules, 1))
    more(monitor, count, whole)
    monitor.close()
    larger, rules = ingested(folder / "larger", 4 * count, COMPANIES)
    monitor = open_at(larger, rules)
    monitor.scores()
    more(monitor, 4 * count, whole)
    monitor.close()
    doubled(folder, count // 4)


def ingested(folder: Path, count: int, companies: int, rules: int = 20) -> tuple[Path, Path]:
    """Return a database of `count` events, and its rules."""
    folder.mkdir()
    events, firms, rule_folder = workload.write(folder, count, companies, rules)
    with open_at(folder / "scores.db", rule_folder) as monitor:
        monitor.declare(firms)
        monitor.ingest(events)
    return folder / "scores.db", rule_folder


def live(monitor: Monitor) -> View:
    """Return the view of all that a monitor knows."""
    view = monitor._replay.view(monitor._replay.standing())  # noqa: SLF001 (what is summed)
    assert view is not None  # noqa: S101
    return view


def _full_costs(database: Path, rules: Path, runs: int = RUNS) -> Iterator[float]:
    for _ in range(runs):
        with open_at(database, rules) as monitor:
            yield cpu(monitor.scores)


def full(database: Path, rules: Path, count: int) -> Monitor:
    """Score every company from the ledger, against reading its columns and the sums alone."""
    figures, limits = list(_full_costs(database, rules)), []
    monitor = open_at(database, rules)
    found = {score.company: score.hazard for score in monitor.scores()}
    sums = _sums(live(monitor))
    now = microseconds(workload.NOW)
    for _ in range(RUNS):
        reading = cpu(lambda: sum(1 for _ in monitor._ledger.told(0)))  # noqa: SLF001
        limits.append(reading + cpu(lambda: sums.at(now)))
    expected = sums.at(now)
    assert np.allclose(expected, [found[one] for one in live(monitor).ids], atol=1e-9)  # noqa: S101
    what = f"reading the columns, and the same sums of {len(sums.company):,} lines in numpy"
    show("full recalculation", figures, limits, count, what, "10")
    slow(statistics.median(figures) / count)
    return monitor


def slow(each: float) -> None:
    """Print how much slower the reference in tests/ is, from fewer events."""
    from tests import reference  # noqa: PLC0415 (it is no part of the package)

    rules = list(workload.rules())
    events = list(workload.events(SAMPLE, COMPANIES))
    publishers = list(workload.publishers())
    firms = {one["id"]: one for one in workload.companies(COMPANIES)}
    matters: dict[str, list[Any]] = {}
    for event in sorted(events, key=lambda one: str(one["occurred_at"])):
        matters.setdefault(event["matter"], []).append(event)

    def score() -> None:
        for rule in rules:
            for members in matters.values():
                named = {party["company"] for event in members for party in event["parties"]}
                for company in named:
                    reference.hazard(rule, members, firms, publishers, company, workload.NOW)

    cost = cpu(score) / SAMPLE
    print(
        f"{'the slow reference':<28} {cost * 1e6:10.2f} us   {cost / each:8.1f} times the engine   "
        f"asked 20   (from {SAMPLE:,} events, only companies that a matter names)"
    )


def more(monitor: Monitor, count: int, whole: float) -> None:
    """Score every company once 1,000 more events are told, five times over."""
    figures = []
    for number in range(RUNS + 1):
        chance = random.Random(number)
        fresh = [
            event
            | {
                "ref": f"more-{number}-{place}",
                "matter": f"matter-{chance.randrange(count * 7 // 10)}",
            }
            for place, event in enumerate(workload.events(MORE, COMPANIES))
        ]
        monitor.ingest(fresh)
        figures.append(cpu(monitor.scores))
    cost = statistics.median(figures[1:])  # the first one makes the indices
    print(
        f"{'1,000 more on ' + format(count, ','):<28} {cost * 1e3:10.1f} ms   "
        f"{100 * cost / whole:8.2f} % of the full recalculation   asked 1 %, and 1.3 times that "
        f"on four times as many   (the first: {figures[0] * 1e3:.0f} ms)"
    )


def any_day(monitor: Monitor, view: View, sums: Sums) -> None:
    """Score one company, the one with the most lines, and all, on days drawn by lot."""
    chance = random.Random(3)

    def day() -> datetime:
        return workload.NOW - timedelta(days=chance.randrange(workload.DAYS))

    most = view.ids[int(np.bincount(sums.company).argmax())]
    some = [chance.choice(view.ids) for _ in range(1000)]
    first = cpu(lambda: monitor.score(most, as_of=day()))
    for name, asked, companies in (
        ("one company, any day", "1 ms", some),
        (f"the one with most lines: {most}", "10 ms", [most] * 100),
    ):
        costs = [cpu(lambda: monitor.score(one, as_of=day())) for one in companies]  # noqa: B023
        note = f"   (its first: {first * 1e3:.0f} ms)" if companies[0] == companies[-1] else ""
        cost = statistics.median(costs)
        print(f"{name:<28} {cost * 1e3:10.3f} ms   asked {asked}{note}")
    costs = [cpu(lambda: monitor.scores(as_of=day())) for _ in range(20)]
    print(f"{'all scores, any day':<28} {statistics.median(costs):10.3f} s    asked 0.5 s")


def year(monitor: Monitor, sums: Sums) -> None:
    """Score all companies on each day of a year, against the same sums in numpy."""
    start = workload.NOW - timedelta(days=DAYS - 1)
    moments = [microseconds(start + timedelta(days=day)) for day in range(DAYS)]
    figures, limits = [], []
    for _ in range(RUNS):
        figures.append(cpu(lambda: monitor.histories(start=start, end=workload.NOW)))
        limits.append(cpu(lambda: sums.days(moments)))
    found = monitor.histories(start=start, end=workload.NOW).values[-1]
    assert np.allclose(-100 * np.expm1(-sums.days(moments)[-1]), found, atol=1e-9)  # noqa: S101
    what = f"{COMPANIES:,} companies on {DAYS} days, in numpy each day from the one before"
    show("daily history of a year", figures, limits, COMPANIES * DAYS, what, "3")


def _sums(view: View) -> Sums:
    """Return what a view sums, line by line."""
    parts = [_lines(layer) for layer, _ in view._held(COUNTED)]  # noqa: SLF001
    rate = np.concatenate([part[-1] for part in parts])
    offsets = np.cumsum([0, *(len(part[-1]) for part in parts)])
    columns = [np.concatenate(found) for found in zip(*(part[:-1] for part in parts), strict=True)]
    columns[1] = np.concatenate([p[1] + o for p, o in zip(parts, offsets, strict=False)])
    return Sums._make([*columns, rate])


def _lines(layer: Layer) -> tuple[np.ndarray, ...]:
    around, scope = layer.around(workload.NOW)
    units, companies, weights = [], [], []
    for lines in (layer.lines(), around):
        units += [lines.unit, lines.neutral]
        companies += [lines.company, lines.company]
        weights += [lines.weight, -lines.less]
    exposed = np.diff(scope.first)[scope.key]
    units.append(np.repeat(scope.unit, exposed))
    reached = spread(scope.first[scope.key], exposed)
    companies.append(scope.company[reached])
    weights.append(scope.weight[reached])
    weight = np.concatenate(weights)
    keep = weight != 0
    weight = weight[keep]
    unit, company = np.concatenate(units)[keep], np.concatenate(companies)[keep]
    pieces = layer.pieces
    count = pieces.first[unit + 1] - pieces.first[unit]
    piece = spread(pieces.first[unit], count)
    return (
        np.repeat(company, count),
        pieces.half_life[piece],
        pieces.start[piece],
        pieces.end[piece],
        pieces.since[piece],
        pieces.amplitude[piece] * np.repeat(weight, count),
        pieces.half_lives,
    )


def peak(database: Path, rules: Path) -> float:
    """Return the most memory, in bytes, of a process that scores every company."""
    command = [sys.executable, "-c", PEAK, str(database), str(rules)]
    return float(subprocess.run(command, capture_output=True, check=True).stdout) * 1024


PEAK = """
import re, sys
from pathlib import Path
from benchmarks.measure import open_at
open_at(Path(sys.argv[1]), Path(sys.argv[2])).scores()
print(re.search(r"VmHWM:\\s+(\\d+)", Path("/proc/self/status").read_text())[1])
"""
"""Not `ru_maxrss`: a child begins with its parent's."""


def doubled(folder: Path, count: int) -> None:
    """Print what twice the companies, events and rules cost."""
    shapes = {
        "as it is": (1, 1, 1),
        "companies": (1, 2, 1),
        "events": (2, 1, 1),
        "rules": (1, 1, 2),
    }
    base = 0.0
    for name, (events, companies, rules) in shapes.items():
        made = ingested(
            folder / f"doubled-{name}", events * count, companies * COMPANIES, 20 * rules
        )
        cost = statistics.median(_full_costs(*made, runs=3))
        base = base or cost
        print(f"{'doubled: ' + name:<28} {cost:10.2f} s    {cost / base:8.2f} times")


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
