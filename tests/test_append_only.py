"""Append-only by force: each attack is refused, on each database, after each migration."""

from __future__ import annotations

from collections.abc import Iterator
from importlib import import_module

import psycopg
import pytest
import sqlalchemy as sa
from alembic.config import Config
from alembic.script import ScriptDirectory

from riskmon.database import database_of, driver, reading, shipped, writing
from riskmon.ledger import Ledger

COLUMNS = "position, kind, source, ref, revision, recorded_at, body, hash"
MIGRATIONS = [one.revision for one in ScriptDirectory(str(shipped("migrations"))).walk_revisions()]
ROWS = [
    (n, "event.recorded", "wire", str(n), 1, "2024-01-01T00:00:00.000000Z", "{}", "0" * 64)
    for n in (1, 2)
]
ATTACKS = [
    "UPDATE entry SET body = '[]' WHERE position = 1",
    "UPDATE entry SET hash = hash",
    "DELETE FROM entry WHERE position = 2",
    "DELETE FROM entry",
    f"INSERT INTO entry ({COLUMNS}) SELECT * FROM entry WHERE true "
    "ON CONFLICT (position) DO UPDATE SET body = '[]'",
]
ON_SQLITE = [
    "INSERT OR REPLACE INTO entry SELECT position, kind, source, ref, revision, recorded_at, "
    "'[]', hash FROM entry WHERE position = 1",
    "INSERT OR REPLACE INTO entry SELECT 9, kind, source, ref, revision, recorded_at, "
    "'[]', hash FROM entry WHERE position = 1",
    "REPLACE INTO entry SELECT * FROM entry",
    "UPDATE OR REPLACE entry SET position = 1 WHERE position = 2",
]
ON_POSTGRESQL = [
    "TRUNCATE entry",
    "TRUNCATE entry CASCADE",
    "MERGE INTO entry USING (SELECT 1 AS n) AS one ON position = n "
    "WHEN MATCHED THEN UPDATE SET body = '[]'",
    "MERGE INTO entry USING (SELECT 1 AS n) AS one ON position = n WHEN MATCHED THEN DELETE",
    "SET session_replication_role = replica; DELETE FROM entry",
]


@pytest.fixture(params=MIGRATIONS)
def engine(request: pytest.FixtureRequest, url: str) -> Iterator[sa.Engine]:
    """Make a database as one migration leaves it, with two entries."""
    parsed = sa.make_url(url)
    made: sa.Engine = database_of(parsed).engine(parsed)
    with writing(made) as connection:
        config = Config()
        config.set_main_option("script_location", str(shipped("migrations")))
        config.attributes["connection"] = connection
        import_module("alembic.command").upgrade(config, request.param)
        database_of(parsed).insert(driver(connection), ROWS)
    yield made
    made.dispose()


def stored(engine: sa.Engine) -> list[tuple[object, ...]]:
    with reading(engine) as connection:
        query = sa.text(f"SELECT {COLUMNS} FROM entry ORDER BY position")
        return [tuple(row) for row in connection.execute(query)]


@pytest.mark.parametrize(
    ("url", "attack"),
    [("sqlite", attack) for attack in ATTACKS + ON_SQLITE]
    + [("postgresql", attack) for attack in ATTACKS + ON_POSTGRESQL],
    indirect=["url"],
)
def test_no_statement_changes_an_entry(engine: sa.Engine, attack: str) -> None:
    """Triggers refuse, also for a connection that does not turn recursive triggers on."""
    on_sqlite = engine.dialect.name == "sqlite"
    for setting in ("ON", "OFF") if on_sqlite else ("",):
        with engine.connect() as connection:
            if on_sqlite:
                connection.exec_driver_sql("COMMIT")
                connection.exec_driver_sql(f"PRAGMA recursive_triggers={setting}")
                connection.exec_driver_sql("BEGIN")
            with pytest.raises(sa.exc.DBAPIError, match=r"append-only|permission denied"):
                connection.exec_driver_sql(attack)
        assert ROWS == stored(engine)


def test_the_owner_has_no_privilege_to_change_entries(postgresql_url: str) -> None:
    """A user who made the tables, and is no superuser, may add and read and nothing else."""
    admin = sa.make_url(postgresql_url).set(drivername="postgresql")
    owner = f"owner_of_{admin.database}"
    with psycopg.connect(
        admin.render_as_string(hide_password=False), autocommit=True
    ) as connection:
        connection.execute(f"CREATE ROLE {owner} LOGIN PASSWORD 'x'")
        connection.execute(f"GRANT CREATE, USAGE ON SCHEMA public TO {owner}")
        try:
            url = admin.set(username=owner, password="x").render_as_string(hide_password=False)
            ledger = Ledger(url)
            with ledger.engine.connect() as own:
                database_of(ledger.engine.url).insert(driver(own), ROWS)
                own.commit()
                for attack in ATTACKS[:4] + ON_POSTGRESQL[:1]:
                    with pytest.raises(sa.exc.DBAPIError, match="permission denied"):
                        own.exec_driver_sql(attack)
                    own.rollback()
            ledger.close()
            query = (
                "SELECT string_agg(privilege_type, ' ' ORDER BY privilege_type) "
                "FROM information_schema.role_table_grants "
                f"WHERE table_name = 'entry' AND grantee = '{owner}'"
            )
            found = connection.execute(query).fetchone()
            assert found is not None
            assert {"INSERT", "SELECT"} <= set(found[0].split())
            assert {"UPDATE", "DELETE", "TRUNCATE"}.isdisjoint(found[0].split())
        finally:
            connection.execute(f"DROP OWNED BY {owner}")
            connection.execute(f"DROP ROLE {owner}")


def test_guards_are_the_ones_that_the_migrations_name(url: str) -> None:
    """A migration that loses a trigger is found."""
    ledger = Ledger(url)
    names = {
        "sqlite": "SELECT name FROM sqlite_master WHERE type = 'trigger' ORDER BY name",
        "postgresql": "SELECT concat(tgrelid::regclass, '.', tgname) FROM pg_trigger "
        "WHERE tgenabled = 'A' ORDER BY 1",
    }
    expected = {
        "sqlite": ["entry_no_delete", "entry_no_replace", "entry_no_update"],
        "postgresql": [
            "entry.entry_keys",
            "entry.entry_no_change",
            "entry.entry_no_truncate",
            "entry_from_1.entry_no_change",
            "entry_from_1.entry_no_insert",
            "entry_from_1.entry_no_truncate",
            "entry_key.entry_key_no_change",
            "entry_key.entry_key_no_truncate",
        ],
    }
    with reading(ledger.engine) as connection:
        found = list(connection.scalars(sa.text(names[ledger.engine.dialect.name])))
    assert expected[ledger.engine.dialect.name] == found
    ledger.close()
