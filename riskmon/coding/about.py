"""What an event is about: its topics and its scope."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Protocol, TypeVar

from riskmon.coding import dictionary
from riskmon.coding.kinds import AUTHORITY, PLACE
from riskmon.coding.pieces import Chunk


class HasRole(Protocol):
    """A party with a role."""

    @property
    def role(self) -> str:
        """Its role."""

    @property
    def key(self) -> str:
        """Its name's key."""

    @property
    def kind(self) -> str:
        """Its kind's letter."""


P = TypeVar("P", bound=HasRole)
ORDER = ("subject", "beneficiary", "investor", "victim", "authority", "mentioned")


def sound(parties: Sequence[P]) -> list[P]:
    """Return each party once, in its weightiest role."""
    found: dict[str, P] = {}
    for one in sorted(parties, key=lambda one: ORDER.index(one.role)):
        found.setdefault(one.key, one)
    return list(found.values())


def topics(kind: str, text: str, by: Collection[str] = ()) -> tuple[str, ...]:
    """Return the topic that a text has, of those of a type's family.

    `by` has the codes of the states that act, where that is known: a rule may read the tariffs of
    one state, and no others.
    """
    lower = text.lower()
    family = kind.partition(".")[0]
    for families, topic, pattern, states in dictionary.topics():
        ours = not states or not by or states & {*by}
        if ours and {kind, family} & {*families.split("|")} and pattern.search(lower):
            return (topic,)
    return ()


ORIGIN = frozenset({"us", "gb", "eu"})
NOWHERE = frozenset({"none"})


def acting(chunks: Sequence[Chunk], parties: Sequence[HasRole]) -> set[str]:
    """Return the codes of the states that act in a sentence, as far as it names them."""
    codes = {dictionary.places().get(one.key, "") for one in parties if one.kind == AUTHORITY}
    codes |= {
        dictionary.places().get(one.key, "")
        for number, one in enumerate(chunks[:-1])
        if one.kind == PLACE
        and (chunks[number + 1].lower in {*dictionary.forms(), "will", "has"})
        and not (number and chunks[number - 1].lower in dictionary.words("prepositions"))
    }
    return codes - {""}


def scope(chunks: Sequence[Chunk], parties: Sequence[HasRole], text: str) -> tuple[str, ...]:
    """Return the countries and subjects on which a measure bears, without those who take it."""
    by = acting(chunks, parties)
    countries: dict[str, int] = {}
    for number, one in enumerate(chunks):
        code = dictionary.places().get(one.key) if one.kind == PLACE else None
        if code and code not in NOWHERE:
            before = {two.lower for two in chunks[max(0, number - 3) : number]}
            hit = bool({"to", "on", "from", "in", "against", "for"} & before)
            adjective = number + 1 < len(chunks) and chunks[number + 1].lower != "'s"
            if code in ORIGIN and not hit:
                continue  # U.S. curbs are by, not on, the United States
            countries[code] = max(countries.get(code, 0), 2 * hit + adjective)
    aimed = {code for code in countries if code not in by}
    if aimed - ORIGIN:
        aimed -= ORIGIN
    best = [code for code in countries if code in aimed]
    if len(best) > 1:
        most = max(countries[code] for code in best)
        best = [code for code in best if countries[code] == most]
    lower = text.lower()
    found = [f"country:{code}" for code in best]
    found += [subject for subject, pattern in dictionary.subjects() if pattern.search(lower)]
    return tuple(found)
