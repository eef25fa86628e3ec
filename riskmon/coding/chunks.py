"""A sentence as chunks: names, words that stand for names, dates, plain words and marks."""

from __future__ import annotations

import functools
import itertools
from collections.abc import Iterator, Sequence
from itertools import pairwise

from riskmon.coding import dates
from riskmon.coding.dictionary import words
from riskmon.coding.kinds import (
    AUTHORITY,
    COMPANY,
    LIST,
    NOTHING,
    PERSON,
    PLACE,
    PRODUCT,
    UNKNOWN,
)
from riskmon.coding.memory import Memory, aside
from riskmon.coding.names import Names
from riskmon.coding.pieces import ANALYST, DATE, MARK, NUMBER, WORD, Chunk
from riskmon.coding.tokens import Span, Token

MOST_ADJECTIVES = 3
QUOTES = frozenset({'"', "“", "”"})


def chunks(
    found: Sequence[Token],
    names: Sequence[Span],
    known: Names,
    memory: Memory,
    when: Sequence[dates.Found],
) -> list[Chunk]:
    """Return the chunks of a sentence; what stands for a name is resolved by what came before."""
    made: list[Chunk] = []
    starts = {span.start: span for span in names}
    place = 0
    while place < len(found):
        token = found[place]
        dated = next((one for one in when if one.start <= token.start < one.end), None)
        if dated:
            end = place
            while end < len(found) and found[end].start < dated.end:
                end += 1
            made.append(_of(DATE, found[place:end]))
        elif span := starts.get(place):
            end = span.end
            made.append(_named(found[place:end], span, known))
        else:
            one, end = _nominal(found, place, made, memory) or (_plain(token), place + 1)
            made.append(one)
        place = max(end, place + 1)
    return made


def _of(kind: str, found: Sequence[Token], key: str = "", *, pronoun: bool = False) -> Chunk:
    text = " ".join(token.text for token in found)
    lower = " ".join(token.lower for token in found)
    spoken = found[0].spoken
    return Chunk(kind, text, lower, key, found[0].start, found[-1].end, spoken, pronoun)


def _named(found: Sequence[Token], span: Span, known: Names) -> Chunk:
    kind = known.kind(span.key)
    if kind in {PLACE, LIST, NOTHING}:
        return _of(kind, found, span.key if kind == PLACE else "")
    return _of(kind, found, known.whole(span.key))


def _plain(token: Token) -> Chunk:
    if token.text[0].isdigit() or any(sign in token.text for sign in "$€£¥"):
        return _of(NUMBER, [token])
    return _of(WORD if token.word or token.lower in {"'s", "n't"} else MARK, [token])


def _nominal(
    found: Sequence[Token], place: int, made: Sequence[Chunk], memory: Memory
) -> tuple[Chunk, int] | None:
    """Return what stands for a name from a token on, and the token after it."""
    word = found[place].lower
    earlier = [one for one in made if one.key]
    if word in {"it", "its"}:
        kinds = {COMPANY, UNKNOWN, AUTHORITY}
        key = _first(earlier, made, kinds) or memory.subject
        kind = next((one.kind for one in earlier if one.key == key), memory.kinds.get(key, COMPANY))
        return (_of(kind, found[place : place + 1], key, pronoun=True), place + 1) if key else None
    if word in {"he", "she", "his", "her", "him"}:
        key = _first(earlier, made, {PERSON}) or memory.person
        if word == "him" and memory.person and _acts(made, key):
            key = memory.person
        return (
            (_of(PERSON, found[place : place + 1], key, pronoun=True), place + 1) if key else None
        )
    if word in words("analysts"):
        return _of(ANALYST, found[place : place + 1]), place + 1
    if word in words("authority-nouns"):
        before = made[-1].lower if made else ""
        key = memory.authority if before == "the" and word not in {"judges", "jury"} else ""
        return _of(AUTHORITY, found[place : place + 1], key), place + 1
    if word in {"the", "this", "that"}:
        return _anaphor(found, place, made, memory)
    return None


def _acts(made: Sequence[Chunk], key: str) -> bool:
    """Whether a person is the subject of the clause in which "him" stands: it is another."""
    place = next((number for number, one in enumerate(made) if one.key == key), None)
    if place is None:
        return False
    between = {one.lower for one in made[place + 1 :]}
    return not between & (words("boundaries") | {",", "and"})


