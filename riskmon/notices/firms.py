"""Names of firms inside a sentence: those that a legal form ends, or that the text itself quotes.

A capitalised phrase is no firm by itself: agencies, countries and lists are written so as well.
Hence a name counts where it ends in a legal form, and none does that begins like an office.
"""

from __future__ import annotations

import re
from functools import lru_cache

from riskmon.notices import words

MOST = 150
"""Characters of a name; what is longer is a clause."""


@lru_cache(maxsize=1)
def forms() -> str:
    """Return the pattern of a legal form, the longest first."""
    found = sorted(words("firms")["forms"], key=len, reverse=True)
    return "(?:" + "|".join(re.escape(form) for form in found) + r")(?![\w-])"


@lru_cache(maxsize=1)
def _named() -> re.Pattern[str]:
    word = r"(?:[A-Z0-9][\w&'\u2019.+/-]{0,40}|of|and|de|du|for|&|\([A-Z][\w .&-]{0,30}\))"
    return re.compile(
        rf"(?<![\w\u2019'-])[A-Z0-9][\w&'\u2019.+/-]{{0,40}}(?:,? {word}){{0,8}}?,? {forms()}"
        rf"(?:,? {forms()}){{0,2}}"
    )


def with_form(text: str) -> list[str]:
    """Return the names in a text that end in a legal form, in order, each once."""
    found = (clean(one) for one in _named().findall(text))
    return list(dict.fromkeys(one for one in found if one and is_firm(one)))


def has_form(name: str) -> bool:
    """Whether a name has a legal form or a word that only firms have (Airlines, Group)."""
    tokens = {token.strip(",.()").lower() for token in name.split()}
    return bool(re.search(rf"(?<![\w-]){forms()}", name)) or bool(tokens & _trades())


@lru_cache(maxsize=1)
def _trades() -> set[str]:
    return set(words("firms")["trades"])


@lru_cache(maxsize=1)
def _offices() -> re.Pattern[str]:
    return re.compile(rf"(?:the )?(?:{'|'.join(words('firms')['offices'])})\b", re.IGNORECASE)


def is_firm(name: str) -> bool:
    """Whether what looks like a name is not that of an office, a list, a country or a case's X."""
    return 1 < len(name) <= MOST and not _offices().match(name)


def clean(name: str) -> str:
    """Return a name without what stands around it in a sentence."""
    name = name.strip(" ,;:")
    while (first := name.partition(" "))[0].lower() in {
        "the",
        "and",
        "of",
        "for",
        "by",
        "to",
        "that",
    }:
        name = first[2].strip(" ,")
    return name


def split(text: str) -> list[str]:
    """Return the parts of an enumeration, legal forms after a comma left with their names."""
    parts = re.split(r",\s+(?:and\s+)?|\s+and\s+", text)
    joined: list[str] = []
    for part in parts:
        if joined and re.fullmatch(rf"{forms()}(?:,? {forms()})*", part.strip()):
            joined[-1] += f", {part.strip()}"
        elif part.strip():
            joined.append(part.strip())
    return joined
