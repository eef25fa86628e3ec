"""Names by their shape: capitals in a row, without what only stands before them."""

from __future__ import annotations

import re
from collections.abc import Sequence

from riskmon.coding.dictionary import forms, places, words
from riskmon.coding.tokens import Span, Token

QUOTES = frozenset({'"', "“", "”"})
LONGEST = 10
"""Words of a name."""


def spans(found: Sequence[Token], lower: frozenset[str], known: frozenset[str]) -> list[Span]:
    """Return the names of a sentence.

    `lower` has the words that the story also writes without a capital, `known` those that it
    writes with one inside of a sentence: by them the first word of a sentence is judged.
    """
    names: list[Span] = []
    place = 0
    while place < len(found):
        if not found[place].capital:
            place += 1
            continue
        end = _end(found, place)
        names += _trimmed(found, place, end, lower, known)
        place = end
    return names


def _end(found: Sequence[Token], start: int) -> int:
    """Return the token after the last one of the capitals in a row from `start`."""
    end = start + 1
    while end < len(found) and end - start < LONGEST:
        token = found[end]
        if token.capital and (token.lower == "ai" or token.lower not in words("short")):
            end += 1
        elif token.lower == "," and _legal(found, end + 1):
            end += 2  # Example Chips Co., Ltd.
        elif token.text == "plc":
            end += 1
        elif _nickname(found, end):
            end += 4  # Feng "Franklin" Tao
        elif _joins(found, start, end):
            end += 2 + (found[end + 1].lower == "the")
        else:
            break
    return min(end, len(found))


def _nickname(found: Sequence[Token], place: int) -> bool:
    marks = "".join(token.text if token.text in QUOTES else "x" for token in found[place:][:4])
    return bool(re.fullmatch('["“]x["”]x', marks)) and found[place + 3].capital


def _legal(found: Sequence[Token], place: int) -> bool:
    """Whether a legal form, with a capital, stands at a place."""
    return (
        place < len(found)
        and found[place].capital
        and found[place].lower.rstrip(".") in {"ltd", "inc", "llc", "corp", "limited", "plc", "lp"}
    )


def _joins(found: Sequence[Token], start: int, end: int) -> bool:
    """Whether the word at `end` is inside of a name: Department *of* Justice, A *&* B."""
    link = found[end].lower
    rest = found[end + 1 : end + 3]
    if not rest or not (rest[0].capital or (rest[0].lower == "the" and rest[-1].capital)):
        return False
    inside = [token.lower for token in found[start:end]]
    if link in {"of", "for"}:
        return inside[-1] in words("of-names")
    if link == "and":
        openers = {"securities", "food", "customs", "industry", "trade", "science", "health"}
        institution = "of" in inside and any(word in words("of-names") for word in inside)
        return inside[-1] in openers or (institution and _no_verb(found, end + 2))
    return link in {"&", "de", "van", "von", "der", "al", "bin", "del", "di", "la"}


def _no_verb(found: Sequence[Token], place: int) -> bool:
    return place >= len(found) or found[place].lower not in {"were", "are", "have"}


def _trimmed(
    found: Sequence[Token], start: int, end: int, lower: frozenset[str], known: frozenset[str]
) -> list[Span]:
    """Return the name within capitals in a row, without what only stands before it."""
    institution = any(token.lower in words("institution") for token in found[start:end])
    while start < end:
        word = found[start].lower
        first = start == 0 or not found[start - 1].word
        alone = end - start == 1
        skipped = (
            word.rstrip(".") in words("common" if first else "short") | words("titles")
            and not (institution and word in KEPT)
        ) or word in words("months") | words("weekdays")
        if (
            not alone
            and (word in words("demonyms") or word in {"us", "u.s.", "u.k."})
            and not institution
        ):
            skipped = _strips(found, start, end)
        if hyphenated(found[start:end]):
            skipped = True
        if first and alone and not skipped:
            skipped = _common_at_start(found, start, lower, known)
        elif first and not alone and not skipped:
            skipped = word in lower
        if not skipped or (alone and found[start].text in STATES):
            break
        start += 1
    while end > start and found[end - 1].lower in words("weekdays") | words("months"):
        end -= 1
    if start >= end or (end - start == 1 and re.fullmatch(r"[A-Z]", found[start].text)):
        return []
    text = " ".join(token.text for token in found[start:end])
    text = re.sub(r' ["“](.*?) ["”] ', r"\1 ", text).replace(" ,", ",")
    return [Span(start, end, re.sub(r"\.$", "", text) if _sentence_ends(found, end) else text)]


ORIGINS = ("-based", "-listed", "-backed", "-owned", "-born", "-made", "-headquartered", "-led")
STATES = frozenset({"US", "U.S.", "U.S", "UK", "U.K.", "U.K"})
"""Short names of states that act by themselves: the US paused tariffs."""
KEPT = frozenset({"us", "u.s.", "eu", "uk", "u.k.", "state", "federal", "justice", "general"})
"""Words that begin an institution's name, and no other's."""


def hyphenated(found: Sequence[Token]) -> bool:
    """Whether a name begins with where it comes from: Abu Dhabi-based."""
    return any(token.lower.endswith(ORIGINS) for token in found)


def _strips(found: Sequence[Token], start: int, end: int) -> bool:
    """Whether a nation's adjective before a name is none of its words: more stands after it."""
    rest = [token.lower.rstrip(".") for token in found[start + 1 : end]]
    return not all(word in words("corporate") | words("organisations") for word in rest)


def _sentence_ends(found: Sequence[Token], end: int) -> bool:
    last = found[end - 1].lower.rstrip(".")
    return end == len(found) and last not in words("forms")


def _common_at_start(
    found: Sequence[Token], start: int, lower: frozenset[str], known: frozenset[str]
) -> bool:
    """Whether a word that begins a sentence is only capital for that."""
    token = found[start]
    word = token.lower
    if word in places() or word in known or any(letter.isupper() for letter in token.text[1:]):
        return False
    after = found[start + 1] if start + 1 < len(found) else None
    if word in lower or word in words("common") or word.endswith(("ly", "ing")):
        return True
    if after is None or (
        word.endswith("s")
        and not word.endswith(("ss", "us", "is", "as", "os"))
        and after.lower != "'s"
    ):
        return True
    return not (
        after.lower in words("verbs")
        or after.lower in forms()
        or after.lower in words("person")
        or after.lower in {"today", "yesterday"}
        or (after.lower == "on" and found[start + 2 :][:1] and found[start + 2].capital)
        or (after.lower == "and" and start + 2 < len(found) and found[start + 2].capital)
        or after.lower in {"'s", ",", "("}
        or after.text[-2:] == "ed"
        or after.lower in words("adverbs")
        or after.lower.endswith(("s", "ly"))
    )
