"""Who is meant by a chunk of a sentence: its maker, its person, whoever was named before."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from riskmon.coding.dictionary import words
from riskmon.coding.kinds import AUTHORITY, COMPANY, PERSON, PLACE, PRODUCT, UNKNOWN
from riskmon.coding.names import Names
from riskmon.coding.pieces import WORD, Chunk

SPOKEN_OF = frozenset({"subject", "more"})


class Told(NamedTuple):
    """Who takes part: role, key of the name (see Names), the kind's letter."""

    role: str
    key: str
    kind: str


def captured(
    chunks: Sequence[Chunk], names: Names, match: re.Match[str], *, cased: bool = False
) -> Iterator[Told]:
    """Yield the parties that a pattern names by its groups."""
    for name, mask in match.groupdict().items():
        role = name.rpartition("_")[0]
        if mask:
            number = int(mask[2:-1])
            if cased and role in SPOKEN_OF:
                person = _of_whom(chunks, number)
                if person is None:
                    continue
                number = person
            yield party(chunks, names, number, "subject" if role in SPOKEN_OF else role)


def party(chunks: Sequence[Chunk], names: Names, number: int, role: str) -> Told:
    """Return the party that a chunk names; of a product, its maker."""
    one = chunks[number]
    if one.kind == PRODUCT:
        maker = names.maker(one.key) or _its_owner(chunks, number)
        return Told(role, maker, COMPANY)
    if one.kind == PLACE:
        return Told(role, one.key, AUTHORITY)
    return Told(role, one.key, one.kind)


def _its_owner(chunks: Sequence[Chunk], number: int) -> str:
    """Return the company of "its" before a product's name."""
    for one in reversed(chunks[max(0, number - 5) : number]):
        if one.pronoun and one.kind in {COMPANY, UNKNOWN}:
            return one.key
    return ""


def _of_whom(chunks: Sequence[Chunk], number: int) -> int | None:
    """Return the chunk of the person meant, where a name only says whose: X's chief, P, or None.

    None is where that person has no name: charges against X's chief are not against X.
    """
    after = chunks[number + 1 : number + 8]
    if not after or after[0].lower != "'s":
        return number
    for place, one in enumerate(after[1:], number + 2):
        if one.kind == PERSON or (one.kind in {COMPANY, UNKNOWN} and _unit(chunks, number, place)):
            return place
        if one.lower not in {",", "former", "then"} and one.kind != WORD:
            break
    return None if any(one.lower in words("person") for one in after[1:4]) else number


def others(told: Sequence[Told], last: str) -> list[Told]:
    """Return parties of whom none buys, or funds, itself: "it" is the company spoken of before."""
    investors = {one.key for one in told if one.role == "investor"}
    return [
        one._replace(key=last if last not in investors else "")
        if one.role == "subject" and one.key in investors
        else one
        for one in told
    ]


def _unit(chunks: Sequence[Chunk], owner: int, place: int) -> bool:
    """Whether a firm is the unit of the one named before it: X's card unit, Y."""
    between = {one.lower for one in chunks[owner + 2 : place]}
    return bool(between & (words("company") | {"arm", "reseller", "branch", "division"}))


def object_before(chunks: Sequence[Chunk], place: int) -> str:
    """Return the company last named before a gerund: A sued B, accusing *it* of theft."""
    named = [
        one.key
        for one in chunks[:place]
        if one.key and not one.pronoun and one.kind in {COMPANY, UNKNOWN}
    ]
    return named[-1] if len(named) > 1 else ""
