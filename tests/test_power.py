"""Power cuts, simulated on SQLite: what was acknowledged is there whatever the disk did not write.

A ledger runs on a disk that notes each write and each sync. Then the power is cut at a random
place: what was synced is there; of all else each sector is, at random, written or not.
"""

from __future__ import annotations

import itertools
import os
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from random import Random
from typing import Any, NamedTuple

import pytest
import sqlalchemy as sa

from riskmon.errors import RiskmonError
from riskmon.ledger import Fact, Ledger
from tests.apsw_dbapi import Driver, Op, Recorder

NOW = datetime(2024, 1, 1, tzinfo=UTC)
SECTOR = 512
HEAD = "risk.db.head"

_numbers = itertools.count(1)


class _File:
    """A file's bytes as of its last sync, and what was done to it since."""

    def __init__(self) -> None:
        self.synced = bytearray()
        self.since: list[Op] = []

    def sync(self) -> None:
        for op in self.since:
            _apply(self.synced, op)
        self.since = []

    def after_a_cut(self, random: Random, sector: int) -> bytes:
        """Return what a disk could hold: each write kept, lost or torn, at random."""
        found = bytearray(self.synced)
        likely = random.random()  # a disk that wrote nearly all, nearly nothing, or half
        for op in self.since:
            if random.random() < likely:
                _apply(found, op)
            elif op.what == "write" and random.random() < 0.5:
                self._tear(found, op, random, sector)
        return bytes(found)

    @staticmethod
    def _tear(found: bytearray, op: Op, random: Random, sector: int) -> None:
        """Write some of the sectors, and give the file its size without the bytes, or not."""
        end = op.place + len(op.data)
        edges = [op.place, *range((op.place // sector + 1) * sector, end, sector), end]
        chance = random.choice((0, 0.5, 0.9))
        for start, stop in itertools.pairwise(edges):
            if random.random() < chance:
                part = op.data[start - op.place : stop - op.place]
                _apply(found, Op("write", op.name, start, part))
        if random.random() < 0.5:
            _apply(found, Op("write", op.name, end, b""))


def _apply(found: bytearray, op: Op) -> None:
    if len(found) < op.place:
        found.extend(bytes(op.place - len(found)))
    if op.what == "truncate":
        del found[op.place :]
    else:
        found[op.place : op.place + len(op.data)] = op.data


class _Disk:
    """A folder: under each name what a sync of the folder left, and what came since, in order."""

    def __init__(self) -> None:
        self.names: dict[str, list[_File | None]] = {}
        self.acknowledged = 0

    def take(self, op: Op) -> None:
        """Do what was noted."""
        known = self.names.setdefault(op.name, [None])
        if op.what == "acknowledge":
            self.acknowledged = op.place
        elif op.what == "create" or (op.what == "write" and known[-1] is None):
            known.append(_File())
        elif op.what == "link":
            known.append(self.names[op.data.decode()][-1])
        elif op.what == "delete":
            known.append(None)
        elif op.what == "sync-folder":
            self.names = {name: states[-1:] for name, states in self.names.items()}
        if (file := known[-1]) is not None:
            if op.what == "sync":
                file.sync()
            elif op.what in {"write", "truncate"}:
                file.since.append(op)

    def cut(self, folder: Path, random: Random) -> None:
        """Write to `folder` what could be there when the power is back."""
        folder.mkdir()
        for name, states in self.names.items():
            file = random.choice(states)
            if file is not None:
                # The head's slot is smaller than a sector, and may be torn all the same.
                found = file.after_a_cut(random, 16 if name == HEAD else SECTOR)
                (folder / name).write_bytes(found)


class _Run(NamedTuple):
    """What a ledger was told, where its batches ended, and what reached the disk."""

    told: list[tuple[int, str, str]]
    ends: list[int]
    log: list[Op]


def batches(random: Random, count: int) -> Iterator[list[Fact]]:
    """Yield batches of one to thirty facts, some of them revisions, of tens of bytes to 6 KB."""
    bodies = itertools.count(1)
    for _ in range(count):
        size = random.choice((1, 1, 3, random.randint(1, 30)))
        yield [
            Fact("event.recorded", "wire", str(random.randrange(500)), body)
            for number in itertools.islice(bodies, size)
            if (body := f'{{"n":{number},"text":"{"x" * random.choice((9, 400, 6000))}"}}')
        ]


def done(call: str, path: Path, others: tuple[Any, ...]) -> list[Op]:
    """Return what a call of the system, by its name in `os`, does to a file."""
    if path.is_dir():
        return [Op("sync-folder")]
    if call == "pwrite":
        return [Op("write", path.name, others[1], others[0])]
    if call in {"fsync", "fdatasync"}:
        return [Op("sync", path.name)]
    gone = [Op("delete", path.name)]
    if call == "unlink":
        return gone
    linked = [Op("link", Path(others[0]).name, data=path.name.encode())]
    return linked if call == "link" else linked + gone


def note_head(log: list[Op], patch: pytest.MonkeyPatch, folder: Path) -> None:
    """Note in `log` what the ledger itself does to the file that keeps its head."""

    def noted(call: str) -> Callable[..., Any]:
        really = getattr(os, call)

        def wrapped(first: Any, *others: Any, **options: Any) -> Any:
            path = Path(f"/proc/self/fd/{first}").readlink() if type(first) is int else Path(first)
            if folder in {path, path.parent}:
                log.extend(done(call, path, others))
            return really(first, *others, **options)

        return wrapped

    for call in ("pwrite", "fsync", "fdatasync", "unlink", "link", "rename", "replace"):
        patch.setattr(os, call, noted(call))


def run(folder: Path, random: Random, count: int, synchronous: str) -> _Run:
    """Append batches to a ledger on a disk that notes everything; now and then open it anew."""
    folder.mkdir()
    disk = Recorder(f"recorder-{next(_numbers)}")
    pragmas = {"synchronous": synchronous, "wal_autocheckpoint": "20"}
    driver = Driver(disk.name, pragmas)
    told: list[tuple[int, str, str]] = []
    ends = [0]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sa, "create_engine", partial(sa.create_engine, module=driver))
        note_head(disk.log, patch, folder)
        ledger = Ledger(f"sqlite:///{folder / 'risk.db'}")
        for facts in batches(random, count):
            if random.random() < 0.1:
                ledger.close()
                ledger = Ledger(f"sqlite:///{folder / 'risk.db'}")
            ledger.append(facts, lambda: NOW)
            for _, _, ref, body in facts:
                told.append((len(told) + 1, ref, body))
            ends.append(len(told))
            disk.log.append(Op("acknowledge", place=len(told)))
        ledger.close()
    disk.unregister()
    return _Run(told, ends, disk.log)


def damage(folder: Path, told: _Run, acknowledged: int) -> str:
    """Return what is wrong with a ledger when the power is back, nothing where all is well."""
    try:
        with closing(Ledger(f"sqlite:///{folder / 'risk.db'}")) as ledger:
            found = [(e.position, e.ref, e.body) for e in ledger.entries()]
            if found[:acknowledged] != told.told[:acknowledged]:
                return f"of {acknowledged} acknowledged entries, {len(found)} are there"
            following = next(
                end for end in told.ends if end > acknowledged or end == len(told.told)
            )
            if found not in (told.told[:acknowledged], told.told[:following]):
                return f"half a batch: {len(found)} entries, {acknowledged} acknowledged"
            if len(list(ledger.verified(ledger.head().position))) != len(found):
                return "fewer were verified"
            outcomes = ledger.append([Fact("event.recorded", "wire", "new", "{}")], lambda: NOW)
            head = ledger.head()
            if (["appended"], len(found) + 1) != (outcomes, head.position):
                return f"the next append gave {outcomes}, and position {head.position}"
            if ledger.kept is None or ledger.kept.read() != head:
                return "another head is kept"
    except RiskmonError as error:
        return f"{type(error).__name__}: {error}"
    return ""


def damages(
    tmp_path: Path, seed: int, count: int, cuts: int, synchronous: str = "FULL"
) -> dict[int, str]:
    """Cut the power at some places of a run; return those after which something is wrong."""
    random = Random(seed)  # noqa: S311 (a failure can be repeated)
    told = run(tmp_path / "whole", random, count, synchronous)
    # Often between commit and acknowledgement, when the head is being kept.
    weights = [8 if op.name.startswith(HEAD) else 1 for op in told.log]
    places = Counter(random.choices(range(len(told.log)), weights, k=cuts))
    disk = _Disk()
    found: dict[int, str] = {}
    for place, op in enumerate(told.log):
        disk.take(op)
        for again in range(places[place]):
            folder = tmp_path / f"{place}-{again}"
            disk.cut(folder, random)
            if wrong := damage(folder, told, disk.acknowledged):
                found[place] = wrong
    return found


ROUNDS = [(1, 60, 40), (2, 1, 60)] + [
    pytest.param(seed, count, 300, marks=pytest.mark.soak)
    for seed, count in ((3, 60), (4, 60), (5, 60), (6, 1), (7, 2), (8, 3))
]
"""Seed, batches and cuts: in a long run, and about the first moments of a ledger."""


@pytest.mark.parametrize(("seed", "count", "cuts"), ROUNDS)
def test_nothing_acknowledged_is_lost_when_the_power_is_cut(
    tmp_path: Path, seed: int, count: int, cuts: int
) -> None:
    """Each acknowledged entry is there, a batch is whole or absent, and the next append works."""
    assert {} == damages(tmp_path, seed, count, cuts), f"seed {seed}"


@pytest.mark.parametrize(
    ("synchronous", "expected"), [("OFF", "malformed"), ("NORMAL", "acknowledged entries")]
)
def test_the_same_cuts_damage_a_ledger_that_syncs_less(
    tmp_path: Path, synchronous: str, expected: str
) -> None:
    """The control: a simulation that finds nothing without syncs would prove nothing with them."""
    found = damages(tmp_path, 1, 60, 40, synchronous)
    assert any(expected in wrong for wrong in found.values()), found
