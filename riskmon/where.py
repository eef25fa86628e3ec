"""`where`: which events a rule reads, by their fields and by the companies that take part in them.

A closed map, no expressions: keys are ANDed, lists ORed. To the rule an event that does not meet it
is not there.

    where:
      attributes.amount_usd: {gte: 1e8}
      party: {role: investor, jurisdiction: us}
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime
from typing import Annotated, Any, Literal, NamedTuple

from pydantic import (
    BaseModel,
    ConfigDict,
    PlainValidator,
    TypeAdapter,
    ValidationError,
    WithJsonSchema,
    WrapValidator,
    model_validator,
)
from pydantic_core import InitErrorDetails, PydanticCustomError

from riskmon.forms import moment, plain
from riskmon.model import Company, Event, Noun, Party

BOUNDS, LISTS = ("gte", "lt"), ("in", "not_in", "any", "none")
OPERATORS = ", ".join((*BOUNDS, *LISTS))
UNKNOWN_FIELD = "is not a known field"
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


class Wrong(NamedTuple):
    """One thing that is wrong inside a value: its steps from there, why, and what is there."""

    steps: tuple[str | int, ...]
    why: str
    got: object
    known: tuple[str, ...] = ()
    """Where `why` is that a name is not known: those that are."""


def refusal(wrong: Iterable[Wrong]) -> ValidationError:
    """Return all that is wrong inside a value as the error by which its check refuses it."""
    errors = [
        InitErrorDetails(
            type=PydanticCustomError("refused", "{error}", {"error": one.why, "known": one.known}),
            loc=one.steps,
            input=one.got,
        )
        for one in wrong
    ]
    return ValidationError.from_exception_data("value", errors)


def test(value: object) -> Any:
    """Check one test: a value, a list of values, or a map of operators."""
    if isinstance(value, _Unknown):
        raise refusal([Wrong((), UNKNOWN_FIELD, value, (value.attribute(), *Where.model_fields))])
    if isinstance(value, dict):
        if not value:
            raise ValueError(f"expected a value, a list of values, or a map of {OPERATORS}")
        wrong = [one for name, operand in value.items() for one in _operator(name, operand)]
    elif isinstance(value, list):
        wrong = list(_values((), value))
    else:
        wrong = [Wrong((), why, value) for why in _value(value)]
    if wrong:
        raise refusal(wrong)
    return value


def _operator(name: str, operand: object) -> Iterator[Wrong]:
    if name not in {*BOUNDS, *LISTS}:
        yield Wrong((name,), "is not a known operator", operand, (*BOUNDS, *LISTS))
    elif name in LISTS:
        yield from _values((name,), operand)
    elif isinstance(operand, str):
        try:
            moment(operand)
        except ValueError as error:
            yield Wrong((name,), str(error).replace("expected", "expected a number,", 1), operand)
    elif isinstance(operand, bool) or not isinstance(operand, int | float):
        yield Wrong((name,), "expected a number or a date", operand)
    else:
        yield from (Wrong((name,), why, operand) for why in _value(operand))


def _values(steps: tuple[str, ...], operand: object) -> Iterator[Wrong]:
    if not (isinstance(operand, list) and operand):
        yield Wrong(steps, "expected a list of values, at least one", operand)
        return
    for place, one in enumerate(operand):
        yield from (Wrong((*steps, place), why, one) for why in _value(one))


def _value(value: object) -> Iterator[str]:
    if not isinstance(value, str | int | float | bool):
        yield "expected text, a number, true or false"
    else:
        try:
            plain(value)
        except ValueError as error:
            yield str(error)


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


def _party_tests(value: object, _union: object) -> Any:
    """Check one test of a party, or a list of them; said of what was meant, not of both."""
    if isinstance(value, list | tuple) and value:
        return _PARTY_TESTS.validate_python(value)
    if isinstance(value, PartyTest | NoParty):
        return value
    if not isinstance(value, dict):
        raise ValueError("expected a map such as {role: investor}, or a list of such maps")  # noqa: TRY004 (pydantic collects ValueError)
    return PartyTest.model_validate(value)


_PARTY_TESTS: TypeAdapter[tuple[PartyTest, ...]] = TypeAdapter(tuple[PartyTest, ...])


class NoParty(Noun):
    """No party may meet these."""

    none: Annotated[PartyTest | tuple[PartyTest, ...], WrapValidator(_party_tests)]


def _party(value: object, _union: object) -> Any:
    """Check the test of `party`: parties of which one must meet it, or `none` that may."""
    if isinstance(value, NoParty) or not (isinstance(value, dict) and "none" in value):
        return _party_tests(value, _union)
    if more := [name for name in value if name != "none"]:
        why = "cannot stand beside `none`: move it into `none`, or remove one of them"
        raise refusal(Wrong((name,), why, value[name]) for name in more)
    return NoParty.model_validate(value)


class _Unknown:
    """Stands for the test of a field that no event has, until that is said."""

    def __init__(self, name: str, test: object) -> None:
        self._name, self._test = name, test

    def attribute(self) -> str:
        """Return how an attribute of that name is written, or of the one under `attributes`."""
        name = self._name
        if name in {ATTRIBUTES, ATTRIBUTES.rstrip(".")}:
            name = next(iter(self._test), "NAME") if isinstance(self._test, dict) else "NAME"
        return f"{ATTRIBUTES}{name}"


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
    party: Annotated[PartyTest | tuple[PartyTest, ...] | NoParty | None, WrapValidator(_party)] = (
        None
    )

    @model_validator(mode="before")
    @classmethod
    def _closed(cls, value: Any) -> Any:
        if isinstance(value, str):
            raise ValueError(  # noqa: TRY004 (pydantic collects ValueError)
                "expected a map such as {attributes.amount_usd: {gte: 1000000}}, no expression"
            )
        if value == {}:
            raise ValueError("expected at least one field; leave `where` out to read every event")
        if not isinstance(value, dict):
            return value
        return {
            name: test if name in cls.model_fields or _is_attribute(name) else _Unknown(name, test)
            for name, test in value.items()
        }

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


def _is_attribute(name: str) -> bool:
    return name.startswith(ATTRIBUTES) and name != ATTRIBUTES


def parties_of(test: Any) -> tuple[PartyTest, ...]:
    """Return the tests of parties in the test of `party`."""
    inner = test.none if isinstance(test, NoParty) else test
    return inner if isinstance(inner, tuple) else (inner,)


def words_of(test: Any, *steps: str | int) -> Iterator[tuple[str, tuple[str | int, ...]]]:
    """Yield the text that a test, or some, compare with, and the steps to each."""
    if isinstance(test, str):
        yield test, steps
    elif isinstance(test, list):
        for place, one in enumerate(test):
            yield from words_of(one, *steps, place)
    elif isinstance(test, dict):
        for name in LISTS:
            yield from words_of(test.get(name), *steps, name)


def roles_of(test: Any, *steps: str | int) -> Iterator[tuple[str, tuple[str | int, ...]]]:
    """Yield the roles that the test of `party` compares with, and the steps to each."""
    if isinstance(test, NoParty):
        yield from roles_of(test.none, *steps, "none")
    elif isinstance(test, tuple):
        for place, one in enumerate(test):
            yield from roles_of(one, *steps, place)
    else:
        yield from words_of(test.role, *steps, "role")


def _parties(wanted: Any, parties: Iterable[Party], resolve: Resolve) -> bool:
    found = any(one.met(party, resolve(party)) for party in parties for one in parties_of(wanted))
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
    return any(_same(one, other) for one in has for other in wanted)


def _same(one: Any, other: Any) -> bool:
    if isinstance(one, datetime):
        return _order(one, other) == 0
    # 1 is 1.0, but not true.
    return bool(one == other) and isinstance(one, bool) == isinstance(other, bool)


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
