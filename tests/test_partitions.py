"""Partitions on PostgreSQL: made before they are needed, guarded as the table is, and found out."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from importlib import import_module
from pathlib import Path

import psycopg
import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext

from riskmon import postgresql
from riskmon.database import driver, reading, shipped, writing
from riskmon.errors import VerificationError
from riskmon.ledger import Fact, Ledger
from riskmon.settings import Config as Settings
from riskmon.tables import metadata
from riskmon.witness import Witness
from tests.builders import forge
from tests.test_damage import COLUMNS, NEW, NOW, fill, rows

WIDTH, LAST = 20, 50
PARTS = ["entry_from_1", "entry_from_21", "entry_from_41"]
BOUNDS = [
    ("entry_from_1", "FOR VALUES FROM (MINVALUE) TO ('21')"),
    ("entry_from_21", "FOR VALUES FROM ('21') TO ('41')"),
    ("entry_from_41", "FOR VALUES FROM ('41') TO ('61')"),
]


def narrow(url: str) -> None:
    """Say that partitions of the database at `url` are 20 positions wide."""
    with psycopg.connect(url.replace("+psycopg", ""), autocommit=True) as connection:
        name = connection.info.dbname
        connection.execute(f"ALTER DATABASE {name} SET riskmon.partition = {WIDTH}")


@pytest.fixture
def url(postgresql_url: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """Make an empty database with narrow partitions, and look each time whether there is one."""
    monkeypatch.setattr(postgresql, "AHEAD", 1)
    narrow(postgresql_url)
    return postgresql_url


@pytest.fixture
def ledger(url: str) -> Iterator[Ledger]:
    """Make a ledger of 50 entries in three partitions; the last ten revise the first ones."""
    facts = [Fact("event.recorded", "wire", f"ref-{n % 40}", f'"{n}"') for n in range(1, LAST + 1)]
    with closing(Ledger(url)) as made:
        made.append(facts, lambda: NOW)
        yield made


def verified(ledger: Ledger) -> tuple[str, int]:
    """Return the finding of `verify` and its position."""
    url = ledger.engine.url.render_as_string(hide_password=False)
    with Witness(url, lambda: NOW, Settings()) as witness:
        try:
            return "", witness.verify().head.position
        except VerificationError as error:
            return error.finding, error.position


def asked(ledger: Ledger, query: str) -> list[tuple[object, ...]]:
    with reading(ledger.engine) as connection:
        return [tuple(row) for row in connection.exec_driver_sql(query)]


def bounds(ledger: Ledger) -> list[tuple[object, ...]]:
    """Return the partitions and their bounds, in order of their positions."""
    return asked(
        ledger,
        "SELECT relname, pg_get_expr(relpartbound, oid) FROM pg_class WHERE relispartition "
        "AND relkind = 'r' ORDER BY length(relname), relname",
    )


def test_a_partition_is_there_before_it_is_needed(url: str) -> None:
    """The first is made with the table, each other one by who comes to its bound."""
    with closing(Ledger(url)) as ledger:
        assert BOUNDS[:1] == bounds(ledger)
        fill(ledger, 1, 19)
        assert BOUNDS[:1] == bounds(ledger)
        fill(ledger, 20, 21)
        assert BOUNDS[:2] == bounds(ledger)


def test_a_batch_may_cross_several(ledger: Ledger) -> None:
    """One transaction, one COPY, dense positions, a chain that holds."""
    assert BOUNDS == bounds(ledger)
    assert list(range(1, LAST + 1)) == [entry.position for entry in ledger.entries()]
    assert ("", LAST) == verified(ledger)


def test_as_shipped_a_partition_has_ten_million_positions(postgresql_url: str) -> None:
    """And the next is made ahead of its need, by who crosses a multiple of ten thousand."""
    with closing(Ledger(postgresql_url)) as ledger:
        first = ("entry_from_1", "FOR VALUES FROM (MINVALUE) TO ('10000001')")
        assert [first] == bounds(ledger)
        room = "SELECT entry_make_room({})"
        for last, count in ((9_980_000, 1), (9_980_001, 2), (29_980_001, 4)):
            asked(ledger, room.format(last))
            with ledger.engine.begin() as connection:
                connection.exec_driver_sql(room.format(last))
            assert count == len(bounds(ledger))


def test_who_reads_keeps_no_partition_from_being_made(
    ledger: Ledger, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nor is a reader in the midst of the log kept waiting, and it comes to its end."""
    monkeypatch.setattr(postgresql, "BUSY_SECONDS", 1)
    with closing(Ledger(url)) as other:
        found = ledger.entries()
        first = next(found)
        fill(other, LAST + 1, 70)
        assert 4 == len(bounds(other))
        assert 70 == other.size()
        assert list(range(1, LAST + 1)) == [first.position, *(one.position for one in found)]


