"""Two names side by side: which words meet how, what is left over, and what that comes to.

`align` pairs the words; `features` says it in numbers, for the trees that `trees.py` reads.
Ratios, Jaro-Winkler and Levenshtein are rapidfuzz's: a ratio is 0 to 100, of insertions and
deletions; `partial_ratio` is that of the shorter text and the best part of the longer one.
"""

from __future__ import annotations

from typing import NamedTuple

from rapidfuzz.distance import JaroWinkler, Levenshtein
from rapidfuzz.fuzz import partial_ratio, ratio, token_sort_ratio

from riskmon.naming.written import KINDS, Word, Written

ALIKE = 0.74
"""Words less alike than this do not meet."""
SAME, MEANING, SPELLING, SHORT, JOINED = range(5)
HOW = ("the same", "the same meaning", "another spelling", "shortened", "written together")
MEANT, SOUNDS, SHORTENED, TOGETHER = 0.95, 0.97, 0.8, 0.96
"""How alike words are that meet in these ways, 0 to 1."""
BY_SOUND = 0.98
"""What alike sounds count, beside alike letters."""
WHOLE_LETTERS, WHOLE_RATIO = 4, 94.0
"""Words written together have so many letters at least, and are more alike than this."""
BEGINNING_LETTERS = 3
"""A word is shortened to so many letters at least."""
NO_WORST = 101.0
"""The ratio of the words that met worst, where none met by their spelling."""
RUN = 3
VOWELS = dict.fromkeys(map(ord, "aeiou"))


class Met(NamedTuple):
    """Words of one name that met words of the other."""

    a: str
    b: str
    how: int
    """A place in `HOW`."""
    alike: float
    """0 to 1."""
    weight: float


class Aligned(NamedTuple):
    """Which words meet, and which are left over."""

    met: list[Met]
    left_a: list[Word]
    left_b: list[Word]


def align(a: Written, b: Written) -> Aligned:
    """Return which words of two names meet: the same first, then the most alike."""
    met: list[Met] = []
    others = {word.text: word for word in b.words}
    left_a: list[Word] = []
    for word in a.words:
        if others.pop(word.text, None):
            met.append(Met(word.text, word.text, SAME, 1.0, word.weight))
        else:
            left_a.append(word)
    left_b = [word for word in b.words if others.pop(word.text, None)]
    if left_a and left_b:
        _together(met, left_a, left_b)
    if left_a and left_b:
        left_a, left_b = _alike(met, left_a, left_b)
    return Aligned(met, left_a, left_b)


def _together(met: list[Met], left_a: list[Word], left_b: list[Word]) -> None:
    """Let two words in a row meet the one word that they are when written together."""
    for ones, others in ((left_a, left_b), (left_b, left_a)):
        place = 0
        while place + 1 < len(ones):
            first, second = ones[place], ones[place + 1]
            whole, sound = first.text + second.text, first.sound + second.sound
            other = next((one for one in others if _is(one, whole, sound)), None)
            if other is None:
                place += 1
                continue
            apart = f"{first.text} {second.text}"
            pair = (apart, other.text) if ones is left_a else (other.text, apart)
            weight = max(first.weight + second.weight, other.weight)
            met.append(Met(*pair, JOINED, TOGETHER, weight))
            del ones[place : place + 2]
            others.remove(other)


def _is(word: Word, text: str, sound: str) -> bool:
    """Whether a word is this text, but for a letter or its transliteration."""
    if abs(len(word.text) - len(text)) > 1 or len(text) < WHOLE_LETTERS:
        return False
    return word.sound == sound or ratio(word.text, text) > WHOLE_RATIO


def _alike(met: list[Met], left_a: list[Word], left_b: list[Word]) -> tuple[list[Word], list[Word]]:
    """Let the most alike of the words left meet; return those that are still left."""
    pairs = []
    for place, one in enumerate(left_a):
        for other_place, other in enumerate(left_b):
            alike, how = _compared(one, other)
            if alike >= ALIKE:
                pairs.append((-alike, place, other_place, how))
    pairs.sort()
    taken_a: set[int] = set()
    taken_b: set[int] = set()
    for minus, place, other_place, how in pairs:
        if place in taken_a or other_place in taken_b:
            continue
        taken_a.add(place)
        taken_b.add(other_place)
        one, other = left_a[place], left_b[other_place]
        met.append(Met(one.text, other.text, how, -minus, min(one.weight, other.weight)))
    return (
        [word for place, word in enumerate(left_a) if place not in taken_a],
        [word for place, word in enumerate(left_b) if place not in taken_b],
    )


def _compared(one: Word, other: Word) -> tuple[float, int]:
    """Return how alike two different words are, 0 to 1, and in which way."""
    if one.group and one.group == other.group:
        return MEANT, MEANING
    if one.sound == other.sound:
        return SOUNDS, SPELLING
    a, b = one.text, other.text
    best = max(ratio(a, b), ratio(one.sound, other.sound) * BY_SOUND) / 100
    short, long = (a, b) if len(a) < len(b) else (b, a)
    if len(short) >= BEGINNING_LETTERS and long.startswith(short):
        return max(best, SHORTENED), SHORT
    return best, SPELLING


