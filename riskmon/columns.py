"""The ledger's columns as an Arrow table, for bulk work; and a copy of them beside it, in Parquet.

The copy is disposable: it says at which head it was made, and is made anew where the ledger has
another. What came after it is read from the ledger. Needs the extra `columns`.
"""

from __future__ import annotations

import os
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

from riskmon.database import beside, driver, reading
from riskmon.extras import library
from riskmon.ledger import Ledger

if TYPE_CHECKING:
    import pyarrow as pa

NAMES = ("position", "kind", "source", "ref", "revision", "recorded_at")
"""What a table has; `body` and `hash` are ten times as much and never needed in bulk."""

REPEATED = ["kind", "source"]
"""Few values, many rows: kept as a dictionary."""

LEAST_ROWS = 10_000
"""Fewer new ones than this, and than a tenth of the copy, are read from the ledger each time."""


def read(ledger: Ledger, after: int = 0) -> pa.Table:
    """Return the entries after position `after`, their columns as in `NAMES`.

    `recorded_at` is UTC, in microseconds.
    """
    arrow, compute = library("pyarrow", "columns"), library("pyarrow.compute", "columns")
    repeated = arrow.dictionary(arrow.int32(), arrow.string())
    types = {
        "position": arrow.int64(),
        "kind": repeated,
        "source": repeated,
        "ref": arrow.string(),
        "revision": arrow.int32(),
        "recorded_at": arrow.timestamp("us", tz="UTC"),
    }
    pieces = [arrow.schema(types).empty_table()]
    # An Arrow driver would read in two thirds of the time, but it brings a second SQLite into the
    # process, and whichever closes a file first takes the other's locks (docs/decisions.md).
    gone = ledger.gone()
    pieces += [
        arrow.table({name: _cast(piece[name], kind) for name, kind in types.items()})
        for piece in ledger.archive.table(NAMES, gone, after)
    ]
    after = max(after, gone)
    with reading(ledger.engine) as connection:
        until = ledger.size()
        for texts in ledger.database.columns(driver(connection), NAMES[1:], after, until):
            values = [compute.split_pattern(arrow.scalar(text), "\0").values for text in texts]
            start, after = after + 1, after + len(values[0])
            positions = arrow.array(range(start, after + 1))
            given = zip(types.items(), [positions, *values], strict=True)
            pieces.append(arrow.table({name: _cast(value, kind) for (name, kind), value in given}))
    return arrow.concat_tables(pieces)


def _cast(values: Any, kind: Any) -> Any:
    return values.dictionary_encode() if hasattr(kind, "index_type") else values.cast(kind)


def load(ledger: Ledger) -> pa.Table:
    """Return the same of all entries, from the copy beside the ledger, which is kept up to date."""
    arrow, parquet = library("pyarrow", "columns"), library("pyarrow.parquet", "columns")
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
    if len(table) > ledger.size() or ledger.at(len(table)).hash != head:
        return None
    return table


def _write(parquet: Any, file: Path, table: pa.Table, head: str) -> None:
    part = file.with_name(f"{file.name}.{os.getpid()}-{threading.get_ident()}.part")
    part.parent.mkdir(parents=True, exist_ok=True)
    parquet.write_table(
        table.replace_schema_metadata({"head": head}),
        part,
        compression="zstd",
        use_dictionary=REPEATED,
        column_encoding={"position": "DELTA_BINARY_PACKED", "recorded_at": "DELTA_BINARY_PACKED"},
    )
    part.replace(file)
