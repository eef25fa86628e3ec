"""A name as it is written: its words, numbers, legal forms and scripts, ready to be compared."""

from __future__ import annotations

import json
import re
import unicodedata
from functools import lru_cache
from importlib.resources import files
from typing import Any, NamedTuple

from riskmon.naming.scripts import NATIVE, latin, native
from riskmon.naming.scripts import scripts as scripts_of

MOST_LETTERS = 400
"""A name is read this far; no company has a longer one."""
RARE = 9.3
"""How telling a word is that no list has: the inverse frequency, as a logarithm."""


def data(name: str) -> Any:
    """Return a data file of this package."""
    return json.loads((files(__package__) / name).read_text("utf-8"))


class Word(NamedTuple):
    """A word of a name."""

    text: str
    sound: str
    """As it would be written if everybody transliterated alike."""
    group: int
    """Words that mean the same have the same number; 0 for those with no other."""
    kinds: int
    """A bit each for place, unit, trade, fund."""
    weight: float
    """How telling it is."""


class Written(NamedTuple):
    """A name, read."""

    words: tuple[Word, ...]
    """Without legal forms and numbers."""
    numbers: tuple[str, ...]
    forms: frozenset[str]
    """Classes of its legal forms."""
    scripts: frozenset[str]
    mixed: bool
    """Whether a word mixes scripts that look alike: a homoglyph."""
    key: str
    """Its words and numbers, sorted neither: what it is called without its legal form."""
    joined: str
    sound: str
    legal: tuple[str, ...]
    """The legal forms as they were written."""
    acronyms: frozenset[str]
    """Short forms given in brackets."""
    initials: str
    total: float
    """Sum of the weights of its words."""
    native: str
    """Letters of a script that has no spaces between words, without legal forms."""


ORDINALS = (
    "zeroth first second third fourth fifth sixth seventh eighth ninth tenth eleventh twelfth "
    "thirteenth fourteenth fifteenth sixteenth seventeenth eighteenth nineteenth twentieth"
).split()
CARDINALS = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen "
    "fifteen sixteen seventeen eighteen nineteen twenty"
).split()
NUMBERS = {word: n for words in (ORDINALS, CARDINALS) for n, word in enumerate(words)}
TENS = {
    word: 10 * n
    for n, words in enumerate(
        "twenty thirty forty|fourty fifty sixty seventy eighty ninety".split(), 2
    )
    for word in words.split("|")
}
ROMAN = {
    "ii": 2, "iii": 3, "iv": 4, "vi": 6, "vii": 7, "viii": 8, "ix": 9, "xi": 11, "xii": 12,
    "xiii": 13, "xiv": 14, "xv": 15, "xvi": 16, "xvii": 17, "xviii": 18, "xix": 19, "xx": 20,
}  # fmt: skip
LONE = {"i": 1, "v": 5, "x": 10}
FORMS: dict[tuple[str, ...], str] = {}
FIRST: dict[str, int] = {}
"""Longest phrase that begins with a word."""


@lru_cache(maxsize=100_000)
def sound(word: str) -> str:
    """Return a word as it would be written if everybody transliterated alike."""
    for one, other in SOUNDS:
        if one in word:
            word = word.replace(one, other)
    return re.sub(r"(.)\1+", r"\1", word)


SOUNDS = (
    ("sch", "s"), ("tch", "c"), ("kh", "h"), ("ch", "c"), ("sh", "s"), ("zh", "z"), ("gh", "g"),
    ("ph", "f"), ("th", "t"), ("dh", "d"), ("ck", "k"), ("ts", "s"), ("tz", "s"), ("cz", "s"),
    ("q", "k"), ("x", "ks"), ("w", "v"), ("ou", "u"), ("oo", "u"), ("ee", "i"), ("iy", "i"),
    ("yi", "i"), ("yy", "i"), ("ey", "e"), ("ei", "e"), ("ye", "e"), ("ie", "e"), ("ya", "a"),
    ("ia", "a"), ("yo", "o"), ("yu", "u"), ("iu", "u"), ("y", "i"), ("j", "i"), ("ce", "se"),
    ("ci", "si"), ("c", "k"), ("z", "s"), ("ks", "s"), ("dg", "g"), ("o", "a"), ("e", "i"),
)  # fmt: skip


