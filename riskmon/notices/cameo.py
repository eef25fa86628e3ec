"""CAMEO codes and actors of GDELT: which are of interest, and which actor is a firm with a name."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any, NamedTuple

from riskmon.notices import firms, words
from riskmon.notices.text import one_line

COMPANY = "MNC"
"""The type of an actor that GDELT knows by its name, as a multinational corporation."""


class Actor(NamedTuple):
    """One of the two actors of a row."""

    code: str
    name: str
    groups: tuple[str, ...]
    """Country, known group, ethnic and religion codes."""
    types: tuple[str, ...]

    @property
    def business(self) -> bool:
        """Whether it is a business, or has the name of one."""
        return bool(set(words("cameo")["business"]) & set(self.types)) or self.formed

    @property
    def formed(self) -> bool:
        """Whether its name ends in a legal form; `OIL COMPANY` has none, it is a trade."""
        name = one_line(self.name)
        found = re.search(rf"\w ,?{firms.forms()}$", name, re.IGNORECASE)
        return bool(found) and name.rpartition(" ")[2] not in _generic()

    def company(self) -> str | None:
        """Return the name of a company, None for `INDUSTRY`, a place or a people.

        Of a business of a country GDELT gives the country's, a town's or a people's name.
        """
        name = one_line(self.name)
        if not name or not self.business:
            return None
        if COMPANY in self.types or self.formed:
            return None if name in _generic() else name
        placed = any(self.groups)
        return None if placed or set(name.split()) & _generic() else name


@lru_cache(maxsize=1)
def _generic() -> frozenset[str]:
    return frozenset(words("cameo")["generic"])


@lru_cache(maxsize=1000)
def of_interest(code: str) -> dict[str, Any] | None:
    """Return what a code, or what it begins with, stands for; None where it is of no interest."""
    codes = words("cameo")["codes"]
    if code in codes:
        return dict(codes[code])
    wider = codes.get(code[:3]) if len(code) > len("112") else None
    return dict(wider) if wider and not wider.get("exact") else None
