"""What a list must look like, and what a copy of it changes against what stands. Pure.

A list's module has `SHAPE`; `entries(parts)`, which yields each entry cheaply, with what is
compared; and `listing(entry)`, which says all that an entry tells and is asked only of those that
changed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from hashlib import sha256
from typing import Any, BinaryIO, NamedTuple, Protocol

from riskmon.errors import Problem
from riskmon.model import Note, Row

Parts = dict[str, Callable[[], BinaryIO]]
"""Files of a copy by name; each can be opened again and again."""

MOST_KEY = 340
"""Of a ref's 400 characters; the rest says which change it is."""
FEW = 5
"""So many entries may go, or be unreadable, whatever share of a short list they are."""
MOST_KEPT = 20_000
"""Entries that are kept in memory from the first reading of a copy."""
AHEAD = timedelta(days=366)
"""How far after the day of its copy a listing may begin."""
LONGEST = timedelta(days=365 * 100)
"""How far ahead an end may be: some orders deny for life."""


@dataclass(frozen=True)
class Shape:
    """What a list must look like: a copy that does not is held whole, for a person to decide."""

    source: str
    title: str
    """As in "added to the ..."."""
    topics: tuple[str, ...]
    rows: int
    """At least."""
    since: date
    """No entry is older."""
    drop: float = 0.05
    """Greatest credible share of the entries that is missing from the next copy."""
    rise: float = 0.5
    """Greatest credible share by which the next copy grows."""
    change: float = 0.25
    """Greatest credible share of the entries that the next copy amends."""
    urls: tuple[str, ...] = ()
    """Where it is published."""
    formats: tuple[str, ...] = ("csv",)
    """What comes from there: csv, json, xml, text or zip."""


class Listed(NamedTuple):
    """An entry of a list, as cheaply as it can be read."""

    line: int
    raw: str
    key: str
    """What the list knows it by, the same from one copy to the next."""
    content: str
    """What makes an amendment when it changes; its two dates are compared by themselves."""
    cells: Any
    """What `listing` reads."""
    since: date | None = None
    """When it was listed, as the list says."""
    until: date | None = None
    """When the listing ends or ended, as the list says."""


class Listing(NamedTuple):
    """What an entry tells."""

    name: str
    """Empty where the list names nobody."""
    aliases: Sequence[str] = ()
    kind: str | None = None
    """person, vessel, aircraft; None for a company or another body."""
    identifiers: Mapping[str, str | Sequence[str]] = {}
    attributes: Mapping[str, Any] = {}
    amended: date | None = None
    """When the list last amended it, as the list says."""
    matter: str | None = None
    """Default `source:key`; another list's where this one repeats it."""
    topics: Sequence[str] | None = None
    """Default the list's."""
    scope: Sequence[str] = ()
    url: str | None = None
    title: str | None = None
    """Of the list, where it is one of several."""


class Broken(list[Problem]):
    """Problems with a copy as a whole: it is held."""


class Repeat(NamedTuple):
    """A row that says again what another one said."""

    line: int
    raw: str


Found = Listed | Row | Repeat | date
"""An entry; a row that is refused, or a Note; or the day that the copy says it is of."""


class Module(Protocol):
    """A module of `riskmon.sources` that reads a list."""

    SHAPE: Shape

    @staticmethod
    def entries(parts: Parts) -> Iterator[Found]:
        """Yield the entries of a copy in order."""

    @staticmethod
    def listing(entry: Listed) -> Listing | list[Problem]:
        """Return what an entry tells, or why it is refused."""


class Known(NamedTuple):
    """What the ledger knows of an entry."""

    spell: int
    """How many times it was listed."""
    amendments: int
    """In all spells."""
    digest: str
    """Of its content."""
    since: str | None = None
    """As the list says."""
    until: str | None = None
    """As the list says, or when it was gone."""
    gone: bool = False


State = Mapping[str, Known]
"""What the ledger knows of a list's entries, by key."""


