"""Who stands beside a verb: its subject to the left, its objects to the right."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from riskmon.coding.clauses import REACH, Verb
from riskmon.coding.dictionary import forms, words
from riskmon.coding.kinds import AUTHORITY, COMPANY, PERSON, PLACE, PRODUCT, UNKNOWN
from riskmon.coding.lists import first_of_list, names_of, only_names
from riskmon.coding.pieces import DATE, MARK, NUMBER, WORD, Chunk

DETERMINERS = frozenset(
    {"a", "an", "the", "this", "that", "these", "its", "his", "her", "their", "some", "more"}
    | {"about", "up", "nearly", "almost", "over", "roughly", "around", "no", "any", "both"}
    | {"along", "together", "alongside", "last", "next", "once", "again", "here", "there", "who"}
    | {"and", "or", "but", "then", "to", "did", "does", "do", "not", "too", "either", "itself"}
)
"""Words after a name that go on with something else."""
MAKERS = frozenset({COMPANY, UNKNOWN, PRODUCT})
RELATIVE = frozenset({"who", "which", "that"})


def subject(found: Sequence[Chunk], verb: Verb) -> list[int]:
    """Return the numbers of the chunks that are the subject of a verb, as it stands."""
    if verb.start == 0 or (verb.mood == "gerund" and found[verb.start - 1].lower == "after"):
        if later := _after_comma(found, verb.place):
            return [later]
        if verb.start == 0:
            return []
    if verb.mood not in {"gerund", "agreed", "infinitive"} and _common(found, verb.start - 1):
        return _apposed(found, verb.start - 1) if verb.passive else []
    if earlier := _joined(found, verb):
        return _leftwards(found, earlier - 1, gerund=False)
    return _leftwards(found, verb.start - 1, verb.mood == "gerund")


def _joined(found: Sequence[Chunk], verb: Verb) -> int:
    """Return where the verb begins whose subject this one shares: X acquired Y and *named* Z.

    0 where there is none.
    """
    if verb.passive or verb.mood not in {"past", "base"} or found[verb.start - 1].lower != "and":
        return 0
    if not (
        found[verb.start - 2].party or found[verb.start - 2].kind in {DATE, NUMBER, MARK, WORD}
    ):
        return 0
    for place in range(verb.start - 2, max(0, verb.start - REACH), -1):
        one = found[place]
        if one.lower in words("boundaries") | {";", ":"}:
            return 0
        if one.kind == WORD and any(form.past for form in forms().get(one.lower, ())):
            start = place
            while start and found[start - 1].lower in words("have") | words("adverbs"):
                start -= 1
            passive = found[start - 1].lower in words("be")
            before = found[start - 1]
            return 0 if passive or not (before.party or before.kind in {DATE, WORD}) else start
    return 0


def _common(found: Sequence[Chunk], place: int) -> bool:
    """Whether the subject is a common noun: persons, its unit, X's lawyers; but X and others."""
    one = found[place]
    if one.kind != WORD or not _noun(one.lower.removesuffix("s")) or one.lower in PRONOUNS:
        return False
    if one.lower in words("products") | words("boundaries") or one.lower.endswith(("ly", "ed")):
        return False
    before = found[max(0, place - 4) : place]
    return not any(two.party and after.lower == "and" for two, after in pairwise(before))


def _apposed(found: Sequence[Chunk], place: int) -> list[int]:
    """Return the name that a noun describes: X, a start-up *founded* by two engineers."""
    for number in range(place, max(1, place - MOST_WORDS), -1):
        one = found[number]
        if one.lower in {"a", "an", "the"}:
            named = found[number - 1].lower == "," and found[number - 2].party
            return [number - 2] if named else []
        if one.kind != WORD or not _modifier(one.lower):
            break
    return []


MOST_WORDS = 6
"""Words of such a noun with what describes it."""
PRONOUNS = frozenset({"it", "they", "he", "she", "we", "who", "which", "that", "both", "all"})
PRONOUNS |= {"itself", "himself", "herself", "themselves"}


