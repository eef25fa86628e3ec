"""PostgreSQL: how it is opened, locked, asked and written to. Needs the extra `postgresql`."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from importlib.util import find_spec
from typing import Any

import sqlalchemy as sa

from riskmon.errors import DatabaseError, MissingExtraError
from riskmon.tables import HASHED

BUSY_SECONDS = 30

IDLE_SECONDS = 60
"""That a transaction which holds the lock may take between two of its statements."""

LOCK = int.from_bytes(b"riskmon", "big")
"""The advisory lock that appends hold."""

PIECE = 5000
"""Entries whose columns are joined at a time."""

SECURE = "SELECT 1"
"""Nothing: `shred` does it."""

ADVICE = {
    "connection": ". Expected a server that runs, and a user and a database that it knows",
    "permission denied for schema": ". Expected a user who may make tables: GRANT CREATE ON SCHEMA",
    "No space left": ". What was stored stays stored: make room, and ingest again; repeats vanish",
}
"""What to do about what PostgreSQL says."""


BROKEN = ("invalid page", "checksum")
"""What PostgreSQL says of a damaged file."""


def in_memory(_: sa.URL) -> bool:
    """Whether the database lives in memory: never."""
    return False


def problem(url: sa.URL) -> str:
    """Return what is wrong with a URL, nothing where it is right."""
    return "" if url.database else "with the name of a database"


def engine(url: sa.URL) -> sa.Engine:
    """Return an engine whose connections are durable and whose appends are serialised."""
    if find_spec("psycopg") is None:
        raise MissingExtraError("psycopg", "postgresql")
    made = sa.create_engine(
        url.set(drivername="postgresql+psycopg"),
        connect_args={"connect_timeout": BUSY_SECONDS},
        pool_pre_ping=True,  # a server that was started again meanwhile is no error
    )
    sa.event.listen(made, "connect", _set_up)
    sa.event.listen(made, "begin", _begin)
    return made


def _set_up(connection: Any, *_: object) -> None:
    with connection.cursor() as cursor:
        cursor.execute(f"SET lock_timeout = '{BUSY_SECONDS}s'")
        # A snapshot taken before the lock was there would show an old head.
        cursor.execute("SET default_transaction_isolation = 'read committed'")
        cursor.execute("SHOW server_encoding")
        if (encoding := cursor.fetchone()[0]) != "UTF8":
            raise DatabaseError(f"expected a database made with ENCODING 'UTF8', got {encoding}")
        cursor.execute("SHOW synchronous_commit")
        if cursor.fetchone()[0] == "off":  # else what was acknowledged could be lost
            cursor.execute("SET synchronous_commit = on")
    connection.commit()


def _begin(connection: sa.Connection) -> None:
    if connection.get_execution_options().get("writing"):
        lock(connection.connection.driver_connection)


def lock(driver: Any) -> None:
    """Begin a transaction that holds the only right to append.

    One appends at a time, until its commit: so the order of positions is that of commits, and a
    reader that follows them skips none.
    """
    # One that was stopped within it, or cut off, keeps the others waiting no longer than that.
    idle = f"set_config('idle_in_transaction_session_timeout', '{IDLE_SECONDS}s', true)"
    driver.execute(f"SELECT {idle}, pg_advisory_xact_lock({LOCK})")


def probe(driver: Any, seconds: float) -> None:
    """Take the right to write, waiting for so long, and give it back."""
    driver.execute(f"SET LOCAL lock_timeout = '{int(1000 * seconds)}ms'")
    lock(driver)
    (closed,) = driver.execute("SHOW transaction_read_only").fetchone()
    driver.rollback()
    if closed == "on":
        raise DatabaseError("the server takes no writes: it is a standby, or was made read-only")


def moment(driver: Any) -> datetime | None:
    """Return which moment it is by the server's clock."""
    found: datetime = driver.execute("SELECT clock_timestamp()").fetchone()[0]
    return found


def is_busy(reason: str) -> bool:
    """Whether another process holds the lock."""
    return "lock timeout" in reason


def latest(driver: Any, refs: Mapping[str, Sequence[str]]) -> Iterator[tuple[Any, ...]]:
    """Yield kind, source, ref, revision, body of every entry under the refs of each source."""
    sources = [source for source, wanted in refs.items() for _ in wanted]
    asked = [ref for wanted in refs.values() for ref in wanted]
    query = (
        "SELECT kind, source, ref, revision, body FROM entry "
        "JOIN unnest(%s::text[], %s::text[]) AS asked (source, ref) USING (source, ref)"
    )
    yield from driver.execute(query, (sources, asked))


