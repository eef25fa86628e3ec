"""What grows with what: one thing at a time, from a base of a million events.

Each full recalculation and all queries of a case run in a process of their own, by `bulk`, so their
memory and CPU are their own. Those of a full recalculation are medians of three, in turns with the
base. Then what a day costs: events appended to a ledger, copied, merged with what the copy has.
"""

from __future__ import annotations

import statistics
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

from benchmarks import bulk, columnar, workload
from benchmarks.columnar import AS_EVER, Shape
from benchmarks.measure import cpu, open_at
from riskmon.bulk import following
from riskmon.bulk.following import follow
from riskmon.ledger import Ledger

EVENTS, COMPANIES = 1_000_000, 10_000
RUNS = 3
DAY_EVENTS = 250_000
NEVER, ALWAYS = 0, 10**9
"""So many times as large as the next a segment has to be, not to be merged with it."""
FEW = 37
"""One matter in so many has a scope: ten times as many as one in 349, as in the base."""
SURGE: dict[str, Any] = {
    "id": "surge",
    "title": "Surge",
    "category": "category-0",
    "severity": 20,
    "stages": {f"claim.{word}": 1.0 for word in workload.FAMILIES["claim"]},
    "half_life": "90 days",
    "evaluator": "surge",
}


class Case(NamedTuple):
    """What is other than in the base."""

    name: str
    events: int = EVENTS
    companies: int = COMPANIES
    shape: Shape = AS_EVER


CASES = (
    Case("10 times the events", events=10 * EVENTS),
    Case("10 times the events a matter", shape=Shape(matters=70, apart=FEW)),
    Case("10 times the companies", companies=10 * COMPANIES),
    Case("50 rules instead of 20", shape=Shape(rules=tuple(workload.rules(50)))),
    Case("one rule more: surge", shape=Shape(rules=(*workload.rules(), SURGE))),
    Case("10 times the scoped matters", shape=Shape(apart=FEW)),
    Case("all owned instead of 1 in 10", shape=Shape(owned=1)),
)


class Figures(NamedTuple):
    """What a case costs."""

    full: float  # CPU seconds of a recalculation of all companies, streamed
    memory: float  # its peak, in bytes
    disk: float  # of the copy, in bytes
    warm: float  # CPU seconds of a query of one company
    cold: float  # of the first one of a process


UNITS = Figures(1, 2**20, 2**20, 1e-3, 1)
HEAD = ("full s", "peak MiB", "disk MiB", "query ms", "first s")


def measure() -> None:
    """Print what each case costs, and its ratios to the base, measured in turns with it."""
    print(f"{'':<30}" + "".join(f"{one:>18}" for one in HEAD))
    with TemporaryDirectory() as name:
        base = Path(name)
        columnar.write(base, EVENTS, COMPANIES, bulk.SEED)
        show("base", figures([base])[0])
        for case in CASES:
            with TemporaryDirectory() as other:
                folder = Path(other)
                columnar.write(folder, case.events, case.companies, bulk.SEED, case.shape)
                show(case.name, *figures([folder, base]))
    daily()


def show(name: str, found: Figures, base: Figures | None = None) -> None:
    """Print a line: each figure, and what it is of the base's."""
    cells = (
        f"{one / unit:10.1f} {one / least:6.2f}x"
        for one, unit, least in zip(found, UNITS, base or found, strict=True)
    )
    print(f"{name:<30}" + "".join(cells), flush=True)


def figures(folders: list[Path]) -> list[Figures]:
    """Return what some copies cost, measured in turns."""
    full = [[bulk.figures("full", one) for one in folders] for _ in range(RUNS)]
    asked = [bulk.figures("one", one, *bulk.asked_for(one)) for one in folders]
    return [
        Figures(
            statistics.median(run["cpu"] for run in runs),
            statistics.median(run["memory"] for run in runs),
            bulk.disk(folder),
            one["warm"],
            one["cold"],
        )
        for folder, runs, one in zip(folders, zip(*full, strict=True), asked, strict=True)
    ]


def daily() -> None:
    """Print what it costs to append events, to copy them, and to merge them with those before."""
    with TemporaryDirectory() as name:
        folder = Path(name)
        events, companies, rules = workload.write(folder, 2 * DAY_EVENTS + 2, COMPANIES)
        lines = events.read_text("utf-8").splitlines(keepends=True)
        appended, copied = [], []
        with open_at(folder / "risk.db", rules) as monitor:
            monitor.declare(companies)
            ledger = Ledger(f"sqlite:///{folder / 'risk.db'}")
            follow(ledger, folder / "copy")
            for first, count, growth in (
                *((0, DAY_EVENTS, NEVER), (DAY_EVENTS, DAY_EVENTS, NEVER)),
                *((2 * DAY_EVENTS, 1, NEVER), (2 * DAY_EVENTS + 1, 1, ALWAYS)),
            ):
                following.GROWTH = growth
                events.write_text("".join(lines[first : first + count]), "utf-8")
                appended.append(cpu(lambda: monitor.ingest(events)))
                copied.append(cpu(lambda: follow(ledger, folder / "copy")))
    rewritten = 3 * DAY_EVENTS  # the second with the last two, then with the first
    for what, cost, count in (
        ("appending to SQLite", statistics.mean(appended[:2]), DAY_EVENTS),
        ("copying", statistics.mean(copied[:2]), DAY_EVENTS),
        ("merging, each time", copied[3] - copied[2], rewritten),
        ("appending one alone", appended[2], 1),
        ("copying one alone", copied[2], 1),
    ):
        print(f"{what:<30}{cost / count * 1e6:10.2f} us an event")
