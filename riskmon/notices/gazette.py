"""The Federal Register: whom a document names, on which list, and what it does with them.

Names come from two places alone: titles of orders that deny export privileges or end debarments,
which begin with the parties and their addresses; and abstracts, where a verb, a name with its
legal form (or in quotation marks) and a list stand together. Anything else names nobody.
"""

from __future__ import annotations

import re
from functools import lru_cache
from itertools import chain
from typing import NamedTuple

from riskmon.notices import firms, words

MOST_TITLE, MOST_ABSTRACT = 4000, 10_000
"""Characters that are looked at."""
MOST_PARTIES = 100
NEAR = 400
"""Characters between a verb, a name and a list that belong together."""


class Named(NamedTuple):
    """A party that a document names."""

    name: str
    topic: str
    type: str
    person: bool = False
    aliases: tuple[str, ...] = ()


@lru_cache(maxsize=1)
def table() -> dict[str, dict[str, list[str]]]:
    """Return federal_register.json."""
    found: dict[str, dict[str, list[str]]] = words("federal_register")
    return found


@lru_cache(maxsize=500)
def _pattern(text: str) -> re.Pattern[str]:
    return re.compile(text, re.IGNORECASE)


def says(what: str, **texts: str) -> bool:
    """Whether a text matches any of the patterns that the table has under `what` for its field."""
    return matches(table()[what], **texts)


def matches(patterns: dict[str, list[str]], **texts: str) -> bool:
    """Whether a text matches any of its field's patterns."""
    return any(
        _pattern(one).search(text)
        for field, text in texts.items()
        for one in patterns.get(field, ())
    )


EXCEPTED = re.compile(
    r"\b(?:other than|except|excluding|outside)\b[^.;]{0,200}|\b(?:south|east) china sea\b",
    re.IGNORECASE,
)


def countries(text: str) -> list[str]:
    """Return the codes of the destinations that a text names, in alphabetical order."""
    known = words("federal_register")["countries"]
    names = "|".join(re.escape(name) for name in sorted(known, key=len, reverse=True))
    found = _pattern(rf"(?<![\w-])(?:{names})(?![\w-])").findall(EXCEPTED.sub(" ", text))
    return sorted({code for one in found if len(code := known[one.lower()] or "") == len("cn")})


def named(title: str, abstract: str, *, correction: bool) -> list[Named]:
    """Return the parties that a document names, each once a list, in order."""
    title, abstract = title[:MOST_TITLE], abstract[:MOST_ABSTRACT]
    found = chain(_denied(title), _reinstated(title), _in_abstract(abstract))
    each = {(one.name.casefold(), one.topic): one for one in reversed(list(found))}
    kept = list(each.values())[::-1]
    return [one._replace(type="listing.amended") for one in kept] if correction else kept


ORDER = re.compile(
    r"(?:amended )?order\b[^;,]{0,80}?\b(?:denying|denial of) export privileges[,:]?\s*",
    re.IGNORECASE,
)
MATTER = re.compile(r"\bin the matter of:?\s*", re.IGNORECASE)
ALIAS = re.compile(r"[,\s]+(?:a/k/a|d/b/a|f/k/a)\s+", re.IGNORECASE)
NUMBER = re.compile(r"(?<![\w&-])[#(]?\d[\d/.-]*(?![\w])")
NO_NAME = re.compile(
    r"^washington$|\b(?:et al\.?|avenida|avenue|street|st\.|road|p\.?o\.? box|inmate number"
    r"|prospekt|ulitsa|calle|floor|suite|apt)\b|^and\b",
    re.IGNORECASE,
)


def _denied(title: str) -> list[Named]:
    """Return the parties of an order under 15 CFR 764.3(a)(2) or 766.24, the renewals amended."""
    order = ORDER.search(title)
    if not order:
        return []
    does = order[0].lower()
    type_ = "listing.amended" if "renew" in does or "amended" in does else "listing.listed"
    rest = title[: order.start()] + ";" + title[order.end() :]
    matter = MATTER.search(rest)
    rest = rest[matter.end() if matter else 0 :]
    found: list[Named] = []
    for part in rest.split(";")[:MOST_PARTIES]:
        segment = part.strip(" ,.\u2019'\u201d")
        names = [name for one in ALIAS.split(segment) if (name := _before_address(one))]
        if not names or NO_NAME.search(names[0]) or not _before_address(segment):
            continue
        person = not any(map(firms.has_form, names))
        if found and person and matter:  # `In the Matter of` is of one person; a prison follows
            continue
        found.append(Named(names[0], "denied-persons", type_, person, tuple(names[1:])))
    return found


