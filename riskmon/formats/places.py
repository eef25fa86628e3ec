"""Places as lists write them, their codes by ISO 3166-1, and the matter of a listing by name.

What a list calls a country is in `places.json`, by code. A list that numbers no entry is joined to
one that repeats it by the name and the country alone: hence one way of writing both.
"""

from __future__ import annotations

import json
import re
import unicodedata
from functools import lru_cache
from hashlib import sha256
from importlib.resources import files

from riskmon.names import words

MOST_NAME = 300
"""Characters of a name in a matter; a ref has 400, of a list, a name and a country."""
MOST_PLACE = 100
WITHIN = {"hk": "cn", "mo": "cn"}
"""Codes that one list has under another country: the Entity List has Hong Kong under China since
the end of 2020, and the Consolidated Screening List still tells them apart."""
CODE = re.compile(r"[A-Z]{2}")


@lru_cache(maxsize=1)
def _codes() -> dict[str, str]:
    """Return the code of each name, and of each code itself."""
    told = json.loads((files(__package__) / "places.json").read_text("utf-8"))["codes"]
    names = {_key(name): code for code, known in told.items() for name in known}
    return names | {code: code for code in told}


def _key(text: str) -> str:
    """Return a name without accents, punctuation, and articles at either end."""
    plain = "".join(c for c in unicodedata.normalize("NFKD", text) if not unicodedata.combining(c))
    return words(plain).removeprefix("the ").removesuffix(" the")


@lru_cache(maxsize=4096)  # a list has few countries and many rows
def code(text: str) -> str | None:
    """Return the code of a country as a list writes it: China, PRC, CN, Korea, South (ROK): kr.

    None for what is no country: a region of several, high seas, words for none.
    """
    if len(text) > MOST_PLACE:
        return None
    known = _codes()
    return known.get(_key(text)) or known.get(_key(text.partition("(")[0]))


def behind(address: str) -> str | None:
    """Return the code that ends an address, in capitals after a comma: `Beijing, 100033, CN`.

    None where there is none, such as `El Paso, TX, 79905`.
    """
    last = address.rpartition(",")[2].strip()
    return code(last) if CODE.fullmatch(last) else None


def in_order(name: str) -> str:
    """Return the words of a name in alphabetical order: some lists write `Surname, Given`."""
    return " ".join(sorted(words(name).split())) or name


def key(name: str, country: str | None = None, *, hidden: bool = False) -> str:
    """Return what a list that numbers no entry knows one by: `zte corp (cn)`.

    The words of the name, and the code of the `country` where it has one. `hidden`: for a natural
    person, whose name is in no ref and no matter: a digest stands for it.
    """
    found = words(name) or " ".join(name.split())
    if hidden or len(found) > MOST_NAME:
        digest = sha256(found.encode("utf-8", "replace")).hexdigest()[:16]
        found = f"person {digest}" if hidden else f"{found[: MOST_NAME - 20]} {digest}"
    place = code(country) if country else None
    return f"{found} ({WITHIN.get(place, place)})" if place else found


def matter(source: str, name: str, country: str | None = None, *, hidden: bool = False) -> str:
    """Return the matter of a listing by name: `bis-entity-list:zte corp (cn)`.

    `source`: of the list that the entry is of, whoever repeats it.
    """
    return f"{source}:{key(name, country, hidden=hidden)}"
