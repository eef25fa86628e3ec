"""`where`: which events a rule reads, by their fields and by the companies that take part in them.

A closed map, no expressions: keys are ANDed, lists ORed. To the rule an event that does not meet it
is not there.

    where:
      attributes.amount_usd: {gte: 1e8}
      party: {role: investor, jurisdiction: us}
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, PlainValidator, WithJsonSchema, model_validator

from riskmon.forms import moment
from riskmon.model import Company, Event, Noun, Party

BOUNDS, LISTS = ("gte", "lt"), ("in", "not_in", "any", "none")
ATTRIBUTES = "attributes."
SCALAR: dict[str, Any] = {"type": ["string", "number", "boolean"]}
TEST_SCHEMA: dict[str, Any] = {
    "anyOf": [
        SCALAR,
        {"type": "array", "items": SCALAR, "minItems": 1},
        {
            "type": "object",
            "properties": {
                **{name: {"type": ["number", "string"]} for name in BOUNDS},
                **{name: {"type": "array", "items": SCALAR, "minItems": 1} for name in LISTS},
            },
            "additionalProperties": False,
            "minProperties": 1,
        },
    ]
}

Resolve = Callable[[Party], Company | None]


def test(value: object) -> Any:
    """Check one test: a value, a list of values, or a map of operators."""
    if isinstance(value, dict):
        if not value or set(value) - {*BOUNDS, *LISTS}:
            raise ValueError(f"expected a map of {', '.join((*BOUNDS, *LISTS))}")
        for name, operand in value.items():
            if name in BOUNDS:
                _bound(name, operand)
            else:
                _values(name, operand)
        return value
    return _values("the test", value if isinstance(value, list) else [value]) and value


def _bound(name: str, operand: object) -> None:
    if isinstance(operand, str):
        moment(operand)
    elif isinstance(operand, bool) or not isinstance(operand, int | float):
        raise ValueError(f"expected {name} to be a number or a date")
    elif not math.isfinite(operand):
        raise ValueError(f"expected {name} to be a finite number")


def _values(name: str, operand: object) -> list[Any]:
    if not (isinstance(operand, list) and operand):
        raise ValueError(f"expected {name} to be a list of values")
    if not all(isinstance(one, str | int | float | bool) for one in operand):
        raise ValueError(f"expected {name} to have text, numbers, true or false, no lists or maps")
    return operand


Test = Annotated[Any, PlainValidator(test), WithJsonSchema(TEST_SCHEMA)]


class PartyTest(Noun):
    """What one party of an event must meet: all that is given."""

    role: Test = None
    kind: Test = None
    name: Test = None
    company: Test = None
    """The id of the declared company that the party is."""
    jurisdiction: Test = None
    """That company's."""

    @model_validator(mode="after")
    def _says_something(self) -> PartyTest:
        if not self.model_fields_set:
            raise ValueError("expected at least one of role, kind, name, company, jurisdiction")
        return self

    def met(self, party: Party, company: Company | None) -> bool:
        """Whether a party, which is `company`, meets it."""
        has = {
            "role": party.role,
            "kind": party.kind,
            "name": party.name,
            "company": company.id if company else None,
            "jurisdiction": company.jurisdiction if company else None,
        }
        return all(meets(getattr(self, name), has[name]) for name in self.model_fields_set)


class NoParty(Noun):
    """No party may meet these."""

    none: PartyTest | tuple[PartyTest, ...]


class Where(BaseModel):
    """What an event must meet to be read by a rule."""

    model_config = ConfigDict(frozen=True, extra="allow")
    __pydantic_extra__: dict[str, Test]

    source: Test = None
    ref: Test = None
    type: Test = None
    matter: Test = None
    topics: Test = None
    scope: Test = None
    origin: Test = None
    credibility: Test = None
    occurred_at: Test = None
    published_at: Test = None
    party: PartyTest | tuple[PartyTest, ...] | NoParty | None = None

    @model_validator(mode="after")
    def _closed(self) -> Where:
        for name in self.model_extra or {}:
            if not name.startswith(ATTRIBUTES) or name == ATTRIBUTES:
                fields = ", ".join(type(self).model_fields)
                raise ValueError(
                    f"{name!r} is not a known field; expected attributes.NAME or one of {fields}"
                )
        if not self.model_fields_set:
            raise ValueError("expected at least one field")
        return self

    def met(self, event: Event, resolve: Resolve) -> bool:
        """Whether `event` meets it; `resolve` says which company a party is."""
        for name, wanted in self.tests():
            if name == "party":
                if not _parties(wanted, event.parties, resolve):
                    return False
            elif name.startswith(ATTRIBUTES):
                if not meets(wanted, _attribute(event.attributes, name[len(ATTRIBUTES) :])):
                    return False
            elif not meets(wanted, getattr(event, name)):
                return False
        return True

    def tests(self) -> Iterable[tuple[str, Any]]:
        """Yield each field and its test."""
        fields = type(self).model_fields
        yield from ((name, getattr(self, name)) for name in fields if name in self.model_fields_set)
        yield from (self.model_extra or {}).items()


def parties_of(test: Any) -> tuple[PartyTest, ...]:
    """Return the tests of parties in the test of `party`."""
    inner = test.none if isinstance(test, NoParty) else test
    return inner if isinstance(inner, tuple) else (inner,)


def words_of(test: Any) -> Iterator[str]:
    """Yield the text that a test, or some, compare with."""
    if isinstance(test, str):
        yield test
    elif isinstance(test, list):
        for one in test:
            yield from words_of(one)
    elif isinstance(test, dict):
        for name in LISTS:
            yield from words_of(test.get(name))


def _parties(wanted: Any, parties: Iterable[Party], resolve: Resolve) -> bool:
    found = any(
        one.met(party, resolve(party)) for party in parties for one in parties_of(wanted)
    )
    return not found if isinstance(wanted, NoParty) else found


def _attribute(attributes: Mapping[str, Any], path: str) -> Any:
    if path in attributes:
        return attributes[path]
    first, _, rest = path.partition(".")
    inner = attributes.get(first)
    return _attribute(inner, rest) if rest and isinstance(inner, dict) else None


def meets(wanted: Any, value: Any) -> bool:
    """Whether a field's value (None where it is missing) meets a test; of a list, one member."""
    has = list(value) if isinstance(value, list | tuple) else [] if value is None else [value]
    if not isinstance(wanted, dict):
        wanted = {"any": wanted if isinstance(wanted, list) else [wanted]}
    return all(_OPERATORS[name](has, operand) for name, operand in wanted.items())


def _one_of(has: list[Any], wanted: list[Any]) -> bool:
    # 1 is 1.0, but not true.
    return any(
        one == other and isinstance(one, bool) == isinstance(other, bool)
        for one in has
        for other in wanted
    )


def _order(one: Any, bound: Any) -> Literal[-1, 0, 1] | None:
    """Return how a value stands to a bound; None where they cannot be compared."""
    if isinstance(bound, str):
        try:
            one, bound = moment(one), moment(bound)
        except ValueError:
            return None
    elif isinstance(one, bool) or not isinstance(one, int | float):
        return None
    return -1 if one < bound else 1 if one > bound else 0


_OPERATORS: dict[str, Callable[[list[Any], Any], bool]] = {
    "gte": lambda has, bound: any(_order(one, bound) in {0, 1} for one in has),
    "lt": lambda has, bound: any(_order(one, bound) == -1 for one in has),
    "in": _one_of,
    "any": _one_of,
    "not_in": lambda has, wanted: not _one_of(has, wanted),
    "none": lambda has, wanted: not _one_of(has, wanted),
}
