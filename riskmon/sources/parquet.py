"""Riskmon's own events as Parquet: a column a field, lists and structs as in JSON.

It needs the extra `columns`. Moments are timestamps, dates or text; what is null is left out.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from datetime import date, datetime
from typing import Any, BinaryIO

from riskmon.errors import InputError, MissingExtraError, Problem
from riskmon.formats import json_lines, packed
from riskmon.model import Row
from riskmon.sources import jsonl

BATCH = 256
MOST_VALUES = 20_000_000
"""Of a column in a group of rows: what is null takes no room in the file, but in memory."""
TOO_LONG = Problem(f"expected at most {json_lines.MOST_BYTES:,} bytes a row")


def read(stream: BinaryIO) -> Iterator[Row]:
    """Yield an event for each row; `line` counts rows from 1."""
    try:
        from pyarrow import ArrowException, parquet  # noqa: PLC0415 (heavy, and an extra)
    except ImportError:
        raise MissingExtraError("pyarrow", "columns") from None
    number = 0
    try:
        with packed.spooled(stream) as path:  # the end of the file says what is in it
            about = parquet.read_metadata(path)
            if problem := _wrong(about, path.stat().st_size):
                yield Row(0, "", [problem])
                return
            names = [about.schema.column(one).path for one in range(about.num_columns)]
            # A word that stands in a million rows is in memory once, until each row is made.
            with parquet.ParquetFile(path, read_dictionary=names) as file:
                for batch in file.iter_batches(BATCH):
                    for data in _rows(batch):
                        number += 1
                        yield _row(number, data)
    except InputError as error:
        yield Row(number + 1, "", [Problem(str(error))])
    except (ArrowException, MemoryError, *packed.UNREADABLE) as error:
        told = f"expected a Parquet file: {_first_line(error)}"
        yield Row(number + 1, "", [Problem(told)])


def _wrong(about: Any, size: int) -> Problem | None:
    """Return what is wrong with a file of `size` bytes as a whole."""
    names = Counter(str(one) for one in about.schema.to_arrow_schema().names)
    for name, times in names.items():
        if times > 1:
            return Problem("names two columns: keep one", field=name)
    if about.num_rows > 8 * size:  # less than a bit for each
        return Problem(f"has {about.num_rows:,} rows in {size:,} bytes: got what may be a bomb")
    for number in range(about.num_row_groups):
        group = about.row_group(number)
        columns = [group.column(one) for one in range(group.num_columns)]
        unpacked = sum(one.total_uncompressed_size for one in columns)
        most = packed.MOST_RATIO * sum(one.total_compressed_size for one in columns)
        if unpacked > max(packed.SURE, most):
            return Problem(f"unpacks to {unpacked:,} bytes: got what may be a bomb")
        if any(one.num_values > MOST_VALUES for one in columns):
            return Problem(
                f"expected at most {MOST_VALUES:,} values of a column in a group of rows"
            )
    return None


def _rows(batch: Any) -> Iterator[dict[str, Any] | Problem]:
    """Yield each row of a batch, or why it cannot be made; never many large ones at once."""
    from pyarrow import ArrowException  # noqa: PLC0415

    alone = batch.num_rows == 1
    fits = sum(map(_size, batch.columns)) <= json_lines.MOST_BYTES
    try:
        made = batch.to_pylist() if fits else None
    except (ArrowException, MemoryError, *packed.UNREADABLE) as error:
        made = None
        if alone:
            yield Problem(f"cannot be read: {_first_line(error)}")
            return
    if made is not None:
        yield from made
    elif alone:
        yield TOO_LONG
    else:
        half = batch.num_rows // 2
        yield from _rows(batch.slice(0, half))
        yield from _rows(batch.slice(half))


def _size(array: Any) -> int:
    """Return how many bytes an array comes to when words stand wherever they are used."""
    from pyarrow import compute, types  # noqa: PLC0415

    kind = array.type
    if types.is_dictionary(kind) and types.is_string(kind.value_type):
        lengths = compute.take(compute.binary_length(array.dictionary), array.indices)
        return len(array) + int(compute.sum(lengths).as_py() or 0)
    if types.is_struct(kind):
        return len(array) + sum(map(_size, array.flatten()))
    if types.is_map(kind):
        return len(array) + _size(array.keys) + _size(array.items)
    if types.is_list(kind) or types.is_large_list(kind) or types.is_fixed_size_list(kind):
        return len(array) + _size(array.flatten())
    return len(array) + int(array.nbytes)


def _row(number: int, data: dict[str, Any] | Problem) -> Row:
    if isinstance(data, Problem):
        return Row(number, "", [data])
    told = _plain(data)
    raw = json.dumps(told, ensure_ascii=False, default=str)
    if len(raw) > json_lines.MOST_BYTES:
        return Row(number, f"{raw[:200]}…", [TOO_LONG])
    return jsonl.told(number, raw, told)


def _first_line(error: BaseException) -> str:
    return next(iter(str(error).splitlines()), type(error).__name__)[:200]


def _plain(value: Any) -> Any:
    """Return a value as JSON has it, without what is null."""
    if isinstance(value, dict):
        return {name: _plain(one) for name, one in value.items() if one is not None}
    if isinstance(value, list):
        return [_plain(one) for one in value]
    if isinstance(value, datetime):
        return value.isoformat() if value.tzinfo else f"{value.isoformat()}Z"
    return value.isoformat() if isinstance(value, date) else value
