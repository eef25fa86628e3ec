"""Sealed ranges of the ledger as Parquet files: written, checked, and read as the log is.

A file has all columns of its entries, their hashes too, so it verifies as the table does. Its name
says which: `entries-000000000001-000010000000.parquet`. Needs the extra `columns`.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Collection, Iterable, Iterator, Sequence
from datetime import datetime
from functools import lru_cache
from hashlib import file_digest
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

from riskmon.errors import BrokenError, InputError, VerificationError
from riskmon.evidence import chained
from riskmon.extras import library
from riskmon.heads import sync_folder
from riskmon.model import Entry, Taken
from riskmon.tables import Stored
from riskmon.written import written

NAME = re.compile(r"entries-(\d{12})-(\d{12})\.parquet", re.ASCII)

ROWS = 10_000
"""Of a group, which is the least that is read."""

TAKEN = ["position", "kind", "source", "ref", "body"]


class File(NamedTuple):
    """A file of the archive, and which entries it has."""

    first: int
    last: int
    path: Path


class Archived(NamedTuple):
    """A range that is in the archive, and was hashed again there."""

    first: int
    last: int
    file: str
    sha256: str
    """Of the file."""
    hash: str
    """Of the last entry."""
    detach: str
    """The statement that takes the range out of the database; empty where none does."""


def _schema() -> Any:
    arrow = library("pyarrow", "columns")
    numbers = {"position": arrow.int64(), "revision": arrow.int32()}
    return arrow.schema([(name, numbers.get(name, arrow.string())) for name in Entry._fields])


class Archive:
    """A folder of ranges; without one, what is asked of it is refused."""

    def __init__(self, folder: Path | None) -> None:
        self.folder = folder

    def files(self) -> list[File]:
        """Return the files, in the order of their positions; InputError without the folder."""
        if self.folder is None:
            return []
        try:
            found = [(NAME.fullmatch(path.name), path) for path in self.folder.iterdir()]
        except OSError as error:
            raise InputError(f"{self.folder}: cannot be read: {error.strerror}") from None
        return sorted(File(int(name[1]), int(name[2]), path) for name, path in found if name)

    def entries(self, after: int, until: int, kinds: Collection[str] = ()) -> Iterator[Entry]:
        """Yield the entries after one position, up to another, of all kinds or of some."""
        for table in self._tables(after, until, (lambda kind: kind in kinds) if kinds else None):
            yield from _entries(table)

    def told(self, after: int, until: int, but: Collection[str] = ()) -> Iterator[Taken]:
        """Yield the same as the fold of the log reads them, without those of some kinds."""
        wanted = (lambda kind: kind not in but) if but else None
        for table in self._tables(after, until, wanted):
            yield from _rows(table.select(TAKEN))

    def some(self, positions: Sequence[int]) -> Iterator[Entry]:
        """Yield the entries at some positions, which are in order."""
        at = 0
        while at < len(positions):
            file, group = self._group_of(positions[at])
            start = file.first + group * ROWS
            following = bisect_right(positions, min(start + ROWS - 1, file.last), lo=at)
            table = self._read(file, group)
            yield from _entries(table.take([one - start for one in positions[at:following]]))
            at = following

    def position_at(self, text: str, until: int) -> int:
        """Return the last position up to `until` recorded by a moment, in UTC text; 0 for none."""
        low, high = 0, until
        while low < high:  # the group in which the place is
            middle = (low + high + 1) // 2
            file, group = self._group_of(middle)
            start = file.first + group * ROWS
            moments = self._read(file, group, ["recorded_at"])["recorded_at"].to_pylist()
            found = bisect_right(moments, text)
            if 0 < found < len(moments):
                return min(until, start + found - 1)
            low, high = (start + found - 1, high) if found else (low, start - 1)
        return min(low, until)

    def mentioning(self, patterns: Sequence[str], until: int, limit: int) -> list[Entry]:
        """Return the last `limit` events up to a position whose bodies are LIKE all `patterns`."""
        found: list[Entry] = []
        while len(found) < limit and until > 0:
            file, group = self._group_of(until)
            start = file.first + group * ROWS
            table = self._read(file, group).slice(0, until - start + 1)
            compute = library("pyarrow.compute", "columns")
            fit = compute.equal(table["kind"], "event.recorded")
            for pattern in patterns:
                like = compute.match_like(table["body"], pattern, ignore_case=True)
                fit = compute.and_(fit, like)
            found += reversed(list(_entries(table.filter(fit))))
            until = start - 1
        return found[:limit]

    def table(self, names: Sequence[str], until: int, after: int = 0) -> Iterator[Any]:
        """Yield some columns of the entries after one position, up to another, in pieces."""
        for piece in self._tables(after, until):
            yield piece.select(names)

    def stored(self, until: int) -> Iterator[Stored]:
        """Yield the entries up to a position as they were hashed."""
        for table in self._tables(0, until):
            yield from _stored(table)

    def write(self, first: int, last: int, entries: Iterable[Stored]) -> File:
        """Write a range to a file, which is there whole or not at all."""
        assert self.folder is not None  # noqa: S101 (who writes names one)
        parquet, schema = library("pyarrow.parquet", "columns"), _schema()
        file = File(first, last, self.folder / f"entries-{first:012}-{last:012}.parquet")
        table = library("pyarrow", "columns").table
        rest = iter(entries)
        with (
            written(file.path) as stream,
            parquet.ParquetWriter(stream, schema, compression="zstd") as writer,
        ):
            while some := list(islice(rest, ROWS)):
                rows = [(*told.decode().split("\0", 6), hash_.decode()) for _, told, hash_ in some]
                found = dict(zip(Entry._fields, map(list, zip(*rows, strict=True)), strict=True))
                for name in ("position", "revision"):
                    found[name] = [int(one) for one in found[name]]
                writer.write_table(table(found, schema=schema), row_group_size=ROWS)
        sync_folder(self.folder)
        return file

    def check(self, file: File, previous: str, last: str) -> str:
        """Return the SHA-256 of a file whose entries, hashed again, lead from one hash to another.

        Raises VerificationError at the first that does not.
        """
        position = file.first - 1
        for group in range(-(-(file.last - position) // ROWS)):
            for stored, columns, hash_ in _stored(self._read(file, group)):
                position += 1
                previous = chained(previous.encode(), columns)
                if stored != position or previous.encode() != hash_:
                    raise _differs(file, position)
        if (position, previous) != (file.last, last):
            raise _differs(file, position)
        with file.path.open("rb") as content:
            return file_digest(content, "sha256").hexdigest()

    def _tables(self, after: int, until: int, wanted: Any = None) -> Iterator[Any]:
        """Yield the entries after one position, up to another, a group at a time."""
        while after < until:
            file, group = self._group_of(after + 1)
            start = file.first + group * ROWS
            rows = slice(after + 1 - start, until + 1 - start)
            fit = None
            if wanted is not None:  # kinds first: few groups have a rare one
                kinds = self._read(file, group, ["kind"])["kind"].to_pylist()[rows]
                fit = [wanted(kind) for kind in kinds]
            if fit is None or any(fit):
                table = self._read(file, group)[rows]
                yield table if fit is None else table.filter(fit)
            after = min(start + ROWS - 1, file.last)

    def _group_of(self, position: int) -> tuple[File, int]:
        """Return the file that has a position, and which of its groups; refuse where none has."""
        for file in self.files():
            if file.first <= position <= file.last:
                return file, (position - file.first) // ROWS
        where = f"nor in {self.folder}" if self.folder else "and no archive is named"
        raise VerificationError(
            f"entry {position:,} is not in the database, {where}: where its range was archived, "
            "say where with `archive` in riskmon.toml, RISKMON_ARCHIVE or `riskmon verify "
            "--archive FOLDER`; else it was taken out: restore a copy",
            finding="changed",
            position=position,
        )

    def _read(self, file: File, group: int, names: list[str] | None = None) -> Any:
        parquet = library("pyarrow.parquet", "columns")
        try:
            found = file.path.stat()
            metadata = _metadata(file, found.st_mtime_ns, found.st_size)
            with parquet.ParquetFile(file.path, metadata=metadata) as opened:
                return opened.read_row_group(group, columns=names)
        except (OSError, ValueError) as error:  # pyarrow's own are ValueErrors
            raise BrokenError(f"{file.path} cannot be read: {error}. Restore a copy") from error


@lru_cache(maxsize=64)
def _metadata(file: File, *_: int) -> Any:
    """Return what a file says of itself, once it is found to be one of ours; it is long."""
    metadata = library("pyarrow.parquet", "columns").read_metadata(file.path)
    size = file.last - file.first + 1
    groups = [ROWS] * (size // ROWS) + [size % ROWS] * (size % ROWS > 0)
    found = [metadata.row_group(group).num_rows for group in range(metadata.num_row_groups)]
    if found != groups or not metadata.schema.to_arrow_schema().equals(_schema()):
        raise BrokenError(
            f"{file.path}: expected a file as `riskmon archive` writes it. Restore a copy"
        )
    return metadata


def _differs(file: File, position: int) -> VerificationError:
    return VerificationError(
        f"{file.path}: entry {position:,} is not what was hashed. Restore a copy of the file; "
        "where the range is in the database still, remove it and archive again",
        finding="changed",
        position=position,
    )


def _rows(table: Any) -> Iterator[Any]:
    return zip(*(column.to_pylist() for column in table.columns), strict=True)


def _entries(table: Any) -> Iterator[Entry]:
    for row in map(Entry._make, _rows(table)):
        yield row._replace(recorded_at=datetime.fromisoformat(str(row.recorded_at)))


def _stored(table: Any) -> Iterator[Stored]:
    for row in _rows(table):
        *columns, hash_ = map(str, row)
        yield row[0], "\0".join(columns).encode(), hash_.encode()
