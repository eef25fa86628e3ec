"""A seeded workload as a columnar copy of a ledger, written straight as columns: no ledger is made.

It has the shape of `workload`, with three differences, without which larger news would not be more
of the same:

- A power law with a bound. `workload` draws companies by Pareto's law of exponent 0.8, by which
  more than four draws in ten are of the first. Here it is Zipf's law with Mandelbrot's shift: the
  share of the company of rank k falls as 1 / (k + 100). So of 1,000,000 events 0.4 % name the
  first, of 100,000,000 0.2 %, and twenty to forty name the last.
- Measures do not grow with the news. Who puts many under a rule is one of some hundred authorities,
  however much is told of single firms: 2,000 such matters are two a year for each of them.
- Reports change: 1 in 1,000 is revised, 1 in 2,000 withdrawn, both after all were told.

Matters have names of one length: in the order of their numbers, and the checksum of one is that of
its first digits and that of its last ones, since CRC-32 is linear.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from hashlib import sha256
from itertools import chain, islice
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from benchmarks import workload
from benchmarks.workload import DAYS, FAMILIES, PLACES, SECTORS, TELLERS, TOPICS
from riskmon.bulk.copy import BUCKETS, GROUP_ROWS, KINDS, WORDS, Copy, Segment, schemas
from riskmon.forms import microseconds
from riskmon.intake import OWN
from riskmon.matters import distinct
from riskmon.model import Company, canonical

Ints = NDArray[np.int64]

SCOPED = 2000
SHIFT = 100
REVISED, WITHDRAWN = 1000, 2000
"""One in so many."""

MOST_MATTERS = 10**9
AT_ONCE = 5_000_000
AT_A_TIME = 65_536
"""Pairs that are sorted at once."""

DAY = 86_400_000_000
ROLES = ["subject", "victim", "investor"]
TYPES = [f"{family}.{word}" for family, words in FAMILIES.items() for word in words]
CHOICES = np.array([len(words) for words in FAMILIES.values()])
FIRST_TYPE = np.cumsum(CHOICES) - CHOICES
MEASURE = list(FAMILIES).index("measure")
SCOPES = ["", *(f"country:{PLACES[n % 8]} {SECTORS[n % 20]}" for n in range(40))]
NAME = b"matter-"
DIGITS = np.array([list(f"{number:03}".encode()) for number in range(1000)], np.uint8)

SCHEMAS = schemas()


class Shape(NamedTuple):
    """What may be otherwise than said above, to see what it costs."""

    matters: int = 700  # drawn for a thousand events
    apart: int | None = None  # one matter in so many has a scope; coprime to 10
    owned: int = 10  # one company in so many has an owner
    rules: Sequence[Mapping[str, Any]] = tuple(workload.rules())


AS_EVER = Shape()


class _Plan(NamedTuple):
    """What is written, and where in the log it stands."""

    events: int
    companies: int
    seed: int
    shape: Shape

    @property
    def matters(self) -> int:
        """How many matters events are drawn for; nothing is told of some."""
        return max(1, self.events * self.shape.matters // 1000)

    @property
    def apart(self) -> int:
        """One in so many matters has a scope; coprime to 10, so that all scopes and topics come."""
        few = self.shape.apart or max(50, self.matters // SCOPED)
        return next(one for one in range(few, 0, -1) if np.gcd(one, 10) == 1)

    @property
    def first(self) -> int:
        """Position of the first event: the ruleset and the companies come before."""
        return self.companies + 2

    @property
    def revisions(self) -> int:
        """Position of the first revision: of events 0, 1,000, 2,000..."""
        return self.first + self.events

    @property
    def withdrawals(self) -> int:
        """Position of the first withdrawal: of events 1, 2,001, 4,001..."""
        return self.revisions + -(-self.events // REVISED)

    @property
    def last(self) -> int:
        """The last position."""
        return self.withdrawals + (self.events + WITHDRAWN - 2) // WITHDRAWN - 1

    def places(self, numbers: Ints) -> Ints:
        """Return the positions of events by number: an order by lot that needs no memory."""
        step = self.events * 618 // 1000 + 1
        while np.gcd(step, self.events) != 1:
            step += 1
        return self.first + numbers * step % self.events


def drawn(lots: NDArray[np.float64], companies: int) -> Ints:
    """Return the companies that lots from 0 to 1 fall on."""
    found = SHIFT * ((1 + companies / SHIFT) ** lots - 1)
    return np.minimum(found.astype(np.int64), companies - 1)


def write(folder: Path, events: int, companies: int, seed: int, shape: Shape = AS_EVER) -> None:
    """Write a copy of `events` events, each told once or revised, about `companies` companies.

    The same seed gives the same bytes. It is one segment, as after all that a ledger tells has been
    merged. A bucket is made at a time: what grows in memory is two bytes for each matter, and the
    names of companies.
    """
    plan = _Plan(events, companies, seed, shape)
    if plan.matters >= MOST_MATTERS:
        raise ValueError(f"expected at most 1,400,000,000 events, got {events:,}")
    segment = folder / f"{1:012}-{plan.last:012}"
    (segment / "events").mkdir(parents=True)
    _write_rest(segment, plan)
    _write_named(segment, companies)
    pairs = _Pairs(segment)
    ended, scoped = [], []
    for bucket, numbers, first, count in _buckets(plan):
        rows = _Rows(plan, np.random.default_rng([seed, bucket]), numbers, first, count)
        if count:
            _put(segment / "events" / f"{bucket:04}.parquet", [rows.table(bucket)], GROUP_ROWS)
        pairs.add(bucket, rows)
        ended.append(rows.ended)
        some = distinct(rows.matter[rows.matter % plan.apart == 0])
        scoped.append([np.full(len(some), bucket), some])
    pairs.write()
    position, until = np.concatenate(ended, axis=1)
    _put(segment / "ended.parquet", [_table("ended", position=position, until=until)])
    in_bucket, some = np.concatenate(scoped, axis=1)
    table = _table("scoped", bucket=in_bucket.astype(np.int16), matter=_names(some))
    _put(segment / "scoped.parquet", [table])
    rows_written = events + plan.withdrawals - plan.revisions
    head = sha256(f"{events} {companies} {seed}".encode()).hexdigest()  # there is no entry
    files = sum(1 for kind in KINDS for _ in (segment / kind).iterdir())
    Copy(folder).keep([Segment(1, plan.last, head, rows_written, files)])


def _table(name: str, **columns: Any) -> pa.Table:
    return pa.table(columns, schema=SCHEMAS[name])


def _put(file: Path, tables: Iterable[pa.Table], rows: int = AT_A_TIME) -> None:
    """Write a file as those of a copy that follows a ledger are written."""
    events = file.parent.name == "events"
    schema = SCHEMAS[file.parent.name if file.parent.name in KINDS else file.stem]
    few = ["bucket", *WORDS, "role.list.element"] if events else True
    with pq.ParquetWriter(file, schema, compression="zstd", use_dictionary=few) as out:
        for table in tables:
            out.write_table(table, rows)


def _write_rest(segment: Path, plan: _Plan) -> None:
    """Write the ruleset and the companies, as intake makes entries of them."""
    firms = map(Company.model_validate, workload.companies(plan.companies, plan.shape.owned))
    entries = chain(
        [("ruleset.published", "ruleset", workload.ruleset(plan.shape.rules).body)],
        (("company.declared", one.id, canonical(one)) for one in firms),
    )

    def tables() -> Iterator[pa.Table]:
        position = 1
        while some := list(islice(entries, AT_A_TIME)):
            kind, ref, body = zip(*some, strict=True)
            positions = range(position, position + len(some))
            source = [OWN] * len(some)
            yield _table("rest", position=positions, kind=kind, source=source, ref=ref, body=body)
            position += len(some)

    _put(segment / "rest.parquet", tables())


def _write_named(segment: Path, companies: int) -> None:
    """Write that each company is named, by its id; one that no event names does no harm."""
    table = _table(
        "named",
        number=range(companies),
        company=[f"c{number}" for number in range(companies)],
        names=[[]] * companies,
        identifiers=["[]"] * companies,
    )
    _put(segment / "named.parquet", [table])


def _buckets(plan: _Plan) -> Iterator[tuple[int, Ints, int, int]]:
    """Yield each bucket, the numbers of its matters, and the first of its events and how many."""
    where = np.concatenate(
        [
            _checksums(np.arange(start, min(start + AT_ONCE, plan.matters))) % BUCKETS
            for start in range(0, plan.matters, AT_ONCE)
        ],
        dtype=np.uint8,
        casting="unsafe",
    )
    sizes = np.bincount(where, minlength=BUCKETS)
    counts = np.random.default_rng(plan.seed).multinomial(plan.events, sizes / plan.matters)
    first = 0
    for bucket, count in enumerate(counts.tolist()):
        yield bucket, np.flatnonzero(where == bucket), first, count
        first += count


def _checksums(numbers: Ints) -> NDArray[np.uint32]:
    """Return the CRC-32 of the names of some matters."""
    found: NDArray[np.uint32] = HIGH[numbers // 100_000] ^ LOW[numbers % 100_000]
    return found


HIGH = np.array([zlib.crc32(NAME + b"%04d00000" % high) for high in range(10_000)], np.uint32)
LOW = (
    np.array([zlib.crc32(NAME + b"0000%05d" % low) for low in range(100_000)], np.uint32) ^ HIGH[0]
)


def _names(numbers: Ints) -> pa.StringArray:
    """Return the names of some matters, past Python's strings."""
    text = np.empty((len(numbers), len(NAME) + 9), np.uint8)
    text[:, : len(NAME)] = np.frombuffer(NAME, np.uint8)
    for start, unit in ((7, 10**6), (10, 10**3), (13, 1)):
        text[:, start : start + 3] = DIGITS[numbers // unit % 1000]
    offsets = np.arange(len(text) + 1, dtype=np.int32) * text.shape[1]
    return pa.StringArray.from_buffers(len(numbers), pa.py_buffer(offsets), pa.py_buffer(text))


class _Rows:
    """The rows of one bucket, in its order."""

    def __init__(
        self, plan: _Plan, chance: np.random.Generator, numbers: Ints, first: int, count: int
    ) -> None:
        """`numbers`: of its matters; `first`: the number of its first event."""
        event = np.arange(first, first + count)
        revised = np.flatnonzero(event % REVISED == 0)
        withdrawn = np.flatnonzero(event % WITHDRAWN == 1)
        places = plan.places(event)
        revisions = plan.revisions + event[revised] // REVISED
        until = plan.withdrawals + event[withdrawn] // WITHDRAWN
        self.ended = (places[np.append(revised, withdrawn)], np.append(revisions, until))
        told = np.append(np.arange(count), revised)  # which event each row tells
        matter = numbers[chance.integers(len(numbers), size=count)][told] if count else event
        day = chance.integers(DAYS, size=len(told))
        order = np.lexsort((places[told], matter * DAYS - day))  # a revision after its event
        told = told[order]
        self.matter, self.day, self.place = matter[order], day[order], places[told]
        self.position = np.append(places, revisions)[order]
        self.teller = chance.integers(len(TELLERS), size=count)[told]
        family = np.where(self.matter % plan.apart == 0, MEASURE, self.matter % 3)
        words = (chance.random(len(told)) * CHOICES[family]).astype(np.int64)
        self.type = FIRST_TYPE[family] + words
        self.scope = np.where(family == MEASURE, 1 + self.matter % (len(SCOPES) - 1), 0)
        firms = drawn(chance.random((len(told), 3)), plan.companies)
        named = np.arange(3) < chance.integers(1, 4, size=(len(told), 1))
        named[:, 1] &= firms[:, 1] != firms[:, 0]
        named[:, 2] &= (firms[:, 2] != firms[:, 1]) & (firms[:, 2] != firms[:, 0])
        self.parties = named.sum(axis=1)
        self.party = firms[named]
        self.role = chance.integers(len(ROLES), size=len(self.party))

    def table(self, bucket: int) -> pa.Table:
        """Return the rows as they are written."""
        offsets = pa.array(np.append(0, np.cumsum(self.parties)), pa.int32())
        moments = pa.array(microseconds(workload.NOW) - self.day * DAY)
        occurred = moments.cast(SCHEMAS["events"].field("occurred").type)
        return _table(
            "events",
            bucket=np.full(len(self.matter), bucket, np.int16),
            matter=_names(self.matter),
            position=self.position,
            place=self.place,
            occurred=occurred,
            known=occurred,
            type=_words(self.type, TYPES),
            teller=_words(self.teller, TELLERS),
            topics=_words(self.matter % len(TOPICS), TOPICS),
            scope=_words(self.scope, SCOPES),
            credibility=pa.nulls(len(self.matter), pa.float64()),
            party=pa.ListArray.from_arrays(offsets, pa.array(self.party, pa.int32())),
            role=pa.ListArray.from_arrays(offsets, pa.array(ROLES).take(self.role)),
        )


def _words(codes: Ints, words: Sequence[str]) -> pa.DictionaryArray:
    return pa.DictionaryArray.from_arrays(pa.array(codes, pa.int32()), words)


class _Pairs:
    """Who is named in which matter, by the bucket of the name, kept aside until all are there."""

    def __init__(self, segment: Path) -> None:
        self._parts = [segment / f"pairs-{number:04}.part" for number in range(BUCKETS)]
        self._folder = segment / "pairs"
        self._folder.mkdir()

    def add(self, bucket: int, rows: _Rows) -> None:
        """Keep the pairs of a bucket: party, bucket and matter as one number."""
        matter = np.repeat(rows.matter, rows.parties)
        keys = distinct((rows.party * BUCKETS + bucket) << 32 | matter)
        slot = (keys >> 32) // BUCKETS % BUCKETS
        order = np.argsort(slot, kind="stable")
        ends = np.searchsorted(slot[order], np.arange(1, BUCKETS))
        for part, some in zip(self._parts, np.split(keys[order], ends), strict=True):
            with part.open("ab") as out:
                some.tofile(out)

    def write(self) -> None:
        """Write all pairs, a bucket at a time."""
        for number, part in enumerate(self._parts):
            keys = np.sort(np.fromfile(part, np.int64))
            part.unlink()
            if len(keys):
                _put(self._folder / f"{number:04}.parquet", [_pairs(keys)], GROUP_ROWS)


def _pairs(keys: Ints) -> pa.Table:
    party, bucket = np.divmod(keys >> 32, BUCKETS)
    names = _names(keys & 0xFFFFFFFF)
    return _table(
        "pairs", party=party.astype(np.int32), bucket=bucket.astype(np.int16), matter=names
    )
