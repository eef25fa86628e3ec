"""The archive: sealed ranges as files that verify, and a ledger that is read as if whole."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import riskmon
from riskmon import archive, columns, extras, postgresql, sqlite
from riskmon.archive import Archive, Archived
from riskmon.errors import InputError, MissingExtraError, VerificationError
from riskmon.ledger import Fact
from riskmon.log import Log
from riskmon.monitor import Monitor
from riskmon.settings import Config
from tests.builders import Clock, company, event, forge, listed, withdrawal
from tests.test_partitions import narrow

ON_SQLITE = pytest.mark.parametrize("url", ["sqlite"], indirect=True)
"""Nothing differs between the databases there."""

ON_POSTGRESQL = pytest.mark.parametrize("url", ["postgresql"], indirect=True)

WIDTH = 20
SEALED = [(1, 20), (21, 40)]


@pytest.fixture
def narrowed(url: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """Make ranges of 20 positions, and groups of 7 rows, on each kind of database."""
    monkeypatch.setattr(sqlite, "WIDTH", WIDTH)
    monkeypatch.setattr(postgresql, "AHEAD", 1)
    monkeypatch.setattr(archive, "ROWS", 7)
    if url.startswith("postgresql"):
        narrow(url)
    return url


def told(clock: Clock, monitor: Monitor) -> None:
    """Tell of companies and events on six days: revised, withdrawn, of persons, with decisions."""
    monitor.declare([company("baidu"), company("acme", name="Acme Robotics 100%")])
    for day in range(6):
        clock.turn(f"2024-01-0{day + 1}")
        events = [listed("Acme Robotics 100%", role="subject") for _ in range(5)]
        events += [event(ref=f"told-{day}-{number}", title="A_b 百度") for number in range(2)]
        events.append(event(ref="again", title=f"Told on day {day}"))
        person = {"name": "Jo Doe", "kind": "person"}
        events.append(event(ref=f"person-{day}", parties=[person, {"company": "baidu"}]))
        monitor.ingest(events)
        monitor.ingest([withdrawal(events[0], reason="in error")])
    clock.turn("2024-02-01")


@pytest.fixture
def whole(narrowed: str, clock: Clock) -> Iterator[Monitor]:
    """Make a ledger of more than three ranges."""
    with riskmon.open(narrowed, clock=clock, config=Config()) as monitor:
        told(clock, monitor)
        assert 60 < monitor.position
        yield monitor


def take_out(monitor: Monitor, ranges: list[Archived]) -> None:
    """Take ranges out of the database: as riskmon says, on SQLite by force."""
    if all(one.detach for one in ranges):
        with monitor._ledger.engine.begin() as connection:
            for one in ranges:
                connection.exec_driver_sql(one.detach)
    else:
        for one in ranges:
            query = f"DELETE FROM entry WHERE position BETWEEN {one.first} AND {one.last}"
            forge(monitor._ledger.engine, query)


def opened(monitor: Monitor, folder: Path | None) -> Monitor:
    """Open the same ledger with another archive, or none."""
    url = monitor._ledger.engine.url.render_as_string(hide_password=False)
    return riskmon.open(url, clock=monitor._clock, config=Config(archive=folder))


def finding(monitor: Monitor) -> tuple[str, int]:
    """Return what verify finds, and where."""
    with pytest.raises(VerificationError) as caught:
        monitor.verify()
    return caught.value.finding, caught.value.position


def test_a_file_has_all_of_its_range(whole: Monitor, tmp_path: Path) -> None:
    """All columns, in order; the digest is of the file, the head is the last entry's hash."""
    found = whole.archive(tmp_path / "kept")
    names = [f"entries-{first:012}-{last:012}.parquet" for first, last in SEALED]
    there = [(one.first, one.last, Path(one.file).name) for one in found]
    assert [(*one, name) for one, name in zip(SEALED, names, strict=True)] == there[:2]
    everything = list(whole.entries())
    for one in found:
        some = everything[one.first - 1 : one.last]
        assert some == list(Archive(tmp_path / "kept").entries(one.first - 1, one.last))
        assert sha256(Path(one.file).read_bytes()).hexdigest() == one.sha256
        assert some[-1].hash == one.hash


