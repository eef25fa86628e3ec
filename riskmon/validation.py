"""Checked input: every problem of a value at once, in words for the person who must act."""

from __future__ import annotations

import difflib
import functools
import json
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from riskmon.errors import Problem
from riskmon.forms import COUNTRY, ID, SUBJECT, TEXT, TYPE, WORD

FORMS = {
    TYPE: "two lower-case words joined by a dot, such as case.indicted",
    WORD: "lower-case words joined by hyphens, such as trade-secrets",
    SUBJECT: "a subject such as sector:ai, lower-case with hyphens",
    ID: "an id, not empty and without spaces",
    COUNTRY: "a lower-case country code such as cn",
    TEXT: "text, not empty and without NUL",
}
BOUNDS = {
    "greater_than_equal": ("at least", "ge"),
    "greater_than": ("more than", "gt"),
    "less_than_equal": ("at most", "le"),
    "less_than": ("less than", "lt"),
}
KINDS = {
    "string": "text",
    "float": "a number",
    "int": "a whole number",
    "bool": "true or false",
    "dict": "a map",
    "tuple": "a list",
    "list": "a list",
    "model": "a map of fields",
    "path": "a path",
}

NUMBERS = {"int_parsing", "int_from_float", "float_parsing"}
MASK = "********"
TELLING = re.compile(r"pass|secret|token|key|cert", re.IGNORECASE)
"""Names of options whose value is a secret."""
KEY = "[key]"
"""The last step of pydantic where a key is wrong, not what stands under it."""

M = TypeVar("M", bound=BaseModel)


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Return `; did you mean 'title'?` for the closest known word, else nothing."""
    close = difflib.get_close_matches(word, sorted({*known} - {word}), n=1, cutoff=0.7)
    return f"; did you mean {close[0]!r}?" if close else ""


def shown(value: object, length: int = 80) -> str:
    """Return `value` as JSON on one line, cut at `length` characters."""
    try:
        text = json.dumps(value, ensure_ascii=False, default=str)
    except (ValueError, RecursionError):
        text = repr(type(value))
    return text if len(text) <= length else text[: length - 1] + "…"


def path(location: Sequence[str | int]) -> str:
    """Return a pydantic location as `parties[0].role`."""
    text = ""
    for part in location:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else part
    return text


def problems_of(
    error: ValidationError,
    model: type[BaseModel],
    data: object,
    secret: Callable[[Sequence[str | int]], bool] = lambda _: False,
) -> list[Problem]:
    """Return what pydantic found in `data`, each as: field, what was expected, what is there.

    What is there is not told of a location that is `secret`.
    """
    problems: dict[tuple[object, ...], Problem] = {}
    forks: set[tuple[object, ...]] = set()
    for found in error.errors(include_url=False):
        steps, forked = _steps(found["loc"], data, missing=found["type"] == "missing")
        a_key = found["loc"][-1:] == (KEY,)
        if secret(steps) and not a_key:
            found["input"] = MASK
        told = message(dict(found), fields_at(model, steps[:-1]))
        problem = Problem(told, field=path(steps[:-1] if a_key else steps), location=steps)
        if forked:
            forks.add((*steps, a_key))
        problems.setdefault((*steps, a_key), problem)
    # Of what may be this or that, the complaint that goes deepest is about what was meant.
    above = {key[:length] for key in forks for length in range(len(key) - 1)}
    return [one for key, one in problems.items() if key not in forks or key[:-1] not in above]


def _steps(
    location: Sequence[str | int], data: object, *, missing: bool
) -> tuple[tuple[str | int, ...], bool]:
    """Return the steps of a location that are in the data, and whether others are left out.

    Others are pydantic's names of the branches of `this | that`.
    """
    steps: list[str | int] = []
    forked = False
    for number, step in enumerate(location):
        last = number == len(location) - 1
        if isinstance(data, dict) and step in data:
            data = data[step]
        elif isinstance(step, int):
            data = data[step] if isinstance(data, list | tuple) and step < len(data) else None
        elif not (last and missing):
            forked = forked or step != KEY
            continue
        steps.append(step)
    return tuple(steps), forked


def message(found: dict[str, Any], known: Sequence[str]) -> str:
    """Return one of pydantic's errors as what was expected, and what is there.

    `known`: the fields that there are where it was found.
    """
    kind, context, got = found["type"], found.get("ctx", {}), _got(found["input"])
    if kind == "missing":
        return "is required and missing"
    if kind == "extra_forbidden":
        return f"is not a known field{_hint(str(found['loc'][-1]), known)}"
    if kind == "refused":
        return _refused(found)
    if kind == "told":
        return str(context["error"])
    if kind == "value_error":
        return f"{context['error']}, got {got}"
    if kind == "string_pattern_mismatch":
        return f"expected {FORMS.get(context['pattern'], 'text without NUL')}, got {got}"
    if kind == "literal_error":
        words = re.findall("'([^']*)'", context["expected"])
        return (
            f"expected {context['expected']}, got {got}{did_you_mean(str(found['input']), words)}"
        )
    if kind in BOUNDS:
        words_, key = BOUNDS[kind]
        return f"expected {words_} {context[key]:g}, got {got}"
    return f"expected {_expected(kind, context, found['input'], got)}"


def _expected(kind: str, context: dict[str, Any], value: object, got: str) -> str:
    """Return what was expected of a value's kind and length, and what is there."""
    if kind == "finite_number":
        return f"a finite number, got {got}"
    if kind == "string_unicode":
        return f"text without half characters, got {got}"
    if kind == "string_too_long":
        return f"at most {context['max_length']:,} characters, got {len(str(value)):,}: shorten it"
    if kind in {"too_long", "too_short"}:
        words, key = ("at most", "max_length") if kind == "too_long" else ("at least", "min_length")
        return f"{words} {context[key]} here, got {context['actual_length']}"
    if kind in NUMBERS:
        return f"a {'whole ' if kind.startswith('int') else ''}number, got {got}"
    if kind == "string_type" and isinstance(value, int | float):
        return f"text, got {got}: put it in quotes"
    if kind in {"tuple_type", "list_type"} and isinstance(value, str):
        return f"a list such as {shown([value])}, got {got}"
    if kind.endswith("_type") and kind.removesuffix("_type") in KINDS:
        return f"{KINDS[kind.removesuffix('_type')]}, got {got}"
    return f"something else, got {got}"


