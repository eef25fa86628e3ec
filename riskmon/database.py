"""The connection to a database, brought to the newest schema."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from importlib import import_module
from pathlib import Path
from typing import Any

import platformdirs
import sqlalchemy as sa
from sqlalchemy import exc

from riskmon.errors import BusyError, DatabaseError, UsageError
from riskmon.tables import REVISION

BUSY_SECONDS = 30


def shipped(name: str) -> Path:
    """Return the folder `name` (migrations, rules, scenario) of the wheel or of the checkout."""
    package = Path(__file__).parent
    inside = package / "_shipped" / name
    return inside if inside.is_dir() else package.parent / name


def default_url() -> str:
    """Return RISKMON_DATABASE_URL, else a SQLite file in the user's data folder."""
    folder = platformdirs.user_data_path("riskmon", appauthor=False)
    return os.environ.get("RISKMON_DATABASE_URL") or f"sqlite:///{folder / 'risk.db'}"


def beside(engine: sa.Engine, ending: str) -> Path:
    """Return a path beside the database's file, or in the working folder where it has none."""
    name = engine.url.database
    return Path("memory" if name in {None, "", ":memory:"} else str(name)).with_suffix(ending)


def connect(url: str) -> sa.Engine:
    """Return an engine for `url`, its schema brought to the newest.

    Raises DatabaseError where the URL is none, the database is no database or is newer than
    the code, and BusyError where another process holds it longer than 30 seconds.
    """
    parsed = _parsed(url)
    memory = parsed.database in {None, "", ":memory:"}
    if url == default_url() and not memory:
        with suppress(OSError):  # opening the database then says what to do
            Path(str(parsed.database)).parent.mkdir(parents=True, exist_ok=True)
    engine = sa.create_engine(
        parsed,
        # One connection for a database in memory: it lives as long as its connection does.
        poolclass=sa.pool.StaticPool if memory else sa.pool.QueuePool,
        # With the driver's own transactions off, ours are explicit: DDL rolls back too.
        connect_args={
            "isolation_level": None,
            "timeout": BUSY_SECONDS,
            "check_same_thread": False,
        },
    )
    sa.event.listen(engine, "connect", _set_up)
    sa.event.listen(engine, "begin", _begin)
    try:
        with refusals(parsed):
            _migrate(engine)
    except BaseException:
        engine.dispose()
        raise
    return engine


def _parsed(url: str) -> sa.URL:
    wanted = "expected a database URL such as sqlite:///risk.db"
    try:
        parsed = sa.make_url(url)
    except exc.ArgumentError:
        found = "that" if "@" in url else repr(url)  # it may hold a password
        raise UsageError(f"{wanted}, got {found}") from None
    if parsed.drivername not in {"sqlite", "sqlite+pysqlite"}:
        raise UsageError(f"{wanted}, got {parsed!s}: other databases are not supported yet")
    if parsed.host or parsed.username or parsed.query:
        raise UsageError(f"{wanted}, without user, host and ?options, got {parsed!s}")
    return parsed


@contextmanager
def refusals(url: sa.URL) -> Iterator[None]:
    """Turn what the driver raises into what a person can act on."""
    try:
        yield
    except exc.DBAPIError as error:
        reason = str(error.orig)
        if "locked" in reason or "busy" in reason:
            raise BusyError(f"{url!s} is busy: another process has held it for 30 s") from error
        advice = next((advice for words, advice in ADVICE.items() if words in reason), "")
        raise DatabaseError(f"{url!s} cannot be used: {reason}{advice}") from error


ADVICE = {
    "not a database": ". Expected a riskmon database, or a path where one can be made",
    "malformed": ". The file is damaged: restore a copy",
    "unable to open": ". Expected a path in a folder that exists and that you may write to",
    "readonly": ". Expected a file and a folder that you may write to",
    "full": ". What was stored stays stored: make room, and ingest again; repeats vanish",
    "I/O": ". What was stored stays stored: see to the disk, and ingest again; repeats vanish",
}
"""What to do about what SQLite says."""


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
    writing = connection.get_execution_options().get("writing")
    # A writer that begins as a reader is refused, not queued, when another one was faster.
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writing else "BEGIN")


@contextmanager
def writing(engine: sa.Engine) -> Iterator[sa.Connection]:
    """Give a connection in a transaction that holds the only right to write."""
    with (
        refusals(engine.url),
        engine.connect().execution_options(writing=True) as connection,
        connection.begin(),
    ):
        yield connection


def revision(connection: sa.Connection) -> str | None:
    """Return the schema's revision, None for an empty database."""
    if not sa.inspect(connection).has_table("alembic_version"):
        return None
    return connection.scalar(sa.text("SELECT version_num FROM alembic_version")) or ""


def _migrate(engine: sa.Engine) -> None:
    with engine.connect() as connection:
        if revision(connection) == REVISION:
            return
    with writing(engine) as connection:  # the lock: of eight first starts, one makes the tables
        found = revision(connection)
        if found is None and sa.inspect(connection).get_table_names():
            raise DatabaseError(f"{engine.url!s} is another program's database: name another file")
        if found is not None and not re.fullmatch(r"\d{4}", found):
            raise DatabaseError(
                f"{engine.url!s} has a schema that is not riskmon's ({found!r}): name another file"
            )
        if found is not None and found > REVISION:
            raise DatabaseError(
                f"{engine.url!s} has schema {found}, newer than this riskmon's {REVISION}: "
                "upgrade riskmon"
            )
        if found != REVISION:
            upgrade(connection)


def upgrade(connection: sa.Connection) -> None:
    """Run the shipped migrations on a live connection."""
    config = import_module("alembic.config").Config()  # late: Alembic costs 0.6 s to import
    config.set_main_option("script_location", str(shipped("migrations")).replace("%", "%%"))
    config.attributes["connection"] = connection
    import_module("alembic.command").upgrade(config, "head")
