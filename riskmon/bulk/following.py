"""A columnar copy follows its ledger: what came is added, as a segment; small ones become one."""

from __future__ import annotations

import fcntl
import json
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from riskmon.bulk.copy import (
    GROUP_ROWS,
    KINDS,
    SORTED,
    WORDS,
    Copy,
    Segment,
    arrow,
    bucket_of,
    schemas,
)
from riskmon.errors import DatabaseError
from riskmon.evaluators import Ints
from riskmon.ledger import Ledger
from riskmon.model import EVENTS
from riskmon.parties import Named
from riskmon.progress import progress
from riskmon.told import Codes, Told, spread

if TYPE_CHECKING:
    import pyarrow as pa

BATCH = 500_000
"""Entries that are read at a time: 0.6 GB."""
GROWTH = 4
"""A segment is merged with the one before it where that is not so many times as large."""
Buckets = Iterator[tuple[int, "pa.Table"]]


def follow(ledger: Ledger, folder: Path) -> Copy:
    """Return the columnar copy in a folder, brought to what the ledger tells now.

    A copy of another ledger, or of one that ended otherwise, is made anew. One process writes at a
    time; the others wait. What readers hold open stays readable.
    """
    copy = Copy(folder)
    if copy.position == ledger.size() and _of(copy, ledger):
        return copy
    try:
        with _locked(folder):
            copy = Copy(folder)
            if not _of(copy, ledger):
                copy.keep([])
            _tidy(copy)
            _Follower(ledger, copy).follow()
            copy = Copy(folder)  # which holds what was written
    except OSError as error:
        raise unwritable(folder, error) from error
    return copy


def unwritable(folder: Path, error: OSError) -> DatabaseError:
    """Return that a copy's folder cannot be written to, and what to do."""
    what = f"{folder}: the ledger's columnar copy cannot be written ({error.strerror or error})"
    return DatabaseError(f"{what}: make room there, or set `copy_folder` to another folder")


def _of(copy: Copy, ledger: Ledger) -> bool:
    """Whether a copy's last entry is the ledger's."""
    if not copy.segments:
        return True
    last = copy.segments[-1]
    return last.last <= ledger.size() and ledger.at(last.last).hash == last.hash


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / ".lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _tidy(copy: Copy) -> None:
    """Remove what a process that died left, and what the last one to write took the place of."""
    kept = {one.name for one in copy.segments}
    for one in copy.folder.iterdir():
        if one.is_dir() and one.name not in kept:
            copy.remove(one.name)


class _Follower:
    """Adds to a copy what its ledger tells."""

    def __init__(self, ledger: Ledger, copy: Copy) -> None:
        self._ledger, self._copy = ledger, copy
        self._named = Codes(*copy.named())
        """All whom events name, by number."""

    def follow(self) -> None:
        last = self._ledger.size()
        with progress("copying the ledger", last - self._copy.position) as bar:
            while self._copy.position < last:
                after = self._copy.position
                until = min(after + BATCH, last)
                self._add(after, until)
                bar.done += until - after
        self._copy.keep(_merged(self._copy))

    def _add(self, after: int, until: int) -> None:
        entries = list(self._ledger.told(after, until))
        told = Told(lambda _: ())
        told.append(self._ledger.told_before(after, until))
        known = len(told.rows)
        told.append(one for one in entries if one[1] in EVENTS)
        fresh = len(self._named)
        events = _bucketed(self._events(told, known), self._copy.buckets)
        rest = [one for one in entries if one[1] not in EVENTS]
        position, row = told.ends["position"], told.ends["row"]
        late = position > after
        tables = {
            "rest": _columns("rest", list(zip(*rest, strict=True)) or [()] * 5),
            "named": self._fresh(fresh),
            "ended": _columns("ended", [told.rows["position"][row[late]], position[late]]),
            "scoped": _distinct(_scoped(events)),
        }
        segment = Segment(after + 1, until, self._ledger.at(until).hash, len(events), 0)
        pairs = _distinct(_pairs(events))
        buckets = {
            "events": _split(events, events["bucket"].to_numpy()),
            "pairs": _split(pairs, pairs["party"].to_numpy() % self._copy.buckets),
        }
        segment = write(self._copy, segment, tables, buckets)
        self._copy.keep([*self._copy.segments, segment])

    def _events(self, told: Told, known: int) -> pa.Table:
        """Return the rows of a fold after the first `known`, as a copy has them."""
        pa, rows = arrow(), {name: told.rows[name][known:] for name in told.rows.names}
        numbers = np.array([self._named[one] for one in told.named.names], np.int32)
        first, counts = rows["first"], rows["last"] - rows["first"]
        index = spread(first, counts)
        offsets = np.append(0, np.cumsum(counts)).astype(np.int32)
        words = {
            "matter": told.matters.names,
            "type": told.types.names,
            "teller": told.tellers.names,
            "topics": [" ".join(one) for one in told.topics.names],
            "scope": [" ".join(sorted(one)) for one in told.scopes.names],
        }
        columns: dict[str, Any] = {
            name: pa.DictionaryArray.from_arrays(rows[name], pa.array(names, pa.string()))
            for name, names in words.items()
        }
        columns |= {name: rows[name] for name in ("position", "place", "occurred", "known")}
        columns["credibility"] = pa.array(rows["credibility"], from_pandas=True)  # NaN is null
        party = pa.array(numbers[told.parties["party"][index]])
        role = pa.DictionaryArray.from_arrays(
            told.parties["role"][index], pa.array(told.roles.names, pa.string())
        )
        columns["party"] = pa.ListArray.from_arrays(offsets, party)
        columns["role"] = pa.ListArray.from_arrays(offsets, role.cast(pa.string()))
        schema = schemas()["events"].remove(0)
        arrays = {field.name: pa.array(columns[field.name]).cast(field.type) for field in schema}
        return pa.table(arrays, schema=schema)

    def _fresh(self, first: int) -> pa.Table:
        """Return those whom no event named before."""
        some: list[Named] = self._named.names[first:]
        return _columns(
            "named",
            [
                range(first, first + len(some)),
                [one.company for one in some],
                [list(one.names) for one in some],
                [json.dumps(one.identifiers, ensure_ascii=False) for one in some],
            ],
        )


