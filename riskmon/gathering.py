"""What goes into the ledger: events, companies, copies of lists, drafts. Part of the facade."""

from __future__ import annotations

import logging
from contextlib import ExitStack
from datetime import date
from os import PathLike
from pathlib import Path
from typing import BinaryIO, NamedTuple, cast

from riskmon import intake, sources
from riskmon.analyst import Analyst
from riskmon.copies import Copies, Given
from riskmon.database import beside
from riskmon.decisions import HELD, RELEASED, Held, Ruling, body
from riskmon.errors import DatabaseError, InputError, UsageError
from riskmon.formats import packed
from riskmon.intake import Input, Intake
from riskmon.ledger import Fact
from riskmon.listing import Module
from riskmon.model import Event
from riskmon.reports import Report
from riskmon.sources import jsonl
from riskmon.witness import as_moment

log = logging.getLogger("riskmon")


class Waits(NamedTuple):
    """A draft that waits for a person: an event that a text seems to tell."""

    event: Event
    sentence: str
    """On which it stands."""
    confidence: float
    """0 to 1, as the extractor says."""


class Gatherer(Analyst):
    """A ledger that is fed. `Monitor` is one; use that."""

    def _begin(self) -> None:
        """Publish the rules where none are."""
        raise NotImplementedError

    def declare(
        self,
        companies: Input,
        *,
        source: str = "jsonl",
        rejects: str | PathLike[str] | None = None,
    ) -> Report:
        """Put companies on the watchlist, or say anew what is known of them.

        `companies`: a path or open binary file in the format of `source` (`jsonl`: one JSON object
        a line), or an iterable of dict, Company or Holding. Returns counts, and what was rejected
        with line, field and reason. Names told earlier that are these companies' are found.
        """
        own = source == "jsonl"
        read = intake.read_companies if own else sources.reader(source)
        return self._take(companies, read, intake.one_company, rejects)

    def ingest(
        self,
        events: Input,
        *,
        source: str = "jsonl",
        rejects: str | PathLike[str] | None = None,
        partial: bool = False,
        dated: str | date | None = None,
    ) -> Report:
        """Append what `events` tell: new ones, revisions, withdrawals; repeats vanish.

        `events`: a path or open binary file in the format of `source`, or an iterable of dict
        or Event. Good rows around a bad one are stored; the bad ones are in the report and in
        the file `report.rejects` (`rejects`, else a file beside the database).

        A copy of a list, which may be a folder or an archive where it has several files, tells what
        changed since the last one; one that is not credible is held (`report.held`). `partial`: it
        is a part of the list, whose absences say nothing. `dated`: the day that it is of; default
        what it says itself, else today.
        """
        day = as_moment(dated, "dated").date() if dated is not None else None
        module = sources.list_of(source)
        if module is None:
            if partial:
                raise UsageError(f"{source} is no list: `partial` says nothing of it")
            read = sources.reader(source, day or self._clock().date())
            return self._take(events, read, jsonl.told, rejects)
        with ExitStack() as stack:
            if isinstance(events, str | PathLike):
                path, name = Path(events), str(events)
            elif hasattr(events, "read"):
                path = stack.enter_context(self._copies.spooled(cast("BinaryIO", events)))
                name = str(getattr(events, "name", "input"))
            else:
                raise UsageError(f"{source}: expected a path or an open file: it is a list")
            try:
                digest = packed.digest(path)
            except OSError as error:
                raise InputError(f"{name}: cannot be read: {error.strerror}") from None
            given = Given(path, name, digest, partial, day)
            return self._take_copy(given, module, rejects)

    def _take_copy(
        self, given: Given, module: Module, rejects: str | PathLike[str] | None
    ) -> Report:
        self._begin()
        with self._lock:
            today = self._clock().date()
            report = self._copies.take(given, module, self._intake(rejects), today)
            if report.held is not None:
                self._copies.keep(given.path, given.digest)
                fact = Fact(HELD, report.held.source, report.held.ref, body(report.held))
                if self._copies.verdict(report.held.source, report.held.ref) != "reject":
                    self._ledger.append([fact], self._clock)
        return self._matched(report)

    @property
    def _copies(self) -> Copies:
        return Copies(self._ledger, self._persons, beside(self._ledger.engine, ".copies"))

    def _intake(self, rejects: str | PathLike[str] | None) -> Intake:
        file = Path(rejects) if rejects else beside(self._ledger.engine, ".rejected.jsonl")
        return Intake(self._ledger, self._persons, self._clock, file)

    def _take(
        self,
        given: Input,
        read: sources.Read,
        one: intake.One,
        rejects: str | PathLike[str] | None,
    ) -> Report:
        self._begin()
        return self._matched(self._intake(rejects).take(given, read, one))

    def _matched(self, report: Report) -> Report:
        try:
            report.matched = self.match()
        except DatabaseError as error:  # what was stored is stored: the report says so
            log.warning("names will be matched by the next ingest or recalculation: %s", error)
        return report

    # Copies that are held

    def held(self) -> list[Held]:
        """Return the copies of lists that wait for a person, oldest first."""
        return self._copies.waiting()

    def release(
        self,
        digest: str,
        *,
        by: str | None = None,
        why: str | None = None,
        copy: str | PathLike[str] | None = None,
    ) -> Report:
        """Take in a copy that was held, named by its digest or the beginning of it.

        The decision is an entry. `copy`: where the copy is, if it is not kept on this host.
        """
        held = self._copies.find(digest)
        kept = self._copies.kept(held.digest)
        if copy is not None and packed.digest(Path(copy)) != held.digest:
            raise InputError(f"{copy} is not the copy that was held: its digest differs")
        path = Path(copy) if copy is not None else kept
        if not path.exists():
            raise InputError(f"the copy is not kept here ({kept}): say where it is by `copy`")
        module = sources.list_of(held.source)
        if module is None:
            raise UsageError(f"{held.source} is no list of this installation")
        self._rule(
            RELEASED, Ruling(source=held.source, ref=held.ref, verdict="accept", by=by, why=why)
        )
        given = Given(path, held.file, held.digest, held.partial, held.day)
        return self._take_copy(given, module, None)

    def dismiss(self, digest: str, *, by: str | None = None, why: str | None = None) -> None:
        """Leave out a copy that was held, for good. The decision is an entry."""
        held = self._copies.find(digest)
        self._rule(
            RELEASED, Ruling(source=held.source, ref=held.ref, verdict="reject", by=by, why=why)
        )

    def _rule(self, kind: str, ruling: Ruling) -> None:
        self._ledger.append([Fact(kind, ruling.source, ruling.ref, body(ruling))], self._clock)
