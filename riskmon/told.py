"""What the log told, as columns: a row an event as it was told, numbers in place of words.

One fold serves every `known_at`: a row says from which position on it stands and until which, so a
prefix of the log is a mask. Bodies are read once and dropped; they are asked for again by position.
"""

from __future__ import annotations

import bisect
from collections.abc import Callable, Iterable, Sequence
from itertools import islice
from typing import Any, NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from riskmon.errors import DatabaseError
from riskmon.model import Company, Event, Taken
from riskmon.roster import NOBODY, Roster
from riskmon.ruleset import Ruleset

Ints = NDArray[np.int64]
Bodies = Callable[[Sequence[int]], Iterable[tuple[int, str]]]
"""From positions to (position, body) of each entry."""

FOR_EVER = 2**62
KEPT_ROSTERS = 2
BATCH = 20_000
COLUMNS = {
    "position": np.int64,
    "until": np.int64,  # position of the entry that took its place, or withdrew it
    "place": np.int64,  # position of its key's first entry: a key keeps its place for ever
    "occurred": np.int64,  # microseconds since 1970, UTC
    "matter": np.int32,
    "type": np.int32,
    "source": np.int32,
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
PLACE, OCCURRED = list(COLUMNS).index("place"), list(COLUMNS).index("occurred")


class _Party(msgspec.Struct, gc=False):
    role: str = "subject"
    company: str | None = None
    name: str | None = None
    kind: str | None = None
    aliases: tuple[str, ...] = ()
    identifiers: dict[str, str | tuple[str, ...]] = {}


class _Event(msgspec.Struct, gc=False):
    type: str
    occurred_at: str
    matter: str | None = None
    topics: tuple[str, ...] = ()
    parties: tuple[_Party, ...] = ()
    scope: tuple[str, ...] = ()
    origin: str | None = None
    credibility: float = float("nan")


class Named(NamedTuple):
    """Whom an event names: a company's id, or what the name is resolved by."""

    company: str | None
    names: tuple[str, ...] = ()
    identifiers: tuple[tuple[str, str | tuple[str, ...]], ...] = ()


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

    def __len__(self) -> int:
        return self._size

    def __getitem__(self, name: str) -> NDArray[Any]:
        return self._buffers[name][: self._size]

    def extend(self, rows: Sequence[tuple[Any, ...]]) -> None:
        """Append rows, their values in the order of the columns."""
        size = self._size + len(rows)
        for (name, buffer), column in zip(self._buffers.items(), zip(*rows), strict=False):
            if size > len(buffer):
                larger = np.empty(max(size, 2 * len(buffer)), buffer.dtype)
                larger[: self._size] = buffer[: self._size]
                self._buffers[name] = larger
            self._buffers[name][self._size : size] = column
        self._size = size


class Told:
    """The fold of a log; appending the next entries brings it forward."""

    def __init__(self, bodies: Bodies) -> None:
        self.bodies = bodies
        self.position = 0
        self.companies: list[tuple[int, Company]] = []
        self.rulesets: list[tuple[int, str]] = []
        """Positions and bodies."""
        self.rows = Grown(COLUMNS)
        self.parties = Grown(PARTIES)
        self._ends = Grown(ENDS)
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
        self._rosters: dict[int, Roster] = {}
        self._made: dict[int, Ruleset] = {}
        self._decode = msgspec.json.Decoder(_Event).decode

    def append(self, entries: Iterable[Taken]) -> None:
        """Bring forward by `entries`, the next ones in order."""
        pending = iter(entries)
        while batch := list(islice(pending, BATCH)):
            self._take_in(batch)

    def _take_in(self, batch: list[Taken]) -> None:
        fresh: list[tuple[Any, ...]] = []
        parties: list[tuple[int, int]] = []
        ended: list[tuple[int, int]] = []
        size = len(self.rows)
        latest, add = self._latest, self._add
        for position, kind, source, ref, body in batch:
            stream = f"{source}\0{ref}"
            try:
                if kind == "event.recorded":
                    place, before = position, latest.get(stream)
                    if before is not None:
                        ended.append((before, position))
                        place = fresh[before - size][PLACE] if before >= size else self._place(before)
                    row = latest[stream] = size + len(fresh)
                    fresh.append(add(position, place, source, ref, body, row, parties))
                elif kind == "event.withdrawn":
                    ended.append((latest[stream], position))
                elif kind == "company.declared":
                    self.companies.append((position, Company.model_validate_json(body)))
                elif kind == "ruleset.published":
                    self.rulesets.append((position, body))
            except (msgspec.MsgspecError, ValueError, TypeError, KeyError) as error:
                raise _damaged(position, error) from error
        self.parties.extend(parties)
        self.rows.extend(_moments(fresh))
        self._ends.extend(ended)
        until = self.rows["until"]
        for row, position in ended:
            until[row] = min(until[row], position)
        self.position = batch[-1].position

    def _place(self, row: int) -> int:
        return int(self.rows["place"][row])

    def _add(
        self,
        position: int,
        place: int,
        source: str,
        ref: str,
        body: str,
        row: int,
        parties: list[tuple[int, int]],
    ) -> tuple[Any, ...]:
        """Return the row of an event, after its parties are added to `parties`."""
        event = self._decode(body)
        first = len(self.parties) + len(parties)
        for party in event.parties:
            code = self._declared.get(party.company)
            if code is None:
                code = self._name(party)
            parties.append((code, self.roles[party.role]))
        matter = self.matters[event.matter or f"{source}:{ref}"]
        before = self._last_of.get(matter, NOBODY)
        self._last_of[matter] = row
        return (
            position,
            FOR_EVER,
            place,
            event.occurred_at[:-1],  # without its Z
            matter,
            self.types[event.type],
            self.tellers[source],
            self.tellers[event.origin or source],
            event.credibility,
            self.topics[event.topics],
            self.scopes[frozenset(event.scope)] if event.scope else 0,
            first,
            first + len(event.parties),
            before,
        )

    def _name(self, party: _Party) -> int:
        """Return the number of whom a party is that was not yet named by the same id."""
        if party.company is not None:
            code = self._declared[party.company] = self.named[Named(party.company)]
            return code
        if party.kind == "person" or party.name is None:
            return self.named[Named(None)]
        names = (party.name, *party.aliases)
        return self.named[Named(None, names, tuple(party.identifiers.items()))]

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
        ended = np.searchsorted(self._ends["position"], after, side="right")
        matter = self.rows["matter"]
        return np.unique(np.append(matter[begun:], matter[self._ends["row"][ended:]]))

    def roster(self, position: int) -> Roster:
        """Return the companies declared up to `position`."""
        count = bisect.bisect_right(self.companies, position, key=lambda pair: pair[0])
        if count not in self._rosters:
            if len(self._rosters) >= KEPT_ROSTERS:
                self._rosters.pop(next(iter(self._rosters)))
            self._rosters[count] = Roster({one.id: one for _, one in self.companies[:count]})
        return self._rosters[count]

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
                raise _damaged(place, error) from error
        return self._made[place]


def _moments(rows: list[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
    """Return rows with their moments, text of the ledger, in microseconds."""
    texts = [row[OCCURRED] for row in rows]
    try:
        moments = np.array(texts, "datetime64[us]").astype(np.int64).tolist()
    except ValueError:
        for row in rows:
            try:
                np.datetime64(row[OCCURRED], "us")
            except ValueError as error:
                raise _damaged(row[0], error) from error
        raise
    return [
        (*row[:OCCURRED], moment, *row[OCCURRED + 1 :])
        for row, moment in zip(rows, moments, strict=True)
    ]


def _damaged(position: int, error: Exception) -> DatabaseError:
    return DatabaseError(
        f"entry {position} of the ledger is damaged, or a newer riskmon wrote it "
        f"({str(error).splitlines()[0]}): restore a copy, or upgrade"
    )


def spread(firsts: NDArray[Any], counts: NDArray[Any]) -> Ints:
    """Return the indices of runs that begin at `firsts`, `counts` long, one after another."""
    total = int(counts.sum())
    ends = np.cumsum(counts)
    return np.arange(total) + np.repeat(firsts - (ends - counts), counts)
