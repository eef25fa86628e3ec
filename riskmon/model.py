"""The nouns of riskmon, frozen: what a source tells, what the ledger keeps, what a query returns.

Events, companies and publishers are pydantic models because they come from outside and are
checked there; entries, lines and scores are made by riskmon itself and are plain tuples.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from typing import Annotated, Any, Literal, NamedTuple, Protocol

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from riskmon.errors import Problem
from riskmon.forms import (
    Country,
    Id,
    Identifiers,
    LongText,
    Moment,
    Ref,
    Share,
    Subject,
    Text,
    Type,
    Word,
    plain,
)
from riskmon.frames import Lined


class Noun(BaseModel):
    """A frozen noun that refuses fields it does not know."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        validate_default=False,
        cache_strings="keys",  # values differ: looking them up costs a tenth of a validation
    )


class Party(Noun):
    """Somebody who takes part in an event: a declared company's id, or a name to resolve."""

    name: Text | None = None
    role: Word = "subject"
    kind: Word | None = None
    company: Id | None = None
    aliases: Annotated[tuple[Text, ...], Field(max_length=1000)] = ()
    identifiers: Identifiers = Field(default_factory=dict)

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
    attributes: Annotated[dict[str, Any], AfterValidator(plain)] = Field(default_factory=dict)

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
    identifiers: Identifiers = Field(default_factory=dict)
    jurisdiction: Country | None = None
    exposures: Annotated[tuple[Exposure, ...], Field(max_length=1000)] = ()
    owners: Annotated[tuple[Owner, ...], Field(max_length=1000)] = ()


class Holding(Dated):
    """Who holds which share of a company, told apart from the company itself."""

    company: Id
    owner: Id
    share: Share


class Link(Noun):
    """That a company may be owned by, or act for, another one, as a source remarks."""

    source: Id
    ref: Ref
    name: Text
    owner: Text


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


Taken = tuple[int, str, str, str, str]
"""An entry as the fold of the log reads it: position, kind, source, ref, body."""
EVENTS = ("event.recorded", "event.withdrawn")
"""The kinds of entries that tell of an event."""


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
    events: Sequence[Event]
    """Those it stands on, in order."""
    points: float = math.nan
    """Its share of the score; the points of a score's lines add up to it."""
    without: float = math.nan
    """The score if this line were not there."""


DECIMALS = 12
LEVELS = {"low": 25, "moderate": 50, "high": 75, "severe": 101}
"""Each level, and the score from which the next one begins."""


def level(value: float) -> str:
    """Return the level of a score from 0 to 100: low, moderate, high or severe."""
    return next(name for name, bound in LEVELS.items() if value < bound)


def points(hazard: float) -> float:
    """Return the points, 0 to 100, of a summed hazard: beyond 12 decimals the sum's order shows."""
    return round(-100 * math.expm1(-hazard), DECIMALS) + 0.0  # never -0.0


class Drawn(Protocol):
    """What draws the lines of a score, as the log was when the score was asked for."""

    def lines(self, company: str, at: datetime) -> tuple[Line, ...]:
        """Return the counted lines, greatest hazard first."""

    def shadow(self, company: str, at: datetime) -> tuple[Line, ...]:
        """Return the lines of experimental rules."""

    def top(self, company: str, at: datetime) -> Line | None:
        """Return the greatest of the counted lines."""


@dataclass(frozen=True)
class Score(Lined):
    """A company's score at a moment, as the log knew it, with the lines that make it."""

    company: str
    name: str
    as_of: datetime
    known_at: datetime | None
    """The moment asked for, else when the entry at `position`, the last it stands on, was."""
    position: int
    ruleset: str | None
    """Digest of the rules in force then; None where none were published."""
    declared: bool = True
    """Whether the company was on the watchlist by `known_at`; if not, 0 says nothing."""
    hazard: float = 0.0
    """Sum of the hazards of the counted lines."""
    failed: Mapping[str, str] = field(default_factory=dict)
    """Rules that failed, each with the reason: what they would add is not in the score."""
    drawn: Drawn | None = field(default=None, repr=False, compare=False)
    """What gives its lines, when they are looked at; None for none."""

    @cached_property
    def hazards(self) -> tuple[Line, ...]:
        """The counted lines, without points, greatest hazard first."""
        return self.drawn.lines(self.company, self.as_of) if self.drawn else ()

    @cached_property
    def shadow(self) -> tuple[Line, ...]:
        """Lines of experimental rules: computed and shown, not counted."""
        return self.drawn.shadow(self.company, self.as_of) if self.drawn else ()

    @cached_property
    def top(self) -> Line | None:
        """The greatest of its counted lines."""
        return self.drawn.top(self.company, self.as_of) if self.drawn else None

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
        return self.shared(self.hazards)

    def shared(self, lines: Iterable[Line]) -> tuple[Line, ...]:
        """Return some of its lines with their points."""
        total = self.hazard
        return tuple(
            line._replace(
                points=self.value * line.hazard / total,
                without=points(math.fsum((total, -line.hazard))),
            )
            for line in lines
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


class Draft(NamedTuple):
    """An event that a text seems to tell: it scores nothing before it is accepted."""

    event: Event
    """Its attributes have the `sentence` it stands on and the `confidence` in it, 0 to 1."""


class Note(NamedTuple):
    """What a user is to know of an input that is read all the same."""

    text: str


class Row(NamedTuple):
    """One row of an input: where it stands, its raw text, and what it tells or why not."""

    line: int
    raw: str
    told: Noun | Draft | Note | list[Problem]
    body: str = ""
    """What is told as canonical JSON, where the source has it; else `canonical` makes it."""


def canonical(told: Noun) -> str:
    """Return the JSON by which the ledger knows what is told: the same for the same.

    Fields are in the order in which they are declared, those left out absent, maps sorted by
    validation.
    """
    # Past pydantic's own wrapper, which costs a third of it.
    return told.__pydantic_serializer__.to_json(told, exclude_defaults=True).decode()