def test_a_repeat_vanishes_whatever_partition_it_is_in(ledger: Ledger) -> None:
    """And a change is a revision of what an earlier partition has."""
    first = next(ledger.entries())
    known = Fact(first.kind, first.source, first.ref, first.body)
    (latest,) = ledger.latest(first.kind, first.source, [first.ref])
    assert (1, 41) == (first.position, latest.position)
    again = Fact(latest.kind, latest.source, latest.ref, latest.body)
    assert ["duplicate", "revised"] == ledger.append([again, known], lambda: NOW)
    assert [1, 2, 3] == [
        entry.revision for entry in ledger.of("event.recorded", "wire") if entry.ref == first.ref
    ]


def test_no_other_program_stores_a_key_twice(ledger: Ledger) -> None:
    """Whatever writes to the table: its keys are kept by the database."""
    second = (
        f"INSERT INTO entry ({COLUMNS}) SELECT 51, kind, source, ref, revision, recorded_at, "
        "body, hash FROM entry WHERE position = 1"
    )
    with (
        pytest.raises(sa.exc.IntegrityError, match="entry_key_pkey"),
        ledger.engine.connect() as connection,
    ):
        connection.exec_driver_sql(second)


ROW = "(2, 'event.recorded', 'wire', 'x', 1, '2024-01-01T00:00:00.000000Z', '{}', 'x')"
ATTACKS = [
    "UPDATE {} SET body = '[]' WHERE position = {}",
    "UPDATE {} SET hash = hash",
    "UPDATE {} SET position = 1000 WHERE position = {}",
    "DELETE FROM {}",
    "DELETE FROM {} WHERE position = {}",
    "TRUNCATE {}",
    "TRUNCATE {} CASCADE",
    f"INSERT INTO {{}} ({COLUMNS}) VALUES {ROW}",
    f"COPY {{}} ({COLUMNS}) FROM PROGRAM 'true'",
    f"INSERT INTO {{}} ({COLUMNS}) SELECT * FROM entry WHERE true "
    "ON CONFLICT (position) DO UPDATE SET body = '[]'",
    "MERGE INTO {} USING (SELECT {} AS n) AS one ON position = n WHEN MATCHED THEN DELETE",
    "SET session_replication_role = replica; DELETE FROM {}",
    f"SET session_replication_role = replica; INSERT INTO {{}} ({COLUMNS}) VALUES {ROW}",
]
ON_KEYS = [
    "UPDATE entry_key SET digest = ''",
    "DELETE FROM entry_key WHERE position = 1",
    "TRUNCATE entry_key",
    "SET session_replication_role = replica; DELETE FROM entry_key",
]


def test_no_statement_changes_an_entry_by_the_name_of_its_partition(ledger: Ledger) -> None:
    """Nor adds one past the table; nor changes a key: not by a superuser either."""
    before = rows(ledger), asked(ledger, "SELECT * FROM entry_key ORDER BY position")
    attacks = [
        attack.format(part, WIDTH * number + 1)
        for number, part in enumerate(PARTS)
        for attack in ATTACKS
    ]
    for attack in attacks + ON_KEYS:
        with ledger.engine.connect() as connection:
            with pytest.raises(sa.exc.DBAPIError, match="append-only"):
                connection.exec_driver_sql(attack)
            connection.invalidate()  # a setting of one attack is none of the next
    assert before == (rows(ledger), asked(ledger, "SELECT * FROM entry_key ORDER BY position"))


def test_the_owner_may_only_read_a_partition(url: str) -> None:
    """What is added is added to the table; its next partition is made for who owns it."""
    admin = sa.make_url(url).set(drivername="postgresql")
    owner = f"owner_of_{admin.database}"
    with psycopg.connect(
        admin.render_as_string(hide_password=False), autocommit=True
    ) as connection:
        connection.execute(f"CREATE ROLE {owner} LOGIN PASSWORD 'x'")
        connection.execute(f"GRANT CREATE, USAGE ON SCHEMA public TO {owner}")
        try:
            own = admin.set(username=owner, password="x").render_as_string(hide_password=False)
            with closing(Ledger(own)) as ledger:
                fill(ledger, 1, LAST)
                assert BOUNDS == bounds(ledger)
                for number, part in enumerate(PARTS):
                    for attack in ATTACKS[:8]:
                        with (
                            ledger.engine.connect() as one,
                            pytest.raises(sa.exc.DBAPIError, match="permission denied"),
                        ):
                            one.exec_driver_sql(attack.format(part, WIDTH * number + 1))
                assert ("", LAST) == verified(ledger)
        finally:
            connection.execute(f"DROP OWNED BY {owner}")
            connection.execute(f"DROP ROLE {owner}")


