"""Names of a story: of what kind they are, by the words beside and inside, and who is who."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Sequence

from riskmon.coding.cues import cues
from riskmon.coding.dictionary import people, places, words
from riskmon.coding.kinds import (
    AUTHORITY,
    COMPANY,
    LIST,
    NOTHING,
    OTHER,
    PERSON,
    PLACE,
    UNKNOWN,
)
from riskmon.coding.tokens import Span, Token

MOST_ALIKE = 50
"""Names with a word in common: a story has few, and what has more is none."""
OFFICES = frozenset({"president", "secretary"})
NEAR = 4
"""Words between an owner and a product: Baidu's own large language model Ernie."""


class Names:
    """The names of one story: their kinds, and which are other words for one that came before."""

    def __init__(self) -> None:
        self._cues: dict[str, dict[str, float]] = defaultdict(dict)
        self._written: dict[str, str] = {}
        self._same: dict[str, str] = {}
        self._makers: dict[str, str] = {}

    def see(self, found: Sequence[Token], names: Sequence[Span]) -> None:
        """Take the names of one more sentence, with what stands beside them."""
        for place, span in enumerate(names):
            self._written.setdefault(span.key, span.text)
            for kind, weight in cues(found, span):
                seen = self._cues[span.key]
                seen[kind] = seen.get(kind, 0.0) + weight
            before = names[place - 1] if place else None
            if before and _possessed(found, before, span):
                self._makers.setdefault(span.key, before.key)
            if before and _bracketed(found, before, span) and _initials(before.text, span.text):
                self._same[span.key] = before.key

    def settle(self) -> None:
        """Join the shorter forms of names to the longer ones, when all have been seen."""
        first = {key: place for place, key in enumerate(self._written)}
        within = defaultdict[str, list[str]](list)
        for key in first:
            for word in {*key.split()}:
                within[word].append(key)
        bodies = [key for key in first if self.kind(key) == AUTHORITY][:MOST_ALIKE]
        for short, place in first.items():
            if short in self._same or short in places():
                continue
            alike = within[short.split()[0]][:MOST_ALIKE]
            alike += bodies if _fixed(short) == AUTHORITY else []
            longer = [
                other
                for other in dict.fromkeys(alike)
                if other != short and self._shortens(short, other, later=first[other] < place)
            ]
            if len(longer) == 1 or (longer and self.kind(longer[0]) == PERSON):
                self._same[short] = longer[0]

    def _shortens(self, short: str, other: str, *, later: bool) -> bool:
        mine, others = short.split(), other.split()
        if len(mine) == 1 and self.kind(other) == AUTHORITY == _fixed(short):
            return len(others) > 1 and _acronym(self._written[other], short)
        if len(mine) >= len(others) or _fixed(other) not in {None, COMPANY}:
            return False
        if self.kind(other) == PERSON:
            return len(mine) == 1 and mine[0] in others and _fixed(short) is None
        if others[: len(mine)] != mine or self.kind(short) == PERSON:
            return False
        rest = {word.rstrip(".,") for word in others[len(mine) :]}
        return rest <= words("forms") or (later and _fixed(short) is None)

    def whole(self, key: str) -> str:
        """Return the key of the longest form of a name."""
        for _ in range(3):
            key = self._same.get(key, key)
        return key

    def text(self, key: str) -> str:
        """Return a name as it is written, in its longest form."""
        return self._written.get(self.whole(key), key)

    def aliases(self, key: str) -> tuple[str, ...]:
        """Return what else the story calls it."""
        return tuple(self._written[short] for short in self._same if self.whole(short) == key)

    def maker(self, key: str) -> str | None:
        """Return the key of whose product it is, by the story's own words."""
        made = self._makers.get(key)
        return self.whole(made) if made and self.kind(made) in {COMPANY, UNKNOWN} else None

    def kind(self, key: str) -> str:
        """Return the kind of a name: what is fixed by its own words, else by most of the cues."""
        if fixed := _fixed(key):
            return fixed
        key = self.whole(key)
        if fixed := _fixed(key):
            return fixed
        seen = self._cues.get(key)
        if seen:
            kind, weight = max(seen.items(), key=lambda pair: pair[1])
            if weight > 0:
                return kind
        return UNKNOWN


def _possessed(found: Sequence[Token], owner: Span, name: Span) -> bool:
    between = [token.lower for token in found[owner.end : name.start]]
    return (
        bool(between)
        and between[0] == "'s"
        and all(word not in words("person") | words("company") and word != "," for word in between)
        and len(between) <= NEAR
    )


def _bracketed(found: Sequence[Token], name: Span, short: Span) -> bool:
    between = [token.lower for token in found[name.end : short.start]]
    return between in (["("], [",", "or"], [",", "known", "as"], [",", "also", "known", "as"])


def _initials(name: str, short: str) -> bool:
    """Whether a name in brackets is the other one shortened, or another form of a person's."""
    family = short.split()[-1:] == name.split()[-1:]  # Linwei Ding, also known as Leon Ding
    return len(short) > 1 and (family or _acronym(name, short))


def _acronym(name: str, short: str) -> bool:
    """Whether letters are those with which the words of a name begin, all or the capital ones."""
    letters = short.lower().replace(".", "")
    words_of = re.findall(r"[A-Za-z]+", name)
    every = "".join(word[0] for word in words_of).lower()
    capital = "".join(word[0] for word in words_of if word[0].isupper()).lower()
    return len(letters) > 1 and any(
        all_of.startswith(letters) or all_of.endswith(letters) for all_of in (every, capital)
    )


def _fixed(key: str) -> str | None:
    """Return the kind that a name has by its own words."""
    parts = [part.rstrip(".,") for part in key.split()]
    last = parts[-1]
    if key in places():
        return PLACE
    if last in words("lists") or last in {"army", "navy"} or key == "pla":
        return LIST
    if last in words("media-words"):
        return NOTHING
    corporate = last in words("corporate")
    if key in words("authorities") or (
        (not corporate or parts[0] in words("institution"))
        and any(part in words("institution") for part in parts)
    ):
        return AUTHORITY
    if key.endswith(("white house", "trade representative")) or parts[0] in OFFICES:
        return AUTHORITY
    if last in words("laws"):
        return NOTHING
    if corporate and not (parts[0] in people()[0] and len(parts) == 2):  # noqa: PLR2004
        return COMPANY
    if any(part in words("organisations") for part in parts):
        return OTHER
    return None
