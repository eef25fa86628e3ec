"""Lists of names: A, B and C."""

from __future__ import annotations

from collections.abc import Sequence

from riskmon.coding.pieces import Chunk


def names_of(found: Sequence[Chunk], place: int) -> list[int]:
    """Return the names of a list that ends at a place: A, B and C."""
    several = [place]
    links = {"and", "&"}
    while place > 1 and found[place - 1].lower in links:
        place -= 1 + (found[place - 2].lower == ",")  # A, B, and C
        if place < 1 or not found[place - 1].party:
            break
        place -= 1
        several.insert(0, place)
        links = {"and", "&", ","}
    return several


def first_of_list(found: Sequence[Chunk], place: int) -> int:
    """Return the first name of a list that ends at a place."""
    return names_of(found, place)[0]


def only_names(inside: Sequence[Chunk]) -> bool:
    """Whether an insertion is a list of names: two firms, A and B, were."""
    joined = any(one.lower == "and" for one in inside)
    return joined and all(one.party or one.lower in {"and", ","} for one in inside)
