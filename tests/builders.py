"""Events, companies and rules for tests: everything that a test does not name is defaulted."""

from __future__ import annotations

import itertools
import json
import sys
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import sqlalchemy as sa

import riskmon
from riskmon.forms import moment
from riskmon.monitor import Monitor

APPEND_ONLY = {
    "sqlite": [
        "DROP TRIGGER IF EXISTS entry_no_update",
        "DROP TRIGGER IF EXISTS entry_no_delete",
        "DROP TRIGGER IF EXISTS entry_no_replace",
    ],
    "postgresql": ["ALTER TABLE entry DISABLE TRIGGER ALL"],
}
"""What somebody with the right to change the schema takes away first."""

ROOT = Path(__file__).parent.parent
SHARED = ROOT.parent / "shared"
RISKMON = str(Path(sys.executable).with_name("riskmon"))
_numbers = itertools.count(1)


def event(**fields: Any) -> dict[str, Any]:
    """Return an event about nobody, on 1 January 2024."""
    defaults = {
        "source": "reuters",
        "ref": f"event-{next(_numbers)}",
        "type": "claim.alleged",
        "occurred_at": "2024-01-01",
        "title": "Something happened",
    }
    return defaults | fields


def withdrawal(of: dict[str, Any], **fields: Any) -> dict[str, Any]:
    """Return the withdrawal of an event."""
    return {"source": of["source"], "ref": of["ref"], "withdrawn": True} | fields


def company(id_: str = "baidu", **fields: Any) -> dict[str, Any]:
    """Return a company named as its id."""
    return {"id": id_, "name": id_.title()} | fields


def listed(name: str | None = None, **party: Any) -> dict[str, Any]:
    """Return that a party, by name or by what else is known of it, is on the Entity List."""
    named = {"name": name} if name is not None else {}
    return event(type="listing.listed", topics=["entity-list"], parties=[named | party])


def values(monitor: Monitor, **asked: Any) -> dict[str, float]:
    """Return each company's score."""
    return {one.company: one.value for one in monitor.scores(**asked)}


def rule(**fields: Any) -> dict[str, Any]:
    """Return a rule by which an unproven claim counts."""
    defaults = {
        "id": "a-rule",
        "title": "A rule",
        "category": "a-category",
        "severity": 50,
        "stages": {"claim.alleged": "sources", "claim.confirmed": 1.0},
        "half_life": "100 days",
    }
    return defaults | fields


def write_rules(folder: Path, *rules: dict[str, Any], publishers: Any = ()) -> Path:
    """Write rule files into `folder` (JSON is YAML) and return it."""
    folder.mkdir(parents=True, exist_ok=True)
    for one in rules:
        (folder / f"{one['id']}.yaml").write_text(json.dumps(one), "utf-8")
    (folder / "publishers.yaml").write_text(json.dumps(list(publishers)), "utf-8")
    return folder


def forge(engine: sa.Engine, *statements: str) -> None:
    """Do to a ledger what its guards forbid, as somebody could who owns the database."""
    with engine.connect() as connection:
        for statement in (*APPEND_ONLY[engine.dialect.name], *statements):
            connection.exec_driver_sql(statement)
        connection.commit()


class Clock:
    """A clock that a test turns."""

    def __init__(self, now: str = "2024-01-01") -> None:
        self.turn(now)

    def turn(self, now: str) -> None:
        """Set the moment it is."""
        self.now = moment(now)

    def __call__(self) -> datetime:
        """Return that moment."""
        return self.now


def replayed(
    url: str, events: Path, companies: Path, rules: Path, known: Callable[[dict[str, Any]], str]
) -> Monitor:
    """Return a monitor on events that were each recorded when `known` says."""
    rows = [json.loads(line) for line in events.read_text("utf-8").splitlines()]
    clock = Clock("2023-11-01")
    monitor = riskmon.open(url, rules=rules, clock=clock)
    assert not monitor.declare(companies).rejected
    for row in rows:
        clock.turn(known(row))
        row.pop("recorded_at", None)
        assert monitor.ingest([row]).appended == 1
    return monitor


def lines(path: Path) -> Iterator[Any]:
    """Yield the JSON of each line of a file."""
    for line in path.read_text("utf-8").splitlines():
        yield json.loads(line)
