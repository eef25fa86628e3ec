"""Damage: whatever is done to a ledger's files is refused or named, and never hides an entry."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from typing import NamedTuple

import pytest

from riskmon.database import driver, reading
from riskmon.errors import RiskmonError, VerificationError
from riskmon.heads import SLOT, Kept
from riskmon.ledger import Fact, Ledger
from riskmon.settings import Config
from riskmon.witness import Witness

NOW = datetime(2024, 1, 1, tzinfo=UTC)
COLUMNS = "position, kind, source, ref, revision, recorded_at, body, hash"
LAST = 60
NEW = Fact("event.recorded", "wire", "new", "{}")

Rows = list[tuple[object, ...]]


def rounds(few: int, many: int) -> pytest.MarkDecorator:
    """Run a test with few rounds, and by hand with many."""
    return pytest.mark.parametrize("rounds", [few, pytest.param(many, marks=pytest.mark.soak)])


def fill(ledger: Ledger, first: int, last: int) -> None:
    """Append some of 60 entries, one at a time: 40 keys, bodies of tens of bytes to 900."""
    for number in range(first, last + 1):
        text = "百x" * (3, 90, 220)[number % 3]
        fact = Fact("event.recorded", "wire", f"ref-{number % 40}", f'{{"{number}":"{text}"}}')
        ledger.append([fact], lambda: NOW)


def rows(ledger: Ledger) -> Rows:
    """Return all columns of all entries, as they are stored."""
    query = f"SELECT {COLUMNS} FROM entry ORDER BY position"
    with reading(ledger.engine) as connection:
        return [tuple(row) for row in connection.exec_driver_sql(query)]


class Whole(NamedTuple):
    """The folder of a ledger that nobody has damaged, and its entries."""

    folder: Path
    rows: Rows

    def damaged(self, folder: Path, name: str, content: bytes) -> Path:
        """Return the path of the database in a fresh copy with another content for one file."""
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(self.folder, folder)
        (folder / name).write_bytes(content)
        return folder / "risk.db"


@pytest.fixture(scope="module")
def closed(tmp_path_factory: pytest.TempPathFactory) -> Whole:
    """Make a ledger that was closed: all of it is in the main file."""
    folder = tmp_path_factory.mktemp("closed")
    with closing(Ledger(f"sqlite:///{folder / 'risk.db'}")) as ledger:
        fill(ledger, 1, LAST)
        return Whole(folder, rows(ledger))


@pytest.fixture(scope="module")
def being_written(tmp_path_factory: pytest.TempPathFactory) -> Whole:
    """Copy a ledger while its writer is there: 20 entries in the main file, 40 in the log."""
    folder, copy = tmp_path_factory.mktemp("written"), tmp_path_factory.mktemp("copy")
    with closing(Ledger(f"sqlite:///{folder / 'risk.db'}")) as ledger:
        fill(ledger, 1, 20)
        with ledger.engine.connect() as connection:
            driver(connection).execute("PRAGMA wal_checkpoint(PASSIVE)")
        fill(ledger, 21, LAST)
        for name in ("risk.db", "risk.db-wal", "risk.db.head"):
            shutil.copy(folder / name, copy)
        return Whole(copy, rows(ledger))


def outcome(path: Path) -> tuple[str, object]:
    """Return what opening and verifying says: a finding and its position, or `whole` and rows."""
    try:
        with Witness(f"sqlite:///{path}", lambda: NOW, Config()) as witness:
            witness.verify()
            return "whole", rows(witness._ledger)
    except VerificationError as error:
        return error.finding, error.position
    except RiskmonError as error:
        return "refused", str(error)
    except Exception as error:  # noqa: BLE001 (that is what must not be)
        return "crashed", repr(error)


def flipped(content: bytes, bit: int) -> bytes:
    found = bytearray(content)
    found[bit // 8] ^= 1 << bit % 8
    return bytes(found)


@rounds(20, 100)
def test_a_bit_flipped_in_a_body_is_named(closed: Whole, tmp_path: Path, rounds: int) -> None:
    """In the file, behind SQLite's back: `changed`, and exactly that entry."""
    random, content = Random(1), (closed.folder / "risk.db").read_bytes()  # noqa: S311
    for _ in range(rounds):
        place = random.randint(1, LAST)
        body = str(closed.rows[place - 1][6]).encode()
        assert 1 == content.count(body)
        bit = 8 * content.index(body) + random.randrange(8 * len(body))
        path = closed.damaged(tmp_path / "copy", "risk.db", flipped(content, bit))
        assert ("changed", place) == outcome(path), f"bit {bit}"


def cut_off(content: bytes, random: Random) -> bytes:
    return content[: random.randrange(len(content))]


def bit_flipped(content: bytes, random: Random) -> bytes:
    return flipped(content, random.randrange(8 * len(content)))


