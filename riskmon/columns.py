"""The ledger's columns as an Arrow table, for bulk work; and a copy of them beside it, in Parquet.

The copy is disposable: it says at which head it was made, and is made anew where the ledger has
another. What came after it is read from the ledger. Needs the extra `columns`.
"""

from __future__ import annotations

import os
from contextlib import closing
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from riskmon.database import beside, database_of
from riskmon.errors import MissingExtraError
from riskmon.ledger import Ledger

if TYPE_CHECKING:
    import pyarrow as pa

NAMES = ("position", "kind", "source", "ref", "revision", "recorded_at")
"""What a table has; `body` and `hash` are ten times as much and never needed in bulk."""

REPEATED = ["kind", "source"]
"""Few values, many rows: kept as a dictionary."""

LEAST_ROWS = 10_000
"""Fewer new ones than this, and than a tenth of the copy, are read from the ledger each time."""


def _library(name: str) -> Any:
    try:
        return import_module(name)
    except ImportError:
        raise MissingExtraError(name.partition(".")[0], "columns") from None


def read(ledger: Ledger, after: int = 0) -> pa.Table:
    """Return the entries after position `after`, their columns as in `NAMES`.

    `recorded_at` is UTC, in microseconds.
    """
    arrow = _library("pyarrow")
    database = database_of(ledger.engine.url)
    driver = _library(database.ARROW)
    query = f"SELECT {', '.join(NAMES)} FROM entry WHERE position > {after:d} ORDER BY position"  # noqa: S608
    with closing(driver.connect(database.arrow_uri(ledger.engine.url))) as connection:
        cursor = connection.cursor()
        cursor.adbc_statement.set_options(**database.ARROW_OPTIONS)
        with closing(cursor):
            cursor.execute(query)
            return _typed(arrow, cursor.fetch_arrow_table())


def _typed(arrow: Any, table: pa.Table) -> pa.Table:
    repeated = arrow.dictionary(arrow.int32(), arrow.string())
    types = {"position": arrow.int64(), "revision": arrow.int32(), "ref": arrow.string()}
    types |= dict.fromkeys(REPEATED, repeated)
    types["recorded_at"] = arrow.timestamp("us", tz="UTC")
    schema = arrow.schema([(name, types[name]) for name in NAMES])
    # Of no rows, SQLite has no types.
    return table.cast(schema) if len(table) else schema.empty_table()


def load(ledger: Ledger) -> pa.Table:
    """Return the same of all entries, from the copy beside the ledger, which is kept up to date."""
    arrow, parquet = _library("pyarrow"), _library("pyarrow.parquet")
    file = beside(ledger.engine, ".columns.parquet")
    table = _copied(parquet, file, ledger)
    fresh = read(ledger, after=len(table) if table is not None else 0)
    if table is None or len(fresh) > max(LEAST_ROWS, len(table) // 10):
        table = fresh if table is None else arrow.concat_tables([table, fresh])
        table = table.unify_dictionaries().combine_chunks()
        _write(parquet, file, table, ledger.at(len(table)).hash)
        return table
    return arrow.concat_tables([table, fresh]) if len(fresh) else table


def _copied(parquet: Any, file: Path, ledger: Ledger) -> pa.Table | None:
    """Return the copy; None where there is none, or none of this ledger."""
    try:
        table = parquet.read_table(file, read_dictionary=REPEATED)
    except (OSError, ValueError):  # not there, or not whole: it can be made again
        return None
    head = (table.schema.metadata or {}).get(b"head", b"").decode()
    if len(table) > ledger.head().position or ledger.at(len(table)).hash != head:
        return None
    return table


def _write(parquet: Any, file: Path, table: pa.Table, head: str) -> None:
    part = file.with_name(f"{file.name}.{os.getpid()}.part")
    part.parent.mkdir(parents=True, exist_ok=True)
    parquet.write_table(
        table.replace_schema_metadata({"head": head}),
        part,
        compression="zstd",
        use_dictionary=REPEATED,
        column_encoding={"position": "DELTA_BINARY_PACKED", "recorded_at": "DELTA_BINARY_PACKED"},
    )
    part.replace(file)