@dataclass
class Comparison:
    """What a copy changes, by key and in numbers."""

    day: date
    """The day that the copy is of."""
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
    keyless: int = 0
    """Refused rows of which nobody can say which entry they are."""
    notes: list[Note] = field(default_factory=list)
    broken: list[Problem] = field(default_factory=list)
    digests: dict[str, str] = field(default_factory=dict)
    """Of the content of each entry, by key."""
    few: list[Listed] = field(default_factory=list)
    """The first of the entries that have something to tell."""

    def telling(self, module: Module, parts: Parts) -> Iterator[Listed]:
        """Yield the entries that have something to tell; where they are many, read once more."""
        changed = self.listed | self.amended | self.redated
        if len(changed) == len(self.few):
            yield from self.few
            return
        for one in keyed(module.entries(parts)):
            if isinstance(one, Listed) and one.key in changed:
                yield one

    def reasons(self, shape: Shape, *, partial: bool) -> list[str]:
        """Return why the copy is not credible; none where it is."""
        if self.broken:
            return [str(problem) for problem in self.broken]
        reasons = []
        if not partial and self.rows < shape.rows:
            reasons.append(f"expected at least {shape.rows:,} rows, got {self.rows:,}")
        checks = (
            (len(self.gone), shape.drop, "are missing"),
            (len(self.amended), shape.change, "are amended"),
            (len(self.listed), shape.rise, "are new"),
        )
        for count, share, what in checks:
            if self.standing and count > max(FEW, share * self.standing):
                told = f"{count:,} entries {what}, where {self.standing:,} stood"
                reasons.append(f"{told} ({count / self.standing:.0%}): {share:.0%} are credible")
        if len(self.refused) > max(FEW, shape.drop * self.rows):
            first = self.refused[0]
            why = "; ".join(map(str, first.told)) if isinstance(first.told, list) else ""
            told = f"{len(self.refused):,} of {self.rows:,} rows cannot be read"
            reasons.append(f"{told}, the first on line {first.line}: {why}")
        return reasons


def compared(
    module: Module, parts: Parts, state: State, *, partial: bool, dated: date | None, today: date
) -> Comparison:
    """Return what a copy changes against what stands.

    It is of the day `dated`, else of the one that it says, else of `today`.
    """
    found = Comparison(dated or today)
    for one in keyed(module.entries(parts)):
        if isinstance(one, Listed):
            found.rows += 1
            _compare(module.SHAPE, one, state.get(one.key), found)
        elif isinstance(one, date):
            found.day = dated or one
        elif isinstance(one, Repeat):
            found.rows += 1
            found.unchanged += 1
        elif isinstance(one.told, Broken):
            found.broken += one.told
        elif isinstance(one.told, Note):
            found.notes.append(one.told)
        else:
            found.rows += 1
            found.refused.append(one)
            found.keyless += 1
    standing = [key for key, known in state.items() if not known.gone]
    found.standing = len(standing)
    if not partial:
        found.gone = [key for key in standing if key not in found.digests]
    return found


def _compare(shape: Shape, one: Listed, known: Known | None, found: Comparison) -> None:
    digest = sha256(one.content.encode("utf-8", "replace")).hexdigest()[:12]
    found.digests[one.key] = digest
    if known is not None and not known.gone:
        since = one.since.isoformat() if one.since else known.since
        until = one.until.isoformat() if one.until else None
        if since == known.since and until == known.until:
            if digest == known.digest:
                found.unchanged += 1
                return
            change = found.amended
        else:
            change = found.redated if digest == known.digest else found.amended
    else:
        change = found.listed
    if problems := misdated(shape, one, found.day):
        found.refused.append(Row(one.line, one.raw, problems))
    else:
        change.add(one.key)
        if len(found.few) < MOST_KEPT:
            found.few.append(one)


def keyed(entries: Iterable[Found]) -> Iterator[Found]:
    """Yield the entries with keys that differ: a second one under a key is `key #2`."""
    first: dict[str, int] = {}
    more: dict[str, list[int]] = {}
    for one in entries:
        if not isinstance(one, Listed):
            yield one
            continue
        key = one.key
        if len(key) > MOST_KEY:
            digest = sha256(key.encode("utf-8", "replace")).hexdigest()[:16]
            key = f"{key[: MOST_KEY - 20]} {digest}"
            one = one._replace(key=key)  # noqa: PLW2901
        said = hash((one.content, one.since, one.until))
        if key not in first:
            first[key] = said
            yield one
        elif said == first[key] or said in more.get(key, ()):
            yield Repeat(one.line, one.raw)
        else:
            more.setdefault(key, []).append(said)
            yield one._replace(key=f"{key} #{len(more[key]) + 1}")


def misdated(shape: Shape, one: Listed, day: date) -> list[Problem]:
    """Return what is wrong with the dates of an entry of a copy of that `day`."""
    problems = []
    bounds = (("since", one.since, AHEAD), ("until", one.until, LONGEST))
    for name, given, ahead in bounds:
        if given and not shape.since <= given <= day + ahead:
            told = f"expected a date from {shape.since} to {day + ahead}, got {given}"
            problems.append(Problem(told, field=name))
    return problems
