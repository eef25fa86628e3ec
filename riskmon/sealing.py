"""Ranges that get no more entries are put into the archive, and what is there is checked."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from riskmon.archive import Archive, Archived
from riskmon.database import driver, reading
from riskmon.errors import InputError, VerificationError
from riskmon.evidence import GENESIS, chained
from riskmon.ledger import Ledger
from riskmon.log import changed
from riskmon.progress import counted
from riskmon.tables import Stored


def seal(ledger: Ledger, folder: Path, before: int | None) -> list[Archived]:
    """Put the sealed ranges that are in the database into a folder, and say how to take them out.

    Sealed is a range that ends before the last entry. `before`: only those that end before a
    position. Each is hashed again on its way, and again as it was written; what was there already
    is checked alike. Nothing is taken out of the database here.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"{folder}: cannot be a folder: {error.strerror}") from None
    archive = Archive(folder)
    with reading(ledger.engine) as connection:
        sealed = ledger.database.sealed(driver(connection))
    there = {(one.first, one.last): one for one in archive.files()}
    found = []
    for first, last, detach in sealed:
        if before is not None and last >= before:
            break
        previous = _hash_before(archive, first)
        head = ledger.at(last).hash
        file = there.get((first, last))
        if file is None:
            what = f"archiving entries {first:,} to {last:,}"
            entries = counted(_hashed(ledger, first, last, previous), what, last - first + 1)
            file = archive.write(first, last, entries)
        digest = archive.check(file, previous, head)
        found.append(Archived(first, last, str(file.path), digest, head, detach))
    return found


def check(ledger: Ledger) -> None:
    """Raise VerificationError where the archive differs from ranges still in the database."""
    gone = ledger.gone()
    size = ledger.size()
    for file in ledger.archive.files():
        if file.last > size:
            raise VerificationError(
                f"{file.path} has entries up to {file.last:,}, the ledger ends at {size:,}: its "
                "tail was cut, or it is another ledger's archive",
                finding="cut",
                position=size + 1,
            )
        if file.last > gone:
            before = _hash_before(ledger.archive, file.first)
            ledger.archive.check(file, before, ledger.at(file.last).hash)


def _hash_before(archive: Archive, first: int) -> str:
    """Return the hash of the entry before a range; all ranges before it are in the archive."""
    return next(archive.some([first - 1])).hash if first > 1 else GENESIS


def _hashed(ledger: Ledger, first: int, last: int, previous: str) -> Iterator[Stored]:
    """Yield the entries of a range; refuse at the first that is not what was hashed."""
    with reading(ledger.engine) as connection:
        stored = ledger.database.stored(driver(connection), first - 1, last)
        position = first - 1
        for position, (found, columns, hash_) in enumerate(stored, first):
            previous = chained(previous.encode(), columns)
            if found != position or previous.encode() != hash_:
                raise changed(position, found)
            yield found, columns, hash_
        if position != last:
            raise changed(position + 1, last)
