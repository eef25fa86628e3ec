"""SQLite: how it is opened, locked, asked and written to."""

from __future__ import annotations

import fcntl
import json
import os
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from riskmon.errors import BusyError, DatabaseError
from riskmon.tables import HASHED, Stored, entry

BUSY_SECONDS = 30

TYPES = "integertexttexttextintegertexttexttext"
"""Of these, and of `hash`."""

KEYS = entry
"""Where the entries of a key are found."""

WIDTH = 10_000_000
"""Positions of a range that is archived."""

PIECE = 5000
"""Entries whose columns are joined at a time."""

SECURE = "PRAGMA secure_delete=ON"
"""So that a key leaves no trace in a page, when it moves or is destroyed."""

ADVICE = {
    "not a database": ". Expected a riskmon database, or a path where one can be made",
    "can't decode": ". The file is damaged: restore a copy",
    "malformed": ". The file is damaged: restore a copy",
    "unable to open": ". Expected a path in a folder that exists and that you may write to",
    "readonly": ". Expected a file and a folder that you may write to",
    "full": ". What was stored stays stored: make room, and ingest again; repeats vanish",
    "I/O": ". What was stored stays stored: see to the disk, and ingest again; repeats vanish",
}
"""What to do about what SQLite says."""


BROKEN = ("not a database", "malformed", "can't decode")
"""What SQLite says of a damaged file."""


def in_memory(url: sa.URL) -> bool:
    """Whether the database lives in memory, and no longer than its connection."""
    return url.database in {None, "", ":memory:"}


def problem(url: sa.URL) -> str:
    """Return what is wrong with a URL, nothing where it is right."""
    return "without user, host and ?options" if url.host or url.username or url.query else ""


def engine(url: sa.URL) -> sa.Engine:
    """Return an engine whose connections are durable, and whose transactions are explicit."""
    made = sa.create_engine(
        url,
        # One connection for a database in memory: it lives as long as its connection does.
        poolclass=sa.pool.StaticPool if in_memory(url) else sa.pool.QueuePool,
        # With the driver's own transactions off, ours are explicit: DDL rolls back too.
        connect_args={
            "isolation_level": None,
            "timeout": BUSY_SECONDS,
            "check_same_thread": False,
        },
    )
    sa.event.listen(made, "connect", _set_up)
    sa.event.listen(made, "begin", _begin)
    return made


def _set_up(connection: Any, *_: object) -> None:
    try:
        _apply_pragmas(connection)
    except BaseException:
        connection.close()
        raise


def _apply_pragmas(connection: Any) -> None:
    for pragma in (
        "synchronous=FULL",
        "foreign_keys=ON",
        "recursive_triggers=ON",  # INSERT OR REPLACE then fires the DELETE trigger
        "cache_size=-65536",
    ):
        connection.execute(f"PRAGMA {pragma}")
    # Switching to WAL does not wait for other connections as everything else does.
    deadline = time.monotonic() + BUSY_SECONDS
    while connection.execute("PRAGMA journal_mode").fetchone()[0] not in {"wal", "memory"}:
        try:
            connection.execute("PRAGMA journal_mode=WAL")
        except Exception as error:
            if "locked" not in str(error) or time.monotonic() > deadline:
                raise
            time.sleep(0.01)


def _begin(connection: sa.Connection) -> None:
    driver = connection.connection.driver_connection
    if connection.get_execution_options().get("writing"):
        lock(driver)
    else:
        connection.exec_driver_sql("BEGIN")


def lock(driver: Any) -> None:
    """Begin a transaction that holds the only right to write."""
    # A writer that begins as a reader is refused, not queued, when another one was faster.
    driver.execute("BEGIN IMMEDIATE")


def probe(driver: Any, seconds: float) -> None:
    """Take the right to write, waiting for so long, and give it back."""
    driver.execute(f"PRAGMA busy_timeout={int(1000 * seconds)}")
    try:
        lock(driver)
        driver.rollback()
    finally:
        driver.execute(f"PRAGMA busy_timeout={int(1000 * BUSY_SECONDS)}")


def moment(_: Any) -> datetime | None:
    """Return which moment it is by the database's clock: it has none of its own."""
    return None


def is_busy(reason: str) -> bool:
    """Whether another process holds the database."""
    return "locked" in reason or "busy" in reason


def likened(body: str) -> str:
    """Return what `latest` has in place of a body: here, the body."""
    return body


def latest(driver: Any, refs: Mapping[str, Sequence[str]]) -> Iterator[tuple[Any, ...]]:
    """Yield kind, source, ref, revision, body of every entry under the refs of each source."""
    # An array in one parameter: no bound on their number, and one statement to prepare.
    query = (
        "SELECT kind, source, ref, revision, body FROM entry "
        "WHERE source = ? AND ref IN (SELECT value FROM json_each(?))"
    )
    for source, wanted in refs.items():
        yield from driver.execute(query, (source, json.dumps(wanted)))


