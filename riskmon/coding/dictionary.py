"""The dictionaries: data files beside this module, read once."""

from __future__ import annotations

import functools
import itertools
import re
from collections.abc import Iterable, Mapping
from importlib.resources import files
from typing import Any, NamedTuple

from riskmon.yaml12 import Document

PARTY = r"⟦[cupaox]\d+⟧"
"""How a party stands in the masked text of a sentence: its kind's letter, its chunk's number."""


def loaded(name: str) -> Any:
    """Return the value of a data file of this package."""
    document = Document(files(__package__).joinpath(name).read_bytes(), name)
    if document.problems:
        raise ValueError(document.problems[0])
    return document.value


@functools.cache
def words(group: str) -> frozenset[str]:
    """Return a group of `words.yaml`."""
    return frozenset(_words()[group].split())


@functools.cache
def _words() -> dict[str, str]:
    found: dict[str, str] = loaded("words.yaml")
    return found


@functools.cache
def places() -> Mapping[str, str]:
    """Return the country code of each name of `places.yaml`."""
    told: dict[str, list[str]] = loaded("places.yaml")
    return {name: code for code, names in told.items() for name in names}


@functools.cache
def people() -> tuple[frozenset[str], frozenset[str]]:
    """Return given names, and the family names that stand first in East Asia."""
    told = loaded("people.yaml")
    return frozenset(told["given"].split()), frozenset(told["surnames"].split())


class Frame(NamedTuple):
    """What a verb or a noun says of those around it: a type of event, and roles."""

    type: str
    name: str
    after: re.Pattern[str] | None
    """What must follow the verb; groups named after roles are parties."""
    unless: re.Pattern[str] | None
    before: re.Pattern[str] | None
    unless_before: re.Pattern[str] | None
    active: Mapping[str, str] | None
    """Slot (subject, object, or a preposition) -> role; None: this voice is not coded."""
    passive: Mapping[str, str] | None
    kinds: Mapping[str, str]
    """Slot -> letters of the kinds that may fill it."""
    allow: frozenset[str]
    """Moods beside the past that are coded: see clauses.Verb."""
    more: tuple[tuple[str, re.Pattern[str]], ...]
    """Role -> where else in the sentence it is found."""
    needs: re.Pattern[str] | None
    """What the sentence must have somewhere."""
    confidence: float

    def unreal(self, text: str, match: re.Match[str]) -> bool:
        """Whether what stands around a match of a noun says that it did not happen."""
        before, after = text[: match.start()], text[match.end() :]
        return bool(
            (self.unless_before and self.unless_before.search(before))
            or (self.unless and self.unless.search(after))
        )

    def fits(self, told: Iterable[tuple[str, str]]) -> bool:
        """Whether each role for which a noun asks kinds is had, among these roles and kinds."""
        every = list(told)
        return all(
            any(role == one and kind in kinds for one, kind in every)
            for role, kinds in self.kinds.items()
        )


class Form(NamedTuple):
    """One form of a verb, with its lemma."""

    lemma: str
    past: bool
    participle: bool
    gerund: bool
    particle: str


MACROS = {
    "money": r"(?:[$€£¥]\s?\d|\d[\d.,]* ?(?:million|billion|m\b|bn\b)|(?:million|billion)s? of)",
    "measure": r"\b(?:rules?|tariffs?|dut(?:y|ies)|curbs?|restrictions?|controls?|bans?|limits?|"
    r"lev(?:y|ies)|moratorium|embargo|regulations?|licen[cs]ing requirements?|"
    r"executive order|prohibitions?)\b",
    "list": r"\b(?:entity list|blacklist|black list|watch ?list|sanctions list|sdn list|"
    r"unverified list|covered list|list)\b",
    "subjects": r"{subject}(?:,? and (?:[^⟦;,]{0,30}?){more}|"
    r", (?:[^⟦;,]{0,30}?){more}(?:,? and (?:[^⟦;,]{0,60}?){more})?)?",
    "gap": r"(?:[^⟦;]{0,50}?)",
    "was": r"(?:was|were|has been|have been|had been|is|are)(?: \w+ly| also| first| then)?"
    r"(?! not| never| n't)",
    "has": r"(?:,? who| which)?(?: has| have| had)?"
    r"(?: also| just| since| now| recently| already| later| then| \w+ly)*",
    "have": r"(?:(?:has|have|had|also|just|since|now|recently|already|later|\w+ly) )*",
    "unreal": r"\b(?:no|not|never|if|unless|whether|possible|potential|would|could|may|might|"
    r"should|hop(?:es?|ed)|plan(?:s|ned)?|expected|threat\w*|seek\w*|sought|without|denied|"
    r"denies|ruled out|block\w*|risk\w*|urg(?:es?|ed)|call\w* (?:for|on)|neither|nobody|before)\b"
    r"[^;]{0,40}$",
}


