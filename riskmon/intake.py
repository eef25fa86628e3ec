"""What a user gives, row by row: a path, an open file or an iterable; and what each row records."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from os import PathLike
from pathlib import Path
from typing import Any, BinaryIO, cast

from riskmon.decisions import DRAFT, HOLDING, LINK, READ
from riskmon.errors import InputError, Problem
from riskmon.formats import json_lines, packed
from riskmon.ledger import Fact, Ledger, Unmoved
from riskmon.model import (
    Company,
    Draft,
    Event,
    Holding,
    Link,
    Note,
    Noun,
    Row,
    Withdrawal,
    canonical,
)
from riskmon.persons import Persons, named
from riskmon.progress import counted
from riskmon.reports import Rejected, Report
from riskmon.sources import Read, jsonl
from riskmon.spells import Copy
from riskmon.validation import shown

OWN = "riskmon"
"""The `source` of what riskmon's user declares and publishes."""

log = logging.getLogger("riskmon")

Input = str | PathLike[str] | BinaryIO | Iterable[Any]
One = Callable[[int, str, object], Row]
"""From line number, raw text and JSON to a row."""


BATCH = 1000
MOST_REF = 400


class Intake:
    """Takes rows in, a batch a transaction, and writes what is refused to the file `rejects`.

    Of a row that nothing can be wrong with any more only the fact is kept: what is kept costs time.
    """

    def __init__(
        self, ledger: Ledger, persons: Persons, clock: Callable[[], datetime], rejects: Path
    ) -> None:
        self._ledger = ledger
        self._persons = persons
        self._clock = clock
        self._rejects = rejects
        self._declared: set[str | None] = {None}
        """Ids that are known to be declared, and none; they stay so."""
        self._facts: list[Fact] = []
        self._types: list[str] = []
        """Of each fact the event's type, empty for what is no event."""
        self._unsure: dict[int, Row] = {}
        """Rows that may be refused yet, or whose body is sealed with the batch; by fact."""
        self._refused: list[tuple[Row, Sequence[Problem]]] = []

    def take(self, given: Input, read: Read, one: One) -> Report:
        """Append what `given` tells, and return what became of it."""
        with rows(given, read, one, self._rejects) as (name, given_rows):
            report = Report(name)
            for _ in self._filled(counted(given_rows, f"reading {name}"), report):
                self._store(report)
        return report

    def take_in(self, name: str, copy: Iterable[Row], last: str | None) -> Report:
        """Append what a copy of a list tells: each part of it in one transaction.

        `last`: the ref of the entry of the copy before. Raises MovedError where it is not the last.
        """
        report = Report(name)
        for row in copy:
            self._add(row, report)
            if isinstance(row.told, Copy):
                self._store(report, Unmoved(READ, row.told.source, last))
                last = row.told.ref
        self._store(report)
        return report

    def _filled(self, given: Iterator[Row], report: Report) -> Iterator[None]:
        """Yield where a batch is full, and last; where the giver fails, too, before it is said."""
        last = None
        try:
            for row in given:
                self._add(row, report)
                if row.line != last and not isinstance(row.told, Note):
                    report.rows, last = report.rows + 1, row.line
                if len(self._facts) + len(self._refused) == BATCH:
                    yield
        except Exception:
            yield
            raise
        yield

    def _add(self, row: Row, report: Report) -> None:
        _, _, told, body = row
        if isinstance(told, Event):
            companies = [party.company for party in told.parties]
            if not self._declared.issuperset(companies) or named(told):
                self._unsure[len(self._facts)] = row
            made = Fact("event.recorded", told.source, told.ref, body or canonical(told))
            self._facts.append(made)
            self._types.append(told.type)
        elif isinstance(told, list):
            self._refused.append((row, told))
        elif isinstance(told, Note):
            report.notes.append(told.text)
        elif isinstance(told, Draft) and (wrong := _ungrounded(told)):
            self._refused.append((row, wrong))
        else:
            made = fact(told)
            self._unsure[len(self._facts)] = row
            self._facts.append(made)
            self._types.append(made.kind if isinstance(told, Copy | Draft) else "")

    def _store(self, report: Report, unmoved: Unmoved | None = None) -> None:
        self._refuse_strangers()
        report.ignored += self._ignore_strangers()
        self._seal()
        outcomes = self._ledger.append(self._facts, self._clock, unmoved)
        report.count(outcomes, self._types)
        self._refused += [
            (row, [NEVER_TOLD])
            for index, row in self._unsure.items()
            if outcomes[index] == "unknown"
        ]
        for row, problems in sorted(self._refused, key=lambda pair: pair[0].line):
            report.reject(row.line, row.raw, problems)
        if self._refused:
            fresh = report.rejected[-len(self._refused) :]
            report.rejects = _write(self._rejects, fresh, self._clock())
        self._facts, self._types, self._unsure, self._refused = [], [], {}, []

    def _refuse_strangers(self) -> None:
        """Take out the events that name a company which nobody has declared."""
        named = {
            index: [party.company for party in event.parties]
            for index, event in self._events().items()
        }
        asked = {one for ids in named.values() for one in ids if one is not None}
        if asked - self._declared:
            self._declared |= self._ledger.known("company.declared", OWN, asked)
        missing = asked - self._declared
        strangers = {index for index, ids in named.items() if not missing.isdisjoint(ids)}
        self._refused += [
            (self._unsure[index], _strangers(named[index], missing)) for index in strangers
        ]
        self._leave_out(strangers)

    def _ignore_strangers(self) -> int:
        """Leave out who owns companies that nobody declared, and return how many these are."""
        held = {
            index: row.told.company
            for index, row in self._unsure.items()
            if isinstance(row.told, Holding)
        }
        if not held:
            return 0
        asked = set(held.values()) - self._declared
        self._declared |= self._ledger.known("company.declared", OWN, [one for one in asked if one])
        self._declared |= {
            row.told.id for row in self._unsure.values() if isinstance(row.told, Company)
        }
        strangers = {index for index, company in held.items() if company not in self._declared}
        self._leave_out(strangers)
        return len(strangers)

    def _events(self) -> dict[int, Event]:
        """Return the events, and drafts of such, among the rows that may be refused or sealed."""
        told = {
            index: row.told.event if isinstance(row.told, Draft) else row.told
            for index, row in self._unsure.items()
        }
        return {index: event for index, event in told.items() if isinstance(event, Event)}

    def _leave_out(self, some: set[int]) -> None:
        """Take out some facts."""
        if not some:
            return
        kept = [index for index in range(len(self._facts)) if index not in some]
        self._facts = [self._facts[index] for index in kept]
        self._types = [self._types[index] for index in kept]
        self._unsure = {
            place: self._unsure[index] for place, index in enumerate(kept) if index in self._unsure
        }

    def _seal(self) -> None:
        """Seal the bodies of the events that name persons."""
        secret = {index: event for index, event in self._events().items() if named(event)}
        if secret:
            bodies = self._persons.seal(list(secret.values()))
            for index, body in zip(secret, bodies, strict=True):
                self._facts[index] = self._facts[index]._replace(body=body)


