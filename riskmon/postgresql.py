"""PostgreSQL: how it is opened, locked, asked and written to. Needs the extra `postgresql`."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from importlib.util import find_spec
from typing import Any

import sqlalchemy as sa

from riskmon.errors import DatabaseError, MissingExtraError, ReplicaError
from riskmon.partitions import KEYS, keyed, likened, sealed  # noqa: F401 (of this database, too)
from riskmon.tables import HASHED, Stored

BUSY_SECONDS = 30

IDLE_SECONDS = 60
"""That a transaction which holds the lock may take between two of its statements."""

LOCK = int.from_bytes(b"riskmon", "big")
"""The advisory lock that appends hold."""

AHEAD = 10_000
"""Positions between two looks at whether the partition beyond the next so many is there."""

PIECE = 5000
"""Entries whose columns are joined at a time."""

SECURE = "SELECT 1"
"""Nothing: `shred` does it."""

ADVICE = {
    "conflict with recovery": ". This read replica gave up an answer to follow its primary: ask "
    "again, or set hot_standby_feedback = on there",
    "statement pooling mode": ". Expected a pool that gives a connection for a transaction or a "
    "session",
    "connection": ". Expected a server that runs, and a user and a database that it knows",
    "permission denied for schema": ". Expected a user who may make tables: GRANT CREATE ON SCHEMA",
    "No space left": ". What was stored stays stored: make room, and ingest again; repeats vanish",
}
"""What to do about what PostgreSQL says; the first that fits."""


ENDING = "pg_settings WHERE name IN ('idle_in_transaction_session_timeout', 'transaction_timeout')"
"""What would end a transaction that does nothing; before PostgreSQL 17 there is one of them."""

REPLICA = " is a read replica: it answers, and takes no writes. Expected the URL of its primary"

READ_ONLY = (
    " takes no writes: default_transaction_read_only is on, as where whoever runs the server has "
    "no room left. Expected one that may be written to"
)

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
        # A snapshot taken before the lock was there would show an old head.
        isolation_level="READ COMMITTED",
        # Behind a pool the next transaction is another server connection's, which knows nothing
        # of what this one prepared, or set: so nothing outlives a transaction.
        connect_args={"connect_timeout": BUSY_SECONDS, "prepare_threshold": None},
        pool_pre_ping=True,  # a server that was started again meanwhile is no error
    )
    sa.event.listen(made, "connect", _check)
    sa.event.listen(made, "begin", _begin)
    return made


def _check(connection: Any, *_: object) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SHOW server_encoding")
        if (encoding := cursor.fetchone()[0]) != "UTF8":
            raise DatabaseError(f"expected a database made with ENCODING 'UTF8', got {encoding}")
    connection.commit()


def _begin(connection: sa.Connection) -> None:
    driver = connection.connection.driver_connection
    if connection.get_execution_options().get("writing"):
        lock(driver)
    elif not driver.autocommit:  # type: ignore[union-attr]
        _patient(driver)


def _patient(driver: Any) -> None:
    """Wait no longer for what others have locked, in this transaction."""
    driver.execute(f"SET LOCAL lock_timeout = '{BUSY_SECONDS}s'")


def lock(driver: Any) -> None:
    """Begin a transaction that holds the only right to append.

    One appends at a time, until its commit: so the order of positions is that of commits, and a
    reader that follows them skips none. Raises ReplicaError for a read replica.
    """
    _lock(driver, BUSY_SECONDS)


def _lock(driver: Any, seconds: float) -> None:
    settings = {
        "lock_timeout": f"'{int(1000 * seconds)}ms'",
        # One that was stopped within it, or cut off, keeps the others waiting no longer than that.
        "idle_in_transaction_session_timeout": f"'{IDLE_SECONDS}s'",
        # Else what was acknowledged could be lost.
        "synchronous_commit": "replace(current_setting('synchronous_commit'), 'off', 'on')",
    }
    told = [f"set_config('{name}', {value}, true)" for name, value in settings.items()]
    told += [f"pg_advisory_xact_lock({LOCK})", "pg_is_in_recovery()"]
    asked = f"SELECT {', '.join(told)}, current_setting('transaction_read_only')"
    *_, replica, closed = driver.execute(asked).fetchone()
    if closed == "on":
        driver.rollback()
        where = f"{driver.info.dbname} at {driver.info.host}:{driver.info.port}"
        raise ReplicaError(where + REPLICA) if replica else DatabaseError(where + READ_ONLY)


def probe(driver: Any, seconds: float) -> None:
    """Take the right to write, waiting for so long, and give it back."""
    _lock(driver, seconds)
    driver.rollback()


def moment(driver: Any) -> datetime | None:
    """Return which moment it is by the server's clock."""
    found: datetime = driver.execute("SELECT clock_timestamp()").fetchone()[0]
    return found


