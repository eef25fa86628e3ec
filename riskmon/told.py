"""What the log told, as columns: a row an event as it was told, numbers in place of words.

One fold serves every `known_at`: a row says from which position on it stands and until which, so a
prefix of the log is a mask. Bodies are read once and dropped; they are asked for again by position.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import cached_property
from itertools import islice
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from riskmon.decisions import HOLDING, LINK, MATCH, MERGE, UNLINK, Merge, Unlink, decision
from riskmon.evaluators import Ints
from riskmon.model import Company, Event, Holding, Link, Taken
from riskmon.parties import ToldParty, damaged, named
from riskmon.resolution import Decision
from riskmon.roster import NOBODY, Rosters
from riskmon.ruleset import Ruleset

Bodies = Callable[[Sequence[int]], Iterable[tuple[int, str]]]
"""From positions to (position, body) of each entry."""

FOR_EVER = 2**62
BATCH = 2_000
COLUMNS = {
    "position": np.int64,
    "until": np.int64,  # position of the entry that took its place, or withdrew it
    "place": np.int64,  # position of its key's first entry: a key keeps its place for ever
    "occurred": np.int64,  # microseconds since 1970, UTC
    "known": np.int64,  # when it was said: the same, where the source gives none
    "matter": np.int32,
    "type": np.int32,
    "teller": np.int32,  # the publisher whose story it is
    "credibility": np.float64,  # NaN: its publisher's
    "topics": np.int32,  # a set of words
    "scope": np.int32,  # a set of subjects; the empty one is 0
    "first": np.int64,  # of its parties
    "last": np.int64,
    "before": np.int64,  # the row of its matter that was told before it; -1 for none
}
PARTIES = {"party": np.int32, "role": np.int32}
ENDS = {"row": np.int64, "position": np.int64}


class _Event(msgspec.Struct, gc=False):
    type: str
    occurred_at: str
    published_at: str | None = None
    matter: str | None = None
    topics: tuple[str, ...] = ()
    parties: tuple[ToldParty, ...] = ()
    scope: tuple[str, ...] = ()
    origin: str | None = None
    credibility: float = float("nan")


class Codes(dict[Any, int]):
    """Numbers for values, in the order in which they first come; `names` is the way back."""

    def __init__(self, *first: Any) -> None:
        self.names: list[Any] = []
        for value in first:
            self[value]

    def __missing__(self, value: Any) -> int:
        self[value] = code = len(self.names)
        self.names.append(value)
        return code


class Grown:
    """Columns of one length that grow at their end; what was given out stays as it is."""

    def __init__(self, types: dict[str, Any]) -> None:
        self._size = 0
        self._buffers = {name: np.empty(1024, kind) for name, kind in types.items()}

    @classmethod
    def of(cls, types: dict[str, Any], columns: dict[str, NDArray[Any]]) -> Grown:
        """Return columns that are there already."""
        fresh = cls({})
        fresh._buffers = {
            name: columns[name].astype(kind, copy=False) for name, kind in types.items()
        }
        fresh._size = len(next(iter(columns.values())))
        return fresh

    @property
    def names(self) -> Iterable[str]:
        """Of the columns."""
        return self._buffers

    def __len__(self) -> int:
        return self._size

    def __getitem__(self, name: str) -> NDArray[Any]:
        return self._buffers[name][: self._size]

    def extend(self, columns: dict[str, list[Any]]) -> None:
        """Append values, as many in each column."""
        size = self._size + len(next(iter(columns.values())))
        for name, buffer in self._buffers.items():
            if size > len(buffer):
                larger = np.empty(max(size, 2 * len(buffer)), buffer.dtype)
                larger[: self._size] = buffer[: self._size]
                self._buffers[name] = larger
            self._buffers[name][self._size : size] = columns[name]
        self._size = size


class Told:
    """The fold of a log; appending the next entries brings it forward."""

    def __init__(self, bodies: Bodies) -> None:
        self.bodies = bodies
        self.position = 0
        self.companies: list[tuple[int, Company]] = []
        self.rulesets: list[tuple[int, str]] = []
        """Positions and bodies."""
        self.decisions: list[tuple[int, Decision]] = []
        self.merges: list[tuple[int, Merge]] = []
        self.holdings: list[tuple[int, Holding]] = []
        self.links: list[tuple[int, Link]] = []
        self.unlinked: list[tuple[int, Unlink]] = []
        self.forgotten = 0
        """Position of the last entry by which a person was forgotten."""
        self.rows = Grown(COLUMNS)
        self.parties = Grown(PARTIES)
        self.ends = Grown(ENDS)
        """Rows that stand no more, in the order in which they ceased to."""
        self.matters, self.types, self.roles = Codes(), Codes(), Codes()
        self.tellers = Codes()
        self.topics, self.scopes, self.named = Codes(), Codes(frozenset()), Codes()
        self._latest: dict[str, int] = {}
        """The last row of each key."""
        self._last_of: dict[int, int] = {}
        """The last row of each matter."""
        self._declared: dict[str | None, int] = {}
        """Numbers in `named` by a company's id: what most parties give."""
        self._made: dict[int, Ruleset] = {}
        self._decode = msgspec.json.Decoder(_Event).decode

    @cached_property
    def rosters(self) -> Rosters:
        """The companies at any position."""
        return Rosters(self)  # once asked for: it points back, and what does is freed late

    def append(self, entries: Iterable[Taken]) -> None:
        """Bring forward by `entries`, the next ones in order."""
        pending = iter(entries)
        while batch := list(islice(pending, BATCH)):
            self._take_in(batch)

    def _take_in(self, batch: list[Taken]) -> None:
        # Columns are lists of numbers: whatever is kept in objects costs time in each collection.
        fresh: dict[str, list[Any]] = {name: [] for name in COLUMNS}
        parties: dict[str, list[int]] = {name: [] for name in PARTIES}
        ended: list[tuple[int, int]] = []
        size = row = len(self.rows)
        latest, places, add = self._latest, fresh["place"], self._adder(fresh, parties)
        for position, kind, source, ref, body in batch:
            key = f"{source}\0{ref}"
            try:
                if kind == "event.recorded":
                    place, before = position, latest.get(key)
                    if before is not None:
                        ended.append((before, position))
                        place = places[before - size] if before >= size else self._place(before)
                    add(position, place, source, ref, body, row)
                    latest[key] = row
                    row += 1
                elif kind == "event.withdrawn":
                    ended.append((latest[key], position))
                else:
                    self._take(position, kind, source, body)
            except (msgspec.MsgspecError, ValueError, TypeError, KeyError) as error:
                raise damaged(position, error) from error
        fresh["occurred"] = _moments(fresh["occurred"], fresh["position"])
        fresh["known"] = _moments(fresh["known"], fresh["position"])
        fresh["until"] = [FOR_EVER] * (row - size)
        self.parties.extend(parties)
        self.rows.extend(fresh)
        self.ends.extend({"row": [pair[0] for pair in ended], "position": [p for _, p in ended]})
        until = self.rows["until"]
        for one, position in ended:
            until[one] = min(until[one], position)
        self.position = batch[-1][0]

    def _take(self, position: int, kind: str, source: str, body: str) -> None:
        """Take in an entry that tells no event."""
        if kind == "company.declared":
            self.companies.append((position, Company.model_validate_json(body)))
        elif kind == "ruleset.published":
            self.rulesets.append((position, body))
        elif kind == "person.forgotten":
            self.forgotten = position
        elif kind == MATCH:
            self.decisions.append((position, decision(source, body)))
        elif kind == MERGE:
            self.merges.append((position, Merge.model_validate_json(body)))
        elif kind == HOLDING:
            self.holdings.append((position, Holding.model_validate_json(body)))
        elif kind == LINK:
            self.links.append((position, Link.model_validate_json(body)))
        elif kind == UNLINK:
            self.unlinked.append((position, Unlink.model_validate_json(body)))

    def _place(self, row: int) -> int:
        return int(self.rows["place"][row])

    def _adder(
        self, fresh: dict[str, list[Any]], parties: dict[str, list[int]]
    ) -> Callable[[int, int, str, str, str, int], None]:
        """Return what adds the row of an event and its parties."""
        decode, matters, types, tellers = self._decode, self.matters, self.types, self.tellers
        roles, topics, scopes = self.roles, self.topics, self.scopes
        named, name, last_of = self._declared.get, self._name, self._last_of
        put = {column: values.append for column, values in fresh.items()}
        put_party, put_role = parties["party"].append, parties["role"].append
        count = len(self.parties)

        def add(position: int, place: int, source: str, ref: str, body: str, row: int) -> None:
            nonlocal count
            event = decode(body)
            put["position"](position)
            put["place"](place)
            put["occurred"](event.occurred_at)
            put["known"](event.published_at or event.occurred_at)
            matter = matters[event.matter or f"{source}:{ref}"]
            put["matter"](matter)
            put["before"](last_of.get(matter, NOBODY))
            last_of[matter] = row
            put["type"](types[event.type])
            put["teller"](tellers[event.origin or source])
            put["credibility"](event.credibility)
            put["topics"](topics[event.topics])
            put["scope"](scopes[frozenset(event.scope)] if event.scope else 0)
            put["first"](count)
            for party in event.parties:
                code = named(party.company)
                put_party(name(party) if code is None else code)
                put_role(roles[party.role])
            count += len(event.parties)
            put["last"](count)

        return add

    def _name(self, party: ToldParty) -> int:
        """Return the number of whom a party is that was not yet named by the same id."""
        code = self.named[named(party)]
        if party.company is not None:
            self._declared[party.company] = code
        return code

    def row_of(self, source: str, ref: str, position: int) -> int | None:
        """Return the row that stands under a key at `position`; None where none does."""
        row = self._latest.get(f"{source}\0{ref}")
        if row is None:
            return None
        place = self.rows["place"]
        if place[row] > position:
            return None
        found = np.flatnonzero(place[: row + 1] == place[row])  # every revision of the key
        standing = self.standing(position, found)
        return int(standing[0]) if len(standing) else None

    def rows_of(self, matters: Iterable[int]) -> Ints:
        """Return every row of some matters."""
        before, found = self.rows["before"], []
        for matter in matters:
            row = self._last_of[matter]
            while row >= 0:
                found.append(row)
                row = int(before[row])
        return np.array(sorted(found), np.int64)

    def standing(self, position: int, rows: Ints | None = None) -> Ints:
        """Return the rows, of all or of some, that stand at `position`."""
        told, until = self.rows["position"], self.rows["until"]
        if rows is None:
            return np.flatnonzero((told <= position) & (until > position))
        return rows[(told[rows] <= position) & (until[rows] > position)]

    def changed(self, after: int) -> Ints:
        """Return the matters of which something was told, or taken back, after a position."""
        begun = np.searchsorted(self.rows["position"], after, side="right")
        ended = np.searchsorted(self.ends["position"], after, side="right")
        matter = self.rows["matter"]
        return np.unique(np.append(matter[begun:], matter[self.ends["row"][ended:]]))

    def events(self, positions: Sequence[int]) -> list[Event]:
        """Return the events at some positions, in that order."""
        found = {place: Event.model_validate_json(body) for place, body in self.bodies(positions)}
        return [found[position] for position in positions]

    def ruleset_at(self, position: int) -> Ruleset | None:
        """Return the ruleset by which that prefix of the log is read."""
        # Before its first ruleset a log is read by that one: it is the first there was.
        found = [pair for pair in self.rulesets if pair[0] <= position] or self.rulesets[:1]
        if not found:
            return None
        place, body = found[-1]
        if place not in self._made:
            try:
                self._made[place] = Ruleset.from_body(body)
            except (ValueError, KeyError, TypeError) as error:
                raise damaged(place, error) from error
        return self._made[place]


def _moments(texts: list[str], positions: list[int]) -> Any:
    """Return moments, UTC text of the ledger, in microseconds."""
    try:
        return np.array([text[:-1] for text in texts], "datetime64[us]").astype(np.int64)
    except ValueError:
        for text, position in zip(texts, positions, strict=True):
            try:
                np.datetime64(text[:-1], "us")
            except ValueError as error:
                raise damaged(position, error) from error
        raise


def spread(firsts: NDArray[Any], counts: NDArray[Any]) -> Ints:
    """Return the indices of runs that begin at `firsts`, `counts` long, one after another."""
    total = int(counts.sum())
    ends = np.cumsum(counts)
    found: Ints = np.arange(total) + np.repeat(firsts - (ends - counts), counts)
    return found