def structure_flipped(content: bytes, random: Random) -> bytes:
    """Flip a bit of a small byte: lengths, types and links of SQLite are such."""
    small = [place for place, byte in enumerate(content) if 0 < byte < ord(" ")]
    return flipped(content, 8 * random.choice(small) + random.randrange(8))


def schema_flipped(content: bytes, random: Random) -> bytes:
    """Flip a bit of the first two pages: the header, the tables, the number of the schema."""
    used = [place for place, byte in enumerate(content[: 2 * 4096]) if byte]
    return flipped(content, 8 * random.choice(used) + random.randrange(8))


def page_zeroed(content: bytes, random: Random) -> bytes:
    start = 4096 * random.randrange(len(content) // 4096)
    return content[:start] + bytes(4096) + content[start + 4096 :]


Damage = Callable[[bytes, Random], bytes]


@pytest.mark.parametrize("damage", [cut_off, bit_flipped])
@rounds(30, 150)
def test_a_damaged_log_never_shortens_a_ledger_in_silence(
    being_written: Whole, tmp_path: Path, damage: Damage, rounds: int
) -> None:
    """Refused, named, or whole; where the tail is cut, nothing is appended in its place."""
    content = (being_written.folder / "risk.db-wal").read_bytes()
    found = {}
    for seed in range(rounds):
        damaged = damage(content, Random(seed))  # noqa: S311
        path = being_written.damaged(tmp_path / "copy", "risk.db-wal", damaged)
        found[seed] = outcome(path)
        if found[seed][0] == "cut":
            with closing(Ledger(f"sqlite:///{path}")) as ledger, pytest.raises(VerificationError):
                ledger.append([NEW], lambda: NOW)
    assert {} == {seed: one for seed, one in found.items() if not fine(one, being_written)}
    assert "cut" in {finding for finding, _ in found.values()}


def fine(found: tuple[str, object], whole: Whole) -> bool:
    """Whether an outcome is an answer that a person can act on, or the whole truth."""
    named = {"refused", "broken", "changed", "cut", "rewritten"}
    return found[0] in named or found == ("whole", whole.rows)


@pytest.mark.parametrize(
    "damage", [cut_off, page_zeroed, bit_flipped, structure_flipped, schema_flipped]
)
@rounds(30, 300)
def test_a_damaged_file_is_refused_or_named_or_harmless(
    closed: Whole, tmp_path: Path, damage: Damage, rounds: int
) -> None:
    """Never a traceback of SQLite's, and never a clean verification of other entries."""
    content = (closed.folder / "risk.db").read_bytes()
    found = {}
    for seed in range(rounds):
        damaged = damage(content, Random(seed))  # noqa: S311
        found[seed] = outcome(closed.damaged(tmp_path / "copy", "risk.db", damaged))
    assert {} == {seed: one for seed, one in found.items() if not fine(one, closed)}


def test_a_damaged_head_is_the_one_before_it_or_none(closed: Whole, tmp_path: Path) -> None:
    """Any bit flipped in either slot: the last head, or the one before it; never another."""
    content = (closed.folder / "risk.db.head").read_bytes()
    with closing(Ledger(f"sqlite:///{closed.folder / 'risk.db'}")) as ledger:
        heads = {ledger.at(LAST - 1), ledger.at(LAST)}
    kept = Kept(tmp_path / "head")
    found = set()
    for bit in range(0, 8 * 2 * SLOT, 7):
        kept.path.write_bytes(flipped(content, bit))
        found.add(kept.read())
    assert heads == found


@pytest.mark.parametrize("content", [b"", bytes(2 * SLOT), b"nothing " * SLOT, b"\xff" * 2 * SLOT])
def test_without_a_readable_head_nothing_is_appended(
    closed: Whole, tmp_path: Path, content: bytes
) -> None:
    """A file that holds no head is damage: verification fails, and so does an append."""
    path = closed.damaged(tmp_path / "copy", "risk.db.head", content)
    assert ("broken", 0) == outcome(path)
    with (
        closing(Ledger(f"sqlite:///{path}")) as ledger,
        pytest.raises(VerificationError, match="holds no head: it was damaged"),
    ):
        ledger.append([NEW], lambda: NOW)


def test_a_head_that_is_missing_is_kept_again(closed: Whole, tmp_path: Path) -> None:
    """Removed, as the message advises: the entries hold, and the next append keeps a head."""
    path = closed.damaged(tmp_path / "copy", "risk.db.head", b"")
    (path.parent / "risk.db.head").unlink()
    assert ("whole", closed.rows) == outcome(path)
    with closing(Ledger(f"sqlite:///{path}")) as ledger:
        ledger.append([NEW], lambda: NOW)
        assert ledger.kept is not None
        assert ledger.head() == ledger.kept.read()
        assert LAST + 1 == ledger.head().position
