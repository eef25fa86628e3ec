"""Figures of the pages: whole requests, and beside them what some ask of the monitor.

CPU seconds, the median of fifty requests after a warm-up, each a second later than the one before
it, so that no answer is one that was given already.
"""

from __future__ import annotations

import random
import statistics
from collections.abc import Callable
from datetime import datetime, timedelta
from itertools import count
from pathlib import Path
from urllib.parse import quote

from starlette.testclient import TestClient

from benchmarks import workload
from benchmarks.measure import cpu, open_at
from benchmarks.scores import COMPANIES, ingested
from riskmon.monitor import Monitor
from riskmon.web import app
from riskmon.web.doors import Doors

OK = 200
REQUESTS = 50
WARM_UP = 3
SHOWN = 50
"""Rows of the overview, and lines of a company."""


def measure(folder: Path, count: int) -> None:
    """Measure all pages on `count` events."""
    asked_of(*ingested(folder / "pages", count, COMPANIES))


def asked_of(database: Path, rules: Path) -> None:
    """Measure all pages on a database."""
    with open_at(database, rules) as monitor:
        first = cpu(monitor.overview)
        print(f"{'first overview':<28} {first * 1e3:10.1f} ms   (reads the ledger)")
        chance = random.Random(1)
        position = monitor.overview().position
        ranked = [row.company for row in monitor.overview()[:SHOWN]]
        firms = [f"c{chance.randrange(COMPANIES)}" for _ in range(WARM_UP + REQUESTS)]
        matters = [line.matter for one in firms for line in monitor.leading(one, limit=3).lines]

        def company(one: str, at: datetime) -> None:
            _company(monitor, one, at)

        def before(one: str, at: datetime) -> None:
            company(one, at)
            monitor.score(one, as_of=at - timedelta(days=30), known_at=position - 1000)

        _pages(monitor, firms, ranked, matters)
        pages: dict[str, tuple[Callable[[str, datetime], object], list[str], str]] = {
            "overview": (lambda _, at: _overview(monitor, at), [""], ""),
            "overview, by category": (lambda _, at: _category(monitor, at), [""], ""),
            "company, any": (company, firms, ""),
            "company, of the 50 highest": (company, ranked, ""),
            "company, named most": (company, ["c0"], ""),
            "company, and known before": (before, firms, ""),
            "matter": (lambda one, at: monitor.matter(one, as_of=at), matters, ""),
            "rules": (lambda _, at: monitor.rule_moves(as_of=at), [""], ""),
            "search, a company": (lambda _, __: monitor.search("number 77"), [""], ""),
            "search, words of no title": (lambda _, __: monitor.search("unheard"), [""], ""),
        }
        for name, (page, given, asked) in pages.items():
            _show(name, page, given, asked)
        _past(monitor, position)


def _pages(monitor: Monitor, firms: list[str], ranked: list[str], matters: list[str]) -> None:
    """Print what whole requests cost: what is asked of the monitor, templates, doors, gzip."""
    sizes: dict[str, int] = {}
    with TestClient(app(monitor, doors=Doors()), "http://127.0.0.1") as browser:

        def ask(address: str, at: datetime) -> None:
            answer = browser.get(f"{address}?as_of={at:%Y-%m-%dT%H:%M:%SZ}")
            assert answer.status_code == OK, answer.text  # noqa: S101
            sizes[address] = answer.num_bytes_downloaded

        _show("page: overview", ask, ["/"], "300 ms")
        days = count(1)
        _show(
            "page: overview, other days",
            lambda address, at: ask(address, at - timedelta(days=next(days))),
            ["/"],
            "300 ms",
        )
        print(f"{'  its transfer':<28} {sizes['/'] / 1e3:10.1f} KB   100 KB")
        _show("page: company, any", ask, [f"/company/{one}" for one in firms], "150 ms")
        _show("page: company, highest", ask, [f"/company/{one}" for one in ranked], "150 ms")
        _show("page: company, named most", ask, ["/company/c0"], "150 ms")
        _show("page: matter", ask, [f"/matter/{quote(one)}" for one in matters], "")
        _show("page: rules", ask, ["/rules"], "")


def _overview(monitor: Monitor, at: datetime) -> None:
    overview = monitor.overview(as_of=at)
    overview.history([row.company for row in overview[:SHOWN]])
    assert sum(overview.levels.values()) == len(overview) == COMPANIES  # noqa: S101


def _category(monitor: Monitor, at: datetime) -> None:
    overview = monitor.overview(as_of=at).of_category("category-1").sorted_by("change_30")
    overview.history([row.company for row in overview[:SHOWN]])


def _company(monitor: Monitor, company: str, at: datetime) -> None:
    found = monitor.leading(company, as_of=at, limit=SHOWN)
    monitor.history(company, end=at)
    monitor.timeline(company, as_of=at, limit=SHOWN)
    monitor.owners(company, as_of=at)
    assert all(event.title for line in found.lines for event in line.events)  # noqa: S101


def _show(name: str, page: Callable[[str, datetime], object], given: list[str], asked: str) -> None:
    """Print the median of a page, and its slowest request."""
    costs = []
    for number in range(WARM_UP + REQUESTS):
        at = workload.NOW + timedelta(seconds=number)
        costs.append(cpu(lambda: page(given[number % len(given)], at)))  # noqa: B023 (called here)
    costs = costs[WARM_UP:]
    median, slowest = statistics.median(costs) * 1e3, max(costs) * 1e3
    print(f"{name:<28} {median:10.1f} ms   slowest {slowest:8.1f} ms   {asked}", flush=True)


def _past(monitor: Monitor, position: int) -> None:
    """Print what the first and the next page cost where something else was known."""
    for name, page in {
        "company, known before": lambda: monitor.leading("c500", known_at=position // 2),
        "overview, known before": lambda: monitor.overview(known_at=position // 2),
    }.items():
        print(f"{name:<28} {cpu(page) * 1e3:10.1f} ms   then {cpu(page) * 1e3:11.1f} ms")