def insert(driver: Any, rows: Sequence[tuple[Any, ...]]) -> None:
    """Insert entries, a tuple of all columns each."""
    driver.executemany("INSERT INTO entry VALUES (?, ?, ?, ?, ?, ?, ?, ?)", rows)


def stored(driver: Any, after: int, until: int) -> Iterator[Stored]:
    """Yield position, columns up to `body` joined by NUL, and hash of some entries, in order.

    As bytes, and joined by the database: what a damaged file holds may be no text. Where a value
    has another type than its column, there are no bytes: the same bytes as a BLOB are not found
    by a query for the text, so they are not the same entry.
    """
    columns = "||x'00'||".join(HASHED)
    types = "||".join(f"typeof({name})" for name in (*HASHED, "hash"))
    cursor = driver.execute(
        f"SELECT position, CASE {types} WHEN '{TYPES}' "  # noqa: S608 (constants)
        f"THEN CAST({columns} AS BLOB) ELSE x'' END, CAST(hash AS BLOB) "
        "FROM entry WHERE position > ? AND position <= ? ORDER BY position",
        (after, until),
    )
    while rows := cursor.fetchmany(1000):
        yield from rows


def keyed(_: Any, entries: Iterator[Stored]) -> Iterator[Stored]:
    """Yield entries that are verified: their keys are kept in the table itself."""
    return entries


def sealed(driver: Any) -> list[tuple[int, int, str]]:
    """Return first and last position of each range that gets no more entries.

    And the statement that takes it out of the database: there is none, it stays.
    """
    (last,) = driver.execute("SELECT max(position) FROM entry").fetchone()
    ends = range(WIDTH, last or 0, WIDTH)
    return [(end - WIDTH + 1, end, "") for end in ends]


def rows(driver: Any, query: str) -> Iterator[tuple[Any, ...]]:
    """Yield the rows of a query, a few thousand at a time."""
    cursor = driver.execute(query)
    while found := cursor.fetchmany(PIECE):
        yield from found


def columns(driver: Any, names: Sequence[str], after: int, until: int) -> Iterator[tuple[str, ...]]:
    """Yield some columns of the entries after `after`, each as one text, its values joined by NUL.

    In pieces. The database joins them: a value of its own for each cell costs twice as much.
    """
    joined = ", ".join(f"group_concat({name}, x'00')" for name in names)
    query = f"SELECT {joined} FROM entry WHERE position BETWEEN ? AND ?"  # noqa: S608 (constants)
    for start in range(after + 1, until + 1, PIECE):
        yield driver.execute(query, (start, min(start + PIECE - 1, until))).fetchone()


def shred(driver: Any) -> None:
    """Take a destroyed key out of the write-ahead log; `SECURE` took it out of the pages."""
    busy, _, _ = driver.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
    if busy:
        raise BusyError(
            "the key is destroyed, but somebody reads the database, so that the write-ahead log "
            "still has it: end what reads, and forget the person again"
        )


def last(driver: Any, kind: str, source: str) -> str | None:
    """Return the ref of the last entry of a kind by a source; None where there is none."""
    # Plus 0: by the index of the source, not backwards through all entries.
    query = "SELECT ref FROM entry WHERE kind = ? AND source = ? ORDER BY position + 0 DESC LIMIT 1"
    row = driver.execute(query, (kind, source)).fetchone()
    return str(row[0]) if row else None


class Alive:
    """That this process lives, for others on this host to see: a file that it holds locked."""

    def __init__(self, engine: sa.Engine, key: str) -> None:
        name = "memory" if in_memory(engine.url) else engine.url.database
        self._folder = Path(f"{name}.alive")
        self._path = self._folder / key
        try:
            self._file = self._opened()
        except OSError as error:
            raise DatabaseError(
                f"{self._folder}: {error.strerror}. Expected a folder that you may write to"
            ) from error
        fcntl.flock(self._file, fcntl.LOCK_EX)

    def _opened(self) -> int:
        while True:
            with suppress(FileExistsError):
                self._folder.mkdir()
            with suppress(FileNotFoundError):  # the last of the others took the folder away
                return os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)

    def renew(self) -> None:
        """Nothing: a lock is held until the process ends, however it ends."""

    def sees(self, key: str) -> bool:
        """Whether the process with that key lives; it may be stopped."""
        path = self._folder / key
        if path == self._path:
            return True
        try:
            file = os.open(path, os.O_RDWR | os.O_CLOEXEC)
        except FileNotFoundError:
            return False
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        else:
            path.unlink(missing_ok=True)  # of one that is dead
            return False
        finally:
            os.close(file)

    def close(self) -> None:
        """Take the lock away."""
        self._path.unlink(missing_ok=True)
        os.close(self._file)
        with suppress(OSError):  # others have theirs there
            self._folder.rmdir()
