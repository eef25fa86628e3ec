"""Who does what in a clause: voice and mood of a verb, its subject and its objects."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import NamedTuple

from riskmon.coding.dictionary import Form, forms, words
from riskmon.coding.kinds import PLACE
from riskmon.coding.pieces import DATE, MARK, WORD, Chunk

REACH = 45
"""Chunks to either side of a verb: what stands farther off is not its own."""
RELATIVE = frozenset({"who", "which", "that"})
FACTUAL = frozenset(
    {"agreed", "forced", "ordered", "made", "required", "managed", "moved", "paid", "pays"}
)
"""Verbs whose infinitive tells a fact, as far as news goes."""


RUMOURS = frozenset({"rumours", "rumors", "speculation", "fears", "worries", "hopes"})


class Verb(NamedTuple):
    """A verb where it stands: its form, voice and mood, and the place where its group begins."""

    place: int
    start: int
    form: Form
    passive: bool
    negated: bool
    mood: str
    """past, base (present), future, infinitive, agreed (agreed to do), gerund or progressive; `if`
    where it is only thought of."""


def verbs(found: Sequence[Chunk], *, headline: bool = False) -> list[Verb]:
    """Return the verbs of a sentence that the frames know, outside of speech."""
    return [
        _verb(found, place, form, headline=headline)
        for place, one in enumerate(found)
        if one.kind == WORD and not one.spoken
        for form in forms().get(one.lower, ())
        if not (form.particle and not _has_particle(found, place, form.particle))
        and not _adjective(found, place, form)
    ]


def _adjective(found: Sequence[Chunk], place: int, form: Form) -> bool:
    """Whether a participle describes a noun: an affiliate of *blacklisted* chipmaker X."""
    before = found[place - 1].lower if place else ""
    articles = {"a", "an", "the", "its", "his", "their", "of", "by", "to", "from", "with", "for"}
    return form.participle and before in articles


def _has_particle(found: Sequence[Chunk], place: int, particle: str) -> bool:
    return any(one.lower == particle for one in found[place + 1 : place + 2])


def _verb(found: Sequence[Chunk], place: int, form: Form, *, headline: bool) -> Verb:
    """Return the verb at a place, with what its auxiliaries say."""
    start, helping = place, list[str]()
    while start and (found[start - 1].kind == WORD or found[start - 1].lower in {"'d", "'ll"}):
        word = found[start - 1].lower
        if not (
            word in words("be") | words("have") | words("negation") | words("modals")
            or word in words("adverbs") | {"to", "do", "does", "did"}
            or (word.endswith("ly") and word != "supply")
        ):
            break
        helping.insert(0, word)
        start -= 1
    be = any(word in words("be") for word in helping)
    passive = form.participle and be
    if form.participle and not helping:
        passive = _reduced(found, place, form) or (headline and _without_be(found, place))
    negated = any(word in words("negation") for word in helping) or _denied(found, start)
    mood = _mood(found, start, helping, form)
    if headline and mood == "base" and not helping:
        mood = "past"  # regulator fines X
    return Verb(place, start, form, passive, negated, mood)


def _mood(found: Sequence[Chunk], start: int, helping: Sequence[str], form: Form) -> str:
    if _thought(found, start):
        return "if"
    if helping[:1] == ["to"] or "to" in helping:
        before = [one.lower for one in found[max(0, start - 12) : start]]
        return "agreed" if FACTUAL & {*before} else "infinitive"
    if any(word in words("modals") for word in helping):
        said = {"said", "announced", "says"} & {
            one.lower for one in found[max(0, start - 5) : start]
        }
        will = helping[0] in {"will", "'ll", "shall"} or (helping[0] == "would" and said)
        return "future" if will and "be" not in helping else "if"
    if form.gerund:
        be = any(word in words("be") for word in helping)
        return "progressive" if be else "gerund"
    if helping and helping[0] in {"is", "are"} and form.participle and _to_come(found, start):
        return "if"
    if form.past or form.participle:
        return "past"
    return "base"


def _thought(found: Sequence[Chunk], start: int) -> bool:
    """Whether it stands under if, unless, whether or should, or in a question."""
    if found[-1].lower == "?":
        return True
    if found[0].lower == "had" and len(found) > 1 and found[1].kind != MARK:
        return True  # had the rule taken effect
    for place in range(start - 1, max(-1, start - REACH), -1):
        word = found[place].lower
        if word in RUMOURS and found[place + 1].lower in {"that", "of", "it", "the"}:
            return True
        if word in {"if", "unless", "whether"}:
            closed = place == 0 and any(one.lower == "," for one in found[place:start])
            return not closed or any(
                one.lower in words("modals") for one in found[start : start + 8]
            )
        if word == ";":
            break
    return False


def _to_come(found: Sequence[Chunk], start: int) -> bool:
    """Whether a present after when or until is of what is still to come: when he is sentenced."""
    before = {one.lower for one in found[max(0, start - 4) : start]}
    return bool({"when", "once", "until", "before", "after"} & before)


def _denied(found: Sequence[Chunk], start: int) -> bool:
    """Whether no, never or without stands just before the verb's group or its subject."""
    before = [one.lower for one in found[max(0, start - 3) : start]]
    return bool({"nobody", "without", "neither"} & {*before}) or before[-2:-1] == ["no"]


def _reduced(found: Sequence[Chunk], place: int, form: Form) -> bool:
    """Whether a bare participle is passive: a firm *accused* of fraud, a firm *founded* in 2011."""
    after = (
        found[place + 1 + bool(form.particle)]
        if len(found) > place + 1 + bool(form.particle)
        else None
    )
    before = found[place - 1] if place else None
    if after is None:
        return before is None or before.lower == ","
    preposition = after.lower in {"by", "in", "with", "of", "for", "from", "to", "on", "as", "at"}
    if before is not None and before.lower == "and" and preposition:
        return _passive_before(found, place)
    if after.lower == "by" or (before is None and (preposition or after.kind == DATE)):
        return True
    if before is not None and before.lower == "," and (preposition or after.kind == DATE):
        return _inserted(found, place)
    return bool(
        before is not None
        and before.kind != MARK
        and preposition
        and after.lower in {"of", "in"}
        and not _subject_before(found, place)
    )


def _without_be(found: Sequence[Chunk], place: int) -> bool:
    """Whether a participle of a headline is passive: X hit with a fine, X charged over exports."""
    after = found[place + 1].lower if place + 1 < len(found) else ""
    return place > 0 and found[place - 1].party and after in words("prepositions")


def _passive_before(found: Sequence[Chunk], place: int) -> bool:
    """Whether a participle goes on from a passive: was arrested and charged with."""
    before = found[max(0, place - 15) : place]
    return any(
        one.lower in words("be") and after.lower.endswith(("ed", "en", "d", "t"))
        for one, after in itertools.pairwise(before)
    )


def _inserted(found: Sequence[Chunk], place: int) -> bool:
    """Whether a name stands right before the comma that stands before a participle."""
    return place > 1 and (found[place - 2].party or found[place - 2].kind in {PLACE, WORD})


def _subject_before(found: Sequence[Chunk], place: int) -> bool:
    return found[place - 1].party or found[place - 1].kind == DATE
