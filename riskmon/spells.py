"""From what a copy changes to what happened: listed, amended, delisted, corrected. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import date
from typing import Any

import msgspec
from msgspec.structs import astuple, replace
from pydantic import Field

from riskmon.comparison import Comparison, compared
from riskmon.errors import Problem
from riskmon.forms import Id, Text, moment
from riskmon.listing import Known, Listed, Listing, Module, Parts, Shape, State
from riskmon.model import Entry, Event, Noun, Row, Withdrawal
from riskmon.validation import check

MOST_FACTS = 20_000
"""Of one transaction; a longer copy is taken in as several, each whole."""

UNDATED = date(2199, 12, 31)
"""The day of a copy of which nobody says the day."""

Before = Callable[[Sequence[str]], Mapping[str, Event]]
"""From refs to the events that stand under them."""


class Copy(Noun):
    """That a copy of a list was read, and what the ledger knows of each entry that it changed.

    Key: the list, and the copy's digest with the number of the part. It is in one transaction with
    the events that it speaks of.
    """

    source: Id
    digest: Text
    """SHA-256 of the copy."""
    after: int
    """Position at which the list was read before; 0 for its first copy."""
    part: int
    file: Text
    day: date
    """That the copy is of."""
    rows: int
    entries: dict[str, tuple[Any, ...]] = Field(default_factory=dict)
    """The fields of a Known by the entry's key."""

    @property
    def ref(self) -> str:
        """What the entry is known by."""
        return f"{self.digest[:32]} {self.after} {self.part}"


class _Copy(msgspec.Struct, gc=False):
    digest: str
    day: str
    entries: dict[str, Known] = {}


class Stood:
    """What the ledger knows of a list: the fold of its copies, in order."""

    def __init__(self, read: Sequence[Entry] = ()) -> None:
        self.position = read[-1].position if read else 0
        """Of the last entry of a copy."""
        self.ref = read[-1].ref if read else None
        """Of that entry."""
        self.entries: dict[str, Known] = {}
        self.day: date | None = None
        """That the last copy was of."""
        self.digest = ""
        """Of the last copy."""
        decode = msgspec.json.Decoder(_Copy).decode
        for entry in read:
            copy = decode(entry.body)
            self.entries.update(copy.entries)
            self.day, self.digest = date.fromisoformat(copy.day), copy.digest


class Teller:
    """Tells what a copy changes, entry by entry."""

    def __init__(
        self, module: Module, state: State, found: Comparison, copy: Copy, before: Before
    ) -> None:
        self._module = module
        self._state = state
        self._found = found
        self._copy = copy
        self._before = before
        self._fresh: dict[str, Known] = {}
        self._facts = 0
        self.silent = 0
        """Entries that changed, of which nothing is told."""

    def rows(self, parts: Parts) -> Iterator[Row]:
        """Yield a row for each event, and one with a Copy after those that it speaks of."""
        for one in self._found.telling(self._module, parts, self._state):
            yield from self._entry(one)
            yield from self._full(MOST_FACTS)
        doubtful = self._found.keyless and not self._found.partial
        gone = () if doubtful else self._found.gone
        for start in range(0, len(gone), 1000):
            yield from self._gone(gone[start : start + 1000])
            yield from self._full(MOST_FACTS)
        yield from self._full(0)

    def _full(self, most: int) -> Iterator[Row]:
        if self._facts >= most:
            known = {key: astuple(one) for key, one in self._fresh.items()}
            yield Row(0, "", self._copy.model_copy(update={"entries": known}))
            self._copy = self._copy.model_copy(update={"part": self._copy.part + 1})
            self._fresh, self._facts = {}, 0

    def _entry(self, one: Listed) -> Iterator[Row]:
        shape, day = self._module.SHAPE, self._found.day
        listing = self._module.listing(one)
        if isinstance(listing, list):
            yield Row(one.line, one.raw, listing)
            return
        known, digest = self._state.get(one.key), self._found.digests[one.key]
        refs = earlier(one, known, digest, day)
        before = self._before(refs) if refs else {}
        fresh, told = history(shape, one, listing, known, digest, day, before)
        rows = [check(Event, data) if isinstance(data, dict) else data for data in told]
        problems = [problem for row in rows if isinstance(row, list) for problem in row]
        if problems:
            yield Row(one.line, one.raw, list(dict.fromkeys(problems)))
            return
        self._fresh[one.key] = fresh
        self._facts += len(rows)
        self.silent += not rows
        yield from (Row(one.line, one.raw, row) for row in rows)

    def _gone(self, keys: Sequence[str]) -> Iterator[Row]:
        shape, day = self._module.SHAPE, self._found.day
        known = {key: self._state[key] for key in keys}
        ended = {key for key, one in known.items() if one.until and one.until <= day.isoformat()}
        refs = {key: _latest(key, one) for key, one in known.items() if key not in ended}
        events = self._before(list(refs.values()))
        for key, one in known.items():
            if key in refs:
                # What is taken off before it began ends on the day that it was to begin.
                last = max(day, date.fromisoformat(one.since) if one.since else day)
                self._facts += 1
                yield Row(0, "", _left(shape, key, one.spell, events.get(refs[key]), last))
                one = replace(one, until=last.isoformat())  # noqa: PLW2901
            self._fresh[key] = replace(one, gone=True)