def _anaphor(
    found: Sequence[Token], place: int, made: Sequence[Chunk], memory: Memory
) -> tuple[Chunk, int] | None:
    earlier = [one for one in made if one.key]
    end = place + 1
    while end < len(found) and end - place <= MOST_ADJECTIVES:
        word = found[end].lower
        company = word in words("anaphor") and not (
            word in words("person-anaphor") and memory.person and not memory.company
        )
        if company or word in words("person-anaphor"):
            if end + 1 < len(found) and found[end + 1].capital:
                return None  # the chipmaker Quillon: the name itself stands here
            if word == "maker" and found[end + 1 : end + 2] and found[end + 1].lower == "of":
                return None
            if found[end + 1 : end + 2] and found[end + 1].lower == "," and _apposed(found, end):
                return None  # the Hefei company, Jianghuai, was
            kinds = {COMPANY, UNKNOWN} if company else {PERSON}
            other = [one for one in earlier if not (company and aside(made, made.index(one)))]
            key = _first(other, made, kinds) or (memory.company if company else memory.person)
            if company and memory.company and (_rival(made) or _accuses(made, key)):
                key = memory.company
            kind = COMPANY if company else PERSON
            whole = found[place : end + 1]
            return (_of(kind, whole, key, pronoun=True), end + 1) if key else None
        if not found[end].word or word in _no_adjectives():
            return None
        end += 1
    return None


def _apposed(found: Sequence[Token], end: int) -> bool:
    """Whether a name between commas stands after a noun."""
    after = found[end + 2 : end + 8]
    capitals = list(itertools.takewhile(lambda token: token.capital, after))
    return bool(capitals) and len(after) > len(capitals) and after[len(capitals)].lower == ","


def _accuses(made: Sequence[Chunk], key: str) -> bool:
    """Whether a company tells on "the company": that is another one."""
    return any(one.key == key and after.lower in ACCUSING for one, after in pairwise(made))


ACCUSING = frozenset({"accused", "accuses", "alleged", "alleges", "sued", "sues", "told"})


def _rival(made: Sequence[Chunk]) -> bool:
    """Whether the company that a sentence names first is another's rival: of that one it speaks."""
    return any(
        one.lower in {"rival", "competitor"} and after.party for one, after in pairwise(made[:4])
    )


@functools.cache
def _no_adjectives() -> frozenset[str]:
    """Return words that do not stand between "the" and "company"."""
    groups = ("prepositions", "verbs", "boundaries", "be", "have", "modals", "company", "person")
    return frozenset({"and", "or", "'s", "a", "the"}).union(*map(words, groups))


def _first(earlier: Sequence[Chunk], made: Sequence[Chunk], kinds: set[str]) -> str:
    """Return the first of such kinds in a sentence, an owner only where there is no other."""
    fit = [one for one in earlier if one.kind in kinds]
    if COMPANY in kinds and (of_product := _owner(made)):
        return of_product
    owners = {one.start for one, after in pairwise(made) if after.lower == "'s"}
    free = [one for one in fit if one.start not in owners]
    return next((one.key for one in [*free, *fit]), "")


def _owner(made: Sequence[Chunk]) -> str:
    """Return whose product a sentence begins with: Baidu's chatbot Ernie, before any other."""
    parties = [place for place, one in enumerate(made) if one.key and one.party]
    if len(parties) > 1 and made[parties[1]].kind == PRODUCT:
        owner, after = made[parties[0]], made[parties[0] + 1]
        return owner.key if after.lower == "'s" else ""
    return ""


def masked(found: Sequence[Chunk]) -> tuple[str, list[int]]:
    """Return the text in lower case with parties as `⟦c3⟧`, and where each chunk begins in it.

    Dates are left out: they stand anywhere, and no pattern asks for them.
    """
    text = ""
    begins = []
    for number, one in enumerate(found):
        spaced = text and not (one.kind == MARK and one.lower in ",.;:)?!%") and one.lower != "'s"
        if spaced and not text.endswith(("(", "$")):
            text += " "
        if one.kind == DATE or one.lower in QUOTES:
            text = text.removesuffix(" ")
            begins.append(len(text))
            continue
        begins.append(len(text))
        text += f"⟦{one.kind}{number}⟧" if one.party else one.lower
    return text, begins


def parties(found: Sequence[Chunk]) -> Iterator[tuple[int, Chunk]]:
    """Yield the number of each chunk that names a party, and the chunk."""
    return ((number, one) for number, one in enumerate(found) if one.party)
