"""Legal forms: the words of a name that say how a company is constituted, in Latin letters.

`forms.json` has phrases by class: `limited` and `stock` companies, `partnership`, `state`,
`association`, and `company` for words that tell no class. They are after ISO 20275 (GLEIF's list of
entity legal forms) and a list kept here of how these are shortened and transliterated.
"""

from __future__ import annotations

import json
import re
from importlib.resources import files

from riskmon.naming.scripts import sound

LONG = 5
"""Longer words of a phrase are known however transliterated, others by their very letters."""
EDGE = 3
"""Forms of so few letters are words elsewhere: they are forms at either end of a name only."""


def _key(word: str) -> str:
    """Return what a word of a legal form is known by."""
    return sound(word) if len(word) > LONG else word


def _loaded() -> tuple[dict[tuple[str, ...], str], dict[str, int]]:
    """Return the class of each phrase, and the longest phrase that begins with a word."""
    classes: dict[tuple[str, ...], str] = {}
    longest: dict[str, int] = {}
    told = json.loads((files(__package__) / "forms.json").read_text("utf-8"))
    for name, phrases in told.items():
        for phrase in phrases:
            key = tuple(map(_key, re.findall(r"[a-z0-9]+", phrase)))
            classes.setdefault(key, name)
            longest[key[0]] = max(longest.get(key[0], 0), len(key))
    return classes, longest


CLASSES, LONGEST = _loaded()


def without_forms(found: list[str]) -> tuple[list[str], list[str], set[str]]:
    """Return the words that are no legal form, the forms as written, and their classes."""
    keys = list(map(_key, found))
    kept: list[str] = []
    legal: list[str] = []
    classes: set[str] = set()
    place, last = 0, len(found)
    while place < last:
        longest = min(LONGEST.get(keys[place], 0), last - place)
        for length in range(longest, 0, -1):
            phrase = tuple(keys[place : place + length])
            if phrase in CLASSES and _may_be(found, place, length, begins=not kept):
                classes.add(CLASSES[phrase])
                legal.append(" ".join(found[place : place + length]))
                place += length
                break
        else:
            kept.append(found[place])
            place += 1
    return kept, legal, classes


def _may_be(found: list[str], place: int, length: int, *, begins: bool) -> bool:
    """Whether a phrase is a form where it stands; `begins`: only forms are before it."""
    if length > 1 or len(found[place]) > EDGE:
        return True
    if begins:
        return place + 1 < len(found) and len(found[place]) > 1
    return only_forms(found[place + 1 :])


def only_forms(found: list[str]) -> bool:
    """Whether each of these words is a legal form; so it is of none."""
    return all((_key(word),) in CLASSES for word in found)