def _columns(name: str, columns: Sequence[Any]) -> pa.Table:
    schema = schemas()[name]
    pairs = zip(schema, columns, strict=True)
    return arrow().table([arrow().array(one, field.type) for field, one in pairs], schema=schema)


def _bucketed(events: pa.Table, buckets: int) -> pa.Table:
    """Return events with the bucket of each, in the order of the files."""
    pa = arrow()
    matter = events["matter"].dictionary_encode().combine_chunks()
    names = [bucket_of(one, buckets) for one in matter.dictionary.to_pylist()]
    bucket = np.array(names, np.int16)[matter.indices.to_numpy()] if len(events) else []
    table = events.add_column(0, "bucket", pa.array(bucket, pa.int16()))
    return _ordered(table, SORTED)


def _split(table: pa.Table, bucket: Ints) -> Buckets:
    """Yield the rows of each bucket, in the order in which they stand."""
    order = np.argsort(bucket, kind="stable")
    table, bucket = table.take(order), bucket[order]
    first = np.flatnonzero(np.diff(bucket, prepend=-1))
    for begin, end in pairwise([*first.tolist(), len(bucket)]):
        yield int(bucket[begin]), table.slice(begin, end - begin)


def _pairs(events: pa.Table) -> pa.Table:
    """Return which name stands in which matter."""
    compute = arrow("pyarrow.compute")
    index = compute.list_parent_indices(events["party"])
    party = compute.list_flatten(events["party"])
    some = events.select(["bucket", "matter"]).take(index)
    return some.add_column(0, "party", party)


def _scoped(events: pa.Table) -> pa.Table:
    compute = arrow("pyarrow.compute")
    some = events.filter(compute.not_equal(events["scope"].cast(arrow().string()), ""))
    return some.select(["bucket", "matter"])


def _distinct(table: pa.Table) -> pa.Table:
    """Return each row once, sorted."""
    found = table.group_by(table.column_names).aggregate([])
    return _ordered(found, table.column_names)


def write(
    copy: Copy, segment: Segment, tables: Mapping[str, pa.Table], buckets: Mapping[str, Buckets]
) -> Segment:
    """Write the files of a segment, and return it; the copy has it once that is kept."""
    folder, files = copy.folder / segment.name, 0
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    parquet = arrow("pyarrow.parquet")
    for name, table in tables.items():
        parquet.write_table(
            table, folder / f"{name}.parquet", compression="zstd", write_page_checksum=True
        )
    for kind, parts in buckets.items():
        (folder / kind).mkdir()
        for number, table in parts:
            parquet.write_table(
                table,
                folder / kind / f"{number:04}.parquet",
                row_group_size=GROUP_ROWS,
                compression="zstd",
                use_dictionary=["bucket", *WORDS, "role.list.element"],
                write_page_checksum=True,
            )
            files += 1
    return replace(segment, files=files)


def _merged(copy: Copy) -> list[Segment]:
    """Return segments of which each is much larger than those after it; the last ones are one."""
    first = max(0, len(copy.segments) - 1)
    events = sum(one.events for one in copy.segments[first:])
    while first and copy.segments[first - 1].events < GROWTH * max(events, 1):
        first -= 1
        events += copy.segments[first].events
    some = copy.segments[first:]
    if len(some) < 2:  # noqa: PLR2004 (one is one)
        return copy.segments
    one = Segment(some[0].first, some[-1].last, some[-1].hash, events, 0)
    tables = {name: copy.read(name, some) for name in ("rest", "named", "ended")}
    tables["scoped"] = _distinct(copy.read("scoped", some))
    buckets = {kind: _merged_buckets(copy, kind, some) for kind in KINDS}
    return [*copy.segments[:first], write(copy, one, tables, buckets)]


def _merged_buckets(copy: Copy, kind: str, segments: Sequence[Segment]) -> Buckets:
    for number in range(copy.buckets):
        if tables := copy.bucket(number, segments, kind=kind):
            table = arrow().concat_tables(tables).unify_dictionaries()
            yield number, _distinct(table) if kind == "pairs" else _ordered(table, SORTED)


def _ordered(table: pa.Table, columns: Sequence[str]) -> pa.Table:
    return table.sort_by([(name, "ascending") for name in columns])
