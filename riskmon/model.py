"""The nouns of riskmon, frozen: what a source tells, what the ledger keeps, what a query returns.

Events, companies and publishers are pydantic models because they come from outside and are
checked there; entries, lines and scores are made by riskmon itself and are plain tuples.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from functools import cached_property
from typing import Annotated, Any, Literal, NamedTuple

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
    model_validator,
)

from riskmon.errors import Problem

EARLIEST, LATEST = datetime(1900, 1, 1, tzinfo=UTC), datetime(2200, 1, 1, tzinfo=UTC)
MOMENT = re.compile(
    r"\d{4}-\d{2}-\d{2}([T ]\d{2}:\d{2}(:\d{2}(\.\d{1,6})?)?(Z|[+-]\d{2}:?\d{2})?)?", re.ASCII
)
WANTED = "a date such as 2024-01-12 or a moment with its offset such as 2024-01-12T14:00:00Z"


def moment(value: object) -> datetime:
    """Return `value` (ISO text, date or aware datetime) in UTC; a date is its 00:00 UTC.

    Raises ValueError for a naive time, a time that does not exist, and years that no event
    of this field has (before 1900, from 2200 on).
    """
    if isinstance(value, str):
        if not MOMENT.fullmatch(value):
            raise ValueError(f"expected {WANTED}")
        try:
            parsed = datetime.fromisoformat(value)
        except ValueError as error:
            raise ValueError(f"expected {WANTED}; {error}") from None
        dated = parsed.replace(tzinfo=UTC) if len(value) == len("2024-01-12") else parsed
    elif isinstance(value, datetime):
        dated = value
    elif isinstance(value, date):
        dated = datetime(value.year, value.month, value.day, tzinfo=UTC)
    else:
        raise ValueError(f"expected {WANTED}")  # noqa: TRY004 (pydantic collects ValueError)
    if dated.tzinfo is None:
        raise ValueError("a time without its offset is ambiguous: end it in Z or in +08:00")
    try:
        dated = dated.astimezone(UTC)
    except OverflowError:
        dated = EARLIEST - timedelta(days=1)
    if not EARLIEST <= dated < LATEST:
        raise ValueError("expected a date from 1900 to 2199")
    return dated


def utc_text(value: datetime) -> str:
    """Return an aware datetime as UTC text of fixed width: 2024-01-12T00:00:00.000000Z."""
    if value.tzinfo is None:
        raise ValueError(f"expected an aware datetime, got {value!r}")
    return f"{value.astimezone(UTC):%Y-%m-%dT%H:%M:%S.%f}Z"


def plain(value: dict[str, Any]) -> dict[str, Any]:
    """Return `value` if it is JSON that both databases can keep: finite, shallow, no NUL."""
    pending: list[tuple[Any, int]] = [(value, 0)]
    while pending:
        inner, depth = pending.pop()
        if depth > 8:  # noqa: PLR2004
            raise ValueError("expected at most 8 levels of nesting")
        if isinstance(inner, dict):
            pending += [(key, depth + 1) for key in inner]
            pending += [(member, depth + 1) for member in inner.values()]
        elif isinstance(inner, list):
            pending += [(member, depth + 1) for member in inner]
        elif isinstance(inner, str):
            if "\0" in inner or any("\ud800" <= character <= "\udfff" for character in inner):
                raise ValueError("expected text without NUL and without half characters")
        elif isinstance(inner, float):
            if not math.isfinite(inner):
                raise ValueError("expected a finite number")
        elif isinstance(inner, int):
            if not -(2**63) <= inner < 2**63:
                raise ValueError("expected a whole number of at most 63 bits")
        elif inner is not None:
            raise ValueError(f"expected JSON, got {type(inner).__name__}")
    return value


TYPE = r"^[a-z][a-z0-9]*(-[a-z0-9]+)*\.[a-z][a-z0-9]*(-[a-z0-9]+)*$"
WORD = r"^[a-z0-9]+(-[a-z0-9]+)*$"
SUBJECT = r"^[a-z0-9]+(-[a-z0-9]+)*(:[a-z0-9]+(-[a-z0-9]+)*)?$"
ID = r"^[^\s\x00-\x1f\x7f]+$"
TEXT = r"^[^\x00]+$"
"""The forms of text; `validation.py` says each in words."""

Moment = Annotated[datetime, BeforeValidator(moment)]
Share = Annotated[float, Field(strict=True, ge=0, le=1, allow_inf_nan=False)]
Type = Annotated[str, StringConstraints(pattern=TYPE, max_length=100)]
Word = Annotated[str, StringConstraints(pattern=WORD, max_length=100)]
Subject = Annotated[str, StringConstraints(pattern=SUBJECT, max_length=200)]
Id = Annotated[str, StringConstraints(pattern=ID, max_length=200)]
Ref = Annotated[str, StringConstraints(pattern=TEXT, max_length=500)]
Text = Annotated[str, StringConstraints(pattern=TEXT, max_length=2000)]
LongText = Annotated[str, StringConstraints(max_length=50_000, pattern=r"^[^\x00]*$")]
Identifiers = dict[Word, Text | Annotated[tuple[Text, ...], Field(max_length=100)]]


class Noun(BaseModel):
    """A frozen noun that refuses fields it does not know."""

    model_config = ConfigDict(frozen=True, extra="forbid", validate_default=False)


class Party(Noun):
    """Somebody who takes part in an event: a declared company's id, or a name to resolve."""

    name: Text | None = None
    role: Word = "subject"
    kind: Word | None = None
    company: Id | None = None
    aliases: Annotated[tuple[Text, ...], Field(max_length=1000)] = ()
    identifiers: Identifiers = {}

    @model_validator(mode="after")
    def _named(self) -> Party:
        if self.name is None and self.company is None:
            raise ValueError("expected a `name` or a `company`")
        return self


