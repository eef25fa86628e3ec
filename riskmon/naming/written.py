"""A name as it is written: its words, numbers, legal forms and scripts, ready to be compared.

What it knows of words is data. `same.json` has under `alike` groups of words that mean the same, in
several languages, shortened or transliterated; no word is in two of them, and one that is alone in
its group is only kept from being a name's own. Under `kinds` it has the words that make another
company of a name (`place`, `unit`, `trade`, `fund`) or say little (`filler`); a word may be of
several. `words.json` says how telling a word is, and is written by `benchmarks/fit_names.py`.
"""

from __future__ import annotations

import json
import re
import unicodedata
from functools import lru_cache
from importlib.resources import files
from typing import Any, NamedTuple

from riskmon.naming.legal import only_forms, without_forms
from riskmon.naming.scripts import NATIVE, bare, latin, native, scripts_of, sound

MOST_LETTERS = 400
"""A name is read this far; no company has a longer one."""
RARE = 9.3
"""How telling a word is that no list has: the inverse frequency, as a logarithm."""
FEW = 2
"""A name of no more words is not shortened by its acronym, nor to no more letters by `f.k.a.`."""
ACRONYM = range(2, 9)
"""How many letters an acronym may have."""


class Word(NamedTuple):
    """A word of a name, in a-z."""

    text: str
    sound: str
    """As it would be written if everybody transliterated alike."""
    group: int
    """Words that mean the same have the same number; 0 for those in no group."""
    kinds: int
    """A bit for each of `KINDS`."""
    weight: float
    """How telling it is: the natural logarithm of names per name that has it."""


class Written(NamedTuple):
    """A name, read."""

    words: tuple[Word, ...]
    """Without legal forms and numbers, unless there is nothing else."""
    numbers: tuple[str, ...]
    """In figures, sorted as texts."""
    forms: frozenset[str]
    """Classes of its legal forms."""
    legal: tuple[str, ...]
    """The legal forms as they were written."""
    scripts: frozenset[str]
    mixed: bool
    """Whether a word mixes scripts that look alike: a homoglyph."""
    key: str
    """Its words, then its numbers, both in the order in which they stand."""
    joined: str
    """Its words, written together."""
    sound: str
    """The sounds of its words, written together."""
    total: float
    """Sum of the weights of its words."""
    native: str
    """Letters of a script that has no spaces between words, without legal forms."""


ORDINALS = (
    "zeroth", "first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth",
    "tenth", "eleventh", "twelfth", "thirteenth", "fourteenth", "fifteenth", "sixteenth",
    "seventeenth", "eighteenth", "nineteenth", "twentieth",
)  # fmt: skip
CARDINALS = (
    "zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine",
    "ten", "eleven", "twelve", "thirteen", "fourteen", "fifteen", "sixteen",
    "seventeen", "eighteen", "nineteen", "twenty",
)  # fmt: skip
NUMBERS = {word: n for words in (ORDINALS, CARDINALS) for n, word in enumerate(words)}
TENS = {
    "twenty": 20, "thirty": 30, "forty": 40, "fourty": 40, "fifty": 50, "sixty": 60,
    "seventy": 70, "eighty": 80, "ninety": 90,
}  # fmt: skip
UNITS = range(10)
ROMAN = {
    "ii": 2, "iii": 3, "iv": 4, "vi": 6, "vii": 7, "viii": 8, "ix": 9, "xi": 11, "xii": 12,
    "xiii": 13, "xiv": 14, "xv": 15, "xvi": 16, "xvii": 17, "xviii": 18, "xix": 19, "xx": 20,
}  # fmt: skip
LONE = {"i": 1, "v": 5, "x": 10}
"""Numbers only where nothing but legal forms follows."""
FIGURES = re.compile(r"([0-9]+)(?:st|nd|rd|th)?")
DOTTED = re.compile(r"\b(?:[a-z]\.\s?){1,}[a-z]\b\.?|\b(?:[a-z]\.){2,}")
"""Initials, as in `I. B. M.`"""
QUOTES = re.compile("['`\u00b4\u2018\u2019\u02bb\u02bc\u02be\u02bf]")
"""Apostrophes, and what is written for ayn and hamza: within a word, no letters."""
POSSESSIVE = re.compile(r"(?<=[a-z])\?s\b")
"""As in `Bank?s`, whose apostrophe was lost on the way."""
GLUED = re.compile(r"(?<=[a-z])(?=[A-Z]{2,4}\b)")
"""As in `SiemensAG`."""
BRACKETS = re.compile(r"\(([^()]*)\)")
KNOWN_AS = re.compile(r"\(?\b(?:[fna]\.?k\.?a\.?|formerly|also known as)\b.*$")
"""What follows is another name."""
WORDS = re.compile(r"[a-z]+|[0-9]+(?:st|nd|rd|th)\b|[0-9]+")
MARKS = frozenset("\u2018\u2019\u201c\u201d\u00b4\u02bb\u02bc\u02be\u02bf・ー")
"""Marks that are read; others outside ASCII, and emoji, are read as space."""
SMALL = frozenset(
    {"and", "of", "for", "the", "de", "la", "le", "los", "las", "del", "et", "und", "y", "in", "e"}
)
KINDS = ("place", "unit", "trade", "fund", "filler")
APART = sum(1 << bit for bit, kind in enumerate(KINDS) if kind != "filler")
"""One word more of these kinds is another company: its branch, holding, bank or second fund."""


