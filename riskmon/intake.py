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
from typing import Any, BinaryIO, NamedTuple, cast

from riskmon.errors import InputError, Problem
from riskmon.ledger import Fact, Ledger
from riskmon.model import Company, Event, Rejected, Row, Withdrawal, canonical
from riskmon.persons import Persons, named
from riskmon.results import Report
from riskmon.sources import Read, jsonl

OWN = "riskmon"
"""The `source` of what riskmon's user declares and publishes."""

log = logging.getLogger("riskmon")

Input = str | PathLike[str] | BinaryIO | Iterable[Any]
One = Callable[[int, str, object], Row]
"""From line number, raw text and JSON to a row."""


BATCH = 1000


class _Pending(NamedTuple):
    """A row that waits for its batch. Of a good one little is kept: what is kept costs time."""

    line: int
    raw: str
    """Empty where nothing can be wrong with the row any more."""
    fact: Fact | None
    """None for a row with problems."""
    problems: Sequence[Problem]
    type: str
    companies: Sequence[str | None]
    """The id that each party names, if any; empty where all are known."""
    event: Event | None
    """Kept where it names a person: the body is sealed with the batch."""


class Intake:
    """Takes rows in, a batch a transaction, and writes what is refused to the file `rejects`."""

    def __init__(
        self, ledger: Ledger, persons: Persons, clock: Callable[[], datetime], rejects: Path
    ) -> None:
        self._ledger = ledger
        self._persons = persons
        self._clock = clock
        self._rejects = rejects
        self._declared: set[str | None] = {None}
        """Ids that are known to be declared, and none; they stay so."""

    def take(self, given: Input, read: Read, one: One) -> Report:
        """Append what `given` tells, and return what became of it."""
        with rows(given, read, one, self._rejects) as (name, given_rows):
            report = Report(name)
            for batch in _batches(map(self._pending, given_rows)):
                before = len(report.rejected)
                self._store(batch, report)
                fresh = sorted(report.rejected[before:], key=lambda one: one.line)
                if fresh:
                    report.rejected[before:] = fresh
                    report.rejects = _write(self._rejects, fresh, self._clock())
        return report

    def _pending(self, row: Row) -> _Pending:
        line, raw, told, body = row
        if isinstance(told, list):
            return _Pending(line, raw, None, told, "", (), None)
        body = body or canonical(told)
        if isinstance(told, Event):
            fact = Fact("event.recorded", told.source, told.ref, body)
            event = told if named(told) else None
            companies = [party.company for party in told.parties]
            if self._declared.issuperset(companies):
                return _Pending(line, "", fact, (), told.type, (), event)
            return _Pending(line, raw, fact, (), told.type, companies, event)
        if isinstance(told, Company):
            return _Pending(
                line, "", Fact("company.declared", OWN, told.id, body), (), "", (), None
            )
        fact = Fact("event.withdrawn", told.source, told.ref, body)
        return _Pending(line, raw, fact, (), "", (), None)

    def _store(self, batch: list[_Pending], report: Report) -> None:
        missing = self._undeclared(batch)
        good: list[_Pending] = []
        for row in batch:
            problems = row.problems or (_strangers(row.companies, missing) if missing else ())
            if problems:
                report.reject(row.line, row.raw, problems)
            else:
                good.append(row)
        outcomes = self._ledger.append(self._facts(good), self._clock)
        report.count(outcomes, [row.type for row in good])
        if "unknown" in outcomes:
            for row, outcome in zip(good, outcomes, strict=True):
                if outcome == "unknown":
                    report.reject(row.line, row.raw, [NEVER_TOLD])

    def _facts(self, rows: list[_Pending]) -> list[Fact]:
        facts = [row.fact for row in rows if row.fact is not None]
        if secret := [row.event for row in rows if row.event is not None]:
            bodies = iter(self._persons.seal(secret))
            facts = [
                fact if row.event is None else fact._replace(body=next(bodies))
                for row, fact in zip(rows, facts, strict=True)
            ]
        return facts

    def _undeclared(self, batch: list[_Pending]) -> set[str]:
        named = {one for row in batch for one in row.companies if one is not None}
        unsure = named - self._declared
        if unsure:
            self._declared |= self._ledger.known("company.declared", OWN, unsure)
        return unsure - self._declared


NEVER_TOLD = Problem("expected the source and ref of a report, got one never told", field="ref")


def _batches(given: Iterator[_Pending]) -> Iterator[list[_Pending]]:
    """Yield the rows in batches; where the giver fails, what it gave before comes first."""
    batch: list[_Pending] = []
    try:
        for row in given:
            batch.append(row)
            if len(batch) == BATCH:
                yield batch
                batch = []
    except Exception:
        if batch:
            yield batch
        raise
    if batch:
        yield batch


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
    return (one_company(*row) for row in jsonl.rows(stream))


def one_company(line: int, raw: str, data: object) -> Row:
    """Return one company, or the problems with it."""
    return jsonl.checked(Company, line, raw, data)


@contextmanager
def rows(given: Input, read: Read, one: One, rejects: Path) -> Iterator[tuple[str, Iterator[Row]]]:
    """Give the name of an input and its rows."""
    if isinstance(given, str | PathLike):
        path = Path(given)
        try:
            stream = path.open("rb")
        except OSError as error:
            raise InputError(f"{path}: cannot be read: {error.strerror}") from None
        with stream:
            if rejects.exists() and rejects.samefile(path):
                raise InputError(f"{path}: is the file that refused rows are written to")
            yield str(path), read(stream)
    elif hasattr(given, "read"):
        opened = cast("BinaryIO", given)
        if isinstance(given, io.TextIOBase):  # the rest of a text file, from where it stands
            opened = io.BytesIO(given.read().encode("utf-8", "backslashreplace"))
        yield str(getattr(given, "name", "input")), read(opened)
    else:
        yield "input", (_given(number, data, one) for number, data in enumerate(given, 1))


def _given(number: int, data: Any, one: One) -> Row:
    if isinstance(data, Event | Withdrawal | Company):
        return Row(number, data.model_dump_json(exclude_defaults=True), data)
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
