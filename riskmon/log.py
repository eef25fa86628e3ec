"""The ledger, read: entries by place, by kind and by key, its size and its head."""

from __future__ import annotations

import bisect
import json
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from riskmon.database import MOST_VARIABLES, connect, database_of, driver, reading
from riskmon.errors import BrokenError, DatabaseError, VerificationError
from riskmon.evidence import EMPTY, Head
from riskmon.forms import utc_text
from riskmon.model import Entry, Taken
from riskmon.tables import REST, entry


class Log:
    """Entries in one order, to be read. `Ledger` is one that appends."""

    def __init__(self, url: str) -> None:
        self.engine = connect(url)
        self.database = database_of(self.engine.url)

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
            return last_of(driver(connection))

    def head(self) -> Head:
        """Return position, hash and moment of the last entry."""
        with reading(self.engine) as connection:
            return head_of(driver(connection))

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
            positions = range(1, last_of(driver(connection)) + 1)
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

    def mentioning(self, parts: Sequence[str], before: int, limit: int) -> list[Entry]:
        """Return the last `limit` events told before a position whose bodies have all `parts`.

        Whatever case ASCII letters are in; letters of other scripts that have a case match any.
        """
        like = entry.c.body.ilike if self.engine.dialect.name == "postgresql" else entry.c.body.like
        query = (
            sa.select(entry)
            .where(entry.c.kind == "event.recorded", entry.c.position < before)
            .where(*(like(_pattern(part), escape="/") for part in parts))
            .order_by(entry.c.position.desc())
            .limit(limit)
        )
        with reading(self.engine) as connection:
            return list(map(Entry._make, connection.execute(query)))

    def first(self, kind: str) -> Entry | None:
        """Return the first entry of `kind`, None where there is none."""
        query = sa.select(entry).where(entry.c.kind == kind).order_by(entry.c.position).limit(1)
        with reading(self.engine) as connection:
            row = connection.execute(query).first()
        return None if row is None else Entry._make(row)


def head_of(connection: Any) -> Head:
    """Return position, hash and moment of the last entry, by the driver's own connection."""
    query = "SELECT position, hash, recorded_at FROM entry ORDER BY position DESC LIMIT 1"
    row = connection.execute(query).fetchone()
    if row is None:
        return EMPTY
    head = Head(*row)
    if not isinstance(head.position, int):
        raise BrokenError("the table `entry` is damaged: its positions are no numbers")
    if not (isinstance(head.hash, str) and isinstance(head.recorded_at, str)):
        raise changed(head.position, head.position)
    return head


def last_of(connection: Any) -> int:
    """Return the last position, whatever else may be wrong with its entry."""
    (last,) = connection.execute("SELECT max(position) FROM entry").fetchone()
    if not isinstance(last, int | None):
        raise BrokenError("the table `entry` is damaged: its positions are no numbers")
    return last or 0


def changed(position: int, stored: int) -> VerificationError:
    """Return what is wrong where an entry is not what was hashed."""
    what = "is not what was hashed: it was changed" if stored == position else "is missing"
    return VerificationError(
        f"entry {position:,} {what}. Restore a copy", finding="changed", position=position
    )


def _pattern(part: str) -> str:
    """Return what LIKE finds text by in canonical JSON; no wildcard within it takes long."""
    found = []
    for one in json.dumps(part, ensure_ascii=False)[1:-1]:
        if one in "%_/":
            found.append(f"/{one}")
        else:
            cased = not one.isascii() and one.lower() != one.upper()
            found.append("_" if cased or "\ud800" <= one <= "\udfff" else one)
    return f"%{''.join(found)}%"