def _ungrounded(draft: Draft) -> list[Problem]:
    """Return what is wrong with how sure a draft is, and with its ground."""
    said = draft.event.attributes
    sure = said.get("confidence")
    problems = []
    if isinstance(sure, bool) or not isinstance(sure, int | float) or not 0 <= sure <= 1:
        told = f"expected a number from 0 to 1, got {shown(sure)}"
        problems.append(Problem(told, field="attributes.confidence"))
    if not isinstance(said.get("sentence"), str):
        problems.append(Problem("expected the sentence it stands on", field="attributes.sentence"))
    return problems


NEVER_TOLD = Problem("expected the source and ref of a report, got one never told", field="ref")


def fact(told: Noun | Draft) -> Fact:
    """Return what is to be an entry."""
    if isinstance(told, Draft):
        return Fact(DRAFT, told.event.source, told.event.ref, canonical(told.event))
    if isinstance(told, Copy):
        return Fact(READ, told.source, told.ref, canonical(told))
    if isinstance(told, Company):
        return Fact("company.declared", OWN, told.id, canonical(told))
    if isinstance(told, Withdrawal):
        return Fact("event.withdrawn", told.source, told.ref, canonical(told))
    if isinstance(told, Link):
        return Fact(LINK, told.source, f"{told.ref} {told.owner}"[:MOST_REF], canonical(told))
    if not isinstance(told, Holding):
        raise TypeError(f"expected what a source tells, got {type(told).__name__}")
    since = f" {told.since:%Y-%m-%dT%H:%M:%S.%fZ}" if told.since else ""
    return Fact(HOLDING, OWN, f"{told.company} {told.owner}{since}", canonical(told))


