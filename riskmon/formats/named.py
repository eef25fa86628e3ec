"""Names in lists: which are of natural persons, where a list does not say; several in one cell.

A person is told carefully, for a firm that is taken for one is looked for no more. It is for lists
of persons in the main: on the Entity List too many firms are called like one.
"""

from __future__ import annotations

import re

from riskmon.names import words
from riskmon.naming.legal import only_forms, without_forms
from riskmon.notices import firms

NAME = re.compile(r"[^\W\d_]+(?:[.'\u2019-]+[^\W\d_]+)*[.'\u2019-]*")
FEW, MANY = 2, 6
"""Words of a person's name."""
JAILED = re.compile(
    r"\b(?:inmate|incarcerated|prisoner|register) (?:number|no\b|at\b)|\bUSM\b", re.IGNORECASE
)
"""What an address says of somebody in custody."""
DOTTED = re.compile(r"(?:[A-Z]\.){2,}$")
"""A legal form such as A.G. or S.L. at the end of a name."""
OFFICES = {
    "academy", "agency", "anstalt", "associates", "bureau", "center", "centre", "college",
    "committee", "company", "computers", "consultants", "consulting", "corps", "council",
    "defence", "defense", "department", "design", "directorate", "enterprise", "equipment",
    "export", "exports", "factory", "force", "forces", "freight", "fzco", "general",
    "government", "holding", "import", "imports", "industrial", "industry", "intl", "invest",
    "laboratories", "laboratory", "labs", "machinery", "manufacture", "marine", "maritime",
    "marketing", "metals", "military", "ministry", "navy", "network", "office", "optics",
    "organization", "party", "plant", "products", "regime", "regiment", "research", "results",
    "schule", "science", "scientific", "services", "shipyard", "software", "supplies",
    "supply", "survey", "technical", "technik", "technique", "telecom", "textile", "tours",
    "trade", "traders", "transport", "trust", "union", "universal", "vertrieb", "vertriebs",
    "vessel", "works",
}  # fmt: skip
"""Words that no person has in a name, beside those that notices know."""


def person(name: str, address: str = "") -> bool:
    """Whether a name is surely that of a natural person."""
    if JAILED.search(address):
        return True
    written = name.replace(",", " ").split()
    if not FEW <= len(written) <= MANY or not all(map(NAME.fullmatch, written)):
        return False
    plain = words(name).split()
    if DOTTED.search(name.strip()) or OFFICES.intersection(plain):
        return False
    if firms.has_form(name) or firms.has_form(name.title()):
        return False
    return not without_forms(plain)[1]


def enumerated(text: str) -> list[str]:
    """Return the names in a text that `;` or commas divide, legal forms left where they belong."""
    found: list[str] = []
    for part in re.split(r";\s*|,\s+", text):
        one = part.strip().removeprefix("and ").strip()
        if found and only_forms(words(one).split()):
            found[-1] += f", {one}"
        elif one:
            found.append(one)
    return found
