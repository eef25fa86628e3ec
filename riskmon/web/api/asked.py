"""What can be asked of the API: the parameters of an address, each checked, none unknown."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, field_validator

from riskmon.forms import DURATION, MOMENT, Id, Text, duration, moment, place

MOST = 1000
"""Rows of a page."""
MOST_OFFSET = 10_000_000
MOST_WHEN = 40
MOST_POINTS = 10_000
"""Of a history, whole."""

When = Annotated[
    str,
    Field(
        min_length=1,
        max_length=MOST_WHEN,
        description="a date such as 2024-01-12, or a moment with its offset",
        examples=["2024-01-12", "2024-01-12T14:00:00Z"],
        json_schema_extra={"pattern": f"^{MOMENT.pattern}$"},
    ),
]
Place = Annotated[
    str,
    Field(
        min_length=1,
        max_length=MOST_WHEN,
        description="a position of the ledger, a date, or a moment with its offset",
        examples=["17", "2024-01-12"],
        json_schema_extra={"pattern": rf"^(\d{{1,18}}|{MOMENT.pattern})$"},
    ),
]


class Query(BaseModel):
    """What an address may ask; nothing else, so no misspelt clock is taken for now."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    def asked(self) -> dict[str, Any]:
        """Return the clocks as arguments of the monitor's methods."""
        return {}

    @property
    def pinned(self) -> bool:
        """Whether the same address gives the same answer until something is recorded."""
        return True

    def at(self, now: str) -> Self:  # noqa: ARG002 (of those that have no clock)
        """Return the same, with `now` where it asks for now."""
        return self


def _moment(given: str | None) -> str | None:
    if given is not None:
        moment(given)
    return given


def _duration(given: str) -> str:
    duration(given)
    return given


def _place(given: str | None) -> str | None:
    if given is not None and isinstance(place(given), str):
        moment(given)
    return given


class Known(Query):
    """As the log knew it."""

    known_at: Place | None = Field(None, description="as the ledger knew it: position or moment")

    _known = field_validator("known_at")(_place)

    def asked(self) -> dict[str, Any]:
        """Return the clocks as arguments of the monitor's methods."""
        return {"known_at": place(self.known_at) if self.known_at else None}


class Clocks(Known):
    """As of a moment, as the log knew it."""

    as_of: When | None = Field(None, description="the moment in the world; default now")

    _as_of = field_validator("as_of")(_moment)

    def asked(self) -> dict[str, Any]:
        """Return the clocks as arguments of the monitor's methods."""
        return {"as_of": self.as_of, **super().asked()}

    @property
    def pinned(self) -> bool:
        """Whether the same address gives the same answer until something is recorded."""
        return self.as_of is not None

    def at(self, now: str) -> Self:
        """Return the same, with `now` where it asks for now."""
        return self.model_copy(update={"as_of": self.as_of or now})


class ScoreAsked(Clocks):
    """How many of a score's lines."""

    limit: int = Field(MOST, ge=1, le=MOST, description="how many lines, the greatest first")


class Paged(BaseModel):
    """Which rows of an answer that has many."""

    limit: int = Field(100, ge=1, le=MOST, description="how many rows")
    offset: int = Field(0, ge=0, le=MOST_OFFSET, description="after how many")


class MatterAsked(Paged, Clocks):
    """Which of a matter's tellings."""

    limit: int = Field(MOST, ge=1, le=MOST, description="how many tellings")


class KnownPaged(Paged, Known):
    """Rows, as the log knew them."""


class ClocksPaged(Paged, Clocks):
    """Rows as of a moment, as the log knew them."""


class OverviewAsked(ClocksPaged):
    """Which companies of the overview, in which order."""

    text: str = Field("", max_length=200, description="a part of a name, or an id")
    level: Literal["low", "moderate", "high", "severe"] | None = None
    category: str | None = Field(None, max_length=100)
    sort: Literal[
        "value",
        "company",
        "name",
        "level",
        "category",
        "rule",
        "change_7",
        "change_30",
        "change_90",
    ] = "value"
    descending: bool | None = Field(None, description="default: names ascend, the rest descends")


class HistoryAsked(Paged, Known):
    """From when to when, in which steps."""

    start: When | None = Field(None, description="default a year before `end`")
    end: When | None = Field(None, description="default now")
    step: str = Field(
        "1d",
        max_length=6,
        examples=["1d", "12h", "4w"],
        json_schema_extra={"pattern": f"^{DURATION.pattern}$"},
    )

    _moments = field_validator("start", "end")(_moment)
    _step = field_validator("step")(_duration)

    def asked(self) -> dict[str, Any]:
        """Return what is asked as arguments of `Monitor.history`."""
        return {"start": self.start, "end": self.end, "step": self.step, **super().asked()}

    @property
    def pinned(self) -> bool:
        """Whether the same address gives the same answer until something is recorded."""
        return self.end is not None

    def at(self, now: str) -> Self:
        """Return the same, with `now` where it asks for now."""
        return self.model_copy(update={"end": self.end or now})

    @property
    def points(self) -> float:
        """How many there are, once it stands still."""
        last = moment(self.end)
        first = moment(self.start) if self.start else last - timedelta(days=365)
        return (last - first) / duration(self.step)


class SinceAsked(Query):
    """Since when, and how many of each."""

    limit: int = Field(MOST, ge=1, le=MOST, description="how many of each, the furthest first")

    since: Place

    _since = field_validator("since")(_place)

    def place(self) -> str | int:
        """Return it as an argument of `Monitor.changes`."""
        return place(self.since)


class SearchAsked(Known):
    """What is looked for."""

    text: Annotated[Text, Field(max_length=200, description="a name, id, matter or title")]
    limit: int = Field(20, ge=1, le=100, description="of companies, matters and events, each")


class RunsAsked(Paged, Query):
    """Which runs."""

    job: Text | None = Field(None)
    offset: int = Field(0, ge=0, le=10_000, description="after how many")

    @property
    def pinned(self) -> bool:
        """Whether the same address gives the same answer until something is recorded."""
        return False


class AlertsAsked(Paged, Query):
    """Which alerts, newest first."""


class DraftsAsked(Paged, Query):
    """Which drafts, the surest first."""


class WaitingAsked(Query):
    """How many, and as of when their points are."""

    limit: int = Field(100, ge=1, le=MOST)
    as_of: When | None = Field(None, description="the moment in the world; default now")

    _as_of = field_validator("as_of")(_moment)

    @property
    def pinned(self) -> bool:
        """Whether the same address gives the same answer until something is recorded."""
        return self.as_of is not None


# What a person decides


class Decision(BaseModel):
    """What is decided, by whom and why: the entry has it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    verdict: Literal["accept", "reject"]
    by: Text = Field(description="who decides")
    why: Text = Field(description="and why")


class NameDecision(Decision):
    """Whether a name means a company; `undo` takes back what was decided."""

    verdict: Literal["accept", "reject", "undo"]  # type: ignore[assignment]  # one more
    name: Text = Field(description="as it was told")
    company: Id = Field(description="the id of a declared company")


class CopyDecision(Decision):
    """Whether a copy that was held is taken in."""

    source: Id = Field(description="the list")
    digest: str = Field(max_length=64, description="of the copy, as GET gives it")


class DraftDecision(Decision):
    """Whether a draft is an event."""

    source: Id
    ref: Text = Field(description="of the draft, as GET gives it")
