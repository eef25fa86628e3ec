"""Columns: the ledger as an Arrow table, and its copy beside it, which is never trusted blindly."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pytest

from riskmon import columns
from riskmon.database import beside
from riskmon.monitor import Monitor
from tests.builders import Clock, event


def rows(monitor: Monitor) -> list[dict[str, object]]:
    """Return what the table should have, from the entries themselves."""
    return [{name: getattr(entry, name) for name in columns.NAMES} for entry in monitor.entries()]


@pytest.fixture
def copy(monitor: Monitor) -> Path:
    """Return where the copy is kept."""
    return beside(monitor._ledger.engine, ".columns.parquet")


def test_columns_are_those_of_the_entries(monitor: Monitor, clock: Clock, copy: Path) -> None:
    """Made anew, from the copy, and with what came since; types are the same each time."""
    schema = None
    for day in ("2024-01-01", "2024-01-02T03:04:05.678901Z", "2024-02-01"):
        clock.turn(day)
        monitor.ingest([event(), event(ref=f"百度-{day}")])
        for _ in range(2):
            table = monitor.columns()
            assert rows(monitor) == table.to_pylist()
            schema = schema or table.schema.remove_metadata()
            assert schema == table.schema.remove_metadata()
    assert copy.exists()
    assert isinstance(table, pa.Table)


def test_an_empty_ledger_has_columns_too(monitor: Monitor) -> None:
    """Without rows."""
    assert [] == monitor.columns().to_pylist()
    monitor.ingest([event()])
    assert rows(monitor) == monitor.columns().to_pylist()


def test_a_copy_of_another_ledger_or_a_broken_one_is_made_anew(
    monitor: Monitor, copy: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It says at which head it was made; what does not fit is not used."""
    monkeypatch.setattr(columns, "LEAST_ROWS", 1)
    monitor.ingest([event(), event()])
    monitor.columns()
    kept = copy.read_bytes()
    copy.write_bytes(kept[: len(kept) // 2])
    assert rows(monitor) == monitor.columns().to_pylist()
    assert rows(monitor) == monitor.columns().to_pylist()
    table = columns.read(monitor._ledger).slice(0, 2)
    pa.parquet.write_table(table.replace_schema_metadata({"head": "0" * 64}), copy)
    assert rows(monitor) == monitor.columns().to_pylist()
    pa.parquet.write_table(pa.table({"x": [1]}), copy)
    assert rows(monitor) == monitor.columns().to_pylist()
    del tmp_path
