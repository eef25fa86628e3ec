"""Databases: the schema is one, the first start is safe, what is no riskmon database is refused."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory

import riskmon
from riskmon.database import connect, shipped
from riskmon.errors import BusyError, DatabaseError, MissingExtraError, UsageError
from riskmon.monitor import Monitor
from riskmon.tables import REVISION, metadata
from tests.builders import event, forge


def test_migrations_make_the_tables_that_the_code_names() -> None:
    """Alembic finds no difference between the newest migration and tables.py."""
    engine = connect("sqlite://")
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert [] == compare_metadata(context, metadata)
        triggers = connection.scalars(
            sa.text("SELECT name FROM sqlite_master WHERE type = 'trigger' ORDER BY name")
        )
        assert ["entry_no_delete", "entry_no_replace", "entry_no_update"] == list(triggers)
    engine.dispose()


def test_the_code_names_the_newest_migration() -> None:
    """REVISION is Alembic's head, so an up-to-date database opens without importing Alembic."""
    assert [REVISION] == ScriptDirectory(str(shipped("migrations"))).get_heads()


def test_a_missing_extra_names_its_install_line(monkeypatch: pytest.MonkeyPatch) -> None:
    """PostgreSQL's driver is no part of the core."""
    monkeypatch.setattr("riskmon.postgresql.find_spec", lambda _: None)
    with pytest.raises(MissingExtraError, match=r"psycopg: .*pip install 'riskmon\[postgresql\]'"):
        riskmon.open("postgresql+psycopg://host/name")


def test_a_file_that_is_no_database_is_refused(tmp_path: Path) -> None:
    """With its URL and what was expected."""
    file = tmp_path / "notes.txt"
    file.write_text("not a database, long enough to be read as one " * 20)
    with pytest.raises(DatabaseError, match=r"notes\.txt cannot be used.*Expected a riskmon"):
        riskmon.open(f"sqlite:///{file}")


@pytest.mark.parametrize(
    "url",
    [
        "risk.db",
        "mysql://localhost/x",
        "nonsense://",
        "",
        "sqlite+aiosqlite:///x",
        "sqlite:///x?a=b",
    ],
)
def test_a_url_that_is_none_is_refused(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """And an example of one is given."""
    monkeypatch.setenv("RISKMON_DATABASE_URL", url or "x")
    with pytest.raises(UsageError, match=r"expected a .* such as sqlite:///risk.db"):
        riskmon.open(url)


def test_a_folder_that_cannot_be_made_is_said(tmp_path: Path) -> None:
    """A file stands where a folder should be."""
    (tmp_path / "file").write_text("")
    with pytest.raises(DatabaseError, match=r"cannot be used.*a folder that exists"):
        riskmon.open(f"sqlite:///{tmp_path / 'file' / 'risk.db'}")


def test_another_programs_database_is_left_alone(tmp_path: Path) -> None:
    """Also one that keeps its own Alembic revision in it."""
    for number, statement in enumerate(
        [
            "CREATE TABLE moz_places (id)",
            "CREATE TABLE alembic_version AS SELECT 'ae1027' version_num",
        ]
    ):
        file = tmp_path / f"{number}.db"
        with closing(sqlite3.connect(file)) as connection:
            connection.execute(statement)
            connection.commit()
        before = file.read_bytes()[100:]
        with pytest.raises(DatabaseError, match=r"another program's|not riskmon's"):
            riskmon.open(f"sqlite:///{file}")
        assert before == file.read_bytes()[100:]


def test_a_password_is_never_shown() -> None:
    """Neither of a URL that is understood nor of one that is not."""
    urls = ["mysql://me:secret@host/x", "::me:secret@host", "sqlite://me:secret@host/x"]
    for url in (*urls, "postgresql+psycopg://me:secret@127.0.0.1:1/x"):
        with pytest.raises((UsageError, DatabaseError)) as caught:
            riskmon.open(url)
        assert "secret" not in str(caught.value)


def test_a_damaged_entry_is_named(monitor: Monitor) -> None:
    """By its position; the rest of the program ends in order."""
    monitor.ingest([event()])
    forge(monitor._ledger.engine, "UPDATE entry SET body = '{\"source\":' WHERE position = 2")
    with pytest.raises(DatabaseError, match="entry 2 of the ledger is damaged"):
        monitor.scores()


def test_a_locked_database_is_busy(
    monitor: Monitor, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another writer past the time-out: an error with exit code 5, and nothing half done."""
    monkeypatch.setattr("riskmon.sqlite.BUSY_SECONDS", 0.1)
    monkeypatch.setattr("riskmon.postgresql.BUSY_SECONDS", 0.1)
    with riskmon.open(url) as impatient, monitor._ledger.engine.connect() as connection:
        holder = connection.execution_options(writing=True)
        holder.begin()
        with pytest.raises(BusyError, match="busy"):
            impatient.ingest([event()])
        assert 5 == BusyError.exit_code
        assert 0 == impatient.status().position
