"""The ledger, read: entries by place, by kind and by key, its size and its head."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from riskmon.archive import Archive
from riskmon.database import MOST_VARIABLES, connect, database_of, driver, reading
from riskmon.errors import BrokenError, DatabaseError, VerificationError
from riskmon.evidence import EMPTY, Head
from riskmon.forms import utc_text
from riskmon.model import EVENTS, Entry, Taken
from riskmon.tables import REST, entry


class Log:
    """Entries in one order, to be read. `Ledger` is one that appends.

    Those of ranges that were taken out of the database are read from the archive.
    """

    def __init__(self, url: str, archive: Path | None = None) -> None:
        self.engine = connect(url)
        self.database = database_of(self.engine.url)
        self.archive = Archive(archive)

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
            gone = gone_of(driver(connection))
            last = gone if until is None else min(gone, until)
            yield from self.archive.entries(after, last, kinds)
            try:
                with connection.execution_options(yield_per=10_000).execute(query) as rows:
                    for row in rows:
                        yield Entry._make(row)
            except (TypeError, ValueError) as error:
                raise DatabaseError(
                    f"the ledger is damaged after position {after:,} ({error}): riskmon verify "
                    "names the entry"
                ) from error

    def told(self, after: int, until: int | None = None) -> Iterator[Taken]:
        """Yield the entries after position `after`, up to `until`, as the fold of the log reads."""
        last = "" if until is None else f"AND position <= {until:d} "
        query = (
            "SELECT position, kind, source, ref, body FROM entry "  # noqa: S608 (numbers)
            f"WHERE position > {after:d} {last}ORDER BY position"
        )
        with reading(self.engine) as connection:
            gone = gone_of(driver(connection))
            yield from self.archive.told(after, gone if until is None else min(gone, until))
            yield from self.database.rows(driver(connection), query)

    def rest(self, after: int) -> Iterator[Taken]:
        """Yield the entries after position `after` that tell of no event: by an index of theirs."""
        query = (
            "SELECT position, kind, source, ref, body FROM entry WHERE kind <> 'event.recorded' "  # noqa: S608 (a number)
            f"AND kind <> 'event.withdrawn' AND position > {after:d} ORDER BY position"
        )
        with reading(self.engine) as connection:
            yield from self.archive.told(after, gone_of(driver(connection)), but=EVENTS)
            yield from self.database.rows(driver(connection), query)

    def told_before(self, after: int, until: int) -> Iterator[Taken]:
        """Yield the entries up to `after` of the events that are told anew after it, up to `until`.

        As the fold of the log reads them, those by which they were withdrawn among them.
        """
        query = (
            "SELECT DISTINCT source, ref FROM entry "  # noqa: S608 (numbers)
            f"WHERE position > {after:d} AND position <= {until:d} AND revision > 1 "
            "AND kind IN ('event.recorded', 'event.withdrawn')"
        )
        with reading(self.engine) as connection:
            again = set(self.database.rows(driver(connection), query))
            archived = self.archive.entries(after, min(gone_of(driver(connection)), until), EVENTS)
            again |= {(one.source, one.ref) for one in archived if one.revision > 1}
        refs: dict[str, list[str]] = {}
        for source, ref in again:
            refs.setdefault(source, []).append(ref)
        found = (self._keyed(kind, *one) for kind in EVENTS for one in refs.items())
        before = [position for some in found for position, _ in some if position <= after]
        for told in self.some(before):
            yield told.position, told.kind, told.source, told.ref, told.body

    def some(self, positions: Iterable[int]) -> Iterator[Entry]:
        """Yield the entries at some positions, in their order in the log."""
        asked = sorted(set(positions))
        for start in range(0, len(asked), MOST_VARIABLES):
            part = asked[start : start + MOST_VARIABLES]
            place = entry.c.position.in_(part)
            with reading(self.engine) as connection:
                found = connection.execute(sa.select(entry).where(place).order_by(entry.c.position))
                rows = [Entry._make(row) for row in found]
                gone = gone_of(driver(connection)) if len(rows) < len(part) else 0
            yield from self.archive.some([one for one in part if one <= gone])
            yield from rows  # whoever takes them may ask the database for more

    def recorded_at(self, position: int) -> datetime | None:
        """Return when the entry at `position` was recorded; None for position 0."""
        text = self.at(position).recorded_at
        return datetime.fromisoformat(text) if text else None

    def size(self) -> int:
        """Return the last position."""
        with reading(self.engine) as connection:
            return last_of(driver(connection))

    def gone(self) -> int:
        """Return the last position of those that are in the archive alone; 0 where all are here."""
        with reading(self.engine) as connection:
            return gone_of(driver(connection))

    def head(self) -> Head:
        """Return position, hash and moment of the last entry."""
        with reading(self.engine) as connection:
            return head_of(driver(connection))

    def at(self, position: int) -> Head:
        """Return the head as it was when the ledger ended at `position`."""
        if position == 0:
            return EMPTY
        (found,) = self.some([position])
        return Head(position, found.hash, utc_text(found.recorded_at))

    def position_at(self, moment: datetime) -> int:
        """Return the last position recorded by `moment`, that moment included; 0 for none."""
        text = utc_text(moment)
        with reading(self.engine) as connection:
            gone, last = gone_of(driver(connection)), last_of(driver(connection))
            # Positions are dense and recorded_at never goes back, so bisection finds the place.
            query = (
                "WITH RECURSIVE place (low, high) AS ("  # noqa: S608 (numbers, and a moment)
                f"SELECT CAST({gone} AS bigint), CAST({last} AS bigint) UNION ALL "
                f"SELECT CASE WHEN recorded_at <= '{text}' THEN position ELSE low END, "
                f"CASE WHEN recorded_at <= '{text}' THEN high ELSE position - 1 END "
                "FROM place JOIN entry ON position = (low + high + 1) / 2 WHERE low < high"
                ") SELECT max(low) FROM place"
            )
            (found,) = driver(connection).execute(query).fetchone()
        return int(found) if found > gone else self.archive.position_at(text, gone)

    def known(self, kind: str, source: str, refs: Iterable[str]) -> set[str]:
        """Return those of `refs` under which an entry of `kind` by `source` stands."""
        return {ref for _, ref in self._keyed(kind, source, refs)}

    def of(self, kind: str, source: str) -> list[Entry]:
        """Return the entries of `kind` by `source`, in order."""
        return list(self.some(position for position, _ in self._keyed(kind, source, None)))

    def latest(self, kind: str, source: str, refs: Iterable[str]) -> list[Entry]:
        """Return the latest revision of `kind` by `source` under each of `refs`."""
        last = {ref: position for position, ref in sorted(self._keyed(kind, source, refs))}
        return list(self.some(last.values()))

    def first_told(self, source: str, ref: str) -> int | None:
        """Return the position of an event's first entry."""
        found = self._keyed("event.recorded", source, [ref])
        return min((position for position, _ in found), default=None)

    def _keyed(self, kind: str, source: str, refs: Iterable[str] | None) -> list[tuple[int, str]]:
        """Return position and ref of the entries of `kind` by `source`, of all refs or of some."""
        keys = self.database.KEYS.c
        query = sa.select(keys.position, keys.ref).where(keys.source == source, keys.kind == kind)
        asked = sorted(refs or ())
        some = [asked[at : at + MOST_VARIABLES] for at in range(0, len(asked), MOST_VARIABLES)]
        queries = [query] if refs is None else [query.where(keys.ref.in_(one)) for one in some]
        with reading(self.engine) as connection:
            return [tuple(row) for one in queries for row in connection.execute(one)]

    def mentioning(self, parts: Sequence[str], before: int, limit: int) -> list[Entry]:
        """Return the last `limit` events told before a position whose bodies have all `parts`.

        Whatever case ASCII letters are in; letters of other scripts that have a case match any.
        """
        like = entry.c.body.ilike if self.engine.dialect.name == "postgresql" else entry.c.body.like
        patterns = [_pattern(part) for part in parts]
        query = (
            sa.select(entry)
            .where(entry.c.kind == "event.recorded", entry.c.position < before)
            .where(*(like(pattern, escape="\\") for pattern in patterns))
            .order_by(entry.c.position.desc())
            .limit(limit)
        )
        with reading(self.engine) as connection:
            found = list(map(Entry._make, connection.execute(query)))
            gone = gone_of(driver(connection)) if len(found) < limit else 0
        more = self.archive.mentioning(patterns, min(before - 1, gone), limit - len(found))
        return [*found, *more]

    def first(self, kind: str) -> Entry | None:
        """Return the first entry of `kind`, None where there is none."""
        query = sa.select(entry).where(entry.c.kind == kind).order_by(entry.c.position).limit(1)
        with reading(self.engine) as connection:
            archived = self.archive.entries(0, gone_of(driver(connection)), (kind,))
            row = connection.execute(query).first()
        return next(archived, None if row is None else Entry._make(row))


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


def gone_of(connection: Any) -> int:
    """Return the last position before those in the database: 0, but where ranges are archived."""
    (first,) = connection.execute("SELECT min(position) FROM entry").fetchone()
    return max(0, first - 1) if isinstance(first, int) else 0


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
        if one in "%_\\":
            found.append(f"\\{one}")
        else:
            cased = not one.isascii() and one.lower() != one.upper()
            found.append("_" if cased or "\ud800" <= one <= "\udfff" else one)
    return f"%{''.join(found)}%"
