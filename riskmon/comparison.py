"""What a copy of a list changes against what stands, by key and in numbers. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from hashlib import sha256

import msgspec

from riskmon.errors import Problem
from riskmon.listing import (
    Broken,
    Cut,
    Found,
    Gone,
    Known,
    Listed,
    Module,
    Parts,
    Repeat,
    Shape,
    State,
)
from riskmon.model import Note, Row

MOST_KEY = 340
"""Of a ref's 400 characters; the rest says which change it is."""
FEW = 5
"""So many entries may go, or be unreadable, whatever share of a short list they are."""
MOST_KEPT = 20_000
"""Entries that are kept in memory from the first reading of a copy."""
MOST_REFUSED = 5_000
"""Refused rows of a copy that is not held for them."""
MOST_RAW = 10_000
"""Characters of a refused row that are kept."""
SOON = timedelta(days=3653)
"""A copy that says it is of later would make all that follow older; a clock may be behind."""
AHEAD = timedelta(days=366)
"""How far after the day of its copy a listing may begin."""
LONGEST = timedelta(days=365 * 100)
"""How far ahead an end may be: some orders deny for life."""


@dataclass
class Comparison:
    """What a copy changes, by key and in numbers."""

    day: date
    """The day that the copy is of."""
    partial: bool = False
    """Whether it is a part of the list: what it lacks is not gone, but what it says is."""
    rows: int = 0
    standing: int = 0
    """Entries that stand before."""
    listed: set[str] = field(default_factory=set)
    amended: set[str] = field(default_factory=set)
    redated: set[str] = field(default_factory=set)
    gone: list[str] = field(default_factory=list)
    unchanged: int = 0
    """Rows that say what is known, or what another row says."""
    refused: list[Row] = field(default_factory=list)
    """The first of them."""
    refusals: int = 0
    keyless: int = 0
    """Refused rows of which nobody can say which entry they are."""
    notes: list[Note] = field(default_factory=list)
    broken: list[Problem] = field(default_factory=list)
    cut: str = ""
    """Why it may be cut."""
    digests: dict[str, str] = field(default_factory=dict)
    """Of the content of each entry, by key."""
    few: list[Listed] = field(default_factory=list)
    """The first of the entries that have something to tell."""

    def refuse(self, row: Row, *, keyless: bool) -> None:
        """Note a row that is refused; its text is cut."""
        self.refusals += 1
        self.keyless += keyless
        if len(self.refused) < MOST_REFUSED:
            self.refused.append(row._replace(raw=row.raw[:MOST_RAW]))

    @property
    def whole(self) -> bool:
        """Whether `few` has all the entries that have something to tell."""
        return len(self.few) == len(self.listed) + len(self.amended) + len(self.redated)

    def telling(self, module: Module, parts: Parts, state: State) -> Iterator[Listed]:
        """Yield the entries that have something to tell; where they are many, read once more."""
        if self.whole:
            yield from sorted(self.few, key=lambda one: one.line)
            return
        changed = self.listed | self.amended | self.redated
        for one in keyed(module.entries(parts), state):
            if isinstance(one, Keyed) and one.entry.key in changed:
                yield one.entry

    def reasons(self, shape: Shape) -> list[str]:
        """Return why the copy is not credible; none where it is."""
        if self.broken:
            return [str(problem) for problem in self.broken]
        reasons = [self.cut] if self.cut and self.gone and not self.partial else []
        if not self.partial and self.rows < shape.rows:
            reasons.append(f"expected at least {shape.rows:,} rows, got {self.rows:,}")
        checks = (
            (len(self.gone), shape.drop, "are missing"),
            (len(self.amended), shape.change, "are amended"),
            (len(self.listed), shape.rise, "are new"),
        )
        for count, share, what in checks:
            if self.standing and count > max(FEW, share * self.standing):
                told = f"{count:,} entries {what}, where {self.standing:,} stood"
                told += f" ({count / self.standing:.0%}): at most {share:.0%} is credible"
                reasons.append(told)
        return reasons + self.unread(shape, self.refused, self.refusals)

    def unread(self, shape: Shape, refused: Sequence[Row], count: int) -> list[str]:
        """Return that so many rows are refused, where they are too many."""
        if count <= max(FEW, min(shape.drop * self.rows, MOST_REFUSED)):
            return []
        first = refused[0]
        why = "; ".join(map(str, first.told)) if isinstance(first.told, list) else ""
        told = f"{count:,} of {self.rows:,} rows cannot be read"
        return [f"{told}, the first on line {first.line}: {why}"]


def compared(
    module: Module, parts: Parts, state: State, *, partial: bool, dated: date | None, today: date
) -> Comparison:
    """Return what a copy changes against what stands.

    It is of the day `dated`, else of the one that it says, else of `today`.
    """
    found = Comparison(dated or today, partial)
    gone: list[str] = []
    for one in keyed(module.entries(parts), state):
        if isinstance(one, Keyed):
            found.rows += 1
            _compare(module.SHAPE, one, state.get(one.entry.key), found)
        elif isinstance(one, date):
            if not module.SHAPE.since <= one <= today + SOON:
                found.broken.append(Problem(f"it says that it is of {one}, which cannot be"))
            found.day = dated or one
        elif isinstance(one, Cut):
            found.cut = one.reason
        elif isinstance(one, Repeat | Gone):
            found.rows += 1
            found.unchanged += 1
            gone += one.keys if isinstance(one, Gone) else ()
        elif isinstance(one.told, Broken):
            found.broken += one.told
        elif isinstance(one.told, Note):
            found.notes.append(one.told)
        else:
            found.rows += 1
            found.refuse(one, keyless=True)
        if found.broken:
            break
    if found.cut:
        found.notes.append(Note(found.cut))
    standing = {key: None for key, known in state.items() if not known.gone}
    found.standing = len(standing)
    missing = standing if not partial else (key for key in gone if key in standing)
    found.gone = [key for key in dict.fromkeys(missing) if key not in found.digests]
    return found