def _before_address(text: str) -> str:
    """Return the name before the address in `name, street 1, town`; "" where there is none."""
    text = re.split(r",?\s+Inmate Number|,?\s+Currently Incarcerated", text)[0]
    first, *more = [part.strip() for part in text.split(",")]
    number = NUMBER.search(first)
    name = first[: number.start()] if number else first
    name = re.sub(r"\([^()]*$", "", name).strip(" )" if "(" not in name else " ")
    if number and not firms.has_form(name) and len(name.split()) > 1 and not name.endswith(")"):
        return ""
    for part in more[:2]:
        if not number and (
            re.fullmatch(firms.forms(), part) or part in {"Jr.", "Sr.", "II", "III"}
        ):
            name += f", {part}"
        else:
            break
    return name if re.search(r"[^\W\d_]{2}", name) and len(name) <= firms.MOST else ""


def without_names(title: str) -> str:
    """Return what is ordered, of a title that has the names of natural persons in it."""
    if order := ORDER.search(title):
        return order[0].strip(" ,:")
    does = re.search(r"\b(?:Designation|Amendment|Revocation)s?\b", title)
    as_what = re.search(r"\bas (?:a )?Specially Designated Global Terrorists?", title)
    return " ".join(one[0] for one in (does, as_what) if one) or "Notice"


REINSTATED = re.compile(
    r"Rescission of Statutory Debarment of (.{2,1500}?) (?:Under|Pursuant)\b", re.IGNORECASE
)


def _reinstated(title: str) -> list[Named]:
    """Return who may trade in defence articles again (22 CFR 127.7)."""
    found = REINSTATED.search(title)
    return [
        Named(name, "aeca-debarment", "listing.delisted", not firms.has_form(name))
        for name in (firms.split(found[1]) if found else ())
    ]


QUOTED = re.compile(
    r"[\"“]([A-Z0-9][^\"“”]{2,150})[\"”](?=\s*(?:\(under|\(a/k/a|,|\.|and\b|to the|from the|under))"
)


def _in_abstract(abstract: str) -> list[Named]:
    """Return the firms that stand after a verb and with a list."""
    if not re.search(r"\blist\b", abstract, re.IGNORECASE):
        return []
    lists, verbs = _lists(abstract), _verbs(abstract)
    found = []
    for name in dict.fromkeys([*firms.with_form(abstract), *QUOTED.findall(abstract)]):
        if not firms.is_firm(name) or re.search(r"\b(?:rule|items|technology|production)\b", name):
            continue
        start = abstract.find(name)
        before = [verb for verb in verbs if 0 <= start - verb[0] <= NEAR]
        if not before:
            continue
        at, type_ = before[-1]
        end = start + len(name)
        after = next((one for one in lists if end <= one[0] <= end + NEAR), None)
        barrier = next((verb[0] for verb in verbs if verb[0] > end), len(abstract))
        topic = after[1] if after and after[0] < barrier else ""
        if not topic and re.search(r"\bentr(?:y|ies) for\b", abstract[at:start]):
            topic = next((one[1] for one in reversed(lists) if one[0] < start), "")
        licence = re.search(r"\blicen[cs]e|authoriz", abstract[at:start], re.IGNORECASE)
        if topic and not licence:
            found.append(Named(name.rstrip(","), topic, type_))
    return found


def _lists(abstract: str) -> list[tuple[int, str]]:
    names = {
        name: topic for name, topic in words("federal_register")["lists"].items() if name != "about"
    }
    longest = "|".join(re.escape(name) for name in sorted(names, key=len, reverse=True))
    found = _pattern(rf"\bthe (?:existing )?({longest})\b").finditer(abstract)
    return [(one.start(), names[one[1].lower()]) for one in found]


def _verbs(abstract: str) -> list[tuple[int, str]]:
    stems = {
        stem: does for stem, does in words("federal_register")["verbs"].items() if stem != "about"
    }
    found = _pattern(rf"\b({'|'.join(stems)})(?:s|es|ed|d|ing|ies|ying|ied|e)?\b").finditer(
        abstract
    )
    return [(one.start(), stems[one[1].lower()]) for one in found]
