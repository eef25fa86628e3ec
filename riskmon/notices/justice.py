"""Press releases of the US Department of Justice: which step of a case, and who is what in it.

Who is accused is told by the form in which the Department writes it: a natural person as `Name,
38, of Town`, a firm with its legal form before a verb such as `pleaded guilty`. Whose secrets were
taken follows `stole ... from`; for whom, `for the benefit of`. A firm that the release does not
name (`Company 1`) is nobody.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import NamedTuple

from riskmon.notices import firms, words

MOST_LOOKED = 30_000
"""Characters of a release that are looked at."""
MOST_BEGINNING = 1500
"""Characters of the body in which the step stands, where the title does not say it."""
MOST_FIRST = 400
"""Characters of the body's first sentence, about."""
MOST_LISTED = 1500
"""Characters of a sentence that gives the defendants one by one."""
MOST_PARTIES = 50


class Who(NamedTuple):
    """A party of a case."""

    name: str
    role: str
    person: bool = False
    aliases: tuple[str, ...] = ()


@lru_cache(maxsize=200)
def _pattern(text: str) -> re.Pattern[str]:
    return re.compile(text, re.IGNORECASE)


def step(title: str, body: str) -> str | None:
    """Return the type of what the release tells, None where it tells no step of a case."""
    never = _pattern("|".join(words("justice")["never"]))
    for text in (never.sub(" ", title), never.sub(" ", body[:MOST_BEGINNING])):
        for type_, patterns in words("justice")["steps"]:
            if any(_pattern(one).search(text) for one in patterns):
                again = type_ == "case.indicted" and _superseding(body)
                return "case.superseded" if again else str(type_)
    return None


def _superseding(body: str) -> bool:
    """Whether the indictment of which a title tells is one that takes another's place."""
    patterns = dict(words("justice")["steps"])["case.superseded"]
    return any(_pattern(one).search(body[:MOST_FIRST]) for one in patterns)


def topics(title: str, body: str) -> list[str]:
    """Return the topics that a release is about, in alphabetical order.

    A matter charged under both sections of the Economic Espionage Act carries one topic, lest it
    count twice: that of its first indictment, which is nearly always the theft of trade secrets.
    """
    text = f"{title}\n{body[:MOST_LOOKED]}"
    # An office that signs releases is no charge: `Counterintelligence and Export Control Section`.
    text = re.sub(
        r"(?i)export control section|antitrust division|disruptive technology strike", "", text
    )
    found = {
        topic
        for topic, patterns in words("justice")["topics"].items()
        if any(_pattern(one).search(text) for one in patterns)
    }
    return sorted(found - {"economic-espionage"} if "trade-secrets" in found else found)


WORD = r"[A-Z][\w.\u2019'-]{0,30}"
NAME = (
    rf"{WORD}(?: (?:{WORD}|de|la|van|von|al|bin|del"
    r"|\u201c[^\u201d]{1,30}\u201d|\"[^\"]{1,30}\")){1,5}"
)
AKA = (
    r"(?:,? \(?(?:also known as|aka|a/k/a|a\.k\.a\.?|formerly known as) "
    r"(?P<aka>[^,;()]{2,80}(?:, (?!\d)[^,;()]{2,40}?)?)\)?)?"
)
AGED = re.compile(rf"(?P<name>{NAME}){AKA},? \(?(?:age )?(?P<age>\d\d)\)?(?:[,;.]|\s+of\b| and\b)")
QUOTES = "“”\"\u2018\u2019'"


def persons(body: str) -> list[Who]:
    """Return the natural persons who are accused, in order: those given with their age."""
    found: dict[str, Who] = {}
    for one in AGED.finditer(body[:MOST_LOOKED]):
        name = firms.clean(re.sub(r"^(?:Defendants?|Mr\.|Ms\.|Dr\.) ", "", one["name"]))
        if firms.has_form(name) or not firms.is_firm(name):
            continue
        aka = tuple(
            alias.strip(QUOTES + " ")
            for alias in re.split(r",| and ", one["aka"] or "")
            if alias.strip(QUOTES + " ")
        )
        found.setdefault(name, Who(name, "subject", person=True, aliases=aka))
    return list(found.values())[:MOST_PARTIES]


SHORT = r"(?: \((?:the )?[“\"\u2018]?(?P<short>[A-Z][\w&. -]{1,40})[”\"\u2019]?\))?"
PLAIN_FIRM = r"[A-Z][\w&\u2019.-]{1,30}(?: (?:[A-Z][\w&.-]{1,30}|&|of)){0,4}"


