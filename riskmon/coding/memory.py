"""Whom a story spoke of last: for them "it", "he" and "the company" stand."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from riskmon.coding.dictionary import words
from riskmon.coding.kinds import AUTHORITY, COMPANY, PERSON, UNKNOWN
from riskmon.coding.pieces import Chunk

ASIDE = frozenset({"by", "backers", "from", "at", "formerly", "backer", "investors", "brokers"})
BACKS = frozenset({"led", "backed", "participation", "backers", "formerly", "investors", "brokers"})
SPEAKS = frozenset({"lawyers", "report", "study"})
GROUPS = frozenset({"group", "charity", "think-tank", "institute"})
CAUSES = frozenset({"rights", "advocacy", "campaign", "consumer", "lobby"})


@dataclass
class Memory:
    """Whom the story spoke of last: keys of names, empty before the first one."""

    company: str = ""
    person: str = ""
    authority: str = ""
    subject: str = ""
    kinds: dict[str, str] = field(default_factory=dict)

    def take(self, chunks: Sequence[Chunk]) -> None:
        """Remember those of whom a sentence speaks first."""
        named = [one for one in chunks if one.key and not one.spoken]
        for one in named:
            self.kinds[one.key] = one.kind
        companies = [one for one in named if one.kind in {COMPANY, UNKNOWN}]
        told = [
            one
            for one in companies
            if not aside(chunks, chunks.index(one))
            and not (self.company and one.kind == UNKNOWN and one.key.count(" ") == 1)
        ]
        if told or (companies and not self.company):
            self.company = _subject(told or companies, chunks).key
        people = [one for one in named if one.kind == PERSON and not _sits(chunks, one)]
        if people:
            self.person = people[0].key
        if bodies := [one for one in named if one.kind == AUTHORITY]:
            self.authority = bodies[0].key
        if companies or bodies:
            self.subject = min([*companies[:1], *bodies[:1]], key=lambda one: one.start).key


def _subject(companies: Sequence[Chunk], chunks: Sequence[Chunk]) -> Chunk:
    """Return the first company that is no part of another's description."""
    for one in companies:
        place = chunks.index(one)
        after = chunks[place + 1 : place + 2]
        before = chunks[place - 1 : place] if place else []
        owns = after and after[0].lower == "'s"
        inside = before and before[0].lower in words("prepositions")
        modifies = after and after[0].lower in words("person")
        if not (owns or inside or modifies):
            return one
    return companies[0]


def _sits(chunks: Sequence[Chunk], one: Chunk) -> bool:
    """Whether a person is a judge or the like, who only acts on others."""
    place = chunks.index(one)
    return place > 0 and chunks[place - 1].lower in {"judge", "justice", "prosecutor", "attorney"}


def aside(chunks: Sequence[Chunk], place: int) -> bool:
    """Whether a company only backs, employs or comments: analysts at X, a round led by X."""
    while place > 1 and chunks[place - 1].lower in {"and", ","} and chunks[place - 2].party:
        place -= 2
    before = [one.lower for one in chunks[max(0, place - 4) : place]]
    if GROUPS & {*before[-2:]} and CAUSES & {*before[-3:]}:
        return True
    speaks = words("analysts") | words("person") | SPEAKS
    return bool(ASIDE & {*before} and (BACKS | speaks) & {*before})
