"""The schedule under fire: killed, stopped, locked out: each tick once, and none is lost."""

from __future__ import annotations

import random
import time
from collections import Counter
from datetime import timedelta
from itertools import pairwise
from pathlib import Path

import pytest

import riskmon
from riskmon.monitor import utc_now
from tests.builders import company, listed
from tests.receiver import Receiver
from tests.scheduled import (
    EVERY_SECOND,
    SECOND,
    configure,
    ends_with_nothing_unfinished,
    riskmon_in,
    rows,
    running,
    said,
    seen,
    snapshots,
    unfinished,
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
        monitor.recalculate()
        witnessed(url)
        channel = f'[channels.desk]\nurl = "{receiver.url()}"\nretry = "1s"\n'
        folder = configure(tmp_path / "here", url, EVERY_SECOND + LISTINGS + channel)
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
        ends_with_nothing_unfinished(folder, url)
        with running(folder):
            wait_for(lambda: len(monitor.alerts()) >= len(names))
            wait_for(lambda: not monitor.outbox().messages("waiting"))
        told = [one["company"] for one in monitor.alerts()]
        assert sorted(names) == sorted(told)
        keys = {key for one in monitor.alerts() for key in one["messages"].values()}
        assert keys == set(receiver.bodies())
        assert {1} == {len(bodies) for bodies in receiver.bodies().values()}
        monitor.verify()
    check_once(url)
    left_out = missing(url)
    for tick in left_out:
        assert any(begin < tick + 1 and tick < end for begin, end in spans(url)), tick
    taken = sum(one.token > 1 and one.state == "open" for one in seen(url))
    figures = {"ticks": len(rows(url)), "left out": len(left_out), "taken over": taken}
    tell(tmp_path / "figures", figures)
    print(figures, len(receiver.heard), len(keys))
