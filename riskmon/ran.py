"""Runs as a user reads them: when, by whom, from where to where, what moved, what failed."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from riskmon.errors import UsageError
from riskmon.frames import Rows


@dataclass(frozen=True)
class Ran:
    """One run: of a job by the schedule, or of a recalculation that somebody asked for."""

    number: int
    job: str
    tick: datetime | None
    """The moment of the timetable that it was for; None where somebody asked."""
    state: str
    """open (it runs now), done, failed, or returned (given back unfinished)."""
    holder: str
    """Which process: host/pid/key."""
    started_at: datetime
    seconds: float | None
    as_of: datetime | None
    """The moment of the scores; None where none were made."""
    since: int | None
    """The position that the last scores stood on."""
    position: int | None
    """The position that these stand on."""
    ruleset: str | None
    companies: int | None
    moved: int
    """Companies whose score moved."""
    furthest: tuple[tuple[str, float, float], ...]
    """The hundred that moved furthest: company, before, after."""
    alerts: int
    read: Mapping[str, Mapping[str, int]]
    """By source, what became of its rows."""
    failed: Mapping[str, str]
    """Sources and rules that failed, each with why; under the job's name why it ended early."""

    @classmethod
    def of(cls, row: Mapping[str, Any]) -> Ran:
        """Return a row of the database as a run."""
        told = json.loads(row["told"]) if row["told"] else {}
        same = ("number", "job", "tick", "state", "holder", "started_at", "seconds")
        scores = ("as_of", "since", "position", "ruleset", "companies")
        return cls(
            **{name: row[name] for name in (*same, *scores)},
            moved=told.get("moved", 0),
            furthest=tuple(map(tuple, told.get("furthest", ()))),
            alerts=told.get("alerts", 0),
            read=told.get("read", {}),
            failed=told.get("failed", {}),
        )


class Runs(Rows[Ran]):
    """Runs, newest first."""

    kinds = {  # noqa: RUF012 (as declared in Frame)
        "number": "count",
        "job": "text",
        "tick": "moment",
        "state": "text",
        "holder": "text",
        "started_at": "moment",
        "seconds": "number",
        "as_of": "moment",
        "since": "number",
        "position": "number",
        "ruleset": "text",
        "companies": "number",
        "moved": "count",
        "alerts": "count",
        "failed": "texts",
    }

    @property
    def heading(self) -> str:
        """How many runs."""
        return f"{len(self):,} run{'s' * (len(self) != 1)}"

    def columns(self, row: Ran) -> dict[str, Any]:
        """Return what can stand in a column; `failed` as texts, a name and why."""
        failed = [f"{name}: {why}" for name, why in row.failed.items()]
        return {name: getattr(row, name) for name in self.kinds} | {"failed": failed}

    def chart(self) -> Any:
        """Refuse: runs are read, not drawn."""
        raise UsageError("runs have no chart")