def is_busy(reason: str) -> bool:
    """Whether another process holds the lock."""
    return "lock timeout" in reason


def latest(driver: Any, refs: Mapping[str, Sequence[str]]) -> Iterator[tuple[Any, ...]]:
    """Yield kind, source, ref, revision of every entry under the refs of each source.

    And its body, `likened`: the entry itself may be archived.
    """
    sources = [source for source, wanted in refs.items() for _ in wanted]
    asked = [ref for wanted in refs.values() for ref in wanted]
    query = (
        # A look each, in the index: of a young table, or a small one, all rows were sorted else.
        "SELECT kind, source, ref, revision, digest "
        "FROM unnest(%s::text[], %s::text[]) AS asked (source, ref), LATERAL ("
        "SELECT kind, revision, digest FROM entry_key AS kept "
        "WHERE kept.source = asked.source AND kept.ref = asked.ref OFFSET 0) AS found"
    )
    yield from driver.execute(query, (sources, asked))


def insert(driver: Any, rows: Sequence[tuple[Any, ...]]) -> None:
    """Insert entries, a tuple of all columns each, in the order of their positions."""
    if (rows[0][0] - 1) // AHEAD < rows[-1][0] // AHEAD:
        driver.execute("SELECT entry_make_room(%s)", (rows[-1][0],))
    with driver.cursor().copy(f"COPY entry ({', '.join(HASHED)}, hash) FROM STDIN") as copy:
        for row in rows:
            copy.write_row(row)


def stored(driver: Any, after: int, until: int) -> Iterator[Stored]:
    """Yield position, columns up to `body` joined by NUL, and hash of some entries, in order."""
    columns = " || '\\000'::bytea || ".join(f"convert_to({name}::text, 'UTF8')" for name in HASHED)
    with driver.cursor("stored", binary=True) as cursor:
        cursor.itersize = 1000
        cursor.execute(
            f"SELECT position, {columns}, convert_to(hash, 'UTF8') "  # noqa: S608 (constants)
            "FROM entry WHERE position > %s AND position <= %s ORDER BY position",
            (after, until),
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
    with driver.transaction():
        _patient(driver)
        driver.execute("CLUSTER person USING person_pkey")  # VACUUM takes no transaction


def last(driver: Any, kind: str, source: str) -> str | None:
    """Return the ref of the last entry of a kind by a source; None where there is none."""
    query = (
        "SELECT ref FROM entry_key WHERE kind = %s AND source = %s ORDER BY position DESC LIMIT 1"
    )
    row = driver.execute(query, (kind, source)).fetchone()
    return str(row[0]) if row else None


class Alive:
    """That this process lives, for others to see: an advisory lock that its connection holds.

    For a transaction that stays open, does nothing, and keeps nothing from being vacuumed: so
    that a pool leaves it the connection.
    """

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
                self._pooled = self._engine.raw_connection()
                self._ask(f"SELECT count(set_config(name, '0', true)) FROM {ENDING}")  # noqa: S608
            if not self._held:  # the server may not have missed the lost connection yet
                self._held = self._takes(self._key)

    def sees(self, key: str) -> bool:
        """Whether the process with that key is connected; it may be stopped."""
        if key == self._key:
            return True
        with self._lock:
            if self._pooled is None:
                self.renew()
            # What is locked since a savepoint is not, once that is rolled back.
            with self._pooled.driver_connection.transaction(force_rollback=True):  # type: ignore[union-attr]
                return not self._takes(key)

    def _takes(self, key: str) -> bool:
        return self._ask(f"SELECT pg_try_advisory_xact_lock({_lock_of(key):d})")

    def _ask(self, query: str) -> bool:
        assert self._pooled is not None  # noqa: S101 (renew makes it)
        return bool(self._pooled.driver_connection.execute(query).fetchone()[0])  # type: ignore[union-attr]

    def close(self) -> None:
        """Take the lock away."""
        with self._lock:
            pooled, self._pooled, self._held = self._pooled, None, False
            if pooled is not None:
                pooled.invalidate()  # at once: the lock is the connection's


def _lock_of(key: str) -> int:
    """Return the advisory lock for a process's key, 15 hexadecimal digits."""
    return int(key, 16)
