"""Some matters of a columnar copy, as the columns that scores are made of. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from riskmon.bulk.copy import arrow
from riskmon.evaluators import Ints
from riskmon.roster import NOBODY
from riskmon.told import COLUMNS, ENDS, FOR_EVER, PARTIES, Bodies, Codes, Grown, Told

if TYPE_CHECKING:
    import pyarrow as pa


FirstTold = Callable[[str, str], int | None]


class Ended(NamedTuple):
    """Rows that ceased to stand, by position, and the position from which they do not."""

    position: Ints
    until: Ints

    @classmethod
    def of(cls, table: pa.Table) -> Ended:
        """Return what a copy's table says; the first end of a row counts."""
        position, until = (table[name].to_numpy() for name in ("position", "until"))
        order = np.lexsort((until, position))
        position, until = position[order], until[order]
        first = np.diff(position, prepend=0) != 0
        return cls(position[first], until[first])

    def of_rows(self, position: Ints) -> Ints:
        """Return until when each of some rows stands."""
        found = np.full(len(position), FOR_EVER)
        if len(self.position):
            place = np.minimum(np.searchsorted(self.position, position), len(self.position) - 1)
            found = np.where(self.position[place] == position, self.until[place], FOR_EVER)
        return found


class Excerpt(Told):
    """The fold of a log with some of its matters only; of these it tells what the whole tells."""

    def __init__(self, table: pa.Table, ended: Ended, rest: Told, first_told: FirstTold) -> None:
        """`rest`: the fold without events. `first_told`: the position of an event's first entry."""
        super().__init__(rest.bodies)
        table = table.sort_by("position")
        _fill(self, table, ended)
        self.matters = Codes(*_codes(table["matter"]).names.to_pylist())
        self.named, self.position = rest.named, rest.position
        until = self.rows["until"]
        gone = np.flatnonzero(until < FOR_EVER)
        gone = gone[np.argsort(until[gone], kind="stable")]
        self.ends = Grown.of(ENDS, {"row": gone, "position": until[gone]})
        self._first_told = first_told

    def rows_of(self, matters: Iterable[int]) -> Ints:
        """Return every row of some matters."""
        return np.flatnonzero(np.isin(self.rows["matter"], list(matters)))

    def row_of(self, source: str, ref: str, position: int) -> int | None:
        """Return the row that stands under a key at `position`; None where none does."""
        found = np.flatnonzero(self.rows["place"] == self._first_told(source, ref))
        standing = self.standing(position, found)
        return int(standing[0]) if len(standing) else None


def told_of(table: pa.Table, ended: Ended, bodies: Bodies) -> Told:
    """Return the columns of some events: whole matters, in any order.

    Matters and whom events name are numbers: no kernel asks for their names.
    """
    told = Told(bodies)
    _fill(told, table, ended)
    return told


def _fill(told: Told, table: pa.Table, ended: Ended) -> None:
    matters = _codes(table["matter"])
    told.types, types = _words(table["type"], str)
    told.tellers, tellers = _words(table["teller"], str)
    told.topics, topics = _words(table["topics"], lambda text: tuple(text.split()))
    told.scopes, scopes = _words(table["scope"], lambda text: frozenset(text.split()), frozenset())
    party, role = (flat(table[name]) for name in ("party", "role"))
    counts = arrow("pyarrow.compute").list_value_length(table["party"]).to_numpy()
    told.roles, roles = _words(role, str)
    last = np.cumsum(counts)
    position = table["position"].to_numpy()
    told.rows = Grown.of(
        COLUMNS,
        {
            "position": position,
            "until": ended.of_rows(position),
            "place": table["place"].to_numpy(),
            "occurred": _moments(table["occurred"]),
            "known": _moments(table["known"]),
            "matter": matters.codes,
            "type": types,
            "teller": tellers,
            "credibility": table["credibility"].to_numpy(),  # null is NaN
            "topics": topics,
            "scope": scopes,
            "first": last - counts,
            "last": last,
            "before": np.full(len(position), NOBODY),
        },
    )
    told.parties = Grown.of(PARTIES, {"party": party.to_numpy(), "role": roles})


class _Coded(NamedTuple):
    names: Any
    codes: Ints


def _codes(column: pa.ChunkedArray) -> _Coded:
    """Return the different values of a column, and of each row the number of its."""
    if not len(column):
        return _Coded(arrow().array([], arrow().string()), np.zeros(0, np.int64))
    if hasattr(column.type, "value_type"):  # words already, by a dictionary in each chunk
        chunks = column.unify_dictionaries().chunks
        codes = np.concatenate([chunk.indices.to_numpy() for chunk in chunks])
        return _Coded(chunks[0].dictionary, codes)
    encoded = column.combine_chunks().dictionary_encode()
    return _Coded(encoded.dictionary, encoded.indices.to_numpy())


def _words(column: pa.ChunkedArray, read: Any, *first: Any) -> tuple[Codes, Ints]:
    """Return the values that words of a column stand for, and of each row its value's number."""
    found = Codes(*first)
    coded = _codes(column)
    numbers = np.array([found[read(text)] for text in coded.names.to_pylist()], np.int64)
    return found, numbers[coded.codes] if len(numbers) else coded.codes


def distinct_words(column: pa.ChunkedArray) -> list[str]:
    """Return the different values of a column of words, or of lists of them."""
    values = flat(column) if hasattr(column.type, "value_field") else column
    found: list[str] = values.unique().to_pylist()
    return found


def flat(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Return what is in the lists of a column, one after another."""
    flat = [chunk.flatten() for chunk in column.chunks]
    return arrow().chunked_array(flat, type=column.type.value_type)


def _moments(column: pa.ChunkedArray) -> Ints:
    found: Ints = column.cast(arrow().int64()).to_numpy()
    return found