def _data(name: str) -> Any:
    return json.loads((files(__package__) / name).read_text("utf-8"))


def _kinds(told: dict[str, list[str]]) -> dict[str, int]:
    """Return the bits of each word that is of any kind."""
    found: dict[str, int] = {}
    for bit, kind in enumerate(KINDS):
        for word in told[kind]:
            found[word] = found.get(word, 0) | 1 << bit
    return found


_SAME = _data("same.json")
GROUPS = {word: n for n, group in enumerate(_SAME["alike"], 1) for word in group}
KIND = _kinds(_SAME["kinds"])
WEIGHTS: dict[str, float] = _data("words.json")


@lru_cache(maxsize=50_000)
def _word(text: str) -> Word:
    return Word(text, sound(text), GROUPS.get(text, 0), KIND.get(text, 0), WEIGHTS.get(text, RARE))


def kinds_of(word: Word) -> list[str]:
    """Return the names of a word's kinds."""
    return [kind for bit, kind in enumerate(KINDS) if word.kinds >> bit & 1]


@lru_cache(maxsize=20_000)
def written(name: str) -> Written:
    """Return a name, read; those asked for lately are kept."""
    return read(name)


def read(name: str) -> Written:
    """Return a name, read: any text is one, and none raises. Numbers are read before legal forms.

    (`II` read as a form would make `Trust II` the `Trust`.)
    """
    text = unicodedata.normalize("NFKC", name)[:MOST_LETTERS].strip()
    text = GLUED.sub(" ", text)
    scripts, mixed = scripts_of(text)
    if not text.isascii():
        text = "".join(c if c.isalnum() or c.isascii() or c in MARKS else " " for c in text)
    found, numbers = _numbers(_called(latin(text, scripts)))
    if scripts & NATIVE:  # 株式会社NITTAN is in Latin script
        scripts = scripts_of(bare(text))[0] or scripts
    letters = native(text) if scripts & NATIVE else ""
    kept, legal, forms = without_forms(found)
    kept = [word for word in kept if word not in SMALL] or kept
    if not kept:  # a name of nothing but forms is called by them
        kept = [word for word in found if word not in SMALL]
        legal = []
    words = tuple(map(_word, kept))
    return Written(
        words=words,
        numbers=tuple(sorted(numbers)),
        forms=frozenset(forms),
        legal=tuple(legal),
        scripts=scripts,
        mixed=mixed,
        key=" ".join([*kept, *numbers]),
        joined="".join(kept),
        sound="".join(word.sound for word in words),
        total=sum(word.weight for word in words),
        native=letters,
    )


def _called(text: str) -> list[str]:
    """Return the words of a name in lower-case Latin letters; no other name, no acronym of it."""
    bare = KNOWN_AS.sub("", text)
    if len(bare) > FEW:
        text = bare
    found = tokens(text)
    acronyms = _acronyms(text, found)
    if acronyms and len(found) > FEW:
        return [word for word in found if word not in acronyms] or found
    return found


def tokens(text: str) -> list[str]:
    """Return the words and numbers of a name in Latin letters, in order; initials are joined."""
    text = POSSESSIVE.sub("s", QUOTES.sub("", text))
    text = text.replace("&", " and ").replace("+", " and ")
    text = DOTTED.sub(lambda match: " " + re.sub(r"[.\s]", "", match[0]) + " ", text)
    found: list[str] = []
    initials = ""
    for word in WORDS.findall(text):
        if len(word) == 1 and word.isalpha():
            initials += word
            continue
        if initials:
            found.append(initials)
            initials = ""
        found.append(word)
    return [*found, initials] if initials else found


def _acronyms(text: str, found: list[str]) -> set[str]:
    """Return the words in brackets that are initials of the others."""
    shorts = {re.sub(r"[^a-z0-9]", "", inside) for inside in BRACKETS.findall(text)}
    return {
        short
        for short in shorts
        if len(short) in ACRONYM
        and short in found
        and _in_order(short, "".join(word[0] for word in found if word != short))
    }


def _in_order(letters: str, among: str) -> bool:
    rest = iter(among)
    return all(letter in rest for letter in letters)


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
        elif tens and value in UNITS:
            numbers[-1] = str(tens + value)
        else:
            numbers.append(str(value))
        tens = 0
    return kept, numbers


def _number(word: str, place: int, found: list[str]) -> int | None:
    """Return the number that a word is where it stands, or None."""
    figures = FIGURES.fullmatch(word)
    if figures:
        return int(figures[1])
    if word in NUMBERS:
        return NUMBERS[word]
    if word in ROMAN:
        return ROMAN[word]
    if word in LONE and place and only_forms(found[place + 1 :]):
        return LONE[word]
    return None


def forget() -> None:
    """Forget the names and words that were read: what they are read by is another now."""
    written.cache_clear()
    _word.cache_clear()
