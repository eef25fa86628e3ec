"""Status: what there is, and how it is, as a person or a program reads it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, NamedTuple

from riskmon.errors import RiskmonError
from riskmon.outbox import Message, Standing

State = Literal["ok", "warn", "fail"]

FAILED = 3
PRIORITY = (4, 5, FAILED)
"""Exit codes, the gravest first."""


class Check(NamedTuple):
    """How one thing is."""

    name: str
    state: State
    told: str
    """One sentence, which says what to do where it is not well."""
    exit_code: int = 0
    """Of `riskmon status` where it fails: 3; 4 where the ledger is not whole, 5 busy."""


class Process(NamedTuple):
    """A process that runs the schedule."""

    holder: str
    """host/pid/key"""
    started_at: datetime
    beat_at: datetime
    """Its last sign of life, by its own clock."""


class Lately(NamedTuple):
    """A job: how it was run last, and when it is due next."""

    job: str
    next_at: datetime
    failed: dict[str, str]
    """What of its last run failed, and why."""
    state: str | None = None
    """open, done, failed or returned; None where it was never run."""
    holder: str | None = None
    started_at: datetime | None = None
    seconds: float | None = None


@dataclass(frozen=True)
class Status:
    """What there is, and how it is."""

    database: str
    position: int
    head: str
    recorded_at: datetime | None
    companies: int
    events: int
    matters: int
    rules: int
    ruleset: str | None
    rules_changed: bool | None
    """Whether the rule folder differs from what is published; None where it cannot be read."""
    recalculated_at: datetime | None
    unresolved: dict[str, int]
    """Names that mean no declared company, and how many times events name them."""
    held: int
    """Copies of lists that wait for a person."""
    drafts: int
    """Drafts of events that wait for a person."""
    processes: list[Process]
    jobs: list[Lately]
    messages: Standing
    dead: list[Message]
    """Messages that were given up, the oldest first, without their bodies; at most 20."""
    checks: list[Check]


def exit_code(checks: Iterable[Check]) -> int:
    """Return the gravest exit code of some checks, 0 where none fails."""
    found = {one.exit_code for one in checks}
    return next((code for code in PRIORITY if code in found), 0)


def failure(name: str, error: RiskmonError) -> Check:
    """Return what could not be asked as a check that fails."""
    code = error.exit_code if error.exit_code in PRIORITY else FAILED
    return Check(name, "fail", str(error).replace("\n", " "), code)
