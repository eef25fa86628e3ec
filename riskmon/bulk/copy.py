"""A columnar copy of a ledger: what moves scores, as Parquet files by matter. Disposable.

    copy.json                 what is in it; replaced last, at once: whatever dies, it is whole
    <segment>/                a range of positions; written once, merged with others as they grow
      rest.parquet            entries that tell of no event, whole
      named.parquet           whom events name that no earlier segment named, numbered
      ended.parquet           rows that ceased to stand: position, until
      scoped.parquet          matters that have a scope
      events/NNNN.parquet     events by matter: a bucket each, the CRC-32 of the matter's name
      pairs/NNNN.parquet      which name stands in which matter, by name: a bucket each, its number

No body and no title is in `events`, so an event takes some 30 bytes. Needs the extra `columns`.
"""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import weakref
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import asdict, dataclass
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from riskmon.errors import DatabaseError
from riskmon.extras import library
from riskmon.model import Taken
from riskmon.parties import Named
from riskmon.told import spread
from riskmon.written import written

if TYPE_CHECKING:
    import pyarrow as pa

FORMAT = 1
BUCKETS = 128
"""Of a new copy: a hundred million events make files of some 25 MB."""
GROUP_ROWS = 4096
"""Of events and pairs in a row group: the least that is read for one matter, and for one name."""
WORDS = ("type", "teller", "topics", "scope")
"""Columns of few values and many rows."""
SORTED = ("matter", "occurred", "place")
MARK = "copy.json"
KINDS = ("events", "pairs")
"""What is kept in buckets."""
HELD = "rest.parquet"
"""The file of a folder that whoever needs the folder locks."""


def arrow(name: str = "pyarrow") -> Any:
    """Return a module of pyarrow, which comes with the extra `columns`."""
    return library(name, "columns")


def schemas() -> dict[str, pa.Schema]:
    """Return what columns the files have."""
    pa = arrow()
    moment, text, number = pa.timestamp("us", tz="UTC"), pa.string(), pa.int64()
    word = pa.dictionary(pa.int32(), text)
    columns: dict[str, dict[str, Any]] = {
        "events": {
            "bucket": pa.int16(),
            "matter": text,
            "position": number,
            "place": number,
            "occurred": moment,
            "known": moment,
            "type": word,
            "teller": word,
            "credibility": pa.float64(),
            "topics": word,
            "scope": word,
            "party": pa.list_(pa.int32()),
            "role": pa.list_(text),
        },
        "rest": {"position": number, **dict.fromkeys(("kind", "source", "ref", "body"), text)},
        "named": {
            "number": pa.int32(),
            "company": text,
            "names": pa.list_(text),
            "identifiers": text,
        },
        "ended": {"position": number, "until": number},
        "pairs": {"party": pa.int32(), "bucket": pa.int16(), "matter": text},
        "scoped": {"bucket": pa.int16(), "matter": text},
    }
    return {name: pa.schema(fields) for name, fields in columns.items()}


def bucket_of(matter: str, buckets: int) -> int:
    """Return in which of the buckets a matter is."""
    return zlib.crc32(matter.encode()) % buckets


@dataclass(frozen=True)
class Segment:
    """A range of positions, and where it ends the ledger's hash."""

    first: int
    last: int
    hash: str
    events: int
    files: int
    """Of events and pairs: only buckets that have some have one."""

    @property
    def name(self) -> str:
        """Of its folder."""
        return f"{self.first:012}-{self.last:012}"