def _compare(shape: Shape, keyed_: Keyed, known: Known | None, found: Comparison) -> None:
    one, digest = keyed_.entry, keyed_.digest
    found.digests[one.key] = digest
    if known is not None and not known.gone:
        since = one.since.isoformat() if one.since else known.since
        until = one.until.isoformat() if one.until else None
        same = digest == known.digest
        if same and since == known.since and until == known.until:
            found.unchanged += 1
            return
        change = found.redated if same else found.amended
    else:
        change = found.listed
    if problems := misdated(shape, one, found.day):
        found.refuse(Row(one.line, one.raw, problems), keyless=False)
    else:
        change.add(one.key)
        if len(found.few) < MOST_KEPT:
            found.few.append(one)


class Keyed(msgspec.Struct, gc=False):
    """An entry under the key by which the ledger knows it, and the digest of its content."""

    entry: Listed
    digest: str


def keyed(
    entries: Iterable[Found], state: State
) -> Iterator[Row | Repeat | Gone | Cut | date | Keyed]:
    """Yield the entries with keys that differ: a second one under a key is `key #2`.

    Of several under one key each is the one that the ledger knows with the same content, wherever
    it stands in the copy; what is left over takes the place of who is not there any more.
    """
    seen: dict[str, Said] = {}
    again = _Again(state, seen)
    for one in entries:
        if not isinstance(one, Listed):
            yield one
            continue
        key = one.key
        if "[" in key or "#" in key or len(key) > MOST_KEY:
            key = _clean(key)
            one = one._replace(key=key)  # noqa: PLW2901
        digest = sha256(one.content.encode("utf-8", "replace")).hexdigest()[:12]
        if key not in seen:
            seen[key] = (digest, one.since, one.until)
            known = state.get(key)
            if known is None or known.digest == digest:
                yield Keyed(one, digest)
                continue
            again.moved.add(key)
        elif again.repeats(one, digest):
            yield Repeat(one.line, one.raw)
            continue
        if (found := again.placed(one, digest)) is not None:
            yield found
    yield from again.left()


Said = tuple[str, date | None, date | None]
"""What an entry says: the digest of its content, and its dates."""


class _Again:
    """The entries whose key is taken already, or known with another content."""

    def __init__(self, state: State, seen: Mapping[str, Said]) -> None:
        self._state = state
        self._seen = seen
        self._more: dict[str, list[Said]] = {}
        self._taken: set[str] = set()
        self._late: list[Keyed] = []
        self.moved: set[str] = set()
        """Keys whose first entry may be another than the one that is known."""

    def repeats(self, one: Listed, digest: str) -> bool:
        """Return whether an entry says again what another one said."""
        said = (digest, one.since, one.until)
        before = self._more.setdefault(one.key, [])
        if said == self._seen[one.key] or said in before:
            return True
        before.append(said)
        return False

    def placed(self, one: Listed, digest: str) -> Keyed | None:
        """Return an entry under its key; None where that is not sure yet."""
        if one.key not in self._state:
            return self._take(one, self._numbered(one.key), digest)
        same = (key for key in self._siblings(one.key) if self._state[key].digest == digest)
        key = next(filter(self._free, same), None)
        if key is None:
            self._late.append(Keyed(one, digest))
            return None
        return self._take(one, key, digest)

    def left(self) -> Iterator[Keyed]:
        """Yield those that were not sure: they take the place of who is not there any more."""
        for late in self._late:
            key = late.entry.key
            free = list(filter(self._free, self._siblings(key)))
            free.sort(key=lambda one: self._state[one].gone)
            yield self._take(late.entry, free[0] if free else self._numbered(key), late.digest)

    def _free(self, key: str) -> bool:
        return key not in self._taken and (key not in self._seen or key in self.moved)

    def _take(self, one: Listed, key: str, digest: str) -> Keyed:
        self._taken.add(key)
        return Keyed(one._replace(key=key), digest)

    def _siblings(self, key: str) -> Iterator[str]:
        """Yield the keys that the ledger knows of entries with this one."""
        number, other = 1, key
        while other in self._state:
            yield other
            number += 1
            other = f"{key} #{number}"

    def _numbered(self, key: str) -> str:
        """Return the first key that is free."""
        number, other = 1, key
        while other in self._state or not self._free(other):
            number += 1
            other = f"{key} #{number}"
        return other


def _clean(key: str) -> str:
    """Return a key that is not too long, and none of ours: `key #2`, `key [amended]`."""
    key = key.replace("[", "(").replace("]", ")").replace(" #", " no. ")
    if len(key) > MOST_KEY:
        digest = sha256(key.encode("utf-8", "replace")).hexdigest()[:16]
        return f"{key[: MOST_KEY - 20]} {digest}"
    return key


def misdated(shape: Shape, one: Listed, day: date) -> list[Problem]:
    """Return what is wrong with the dates of an entry of a copy of that `day`."""
    problems = []
    bounds = (("since", one.since, AHEAD), ("until", one.until, LONGEST))
    for name, given, ahead in bounds:
        last = min(day, date.max - ahead) + ahead
        if given and not shape.since <= given <= last:
            told = f"expected a date from {shape.since} to {last}, got {given}"
            problems.append(Problem(told, field=name))
    if one.since and one.until and one.until < one.since:
        told = f"expected an end after it began on {one.since}, got {one.until}"
        problems.append(Problem(told, field="until"))
    return problems