def pattern(text: str | None) -> re.Pattern[str] | None:
    """Return a pattern of `frames.yaml`: {role} is a party, <money> and the like are macros."""
    if text is None:
        return None
    for name, macro in MACROS.items():
        text = text.replace(f"<{name}>", macro)
    text = text.replace("{subject} ", "{subject},? ")  # the engineer, X, was
    number = itertools.count()
    return re.compile(
        re.sub(r"\{([a-z]+)\}", lambda role: f"(?P<{role[1]}_{next(number)}>{PARTY})", text)
    )


def _frame(told: dict[str, Any], name: str) -> Frame:
    return Frame(
        told["type"],
        name,
        pattern(told.get("after")),
        pattern(told.get("unless")),
        pattern(told.get("before")),
        pattern(told.get("unless_before")),
        told.get("active"),
        told.get("passive"),
        told.get("kinds", {}),
        frozenset(told.get("allow", "").split()),
        tuple(
            (role, found)
            for role, text in told.get("more", {}).items()
            if (found := pattern(text)) is not None
        ),
        pattern(told.get("needs")),
        told.get("confidence", 0.8),
    )


@functools.cache
def verb_frames() -> Mapping[str, tuple[Frame, ...]]:
    """Return the frames of each verb (lemma), in their order."""
    frames: dict[str, list[Frame]] = {}
    for told in loaded("frames.yaml")["verbs"]:
        for lemma in told["verbs"].split():
            frames.setdefault(lemma.replace("_", " "), []).append(_frame(told, lemma))
    return {lemma: tuple(found) for lemma, found in frames.items()}


@functools.cache
def noun_frames() -> tuple[tuple[re.Pattern[str], Frame], ...]:
    """Return the frames of nouns, each with the pattern that finds it in masked text."""
    return tuple(
        (found, _frame(told, told["name"]))
        for name in ("frames.yaml", "nominals.yaml")
        for told in loaded(name)["nouns"]
        if (found := pattern(told["text"])) is not None
    )


@functools.cache
def forms() -> Mapping[str, tuple[Form, ...]]:
    """Return what each form of a verb, lower-case, may be."""
    irregular: dict[str, str] = loaded("frames.yaml")["irregular"]
    found: dict[str, list[Form]] = {}
    for lemma in verb_frames():
        verb, _, particle = lemma.partition(" ")
        past, participle, gerund, third = irregular.get(verb, _regular(verb)).split()
        bases = [third] if verb == "found" else [verb, third]
        for word in dict.fromkeys([past, participle, gerund, *bases]):
            form = Form(lemma, word == past, word == participle, word == gerund, particle)
            found.setdefault(word, []).append(form)
    return {
        word: tuple(sorted(several, key=lambda form: not form.particle))
        for word, several in found.items()
    }


def _regular(verb: str) -> str:
    stem = verb.removesuffix("e")
    if re.fullmatch(r"[^aeiou]*[aeiou][^aeiouwxy]", verb) and len(verb) > 2:  # noqa: PLR2004
        stem = verb + verb[-1]  # scrapped
    if verb.endswith("y") and verb[-2] not in "aeiou":
        return f"{verb[:-1]}ied {verb[:-1]}ied {verb}ing {verb[:-1]}ies"
    third = f"{verb}es" if verb.endswith(("s", "sh", "ch", "x")) else f"{verb}s"
    return f"{stem}ed {stem}ed {stem}ing {third}"


@functools.cache
def topics() -> tuple[tuple[str, str, re.Pattern[str], frozenset[str]], ...]:
    """Return (families of types, topic, pattern of the text, states) in the order of their trial.

    Whose act it must be, if anybody's: the codes of states; none where it may be any.
    """
    return tuple(
        (told["of"], topic, re.compile(told["text"]), frozenset(told.get("by", "").split()))
        for told in loaded("topics.yaml")["topics"]
        for topic in (told["topic"],)
    )


@functools.cache
def subjects() -> tuple[tuple[str, re.Pattern[str]], ...]:
    """Return the subjects of a scope, each with the pattern that finds it."""
    return tuple(
        (told["subject"], re.compile(told["text"])) for told in loaded("topics.yaml")["scope"]
    )


@functools.cache
def titles() -> Mapping[str, str]:
    """Return how the title of an event of each type is written."""
    found: dict[str, str] = loaded("topics.yaml")["titles"]
    return found


@functools.cache
def genres() -> Mapping[str, re.Pattern[str]]:
    """Return the words of the genres in which nothing of ours happens."""
    return {name: re.compile(text) for name, text in loaded("topics.yaml")["genres"].items()}
