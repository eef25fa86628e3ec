"""The demo: the shipped scenario of published facts, replayed into a database of its own."""

from __future__ import annotations

import itertools
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import riskmon
from riskmon import show
from riskmon.database import shipped
from riskmon.monitor import Monitor, utc_now
from riskmon.witness import Moment

URL = "sqlite:///riskmon-demo.db"


def load(url: str = URL) -> Monitor:
    """Return a monitor on the scenario, its events recorded on the days they were published.

    The clock is the scenario's: so the demo can answer what was known on a day of the past.
    """
    folder = shipped("scenario")
    lines = (folder / "events.jsonl").read_text("utf-8").splitlines()
    days = [(_published(event), event) for event in map(json.loads, lines)]
    now = [days[0][0]]
    monitor = riskmon.open(url, rules=shipped("rules"), clock=lambda: now[0])
    monitor.declare(folder / "companies.jsonl")
    for day, events in itertools.groupby(days, key=lambda pair: pair[0]):
        now[0] = day
        monitor.ingest([event for _, event in events])
    now[0] = utc_now()
    return monitor


def _published(event: dict[str, Any]) -> datetime:
    return riskmon.Event.model_validate(event).known_from


def run(as_of: Moment | None) -> None:
    """Print who is at risk, why the first of them is, and what to try next."""
    with load() as monitor:
        monitor.recalculate()
        scores = monitor.scores(as_of=as_of)
        end = scores[0].as_of
        start = min(end - timedelta(days=365), datetime(2023, 11, 1, tzinfo=UTC))
        moments = [
            start + (end - start) * part / show.HISTORY for part in range(1, show.HISTORY + 1)
        ]
        histories: dict[str, list[float]] = {score.company: [] for score in scores}
        for at in moments:
            for score in monitor.scores(as_of=at):
                histories[score.company].append(score.value)
        status = monitor.status()
        print(
            f"{status.events} events of 2023 to 2026 about {status.companies} companies are in "
            f"{URL}\n\nWho is at risk, as of {show.when(end)} "
            f"(history from {show.when(start)}):\n"
        )
        show.scores(scores, histories)
        print("\nWhy the first of them is:\n")
        top = scores[0].company
        score, events = monitor.score(top, as_of=end), monitor.events(top, as_of=end)
        show.explain(score, monitor.ruleset(), events, reasons=False)
    print(f"""
Next, try:
  riskmon explain "Moonshot AI" --database {URL}
  riskmon score Baidu --as-of 2024-02-12 --known-at 2024-01-12 --database {URL}
  riskmon history Baidu --start 2023-11-01 --step 4w --database {URL}""")