class Event(Noun):
    """Something that happened, as one source reports it. Key: (source, ref)."""

    source: Id
    ref: Ref
    type: Type
    occurred_at: Moment
    title: Text
    matter: Ref | None = None
    published_at: Moment | None = None
    topics: Annotated[tuple[Word, ...], Field(max_length=100)] = ()
    parties: Annotated[tuple[Party, ...], Field(max_length=1000)] = ()
    scope: Annotated[tuple[Subject, ...], Field(max_length=100)] = ()
    origin: Id | None = None
    credibility: Share | None = None
    url: Text | None = None
    summary: LongText | None = None
    attributes: Annotated[dict[str, Any], AfterValidator(plain)] = {}

    @property
    def key(self) -> str:
        """`source:ref`, how lines cite the event, and its matter where it names none."""
        return f"{self.source}:{self.ref}"

    @property
    def known_from(self) -> datetime:
        """When it was said; a replay over imported history takes this for the time of knowing."""
        return self.published_at or self.occurred_at


class Withdrawal(Noun):
    """A report taken back because it was made in error; nothing stands under its key then."""

    source: Id
    ref: Ref
    withdrawn: Literal[True]
    reason: LongText | None = None


class Dated(Noun):
    """An edge that holds from `since` (included) to `until` (excluded); without them, always."""

    since: Moment | None = None
    until: Moment | None = None

    @model_validator(mode="after")
    def _ordered(self) -> Dated:
        if self.since and self.until and self.since >= self.until:
            raise ValueError("expected `since` before `until`")
        return self

    def holds(self, at: datetime) -> bool:
        """Whether the edge holds at `at`."""
        return (self.since is None or self.since <= at) and (self.until is None or at < self.until)


class Exposure(Dated):
    """How strongly a subject (`country:cn`, `sector:ai`) bears on a company, 0 to 1."""

    subject: Subject
    weight: Share


class Owner(Dated):
    """A company's owner, and the share it holds, 0 to 1."""

    company: Id
    share: Share


class Company(Noun):
    """A company on the watchlist."""

    id: Id
    name: Text
    aliases: Annotated[tuple[Text, ...], Field(max_length=1000)] = ()
    identifiers: Identifiers = {}
    jurisdiction: Annotated[str, StringConstraints(pattern=WORD, max_length=20)] | None = None
    exposures: Annotated[tuple[Exposure, ...], Field(max_length=1000)] = ()
    owners: Annotated[tuple[Owner, ...], Field(max_length=1000)] = ()


