"""How likely two names are one company's: trees fitted by `benchmarks/fit_names.py`.

`model.json` has CatBoost's oblivious trees: `features` by name; of each tree, level by level, the
`feature` asked about and the `border` it has to be over; its `leaves`, in `unit`s of log odds; and
a `bias`. What was never in the labelled pairs is not left to them (`_bounded`).
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import lru_cache
from importlib.resources import files

import numpy as np
from numpy.typing import NDArray

from riskmon.naming import pairs
from riskmon.naming.written import Written

SIBLINGS = 0.2
"""At most this where numbers differ: a 13th institute is not the 14th."""
SAME_WORDS, OTHER_FORM = 0.9, 0.75
"""At least this where all words are the same or mean the same, and just this where the legal forms
are of different kinds. Of the labelled pairs with such words every one is the same company."""
INITIALS, SHORTEST = 0.35, 3
"""At least this where one is the other's initials, so many or more: a person should see them."""
COVERED, FUZZY = pairs.FEATURES.index("covered_min"), pairs.FEATURES.index("fuzzy_weight")


class Trees:
    """Oblivious trees: each asks the same questions on one level, so that a leaf is a number."""

    def __init__(self, text: str) -> None:
        """`text`: JSON, as above. ValueError where its features are not those of `pairs`."""
        told = json.loads(text)
        if tuple(told["features"]) != pairs.FEATURES:
            raise ValueError("model.json was fitted on other features: fit it again")
        self._feature = np.array(told["feature"], np.intp)
        self._border = np.array(told["border"], np.float32)
        self._leaves = np.array(told["leaves"], np.float32) / told["unit"]
        self._bias = float(told["bias"])
        self._of_tree = np.arange(len(self._leaves)) * self._leaves.shape[1]

    def scores(self, rows: Sequence[Sequence[float]]) -> NDArray[np.float64]:
        """Return how likely each pair is one company's, 0 to 1; `rows`: pairs by features."""
        given = np.array(rows, np.float32)
        size, (trees, depth) = len(given), self._feature.shape
        over = given[:, self._feature.ravel()] > self._border.ravel()
        places = np.packbits(over.reshape(size, trees, depth), axis=2, bitorder="little")[:, :, 0]
        values = self._leaves.ravel()[places + self._of_tree]
        odds: NDArray[np.float64] = values.sum(axis=1, dtype=np.float64) + self._bias
        return 1 / (1 + np.exp(-odds))


@lru_cache(maxsize=1)
def trees() -> Trees:
    """Return the trees that ship with riskmon."""
    return Trees((files(__package__) / "model.json").read_text("utf-8"))


def likelihoods(one: Written, others: Sequence[Written]) -> list[float]:
    """Return for each of `others` how likely it is a name of the same company as `one`."""
    if not others:
        return []
    rows = [pairs.features(one, other) for other in others]
    scores = trees().scores(rows).tolist()
    return [
        _bounded(one, other, row, score)
        for other, row, score in zip(others, rows, scores, strict=True)
    ]


def _bounded(one: Written, other: Written, row: list[float], score: float) -> float:
    """Return a likelihood within what can be said without having seen such names."""
    if not (one.words or one.numbers) or not (other.words or other.numbers):
        return 0.0
    if pairs.numbers(one, other) >= pairs.NUMBER_MORE:
        return min(score, SIBLINGS)
    same = bool(one.words) and one.words == other.words
    if one.native == other.native and (same or (row[COVERED] == 1 and row[FUZZY] == 0)):
        if pairs.forms(one, other) == pairs.OTHER_FORMS:
            return OTHER_FORM
        return 1.0 if same else max(score, SAME_WORDS)
    if _initials(one, other) or _initials(other, one):
        return max(score, INITIALS)
    return score


def _initials(short: Written, long: Written) -> bool:
    """Whether the one word of a name is the initials of the other's."""
    text = short.joined
    if len(short.words) != 1 or len(long.words) != len(text) or len(text) < SHORTEST:
        return False
    return text == "".join(word.text[0] for word in long.words)