def first(module: Module, parts: Parts, day: date | None) -> Iterator[Row]:
    """Yield what the first copy of a list tells: a row for each event, or what is wrong.

    `day`: that the copy is of; for what it says, else UNDATED.
    """
    found = compared(module, parts, {}, partial=True, dated=day, today=UNDATED)
    if found.broken:
        yield Row(0, "", found.broken)
        return
    copy = Copy(
        source=module.SHAPE.source,
        digest="-",
        after=0,
        part=1,
        file="-",
        day=found.day,
        rows=found.rows,
    )
    yield from (Row(0, "", note) for note in found.notes)
    yield from found.refused
    teller = Teller(module, {}, found, copy, lambda _: {})
    yield from (row for row in teller.rows(parts) if not isinstance(row.told, Copy))


def earlier(one: Listed, known: Known | None, digest: str, day: date) -> list[str]:
    """Return the refs of the events that are needed to say what happened to an entry."""
    if known is None or (known.gone and not _over(one, day)):
        return []
    redated = one.since and one.since.isoformat() != known.since
    if not redated and not (_over(one, day) and digest != known.digest):
        return []
    listed = _ref(one.key, "listed", known.spell)
    return [listed, _ref(one.key, "delisted", known.spell - 1)][: known.spell]


def _over(one: Listed, day: date) -> bool:
    return one.until is not None and one.until <= day


Happened = dict[str, Any] | Event | Withdrawal
"""An event, as data or as it stands already, or that one is taken back."""


def history(
    shape: Shape,
    one: Listed,
    listing: Listing,
    known: Known | None,
    digest: str,
    day: date,
    before: Mapping[str, Event],
) -> tuple[Known, list[Happened]]:
    """Return what is known of an entry from now on, and what happened to it.

    `before`: the events that stand under the refs that `earlier` names.
    """
    told: list[Happened] = []

    def tell(what: str, number: int, when: date) -> None:
        told.append(_event(shape, one.key, number, listing, what, when))

    since = one.since.isoformat() if one.since else known.since if known else None
    until = one.until.isoformat() if one.until else None
    if known is None or (known.gone and not _over(one, day)):
        spell = known.spell + 1 if known else 1
        fresh = Known(spell, known.amendments if known else 0, digest, since, until)
        # A list that takes an entry up again may give its first date: it was not listed since.
        again = known and known.until and one.since and one.since.isoformat() <= known.until
        tell("listed", spell, day if again or not one.since else one.since)
    else:  # what is back on the page after its end is not listed again
        fresh = replace(known, digest=digest, since=since, until=until, gone=False)
        redated = _redated(one, known, before)
        if digest != known.digest and _over(one, day):  # amended, it would stand again
            old = before.get(_ref(one.key, "listed", known.spell))
            tell("listed", known.spell, one.since or (old.occurred_at.date() if old else day))
            fresh = replace(fresh, amended=False)
        else:
            if isinstance(redated, Event):
                told.append(redated)
            elif redated:
                tell("listed", known.spell, redated)
            if digest != known.digest:
                fresh = replace(fresh, amendments=known.amendments + 1, amended=True)
                tell("amended", fresh.amendments, _amended(one, listing, day))
        if known.until and not until:
            ref = _ref(one.key, "delisted", known.spell)
            told.append(Withdrawal(source=shape.source, ref=ref, withdrawn=True))
    if one.until and (known is None or fresh.spell != known.spell or until != known.until):
        tell("delisted", fresh.spell, one.until)
    return fresh, told