@ON_SQLITE
def test_only_what_gets_no_more_entries_is_archived(whole: Monitor, tmp_path: Path) -> None:
    """A range that ends before the last entry; `before` says what else is left."""
    ranges = [(one.first, one.last) for one in whole.archive(tmp_path / "all")]
    assert [(n + 1, n + WIDTH) for n in range(0, whole.position - WIDTH, WIDTH)] == ranges
    assert [] == whole.archive(tmp_path / "none", before=20)
    some = whole.archive(tmp_path / "some", before=21)
    assert [(1, 20)] == [(one.first, one.last) for one in some]


def test_the_range_of_the_last_entry_is_not_sealed(narrowed: str, tmp_path: Path) -> None:
    """Not even where it is full: without it there would be no head to append to."""
    with riskmon.open(narrowed, config=Config()) as monitor:
        facts = [Fact("event.recorded", "wire", str(n), "{}") for n in range(WIDTH + 1)]
        monitor._ledger.append(facts[:WIDTH], monitor._clock)
        assert [] == monitor.archive(tmp_path / "kept")
        monitor._ledger.append(facts[WIDTH:], monitor._clock)
        assert SEALED[:1] == [(one.first, one.last) for one in monitor.archive(tmp_path / "kept")]


@ON_SQLITE
def test_what_is_archived_already_is_checked_and_left(whole: Monitor, tmp_path: Path) -> None:
    """The same answer twice, the same files."""
    first = whole.archive(tmp_path)
    before = {one.file: Path(one.file).stat().st_mtime_ns for one in first}
    assert first == whole.archive(tmp_path)
    assert before == {one.file: Path(one.file).stat().st_mtime_ns for one in first}


@ON_SQLITE
def test_a_changed_entry_is_not_archived(whole: Monitor, tmp_path: Path) -> None:
    """It is named, and no file is there as if it were whole."""
    forge(whole._ledger.engine, "UPDATE entry SET body = '{}' WHERE position = 25")
    with pytest.raises(VerificationError, match="entry 25 is not what was hashed"):
        whole.archive(tmp_path)
    names = [one.name for one in tmp_path.iterdir() if one.name.startswith("entries-")]
    assert ["entries-000000000001-000000000020.parquet"] == names


def altered(file: Path, row: int, **values: object) -> None:
    """Write a file anew with other values in a row, its groups as they were."""
    table = pq.read_table(file)
    rows = table.to_pylist()
    rows[row] |= values
    pq.write_table(pa.Table.from_pylist(rows, table.schema), file, row_group_size=7)


@ON_SQLITE
@pytest.mark.parametrize("out", [False, True], ids=["both", "archive alone"])
def test_a_change_of_any_column_of_a_file_is_named(
    whole: Monitor, tmp_path: Path, *, out: bool
) -> None:
    """`changed`, and its position: whether or not the range is in the database, too."""
    ranges = whole.archive(tmp_path)[:2]
    if out:
        take_out(whole, ranges)
    file = Path(ranges[1].file)
    kept = file.read_bytes()
    changes = dict.fromkeys(("kind", "source", "ref", "recorded_at", "body", "hash"), "x")
    with opened(whole, tmp_path) as monitor:
        for change in ({name: x} for name, x in {**changes, "revision": 9, "position": 9}.items()):
            altered(file, 4, **change)
            assert ("changed", 25) == finding(monitor), change
            file.write_bytes(kept)
        assert whole.position == monitor.verify().head.position


@ON_SQLITE
def test_a_file_that_is_broken_cut_or_another_is_refused(whole: Monitor, tmp_path: Path) -> None:
    """`broken`, where it begins; a range that is nowhere is `changed`: it is missing."""
    ranges = whole.archive(tmp_path)[:2]
    take_out(whole, ranges)
    file = Path(ranges[1].file)
    kept = file.read_bytes()
    table = pq.read_table(file)
    found = {}
    with opened(whole, tmp_path) as monitor:
        file.write_bytes(kept[:-100])
        found["cut"] = finding(monitor)
        file.write_bytes(b"no Parquet")
        found["no Parquet"] = finding(monitor)
        pq.write_table(table.slice(1), file, row_group_size=7)
        found["a row less"] = finding(monitor)
        pq.write_table(table.drop_columns("hash"), file, row_group_size=7)
        found["a column less"] = finding(monitor)
        file.unlink()
        found["none"] = finding(monitor)
    refused = ("cut", "no Parquet", "a row less", "a column less")
    assert {**dict.fromkeys(refused, ("broken", 21)), "none": ("changed", 21)} == found


