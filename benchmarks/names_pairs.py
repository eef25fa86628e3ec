"""How well names are told apart: the measures, and the other libraries beside ours."""

from __future__ import annotations

import functools
import itertools
import statistics
import sys
import time
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from benchmarks.measure import RUNS
from riskmon.names import compare

Row = dict[str, str]
Compare = Callable[[str, str], float]


class Quality(NamedTuple):
    """How well scores tell the same from others, over all thresholds."""

    f1: float
    threshold: float
    """Where F1 is best, as it is above."""
    average_precision: float
    recall: float
    """The most at a precision of .99."""
    accuracy: float
    """The best."""


def quality(same: np.ndarray, scores: np.ndarray) -> Quality:
    """Return it for pairs of which some are the `same`; pairs of one score stand or fall together.

    Average precision is the sum of precision x the step in recall, as scikit-learn has it.
    """
    order = np.argsort(-scores, kind="stable")
    last = np.flatnonzero(np.append(np.diff(scores[order]) != 0, True))
    hits, taken = np.cumsum(same[order])[last], last + 1
    precision, recall = hits / taken, hits / same.sum()
    f1 = 2 * hits / (taken + same.sum())
    best = int(f1.argmax())
    right = np.append(2 * hits - taken, 0) + (~same).sum()  # the last: none is taken
    return Quality(
        float(f1[best]),
        float(scores[order][last[best]]),
        float((precision * np.diff(recall, prepend=0)).sum()),
        float(recall[precision >= 0.99].max(initial=0)),
        float(right.max() / len(same)),
    )


def scored(rows: list[Row]) -> tuple[np.ndarray, dict[str, tuple[np.ndarray, float]]]:
    """Return which are the same, and of each method its scores, 0 to 1, and us a pair."""
    same = np.array([row.get("same") == "1" or row.get("is_match") == "true" for row in rows])
    sides = ("name_a", "name_b") if "name_a" in rows[0] else ("name1", "name2")
    pairs = [(row[sides[0]], row[sides[1]]) for row in rows]
    methods: dict[str, Compare] = {"riskmon": compare, **other_methods()}
    scores = {name: np.zeros(len(pairs)) for name in methods}
    costs: dict[str, list[float]] = {name: [] for name in methods}
    forget()
    for method in methods.values():
        method("Acme Ltd", "Acme Limited")  # what is read at the first call is no cost of a pair
    for part in range(RUNS):
        mine = pairs[part::RUNS]
        for name, method in methods.items():
            start = time.process_time()
            scores[name][part::RUNS] = [method(*pair) for pair in mine]
            costs[name].append((time.process_time() - start) / len(mine) * 1e6)
    return same, {name: (scores[name], statistics.median(costs[name])) for name in methods}


@functools.cache
def other_methods() -> dict[str, Compare]:
    """Return the methods that are installed, and print why others are skipped."""
    found: dict[str, Compare] = {}
    for method in (_rapidfuzz, _cleanco, _nomenklatura):
        try:
            found |= method()
        except ImportError as error:
            print(f"{method.__name__[1:]}: skipped, not installed here ({error})", flush=True)
    return found


def _rapidfuzz() -> dict[str, Compare]:
    """Return the two on raw names, on which they do better than on lower case."""
    from rapidfuzz import fuzz  # noqa: PLC0415 (may not be installed)

    return {
        "token_set_ratio": lambda a, b: fuzz.token_set_ratio(a, b) / 100,
        "WRatio": lambda a, b: fuzz.WRatio(a, b) / 100,
    }


def _cleanco() -> dict[str, Compare]:
    from cleanco import basename  # type: ignore[import-untyped,unused-ignore]  # noqa: PLC0415
    from rapidfuzz import fuzz, utils  # noqa: PLC0415

    def score(one: str, other: str) -> float:
        both = basename(one), basename(other)
        return fuzz.token_sort_ratio(*both, processor=utils.default_process) / 100

    return {"cleanco + token_sort_ratio": score}


def _nomenklatura() -> dict[str, Compare]:
    from followthemoney import model  # type: ignore[import-not-found,unused-ignore]  # noqa: PLC0415
    from nomenklatura.matching import LogicV2  # type: ignore[import-not-found,unused-ignore]  # noqa: PLC0415

    config, numbers = LogicV2.default_config(), itertools.count()

    def entity(name: str) -> Any:
        made = model.make_entity("Company")
        made.id = str(next(numbers))  # it caches by id
        made.add("name", name)
        return made

    return {
        "nomenklatura logic-v2": lambda a, b: LogicV2.compare(entity(a), entity(b), config).score
    }


def forget() -> None:
    """Empty riskmon's caches, so that no query finds what an earlier one left."""
    for name, module in list(sys.modules.items()):
        if name.startswith("riskmon"):
            for value in vars(module).values():
                if hasattr(value, "cache_clear"):
                    value.cache_clear()
