"""The pieces of a sentence: what one is, and the day of what is told at one."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import NamedTuple

from riskmon.coding import dates
from riskmon.coding.kinds import AUTHORITY, COMPANY, OTHER, PERSON, PRODUCT, UNKNOWN

WORD, MARK, DATE, NUMBER, ANALYST = "w", ".", "t", "n", "y"
PARTIES = frozenset({COMPANY, UNKNOWN, PERSON, AUTHORITY, OTHER, PRODUCT})
ENDS = frozenset({";", "which", "who", "after", "while", "but", "that", "will"})
"""Words at which the clause of a verb ends, as far as its date goes."""


class Chunk(NamedTuple):
    """A piece of a sentence: its kind's letter, text, what it names, and where it stands."""

    kind: str
    text: str
    lower: str
    key: str
    """Of whom it speaks (see Names); empty where that has no name."""
    start: int
    end: int
    spoken: bool
    pronoun: bool = False

    @property
    def party(self) -> bool:
        """Whether it may fill a slot of a frame."""
        return self.kind in PARTIES


def day_of(
    found: Sequence[Chunk], place: int, when: Sequence[dates.Found], day: date | None
) -> tuple[date | None, str, bool]:
    """Return the day of what the chunk at `place` tells, its precision, and whether it is told.

    It is the first date after the verb in its clause, else the last one before it there, else
    the story's day. What is still to come is none.
    """
    after = before = None
    for number in range(place + 1, len(found)):
        one = found[number]
        goes_on = one.lower.endswith("ing") and found[number - 1].lower == ","
        joined = one.lower == "and" and found[number - 1].lower == ","
        if one.lower in ENDS or joined or (goes_on and number > place + 1):
            break
        if one.kind == DATE:
            after = _at(one, when)
            break
    for number in range(place - 1, -1, -1):
        one = found[number]
        if one.lower in {";", "but"}:
            break
        if one.kind == DATE and not _inserted(found, number, place):
            before = _at(one, when)
            break
    for told in (after, before):
        if told is not None and not told.ahead and not (told.day and day and told.day > day):
            return told.day, told.precision, True
    return day, "day", False


def _inserted(found: Sequence[Chunk], number: int, place: int) -> bool:
    """Whether a date is of an insertion before a verb: X, set up in 2016 by Y, was."""
    opened = max((n for n in range(number) if found[n].lower == ","), default=0)
    closed = any(one.lower == "," for one in found[number:place])
    return bool(opened) and closed and number > opened + 1


def _at(one: Chunk, when: Sequence[dates.Found]) -> dates.Found | None:
    return next((told for told in when if one.start <= told.start < one.end), None)