DOTTED = re.compile(r"\b(?:[a-z]\.\s?){1,}[a-z]\b\.?|\b(?:[a-z]\.){2,}")
QUOTES = re.compile("['`´‘’ʼʻ\u02bf\u02be]")
POSSESSIVE = re.compile(r"(?<=[a-z])\?s\b")
GLUED = re.compile(r"(?<=[a-z])(?=[A-Z]{2,4}\b)")
"""As in SiemensAG."""
BRACKETS = re.compile(r"\(([^()]*)\)")
KNOWN_AS = re.compile(r"\(?\b(?:[fna]\.?k\.?a\.?|formerly|also known as)\b.*$")
WORDS = re.compile(r"[a-z]+|[0-9]+(?:st|nd|rd|th)\b|[0-9]+")


MARKS = frozenset("’‘“”´ʼʻʿʾ・ー㈜㈱")


def tokens(text: str) -> list[str]:
    """Return the words and numbers of a name in Latin letters, in order; initials are joined."""
    text = POSSESSIVE.sub("s", QUOTES.sub("", text))
    text = text.replace("&", " and ").replace("+", " and ")
    text = DOTTED.sub(lambda m: " " + re.sub(r"[.\s]", "", m[0]) + " ", text)
    found: list[str] = []
    run: list[str] = []
    for word in WORDS.findall(text):
        if len(word) == 1 and word.isalpha():
            run.append(word)
            continue
        if run:
            found += ["".join(run)] if len(run) > 1 else run
            run = []
        found.append(word)
    if run:
        found += ["".join(run)] if len(run) > 1 else run
    return found


def _form(word: str) -> str:
    """Return what a word of a legal form is known by: long ones however transliterated."""
    return sound(word) if len(word) > LONG else word


LONG = 5


def _load() -> None:
    for kind, phrases in data("forms.json").items():
        for phrase in phrases:
            key = tuple(map(_form, re.findall(r"[a-z0-9]+", phrase)))
            FORMS.setdefault(key, kind)
            FIRST[key[0]] = max(FIRST.get(key[0], 0), len(key))


_load()
SAME = data("same.json")
GROUPS = {word: number for number, group in enumerate(reversed(SAME["alike"]), 1) for word in group}
KINDS = ("place", "unit", "trade", "fund", "filler")
KIND: dict[str, int] = {}
for bit, kind in enumerate(KINDS):
    for word in SAME["kinds"][kind]:
        KIND[word] = KIND.get(word, 0) | 1 << bit
APART = sum(1 << bit for bit, kind in enumerate(KINDS) if kind in {"place", "unit", "fund"})
"""One word more of these kinds is another company: its branch, its holding, its second fund."""
WEIGHTS: dict[str, float] = data("words.json")


@lru_cache(maxsize=50_000)
def _word(text: str) -> Word:
    return Word(text, sound(text), GROUPS.get(text, 0), KIND.get(text, 0), WEIGHTS.get(text, RARE))


EDGE = 3
"""Forms of so few letters are words elsewhere: they are forms at either end of a name only."""


def kinds_of(word: Word) -> list[str]:
    """Return the names of a word's kinds."""
    return [kind for bit, kind in enumerate(KINDS) if word.kinds >> bit & 1]


def _without_forms(found: list[str]) -> tuple[list[str], list[str], set[str]]:
    """Return the words that are no legal form, the forms as written, and their classes."""
    sounds = list(map(_form, found))
    kept: list[str] = []
    legal: list[str] = []
    classes: set[str] = set()
    place, last = 0, len(found)
    while place < last:
        longest = min(FIRST.get(sounds[place], 0), last - place)
        for length in range(longest, 0, -1):
            key = tuple(sounds[place : place + length])
            if key in FORMS and _may_be(found, place, length, kept):
                classes.add(FORMS[key])
                legal.append(" ".join(found[place : place + length]))
                place += length
                break
        else:
            kept.append(found[place])
            place += 1
    return kept, legal, classes