FEATURES = (
    "covered_min", "covered_max", "covered_mean", "met_weight", "met_best", "met_count",
    "exact_weight", "exact_best", "mean_alike", "fuzzy_weight", "meaning_weight",
    "worst_weight", "worst_raw", "worst_length",
    "left_place", "left_unit", "left_trade", "left_fund", "left_filler",
    "left_best", "left_sum", "left_count", "left_common", "left_rare_sum", "left_alike",
    "left_longest",
    "ratio", "sort_ratio", "raw_ratio", "partial", "sound_ratio", "jaro", "sound_edits", "bones",
    "runs", "beginning", "first_alike", "last_alike", "length_min", "length_difference",
    "weight_min", "weight_max", "numbers", "forms", "forms_one_sided", "forms_same",
)  # fmt: skip
NOTHING_LEFT = [0.0] * (FEATURES.index("ratio") - FEATURES.index("left_place"))
NO_NUMBERS, SAME_NUMBERS, NUMBER_MORE, OTHER_NUMBERS = range(4)
"""None, the same, on one side only, others."""
NO_FORMS, SAME_FORMS, OTHER_FORMS = range(3)
"""None or on one side only, one class in common, none in common."""


def features(a: Written, b: Written) -> list[float]:
    """Return what a pair of names comes to, in the order of `FEATURES`; the same for (b, a)."""
    if (len(a.words), a.total, a.joined) > (len(b.words), b.total, b.joined):
        a, b = b, a
    aligned = align(a, b)
    return [*_met(aligned), *_left(aligned), *_whole(a, b)]


def _met(aligned: Aligned) -> list[float]:
    """Return the features of the words that meet: `covered_min` to `worst_length`."""
    met, left_a, left_b = aligned
    got = squared = exact = exact_best = best = fuzzy = meaning = 0.0
    worst: Met | None = None
    for one in met:
        value = one.weight * one.alike
        got += value
        squared += value * one.alike
        best = max(best, value)
        if one.how in {SAME, JOINED}:
            exact += value
            exact_best = max(exact_best, value)
        elif one.how == MEANING:
            meaning += value
        else:
            fuzzy += value
            if worst is None or _badness(one) > _badness(worst):
                worst = one
    share_a = got / (got + sum(word.weight for word in left_a)) if got else 0.0
    share_b = got / (got + sum(word.weight for word in left_b)) if got else 0.0
    return [
        min(share_a, share_b), max(share_a, share_b), (share_a + share_b) / 2, got, best,
        len(met), exact, exact_best, squared / got if got else 0.0, fuzzy, meaning,
        worst.weight if worst else 0.0, ratio(worst.a, worst.b) if worst else NO_WORST,
        min(len(worst.a), len(worst.b)) if worst else 0,
    ]  # fmt: skip


def _badness(one: Met) -> float:
    """Return how badly words met; between those equally alike, the more telling are worse."""
    return one.weight / 100 - one.alike


def _left(aligned: Aligned) -> list[float]:
    """Return the features of the words left over: `left_place` to `left_longest`."""
    left_b = aligned.left_b
    left = [*aligned.left_a, *left_b]
    if not left:
        return NOTHING_LEFT
    kinds = [0.0] * len(KINDS)
    for word in left:
        if word.kinds:
            for bit in range(len(KINDS)):
                kinds[bit] += word.kinds >> bit & 1
    alike = 0.0
    if aligned.left_a and left_b:
        alike = JaroWinkler.similarity(
            "".join(word.sound for word in aligned.left_a), "".join(word.sound for word in left_b)
        )
    weights_b = [word.weight for word in left_b]
    return [
        *kinds, max(weights_b, default=0.0), sum(weights_b), len(left_b),
        min(word.weight for word in left), sum(word.weight for word in left if not word.group),
        alike, max(len(word.text) for word in left),
    ]  # fmt: skip


def _whole(a: Written, b: Written) -> list[float]:
    """Return the features of the whole names: `ratio` to `forms_same`."""
    one, other = a.joined, b.joined
    first = last = 0.0
    if a.words and b.words:
        first = JaroWinkler.similarity(a.words[0].sound, b.words[0].sound)
        last = JaroWinkler.similarity(a.words[-1].sound, b.words[-1].sound)
    runs_a, runs_b = _runs(one), _runs(other)
    return [
        ratio(one, other), token_sort_ratio(a.key, b.key), ratio(a.key, b.key),
        partial_ratio(one, other), ratio(a.sound, b.sound),
        JaroWinkler.similarity(a.sound, b.sound) * 100, Levenshtein.distance(a.sound, b.sound),
        ratio(a.sound.translate(VOWELS), b.sound.translate(VOWELS)),
        len(runs_a & runs_b) / (len(runs_a | runs_b) or 1), _beginning(one, other), first, last,
        min(len(one), len(other)), abs(len(one) - len(other)),
        min(a.total, b.total), max(a.total, b.total), numbers(a, b), forms(a, b),
        float(bool(a.forms) != bool(b.forms)), float(a.legal == b.legal),
    ]  # fmt: skip


def _runs(text: str) -> set[str]:
    return {text[place : place + RUN] for place in range(len(text) - RUN + 1)}


def _beginning(one: str, other: str) -> float:
    """Return the share of the shorter text with which both begin."""
    size = min(len(one), len(other))
    for place in range(size):
        if one[place] != other[place]:
            return place / size
    return 1.0


def numbers(a: Written, b: Written) -> int:
    """Return how the numbers of two names agree, as one of the constants above."""
    if not a.numbers and not b.numbers:
        return NO_NUMBERS
    if set(a.numbers) == set(b.numbers):
        return SAME_NUMBERS
    return OTHER_NUMBERS if a.numbers and b.numbers else NUMBER_MORE


def forms(a: Written, b: Written) -> int:
    """Return how the classes of their legal forms agree, likewise; `company` tells none."""
    one, other = a.forms - {"company"}, b.forms - {"company"}
    if not one or not other:
        return NO_FORMS
    return SAME_FORMS if one & other else OTHER_FORMS
