"""From what a copy changes to what happened: listed, amended, delisted, corrected. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import date
from typing import Any

import msgspec
from pydantic import Field

from riskmon.errors import Problem
from riskmon.forms import Id, Text
from riskmon.listing import (
    Comparison,
    Known,
    Listed,
    Listing,
    Module,
    Parts,
    Shape,
    State,
    compared,
)
from riskmon.model import Event, Noun, Row, Withdrawal
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
    part: int
    file: Text
    day: date
    """That the copy is of."""
    rows: int
    entries: dict[str, Known] = Field(default_factory=dict)

    @property
    def ref(self) -> str:
        """What the entry is known by."""
        return f"{self.digest[:32]} {self.part}"


class _Copy(msgspec.Struct, gc=False):
    digest: str
    day: str
    entries: dict[str, tuple[int, int, str, str | None, str | None, bool]] = {}


class Stood:
    """What the ledger knows of a list: the fold of its copies, in order."""

    def __init__(self, bodies: Sequence[str] = (), position: int = 0) -> None:
        self.position = position
        """Of the last entry of a copy."""
        self.entries: dict[str, Known] = {}
        self.day: date | None = None
        """That the last copy was of."""
        self.digest = ""
        """Of the last copy."""
        decode = msgspec.json.Decoder(_Copy).decode
        for body in bodies:
            copy = decode(body)
            self.entries.update({key: Known._make(one) for key, one in copy.entries.items()})
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

    def rows(self, parts: Parts) -> Iterator[Row]:
        """Yield a row for each event, and one with a Copy after those that it speaks of."""
        for one in self._found.telling(self._module, parts):
            yield from self._entry(one)
            yield from self._full(MOST_FACTS)
        gone = () if self._found.keyless else self._found.gone
        for start in range(0, len(gone), 1000):
            yield from self._gone(gone[start : start + 1000])
            yield from self._full(MOST_FACTS)
        yield from self._full(0)

    def _full(self, most: int) -> Iterator[Row]:
        if self._facts >= most:
            yield Row(0, "", self._copy.model_copy(update={"entries": self._fresh}))
            self._copy = self._copy.model_copy(update={"part": self._copy.part + 1})
            self._fresh, self._facts = {}, 0

    def _entry(self, one: Listed) -> Iterator[Row]:
        listing = self._module.listing(one)
        if isinstance(listing, list):
            yield Row(one.line, one.raw, listing)
            return
        known, told = history(
            self._module.SHAPE, one, listing, self._state.get(one.key),
            self._found.digests[one.key], self._found.day,
        )  # fmt: skip
        rows = [data if isinstance(data, Withdrawal) else check(Event, data) for data in told]
        problems = [problem for row in rows if isinstance(row, list) for problem in row]
        if problems:
            yield Row(one.line, one.raw, list(dict.fromkeys(problems)))
            return
        self._fresh[one.key] = known
        self._facts += len(rows)
        yield from (Row(one.line, one.raw, row) for row in rows)

    def _gone(self, keys: Sequence[str]) -> Iterator[Row]:
        shape, day = self._module.SHAPE, self._found.day
        known = {key: self._state[key] for key in keys}
        ended = {key for key, one in known.items() if one.until and one.until <= day.isoformat()}
        refs = {key: _latest(key, one) for key, one in known.items() if key not in ended}
        events = self._before(list(refs.values()))
        for key, one in known.items():
            if key in refs:
                self._facts += 1
                yield Row(0, "", _left(shape, key, one.spell, events.get(refs[key]), day))
                one = one._replace(until=day.isoformat())  # noqa: PLW2901
            self._fresh[key] = one._replace(gone=True)


def first(module: Module, parts: Parts, day: date | None) -> Iterator[Row]:
    """Yield what the first copy of a list tells: a row for each event, or what is wrong.

    `day`: that the copy is of; for what it says, else UNDATED.
    """
    found = compared(module, parts, {}, partial=True, dated=day, today=UNDATED)
    if found.broken:
        yield Row(0, "", found.broken)
        return
    copy = Copy(
        source=module.SHAPE.source, digest="-", part=1, file="-", day=found.day, rows=found.rows
    )
    yield from (Row(0, "", note) for note in found.notes)
    yield from found.refused
    teller = Teller(module, {}, found, copy, lambda _: {})
    yield from (row for row in teller.rows(parts) if not isinstance(row.told, Copy))


def history(
    shape: Shape, one: Listed, listing: Listing, known: Known | None, digest: str, day: date
) -> tuple[Known, list[dict[str, Any] | Withdrawal]]:
    """Return what is known of an entry from now on, and what happened to it, as event or not."""
    since = one.since.isoformat() if one.since else known.since if known else None
    until = one.until.isoformat() if one.until else None
    told: list[dict[str, Any] | Withdrawal] = []

    def tell(what: str, number: int, when: date) -> None:
        told.append(_event(shape, one.key, number, listing, what, when))

    if known is None or known.gone:
        spell = known.spell + 1 if known else 1
        fresh = Known(spell, known.amendments if known else 0, digest, since, until)
        # A list that takes an entry up again may give its first date: it was not listed since.
        again = known and known.until and one.since and one.since.isoformat() <= known.until
        tell("listed", spell, day if again or not one.since else one.since)
    else:
        spell = known.spell
        fresh = known._replace(digest=digest, since=since, until=until)
        if one.since and since != known.since and spell == 1:
            tell("listed", 1, one.since)
        if digest != known.digest:
            fresh = fresh._replace(amendments=known.amendments + 1)
            said = listing.amended
            credible = said and said <= day and (one.since is None or said > one.since)
            tell("amended", fresh.amendments, said if said and credible else day)
        if known.until and not until:
            ref = _ref(one.key, "delisted", spell)
            told.append(Withdrawal(source=shape.source, ref=ref, withdrawn=True))
    if one.until and (known is None or known.gone or until != known.until):
        tell("delisted", spell, one.until)
    return fresh, told


def _ref(key: str, what: str, number: int) -> str:
    if what == "listed" and number == 1:
        return key
    return f"{key} [{what}{f' {number}' if number > 1 else ''}]"


def _latest(key: str, known: Known) -> str:
    """Return the ref of the last event that says who an entry is."""
    if known.amendments:
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
