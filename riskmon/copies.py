"""Copies of lists: each is compared with what stands, and taken in whole, or held for a person."""

from __future__ import annotations

import tempfile
import zipfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import ExitStack, suppress
from datetime import date
from itertools import chain
from pathlib import Path
from typing import BinaryIO, NamedTuple, cast

from riskmon.comparison import Comparison, compared
from riskmon.decisions import HELD, READ, RULED, Held, Ruling
from riskmon.errors import InputError, MovedError, UsageError
from riskmon.formats import packed
from riskmon.intake import Intake
from riskmon.ledger import Ledger
from riskmon.listing import Module
from riskmon.model import Event, Row
from riskmon.persons import FORGOTTEN, Persons
from riskmon.reports import Report
from riskmon.spells import Before, Copy, Stood, Teller

TRIES = 5
BLOCK = 1024 * 1024


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
        return Stood(self._ledger.of(READ, source))

    def take(
        self, given: Given, module: Module, intake: Callable[[], Intake], today: date
    ) -> Report:
        """Take in what a copy changes, or hold it; compared anew where another one came between."""
        for _ in range(TRIES):
            with suppress(MovedError):
                return self._take(given, module, intake(), today)
        raise MovedError

    def _take(self, given: Given, module: Module, intake: Intake, today: date) -> Report:
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
            copy = Copy(
                source=source,
                digest=given.digest,
                after=stood.position,
                part=1,
                file=given.name,
                day=found.day,
                rows=found.rows,
            )
            teller = Teller(module, stood.entries, found, copy, self._before(source))
            held = self._held(given, module, stood, found)
            if held is None and found.whole:
                rows = list(teller.rows(parts))
                refused = [row for row in rows if isinstance(row.told, list)]
                late = found.unread(module.SHAPE, refused, len(refused))
                held = self._held(given, module, stood, found, late) if late else None
            if held is not None:
                return _reported(given, found, held)
            told: Iterable[Row] = rows if found.whole else teller.rows(parts)
            if found.whole and len(rows) == 1 and given.digest == stood.digest:
                told = ()  # the same copy as before, of which nothing is new
            report = intake.take_in(given.name, chain(found.refused, told), stood.ref)
        rest = _reported(given, found, None)
        report.rows, report.notes = rest.rows, rest.notes + report.notes
        report.duplicates += rest.duplicates + teller.silent
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
        self,
        given: Given,
        module: Module,
        stood: Stood,
        found: Comparison,
        late: Sequence[str] = (),
    ) -> Held | None:
        """Return that a copy is held, and why; None where it may be taken in.

        `late`: what is wrong with it that only its events show.
        """
        reasons = [*found.reasons(module.SHAPE), *late]
        if stood.day and found.day < stood.day:
            reasons.append(f"it is of {found.day}, and one of {stood.day} was read before")
        held = Held(
            source=module.SHAPE.source,
            digest=given.digest,
            kept=given.digest,
            file=given.name,
            day=found.day,
            partial=given.partial,
            reasons=tuple(reasons),
            rows=found.rows,
            standing=found.standing,
            listed=len(found.listed),
            amended=len(found.amended) + len(found.redated),
            delisted=len(found.gone),
            refused=found.refusals,
            after=stood.position,
        )
        verdict = self.verdict(held)
        if verdict == "reject":
            return held.model_copy(update={"reasons": (*reasons, "a person rejected this copy")})
        return held if reasons and verdict is None else None

    def verdict(self, held: Held) -> str | None:
        """Return what a person decided of a copy, while the list is as it was then."""
        for one in self._ledger.latest(RULED, held.source, [held.ref]):
            ruling = Ruling.model_validate_json(one.body)
            return ruling.verdict if ruling.after == held.after else None
        return None

    def waiting(self) -> list[Held]:
        """Return the copies that wait for a person, oldest first."""
        found: dict[tuple[str, str], Held] = {}
        for one in self._ledger.entries(kinds=(HELD, RULED)):
            key = (one.source, one.ref)
            if one.kind == HELD:
                found.pop(key, None)
                found[key] = Held.model_validate_json(one.body)
            elif key in found:
                ruling = Ruling.model_validate_json(one.body)
                if ruling.after == found[key].after:
                    del found[key]
        return list(found.values())

    def find(self, key: str) -> Held:
        """Return the copy that waits: by the beginning of its digest, or `list:` and that."""
        waiting = self.waiting()
        source, _, digest = key.rpartition(":")
        found = [
            one
            for one in waiting
            if digest and one.digest.startswith(digest) and source in {"", one.source}
        ]
        if len(found) != 1:
            there = ", ".join(f"{one.source}:{one.digest[:8]}" for one in waiting) or "none"
            which = "several copies that wait begin" if found else "no copy that waits begins"
            raise UsageError(f"{which} with {key!r}; there are: {there}")
        return found[0]

    # Kept

    def keep(self, given: Path) -> str:
        """Keep a copy, a folder as a zip, beside those that were fetched; return its digest.

        Raises InputError where it cannot be kept.
        """
        from riskmon.fetching import copies, terms

        try:
            with ExitStack() as stack:
                stream = stack.enter_context(_zipped(given) if given.is_dir() else given.open("rb"))
                return copies.keep(self.folder, iter(lambda: stream.read(BLOCK), b"")).sha256
        except terms.Refused as refused:
            raise InputError(f"the copy cannot be kept: {refused}; {refused.advice}") from None
        except OSError as error:
            raise InputError(f"{given}: cannot be read: {error.strerror or error}") from None

    def kept(self, digest: str) -> Path:
        """Return where the copy with a digest is kept."""
        from riskmon.fetching import copies

        return copies.place(self.folder, digest)


def _zipped(folder: Path) -> BinaryIO:
    """Return the files of a folder as a zip, which is gone when it is closed."""
    out = cast("BinaryIO", tempfile.TemporaryFile())  # noqa: SIM115 (whoever takes it closes it)
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for one in sorted(folder.iterdir()):
            archive.write(one, one.name)
    out.seek(0)
    return out


def _reported(given: Given, found: Comparison, held: Held | None) -> Report:
    report = Report(given.name, rows=found.rows, held=held)
    report.notes = [note.text for note in found.notes]
    if held is None:
        report.duplicates = found.unchanged
        if found.keyless and found.gone and not found.partial:
            report.notes.append(
                f"entries that are not in this copy: {len(found.gone):,}; rows that cannot be read "
                f"and may be theirs: {found.keyless:,}. None is taken for delisted"
            )
    return report
