"""The ledger: append, read, verify. The only writer of entries, and it never changes one."""

from __future__ import annotations

import bisect
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack
from datetime import datetime
from typing import Any, Literal, NamedTuple

import sqlalchemy as sa

from riskmon.database import (
    MOST_VARIABLES,
    Writer,
    beside,
    connect,
    database_of,
    driver,
    reading,
)
from riskmon.errors import BrokenError, DatabaseError, MovedError, VerificationError
from riskmon.evidence import EMPTY, Head, chained
from riskmon.forms import utc_text
from riskmon.heads import Kept
from riskmon.model import Entry, Taken
from riskmon.tables import REST, entry

Outcome = Literal["appended", "revised", "withdrawn", "duplicate", "unknown"]


class Fact(NamedTuple):
    """What is to be an entry: `body` is canonical JSON, the same text for the same value."""

    kind: str
    source: str
    ref: str
    body: str


class Unmoved(NamedTuple):
    """What must be the last entry of a kind by a source; with `ref` None, there must be none."""

    kind: str
    source: str
    ref: str | None


class Ledger:
    """Entries in one order, each hashed with the one before it."""

    def __init__(self, url: str) -> None:
        self.engine = connect(url)
        self.database = database_of(self.engine.url)
        memory = self.database.in_memory(self.engine.url)
        self._writer = Writer(self.engine)
        self.kept = None if memory else Kept(beside(self.engine, ".head").resolve())

    def close(self) -> None:
        """Give the database's connections back."""
        self._writer.close()
        self.engine.dispose()

    def append(
        self, facts: Sequence[Fact], clock: Callable[[], datetime], unmoved: Unmoved | None = None
    ) -> list[Outcome]:
        """Store `facts` in one transaction and say what became of each.

        `appended`: a new key. `revised`: another body than the latest under the key.
        `withdrawn`: the key's report is taken back. `duplicate`: as the latest, not stored.
        `unknown`: a withdrawal of what was never told, not stored.
        `recorded_at` is the clock's moment, read once nobody else can write, or the last entry's
        if the clock went back. When this returns, the entries are durable and their head is kept
        outside the database; VerificationError where the ledger is behind that head, MovedError
        where what must be `unmoved` is not.
        """
        if not facts:
            return []
        with ExitStack() as stack:
            with self._writer.transaction() as connection:
                head = _head(connection)
                # A head is kept after its commit: whoever may append is never behind it.
                held = stack.enter_context(self.kept.held()) if self.kept else None
                if held is not None and held.head != head:
                    self._compare(connection, head.position, held.head)
                if unmoved and self.database.last(connection, *unmoved[:2]) != unmoved.ref:
                    raise MovedError
                recorded_at = max(utc_text(clock()), head.recorded_at)
                outcomes, rows = self._told(facts, connection, head, recorded_at)
                if rows:
                    self.database.insert(connection, rows)
                    head = Head(rows[-1][0], rows[-1][-1], recorded_at)
            if held is not None:
                held.keep(head)
        return outcomes

    def _told(
        self, facts: Sequence[Fact], connection: Any, head: Head, recorded_at: str
    ) -> tuple[list[Outcome], list[tuple[Any, ...]]]:
        """Return what becomes of each fact, and the rows to insert."""
        refs: dict[str, list[str]] = {}
        for _, source, ref, _ in facts:
            refs.setdefault(source, []).append(ref)
        latest: dict[tuple[str, str, str], tuple[str, int, str]] = {}
        for kind, source, ref, revision, body in self.database.latest(connection, refs):
            key = (stream(kind), source, ref)
            if key not in latest or latest[key][1] < revision:
                latest[key] = (kind, revision, body)
        position, previous, _ = head
        outcomes: list[Outcome] = []
        rows: list[tuple[Any, ...]] = []
        for fact in facts:
            kind, source, ref, body = fact
            key = (stream(kind), source, ref)
            before = latest.get(key)
            outcome = _outcome(fact, before)
            outcomes.append(outcome)
            if outcome in {"duplicate", "unknown"}:
                continue
            position += 1
            revision = before[1] + 1 if before else 1
            columns = f"{position}\0{kind}\0{source}\0{ref}\0{revision}\0{recorded_at}\0{body}"
            previous = chained(previous.encode(), columns.encode())
            rows.append((position, kind, source, ref, revision, recorded_at, body, previous))
            latest[key] = (kind, revision, body)
        return outcomes, rows

    def _compare(self, connection: Any, last: int, kept: Head | None) -> None:
        """Raise VerificationError where the ledger does not stand on the head kept outside."""
        if kept is None:
            return
        if kept.position > last:
            raise VerificationError(
                f"the ledger ends at position {last:,}, but the head kept outside it "
                f"({self.kept and self.kept.path}) is at {kept.position:,}: its tail was cut. "
                "Restore a copy; where the ledger is meant to begin anew, remove that file",
                finding="cut",
                position=last + 1,
            )
        query = f"SELECT hash FROM entry WHERE position = {kept.position:d}"  # noqa: S608 (a number)
        if connection.execute(query).fetchone() != (kept.hash,):
            raise VerificationError(
                f"entry {kept.position:,} has another hash than the head kept outside the ledger "
                f"({self.kept and self.kept.path}): an entry up to it was changed, and the chain "
                "made anew. Restore a copy",
                finding="rewritten",
                position=kept.position,
            )

    def check_tail(self) -> None:
        """Raise VerificationError where the ledger does not stand on the head kept outside."""
        kept = self.kept.read() if self.kept else None
        with reading(self.engine) as connection:
            self._compare(driver(connection), _last(driver(connection)), kept)

    def verified(self, until: int) -> Iterator[tuple[bytes, str]]:
        """Yield each entry's columns up to `body`, joined by NUL, and its hash, hashed again.

        In order up to position `until`, with flat memory. Raises VerificationError at the first
        bad position, and tells a changed entry from a cut tail from a chain made anew from a
        broken file.
        """
        kept = self.kept.read() if self.kept else None  # first: the ledger is never behind it
        position, previous = 0, EMPTY.hash
        try:
            with reading(self.engine) as connection:
                last = _last(driver(connection))
                for stored, columns, hash_ in self.database.stored(driver(connection), until):
                    position += 1
                    found = chained(previous.encode(), columns)
                    if stored != position or found.encode() != hash_:
                        raise _changed(position, stored)
                    yield columns, found
                    previous = found
                if position < until:
                    raise _changed(position + 1, until)
                self._compare(driver(connection), last, kept)
        except BrokenError as error:  # one that is busy, or cannot be reached, may be whole
            raise VerificationError(
                f"the database is broken after position {position:,}: {error}",
                finding="broken",
                position=position + 1,
            ) from error

    def entries(
        self, after: int = 0, until: int | None = None, kinds: Sequence[str] = ()
    ) -> Iterator[Entry]:
        """Yield the entries after position `after`, up to `until`, of all kinds or of some."""
        query = sa.select(entry).where(entry.c.position > after).order_by(entry.c.position)
        if until is not None:
            query = query.where(entry.c.position <= until)
        if kinds:
            query = query.where(entry.c.kind.in_(kinds))
        if kinds and "event.recorded" not in kinds:
            query = query.where(REST)  # by the index of those
        with reading(self.engine) as connection:
            try:
                with connection.execution_options(yield_per=10_000).execute(query) as rows:
                    for row in rows:
                        yield Entry._make(row)
            except (TypeError, ValueError) as error:
                raise DatabaseError(
                    f"the ledger is damaged after position {after:,} ({error}): riskmon verify "
                    "names the entry"
                ) from error

    def told(self, after: int) -> Iterator[Taken]:
        """Yield the entries after position `after` as the fold of the log reads them."""
        query = (
            "SELECT position, kind, source, ref, body FROM entry "  # noqa: S608 (a number)
            f"WHERE position > {after:d} ORDER BY position"
        )
        with reading(self.engine) as connection:
            yield from self.database.rows(driver(connection), query)

    def rest(self, after: int) -> Iterator[Taken]:
        """Yield the entries after position `after` that tell of no event: by an index of theirs."""
        query = (
            "SELECT position, kind, source, ref, body FROM entry WHERE kind <> 'event.recorded' "  # noqa: S608 (a number)
            f"AND kind <> 'event.withdrawn' AND position > {after:d} ORDER BY position"
        )
        with reading(self.engine) as connection:
            yield from self.database.rows(driver(connection), query)

    def some(self, positions: Sequence[int]) -> Iterator[Entry]:
        """Yield the entries at some positions, in their order in the log."""
        asked = sorted(set(positions))
        for start in range(0, len(asked), MOST_VARIABLES):
            place = entry.c.position.in_(asked[start : start + MOST_VARIABLES])
            with reading(self.engine) as connection:
                found = connection.execute(sa.select(entry).where(place).order_by(entry.c.position))
                rows = [Entry._make(row) for row in found]
            yield from rows  # whoever takes them may ask the database for more

    def recorded_at(self, position: int) -> datetime | None:
        """Return when the entry at `position` was recorded; None for position 0."""
        text = self.at(position).recorded_at
        return datetime.fromisoformat(text) if text else None

    def size(self) -> int:
        """Return the last position."""
        with reading(self.engine) as connection:
            return _last(driver(connection))

    def head(self) -> Head:
        """Return position, hash and moment of the last entry."""
        with reading(self.engine) as connection:
            return _head(driver(connection))

    def at(self, position: int) -> Head:
        """Return the head as it was when the ledger ended at `position`."""
        if position == 0:
            return EMPTY
        query = sa.select(entry.c.hash, entry.c.recorded_at).where(entry.c.position == position)
        with reading(self.engine) as connection:
            row = connection.execute(query).one()
        return Head(position, row.hash, utc_text(row.recorded_at))

    def position_at(self, moment: datetime) -> int:
        """Return the last position recorded by `moment`, that moment included; 0 for none."""
        with reading(self.engine) as connection:

            def recorded_at(position: int) -> datetime:
                query = sa.select(entry.c.recorded_at).where(entry.c.position == position)
                found: datetime = connection.execute(query).scalar_one()
                return found

            # Positions are dense and recorded_at never goes back, so bisection finds the place.
            positions = range(1, _last(driver(connection)) + 1)
            return bisect.bisect_right(positions, moment, key=recorded_at)

    def known(self, kind: str, source: str, refs: Iterable[str]) -> set[str]:
        """Return those of `refs` under which an entry of `kind` by `source` stands."""
        asked = sorted(refs)
        query = sa.select(entry.c.ref).where(entry.c.source == source, entry.c.kind == kind)
        with reading(self.engine) as connection:
            return {
                ref
                for start in range(0, len(asked), MOST_VARIABLES)
                for ref in connection.scalars(
                    query.where(entry.c.ref.in_(asked[start : start + MOST_VARIABLES]))
                )
            }

    def of(self, kind: str, source: str) -> list[Entry]:
        """Return the entries of `kind` by `source`, in order."""
        query = sa.select(entry).where(entry.c.source == source, entry.c.kind == kind)
        with reading(self.engine) as connection:
            return list(map(Entry._make, connection.execute(query.order_by(entry.c.position))))

    def latest(self, kind: str, source: str, refs: Iterable[str]) -> list[Entry]:
        """Return the latest revision of `kind` by `source` under each of `refs`."""
        found: dict[str, Entry] = {}
        asked = sorted(refs)
        query = sa.select(entry).where(entry.c.source == source, entry.c.kind == kind)
        for start in range(0, len(asked), MOST_VARIABLES):
            some = query.where(entry.c.ref.in_(asked[start : start + MOST_VARIABLES]))
            with reading(self.engine) as connection:
                rows = connection.execute(some.order_by(entry.c.revision))
                found |= {row.ref: Entry._make(row) for row in rows}
        return list(found.values())

    def first(self, kind: str) -> Entry | None:
        """Return the first entry of `kind`, None where there is none."""
        query = sa.select(entry).where(entry.c.kind == kind).order_by(entry.c.position).limit(1)
        with reading(self.engine) as connection:
            row = connection.execute(query).first()
        return None if row is None else Entry._make(row)


