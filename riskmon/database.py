"""The connection to a database, brought to the newest schema."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import Any

import platformdirs
import sqlalchemy as sa
from sqlalchemy import exc

from riskmon.errors import BusyError, DatabaseError
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
    """Return a path beside the database's file, or in the user's data folder where it has none."""
    name = engine.url.database
    if name and name != ":memory:":
        return Path(name).with_name(Path(name).stem + ending)
    return platformdirs.user_data_path("riskmon", appauthor=False, ensure_exists=True) / (
        f"memory{ending}"
    )


def connect(url: str) -> sa.Engine:
    """Return an engine for `url`, its schema brought to the newest.

    Raises DatabaseError where the URL is none, the database is no database or is newer than
    the code, and BusyError where another process holds it longer than 30 seconds.
    """
    try:
        parsed = sa.make_url(url)
    except exc.ArgumentError:
        raise DatabaseError(
            f"expected a database URL such as sqlite:///risk.db, got {url!r}"
        ) from None
    if parsed.get_backend_name() != "sqlite":
        raise DatabaseError(
            f"expected a SQLite URL such as sqlite:///risk.db, got {parsed!s}: "
            "other databases are not supported yet"
        )
    memory = parsed.database in {None, "", ":memory:"}
    if not memory:
        folder = Path(str(parsed.database)).parent
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise DatabaseError(f"{parsed!s} cannot be used: {error.strerror}: {folder}") from None
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


@contextmanager
def refusals(url: sa.URL) -> Iterator[None]:
    """Turn what the driver raises into what a person can act on."""
    try:
        yield
    except exc.DBAPIError as error:
        reason = str(error.orig)
        if "locked" in reason or "busy" in reason:
            raise BusyError(f"{url!s} is busy: another process has held it for 30 s") from error
        raise DatabaseError(
            f"{url!s} cannot be used: {reason}. Expected a riskmon database, or a path where "
            "one can be made; check that it is a file you may write to"
        ) from error


def _set_up(connection: Any, *_: object) -> None:
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
    return str(connection.scalar(sa.text("SELECT version_num FROM alembic_version")))


def _migrate(engine: sa.Engine) -> None:
    with engine.connect() as connection:
        if revision(connection) == REVISION:
            return
    with writing(engine) as connection:  # the lock: of eight first starts, one makes the tables
        found = revision(connection)
        if found is not None and found > REVISION:
            raise DatabaseError(
                f"{engine.url!s} has schema {found}, newer than this riskmon's {REVISION}: "
                "upgrade riskmon (python3 -m pip install -U riskmon)"
            )
        if found != REVISION:
            upgrade(connection)


def upgrade(connection: sa.Connection) -> None:
    """Run the shipped migrations on a live connection."""
    config = import_module("alembic.config").Config()  # late: Alembic costs 0.6 s to import
    config.set_main_option("script_location", str(shipped("migrations")).replace("%", "%%"))
    config.attributes["connection"] = connection
    import_module("alembic.command").upgrade(config, "head")