class Publisher(Noun):
    """Who tells: `credibility` is how likely an unproven claim is, told by it alone, 0 to 1."""

    id: Id
    name: Text | None = None
    group: Id | None = None
    credibility: Share = 0.3
    conflicts: tuple[Id, ...] = ()


class Entry(NamedTuple):
    """One row of the ledger; `body` is the canonical JSON that was hashed."""

    position: int
    kind: str
    source: str
    ref: str
    revision: int
    recorded_at: datetime
    body: str
    hash: str


@dataclass(frozen=True, slots=True)
class Matter:
    """Standing events that belong together, by (occurred_at, place), and whom they name."""

    id: str
    events: tuple[Event, ...]
    topics: frozenset[str]
    roles: Mapping[str, frozenset[str]]
    """Roles in which each company (an id) is named, over all events."""
    scopes: frozenset[frozenset[str]]


class Line(NamedTuple):
    """One rule on one matter for one company: hazard = -ln(1 - severity/100) x the rest."""

    company: str
    rule: str
    category: str
    matter: str
    hazard: float
    severity: float
    likelihood: float
    weight: float
    decay: float
    stage: str | None
    """Type of the last official event; None while there are only claims."""
    since: datetime
    """Where the decay clock stands: the start of this stage, or the last rise in evidence."""
    via: str
    """How the rule reaches the company: named, owned or scope."""
    events: tuple[Event, ...]
    points: float = math.nan
    """Its share of the score; the points of a score's lines add up to it."""
    without: float = math.nan
    """The score if this line were not there."""


LEVELS = {"low": 25, "moderate": 50, "high": 75, "severe": 101}
"""Each level, and the score from which the next one begins."""


def level(value: float) -> str:
    """Return the level of a score from 0 to 100: low, moderate, high or severe."""
    return next(name for name, bound in LEVELS.items() if value < bound)


def points(hazard: float) -> float:
    """Return the points, 0 to 100, that a summed hazard comes to."""
    return -100 * math.expm1(-hazard)


@dataclass(frozen=True)
class Score:
    """A company's score at a moment, as the log knew it, with the lines that make it."""

    company: str
    name: str
    as_of: datetime
    known_at: datetime | None
    """When the last entry it stands on was recorded; None on an empty ledger."""
    position: int
    """Position of that entry."""
    ruleset: str | None
    """Digest of the rules in force then; None where none were published."""
    hazards: tuple[Line, ...] = field(default=(), repr=False)
    """The counted lines, without points, greatest hazard first."""
    shadow: tuple[Line, ...] = field(default=(), repr=False)
    """Lines of experimental rules: computed and shown, not counted."""

    @cached_property
    def hazard(self) -> float:
        """Sum of the hazards of the counted lines."""
        return math.fsum(line.hazard for line in self.hazards)

    @cached_property
    def value(self) -> float:
        """Return the score, 0 to 100."""
        return points(self.hazard)

    @property
    def level(self) -> str:
        """low, moderate, high or severe."""
        return level(self.value)

    @cached_property
    def lines(self) -> tuple[Line, ...]:
        """The lines with their points, greatest first; the points add up to `value`."""
        total = self.hazard
        return tuple(
            line._replace(
                points=self.value * line.hazard / total,
                without=points(math.fsum((total, -line.hazard))),
            )
            for line in self.hazards
        )

    @cached_property
    def categories(self) -> dict[str, float]:
        """The same sum over each category's lines alone, 0 to 100, greatest first."""
        names = {line.category for line in self.hazards}
        sums = {
            name: points(math.fsum(ln.hazard for ln in self.hazards if ln.category == name))
            for name in names
        }
        return dict(sorted(sums.items(), key=lambda pair: (-pair[1], pair[0])))


class Row(NamedTuple):
    """One row of an input: where it stands, its raw text, and what it tells or why not."""

    line: int
    raw: str
    told: Event | Withdrawal | Company | list[Problem]


class Rejected(NamedTuple):
    """A row that was refused: where, the first wrong field, every reason, and the row itself."""

    file: str
    line: int
    field: str
    reason: str
    raw: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.reason}"