def _after_comma(found: Sequence[Chunk], place: int) -> int | None:
    """Return the subject of the main clause, after what begins with a participle."""
    for number in range(min(len(found) - 2, place + REACH), place, -1):
        one, after = found[number], found[number + 1]
        if one.party and found[number - 1].lower == "," and after.kind == WORD:
            verbal = after.lower in words("verbs") | words("adverbs") or after.lower in forms()
            if verbal or after.lower.endswith(("s", "ed")):
                return number
    return None


def _leftwards(found: Sequence[Chunk], place: int, gerund: bool) -> list[int]:  # noqa: FBT001
    """Walk left from a verb to its subject, past dates, insertions and what hangs on nouns."""
    reached = max(-1, place - REACH)
    relative = False
    while place > reached:
        one = found[place]
        if one.kind == DATE or one.lower in {")", "("}:
            place -= 1
        elif one.lower in RELATIVE:
            relative = True
            place -= 1 + (place > 0 and found[place - 1].lower == ",")
        elif one.lower == ",":
            place = place - 1 if relative else _before_insertion(found, place)
        elif one.lower in {";", ":"} or (one.kind == MARK and one.lower not in "'’%-–—"):  # noqa: RUF001
            return []
        elif one.kind in (WORD, NUMBER, MARK):
            if one.lower in {"because", "while", "although", "though", "when", "as"}:
                return []
            place -= 1
        elif not one.party and one.kind != PLACE:
            place -= 1
        elif _head(found, place, relative=relative, gerund=gerund):
            return _coordinated(found, place)
        else:
            place = (place if found[place].pronoun else first_of_list(found, place)) - 1
    return []


def _before_insertion(found: Sequence[Chunk], comma: int) -> int:
    """Return the place before an insertion that ends in a comma: X, a former engineer, said."""
    for place in range(comma - 1, max(-1, comma - 25), -1):
        if found[place].lower == ",":
            inside = found[place + 1 : comma]
            if any(one.lower in words("speech") for one in inside):
                return comma - 1
            if inside and only_names(inside):
                return comma - 1
            if len(inside) == 1 and inside[0].kind == NUMBER:
                return place - 1
            if inside and inside[-1].party and place and _bare(inside[:-1]):
                before = found[place - 1]
                named = before.party or before.kind == PLACE
                if not named or (inside[-1].kind == PERSON and before.kind != PERSON):
                    return comma - 1
            return place - 1
    return comma - 1


def _bare(inside: Sequence[Chunk]) -> bool:
    """Whether words before a name only describe it: a third man, *physicist* X, pleaded."""
    return all(one.kind in {WORD, PLACE} and _modifier(one.lower) for one in inside)


def _head(found: Sequence[Chunk], place: int, *, relative: bool, gerund: bool) -> bool:
    """Whether a name is the head of its phrase: not *of* it, not its owner, not an adjective."""
    one = found[place]
    after = found[place + 1] if place + 1 < len(found) else None
    if after is not None and after.lower == "'s":
        owned = found[place + 2].lower if place + 2 < len(found) else ""
        return owned in words("products") and one.kind in {COMPANY, UNKNOWN}
    if one.kind == PLACE and not _power(one):
        return False
    if after is not None and after.lower in words("products") and one.kind in MAKERS:
        return True
    if after is not None and after.kind == WORD and _noun(after.lower) and not relative:
        return False
    before = first_of_list(found, place)
    while before > 0 and found[before - 1].kind == WORD and _modifier(found[before - 1].lower):
        before -= 1
    word = found[before - 1].lower if before > 0 else ""
    return (
        word not in words("prepositions") - {"after", "before", "since"}
        or relative
        or (gerund and word == "by")
    )


def _power(one: Chunk) -> bool:
    """Whether a place may act: a state or a capital, no adjective."""
    return one.kind == PLACE and one.lower.split()[-1] not in words("demonyms")


def fronted(found: Sequence[Chunk], first: int) -> list[int]:
    """Return the object that stands before its clause: X, *which* the Treasury sanctioned."""
    place = first - 1
    while place > 0 and found[place].lower in {"the", "a", "u.s."}:
        place -= 1
    both = [one.lower for one in found[max(0, place - 2) : place]]
    if both in (["both", "of"], ["all", "of"]):
        before = place - 3 - (found[place - 3].lower == ",")
        return names_of(found, before) if before >= 0 and found[before].party else []
    if place < 1 or found[place].lower not in {"which", "whom", "that", "who"}:
        return []
    before = place - 1 - (found[place - 1].lower == ",")
    return [before] if before >= 0 and found[before].party else []


