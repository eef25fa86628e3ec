"""The schedule under fire: killed, stopped, locked out: each tick once, and none is lost."""

from __future__ import annotations

import json
import os
import random
import signal
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from typing import Any

import pytest

import riskmon
from tests.builders import company, listed
from tests.liar import Liar, says
from tests.receiver import Receiver
from tests.scheduled import (
    EVERY_SECOND,
    SECOND,
    Seen,
    Stops,
    applied,
    configure,
    done,
    ends_with_nothing_unfinished,
    riskmon_in,
    rows,
    running,
    said,
    seen,
    snapshots,
    stop,
    stopping,
    witnessed,
)
from tests.workers import begun, killed, tell, wait_for

soak = pytest.mark.soak
LISTINGS = "[[alerts.rules]]\nlisting = true\n"


def missing(url: str) -> list[float]:
    """Return the ticks between the first and the last that nobody claimed, in seconds."""
    ticks = [row["tick"] for row in rows(url) if row["tick"]]
    assert sorted(set(ticks)) == ticks
    return [
        (before + SECOND * number).timestamp()
        for before, after in pairwise(ticks)
        for number in range(1, (after - before) // SECOND)
    ]


def spans(url: str) -> list[tuple[float, float]]:
    """Return from when to when each run was unfinished, over all who had it."""
    found: dict[int, list[float]] = {}
    for one in seen(url):
        found.setdefault(one.number, []).append(one.at)
    return [(moments[0], moments[-1]) for moments in found.values()]


def check_once(url: str) -> None:
    """Each claimed tick has one end, and the scores of each run were kept once."""
    ended = Counter(one.number for one in seen(url) if one.state in {"done", "failed"})
    found = rows(url)
    assert {row["number"]: 1 for row in found if row["tick"]} == ended
    assert ["done"] * len(found) == [row["state"] for row in found]
    kept = {(row["position"], row["as_of"]): row["companies"] for row in found}
    assert len(found) == len(kept)
    assert kept == snapshots(url)


@pytest.mark.parametrize(
    ("url", "count", "seconds"),
    [
        ("sqlite", 2, 8),
        pytest.param("sqlite", 4, 60, marks=soak),
        pytest.param("postgresql", 4, 60, marks=soak),
    ],
    indirect=["url"],
)
def test_processes_that_are_killed_run_each_tick_once(
    url: str, tmp_path: Path, count: int, seconds: int
) -> None:
    """A tick a second, and each second one process is killed and begun again.

    Each tick is run to one end, and what it found is stored once: every listing is told once,
    and its message arrives under one key. A tick is left out only while the one before it was
    unfinished: what comes after that is one run, and not a burst.
    """
    draw = random.Random(count)  # noqa: S311 (no secret)
    names = [f"company-{number}" for number in range(seconds * 2)]
    with Receiver() as receiver, riskmon.open(url) as monitor:
        monitor.declare([company(name) for name in names])
        channel = f'[channels.desk]\nurl = "{receiver.url()}"\nretry = "1s"\n'
        folder = configure(tmp_path / "here", url, EVERY_SECOND + LISTINGS + channel)
        applied(folder).close()
        witnessed(url)
        with running(folder, count) as processes:
            wait_for(lambda: seen(url))
            began = time.monotonic()
            for number, name in enumerate(names):
                monitor.ingest([listed(name.title(), company=name)])
                time.sleep(max(0, began + (number + 1) / 2 - time.monotonic()))
                if number % 2:
                    one = draw.randrange(count)
                    killed([processes[one]])
                    processes[one] = begun(riskmon_in, folder, "run")
            wait_for(lambda: len(monitor.alerts()) >= len(names))
            wait_for(lambda: not monitor.outbox().messages("waiting"))
        left_out = missing(url)
        ends_with_nothing_unfinished(folder, url)
        told = [one["company"] for one in monitor.alerts()]
        assert sorted(names) == sorted(told)
        keys = {key for one in monitor.alerts() for key in one["messages"].values()}
        assert keys == set(receiver.bodies())
        assert {1} == {len(bodies) for bodies in receiver.bodies().values()}
        monitor.verify()
    assert "Traceback" not in said(folder)
    check_once(url)
    if count > 2:  # else there are moments in which none is there
        busy = spans(url)
        assert [] == [t for t in left_out if not any(a < t + 1 and t < b for a, b in busy)]
    taken = sum(one.token > 1 and one.state == "open" for one in seen(url))
    told_twice = len(receiver.heard) - len(keys)
    figures = {"ticks": len(rows(url)), "left out": len(left_out), "taken over": taken}
    tell(tmp_path / "figures", figures | {"told twice": told_twice})


FETCHED = '[jobs.steady]\nevery = "1s"\nfetch = ["jsonl"]\n'
MONITOR = "riskmon.monitor:Monitor"
LATE = "another process has taken this tick over"


@contextmanager
def served(*events: dict[str, Any]) -> Iterator[str]:
    """Give the part of a configuration that has events fetched from this machine."""
    body = "\n".join(map(json.dumps, events)).encode()
    with Liar() as liar:
        url = liar.url("/events", says(body, content_type="application/x-ndjson"))
        yield f'{FETCHED}[fetch]\ninsecure = true\n[fetch.urls]\njsonl = "{url}"\n{LISTINGS}'


@contextmanager
def one_stopped(folder: Path, where: Stops) -> Iterator[ForkServerProcess]:
    """Give a process that has stopped itself at a place."""
    process = begun(stopping, folder, where)
    try:
        wait_for((folder / "stopped").exists)
        yield process
        stop([process])
    finally:
        if process.is_alive():
            process.kill()
            process.join()


def goes_on(process: ForkServerProcess) -> None:
    os.kill(process.pid or 0, signal.SIGCONT)


@pytest.mark.parametrize(
    "where",
    [
        Stops(MONITOR, "ingest"),
        pytest.param(Stops(MONITOR, "fetch", after=True), marks=soak),
        Stops(MONITOR, "_found", after=True),
    ],
    ids=["before the fetched is stored", "before recalculating", "before the commit"],
)
def test_a_process_that_was_stopped_stores_nothing_late(
    url: str, tmp_path: Path, where: Stops
) -> None:
    """Stopped longer than its lease, it loses its tick to another, and all it does then is void."""
    with served(listed("Baidu", company="baidu")) as jobs, riskmon.open(url) as monitor:
        monitor.declare([company("baidu")])
        folder = configure(tmp_path / "here", url, jobs)
        applied(folder).close()
        witnessed(url)
        with one_stopped(folder, where) as process:
            (first,) = seen(url)
            with running(folder):
                wait_for(lambda: first._replace(token=2, state="done", at=0) in ends(url))
                entries = len(list(monitor.entries()))
                goes_on(process)
                wait_for(lambda: LATE in said(folder))
            assert entries == len(list(monitor.entries()))
        assert 1 == said(folder).count(LATE)
        ends_with_nothing_unfinished(folder, url)
        assert ["baidu"] == [one["company"] for one in monitor.alerts()]
        monitor.verify()
    check_once(url)
    assert [(1, "open"), (2, "open"), (2, "done")] == [
        (one.token, one.state) for one in seen(url) if one.number == first.number
    ]


def ends(url: str) -> list[Seen]:
    """Return the ends of runs, as if they all were at once."""
    return [one._replace(at=0) for one in seen(url) if one.state == "done"]


@pytest.mark.parametrize("url", ["sqlite", pytest.param("postgresql", marks=soak)], indirect=True)
def test_a_process_that_was_stopped_within_its_commit_doubles_nothing(
    url: str, tmp_path: Path
) -> None:
    """It holds the right to write, so none overlaps it.

    On SQLite the others wait for it, and its commit is the one. PostgreSQL ends its session after
    a minute: another takes its tick over, and its commit is refused.
    """
    cut_off = url.startswith("postgresql")
    with riskmon.open(url) as monitor:
        monitor.declare([company("baidu")])
        folder = configure(tmp_path / "here", url, EVERY_SECOND + LISTINGS)
        applied(folder).close()
        monitor.ingest([listed("Baidu", company="baidu")])
        witnessed(url)
        where = Stops("riskmon.runs", "end", after=True)
        with running(folder) as others:
            wait_for(lambda: done(url))
            with one_stopped(folder, where) as process:
                before = seen(url)
                first = before[-1]
                if cut_off:  # here the others wait for the head that it keeps; elsewhere they go on
                    wait_for(lambda: (first.number, 2) in {one[:2] for one in seen(url)})
                else:
                    time.sleep(4)
                    assert before == seen(url)
                goes_on(process)
                count = done(url)
                wait_for(lambda: done(url) > count + 2)
            assert cut_off == ("cannot be used" in said(folder))
            assert others[0].is_alive()
        ends_with_nothing_unfinished(folder, url)
        assert ["baidu"] == [one["company"] for one in monitor.alerts()]
        monitor.verify()
    check_once(url)
    assert [1 + cut_off] == [one.token for one in seen(url) if one[::2] == (first.number, "done")]
