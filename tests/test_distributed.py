"""What a distributed PostgreSQL asks of a schema, asked of ours and of `docs/postgresql.md`."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest

import riskmon
from tests.builders import ROOT
from tests.workers import of_server

DOCUMENT = (ROOT / "docs" / "postgresql.md").read_text("utf-8")
STAYS = re.compile(r"^\| `(\w+)` \| coordinator", re.MULTILINE)
DISTRIBUTED = re.compile(r"create_distributed_table\('(\w+)', '(\w+)'")


@pytest.fixture
def server(postgresql_url: str) -> Iterator[psycopg.Connection[Any]]:
    """Connect to a database that riskmon has made."""
    riskmon.open(postgresql_url).close()
    with psycopg.connect(of_server(postgresql_url)) as found:
        yield found


def tables(server: psycopg.Connection[Any]) -> set[str]:
    """Return the tables that are no partition of another."""
    query = (
        "SELECT relname FROM pg_class WHERE relkind IN ('r', 'p') AND NOT relispartition "
        "AND relnamespace = 'public'::regnamespace"
    )
    return {name for (name,) in server.execute(query)}


def unique(server: psycopg.Connection[Any]) -> dict[str, list[set[str]]]:
    """Return of each table the columns of each unique index."""
    query = (
        "SELECT indrelid::regclass::text, array_agg(attname::text) FROM pg_index "
        "JOIN pg_class ON pg_class.oid = indrelid "
        "JOIN pg_attribute ON attrelid = indrelid AND attnum = ANY (indkey) "
        "WHERE indisunique AND relnamespace = 'public'::regnamespace GROUP BY indexrelid, indrelid"
    )
    found: dict[str, list[set[str]]] = {}
    for name, columns in server.execute(query):
        found.setdefault(name, []).append(set(columns))
    return found


def test_nothing_of_the_schema_needs_one_server(server: psycopg.Connection[Any]) -> None:
    """No foreign key, no sequence or identity, no exclusion; every table has a primary key."""
    constraints = server.execute(
        "SELECT conrelid::regclass::text, contype FROM pg_constraint "
        "WHERE connamespace = 'public'::regnamespace AND contype IN ('f', 'x')"
    ).fetchall()
    assert [] == constraints
    kinds = "relkind = 'S' AND relnamespace = 'public'::regnamespace"
    assert (0,) == server.execute(
        f"SELECT count(*) FROM pg_class WHERE {kinds}".encode()
    ).fetchone()
    drawn = "attidentity <> '' OR (atthasdef AND attnum > 0 AND attgenerated <> '')"
    query = f"SELECT count(*) FROM pg_attribute WHERE {drawn}"
    assert (0,) == server.execute(query.encode()).fetchone()
    keyed = server.execute("SELECT conrelid::regclass::text FROM pg_constraint WHERE contype = 'p'")
    assert tables(server) - {name for (name,) in keyed} == set()


def test_the_document_places_every_table(server: psycopg.Connection[Any]) -> None:
    """On the coordinator, or distributed by a column: and each once."""
    placed = [*STAYS.findall(DOCUMENT), *(name for name, _ in DISTRIBUTED.findall(DOCUMENT))]
    assert sorted(tables(server)) == sorted(placed)


def test_what_is_distributed_can_be(server: psycopg.Connection[Any]) -> None:
    """Its column is in each unique key, is never changed, and no trigger is on the table."""
    found = unique(server)
    query = "SELECT DISTINCT tgrelid::regclass::text FROM pg_trigger WHERE NOT tgisinternal"
    guarded = {name for (name,) in server.execute(query)}
    distributed = DISTRIBUTED.findall(DOCUMENT)
    assert distributed
    for name, column in distributed:
        assert (name, []) == (name, [key for key in found[name] if column not in key])
        assert name not in guarded
