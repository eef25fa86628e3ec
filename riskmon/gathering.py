"""What goes into the ledger: events, companies, copies of lists, drafts. Part of the facade."""

from __future__ import annotations

import logging
import shutil
import tempfile
import weakref
from contextlib import ExitStack
from datetime import date
from functools import cached_property
from os import PathLike
from pathlib import Path
from typing import Any, BinaryIO, Literal, NamedTuple, cast

from riskmon import intake, sources
from riskmon import mapping as tables
from riskmon.analyst import Analyst
from riskmon.copies import Copies, Given
from riskmon.database import beside, database_of
from riskmon.decisions import DRAFT, HELD, RULED, Held, Ruling, body
from riskmon.errors import DatabaseError, InputError, UsageError
from riskmon.formats import packed
from riskmon.intake import Input, Intake
from riskmon.ledger import Fact
from riskmon.listing import Module
from riskmon.model import Entry, Event
from riskmon.progress import progress
from riskmon.reports import Report
from riskmon.sources import jsonl
from riskmon.validation import check
from riskmon.witness import as_moment

log = logging.getLogger("riskmon")


class Waits(NamedTuple):
    """A draft that waits for a person: an event that a text seems to tell."""

    event: Event
    sentence: str
    """On which it stands."""
    confidence: float
    """0 to 1, as the extractor says."""

    def to_dict(self) -> dict[str, Any]:
        """Return it as data: the event's fields, with the sentence and the confidence."""
        event = self.event.model_dump(mode="json", exclude={"attributes"}, exclude_defaults=True)
        parties = [
            {"name": one.name, "role": one.role, "kind": one.kind, "company": one.company}
            for one in self.event.parties
        ]
        rest = {"sentence": self.sentence, "confidence": self.confidence}
        return event | {"parties": parties} | rest


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
        mapping: str | PathLike[str] | None = None,
    ) -> Report:
        """Append what `events` tell: new ones, revisions, withdrawals; repeats vanish.

        `events`: a path or open binary file in the format of `source`, or an iterable of dict
        or Event. Good rows around a bad one are stored; the bad ones are in the report and in
        the file `report.rejects` (`rejects`, else a file beside the database).

        A copy of a list, which may be a folder or an archive where it has several files, tells what
        changed since the last one; one that is not credible is held (`report.held`). `partial`: it
        is a part of the list, whose absences say nothing. `dated`: the day that it is of; default
        what it says itself, else today. `mapping`: a file that says which column of any table is
        what (`riskmon.mapping`); then `source` says nothing.
        """
        day = as_moment(dated, "dated").date() if dated is not None else None
        if mapping is not None:
            return self._take(events, tables.load(mapping), jsonl.told, rejects)
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
                path = stack.enter_context(packed.spooled(cast("BinaryIO", events)))
                name = str(getattr(events, "name", "input"))
            else:
                raise UsageError(f"{source}: expected a path or an open file: it is a list")
            return self._ingest_copy(path, name, module, rejects, partial=partial, dated=day)

    def _ingest_copy(
        self,
        path: Path,
        name: str,
        module: Module,
        rejects: str | PathLike[str] | None = None,
        *,
        partial: bool = False,
        dated: date | None = None,
    ) -> Report:
        name = name.encode("utf-8", "backslashreplace").decode()
        with packed.steady(path) as found:
            if rejects is not None and Path(rejects).exists() and Path(rejects).samefile(found):
                raise InputError(f"{name}: is the file that refused rows are to be written to")
            given = Given(found, name, packed.digest(found), partial, dated)
            return self._take_copy(given, module, rejects)

    def _take_copy(
        self, given: Given, module: Module, rejects: str | PathLike[str] | None
    ) -> Report:
        self._begin()
        with self._lock, progress(f"reading {given.name}"):
            today = self._clock().date()
            report = self._copies.take(given, module, lambda: self._intake(rejects), today)
            if report.held is not None and self._copies.verdict(report.held) is None:
                kept = self._copies.keep(given.path)
                held = report.held = report.held.model_copy(update={"kept": kept})
                self._append([Fact(HELD, held.source, held.ref, body(held))])
        return self._matched(report)

    @cached_property
    def _copies(self) -> Copies:
        engine = self._ledger.engine
        if database_of(engine.url).in_memory(engine.url):
            folder = Path(tempfile.mkdtemp())
            weakref.finalize(self, shutil.rmtree, folder, ignore_errors=True)
        else:
            folder = beside(engine, ".copies")
        return Copies(self._ledger, self._persons, folder)

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

    def accept_copy(
        self,
        digest: str,
        *,
        by: str | None = None,
        why: str | None = None,
        copy: str | PathLike[str] | None = None,
    ) -> Report:
        """Take in a copy that was held.

        `digest`: its digest or the beginning of it; `list:digest` where several lists hold it. The
        decision is an entry. `copy`: where the copy is, if it is not kept on this host. Raises
        UsageError where the list was read since: what the copy would change is not what was shown.
        """
        held = self._copies.find(digest)
        kept = self._copies.kept(held.kept)
        path = Path(copy) if copy is not None else kept
        if copy is None and not kept.exists():
            raise InputError(f"the copy is not kept here ({kept}): say where it is by `copy`")
        if packed.digest(path) not in {held.digest, held.kept}:
            raise InputError(f"{path} is not the copy that was held: its digest differs")
        module = sources.list_of(held.source)
        if module is None:
            raise UsageError(f"{held.source} is no list of this installation")
        if self._copies.stood(held.source).position != held.after:
            raise UsageError(
                f"{held.source} was read since this copy was held, which would change something "
                "else now: ingest it again to see what"
            )
        self._append([_ruling(held.source, held.ref, "accept", by, why, after=held.after)])
        given = Given(path, held.file, held.digest, held.partial, held.day)
        return self._take_copy(given, module, None)

    def reject_copy(self, digest: str, *, by: str | None = None, why: str | None = None) -> Held:
        """Leave out a copy that was held, while the list is as it is. The decision is an entry."""
        held = self._copies.find(digest)
        self._append([_ruling(held.source, held.ref, "reject", by, why, after=held.after)])
        return held

    def ruling(self, source: str, ref: str) -> Entry | None:
        """Return the entry by which a copy that was held, or a draft, was ruled on; None for none.

        `ref`: the draft's, or the `ref` of the copy. Its `verdict` is accept or reject.
        """
        found = self._ledger.latest(RULED, source, [ref])
        return found[0] if found else None

    def _append(self, facts: list[Fact]) -> None:
        self._ledger.append(facts, self._clock)

    # Drafts

    def drafts(self) -> list[Waits]:
        """Return the drafts of events that wait for a person, the surest first."""
        waiting: dict[tuple[str, str], Entry] = {}
        ruled = set()
        for one in self._ledger.entries(kinds=(DRAFT, RULED)):
            if one.kind == DRAFT:
                waiting[one.source, one.ref] = one
            else:
                ruled.add((one.source, one.ref))
        left = [one for key, one in waiting.items() if key not in ruled]
        found = [_draft(one) for one in self._persons.open(left)]
        return sorted(found, key=lambda one: (-one.confidence, one.event.source, one.event.ref))

    def accept_draft(self, key: str, *, by: str | None = None, why: str | None = None) -> Event:
        """Take a draft for an event, which scores from now on.

        `key`: its ref or the beginning of it, or `source:ref`.
        """
        return self._judge(self._waits(key), "accept", by, why)

    def reject_draft(self, key: str, *, by: str | None = None, why: str | None = None) -> Event:
        """Leave a draft out, for good: told again, it does not wait again."""
        return self._judge(self._waits(key), "reject", by, why)

    def accept_drafts(
        self, confidence: float, *, by: str | None = None, why: str | None = None
    ) -> list[Event]:
        """Take every draft that waits with at least this confidence, 0 to 1, for an event."""
        if not 0 <= confidence <= 1:
            raise UsageError(f"expected a confidence from 0 to 1, got {confidence}")
        sure = [one for one in self.drafts() if one.confidence >= confidence]
        return [self._judge(one, "accept", by, why, confidence) for one in sure]

    def _waits(self, key: str) -> Waits:
        waiting = [(one, (one.event.ref, one.event.key)) for one in self.drafts()]
        found = [one for one, names in waiting if key in names] or [
            one for one, names in waiting if key and any(name.startswith(key) for name in names)
        ]
        if len(found) != 1:
            which = "several drafts that wait begin" if found else "no draft that waits begins"
            raise UsageError(f"{which} with {key!r}: `riskmon drafts review`")
        return found[0]

    def _judge(
        self,
        draft: Waits,
        verdict: Literal["accept", "reject"],
        by: str | None,
        why: str | None,
        confidence: float | None = None,
    ) -> Event:
        event = draft.event
        facts = [_ruling(event.source, event.ref, verdict, by, why, confidence=confidence)]
        if verdict == "accept":  # the very body of the draft, sealed where it names a person
            (told,) = self._ledger.latest(DRAFT, event.source, [event.ref])
            facts.append(Fact("event.recorded", event.source, event.ref, told.body))
        self._append(facts)
        self._matched(Report())
        return event


def _ruling(
    source: str,
    ref: str,
    verdict: str,
    by: str | None,
    why: str | None,
    **more: Any,
) -> Fact:
    data = {"source": source, "ref": ref, "verdict": verdict, "by": by, "why": why}
    ruling = check(Ruling, data | more)
    if isinstance(ruling, list):
        raise UsageError("; ".join(map(str, ruling)))
    return Fact(RULED, source, ref, body(ruling))


def _draft(entry: Entry) -> Waits:
    event = Event.model_validate_json(entry.body)
    said = event.attributes
    sure = said.get("confidence")
    return Waits(
        event, str(said.get("sentence", "")), sure if isinstance(sure, int | float) else 0.0
    )