class Copy:
    """The columnar copy in a folder, as it is at this moment; an empty one where there is none."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.buckets, self.segments = BUCKETS, list[Segment]()
        self._footers: dict[Path, _Footer] = {}
        self._held: list[int] = []
        weakref.finalize(self, _released, self._held)
        while not self._taken():  # another process has written meanwhile
            _released(self._held)

    def _taken(self) -> bool:
        """Read what is in it, and hold that: while this lives, nobody removes a file of it."""
        if (told := self._told()) is None:
            return True
        self.buckets, self.segments = told
        for one in self.segments:
            where, found = self.folder / one.name, -1
            with suppress(FileNotFoundError):
                self._held.append(os.open(where / HELD, os.O_RDONLY))
                fcntl.flock(self._held[-1], fcntl.LOCK_SH)
                found = sum(1 for kind in KINDS for _ in (where / kind).iterdir())
            if found != one.files:
                if told == self._told():
                    raise DatabaseError(f"{where}: files are missing: {AGAIN}")
                return False
        return told == self._told()

    def _told(self) -> tuple[int, list[Segment]] | None:
        """Return what the copy's mark says, buckets and segments; None where there is none."""
        where = self.folder / MARK
        try:
            told = json.loads(where.read_bytes())
            if (form := told["format"]) != FORMAT:
                raise DatabaseError(f"{self.folder} has form {form!r}, not {FORMAT}: {AGAIN}")
            return int(told["buckets"]), [Segment(**one) for one in told["segments"]]
        except FileNotFoundError:
            return None
        except (OSError, ValueError, LookupError, TypeError) as error:
            raise DatabaseError(f"{where} cannot be read ({error}): {AGAIN}") from error

    def remove(self, name: str) -> None:
        """Remove the files of a segment that is none of this one's, unless somebody reads them."""
        folder = self.folder / name
        with suppress(BlockingIOError), ExitStack() as stack:
            with suppress(FileNotFoundError):  # whoever made it died before
                file = stack.enter_context((folder / HELD).open("rb"))
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(folder, ignore_errors=True)  # while nobody can begin to read

    @property
    def position(self) -> int:
        """The last position that is in it."""
        return self.segments[-1].last if self.segments else 0

    @property
    def events(self) -> int:
        """How many events it has, those that stand no more among them."""
        return sum(one.events for one in self.segments)

    def keep(self, segments: Sequence[Segment]) -> None:
        """Make it consist of some segments, whose files are there; all at once."""
        self.segments = list(segments)
        told = {"format": FORMAT, "buckets": self.buckets, "segments": [*map(asdict, segments)]}
        with written(self.folder / MARK) as out:
            out.write(json.dumps(told, indent=1).encode())

    def read(self, name: str, segments: Sequence[Segment] | None = None) -> pa.Table:
        """Return one of the small tables, of all segments or of some."""
        some = self.segments if segments is None else segments
        schema = schemas()[name]
        tables = [_read(self.folder / one.name / f"{name}.parquet", schema.names) for one in some]
        return arrow().concat_tables([schema.empty_table(), *(one.cast(schema) for one in tables)])

    def rest(self, after: int = 0) -> Iterator[Taken]:
        """Yield the entries that tell of no event, after a position."""
        for segment in (one for one in self.segments if one.last > after):
            for batch in self._batches(segment, "rest"):
                columns = [batch.column(name).to_pylist() for name in schemas()["rest"].names]
                yield from (one for one in zip(*columns, strict=True) if one[0] > after)

    def named(self, after: int = 0) -> Iterator[Named]:
        """Yield whom events name, in the order of their numbers; only those from a number on."""
        for segment in self.segments:
            for batch in self._batches(segment, "named"):
                start = batch.column("number")[0].as_py() if len(batch) else after
                rows = batch.slice(max(0, after - start))
                columns = (rows.column(name).to_pylist() for name in schemas()["named"].names[1:])
                for company, names, identifiers in zip(*columns, strict=True):
                    pairs = [
                        (kind, tuple(value) if isinstance(value, list) else value)
                        for kind, value in json.loads(identifiers)
                    ]
                    yield Named(company, tuple(names), tuple(pairs))

    def _batches(self, segment: Segment, name: str) -> Iterator[pa.RecordBatch]:
        with _opened(self.folder / segment.name / f"{name}.parquet") as file:
            yield from file.iter_batches()

    def bucket(
        self,
        number: int,
        segments: Sequence[Segment] | None = None,
        columns: Sequence[str] | None = None,
        kind: str = "events",
    ) -> list[pa.Table]:
        """Return the events, or pairs, of a bucket: a table for each segment that has some."""
        return [_read(one, columns) for one in self._files_of(number, segments, kind)]

    def _files_of(
        self, number: int, segments: Sequence[Segment] | None = None, kind: str = "events"
    ) -> list[Path]:
        some = self.segments if segments is None else segments
        files = [self.folder / one.name / kind / f"{number:04}.parquet" for one in some]
        return [one for one in files if one.exists()]

    def parts(self, rows: int) -> Iterator[pa.Table]:
        """Yield all events, whole matters at a time, about `rows` of them."""
        pending: list[pa.Table] = []
        for number in range(self.buckets):
            fresh = self.bucket(number)
            if pending and sum(map(len, (*pending, *fresh))) > rows:
                yield from pieces(pending, rows)
                pending = []
            pending += fresh
        if pending:
            yield from pieces(pending, rows)

    def matters_of(self, parties: Iterable[int]) -> set[tuple[int, str]]:
        """Return the matters that name some parties, by number; each with its bucket."""
        by_bucket: dict[int, list[int]] = {}
        for party in sorted(set(parties)):
            by_bucket.setdefault(party % self.buckets, []).append(party)
        tables = self._found("pairs", "party", by_bucket)
        return {pair for table in tables for pair in _pairs(table)}

    def scoped(self) -> set[tuple[int, str]]:
        """Return the matters that have a scope; each with its bucket."""
        return set(_pairs(self.read("scoped")))

    def matters(self, matters: Iterable[tuple[int, str]]) -> pa.Table:
        """Return the events of some matters."""
        by_bucket: dict[int, list[str]] = {}
        for bucket, matter in sorted(matters):
            by_bucket.setdefault(bucket, []).append(matter)
        tables = self._found("events", "matter", by_bucket)
        return arrow().concat_tables([schemas()["events"].empty_table(), *tables])

    def _found(
        self, kind: str, column: str, wanted: Mapping[int, Sequence[Any]]
    ) -> Iterator[pa.Table]:
        """Yield the rows of some buckets in which the column they are sorted by has some values."""
        for bucket, values in wanted.items():
            for path in self._files_of(bucket, kind=kind):
                yield self._some(path, column, values)

    def _some(self, path: Path, column: str, wanted: Sequence[Any]) -> pa.Table:
        pa, compute = arrow(), arrow("pyarrow.compute")
        footer = self._footer(path, column)
        asked = np.array(wanted, footer.least.dtype)
        first = np.searchsorted(footer.most, asked)
        last = np.searchsorted(footer.least, asked, side="right")
        groups = np.unique(spread(first, np.maximum(last - first, 0)))
        with _opened(path, footer.metadata) as file:
            table = file.read_row_groups(groups.tolist())
        return table.filter(compute.is_in(table[column], pa.array(wanted, table[column].type)))

    def _footer(self, path: Path, column: str) -> _Footer:
        if path not in self._footers:
            with _opened(path) as file:
                place, metadata = file.schema_arrow.get_field_index(column), file.metadata
            groups = map(metadata.row_group, range(metadata.num_row_groups))
            told = [one.column(place).statistics for one in groups]
            kind = np.int64 if column == "party" else np.str_
            least, most = ([getattr(one, name) for one in told] for name in ("min", "max"))
            self._footers[path] = _Footer(metadata, np.array(least, kind), np.array(most, kind))
        return self._footers[path]