DETACH = "ALTER TABLE entry DETACH PARTITION {0}"
FORGED = {
    "a partition is dropped": ([DETACH, "DROP TABLE {0}"], 21),
    "a partition is detached, altered and put back": (
        [
            DETACH,
            "ALTER TABLE {0} DISABLE TRIGGER ALL",
            "UPDATE {0} SET body = '[]' WHERE position = 30",
            "ALTER TABLE entry ATTACH PARTITION {0} FOR VALUES FROM (21) TO (41)",
        ],
        30,
    ),
    "a partition is emptied": (["DELETE FROM {0}"], 21),
    "an entry is added past the table": (
        [
            "ALTER TABLE {0} DISABLE TRIGGER ALL",
            "DELETE FROM {0} WHERE position = 40",
            f"INSERT INTO {{0}} ({COLUMNS}) SELECT 40, 'event.recorded', 'wire', 'x', 1, "
            "recorded_at, '[]', hash FROM {0} WHERE position = 39",
        ],
        40,
    ),
    "a key is taken out": (["DELETE FROM entry_key WHERE position = 30"], 30),
    "a key is altered": (["UPDATE entry_key SET digest = '' WHERE position = 31"], 31),
    "a key is moved": (["UPDATE entry_key SET ref = 'other' WHERE position = 32"], 32),
    "a key of no entry is added": (
        ["INSERT INTO entry_key VALUES ('wire', 'new', 'event.recorded', 1, 7, sha256('{{}}'))"],
        LAST,
    ),
}


@pytest.mark.parametrize("what", FORGED)
def test_what_an_owner_does_behind_the_guards_is_found(ledger: Ledger, what: str) -> None:
    """`changed`, and the first position that is not there, or not as it was hashed or known."""
    statements, position = FORGED[what]
    keys = "ALTER TABLE entry_key DISABLE TRIGGER ALL"
    forge(ledger.engine, keys, *(one.format("entry_from_21") for one in statements))
    assert ("changed", position) == verified(ledger)


def test_the_last_partition_cannot_be_dropped_unseen(ledger: Ledger) -> None:
    """The head outside the database is ahead then: `cut`; nothing is appended."""
    forge(ledger.engine, DETACH.format(PARTS[2]), f"DROP TABLE {PARTS[2]}")
    assert ("cut", 41) == verified(ledger)
    with pytest.raises(VerificationError, match="its tail was cut"):
        ledger.append([NEW], lambda: NOW)


def test_a_table_that_is_there_becomes_the_first_partition(url: str, tmp_path: Path) -> None:
    """Its rows stay where they are; the chain holds, repeats vanish, the guards are there."""
    with closing(Ledger(f"sqlite:///{tmp_path / 'risk.db'}")) as ledger:
        fill(ledger, 1, LAST)
        before = rows(ledger)
    made = postgresql.engine(sa.make_url(url))
    place = "SELECT pg_relation_filenode('{}'), array_agg(ctid ORDER BY position) FROM {}"
    with writing(made) as connection:
        config = Config()
        config.set_main_option("script_location", str(shipped("migrations")))
        config.attributes["connection"] = connection
        import_module("alembic.command").upgrade(config, "0003")
        with driver(connection).cursor().copy(f"COPY entry ({COLUMNS}) FROM STDIN") as copy:
            for row in before:
                copy.write_row(row)
        places = tuple(connection.exec_driver_sql(place.format("entry", "entry")).one())
    made.dispose()
    with closing(Ledger(url)) as ledger:
        assert [tuple(places)] == asked(ledger, place.format("entry_from_1", "entry_from_1"))
        assert [("entry_from_1", "FOR VALUES FROM (MINVALUE) TO ('61')")] == bounds(ledger)
        assert before == rows(ledger)
        assert ("", LAST) == verified(ledger)
        told = [
            Fact(entry.kind, entry.source, entry.ref, entry.body)
            for entry in ledger.latest("event.recorded", "wire", [f"ref-{n}" for n in range(40)])
        ]
        assert ["duplicate"] * 40 == ledger.append(told, lambda: NOW)
        with (
            pytest.raises(sa.exc.DBAPIError, match="append-only"),
            ledger.engine.connect() as connection,
        ):
            connection.exec_driver_sql("DELETE FROM entry_from_1")
        fill(ledger, 51, 70)
        assert 2 == len(bounds(ledger))
        assert ("", 70) == verified(ledger)


def test_the_tables_are_those_that_the_code_names(url: str) -> None:
    """On PostgreSQL the keys of entries are a table in place of a constraint; nothing else."""
    with closing(Ledger(url)) as ledger, ledger.engine.connect() as connection:
        context = MigrationContext.configure(
            connection,
            opts={
                "compare_type": True,
                "include_name": lambda name, kind, _: kind != "table" or name in metadata.tables,
            },
        )
        found = compare_metadata(context, metadata)
        assert [("add_constraint", "entry_key")] == [(one[0], one[1].name) for one in found]
        keys = sa.inspect(connection)
        assert ["source", "ref", "kind", "revision", "position", "digest"] == [
            column["name"] for column in keys.get_columns("entry_key")
        ]
        assert ["source", "ref", "kind", "revision"] == keys.get_pk_constraint("entry_key")[
            "constrained_columns"
        ]


def test_a_query_by_position_reads_one_partition(ledger: Ledger) -> None:
    """Whatever number of them there is: the others are not looked at."""
    with reading(ledger.engine) as connection:
        plan = connection.exec_driver_sql("EXPLAIN SELECT * FROM entry WHERE position = 30")
        text = "\n".join(line for (line,) in plan)
    assert [False, True, False] == [f"on {part} " in text for part in PARTS]
