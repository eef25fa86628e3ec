"""Forgery: what is done to a ledger's rows, behind its guards, is named, and where it begins."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing

import pytest

from riskmon.errors import VerificationError
from riskmon.evidence import chained
from riskmon.ledger import Ledger
from riskmon.settings import Config
from riskmon.witness import Witness
from tests.builders import forge
from tests.test_damage import COLUMNS, LAST, NEW, NOW, Rows, fill, rows

PLACE = 30
"""Of the entry that is forged."""

TEXTS = ("kind", "source", "ref", "recorded_at", "body", "hash")


@pytest.fixture
def ledger(url: str) -> Iterator[Ledger]:
    """Make a ledger of 60 entries, on each kind of database."""
    with closing(Ledger(url)) as made:
        fill(made, 1, LAST)
        yield made


def verified(ledger: Ledger) -> tuple[str, int]:
    """Return the finding of `verify` and its position."""
    with Witness(ledger.engine.url.render_as_string(False), lambda: NOW, Config()) as witness:  # noqa: FBT003
        try:
            return "", witness.verify().head.position
        except VerificationError as error:
            return error.finding, error.position


CHANGES = {
    "position": "1000",
    "kind": "'event.withdrawn'",
    "source": "'other'",
    "ref": "'other'",
    "revision": "revision + 1",
    "recorded_at": "'2023-01-01T00:00:00.000000Z'",
    "body": "body || ' '",
    "hash": f"'{'0' * 64}'",
}


def test_a_change_of_any_column_is_named(ledger: Ledger) -> None:
    """`changed`, and the first position that is not as it was hashed; put back, all is well."""
    row = dict(zip(COLUMNS.split(", "), rows(ledger)[PLACE - 1], strict=True))
    found = {}
    for column, change in CHANGES.items():
        place = 1000 if column == "position" else PLACE
        forge(ledger.engine, f"UPDATE entry SET {column} = {change} WHERE position = {PLACE}")
        found[column] = verified(ledger)
        forge(
            ledger.engine, f"UPDATE entry SET {column} = '{row[column]}' WHERE position = {place}"
        )
    assert dict.fromkeys(CHANGES, ("changed", PLACE)) == found
    assert ("", LAST) == verified(ledger)


@pytest.mark.parametrize("url", ["sqlite"], indirect=True)
@pytest.mark.parametrize("place", [PLACE, LAST])
def test_a_change_of_type_is_named(ledger: Ledger, place: int) -> None:
    """The same bytes as a BLOB are another value: no query that asks for the text finds it."""
    found = {}
    for column in TEXTS:
        update = f"UPDATE entry SET {column} = CAST({column} AS %s) WHERE position = {place}"
        forge(ledger.engine, update % "BLOB")
        found[column] = verified(ledger)
        forge(ledger.engine, update % "TEXT")
    assert dict.fromkeys(TEXTS, ("changed", place)) == found


@pytest.mark.parametrize("url", ["sqlite"], indirect=True)
@pytest.mark.parametrize("column", ["recorded_at", "hash"])
def test_nothing_is_appended_to_a_last_entry_of_another_type(ledger: Ledger, column: str) -> None:
    """What an append stands on is looked at."""
    forge(ledger.engine, f"UPDATE entry SET {column} = CAST({column} AS BLOB)")
    with pytest.raises(VerificationError):
        ledger.append([NEW], lambda: NOW)


def rewriting(before: Rows) -> list[str]:
    """Return what changes an entry, and makes the chain after it anew."""
    statements = []
    previous = str(before[PLACE - 2][7])
    for row in before[PLACE - 1 :]:
        *columns, _ = row
        columns[6] = "{}" if row[0] == PLACE else row[6]
        previous = chained(previous.encode(), "\0".join(map(str, columns)).encode())
        statements.append(
            f"UPDATE entry SET body = '{columns[6]}', hash = '{previous}' WHERE position = {row[0]}"
        )
    return statements


def swapping(before: Rows) -> list[str]:
    one, other = before[PLACE - 1], before[PLACE + 5]
    return [
        f"UPDATE entry SET body = '{other[6]}' WHERE position = {one[0]}",
        f"UPDATE entry SET body = '{one[6]}' WHERE position = {other[0]}",
    ]


ATTACKS: dict[str, tuple[Callable[[Rows], list[str]], tuple[str, int]]] = {
    "two bodies are swapped": (swapping, ("changed", PLACE)),
    "one is removed": (lambda _: ["DELETE FROM entry WHERE position = 30"], ("changed", PLACE)),
    "the last is removed": (lambda _: ["DELETE FROM entry WHERE position = 60"], ("cut", LAST)),
    "the tail is cut": (lambda _: ["DELETE FROM entry WHERE position > 29"], ("cut", PLACE)),
    "all are removed": (lambda _: ["DELETE FROM entry"], ("cut", 1)),
    "the chain is made anew": (rewriting, ("rewritten", LAST)),
}


@pytest.mark.parametrize("attack", ATTACKS)
def test_an_attack_by_sql_is_named(ledger: Ledger, attack: str) -> None:
    """By somebody who owns the database, not the file of the head; then nothing is appended."""
    statements, expected = ATTACKS[attack]
    forge(ledger.engine, *statements(rows(ledger)))
    assert expected == verified(ledger)
    if expected[0] == "changed":
        return
    left = rows(ledger)
    with pytest.raises(VerificationError) as refusal:
        ledger.append([NEW], lambda: NOW)
    assert expected == (refusal.value.finding, refusal.value.position)
    assert left == rows(ledger)
