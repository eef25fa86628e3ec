"""Riskmon's own events as Parquet: a column a field, lists and structs as in JSON.

It needs the extra `columns`. Moments are timestamps, dates or text; what is null is left out.
"""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Iterator
from datetime import date, datetime
from typing import Any, BinaryIO

from riskmon.errors import MissingExtraError, Problem
from riskmon.model import Row
from riskmon.sources import jsonl

BATCH = 1000
MOST_BYTES = 8 * 1024**3


def read(stream: BinaryIO) -> Iterator[Row]:
    """Yield an event for each row; `line` counts rows from 1."""
    try:
        from pyarrow import ArrowException, parquet  # noqa: PLC0415 (heavy, and an extra)
    except ImportError:
        raise MissingExtraError("pyarrow", "columns") from None
    with tempfile.TemporaryFile() as spooled:  # the end of the file says what is in it
        shutil.copyfileobj(stream, spooled)
        spooled.seek(0)
        number = 0
        try:
            for batch in parquet.ParquetFile(spooled).iter_batches(BATCH):
                for row in batch.to_pylist():
                    number += 1
                    data = _plain(row)
                    raw = json.dumps(data, ensure_ascii=False, default=str)
                    yield jsonl.told(number, raw, data)
        except (ArrowException, OSError, ValueError, MemoryError) as error:
            told = f"expected a Parquet file: {str(error).splitlines()[0][:200]}"
            yield Row(number + 1, "", [Problem(told)])


def _plain(value: Any) -> Any:
    """Return a value as JSON has it, without what is null."""
    if isinstance(value, dict):
        return {name: _plain(one) for name, one in value.items() if one is not None}
    if isinstance(value, list):
        return [_plain(one) for one in value]
    if isinstance(value, datetime):
        return value.isoformat() if value.tzinfo else f"{value.isoformat()}Z"
    return value.isoformat() if isinstance(value, date) else value