def _may_be(found: list[str], place: int, length: int, kept: list[str]) -> bool:
    if length > 1 or len(found[place]) > EDGE:
        return True
    if not kept:  # at the start, and something follows
        return place + 1 < len(found) and len(found[place]) > 1
    rest = found[place + 1 :]
    return _only_forms(rest)


def _numbers(found: list[str]) -> tuple[list[str], list[str]]:
    """Return the words that are no numbers, and the numbers, in figures."""
    kept: list[str] = []
    numbers: list[str] = []
    tens = 0
    for place, word in enumerate(found):
        if word in TENS:
            tens = TENS[word]
            numbers.append(str(tens))
            continue
        value = _number(word, place, found)
        if value is None:
            kept.append(word)
        elif tens and value < 10:
            numbers[-1] = str(tens + value)
        else:
            numbers.append(str(value))
        tens = 0
    return kept, numbers


def _number(word: str, place: int, found: list[str]) -> int | None:
    digits = re.fullmatch(r"([0-9]+)(?:st|nd|rd|th)?", word)
    if digits:
        return int(digits[1])
    if word in NUMBERS:
        return NUMBERS[word]
    if word in ROMAN:
        return ROMAN[word]
    if word in LONE and place and _only_forms(found[place + 1 :]):
        return LONE[word]
    return None


def _only_forms(found: list[str]) -> bool:
    return all((_form(word),) in FORMS for word in found)


def _acronyms(text: str, found: list[str]) -> set[str]:
    """Return the words in brackets that are initials of the others."""
    shorts = {re.sub(r"[^a-z0-9]", "", inside) for inside in BRACKETS.findall(text)}
    return {
        short
        for short in shorts
        if 2 <= len(short) <= 8
        and short in found
        and _in_order(short, "".join(word[0] for word in found if word != short))
    }


def _in_order(letters: str, among: str) -> bool:
    rest = iter(among)
    return all(letter in rest for letter in letters)


SMALL = frozenset("and of the for de la le los las del et und y in e".split())


@lru_cache(maxsize=20_000)
def written(name: str) -> Written:
    """Return a name, read; those asked for lately are kept."""
    return read(name)


def read(name: str) -> Written:
    """Return a name, read."""
    text = unicodedata.normalize("NFKC", name)[:MOST_LETTERS].strip()
    text = GLUED.sub(" ", text)
    scripts, mixed = scripts_of(text)
    if not text.isascii():
        text = "".join(c if c.isalnum() or c.isascii() or c in MARKS else " " for c in text)
    letters = native(text) if scripts & NATIVE else ""
    text = latin(text, scripts)
    bare = KNOWN_AS.sub("", text)
    if len(bare) > 2:
        text = bare
    found = tokens(text)
    acronyms = _acronyms(text, found)
    if acronyms and len(found) > 2:
        found = [word for word in found if word not in acronyms] or found
    found, numbers = _numbers(found)
    kept, legal, classes = _without_forms(found)
    kept = [word for word in kept if word not in SMALL] or kept
    if not kept:
        kept = [word for word in found if word not in SMALL]
        legal = []
    words = tuple(map(_word, kept))
    key = " ".join([*kept, *numbers])
    return Written(
        words=words,
        numbers=tuple(sorted(numbers)),
        forms=frozenset(classes),
        scripts=scripts,
        mixed=mixed,
        key=key,
        joined="".join(kept),
        sound="".join(word.sound for word in words),
        legal=tuple(legal),
        acronyms=frozenset(acronyms),
        initials="".join(word[0] for word in kept),
        total=sum(word.weight for word in words),
        native=letters,
    )