def _write(file: Path, rejected: list[Rejected], now: datetime) -> Path | None:
    at = f"{now:%Y-%m-%dT%H:%M:%SZ}"
    try:
        with file.open("a", encoding="utf-8", errors="backslashreplace") as out:
            for one in rejected:
                out.write(
                    json.dumps({"rejected_at": at, **one._asdict()}, ensure_ascii=False) + "\n"
                )
    except OSError as error:  # what was stored is stored: the report has the refusals
        log.warning("the refused rows cannot be written to %s: %s", file, error.strerror)
        return None
    return file


def read_companies(stream: BinaryIO) -> Iterator[Row]:
    """Yield a row for each company, one JSON object a line."""
    return (one_company(*row) for row in json_lines.rows(stream))


def one_company(line: int, raw: str, data: object) -> Row:
    """Return one company, or the problems with it."""
    return jsonl.checked(Company, line, raw, data)


@contextmanager
def rows(given: Input, read: Read, one: One, rejects: Path) -> Iterator[tuple[str, Iterator[Row]]]:
    """Give the name of an input and its rows."""
    if isinstance(given, str | PathLike):
        path = Path(given)
        with packed.parts(path) as parts:
            if len(parts) != 1:
                raise InputError(f"{path}: expected one file, got {len(parts)}: name one of them")
            if rejects.exists() and rejects.samefile(path):
                raise InputError(f"{path}: is the file that refused rows are written to")
            (opener,) = parts.values()
            with opener() as stream:
                yield str(path), read(stream)
    elif hasattr(given, "read"):
        opened = cast("BinaryIO", given)
        if isinstance(given, io.TextIOBase):  # the rest of a text file, from where it stands
            opened = io.BytesIO(given.read().encode("utf-8", "backslashreplace"))
        yield str(getattr(given, "name", "input")), read(opened)
    else:
        yield "input", (_given(number, data, one) for number, data in enumerate(given, 1))


def _given(number: int, data: Any, one: One) -> Row:
    if isinstance(data, Event | Withdrawal | Company | Holding | Link):
        body = canonical(data)
        return Row(number, body, data, body)
    try:
        raw = json.dumps(data, ensure_ascii=False, default=str)
        return one(number, raw, data)
    except (ValueError, TypeError, RecursionError) as error:  # a circle, a depth, a strange key
        return Row(number, "", [Problem(f"expected an object of plain fields: {error}")])


def _strangers(companies: Iterable[str | None], missing: set[str]) -> list[Problem]:
    """Return a problem for each party that names a company which nobody has declared."""
    advice = "declare it first and ingest this again, or give only its `name`"
    return [
        Problem(
            f"expected the id of a declared company, got {company!r}: {advice}",
            field=f"parties[{index}].company",
        )
        for index, company in enumerate(companies)
        if company in missing
    ]