def _modifier(word: str) -> bool:
    """Whether a word may stand between a preposition and the name it rules."""
    return not (
        word in words("prepositions") | words("verbs") | words("boundaries") | words("be")
        or word in words("have") | words("modals") | {"and", "or", "but", "'s"}
        or word in forms()
    )


def _noun(word: str) -> bool:
    """Whether a word after a name makes an adjective of it: a Google *engineer*."""
    if {word, word.removesuffix("s")} & (words("person") | words("company")):
        return True
    return not (
        word in words("verbs") | words("prepositions") | words("boundaries") | words("adverbs")
        or word in words("be") | words("have") | words("modals") | words("negation")
        or word in forms()
        or word in DETERMINERS
        or word.endswith(("ed", "ly", "es", "ing", "s"))
    )


def _coordinated(found: Sequence[Chunk], place: int) -> list[int]:
    """Return a name and those that a list joins to it, to its left."""
    several = names_of(found, place)
    kinds = {found[number].kind == AUTHORITY for number in several}
    aged = [number for number in several if found[number].kind != NUMBER]
    return aged if len(kinds) == 1 else several[-1:]


def objects(found: Sequence[Chunk], verb: Verb) -> dict[str, list[int]]:
    """Return by slot (`object`, or a preposition) the names after a verb, in its clause."""
    slots: dict[str, list[int]] = {}
    slot, place = "object", verb.place + 1 + bool(verb.form.particle)
    last = min(len(found), place + REACH)
    while place < last:
        one = found[place]
        if one.lower in {";", ":"} or (one.kind == MARK and one.lower in {"—", "–"}):  # noqa: RUF001
            break
        if one.lower in {"which", "who", "whose", "where"} and slots:
            break
        if one.lower in words("boundaries") - {"that", "which", "who", "where"}:
            break
        if slots and (one.lower in words("speech") or _finite(one)):
            break
        if one.lower == "," and verb.start and _goes_on(found, place):
            break
        if one.kind == WORD and one.lower in words("prepositions") and one.lower != "including":
            slot = slot if _of_a_group(found, place) else one.lower
        elif one.lower == "," and place + 1 < last and found[place + 1].lower in {"a", "an", "the"}:
            slot = "apposition"
        elif (one.party or _power(one)) and _free(found, place):
            slots.setdefault(slot, []).append(place)
        place += 1
    return slots


def _goes_on(found: Sequence[Chunk], comma: int) -> bool:
    """Whether the main clause goes on after a relative one: X, which Y started, *makes* Z."""
    after = found[comma + 1].lower if comma + 1 < len(found) else ""
    third = after.endswith("s") and (after in forms() or after in words("verbs"))
    return third or after in words("have") | words("be")


def _free(found: Sequence[Chunk], place: int) -> bool:
    """Whether a name after a verb stands for itself, and is no adjective or owner of a noun."""
    after = found[place + 1] if place + 1 < len(found) else None
    if after is None or after.kind != WORD:
        return True
    if found[place].kind == PERSON and after.lower in words("person"):
        return True  # named her chief executive
    if after.lower in {"guilty", "liable", "off"}:
        return True
    other = found[place + 2] if place + 2 < len(found) else None
    if after.lower == "and" and other is not None and other.party and not other.pronoun:
        return _free(found, place + 2)
    return after.lower != "'s" and not _noun(after.lower)


def _finite(one: Chunk) -> bool:
    """Whether a word is a verb that begins to say something else."""
    return one.kind == WORD and any(form.past for form in forms().get(one.lower, ()))


def _of_a_group(found: Sequence[Chunk], place: int) -> bool:
    """Whether "of" only counts: one of the firms, several of them."""
    before = found[place - 1].lower
    return found[place].lower == "of" and before in {"one", "two", "some", "several", "all", "most"}