SENTENCE = re.compile(rf"(?<!Jr)(?<!Sr)(?<!Mr)(?<!U\.S)\.\s(?=[A-Z])(?!{firms.forms()})|\n")
GAP = r"(?: \([^)]{1,60}\))?(?:,[^;]{1,120}?,)?(?: and [^;]{1,120}?)?,? ?(?:have |has |today )?"
"""What may stand between the name of a firm and what it is accused of."""
OF = re.compile(r"\b(?:of|at|for|by|from|to|with|in|through|owns?|called)\s+(?:the )?$")
"""What stands before a firm that is no subject: `the owner of Example Inc., was sentenced`."""
ALL = re.compile(r"[Dd]efendants (?:include|are|named)\b")
"""Where the defendants are given one by one, to the end of the sentence."""


def accused_firms(title: str, body: str) -> list[Who]:
    """Return the firms that are accused: with their legal form, before or after what is done."""
    text = f"{title}\n{body[:MOST_LOOKED]}"
    before = "|".join(words("justice")["accused"])
    after = _pattern("(?:" + "|".join(words("justice")["charging"]) + ")(?:the )?$")
    listed = [
        SENTENCE.split(text[one.end() : one.end() + MOST_LISTED])[0] for one in ALL.finditer(text)
    ]
    found = [Who(name, "subject") for one in listed for name in firms.with_form(one)]
    for name in firms.with_form(text):
        at = text.find(name)
        rest = SENTENCE.split(text[at + len(name) : at + len(name) + 250])[0]
        ahead = text[max(0, at - 40) : at]
        does = not OF.search(ahead) and _pattern(f"{GAP}(?:{before})").match(rest)
        if does or after.search(ahead):
            found.append(Who(name, "subject"))
    found.sort(key=lambda one: text.find(one.name))  # the first gives the case its name
    return found[:MOST_PARTIES]


def others(title: str, body: str) -> list[Who]:
    """Return the firms that were robbed (victim) and those that were to gain (beneficiary)."""
    text = f"{title}\n{body[:MOST_LOOKED]}"
    longer = {
        one["short"]: firms.clean(one["name"])
        for one in re.finditer(rf"(?P<name>{PLAIN_FIRM},? {firms.forms()}){SHORT}", text)
        if one["short"]
    }
    for name in reversed(firms.with_form(text)):
        longer[name.split(" ")[0].rstrip(",")] = longer[bare(name)] = name
    owned = rf"(?P<name>{PLAIN_FIRM}?)(?:\u2019s|'s) (?i:{words('justice')['owned']})"
    given = [
        (role, rf"(?i:{before})(?P<name>{PLAIN_FIRM}(?:,? {firms.forms()})?)")
        for role, key in (("victim", "stolen"), ("beneficiary", "gained"))
        for before in words("justice")[key]
    ]
    found: list[Who] = []
    for role, pattern in [*given, ("victim", owned)]:
        # Verbs in any case, names only as written.
        for one in re.finditer(pattern, text):
            name = _short(one["name"])
            name = longer.get(name, name)
            if name and firms.is_firm(name) and _is_no_place(name):
                found.append(Who(name, role))
    return list(dict.fromkeys(found))[:MOST_PARTIES]


PLACES = {
    "china", "chinese", "prc", "iran", "iranian", "russia", "russian", "north", "south", "hong",
    "united", "u.s.", "us", "american", "america", "california", "texas", "new", "beijing",
    "shanghai", "shenzhen", "january", "february", "march", "april", "may", "june", "july",
    "august", "september", "october", "november", "december", "company", "fbi", "congress",
    "mr.", "ms.", "dr.", "he", "she", "they", "it", "his", "her", "this", "that", "according",
    "people\u2019s", "people's", "ministry", "two", "three", "one", "san", "los", "islamic",
    "republic", "korea", "taiwan", "india", "japan", "europe", "european", "victim",
}  # fmt: skip


def _is_no_place(name: str) -> bool:
    """Whether a name without a legal form begins like none of a place, a month or an office."""
    return firms.has_form(name) or name.split(maxsplit=1)[0].lower().strip(",") not in PLACES


def _short(name: str) -> str:
    """Return a name as it stands, without a possessive or a full stop that ends the sentence."""
    name = re.sub(r"[\u2019']s?$", "", firms.clean(name))
    return name if firms.has_form(name) else name.rstrip(".")


def bare(name: str) -> str:
    """Return a firm's name without its legal form."""
    return re.sub(rf",? {firms.forms()}.*$", "", name)


SUFFIX = {"jr", "sr", "ii", "iii", "iv"}


def surname(name: str) -> str:
    """Return the last name of a person, in lower case, or the first words of a firm's name."""
    tokens = [token.strip(".,").lower() for token in name.split()]
    tokens = [token for token in tokens if token not in SUFFIX]
    return re.sub(r"[^a-z0-9]+", "-", tokens[-1]).strip("-") if tokens else ""
