"""Evaluators say where matters stand: how likely the risk is, since when. Each is one file here.

An evaluator is a module (or, from outside, any object under the entry point `riskmon.evaluators`)
with four names:

    VERSION     text; change it with any change of a figure: it is part of the ruleset's digest
    UNIT        "matter", or "company": what the events of a walk are grouped by
    Parameters  a pydantic model: what a rule may give it under `parameters`
    evaluate    (parameters, terms, walk) -> Found

`evaluate` is pure: no clock, no chance, no order but that of the walk. What it returns is checked;
what is nonsense fails its rule, and no other.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Mapping
from functools import cache
from importlib.metadata import entry_points
from typing import Any, NamedTuple, Protocol, cast

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel

from riskmon.errors import EvaluatorError
from riskmon.rules import Terms

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]

NUMBER, SOURCES, TIMES = 1, 2, 3
"""What the stage of an event is: a likelihood, a claim, a factor."""
NEVER = -(2**62)
DAY = 86_400_000_000
"""Microseconds."""
MOST = 1e9
"""A likelihood may be above 1, where factors say so; not beyond sense."""


BUILT_IN = frozenset(one.name for one in pkgutil.iter_modules(__path__))
"""The files here."""


class Walk(NamedTuple):
    """Events of many units (matters, or all matters of a company), unit after unit.

    Within a unit by (occurred, place). All arrays but `starts` have one value an event.
    """

    starts: Ints
    """Where each unit begins, and last how many events there are."""
    occurred: Ints
    """Microseconds since 1970, UTC."""
    kind: NDArray[np.int8]
    """NUMBER, SOURCES or TIMES."""
    value: Floats
    """The stage's number or factor; of a claim, how credible its teller is, 0 to 1."""
    type: Ints
    """A number for each event type."""
    group: Ints
    """A number for each group of publishers."""
    matter: Ints
    """A number for each matter."""


class Found(NamedTuple):
    """Where each unit stands after each event of the walk, until its next one."""

    likelihood: Floats
    """0 for no line."""
    since: Ints
    """Where the decay clock stands, in microseconds; NEVER for no line."""
    stage: Ints
    """Which event set the official stage, by its place in the walk; -1 for none."""


class Evaluator(Protocol):
    """What a module here has."""

    VERSION: str
    UNIT: str
    Parameters: type[BaseModel]

    def evaluate(self, parameters: Any, terms: Terms, walk: Walk) -> Found:
        """Return where each unit stands after each event."""


@cache
def evaluators() -> dict[str, Evaluator]:
    """Return every evaluator there is, by name: the files here, then those of other packages."""
    found: dict[str, Evaluator] = {
        name: _sound(importlib.import_module(f"{__name__}.{name}")) for name in sorted(BUILT_IN)
    }
    for entry in entry_points(group="riskmon.evaluators"):
        if entry.name not in found:
            try:
                found[entry.name] = _sound(entry.load())
            except Exception as error:  # noqa: BLE001 (whatever it raises, the others stand)
                found[entry.name] = cast("Evaluator", Broken(f"it cannot be loaded: {error}"))
    return found


def _sound(found: Any) -> Evaluator:
    """Return an evaluator, if it has what one must have; else what says what is missing."""
    unit, parameters = getattr(found, "UNIT", None), getattr(found, "Parameters", None)
    wrong = ""
    if unit not in ("matter", "company"):
        wrong = f"expected its UNIT to be matter or company, got {unit!r}"
    elif not isinstance(getattr(found, "VERSION", None), str):
        wrong = "expected its VERSION to be text"
    elif not (isinstance(parameters, type) and issubclass(parameters, BaseModel)):
        wrong = "expected its Parameters to be a pydantic model"
    elif not callable(getattr(found, "evaluate", None)):
        wrong = "expected it to have a function evaluate"
    return cast("Evaluator", Broken(wrong) if wrong else found)


class Broken:
    """Stands for an evaluator that cannot be loaded: the rules that ask for it fail."""

    VERSION = "broken"
    UNIT = "matter"

    class Parameters(BaseModel):
        """Any."""

    def __init__(self, reason: str) -> None:
        self.reason = reason

    def evaluate(self, parameters: Any, terms: Terms, walk: Walk) -> Found:
        """Say why there is none."""
        del parameters, terms, walk
        raise EvaluatorError(self.reason)


def run(name: str, parameters: Mapping[str, Any], terms: Terms, walk: Walk) -> Found:
    """Return what the evaluator called `name` finds; EvaluatorError for what is nonsense."""
    try:
        one = evaluators()[name]
        given = one.Parameters.model_validate(parameters)
        with np.errstate(all="ignore"):  # what comes of it is checked
            found = one.evaluate(given, terms, Walk._make(map(_fixed, walk)))
        likelihood = np.asarray(found.likelihood, np.float64)
        since, stage = np.asarray(found.since, np.int64), np.asarray(found.stage, np.int64)
    except EvaluatorError as error:
        raise EvaluatorError(f"{name}: {error}") from error
    except Exception as error:  # it may be anybody's code
        raise EvaluatorError(f"{name} raised {type(error).__name__}: {error}") from error
    _check(name, Found(likelihood, since, stage), walk)
    return Found(likelihood, since, stage)


def _fixed(column: Any) -> NDArray[Any]:
    """Return a column that nobody can write to: rules share it."""
    fixed: NDArray[Any] = column.view()
    fixed.flags.writeable = False
    return fixed


def _check(name: str, found: Found, walk: Walk) -> None:
    likelihood, since, stage = found
    count = len(walk.occurred)
    if not likelihood.shape == since.shape == stage.shape == (count,):
        raise EvaluatorError(f"{name}: expected a value for each of {count} events")
    if not (np.isfinite(likelihood).all() and (likelihood >= 0).all()):
        raise EvaluatorError(f"{name}: expected likelihoods that are finite and not below 0")
    if (likelihood > MOST).any():
        raise EvaluatorError(f"{name}: expected likelihoods of at most {MOST:g}")
    if ((likelihood > 0) & (since > walk.occurred)).any():
        raise EvaluatorError(f"{name}: expected no clock that begins after the event")
    if ((stage < -1) | (stage >= count)).any():
        raise EvaluatorError(f"{name}: expected stages among the events of the walk")
