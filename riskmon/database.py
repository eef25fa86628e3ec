"""The connection to a database, brought to the newest schema."""

from __future__ import annotations

import hashlib
import re
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

import platformdirs
import sqlalchemy as sa
from sqlalchemy import exc

from riskmon import postgresql, sqlite
from riskmon.errors import BrokenError, BusyError, DatabaseError, ReplicaError, UsageError
from riskmon.tables import REVISION
from riskmon.validation import TELLING

Connection = sa.Connection
"""What `reading` and `writing` give."""

MOST_VARIABLES = 10_000
"""In one statement; SQLite takes 32,766."""

KINDS = {"sqlite": sqlite, "postgresql": postgresql}
"""What differs between databases stands in one file for each."""


def shipped(name: str) -> Path:
    """Return the folder `name` (migrations, rules, scenario) of the wheel or of the checkout."""
    package = Path(__file__).parent
    inside = package / "_shipped" / name
    return inside if inside.is_dir() else package.parent / name


def default_url() -> str:
    """Return the URL of a SQLite file in the user's data folder."""
    return f"sqlite:///{platformdirs.user_data_path('riskmon', appauthor=False) / 'risk.db'}"


def database_of(url: sa.URL) -> ModuleType:
    """Return the module that knows the database of `url`."""
    return KINDS[url.get_backend_name()]


def beside(engine: sa.Engine, ending: str) -> Path:
    """Return a path beside the database's file; else in the user's data folder.

    For a database in memory it is in the working folder.
    """
    url = engine.url
    if database_of(url).in_memory(url):
        return Path("memory" + ending)
    if database_of(url) is sqlite:
        return Path(f"{url.database}{ending}")
    where = url.set(username=None, password=None).render_as_string()
    name = f"{url.database}-{hashlib.sha256(where.encode()).hexdigest()[:16]}{ending}"
    return platformdirs.user_data_path("riskmon", appauthor=False) / name.replace("/", "_")


def connect(url: str) -> sa.Engine:
    """Return an engine for `url`, its schema brought to the newest.

    Raises DatabaseError where the URL is none, the database is no database or is newer than
    the code, and BusyError where another process holds it longer than 30 seconds.
    """
    parsed = _parsed(url)
    if url == default_url() and not database_of(parsed).in_memory(parsed):
        with suppress(OSError):  # opening the database then says what to do
            Path(str(parsed.database)).parent.mkdir(parents=True, exist_ok=True)
    engine: sa.Engine = database_of(parsed).engine(parsed)
    try:
        with refusals(engine):
            _migrate(engine)
    except BaseException:
        engine.dispose()
        raise
    return engine


def shown(url: sa.URL) -> str:
    """Return a URL without what is secret in it."""
    secret = [name for name in url.query if TELLING.search(name)]
    return url.difference_update_query(secret).render_as_string(hide_password=True)


def is_there(url: str | None) -> bool:
    """Whether a database is there; for one that is no file only opening it can tell."""
    parsed = _parsed(url or default_url())
    return database_of(parsed) is not sqlite or Path(str(parsed.database)).exists()


def _parsed(url: str) -> sa.URL:
    wanted = "expected a database URL such as sqlite:///risk.db or postgresql+psycopg://host/name"
    try:
        parsed = sa.make_url(url)
    except exc.ArgumentError:
        found = "that" if "@" in url else repr(url)  # it may hold a password
        raise UsageError(f"{wanted}, got {found}") from None
    if parsed.drivername not in {"sqlite", "sqlite+pysqlite", "postgresql", "postgresql+psycopg"}:
        raise UsageError(f"{wanted}, got {shown(parsed)}: other databases are not supported")
    if problem := database_of(parsed).problem(parsed):
        raise UsageError(f"{wanted}, {problem}, got {shown(parsed)}")
    return parsed


@contextmanager
def refusals(engine: sa.Engine) -> Iterator[None]:
    """Turn what the driver raises into what a person can act on."""
    try:
        yield
    # Of a damaged schema SQLite speaks in words that are no text, and its driver then fails so.
    except (exc.DBAPIError, engine.dialect.loaded_dbapi.Error, UnicodeDecodeError) as error:
        reason = str(error.orig if isinstance(error, exc.DBAPIError) else error).strip()
        if database_of(engine.url).is_busy(reason):
            raise BusyError(
                f"{shown(engine.url)} is busy: another process has held it for 30 s"
            ) from error
        database = database_of(engine.url)
        advice = next((text for words, text in database.ADVICE.items() if words in reason), "")
        broken = any(words in reason for words in database.BROKEN)
        kind = BrokenError if broken else DatabaseError
        raise kind(f"{shown(engine.url)} cannot be used: {reason}{advice}") from error


