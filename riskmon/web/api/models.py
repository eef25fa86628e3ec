"""What the API's answers are made of, for its description: the same words as Python's.

Answers are made by `to_json`; what has fields in Python has the same here, read off from it.
"""

from __future__ import annotations

import types
from collections.abc import Mapping, Sequence
from dataclasses import is_dataclass
from datetime import datetime
from functools import cache
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from pydantic import BaseModel, ConfigDict, RootModel, create_model

from riskmon import changes, companyview, finding, looking, matterview, model, overview, status
from riskmon.model import Event
from riskmon.ran import Ran

Level = Literal["low", "moderate", "high", "severe"]
PLAIN = {Sequence: list, Mapping: dict}
NEVER_ALONE = {"points", "without"}
"""Of a line: one of an experimental rule has none."""


class Shape(BaseModel):
    """Something with these fields and no others."""

    model_config = ConfigDict(extra="forbid")


@cache
def described(kind: Any, *counts: str) -> Any:
    """Return a type as `to_json` shows its values: what has fields is an object that has them.

    `counts`: how many there are of what is cut.
    """
    if is_dataclass(kind) or hasattr(kind, "_fields"):
        hints = get_type_hints(kind)
        names = getattr(kind, "_fields", None) or kind.__dataclass_fields__
        fields: dict[str, Any] = {name: (described(hints[name]), ...) for name in names}
        if kind is model.Line:
            fields |= dict.fromkeys(NEVER_ALONE, (float | None, ...))
        fields |= dict.fromkeys(counts, (int, ...))
        told = (kind.__doc__ or "").partition("\n")[0]
        return create_model(kind.__name__, __base__=Shape, __doc__=told, **fields)
    origin, inner = get_origin(kind), get_args(kind)
    if origin is None or origin is Literal:
        return kind
    parts = tuple(map(described, inner))
    if origin in {Union, types.UnionType}:
        return Union[parts]  # noqa: UP007 (made of a tuple)
    return PLAIN.get(origin, origin)[parts]


Line = described(model.Line)
OverviewRow = described(overview.OverviewRow)
Stretch = described(companyview.Stretch)
Owned = described(companyview.Owned)
Matter = described(matterview.MatterView, "told_count")
Moves = described(looking.RuleMoves)
Changes = described(changes.Changes, "moved_count", "contradicted_count")
Found = described(finding.Found)
Run = described(Ran)
Status = described(status.Status, "unresolved_count")


class Score(Shape):
    """A company's score at a moment, as the log knew it, with the lines that make it."""

    company: str
    name: str
    declared: bool
    value: float
    level: Level
    categories: dict[str, float]
    lines: list[Line]  # type: ignore[valid-type]  # made above
    line_count: int
    more_points: float
    shadow: list[Line]  # type: ignore[valid-type]  # made above
    as_of: datetime
    known_at: datetime | None
    position: int
    ruleset: str | None
    failed: dict[str, str]


class ScoreRow(Shape):
    """A company's score, and the rule that most of it comes from."""

    company: str
    name: str
    value: float
    level: Level
    rule: str | None
    since: datetime | None
    as_of: datetime
    known_at: datetime | None
    position: int


class Point(Shape):
    """A score at one moment of a history."""

    company: str
    as_of: datetime
    value: float
    level: Level


class ReceiptLine(Shape):
    """A line of a receipt; its events are keys."""

    rule: str
    matter: str
    points: float
    stage: str | None
    since: datetime
    severity: float
    likelihood: float
    weight: float
    decay: float
    events: list[str]


class Receipt(Shape):
    """A score that can be checked later, on another machine."""

    company: str
    name: str
    declared: bool
    as_of: datetime
    known_at: datetime | None
    position: int
    ruleset: str | None
    value: float
    level: Level
    head: str
    lines: list[ReceiptLine]


class Rule(RootModel[dict[str, Any]]):
    """A rule as its file has it; `riskmon.schema` has its JSON Schema."""


class RuleAndMoves(Shape):
    """A rule, and what it moves."""

    rule: Rule
    moves: Moves  # type: ignore[valid-type]  # made above


class Alert(RootModel[dict[str, Any]]):
    """An alert that was told: company, from, value, why, lines; docs/alerts.md has its fields."""


class Waiting(Shape):
    """A name that waits for a person, and what would follow if it meant its likeliest company."""

    name: str
    events: int
    points: float
    company: str | None
    verdict: str
    by: str | None
    accepted: dict[str, Any] | None
    candidates: list[dict[str, Any]]
    reasons: list[str]


class Draft(RootModel[dict[str, Any]]):
    """A draft of an event: the event's fields, with the sentence and the confidence."""


class NameDecided(Shape):
    """What was decided of a name."""

    decided: Literal["accept", "reject", "undo"]
    name: str
    company: str


class CopyDecided(Shape):
    """What was decided of a copy of a list, and, where it was taken in, what that did."""

    decided: Literal["accept", "reject"]
    source: str
    digest: str
    report: dict[str, Any] | None = None


class DraftDecided(Shape):
    """What was decided of a draft."""

    decided: Literal["accept", "reject"]
    event: Event
