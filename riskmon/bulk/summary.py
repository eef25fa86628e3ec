"""What is in a columnar copy, counted in one pass over a few of its columns."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

import numpy as np

from riskmon.bulk.copy import Copy, arrow
from riskmon.bulk.part import Ended, distinct_words, flat
from riskmon.evaluators import Ints
from riskmon.told import spread

COLUMNS = ("matter", "position", "type", "topics", "scope", "party", "role")


class Summary(NamedTuple):
    """Figures of the events that stand at a position; words of all that were ever told."""

    events: int
    matters: int
    named: Ints
    """How many events name each of whom events name, by number."""
    types: set[str]
    roles: set[str]
    topics: set[str]
    subjects: set[str]


def summary(copy: Copy, ended: Ended, position: int, names: int) -> Summary:
    """Return what a copy has at `position`; `names`: how many names there are."""
    events = matters = 0
    named = np.zeros(names, np.int64)
    words: dict[str, set[str]] = {name: set() for name in ("type", "role", "topics", "scope")}
    for tables in (copy.bucket(number, columns=COLUMNS) for number in range(copy.buckets)):
        if not tables:
            continue
        table = arrow().concat_tables(tables)
        for name, found in words.items():
            found.update(distinct_words(table[name]))
        told = table["position"].to_numpy()
        stands = (told <= position) & (ended.of_rows(told) > position)
        events += int(stands.sum())
        codes = table["matter"].combine_chunks().dictionary_encode().indices.to_numpy()
        matters += len(np.unique(codes[stands]))
        counts = arrow("pyarrow.compute").list_value_length(table["party"]).to_numpy()
        index = spread((np.cumsum(counts) - counts)[stands], counts[stands])
        named += np.bincount(flat(table["party"]).to_numpy()[index], minlength=names)
    return Summary(
        events,
        matters,
        named,
        words["type"],
        words["role"],
        _split(words["topics"]),
        _split(words["scope"]),
    )


def _split(texts: Iterable[str]) -> set[Any]:
    return {word for text in texts for word in text.split()}
