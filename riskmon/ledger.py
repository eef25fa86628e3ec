"""The ledger: append, read, verify. The only writer of entries, and it never changes one."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from datetime import datetime
from itertools import chain
from pathlib import Path
from typing import Any, Literal, NamedTuple

import sqlalchemy as sa

from riskmon.database import Writer, beside, driver, reading, writing
from riskmon.errors import BrokenError, FencedError, MovedError, VerificationError
from riskmon.evidence import EMPTY, Head, chained
from riskmon.forms import utc_text
from riskmon.heads import Kept
from riskmon.log import Log, changed, gone_of, head_of, last_of
from riskmon.tables import Stored

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


class Fence(NamedTuple):
    """That a run is still the caller's: its number, and the token by which it was claimed."""

    number: int
    token: int


class Ledger(Log):
    """Entries in one order, each hashed with the one before it."""

    def __init__(self, url: str, archive: Path | None = None) -> None:
        super().__init__(url, archive)
        memory = self.database.in_memory(self.engine.url)
        self._writer = Writer(self.engine)
        self.kept = None if memory else Kept(beside(self.engine, ".head").resolve())
        self._fence: Fence | None = None

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
                self._guard(connection)
                outcomes, keep = self._append(connection, facts, clock, unmoved, stack)
            keep()
        return outcomes

    def commit(
        self, write: Callable[[sa.Connection], Sequence[Fact]], clock: Callable[[], datetime]
    ) -> None:
        """Write to the other tables, and store the facts that `write` returns, or do neither.

        `write` is given the connection once nobody else can write.
        """
        with ExitStack() as stack:
            with writing(self.engine) as connection:
                self._guard(driver(connection))
                facts = write(connection)
                _, keep = self._append(driver(connection), facts, clock, None, stack)
            keep()

    @contextmanager
    def fenced(self, fence: Fence | None) -> Iterator[None]:
        """Store nothing meanwhile once another process has taken the run over.

        FencedError says so, in the transaction that would have stored it.
        """
        self._fence, before = fence, self._fence
        try:
            yield
        finally:
            self._fence = before

    def _guard(self, connection: Any) -> None:
        if self._fence is not None:
            query = (
                "SELECT 1 FROM run WHERE state = 'open' "  # noqa: S608 (numbers)
                f"AND number = {self._fence.number:d} AND token = {self._fence.token:d}"
            )
            if connection.execute(query).fetchone() is None:
                raise FencedError

    def _append(
        self,
        connection: Any,
        facts: Sequence[Fact],
        clock: Callable[[], datetime],
        unmoved: Unmoved | None,
        stack: ExitStack,
    ) -> tuple[list[Outcome], Callable[[], None]]:
        """Insert entries, and return what became of each, and what keeps the head once they are."""
        head = head_of(connection)
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
        return outcomes, lambda: held.keep(head) if held is not None else None

    def _told(
        self, facts: Sequence[Fact], connection: Any, head: Head, recorded_at: str
    ) -> tuple[list[Outcome], list[tuple[Any, ...]]]:
        """Return what becomes of each fact, and the rows to insert."""
        refs: dict[str, list[str]] = {}
        for _, source, ref, _ in facts:
            refs.setdefault(source, []).append(ref)
        likened = self.database.likened
        latest: dict[tuple[str, str, str], tuple[str, int, object]] = {}
        for kind, source, ref, revision, like in self.database.latest(connection, refs):
            key = (stream(kind), source, ref)
            if key not in latest or latest[key][1] < revision:
                latest[key] = (kind, revision, like)
        position, previous, _ = head
        outcomes: list[Outcome] = []
        rows: list[tuple[Any, ...]] = []
        for kind, source, ref, body in facts:
            key = (stream(kind), source, ref)
            before = latest.get(key)
            like = likened(body)
            outcome = _outcome(kind, like, before)
            outcomes.append(outcome)
            if outcome in {"duplicate", "unknown"}:
                continue
            position += 1
            revision = before[1] + 1 if before else 1
            columns = f"{position}\0{kind}\0{source}\0{ref}\0{revision}\0{recorded_at}\0{body}"
            previous = chained(previous.encode(), columns.encode())
            rows.append((position, kind, source, ref, revision, recorded_at, body, previous))
            latest[key] = (kind, revision, like)
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
        found = connection.execute(query).fetchone()
        if found is None and 0 < kept.position <= gone_of(connection):
            found = (next(self.archive.some([kept.position])).hash,)
        if found != (kept.hash,):
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
            self._compare(driver(connection), last_of(driver(connection)), kept)

    def verified(self, until: int) -> Iterator[tuple[bytes, str]]:
        """Yield each entry's columns up to `body`, joined by NUL, and its hash, hashed again.

        In order up to position `until`, with flat memory. Raises VerificationError at the first
        bad position, and tells a changed entry from a cut tail from a chain made anew from a
        broken file.
        """
        kept = self.kept.read() if self.kept else None  # first: the ledger is never behind it
        position, previous = 0, EMPTY.hash

        def whole() -> Iterator[Stored]:
            """Yield nothing: look at where the log ends, once it has."""
            if position < until:
                raise changed(position + 1, until)
            self._compare(driver(connection), last, kept)
            yield from ()

        try:
            with reading(self.engine) as connection:
                last = last_of(driver(connection))
                gone = gone_of(driver(connection))
                archived = self.archive.stored(min(gone, until))
                there = self.database.stored(driver(connection), gone, until)
                entries = chain(archived, there, whole())
                entries = self.database.keyed(driver(connection), entries)
                for stored, columns, hash_ in entries:
                    position += 1
                    found = chained(previous.encode(), columns)
                    if stored != position or found.encode() != hash_:
                        raise changed(position, stored)
                    yield columns, found
                    previous = found
        except BrokenError as error:  # one that is busy, or cannot be reached, may be whole
            raise VerificationError(
                f"the database is broken after position {position:,}: {error}",
                finding="broken",
                position=position + 1,
            ) from error


def stream(kind: str) -> str:
    """Return what revisions are counted within: an event's record and its withdrawal are one."""
    return kind.partition(".")[0]


def _outcome(kind: str, like: object, before: tuple[str, int, object] | None) -> Outcome:
    withdrawal = kind == "event.withdrawn"
    if before is None:
        return "unknown" if withdrawal else "appended"
    if (before[0], before[2]) == (kind, like):
        return "duplicate"
    return "withdrawn" if withdrawal else "revised"
