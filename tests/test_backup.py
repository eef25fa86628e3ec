"""Copies: whole, verified, from either database into either, while writers run."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

import riskmon
from riskmon.errors import InputError, VerificationError
from riskmon.heads import Kept
from riskmon.ledger import Ledger
from riskmon.monitor import Monitor
from tests.builders import company, event, forge


def test_a_copy_has_every_byte_and_verifies_against_its_head(
    monitor: Monitor, tmp_path: Path
) -> None:
    """Entries, keys of persons and kept scores; the head is beside it."""
    person = {"name": "Jo Doe", "kind": "person"}
    monitor.declare([company("baidu")])
    monitor.ingest([event(parties=[person, {"company": "baidu"}]), event(title="百度")])
    monitor.recalculate()
    head = monitor.backup(tmp_path / "copy.db")
    assert head == monitor._ledger.head()
    assert head == Kept(tmp_path / "copy.db.head").read()
    files = sorted(file.name for file in tmp_path.iterdir() if file.name.startswith("copy"))
    assert ["copy.db", "copy.db.head"] == files
    with riskmon.open(f"sqlite:///{tmp_path / 'copy.db'}") as copy:
        assert list(monitor.entries()) == list(copy.entries())
        assert monitor.verify() == copy.verify()
        assert monitor.events("baidu") == copy.events("baidu")
        assert monitor.status().recalculated_at == copy.status().recalculated_at
        assert 1 == copy.ingest([event()]).appended


def test_a_copy_goes_back_into_an_empty_database(
    monitor: Monitor, tmp_path: Path, postgresql_url: str
) -> None:
    """A restored copy is the ledger: the same entries, the same head, and appends go on."""
    monitor.ingest([event(), event()])
    monitor.backup(tmp_path / "copy.db")
    with riskmon.open(f"sqlite:///{tmp_path / 'copy.db'}") as copy:
        if monitor._ledger.engine.dialect.name == "postgresql":
            with pytest.raises(InputError, match="holds entries: a copy needs an empty database"):
                copy.backup(postgresql_url)
            return
        copy.backup(postgresql_url)
    with riskmon.open(postgresql_url) as restored:
        assert list(monitor.entries()) == list(restored.entries())
        assert monitor.verify() == restored.verify()
        assert 1 == restored.ingest([event()]).appended


def test_a_copy_is_whole_while_writers_run(url: str, tmp_path: Path) -> None:
    """Each of several copies, made while another connection appends, verifies with its head."""
    done = threading.Event()
    failures: list[BaseException] = []

    def write() -> None:
        try:
            with riskmon.open(url) as writer:
                while not done.is_set():
                    writer.ingest([event() for _ in range(20)])
        except BaseException as error:  # noqa: BLE001 (whatever it is, the test must see it)
            failures.append(error)

    with riskmon.open(url) as monitor:
        monitor.ingest([event()])
        thread = threading.Thread(target=write)
        thread.start()
        try:
            heads = [monitor.backup(tmp_path / f"{number}.db") for number in range(5)]
        finally:
            done.set()
            thread.join()
        everything = list(monitor.entries())
    assert [] == failures
    assert heads[0].position < heads[-1].position
    for number, head in enumerate(heads):
        with riskmon.open(f"sqlite:///{tmp_path / f'{number}.db'}") as copy:
            assert everything[: head.position] == list(copy.entries())
            assert (head.position, head.hash) == copy.verify().head[:2]


def test_nothing_is_overwritten(monitor: Monitor, tmp_path: Path) -> None:
    """A file that is there already is refused, by its name."""
    monitor.ingest([event()])
    for name in ("copy.db", "copy.db.head", "copy.db.part"):
        (tmp_path / name).write_text("mine")
        with pytest.raises(InputError, match=rf"{name}: is there already"):
            monitor.backup(tmp_path / "copy.db")
        assert "mine" == (tmp_path / name).read_text()
        (tmp_path / name).unlink()


def test_a_damaged_ledger_is_not_copied_as_if_it_were_whole(
    monitor: Monitor, tmp_path: Path
) -> None:
    """The bad entry is named, and no file is left."""
    monitor.ingest([event(), event()])
    forge(monitor._ledger.engine, "UPDATE entry SET body = '{}' WHERE position = 2")
    with pytest.raises(VerificationError, match="entry 2 is not what was hashed"):
        monitor.backup(tmp_path / "copy.db")
    assert [] == [file.name for file in tmp_path.iterdir() if file.name.startswith("copy")]


def test_an_empty_ledger_is_copied_too(url: str, tmp_path: Path) -> None:
    """Into an empty one."""
    ledger = Ledger(url)
    with riskmon.open(url) as monitor:
        assert ledger.head() == monitor.backup(tmp_path / "copy.db")
    ledger.close()
    with riskmon.open(f"sqlite:///{tmp_path / 'copy.db'}") as copy:
        assert 0 == copy.verify().head.position
