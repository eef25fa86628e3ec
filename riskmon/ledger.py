"""The ledger: append and read. The only writer of entries, and it never changes one."""

from __future__ import annotations

import bisect
import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime
from typing import Any, Literal, NamedTuple

import sqlalchemy as sa

from riskmon.database import connect, refusals, writing
from riskmon.forms import utc_text
from riskmon.model import Entry
from riskmon.tables import entry

GENESIS = "0" * 64
"""What the first entry has for a previous hash."""

MOST_VARIABLES = 10_000
"""In one statement; SQLite takes 32,766."""

Outcome = Literal["appended", "revised", "withdrawn", "duplicate", "unknown"]


class Fact(NamedTuple):
    """What is to be an entry: `body` is canonical JSON, the same text for the same value."""

    kind: str
    source: str
    ref: str
    body: str


class Head(NamedTuple):
    """The last entry's position, hash and moment; position 0 for an empty ledger."""

    position: int
    hash: str
    recorded_at: datetime | None


def chained(previous: str, *columns: object) -> str:
    """Return the hash of an entry: SHA-256 of the previous hash and its columns up to `body`.

    They are joined by NUL, which no column holds, so that no two entries join to one text.
    """
    return hashlib.sha256("\0".join((previous, *map(str, columns))).encode()).hexdigest()


class Ledger:
    """Entries in one order, each hashed with the one before it."""

    def __init__(self, url: str) -> None:
        self.engine = connect(url)
        # As text for the driver: SQLAlchemy's handling of each row costs twice the insert.
        self._insert = str(sa.insert(entry).compile(dialect=self.engine.dialect))

    def close(self) -> None:
        """Give the database's connections back."""
        self.engine.dispose()

    def append(self, facts: Sequence[Fact], clock: Callable[[], datetime]) -> list[Outcome]:
        """Store `facts` in one transaction and say what became of each.

        `appended`: a new key. `revised`: another body than the latest under the key.
        `withdrawn`: the key's report is taken back. `duplicate`: as the latest, not stored.
        `unknown`: a withdrawal of what was never told, not stored.
        `recorded_at` is the clock's moment, read once nobody else can write, or the last entry's
        if the clock went back.
        """
        if not facts:
            return []
        with writing(self.engine) as connection:
            head = _head(connection)
            now = clock()
            recorded_at = utc_text(max(now, head.recorded_at) if head.recorded_at else now)
            latest = _latest(connection, facts)
            previous, position = head.hash, head.position
            outcomes: list[Outcome] = []
            rows: list[tuple[Any, ...]] = []
            for fact in facts:
                key = (stream(fact.kind), fact.source, fact.ref)
                kind, revision, body = latest.get(key, ("", 0, ""))
                outcome = _outcome(fact, kind, body)
                outcomes.append(outcome)
                if outcome in {"duplicate", "unknown"}:
                    continue
                position += 1
                revision += 1
                kind, source, ref, body = fact
                columns = (position, kind, source, ref, revision, recorded_at, body)
                previous = chained(previous, *columns)
                rows.append((*columns, previous))
                latest[key] = (kind, revision, body)
            if rows:
                connection.exec_driver_sql(self._insert, rows)
        return outcomes

    def entries(self, after: int = 0, until: int | None = None) -> Iterator[Entry]:
        """Yield the entries after position `after`, up to position `until`, in order."""
        query = sa.select(entry).where(entry.c.position > after).order_by(entry.c.position)
        if until is not None:
            query = query.where(entry.c.position <= until)
        with refusals(self.engine.url), self.engine.connect() as connection:
            for row in connection.execution_options(yield_per=10_000).execute(query):
                yield Entry._make(row)

    def head(self) -> Head:
        """Return position, hash and moment of the last entry."""
        with refusals(self.engine.url), self.engine.connect() as connection:
            return _head(connection)

    def position_at(self, moment: datetime) -> int:
        """Return the last position recorded by `moment`, that moment included; 0 for none."""
        with refusals(self.engine.url), self.engine.connect() as connection:

            def recorded_at(position: int) -> datetime:
                query = sa.select(entry.c.recorded_at).where(entry.c.position == position)
                found: datetime = connection.execute(query).scalar_one()
                return found

            # Positions are dense and recorded_at never goes back, so bisection finds the place.
            positions = range(1, _head(connection).position + 1)
            return bisect.bisect_right(positions, moment, key=recorded_at)

    def known(self, kind: str, source: str, refs: Iterable[str]) -> set[str]:
        """Return those of `refs` under which an entry of `kind` by `source` stands."""
        asked = sorted(refs)
        query = sa.select(entry.c.ref).where(entry.c.source == source, entry.c.kind == kind)
        with refusals(self.engine.url), self.engine.connect() as connection:
            return {
                ref
                for start in range(0, len(asked), MOST_VARIABLES)
                for ref in connection.scalars(
                    query.where(entry.c.ref.in_(asked[start : start + MOST_VARIABLES]))
                )
            }

    def first(self, kind: str) -> Entry | None:
        """Return the first entry of `kind`, None where there is none."""
        query = sa.select(entry).where(entry.c.kind == kind).order_by(entry.c.position).limit(1)
        with refusals(self.engine.url), self.engine.connect() as connection:
            row = connection.execute(query).first()
        return None if row is None else Entry._make(row)


def stream(kind: str) -> str:
    """Return what revisions are counted within: an event's record and its withdrawal are one."""
    return kind.partition(".")[0]


def _outcome(fact: Fact, kind: str, body: str) -> Outcome:
    if fact.kind == "event.withdrawn":
        if not kind:
            return "unknown"
        return "duplicate" if (kind, body) == (fact.kind, fact.body) else "withdrawn"
    if not kind:
        return "appended"
    return "duplicate" if (kind, body) == (fact.kind, fact.body) else "revised"


def _head(connection: sa.Connection) -> Head:
    columns = (entry.c.position, entry.c.hash, entry.c.recorded_at)
    query = sa.select(*columns).order_by(entry.c.position.desc()).limit(1)
    row = connection.execute(query).first()
    return Head(0, GENESIS, None) if row is None else Head._make(row)


def _latest(
    connection: sa.Connection, facts: Sequence[Fact]
) -> dict[tuple[str, str, str], tuple[str, int, str]]:
    """Return kind, revision and body of the latest entry under each key of `facts`."""
    refs: dict[str, set[str]] = {}
    for fact in facts:
        refs.setdefault(fact.source, set()).add(fact.ref)
    latest: dict[tuple[str, str, str], tuple[str, int, str]] = {}
    columns = (entry.c.kind, entry.c.ref, entry.c.revision, entry.c.body)
    for source, wanted in refs.items():
        query = sa.select(*columns).where(entry.c.source == source, entry.c.ref.in_(wanted))
        for kind, ref, revision, body in connection.execute(query):
            key = (stream(kind), source, ref)
            if revision > latest.get(key, ("", 0, ""))[1]:
                latest[key] = (kind, revision, body)
    return latest