def _refused(found: dict[str, Any]) -> str:
    """Return what a check of riskmon's own says of what is inside a value."""
    why, known = found["ctx"]["error"], found["ctx"]["known"]
    if known:
        return f"{why}{_hint(str(found['loc'][-1]), known)}"
    return f"{why}, got {_got(found['input'])}"


def _got(value: object) -> str:
    return "nothing" if value is None else shown(value)


def _hint(name: str, known: Sequence[str]) -> str:
    """Return the known name that may be meant, else all of them."""
    one_of = "one of " if len(known) > 1 else ""
    those = f"; expected {one_of}{', '.join(known)}" if known else ": none is expected here"
    return did_you_mean(name, known) or those


def fields_at(model: type[BaseModel], location: Sequence[str | int]) -> list[str]:
    """Return the names of the fields that are known at a place inside a model."""
    schema = _schema(model)
    here = list(_branches(schema, schema))
    for step in location:
        inner = [found for one in here for found in _inside(one, step)]
        here = [branch for one in inner for branch in _branches(one, schema)]
    return list(dict.fromkeys(name for one in here for name in one.get("properties", {})))


@functools.cache
def _schema(model: type[BaseModel]) -> dict[str, Any]:
    return model.model_json_schema()


def _branches(one: dict[str, Any], schema: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield a part of a JSON Schema, or each that it may be."""
    if "$ref" in one:
        one = schema["$defs"][one["$ref"].rpartition("/")[2]]
    yield one
    for branch in one.get("anyOf", ()):
        yield from _branches(branch, schema)


def _inside(one: dict[str, Any], step: str | int) -> Iterator[dict[str, Any]]:
    """Yield what a JSON Schema says of what stands under `step`."""
    others = [one.get("additionalProperties"), *one.get("patternProperties", {}).values()]
    found = [one.get("items")] if isinstance(step, int) else [one.get("properties", {}).get(step)]
    for inner in found if any(found) else others:
        if isinstance(inner, dict):
            yield inner


def check(model: type[M], data: object) -> M | list[Problem]:
    """Return `data` as a `model`, or every problem with it."""
    if not isinstance(data, dict):
        return [Problem(f"expected an object of fields, got {shown(data)}")]
    try:
        return model.model_validate(data)
    except ValidationError as error:
        return problems_of(error, model, data)
