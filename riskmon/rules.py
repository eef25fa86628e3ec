"""Rules: the form of one, and what its numbers are at a moment."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import (
    Field,
    PlainSerializer,
    PlainValidator,
    WithJsonSchema,
    field_validator,
    model_validator,
)

from riskmon.forms import (
    EARLIEST,
    LATEST,
    Id,
    LongText,
    Moment,
    Text,
    Type,
    Word,
    microseconds,
    moment,
    utc_text,
)
from riskmon.model import Company, Noun
from riskmon.where import UNKNOWN_FIELD, Where, Wrong, refusal

DAYS_PER_YEAR = 365.25
NUMBER = re.compile(r"[0-9]{1,20}([.][0-9]{1,20})?")
KEY = "[key]"
"""The step by which pydantic says that a key is wrong, not what stands under it."""

Dated = float | dict[datetime, float]
"""A number, or what it is from each date until the next; 0 before the first."""


def at(number: Dated, when: datetime) -> float:
    """Return a number that may be dated as it holds at `when`."""
    if not isinstance(number, dict):
        return number
    return next((value for since, value in reversed(number.items()) if since <= when), 0.0)


def dated(one: Callable[[object], float]) -> Callable[[object], Dated]:
    """Return the check of a number that may be dated, from the check of a number."""

    def check(value: object) -> Dated:
        if not isinstance(value, dict):
            return one(value)
        if not value:
            raise ValueError("expected a number, or a map from date to number")
        found: dict[datetime, float] = {}
        written_as: dict[datetime, object] = {}
        wrong: list[Wrong] = []
        for since, number in value.items():
            step = str(since)
            try:
                when = moment(since)
                if when in found:
                    why = f"expected each moment once ({written_as[when]} is the same): keep one"
                    wrong.append(Wrong((step, KEY), why, since))
                found[when], written_as[when] = 0.0, since
            except ValueError as error:
                wrong.append(Wrong((step, KEY), str(error), since))
                continue
            try:
                found[when] = one(number)
            except ValueError as error:
                wrong.append(Wrong((step,), str(error), number))
        if wrong:
            raise refusal(wrong)
        return dict(sorted(found.items()))

    return check


def between(low: float, high: float, words: str) -> Callable[[object], float]:
    """Return the check of a number from `low` to `high`, both included."""

    def check(value: object) -> float:
        if isinstance(value, bool) or not isinstance(value, int | float):
            bare = ", without quotes" if isinstance(value, str) and NUMBER.fullmatch(value) else ""
            raise ValueError(f"expected {words}{bare}")  # noqa: TRY004 (pydantic collects ValueError)
        if not low <= value <= high:  # NaN too
            raise ValueError(f"expected {words}")
        return float(value)

    return check


def days(value: object) -> float:
    """Return `180 days` or `2 years` (of 365.25 days) in days; a bare number is days."""
    words = "a time above 0 such as 180 days or 2 years"
    if isinstance(value, str) and (
        match := re.fullmatch(r"(\d{1,9}(?:\.\d{1,9})?) (day|year)s?", value)
    ):
        value = float(match[1]) * (DAYS_PER_YEAR if match[2] == "year" else 1)
    return between(1e-6, 1e6, words)(value)


def written(value: Any) -> Any:
    """Return a number, a map from date to number, or a stage, as JSON has it."""
    if isinstance(value, dict):
        return {utc_text(since): number for since, number in value.items()}
    return {"times": written(value.times)} if isinstance(value, Times) else value


def _schema(number: dict[str, Any]) -> WithJsonSchema:
    """Return the JSON Schema of a number that may be dated."""
    by_date = {
        "type": "object",
        "patternProperties": {"^[0-9]{4}-[0-9]{2}-[0-9]{2}": number},
        "additionalProperties": False,
        "minProperties": 1,
    }
    return WithJsonSchema({"anyOf": [number, by_date]})


PROBABILITY = {"type": "number", "minimum": 0, "maximum": 1}
FACTOR = {"type": "number", "minimum": 0}
TIME = {
    "anyOf": [
        {"type": "number", "exclusiveMinimum": 0},
        {"type": "string", "pattern": "^[0-9]+([.][0-9]+)? (day|year)s?$"},
    ]
}
STAGE = {
    "anyOf": [
        {"const": "sources"},
        {
            "type": "object",
            "properties": {"times": _schema(FACTOR).json_schema},
            "required": ["times"],
            "additionalProperties": False,
        },
        _schema(PROBABILITY).json_schema,
    ]
}
probability = dated(between(0, 1, "a number from 0 to 1"))
factor = dated(between(0, 1e6, "a number from 0"))
below_100 = dated(between(0, math.nextafter(100, 0), "points from 0 to below 100"))
Written = PlainSerializer(written, when_used="json")
Probability = Annotated[Dated, PlainValidator(probability), Written, _schema(PROBABILITY)]
Severity = Annotated[
    Dated,
    PlainValidator(below_100),
    Written,
    _schema({"type": "number", "minimum": 0, "exclusiveMaximum": 100}),
]
HalfLife = Annotated[Dated, PlainValidator(dated(days)), Written, _schema(TIME)]
Days = Annotated[float, PlainValidator(days), WithJsonSchema(TIME)]


class Times(Noun):
    """A stage that multiplies the likelihood, once per type."""

    times: Annotated[Dated, PlainValidator(factor), Written, _schema(FACTOR)]


Stage = Dated | Times | Literal["sources"]


def stage(value: object) -> Stage:
    """Check a stage: a likelihood, `sources`, or `{times: factor}`."""
    if value == "sources":
        return "sources"
    if isinstance(value, dict) and value:
        if "times" in value:
            return Times.model_validate(value)
        if not any(str(name)[:1].isdigit() for name in value):
            known = ("times", "a date such as 2024-01-12")
            raise refusal(Wrong((str(name),), UNKNOWN_FIELD, value, known) for name in value)
        return probability(value)
    try:
        return probability(value)
    except ValueError:
        raise ValueError(
            "expected how likely the risk is (0 to 1, or a map from date to that), "
            "`sources`, or {times: factor}"
        ) from None


def _no_likelihood(found: Stage | None) -> str:
    """Return why a stage has no likelihood of its own."""
    if found is None:
        return ": it is not one of `stages`"
    return ": it multiplies" if isinstance(found, Times) else ": it counts claims"


class Ownership(Noun):
    """How a rule reaches companies through their owners."""

    control: Probability = 0.0
    minority: Probability = 0.0
    threshold: Probability = 0.5


class Example(Noun):
    """Given these events (and companies), expect these scores from this rule alone.

    Companies that an event names by id are declared by that; `companies` adds more of them.
    """

    name: Text
    as_of: Moment
    events: tuple[dict[str, Any], ...]
    companies: tuple[Company, ...] = ()
    scores: dict[Id, Annotated[float, Field(strict=True, ge=0, lt=100, allow_inf_nan=False)]]


class Rule(Noun):
    """A rule as its file has it; MODEL's words are in docs/model.md."""

    id: Word
    title: Text
    category: Word
    status: Literal["draft", "experimental", "stable", "retired"] = "stable"
    severity: Severity
    stages: Annotated[
        dict[Type, Annotated[Stage, PlainValidator(stage), Written, WithJsonSchema(STAGE)]],
        Field(min_length=1),
    ]
    open: tuple[Type, ...] = ()
    topics: tuple[Word, ...] = ()
    roles: dict[Word, Probability] = Field(default={"subject": 1.0})
    half_life: HalfLife
    cap: Probability = 0.9
    scope: Probability = 0.0
    ownership: Ownership | None = None
    where: Where | None = None
    evaluator: Word = "matter"
    parameters: dict[str, Any] = Field(default_factory=dict)
    why: LongText | None = None
    references: tuple[Text, ...] = ()
    examples: tuple[Example, ...] = ()

    @field_validator("where", mode="before")
    @classmethod
    def _where_says_something(cls, value: object) -> object:
        if value is None:
            raise ValueError("expected a map of fields; leave `where` out to read every event")
        return value

    @model_validator(mode="after")
    def _open_stages_stand(self) -> Rule:
        stand = [name for name, one in self.stages.items() if isinstance(one, float | dict)]
        those = f" ({', '.join(stand)})" if stand else ""
        wrong = []
        for place, name in enumerate(self.open):
            if name not in stand:
                why = f"{name!r} has none{_no_likelihood(self.stages.get(name))}"
                words = f"expected a stage that has a likelihood of its own{those}; {why}"
                wrong.append(Wrong(("open", place), words, name))
        if wrong:
            raise refusal(wrong)
        return self

    def epochs(self) -> Iterator[tuple[int, int, Terms]]:
        """Yield the rule's numbers between each two of their dates, in microseconds since 1970."""
        moments = [EARLIEST, *sorted(set(_dates(self))), LATEST]
        for number, since in enumerate(moments[:-1]):
            first, last = number == 0, number == len(moments) - 2
            start = -(2**62) if first else microseconds(since)
            yield start, 2**62 if last else microseconds(moments[number + 1]), self.at(since)

    def at(self, when: datetime) -> Terms:
        """Return the rule's numbers as they hold at `when`."""
        ownership = self.ownership or Ownership()
        return Terms(
            id=self.id,
            category=self.category,
            severity=at(self.severity, when),
            stages={
                name: value
                if value == "sources"
                else Factor(at(value.times, when))
                if isinstance(value, Times)
                else at(value, when)
                for name, value in self.stages.items()
            },
            open=frozenset(self.open),
            topics=frozenset(self.topics),
            roles={role: at(weight, when) for role, weight in self.roles.items()},
            half_life_days=at(self.half_life, when),
            cap=at(self.cap, when),
            scope=at(self.scope, when),
            control=at(ownership.control, when),
            minority=at(ownership.minority, when),
            threshold=at(ownership.threshold, when),
        )


def _dates(value: object) -> Iterator[datetime]:
    """Yield every date of a rule's dated numbers."""
    if isinstance(value, Noun):
        value = {
            name: getattr(value, name) for name in type(value).model_fields if name != "examples"
        }
    if isinstance(value, dict):
        for key, member in value.items():
            if isinstance(key, datetime):
                yield key
            else:
                yield from _dates(member)


class Factor(float):
    """The number of a stage that multiplies."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class Terms:
    """A rule's numbers at one moment."""

    id: str
    category: str
    severity: float
    stages: Mapping[str, float | Factor | Literal["sources"]]
    open: frozenset[str]
    topics: frozenset[str]
    roles: Mapping[str, float]
    half_life_days: float
    cap: float
    scope: float
    control: float
    minority: float
    threshold: float

    @property
    def hazard(self) -> float:
        """S = -ln(1 - severity / 100)."""
        return -math.log1p(-self.severity / 100)
