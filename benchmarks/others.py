"""The ledger beside other event stores, on the same events."""

from __future__ import annotations

import json
import os
import warnings
from pathlib import Path
from typing import Any
from uuid import UUID

from eventsourcing.application import Application
from eventsourcing.domain import Aggregate, event

from benchmarks.measure import RUNS, cpu, open_at, show

BATCH = 1000
SLOW = 200
"""Events for a store that takes milliseconds each."""


class Told(Aggregate):
    """What is saved."""

    @event("Told")
    def __init__(self, body: str) -> None:
        self.body = body


def compare(folder: Path, events: Path, companies: Path, rules: Path, count: int) -> None:
    """Ingest a file, and save the same events by pyeventsourcing and by Protean."""
    lines = events.read_text("utf-8").splitlines()
    ours, theirs = [], []
    for run in range(RUNS):
        with open_at(folder / f"others-{run}.db", rules) as monitor:
            monitor.declare(companies)
            ours.append(cpu(lambda: monitor.ingest(events)))
        theirs.append(eventsourcing(folder / f"es-{run}.db", lines))
    what = "eventsourcing Application.save"
    show("against pyeventsourcing", ours, theirs, count, what, "at most 0.33")
    try:
        cost = [protean(lines[:SLOW]) / SLOW * count for _ in range(RUNS)]
    except ImportError as error:
        print(f"against Protean: does not install here ({error})")
        return
    show("against Protean", ours, cost, count, "Protean's event store, in memory")


def eventsourcing(file: Path, lines: list[str]) -> float:
    """Return the CPU seconds of saving each line as an event, 1,000 a call, on SQLite."""
    os.environ["PERSISTENCE_MODULE"] = "eventsourcing.sqlite"
    os.environ["SQLITE_DBNAME"] = str(file)
    application: Application[UUID] = Application()

    def save() -> None:
        for start in range(0, len(lines), BATCH):
            application.save(*[Told(body=line) for line in lines[start : start + BATCH]])

    found = cpu(save)
    application.close()
    return found


def protean(lines: list[str]) -> float:
    """Return the CPU seconds of appending each line as an event to Protean's store in memory."""
    warnings.simplefilter("ignore")
    from protean import Domain, apply  # noqa: PLC0415
    from protean.fields import Text  # noqa: PLC0415

    domain = Domain(name="benchmark")

    @domain.event(part_of="Kept")
    class Said:
        body = Text()

    def said(self: Any, event: Any) -> None:
        self.body = event.body

    said.__annotations__ = {"event": Said}  # read when the class is made

    @domain.aggregate(event_sourced=True)
    class Kept:
        body = Text()
        said_ = apply(said)

    domain.init(traverse=False)
    make: Any = Kept
    say: Any = Said
    with domain.domain_context():
        repository = domain.repository_for(Kept)

        def save() -> None:
            for line in lines:
                kept = make(body=json.loads(line)["title"])
                kept.raise_(say(body=line))
                repository.add(kept)

        return cpu(save)
