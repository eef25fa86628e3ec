"""Lists as history: what a copy changes is told, and a copy that is not credible is held."""

from __future__ import annotations

import csv
import io
import os
import signal
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import msgspec
import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

import riskmon
from riskmon.errors import InputError, UsageError
from riskmon.listing import Known
from riskmon.monitor import Monitor
from riskmon.reports import Report
from tests.builders import ROOT, company

CUBA = {number: f"EXAMPLE {number}" for number in range(1, 2101)}
"""Entries of a list that is long enough to be one."""
Copy = Callable[..., Report]


def sdn(entries: dict[int, str], *, end: bytes = b"\x1a", programme: str = "CUBA") -> bytes:
    """Return a copy of sdn.csv with these names by number."""
    rows = [f'{key},"{name}",-0- ,"{programme}"' + ",-0- " * 8 for key, name in entries.items()]
    return "\r\n".join([*rows, ""]).encode() + end


@pytest.fixture
def take(monitor: Monitor, tmp_path: Path) -> Copy:
    """Return what ingests a copy of the SDN list."""

    def taken(entries: dict[int, str] | bytes, **how: object) -> Report:
        file = tmp_path / "sdn.csv"
        file.write_bytes(entries if isinstance(entries, bytes) else sdn(entries))
        return monitor.ingest(file, source="ofac-sdn", **how)  # type: ignore[arg-type]

    return taken


def counts(report: Report) -> dict[str, int]:
    """Return how many were listed, amended and delisted, and the rows that changed nothing."""
    found = {kind.partition(".")[2]: count for kind, count in report.types.items()}
    return found | ({"same": report.duplicates} if report.duplicates else {})


def log(monitor: Monitor) -> list[tuple[str, str, str]]:
    """Return type, ref and day of each event of the log, in order."""
    found = []
    for entry in monitor.entries():
        if entry.kind == "event.recorded":
            event = riskmon.Event.model_validate_json(entry.body)
            found.append((event.type, event.ref, f"{event.occurred_at:%Y-%m-%d}"))
    return found


def test_a_copy_tells_what_changed_and_nothing_else(monitor: Monitor, take: Copy) -> None:
    """Listed, amended, delisted, and listed again, each an event of its own in one matter."""
    assert {"listed": 2100} == counts(take(CUBA, dated="2024-01-01"))
    assert {"same": 2100} == counts(take(CUBA, dated="2024-01-02"))
    before = len(log(monitor))
    changed = {**CUBA, 2: "EXAMPLE TWO", 2101: "EXAMPLE 2101"}
    del changed[3]
    report = take(changed, dated="2024-01-03")
    assert {"listed": 1, "amended": 1, "delisted": 1, "same": 2098} == counts(report)
    assert 2100 == report.rows
    assert {"listed": 1, "same": 2100} == counts(take(changed | {3: CUBA[3]}, dated="2024-01-04"))
    assert [
        ("listing.amended", "2 [amended]", "2024-01-03"),
        ("listing.listed", "2101", "2024-01-03"),
        ("listing.delisted", "3 [delisted]", "2024-01-03"),
        ("listing.listed", "3 [listed 2]", "2024-01-04"),
    ] == log(monitor)[before:]


def test_scores_follow_a_listing(monitor: Monitor, take: Copy) -> None:
    """Nothing before, blocked while it is listed, little after."""
    monitor.declare([company("shipping", name="Example Shipping Co., Ltd.")])
    take(CUBA, dated="2024-01-01")
    take({**CUBA, 5000: "EXAMPLE SHIPPING CO., LTD."}, dated="2024-02-01")
    take(CUBA, dated="2024-03-01")
    days = ("2024-01-31", "2024-02-01", "2024-02-29", "2024-03-01")
    found = [round(monitor.score("shipping", as_of=day).value) for day in days]
    assert [0, 90, 90] == found[:3]
    assert 0 < found[3] < 25


