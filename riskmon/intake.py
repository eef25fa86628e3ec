"""What a user gives, row by row: a path, an open file or an iterable; and what each row records."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime
from os import PathLike
from pathlib import Path
from typing import Any, BinaryIO, cast

from riskmon.errors import InputError, Problem
from riskmon.ledger import Fact, Ledger
from riskmon.model import Company, Event, Rejected, Row, Withdrawal
from riskmon.results import Report
from riskmon.sources import Read, jsonl

OWN = "riskmon"
"""The `source` of what riskmon's user declares and publishes."""

log = logging.getLogger("riskmon")

Input = str | PathLike[str] | BinaryIO | Iterable[Any]
One = Callable[[int, str, object], Row]
"""From line number, raw text and JSON to a row."""


BATCH = 1000


def take(
    ledger: Ledger,
    given: Input,
    read: Read,
    one: One,
    clock: Callable[[], datetime],
    rejects: Path,
) -> Report:
    """Append what `given` tells, a batch a transaction; write what is refused to `rejects`."""
    with rows(given, read, one, rejects) as (name, given_rows):
        report = Report(name)
        for batch in _batches(given_rows):
            before = len(report.rejected)
            _store(ledger, batch, clock, report)
            if fresh := report.rejected[before:]:
                report.rejects = _write(rejects, fresh, clock())
    return report


def _batches(given: Iterator[Row]) -> Iterator[list[Row]]:
    """Yield the rows in batches; where the giver fails, what it gave before comes first."""
    batch: list[Row] = []
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


def _store(ledger: Ledger, batch: list[Row], clock: Callable[[], datetime], report: Report) -> None:
    kept: list[tuple[Row, Fact]] = []
    missing = _undeclared(ledger, batch)
    for row in batch:
        told = row.told
        problems = told if isinstance(told, list) else _strangers(told, missing)
        if isinstance(told, list) or problems:
            report.reject(row, problems[0].field, "; ".join(map(str, problems)))
        else:
            kept.append((row, _fact(told)))
    outcomes = ledger.append([fact for _, fact in kept], clock)
    for (row, _), outcome in zip(kept, outcomes, strict=True):
        if outcome == "unknown":
            reason = "ref: expected the source and ref of a report, got one never told"
            report.reject(row, "ref", reason)
        else:
            report.count(row, outcome)


def _undeclared(ledger: Ledger, batch: list[Row]) -> set[str]:
    named = {
        party.company
        for row in batch
        if isinstance(row.told, Event)
        for party in row.told.parties
        if party.company is not None
    }
    return named - ledger.known("company.declared", OWN, named) if named else set()


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


def _fact(told: Event | Withdrawal | Company) -> Fact:
    """Return what the ledger is to record of a row."""
    # Canonical: fields in the order of model.py, those left out absent, maps sorted by validation.
    body = told.model_dump_json(exclude_defaults=True)
    if isinstance(told, Company):
        return Fact("company.declared", OWN, told.id, body)
    kind = "event.recorded" if isinstance(told, Event) else "event.withdrawn"
    return Fact(kind, told.source, told.ref, body)


def _strangers(told: Event | Withdrawal | Company, missing: set[str]) -> list[Problem]:
    """Return a problem for each party that names a company which nobody has declared."""
    if not missing or not isinstance(told, Event):
        return []
    advice = "declare it first and ingest this again, or give only its `name`"
    return [
        Problem(
            f"expected the id of a declared company, got {party.company!r}: {advice}",
            field=f"parties[{index}].company",
        )
        for index, party in enumerate(told.parties)
        if party.company in missing
    ]