@ON_SQLITE
def test_another_ledgers_archive_is_refused(whole: Monitor, tmp_path: Path) -> None:
    """Its chain is valid, but not this one's: the first entry that differs is named."""
    with riskmon.open(f"sqlite:///{tmp_path / 'other.db'}", config=Config()) as other:
        facts = [Fact("event.recorded", "wire", str(n), "{}") for n in range(30)]
        other._ledger.append(facts, other._clock)
        other.archive(tmp_path / "kept")
    with opened(whole, tmp_path / "kept") as monitor:
        assert ("changed", 20) == finding(monitor)


READS: dict[str, Callable[[Log], Any]] = {
    "entries": lambda log: list(log.entries()),
    "entries after": lambda log: list(log.entries(13)),
    "entries until": lambda log: list(log.entries(3, 33)),
    "entries across": lambda log: list(log.entries(35, 50)),
    "entries of kinds": lambda log: list(log.entries(kinds=("event.withdrawn",))),
    "told": lambda log: list(log.told(0)),
    "told after": lambda log: list(log.told(27)),
    "told until": lambda log: list(log.told(5, 17)),
    "told before": lambda log: list(log.told_before(25, 60)),
    "told before in the archive": lambda log: list(log.told_before(12, 30)),
    "rest": lambda log: list(log.rest(0)),
    "some": lambda log: list(log.some([55, 2, 20, 21, 41, 7, 8, 2])),
    "head at each": lambda log: [log.at(one) for one in range(log.size() + 1)],
    "recorded at": lambda log: [log.recorded_at(one) for one in range(log.size() + 1)],
    "positions": lambda log: [
        log.position_at(entry.recorded_at + timedelta(seconds=shift))
        for entry in log.entries()
        for shift in (-1, 0, 1)
    ],
    "known": lambda log: log.known("company.declared", "riskmon", ["acme", "none"]),
    "of": lambda log: log.of("event.recorded", "reuters"),
    "latest": lambda log: log.latest("event.recorded", "reuters", ["again", "told-0-0", "none"]),
    "first": lambda log: log.first("ruleset.published"),
    "first of none": lambda log: log.first("alert.sent"),
    "mentioning": lambda log: log.mentioning(["a_B", "百度"], 1000, 100),
    "mentioning few": lambda log: log.mentioning(["robotics"], 45, 12),
    "mentioning before": lambda log: log.mentioning(["A_b"], 16, 3),
    "mentioning a wildcard": lambda log: log.mentioning(["100%"], 1000, 100),
    "columns": lambda log: columns.read(log, 3).to_pylist(),  # type: ignore[arg-type]
    "verified": lambda log: list(log.verified(log.size())),  # type: ignore[attr-defined]
}


BY_KEY = {"known", "of", "latest", "told before", "told before in the archive"}
"""On SQLite no range is taken out but by force, and its keys with it."""


def test_what_is_read_is_the_same_without_the_ranges(whole: Monitor, tmp_path: Path) -> None:
    """Each way in which the log is read, as before ranges were taken out; so is what it proves."""
    without = BY_KEY if whole._ledger.engine.dialect.name == "sqlite" else set()
    expected = {name: read(whole._ledger) for name, read in READS.items() if name not in without}
    proofs = [whole.verify(proof=place) for place in (1, 20, 21, whole.position)]
    ranges = whole.archive(tmp_path)
    for number, some in enumerate((ranges[:1], ranges[1:])):
        take_out(whole, some)
        with opened(whole, tmp_path) as monitor:
            for name, found in expected.items():
                assert found == READS[name](monitor._ledger), (number, name)
            assert proofs == [
                monitor.verify(proof=place) for place in (1, 20, 21, monitor.position)
            ]