@contextmanager
def reading(engine: sa.Engine) -> Iterator[sa.Connection]:
    """Give a connection to read by."""
    with refusals(engine), engine.connect() as connection:
        yield connection


@contextmanager
def writing(engine: sa.Engine) -> Iterator[sa.Connection]:
    """Give a connection in a transaction that holds the only right to append."""
    with (
        refusals(engine),
        engine.connect().execution_options(writing=True) as connection,
        connection.begin(),
    ):
        yield connection


def probe(engine: sa.Engine, seconds: float) -> float:
    """Return how long one waits for the right to write; BusyError after so many seconds."""
    begun = time.monotonic()
    with refusals(engine), engine.connect() as connection:
        database_of(engine.url).probe(driver(connection), seconds)
    return time.monotonic() - begun


class Writer:
    """The one connection of a process that appends, opened when it is first needed.

    It is the driver's own: SQLAlchemy's work on a transaction, a statement and a row costs more
    than theirs.
    """

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine
        self._pooled: sa.PoolProxiedConnection | None = None
        self._lock = threading.Lock()

    @contextmanager
    def transaction(self) -> Iterator[Any]:
        """Give the driver's connection in a transaction that holds the only right to append."""
        with self._lock, refusals(self._engine):
            pooled = self._locked()
            try:
                yield pooled.driver_connection
                pooled.commit()
            except BaseException:
                try:
                    pooled.rollback()
                except self._engine.dialect.loaded_dbapi.Error:
                    self._drop()
                raise

    def _locked(self) -> sa.PoolProxiedConnection:
        database = database_of(self._engine.url)
        if self._pooled is not None:
            try:
                database.lock(self._pooled.driver_connection)
            except self._engine.dialect.loaded_dbapi.Error as error:
                if database.is_busy(str(error)):
                    self._pooled.rollback()
                    raise
                self._drop()  # cut off since it was last used: a new one, once
            else:
                return self._pooled
        self._pooled = self._engine.raw_connection()
        try:
            database.lock(self._pooled.driver_connection)
        except BaseException:
            self._drop()
            raise
        return self._pooled

    def _drop(self) -> None:
        pooled, self._pooled = self._pooled, None
        if pooled is not None:
            pooled.invalidate()
            pooled.close()

    def close(self) -> None:
        """Give the connection back."""
        if self._pooled is not None:
            self._pooled.close()
            self._pooled = None


def driver(connection: sa.Connection) -> Any:
    """Return the driver's own connection."""
    return connection.connection.driver_connection


def revision(connection: sa.Connection) -> str | None:
    """Return the schema's revision, None for an empty database."""
    if not sa.inspect(connection).has_table("alembic_version"):
        return None
    return str(connection.scalar(sa.text("SELECT version_num FROM alembic_version")) or "")


def _migrate(engine: sa.Engine) -> None:
    with reading(engine) as connection:
        found = revision(connection)
    if found == REVISION:
        return
    try:
        with writing(engine) as connection:  # the lock: of eight first starts, one makes the tables
            _renew(connection, shown(engine.url))
    except ReplicaError:
        raise ReplicaError(
            f"{shown(engine.url)} is a read replica with schema {found or 'none'}, and this "
            f"riskmon's schema is {REVISION}: open the primary with this riskmon first, or read by "
            "the riskmon that the primary is written by"
        ) from None


def _renew(connection: sa.Connection, name: str) -> None:
    found = revision(connection)
    if found is None and sa.inspect(connection).get_table_names():
        raise DatabaseError(f"{name} is another program's database: name another file")
    if found is not None and not re.fullmatch(r"(?!0000)\d{4}", found):
        raise DatabaseError(
            f"{name} has a schema that is not riskmon's ({found!r}): name another file"
        )
    if found is not None and found > REVISION:
        raise DatabaseError(
            f"{name} has schema {found}, newer than this riskmon's {REVISION}: upgrade riskmon"
        )
    if found != REVISION:
        upgrade(connection)


def upgrade(connection: sa.Connection) -> None:
    """Run the shipped migrations on a live connection."""
    config = import_module("alembic.config").Config()  # late: Alembic costs 0.6 s to import
    config.set_main_option("script_location", str(shipped("migrations")).replace("%", "%%"))
    config.attributes["connection"] = connection
    import_module("alembic.command").upgrade(config, "head")
