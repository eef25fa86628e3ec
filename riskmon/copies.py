"""Copies of lists: each is compared with what stands, and taken in whole, or held for a person."""

from __future__ import annotations

import os
import shutil
import tempfile
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import date, timedelta
from pathlib import Path
from typing import BinaryIO, NamedTuple

from riskmon.decisions import HELD, READ, RULED, Held, Ruling
from riskmon.errors import InputError, UsageError
from riskmon.formats import packed
from riskmon.intake import Intake
from riskmon.ledger import Ledger
from riskmon.listing import Comparison, Module, compared
from riskmon.model import Event
from riskmon.persons import FORGOTTEN, Persons
from riskmon.reports import Report
from riskmon.spells import Before, Copy, Stood, Teller

MOST_BYTES = 8 * 1024**3
BLOCK = 1024 * 1024
SOON = timedelta(days=3653)
"""A copy that says it is of later would make all that follow older; a clock may be behind."""


class Given(NamedTuple):
    """A copy as somebody gives it."""

    path: Path
    name: str
    """As the user knows it."""
    digest: str
    partial: bool
    """Whether it is a part of the list, whose absences say nothing."""
    dated: date | None
    """The day that it is of; None for what the copy says, else today."""


class Copies:
    """The copies of lists that were read, and those that are held."""

    def __init__(self, ledger: Ledger, persons: Persons, folder: Path) -> None:
        self._ledger = ledger
        self._persons = persons
        self.folder = folder
        """Where copies are kept, by their digest."""

    def stood(self, source: str) -> Stood:
        """Return what the ledger knows of a list."""
        read = self._ledger.of(READ, source)
        return Stood([one.body for one in read], read[-1].position if read else 0)

    def take(self, given: Given, module: Module, intake: Intake, today: date) -> Report:
        """Take in what a copy changes, or hold it."""
        source = module.SHAPE.source
        with packed.parts(given.path) as parts:
            stood = self.stood(source)
            found = compared(
                module,
                parts,
                stood.entries,
                partial=given.partial,
                dated=given.dated,
                today=today,
            )
            held = self._held(given, module, stood, found, today)
            if held is not None:
                return _reported(given, found, held)
            copy = Copy(
                source=source,
                digest=given.digest,
                part=1,
                file=given.name,
                day=found.day,
                rows=found.rows,
            )
            teller = Teller(module, stood.entries, found, copy, self._before(source))
            report = intake.take_in(given.name, teller.rows(parts))
        rest = _reported(given, found, None)
        for row in found.refused:
            intake.refuse(report, row)
        report.rows, report.notes = rest.rows, rest.notes + report.notes
        report.duplicates += rest.duplicates
        return report

    def _before(self, source: str) -> Before:
        def before(refs: Sequence[str]) -> Mapping[str, Event]:
            entries = self._ledger.latest("event.recorded", source, refs)
            found = {}
            for one in self._persons.open(entries):
                event = Event.model_validate_json(one.body)
                if any(party.name == FORGOTTEN for party in event.parties):
                    event = event.model_copy(update={"parties": ()})
                found[one.ref] = event
            return found

        return before

    # Held

    def _held(
        self, given: Given, module: Module, stood: Stood, found: Comparison, today: date
    ) -> Held | None:
        """Return that a copy is held, and why; None where it may be taken in."""
        shape = module.SHAPE
        verdict = self.verdict(shape.source, given.digest[:32])
        if verdict == "accept":
            return None
        reasons = found.reasons(shape, partial=given.partial)
        if stood.day and found.day < stood.day:
            reasons.append(f"it is of {found.day}, and one of {stood.day} was read before")
        if found.day > today + SOON:
            reasons.append(f"it is of {found.day}, which is still to come")
        if verdict == "reject":
            reasons.append("a person rejected this copy")
        if not reasons:
            return None
        return Held(
            source=shape.source,
            digest=given.digest,
            file=given.name,
            day=found.day,
            partial=given.partial,
            reasons=tuple(reasons),
            rows=found.rows,
            standing=found.standing,
            listed=len(found.listed),
            amended=len(found.amended) + len(found.redated),
            delisted=len(found.gone),
            refused=len(found.refused),
            after=stood.position,
        )

    def verdict(self, source: str, ref: str) -> str | None:
        """Return what a person decided of a copy: it is accepted until it is read."""
        found = self._ledger.latest(RULED, source, [ref])
        if not found:
            return None
        ruling = Ruling.model_validate_json(found[0].body)
        read = self._ledger.latest(READ, source, [f"{ref} 1"])
        if ruling.verdict == "accept" and read and read[0].position > found[0].position:
            return None
        return ruling.verdict

    def waiting(self) -> list[Held]:
        """Return the copies that wait for a person, oldest first."""
        found: dict[tuple[str, str], Held | None] = {}
        for one in self._ledger.entries(kinds=(HELD, RULED)):
            held = Held.model_validate_json(one.body) if one.kind == HELD else None
            found[one.source, one.ref] = held
        return [one for one in found.values() if one is not None]

    def find(self, digest: str) -> Held:
        """Return the copy that waits whose digest is, or begins with, `digest`."""
        waiting = self.waiting()
        found = [one for one in waiting if digest and one.digest.startswith(digest)]
        if len(found) != 1:
            there = ", ".join(one.digest[:8] for one in waiting) or "none"
            which = "several copies that wait begin" if found else "no copy that waits begins"
            raise UsageError(f"{which} with {digest!r}; there are: {there}")
        return found[0]

    # Kept

    def keep(self, given: Path, digest: str) -> Path:
        """Keep a copy under its digest, a folder as a zip; return where."""
        kept = self.kept(digest)
        if kept.exists():
            return kept
        kept.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        with tempfile.NamedTemporaryFile(dir=kept.parent, delete=False) as out:
            fresh = Path(out.name)
            if given.is_dir():
                with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
                    for one in sorted(given.iterdir()):
                        if one.is_file() and not one.is_symlink():
                            archive.write(one, one.name)
            else:
                with given.open("rb") as stream:
                    shutil.copyfileobj(stream, out, BLOCK)
            out.flush()
            os.fsync(out.fileno())
        fresh.replace(kept)
        return kept

    def kept(self, digest: str) -> Path:
        """Return where the copy with a digest is kept."""
        return self.folder / digest[:2] / digest

    @contextmanager
    def spooled(self, stream: BinaryIO) -> Iterator[Path]:
        """Give a file with what a stream holds: a copy is read twice."""
        with tempfile.NamedTemporaryFile() as out:
            size = 0
            while block := stream.read(BLOCK):
                size += len(block)
                if size > MOST_BYTES:
                    raise InputError(f"expected at most {MOST_BYTES:,} bytes")
                out.write(block)
            out.flush()
            yield Path(out.name)


def _reported(given: Given, found: Comparison, held: Held | None) -> Report:
    report = Report(given.name, rows=found.rows, held=held)
    report.notes = [note.text for note in found.notes]
    if held is None:
        report.duplicates = found.unchanged
        if found.keyless and found.gone:
            report.notes.append(
                f"{len(found.gone):,} entries are not in this copy, but {found.keyless:,} of its "
                "rows cannot be read and may be theirs: none is taken for delisted"
            )
    return report