class _Footer(NamedTuple):
    """What a file says of itself; kept, so that asking again costs no more than what is read."""

    metadata: Any
    least: Any
    """Of the column that it is sorted by, in each row group."""
    most: Any


@contextmanager
def _opened(path: Path, metadata: Any = None) -> Iterator[Any]:
    words = list(WORDS) if path.parent.name == "events" else None
    try:
        with arrow("pyarrow.parquet").ParquetFile(
            path, metadata=metadata, read_dictionary=words, page_checksum_verification=True
        ) as file:
            yield file
    except (OSError, ValueError, LookupError, NotImplementedError) as error:
        why = " ".join(str(error).split())
        raise DatabaseError(f"{path} cannot be read ({why}): {AGAIN}") from error


def _read(path: Path, columns: Sequence[str] | None = None) -> pa.Table:
    with _opened(path) as file:
        return file.read(columns)


def pieces(tables: Sequence[pa.Table], rows: int) -> Iterator[pa.Table]:
    """Yield events in pieces of about `rows`, whole matters each."""
    table = arrow().concat_tables(tables)
    if len(table) <= rows:
        yield table
        return
    matter = table["matter"].combine_chunks().dictionary_encode().indices.to_numpy()
    if (np.diff(matter) < 0).any():  # of several segments
        order = np.argsort(matter, kind="stable")
        table, matter = table.unify_dictionaries().take(order), matter[order]
    cuts = np.searchsorted(matter, matter[rows::rows])
    for begin, end in pairwise(np.unique([0, *cuts.tolist(), len(matter)]).tolist()):
        yield table.slice(begin, end - begin)


def _released(held: list[int]) -> None:
    while held:
        os.close(held.pop())


AGAIN = "remove the copy's folder, and it is made anew from the ledger"


def _pairs(table: pa.Table) -> Iterator[tuple[int, str]]:
    return zip(table["bucket"].to_pylist(), table["matter"].to_pylist(), strict=True)
