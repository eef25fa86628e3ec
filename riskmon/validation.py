"""Checked input: every problem of a value at once, in words for the person who must act."""

from __future__ import annotations

import difflib
import functools
import json
from collections.abc import Iterable, Sequence
from typing import Any, TypeVar

from pydantic import BaseModel, TypeAdapter, ValidationError

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
}

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


def problems_of(error: ValidationError, fields: Iterable[str] = ()) -> list[Problem]:
    """Return what pydantic found, each as: field, what was expected, what is there."""
    problems: dict[str, Problem] = {}
    for found in error.errors(include_url=False):
        location = found["loc"]
        problem = Problem(_message(dict(found), fields), field=path(location), location=location)
        problems.setdefault(problem.field, problem)
    return list(problems.values())


def _message(found: dict[str, Any], fields: Iterable[str]) -> str:
    kind, context, got = found["type"], found.get("ctx", {}), shown(found["input"])
    if kind == "missing":
        return "is required and missing"
    if kind == "extra_forbidden":
        return f"is not a known field{did_you_mean(str(found['loc'][-1]), fields)}"
    if kind == "value_error":
        return f"{context['error']}, got {got}"
    if kind == "string_pattern_mismatch":
        return f"expected {FORMS.get(context['pattern'], 'text without NUL')}, got {got}"
    if kind == "literal_error":
        return f"expected {context['expected']}, got {got}"
    if kind in BOUNDS:
        words, key = BOUNDS[kind]
        return f"expected {words} {context[key]:g}, got {got}"
    if kind == "finite_number":
        return f"expected a finite number, got {got}"
    if kind == "string_unicode":
        return f"expected text without half characters, got {got}"
    if kind.endswith("_type") and kind.removesuffix("_type") in KINDS:
        return f"expected {KINDS[kind.removesuffix('_type')]}, got {got}"
    return f"{found['msg'][:1].lower()}{found['msg'][1:]}, got {got}"


@functools.cache
def field_names(model: type[BaseModel]) -> frozenset[str]:
    """Return the names of all fields of `model` and of the models inside it."""
    schema = TypeAdapter(model).json_schema()
    inner = schema.get("$defs", {}).values()
    return frozenset(name for part in (schema, *inner) for name in part.get("properties", {}))


def check(model: type[M], data: object) -> M | list[Problem]:
    """Return `data` as a `model`, or every problem with it."""
    if not isinstance(data, dict):
        return [Problem(f"expected an object of fields, got {shown(data)}")]
    try:
        return model.model_validate(data)
    except ValidationError as error:
        return problems_of(error, field_names(model))