def test_an_empty_cut_or_foreign_copy_is_held_whole(monitor: Monitor, take: Copy) -> None:
    """0 bytes, half a file, a page of HTML, other programmes: nothing is told but the reason."""
    take(CUBA, dated="2024-01-01")
    half = sdn(CUBA)[: len(sdn(CUBA)) // 2]
    wrong = {
        b"": "expected at least 2,000 rows, got 0; 2,100 entries are missing",
        b"\x1a": "expected at least 2,000 rows, got 0; 2,100 entries are missing",
        half: "the mark that ends the file (0x1A) is missing",
        b"<!DOCTYPE html><html><body>Service unavailable</body></html>": "(0x1A) is missing",
        sdn(
            dict(list(CUBA.items())[:1990])
        ): "expected at least 2,000 rows, got 1,990; 110 entries",
        sdn(CUBA, programme="IRAN"): "2,100 entries are amended, where 2,100 stood (100%)",
        sdn(CUBA | {n: f"MORE {n}" for n in range(9000, 11000)}): "2,000 entries are new",
    }
    for raw, reason in wrong.items():
        report = take(raw, dated="2024-01-02")
        assert report.held is not None
        assert reason in "; ".join(report.held.reasons)
        assert {} == counts(report)
    assert len(wrong) == len(monitor.held())
    assert 2100 == monitor.status().events


def test_a_person_decides_on_a_held_copy(monitor: Monitor, take: Copy) -> None:
    """Accepted it is taken in; rejected it is left out for good; both are entries."""
    take(CUBA, dated="2024-01-01")
    fewer = dict(list(CUBA.items())[:1900])
    take(fewer, dated="2024-01-02")
    (held,) = monitor.held()
    assert (2100, 1900, 0, 0, 200, 0) == (
        held.standing,
        held.rows,
        held.listed,
        held.amended,
        held.delisted,
        held.refused,
    )
    report = monitor.accept_copy(held.digest[:8], by="Ada", why="OFAC removed a programme")
    assert {"delisted": 200, "same": 1900} == counts(report)
    assert [] == monitor.held()
    kinds = [entry.kind for entry in monitor.entries() if not entry.kind.startswith("event")]
    assert ["copy.held", "ruling.made", "copy.read"] == kinds[-3:]

    take(b"", dated="2024-01-03")
    monitor.reject_copy(monitor.held()[0].digest[:8], by="Ada")
    assert [] == monitor.held()
    again = take(b"", dated="2024-01-03")
    assert again.held is not None
    assert "a person rejected this copy" in again.held.reasons
    assert [] == monitor.held()
    with pytest.raises(UsageError, match="no copy that waits begins with 'abc'; there are: none"):
        monitor.accept_copy("abc")


def test_an_acceptance_is_for_once(monitor: Monitor, take: Copy) -> None:
    """The copy that was accepted, given again when the list has moved on, is held again."""
    take(CUBA, dated="2024-01-01")
    fewer = dict(list(CUBA.items())[:1900])
    take(fewer, dated="2024-01-02")
    monitor.accept_copy(monitor.held()[0].digest)
    take({**CUBA}, dated="2024-01-03")
    assert take(fewer, dated="2024-01-04").held is not None


def test_a_copy_older_than_the_last_is_held(take: Copy) -> None:
    """What stood before does not come back because an old file was found."""
    take(CUBA, dated="2024-02-01")
    held = take({**CUBA, 2101: "NEW"}, dated="2024-01-01").held
    assert held is not None
    assert ("it is of 2024-01-01, and one of 2024-02-01 was read before",) == held.reasons


def test_what_a_partial_copy_lacks_is_not_delisted(take: Copy) -> None:
    """Nor need it be long; what it has is taken in."""
    take(CUBA, dated="2024-01-01")
    report = take({1: "EXAMPLE ONE", 9000: "NEW"}, dated="2024-01-02", partial=True)
    assert {"listed": 1, "amended": 1} == counts(report)
    assert {"same": 2100, "delisted": 1, "amended": 1} == counts(take(CUBA, dated="2024-01-03")) | {
        "same": 2100
    }


def test_a_row_that_cannot_be_read_delists_nobody(take: Copy) -> None:
    """The others go in; what is missing may be the one that is damaged, and stays."""
    take(CUBA, dated="2024-01-01")
    raw = sdn({**CUBA, 2101: "NEW"}).replace(b'7,"EXAMPLE 7",', b'"EXAMPLE 7",')
    report = take(raw, dated="2024-01-02")
    assert {"listed": 1, "same": 2099} == counts(report)
    assert [7] == [one.line for one in report.rejected]
    told = "entries that are not in this copy: 1; rows that cannot be read and may be theirs: 1"
    assert [f"{told}. None is taken for delisted"] == report.notes
    assert {"same": 2101} == counts(take({**CUBA, 2101: "NEW"}, dated="2024-01-03"))


def test_a_copy_is_given_as_folder_archive_or_stream(monitor: Monitor, tmp_path: Path) -> None:
    """With the files beside it, packed or not: the same events, aliases among them."""
    folder = tmp_path / "copy"
    folder.mkdir()
    (folder / "sdn.csv").write_bytes(sdn(CUBA))
    (folder / "alt.csv").write_bytes(b'1,11,"aka","EXAMPLE ONE",-0- \r\n\x1a')
    (folder / "add.csv").write_bytes(b'1,12,"1 Example St.","Havana","Cuba",-0- \r\n\x1a')
    (folder / "sdn_comments.csv").write_bytes(b'1," and more remarks."\r\n\x1a')
    report = monitor.ingest(folder, source="ofac-sdn", dated="2024-01-01")
    assert {"listed": 2100} == counts(report)
    (first, *_) = (one for one in monitor.entries() if one.kind == "event.recorded")
    event = riskmon.Event.model_validate_json(first.body)
    assert ("EXAMPLE ONE",) == event.parties[0].aliases
    assert ["1 Example St., Havana, Cuba"] == event.attributes["addresses"]
    assert "and more remarks." == event.attributes["remarks"]

    with zipfile.ZipFile(tmp_path / "copy.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        for one in sorted(folder.iterdir()):
            archive.write(one, one.name)
    report = monitor.ingest(tmp_path / "copy.zip", source="ofac-sdn", dated="2024-01-01")
    assert {"same": 2100} == counts(report)
    with (tmp_path / "copy.zip").open("rb") as stream:
        report = monitor.ingest(stream, source="ofac-sdn", dated="2024-01-01")
    assert {"same": 2100} == counts(report)


def archived(name: str, make: Callable[[zipfile.ZipFile], object], folder: Path) -> Path:
    with zipfile.ZipFile(folder / name, "w", zipfile.ZIP_DEFLATED) as archive:
        make(archive)
    return folder / name


def test_hostile_archives_are_refused(monitor: Monitor, tmp_path: Path) -> None:
    """Bombs, paths that lead out, links, too many files, a cut archive: a reason each."""
    link = zipfile.ZipInfo("sdn.csv")
    link.external_attr = 0o120777 << 16
    bomb = io.BytesIO(b"\0" * 64 * 1024**2)
    cases = {
        "may be a bomb": archived("b.zip", lambda z: z.writestr("sdn.csv", bomb.read()), tmp_path),
        "leads out of": archived("o.zip", lambda z: z.writestr("../sdn.csv", "x"), tmp_path),
        "'/etc/sdn.csv' leads": archived(
            "a.zip", lambda z: z.writestr("/etc/sdn.csv", ""), tmp_path
        ),
        "is a link": archived("l.zip", lambda z: z.writestr(link, "/etc/passwd"), tmp_path),
        "at most 200 files": archived(
            "m.zip", lambda z: list(map(z.writestr, map(str, range(201)), [""] * 201)), tmp_path
        ),
    }
    cut = tmp_path / "c.zip"
    cut.write_bytes(cases["at most 200 files"].read_bytes()[:500])
    cases["is it whole?"] = cut
    for reason, file in cases.items():
        with pytest.raises(InputError, match=reason.replace("?", r"\?")):
            monitor.ingest(file, source="ofac-sdn")
    assert 0 == monitor.status().events


@pytest.mark.parametrize("url", ["sqlite"], indirect=True)
def test_a_kill_in_the_middle_leaves_all_of_a_copy_or_none(url: str, tmp_path: Path) -> None:
    """Whenever it comes: the copy, given again, tells the rest, and nothing twice."""
    (tmp_path / "sdn.csv").write_bytes(sdn(CUBA))
    program = (
        f"import riskmon; riskmon.open({url!r}).ingest("
        f"{str(tmp_path / 'sdn.csv')!r}, source='ofac-sdn', dated='2024-01-01')"
    )
    riskmon.open(url).close()
    killed = 0
    for delay in (0.3, 0.35, 0.4, 0.45, 0.5, 0.6):
        process = subprocess.Popen([sys.executable, "-c", program], cwd=ROOT)
        try:
            process.wait(delay)
        except subprocess.TimeoutExpired:
            killed += 1
            os.kill(process.pid, signal.SIGKILL)
            process.wait()
        with riskmon.open(url) as monitor:
            assert monitor.status().events in {0, 2100}
    assert killed
    with riskmon.open(url) as monitor:
        monitor.ingest(tmp_path / "sdn.csv", source="ofac-sdn", dated="2024-01-01")
        assert 2100 == monitor.status().events
        assert 2100 == len({ref for _, ref, _ in log(monitor)})


NAMES = st.dictionaries(st.integers(1, 12), st.sampled_from(["A", "B", "C"]), max_size=12)


@settings(max_examples=40)
@given(st.lists(NAMES, min_size=1, max_size=6))
def test_a_replay_of_copies_ends_where_the_last_one_is(copies: Sequence[dict[int, str]]) -> None:
    """For any series of copies: what stands is the last one, and each copy's changes are told."""
    with riskmon.open("sqlite://") as monitor:
        stands: dict[int, str] = {}
        for number, entries in enumerate(copies):
            file = io.BytesIO(sdn(entries))
            dated = f"2024-01-{number + 1:02}"
            report = monitor.ingest(file, source="ofac-sdn", dated=dated)
            assert report.held is not None
            report = monitor.accept_copy(report.held.digest)
            expected = {
                "listed": len(entries.keys() - stands.keys()),
                "amended": sum(stands.get(key, name) != name for key, name in entries.items()),
                "delisted": len(stands.keys() - entries.keys()),
                "same": sum(stands.get(key) == name for key, name in entries.items()),
            }
            assert {name: count for name, count in expected.items() if count} == counts(report)
            stands = entries
        last: dict[str, tuple[str, str]] = {}
        for entry in monitor.entries():
            if entry.kind == "event.recorded":
                event = riskmon.Event.model_validate_json(entry.body)
                last[str(event.matter)] = (event.type, event.parties[0].name or "")
        alive = {key: name for key, (kind, name) in last.items() if kind != "listing.delisted"}
        assert {f"ofac-sdn:{key}": name for key, name in stands.items()} == alive


@pytest.fixture(scope="module")
def snapshots(shared: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Unpack the daily copies of the SDN list."""
    folder = tmp_path_factory.mktemp("sdn")
    file = shared / "data" / "ofac_sdn" / "sdn_daily_2021-08-18_2023-09.tar.zst"
    with file.open("rb") as packed:
        reader = zstandard.ZstdDecompressor(max_window_size=2**30).stream_reader(packed)
        with tarfile.open(fileobj=reader, mode="r|") as tar:
            tar.extractall(folder, filter="data")
    return folder


def _replayed(folder: Path, shared: Path, most: int) -> Iterator[tuple[str, list[int], list[int]]]:
    """Yield each snapshot with the counts published of it, and those found."""
    published = shared / "data" / "ofac_sdn" / "sdn_change_counts_to_2023-09.csv"
    with published.open(encoding="utf-8", newline="") as stream:
        expected = {row.pop("snapshot"): row for row in csv.DictReader(stream)}
    with riskmon.open(f"sqlite:///{folder / 'risk.db'}") as monitor:
        for file in sorted(folder.rglob("sdn_*.csv"))[:most]:
            dated = file.name[len("sdn_") :][:10]
            report = monitor.ingest(file, source="ofac-sdn", dated=dated)
            assert report.held is None
            kinds = ("listed", "delisted", "amended")
            found = [report.types.get(f"listing.{kind}", 0) for kind in kinds]
            if file.name in expected:
                given_ = [int(count) for count in expected[file.name].values()]
                yield file.name, given_, [report.rows, *found]


def test_the_first_snapshots_change_what_is_published(snapshots: Path, shared: Path) -> None:
    """Rows, listed, delisted and amended of twelve snapshots; all 229 are in the soak test."""
    found = list(_replayed(snapshots, shared, 13))
    assert 12 == len(found)
    for name, expected, got in found:
        assert (name, expected) == (name, got)


@pytest.mark.soak
def test_every_snapshot_changes_what_is_published(snapshots: Path, shared: Path) -> None:
    """228 times: rows, listed, delisted and amended on every line."""
    found = list(_replayed(snapshots, shared, 1000))
    assert 228 == len(found)
    for name, expected, got in found:
        assert (name, expected) == (name, got)


def test_what_is_known_of_an_entry_fits_on_a_line() -> None:
    """Spell, amendments, digest, dates, whether it is gone, and whether it was amended since."""
    assert b'[1,0,"abc",null,null,false,false]' == msgspec.json.encode(Known(1, 0, "abc"))
