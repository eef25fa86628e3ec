"""A copy of a ledger, byte for byte, while others write to it.

Entries never change, so a copy of those up to a head is a whole ledger, whatever is appended
meanwhile; it is read in pieces, and no writer waits for it.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from riskmon.database import driver, reading, writing
from riskmon.errors import InputError
from riskmon.evidence import EMPTY, Head
from riskmon.heads import sync_folder
from riskmon.ledger import Ledger
from riskmon.progress import counted
from riskmon.tables import cursor, message, person, run, snapshot, stance

PIECE = 10_000


def copy(ledger: Ledger, target: str) -> Head:
    """Copy `ledger` to `target`, a new SQLite file or the URL of an empty database.

    Each entry is hashed again on its way, so a damaged ledger is not copied as if it were whole.
    A file appears once it is complete. Returns the copy's head, kept beside it too.
    """
    if "://" in target:
        return _copy(ledger, target)
    if not target or "?" in target or "%" in target:
        raise InputError(f"expected the name of a file, without ? and %, got {target!r}")
    file = Path(target)
    part, heads, *logs = (
        file.with_name(f"{file.name}{ending}") for ending in (".part", ".head", "-wal", "-shm")
    )
    try:
        for one in (file, heads, part, *logs):
            if one.exists():
                raise InputError(f"{one}: is there already: name another file, or move it away")
    except OSError as error:
        raise InputError(f"{file}: cannot be a file: {error.strerror}") from None
    try:
        head = _copy(ledger, f"sqlite:///{part}")
        kept = part.with_name(f"{part.name}.head")
        if kept.exists():  # an empty ledger has no head
            kept.replace(heads)
        part.replace(file)
        sync_folder(file.parent)
    except BaseException:
        for ending in ("", "-wal", "-shm", ".head"):
            part.with_name(part.name + ending).unlink(missing_ok=True)
        raise
    return head


def _copy(ledger: Ledger, url: str) -> Head:
    other = Ledger(url)
    try:
        if other.kept is None:
            raise InputError("a copy in memory is gone at once: name a file")
        if other.head().position:
            raise InputError(f"{other.engine.url!s} holds entries: a copy needs an empty database")
        last = EMPTY
        for rows in _pieces(ledger):
            with writing(other.engine) as connection:
                other.database.insert(driver(connection), rows)
            last = Head(rows[-1][0], rows[-1][7], rows[-1][5])
        _copy_rest(ledger, other, last.position)
        if last.position:
            with other.kept.held() as held:
                held.keep(last)
    finally:
        other.close()
    return last


def _copy_rest(ledger: Ledger, other: Ledger, position: int) -> None:
    """Copy the keys of persons, and as far as `position` what runs found and have to tell.

    Keys after entries: each entry's key is among them. A copy that takes the ledger's place sends
    what still waits, under the same keys.
    """
    known = run.c.position.is_(None) | (run.c.position <= position)
    asked = {
        person: sa.select(person),
        snapshot: sa.select(snapshot).where(snapshot.c.position <= position),
        run: sa.select(run).where(run.c.state != "open", known),
        cursor: sa.select(cursor).where(cursor.c.position <= position),
        stance: sa.select(stance),
        message: sa.select(message),
    }
    with reading(ledger.engine) as connection:
        found = {
            table: [row._asdict() for row in connection.execute(query)]
            for table, query in asked.items()
        }
    with writing(other.engine) as connection:
        for table, rows in found.items():
            if rows:
                connection.execute(sa.insert(table), rows)


def _pieces(ledger: Ledger) -> Iterator[list[tuple[Any, ...]]]:
    """Yield all columns of the entries, as text, and verified."""
    piece: list[tuple[Any, ...]] = []
    size = ledger.size()
    for columns, hash_ in counted(ledger.verified(size), "copying entries", size):
        position, kind, source, ref, revision, recorded_at, body = columns.decode().split("\0", 6)
        piece.append((int(position), kind, source, ref, int(revision), recorded_at, body, hash_))
        if len(piece) == PIECE:
            yield piece
            piece = []
    if piece:
        yield piece