def stream(kind: str) -> str:
    """Return what revisions are counted within: an event's record and its withdrawal are one."""
    return kind.partition(".")[0]


def _outcome(fact: Fact, before: tuple[str, int, str] | None) -> Outcome:
    withdrawal = fact.kind == "event.withdrawn"
    if before is None:
        return "unknown" if withdrawal else "appended"
    if (before[0], before[2]) == (fact.kind, fact.body):
        return "duplicate"
    return "withdrawn" if withdrawal else "revised"


def _head(connection: Any) -> Head:
    query = "SELECT position, hash, recorded_at FROM entry ORDER BY position DESC LIMIT 1"
    row = connection.execute(query).fetchone()
    if row is None:
        return EMPTY
    head = Head(*row)
    if not isinstance(head.position, int):
        raise BrokenError("the table `entry` is damaged: its positions are no numbers")
    if not (isinstance(head.hash, str) and isinstance(head.recorded_at, str)):
        raise _changed(head.position, head.position)
    return head


def _last(connection: Any) -> int:
    """Return the last position, whatever else may be wrong with its entry."""
    (last,) = connection.execute("SELECT max(position) FROM entry").fetchone()
    if not isinstance(last, int | None):
        raise BrokenError("the table `entry` is damaged: its positions are no numbers")
    return last or 0


def _changed(position: int, stored: int) -> VerificationError:
    what = "is not what was hashed: it was changed" if stored == position else "is missing"
    return VerificationError(
        f"entry {position:,} {what}. Restore a copy", finding="changed", position=position
    )