def insert(driver: Any, rows: Sequence[tuple[Any, ...]]) -> None:
    """Insert entries, a tuple of all columns each."""
    with driver.cursor().copy(f"COPY entry ({', '.join(HASHED)}, hash) FROM STDIN") as copy:
        for row in rows:
            copy.write_row(row)


def stored(driver: Any, until: int) -> Iterator[tuple[int, bytes, bytes]]:
    """Yield position, columns up to `body` joined by NUL, and hash of each entry, in order."""
    columns = " || '\\000'::bytea || ".join(f"convert_to({name}::text, 'UTF8')" for name in HASHED)
    with driver.cursor("stored", binary=True) as cursor:
        cursor.itersize = 1000
        cursor.execute(
            f"SELECT position, {columns}, convert_to(hash, 'UTF8') "  # noqa: S608 (constants)
            "FROM entry WHERE position <= %s ORDER BY position",
            (until,),
        )
        yield from cursor


def rows(driver: Any, query: str) -> Iterator[tuple[Any, ...]]:
    """Yield the rows of a query, a few thousand at a time."""
    with driver.cursor("rows") as cursor:
        cursor.itersize = PIECE
        cursor.execute(query)
        yield from cursor


def columns(driver: Any, names: Sequence[str], after: int, until: int) -> Iterator[tuple[str, ...]]:
    """Yield some columns of the entries after `after`, each as one text, its values joined by NUL.

    In pieces.
    """
    listed = ", ".join(f"array_agg({name}::text ORDER BY position)" for name in names)
    query = f"SELECT {listed} FROM entry WHERE position BETWEEN %s AND %s"  # noqa: S608 (constants)
    for start in range(after + 1, until + 1, PIECE):
        found = driver.execute(query, (start, min(start + PIECE - 1, until))).fetchone()
        yield tuple("\0".join(column) for column in found)


def shred(driver: Any) -> None:
    """Take a destroyed key out of the table's file."""
    driver.execute("VACUUM (FULL, ANALYZE) person")


def last(driver: Any, kind: str, source: str) -> str | None:
    """Return the ref of the last entry of a kind by a source; None where there is none."""
    # Plus 0: by the index of the source, not backwards through all entries.
    query = (
        "SELECT ref FROM entry WHERE kind = %s AND source = %s ORDER BY position + 0 DESC LIMIT 1"
    )
    row = driver.execute(query, (kind, source)).fetchone()
    return str(row[0]) if row else None


class Alive:
    """That this process lives, for others to see: an advisory lock that its connection holds."""

    def __init__(self, engine: sa.Engine, key: str) -> None:
        self._engine = engine
        self._key = key
        self._pooled: sa.PoolProxiedConnection | None = None
        self._held = False
        self._lock = threading.RLock()  # who beats and who looks share the connection
        self.renew()

    def renew(self) -> None:
        """Take the lock again where the connection was lost, as when the server was restarted."""
        with self._lock:
            if self._pooled is not None:
                try:
                    self._ask("SELECT 1")
                except self._engine.dialect.loaded_dbapi.Error:
                    self.close()
            if self._pooled is None:
                pooled = self._engine.raw_connection()
                pooled.driver_connection.autocommit = True  # type: ignore[union-attr]
                self._pooled = pooled
            if not self._held:  # the server may not have missed the lost connection yet
                lock = _lock_of(self._key)
                self._held = self._ask(f"SELECT pg_try_advisory_lock({lock:d})")

    def sees(self, key: str) -> bool:
        """Whether the process with that key is connected; it may be stopped."""
        if key == self._key:
            return True
        lock = _lock_of(key)
        with self._lock:
            if self._pooled is None:
                self.renew()
            if self._ask(f"SELECT pg_try_advisory_lock({lock:d})"):
                self._ask(f"SELECT pg_advisory_unlock({lock:d})")
                return False
        return True

    def _ask(self, query: str) -> bool:
        assert self._pooled is not None  # noqa: S101 (renew makes it)
        return bool(self._pooled.driver_connection.execute(query).fetchone()[0])  # type: ignore[union-attr]

    def close(self) -> None:
        """Take the lock away."""
        with self._lock:
            pooled, self._pooled, self._held = self._pooled, None, False
            if pooled is not None:
                pooled.invalidate()  # not back into the pool: the lock is the connection's


def _lock_of(key: str) -> int:
    """Return the advisory lock for a process's key, 15 hexadecimal digits."""
    return int(key, 16)