def test_scores_and_receipts_are_the_same_without_the_ranges(
    whole: Monitor, tmp_path: Path
) -> None:
    """To the digit, whatever was known when; a receipt that was given holds."""
    moments: list[Any] = [None, "2024-01-02", "2024-01-04T12:00:00Z", 30, 45]
    receipt = whole.receipt(whole.score("acme"))
    expected = [list(whole.scores(known_at=one)) for one in moments]
    assert expected[0][0].value > expected[1][0].value > 0
    take_out(whole, whole.archive(tmp_path))
    with opened(whole, tmp_path) as monitor:
        assert expected == [list(monitor.scores(known_at=one)) for one in moments]
        assert [] == monitor.check(receipt)


@ON_POSTGRESQL
def test_what_is_told_again_vanishes_without_the_ranges(whole: Monitor, tmp_path: Path) -> None:
    """On PostgreSQL the keys of all entries stay: nobody needs the archive to append."""
    known = [
        Fact(one.kind, one.source, one.ref, one.body)
        for one in whole._ledger.latest("event.recorded", "reuters", ["told-0-0", "again"])
    ]
    first = next(entry for entry in whole.entries() if entry.ref == "told-0-0")
    take_out(whole, whole.archive(tmp_path))
    with opened(whole, None) as monitor:
        changed = known[0]._replace(body="{}")
        size = monitor.position
        facts = [*known, changed]
        found = monitor._ledger.append(facts, monitor._clock)
        assert ["duplicate", "duplicate", "revised"] == sorted(found)
        (last,) = monitor.entries(size)
        assert (first.position < 20, 2) == (True, last.revision)


@ON_POSTGRESQL
def test_a_copy_of_a_ledger_without_the_ranges_is_whole(whole: Monitor, tmp_path: Path) -> None:
    """A copy has them again, and so puts them back."""
    head = whole.verify().head
    expected = list(whole.entries())
    take_out(whole, whole.archive(tmp_path / "kept"))
    with opened(whole, tmp_path / "kept") as monitor:
        monitor.backup(tmp_path / "copy.db")
    with riskmon.open(f"sqlite:///{tmp_path / 'copy.db'}", config=Config()) as copy:
        assert (head, expected) == (copy.verify().head, list(copy.entries()))


@ON_SQLITE
def test_without_the_archive_it_is_said_where_entries_are_missing(
    whole: Monitor, tmp_path: Path
) -> None:
    """Verifying and scoring both refuse, and say what to do; a folder that is none is said."""
    take_out(whole, whole.archive(tmp_path))
    with opened(whole, None) as monitor:
        assert ("changed", 1) == finding(monitor)
        with pytest.raises(VerificationError, match=r"entry 1 is not .* `archive` in riskmon.toml"):
            monitor.scores()
    with opened(whole, tmp_path / "none") as monitor, pytest.raises(InputError, match="none: cann"):
        monitor.scores()


@ON_SQLITE
def test_a_missing_extra_names_its_install_line(
    whole: Monitor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Files are written and read by pyarrow."""

    def missing(name: str) -> None:
        raise ImportError(name)

    monkeypatch.setattr(extras, "import_module", missing)
    with pytest.raises(MissingExtraError, match=r"pyarrow: .*pip install 'riskmon\[columns\]'"):
        whole.archive(tmp_path)


@ON_POSTGRESQL
def test_the_commands(whole: Monitor, call: Any, tmp_path: Path) -> None:
    """`archive` says digests and statements, `verify --archive` what holds; codes 0 and 4."""
    url = whole._ledger.engine.url.render_as_string(hide_password=False)
    made = call("archive", "kept", "--database", url, "--before", "41")
    assert 0 == made.returncode, made.stderr
    found = whole.archive(tmp_path / "kept")[:2]
    expected = []
    for one in found:
        expected += [
            f"kept/{Path(one.file).name}: 20 entries hold, each hashed again",
            f"  positions {one.first} to {one.last}, head {one.hash}",
            f"  SHA-256   {one.sha256}",
        ]
    expected += [f"{one.detach};" for one in found if one.detach]
    assert expected == made.stdout.splitlines()
    document = json.loads(call("archive", "kept", "--database", url, "--json").stdout)
    assert [one._asdict() | {"file": f"kept/{Path(one.file).name}"} for one in found] == document[
        :2
    ]
    take_out(whole, found)
    assert 4 == call("verify", "--database", url).returncode
    holds = call("verify", "--database", url, "--archive", "kept")
    assert (0, f"{whole.position} entries hold, each hashed again") == (
        holds.returncode,
        holds.stdout.splitlines()[0],
    )