def _redated(one: Listed, known: Known, before: Mapping[str, Event]) -> Event | date | None:
    """Return the listing with the date that the list gives now, or that date; None if it is as was.

    It says who was listed then, whatever the entry is called now. What was listed again cannot have
    been so before it was last delisted.
    """
    if one.since is None or one.since.isoformat() == known.since:
        return None
    left = before.get(_ref(one.key, "delisted", known.spell - 1)) if known.spell > 1 else None
    if left and one.since <= left.occurred_at.date():
        return None
    old = before.get(_ref(one.key, "listed", known.spell))
    return old.model_copy(update={"occurred_at": moment(one.since)}) if old else one.since


def _amended(one: Listed, listing: Listing, day: date) -> date:
    said = listing.amended
    return said if said and said <= day and (one.since is None or said > one.since) else day


def _ref(key: str, what: str, number: int) -> str:
    if what == "listed" and number == 1:
        return key
    return f"{key} [{what}{f' {number}' if number > 1 else ''}]"


def _latest(key: str, known: Known) -> str:
    """Return the ref of the last event that says who an entry is."""
    if known.amended:
        return _ref(key, "amended", known.amendments)
    return _ref(key, "listed", known.spell)


TITLES = {
    "listed": "{name} added to the {title}",
    "amended": "{name} amended on the {title}",
    "delisted": "{name} removed from the {title}",
}


def _event(
    shape: Shape, key: str, number: int, listing: Listing, what: str, when: date
) -> dict[str, Any]:
    party: dict[str, Any] = {"name": listing.name}
    if listing.kind:
        party["kind"] = listing.kind
    if listing.aliases:
        party["aliases"] = [one for one in dict.fromkeys(listing.aliases) if one != listing.name]
    if listing.identifiers:
        party["identifiers"] = dict(listing.identifiers)
    return {
        "source": shape.source,
        "ref": _ref(key, what, number),
        "type": f"listing.{what}",
        "matter": listing.matter or f"{shape.source}:{key}",
        "occurred_at": when,
        "title": _title(what, listing.name, listing.title or shape.title),
        "topics": shape.topics if listing.topics is None else listing.topics,
        "parties": [party] if listing.name else [],
        "scope": listing.scope,
        "url": listing.url,
        "attributes": dict(listing.attributes),
    }


def _title(what: str, name: str, title: str) -> str:
    return TITLES[what].format(name=name[:500] or "An entry", title=title)


def _left(
    shape: Shape, key: str, spell: int, before: Event | None, day: date
) -> Event | list[Problem]:
    """Return that an entry is not on its list any more."""
    party = before.parties[0] if before and before.parties else None
    name = (party.name if party else None) or ""
    return check(
        Event,
        {
            "source": shape.source,
            "ref": _ref(key, "delisted", spell),
            "type": "listing.delisted",
            "matter": before.matter if before else f"{shape.source}:{key}",
            "occurred_at": day,
            "title": _title("delisted", name, shape.title),
            "topics": before.topics if before else shape.topics,
            "parties": [party.model_dump(exclude_defaults=True)] if party else [],
            "scope": before.scope if before else (),
        },
    )
