"""A year of daily lists in minutes: memory and time grow no more than the ledger itself."""

from __future__ import annotations

import csv
import statistics
import tarfile
import time
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import zstandard

import riskmon
from riskmon.config import load
from riskmon.schedule import Schedule
from tests.builders import Clock, company
from tests.liar import Heard, Liar, head
from tests.receiver import Receiver
from tests.scheduled import configure
from tests.workers import begun, ends, tell, told

FIRST = datetime(2021, 8, 18, 2, 30, tzinfo=UTC)
"""The day of the first copy."""
DAYS = 365
QUARTER = DAYS // 4
WATCHED = 400
"""Companies: half of them are on the list at its beginning, or come onto it within the year."""
PATIENCE = 600
"""Seconds that the year may take."""
JOBS = """
[jobs.daily]
cron = "30 2 * * *"
fetch = ["ofac-sdn"]
[fetch]
insecure = true
[fetch.urls]
ofac-sdn = "{list}"
[[alerts.rules]]
level = "high"
[[alerts.rules]]
jump = 10
days = 7
[[alerts.rules]]
listing = true
[channels.desk]
url = "{desk}"
retry = "1s"
"""


def resident() -> float:
    """Return the memory of this process, in MB."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * 4096 / 1e6


def live(folder: Path, days: int) -> None:
    """Be the process that runs the schedule for a year; tell of each day what it took."""
    clock = Clock(FIRST.isoformat())
    config = load(str(folder / "riskmon.toml"))
    with riskmon.open(config=config, clock=clock) as monitor, Schedule(monitor, config) as schedule:
        for day in range(days):
            clock.now = FIRST + timedelta(days=day, seconds=1)
            began, busy = time.monotonic(), time.process_time()
            assert schedule.look("daily") if day else schedule.once("daily")
            schedule.send()
            taken = {"seconds": time.monotonic() - began, "cpu": time.process_time() - busy}
            position = monitor.status().position
            tell(folder / "days", {"day": day, "position": position, "mb": resident(), **taken})


def begin_anew(folder: Path, days: int) -> None:
    """Be a process that begins on the ledger as it is at last, and does one more day."""
    clock = Clock((FIRST + timedelta(days=days, seconds=1)).isoformat())
    config = load(str(folder / "riskmon.toml"))
    with riskmon.open(config=config, clock=clock) as monitor, Schedule(monitor, config) as schedule:
        schedule.look("daily")
        monitor.status()
        tell(folder / "anew", {"mb": resident()})


@pytest.fixture(scope="module")
def copies(shared: Path, tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Return the copy of the SDN list that was in force on each day of the year, and one more."""
    folder = tmp_path_factory.mktemp("sdn")
    file = shared / "data" / "ofac_sdn" / "sdn_daily_2021-08-18_2023-09.tar.zst"
    with file.open("rb") as packed:
        reader = zstandard.ZstdDecompressor(max_window_size=2**30).stream_reader(packed)
        with tarfile.open(fileobj=reader, mode="r|") as tar:
            tar.extractall(folder, filter="data")
    dated = {one.name[len("sdn_") :][:10]: one for one in sorted(folder.rglob("sdn_*.csv"))}
    days = [f"{FIRST + timedelta(days=day):%Y-%m-%d}" for day in range(DAYS + 1)]
    return [dated[max(one for one in dated if one <= day)] for day in days]


def entities(copy: Path) -> dict[str, str]:
    """Return the organisations of a copy, name by number."""
    with copy.open(encoding="latin-1", newline="") as stream:
        rows = [row for row in csv.reader(stream) if len(row) > 2]
    return {row[0]: row[1] for row in rows if row[2].strip() == "-0-"}


def watched(copies: list[Path]) -> Iterator[dict[str, Any]]:
    """Yield companies that are on the list, come onto it, and stay off it."""
    before, after = entities(copies[0]), entities(copies[-1])
    new = [name for number, name in after.items() if number not in before]
    names = [*new[: WATCHED // 4], *list(before.values())[: WATCHED // 4]]
    names += [f"Example Works No. {number}" for number in range(WATCHED - len(names))]
    for number, name in enumerate(names):
        yield company(f"c{number}", name=name)


@pytest.mark.soak
@pytest.mark.parametrize("url", ["sqlite"], indirect=True)
def test_a_year_costs_no_more_at_its_end(url: str, tmp_path: Path, copies: list[Path]) -> None:
    """A copy each day, fetched, recalculated and told of by the schedule.

    At the end the process is no bigger than one that begins anew on the same ledger, a run takes
    no longer than the ledger has grown, it verifies, and every message has arrived once.
    """
    asked = iter(copies)

    def today(_: Heard) -> list[bytes]:
        body = next(asked).read_bytes()
        return [head(content_type="text/csv", content_length=str(len(body))) + body]

    with Liar() as publisher, Receiver() as receiver:
        where = {"list": publisher.url("/sdn.csv", today), "desk": receiver.url()}
        folder = configure(tmp_path / "here", url, JOBS.format(**where))
        with riskmon.open(url, clock=Clock(FIRST.isoformat())) as monitor:
            monitor.declare(watched(copies))
        began = time.monotonic()
        year = begun(live, folder, DAYS)
        year.join(PATIENCE)
        assert 0 == year.exitcode
        seconds = time.monotonic() - began
        assert [0] == ends([begun(begin_anew, folder, DAYS)])
        (anew,) = told(folder / "anew")
        days = told(folder / "days")
        with riskmon.open(url) as monitor:
            assert {"done": DAYS + 1} == Counter(one.state for one in monitor.runs(10_000))
            monitor.verify()
            keys = {key for one in monitor.alerts() for key in one["messages"].values()} - {""}
            assert len(keys) > 20
            assert Counter(keys) == Counter(one.key for one in receiver.heard)
    assert DAYS == len(days)
    quarter, last = days[QUARTER], days[-1]
    early, late = days[10:QUARTER], days[-QUARTER:]
    ratio = statistics.median(one["cpu"] for one in late) / statistics.median(
        one["cpu"] for one in early
    )
    grown = last["position"] / early[0]["position"]
    slope = statistics.linear_regression(
        [one["day"] for one in days[10:]], [one["cpu"] for one in days[10:]]
    ).slope
    figures = {
        "seconds": seconds,
        "MB at a quarter": quarter["mb"],
        "MB at the end": last["mb"],
        "MB anew": anew["mb"],
        "entries at a quarter": quarter["position"],
        "entries": last["position"],
        "times slower": ratio,
        "times longer": grown,
        "more seconds a day": slope,
        "messages": len(keys),
    }
    tell(tmp_path / "figures", figures)
    assert last["mb"] < 1.15 * max(anew["mb"], quarter["mb"]), figures
    assert ratio < 1.5 * grown, figures
