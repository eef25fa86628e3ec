"""Frames on a sentence: which fit, and who fills their slots."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import date
from itertools import islice
from typing import NamedTuple

from riskmon.coding import about, clauses, dates, slots
from riskmon.coding.chunks import masked
from riskmon.coding.clauses import Verb
from riskmon.coding.dictionary import Frame, noun_frames, verb_frames, words
from riskmon.coding.kinds import AUTHORITY, COMPANY, OTHER, PERSON, PLACE, PRODUCT, UNKNOWN
from riskmon.coding.names import Names
from riskmon.coding.pieces import ANALYST, Chunk, day_of
from riskmon.coding.sentences import Sentence
from riskmon.coding.whom import Told, captured, object_before, others, party

MOST = 12
VOICES = frozenset({"voice"})
"""Roles of frames that no event has: who speaks."""
WILL = re.compile(r"\b(?:will|is to|would)\b")
SAYING = frozenset({"allege", "claim", "report", "suggest", "say", "show"})


class Context(NamedTuple):
    """A sentence to be coded, with what the story says beside it."""

    sentence: Sentence
    chunks: list[Chunk]
    when: list[dates.Found]
    day: date | None
    names: Names
    last: str
    """The company of which the story spoke before the sentence."""
    coming: str = ""
    """The person with whom one of the next sentences begins."""


class Coding(NamedTuple):
    """An event that a sentence tells.

    `day` is None where neither the sentence nor the story says it; `precision` is day, month or
    year; `own` whether the sentence dates it. `confidence` is 0 to 1; `why` names what matched.
    """

    type: str
    day: date | None
    precision: str
    own: bool
    parties: tuple[Told, ...]
    topics: tuple[str, ...]
    scope: tuple[str, ...]
    sentence: Sentence
    confidence: float
    why: tuple[str, ...]
    names: Names

    @property
    def subject(self) -> str:
        """The key of its first subject, else empty."""
        return next((one.key for one in self.parties if one.role == "subject"), "")


def codings(context: Context) -> Iterator[Coding]:
    """Yield what the frames find in a sentence, at most MOST: no sentence tells more."""
    return islice(_codings(context), MOST)


def _codings(context: Context) -> Iterator[Coding]:
    text, begins = masked(context.chunks)
    by_verbs = set[str]()
    for verb in clauses.verbs(context.chunks, headline=context.sentence.headline):
        for frame in verb_frames()[verb.form.lemma]:
            if coding := _by_verb(context, verb, frame, text, begins):
                by_verbs.add(coding.type)
                yield coding
                break
    for pattern, frame in noun_frames():
        if frame.type in by_verbs:  # what a verb says is surer, and it says it of the same
            continue
        for match in pattern.finditer(text):
            if coding := _by_noun(context, frame, text, match, begins):
                yield coding


def _by_noun(
    context: Context, frame: Frame, text: str, match: re.Match[str], begins: Sequence[int]
) -> Coding | None:
    """Return what a match of a noun's pattern tells, None where it is not so, or only quoted."""
    if frame.unreal(text, match) or (frame.needs and not frame.needs.search(text)):
        return None
    place = max((n for n, at in enumerate(begins) if at <= match.start()), default=0)
    quoted = context.chunks[place].spoken and "spoken" not in frame.allow
    if quoted or context.chunks[-1].lower == "?":
        return None
    cased = frame.type.startswith(("case.", "listing."))
    told = list(captured(context.chunks, context.names, match, cased=cased))
    if "coming" in frame.allow and context.coming:
        told.append(Told("subject", context.coming, PERSON))
    told = others(told, context.last)
    if not frame.fits((one.role, one.kind) for one in told):
        return None
    last = max((n for n, at in enumerate(begins) if at < match.end()), default=0)
    coding = _coding(context, frame, last, told, 0.0)
    if coding and WILL.search(match[0]):  # what is to come is told today
        return coding._replace(day=context.day, precision="day", own=False)
    return coding


def _by_verb(
    context: Context, verb: Verb, frame: Frame, text: str, begins: Sequence[int]
) -> Coding | None:
    """Return what a verb tells by a frame, None where the frame does not fit."""
    voice = frame.passive if verb.passive else frame.active
    if voice is None or verb.negated or not _allowed(verb, frame):
        return None
    last = verb.place + bool(verb.form.particle)
    end = begins[last] + len(context.chunks[last].lower)
    right, left = text[end:], text[: begins[verb.place]]
    after = frame.after.search(right) if frame.after else None
    before = frame.before.search(left) if frame.before else None
    if (frame.after and not after) or (frame.before and not before):
        return None
    if (frame.unless and frame.unless.search(right)) or (
        frame.needs and not frame.needs.search(text)
    ):
        return None
    if frame.unless_before and frame.unless_before.search(left):
        return None
    cased = frame.type.startswith("case.")
    told = [
        one
        for match in (after, before)
        if match
        for one in captured(context.chunks, context.names, match, cased=cased)
    ]
    filled = _filled(context, verb, voice)
    if not _fits(context, frame, filled):
        return None
    doing = {context.chunks[number].key for number in slots.subject(context.chunks, verb)}
    if frame.name in SAYING:  # nobody accuses himself
        told = [one for one in told if one.key not in doing]
    told += _in_slots(context, verb, voice, filled, doing)
    told = others(told, context.last)
    told += _unnamed(context, verb, frame, voice, told)
    for role, pattern in frame.more:
        told += [
            one._replace(role=role)
            for match in pattern.finditer(text)
            for one in captured(context.chunks, context.names, match)
        ]
    doubt = 0.05 if verb.mood in {"base", "gerund", "future", "agreed"} else 0.0
    return _coding(context, frame, verb.place, told, doubt)


def _in_slots(
    context: Context,
    verb: Verb,
    voice: Mapping[str, str],
    filled: Mapping[str, list[int]],
    doing: Collection[str],
) -> Iterator[Told]:
    """Yield who fills the slots of a voice, in their roles."""
    for slot, role in voice.items():
        for number in filled.get(slot, ()):
            one = party(context.chunks, context.names, number, role)
            if slot == "object" and context.chunks[number].pronoun and verb.mood == "gerund":
                one = one._replace(key=object_before(context.chunks, verb.start) or one.key)
            fined = voice.get("subject") == "authority" and one.key == context.last
            if (
                slot == "object" and one.key and one.key in doing and not fined
            ):  # nobody sues himself
                firm = one.kind != PERSON and context.last not in doing
                one = one._replace(key=context.last if firm else "")
            yield one
        if slot == "last" and context.last:
            yield Told(role, context.last, COMPANY)


def _allowed(verb: Verb, frame: Frame) -> bool:
    """Whether the verb's mood is one that the frame takes: the past always, else as it says."""
    if verb.mood == "past":
        return True
    if verb.mood == "agreed":
        return "agreed" in frame.allow
    if verb.mood == "if":
        return frame.type.startswith("commentary") or "if" in frame.allow
    return verb.mood in frame.allow


def _filled(context: Context, verb: Verb, voice: Mapping[str, str]) -> dict[str, list[int]]:
    """Return who fills the slots of a voice."""
    filled = slots.objects(context.chunks, verb)
    filled["subject"] = _speakers(context, verb) or slots.subject(context.chunks, verb)
    if not verb.passive and filled["subject"] and "object" not in filled:
        filled["object"] = slots.fronted(context.chunks, filled["subject"][0])
    return {slot: numbers for slot, numbers in filled.items() if slot in voice}


def _speakers(context: Context, verb: Verb) -> list[int]:
    """Return the analysts who stand before a verb: they are no party, but fill its subject."""
    for number in range(verb.start - 1, max(-1, verb.start - 12), -1):
        one = context.chunks[number]
        if one.kind == ANALYST:
            return [number]
        if one.lower in {";", "who", "which", "that"}:
            break
    return []


def _unnamed(
    context: Context, verb: Verb, frame: Frame, voice: Mapping[str, str], told: Sequence[Told]
) -> list[Told]:
    """Return the person whom only the next sentences name: a former engineer has been charged."""
    named = any(one.key and one.role == "subject" for one in told)
    if named or not frame.type.startswith("case."):
        return []
    passive = voice.get("subject") == "subject"
    chunks = context.chunks
    near = chunks[max(0, verb.start - 9) : verb.start] if passive else chunks[verb.place :][:9]
    if context.coming and any(one.lower.removesuffix("s") in words("person") for one in near):
        return [Told("subject", context.coming, PERSON)]
    return []


def _fits(context: Context, frame: Frame, filled: Mapping[str, list[int]]) -> bool:
    """Whether the slots that must be filled are, by those of the right kinds."""
    for slot, kinds in frame.kinds.items():
        numbers = filled.get(slot, [])
        if not any(context.chunks[number].kind in kinds for number in numbers):
            return False
        filled[slot][:] = [n for n in numbers if context.chunks[n].kind in kinds]
    return True


LATER = frozenset({"measure.in-force", "measure.suspended", "measure.lifted"})
"""What becomes of a measure: its own sentence need not say again of what the measure is."""
ROLES_OF = {
    "corporate": {"subject": {COMPANY, UNKNOWN, PRODUCT}},
    "listing": {"subject": {COMPANY, UNKNOWN, PERSON, OTHER}, "authority": {AUTHORITY, PLACE}},
    "case": {"subject": {COMPANY, UNKNOWN, PERSON, OTHER}, "authority": {AUTHORITY, PLACE}},
    "claim": {"subject": {COMPANY, UNKNOWN, PERSON}},
    "commentary": {"mentioned": {COMPANY, UNKNOWN}},
    "measure": {"subject": {COMPANY, UNKNOWN}, "authority": {AUTHORITY, PLACE, PERSON}},
}
"""Family -> role -> the kinds that may have it."""


def _coding(
    context: Context, frame: Frame, place: int, told: Sequence[Told], doubt: float
) -> Coding | None:
    """Return the event, if it says of whom or of what it is."""
    family = frame.type.partition(".")[0]
    kinds = ROLES_OF.get(family, {})
    parties = [
        one
        for one in dict.fromkeys(told)
        if one.key and one.role not in VOICES and one.kind in kinds.get(one.role, {one.kind})
    ]
    parties = about.sound(parties)
    by = about.acting(context.chunks, parties) if family in {"measure", "listing"} else set()
    topics = about.topics(frame.type, context.sentence.text, by)
    scope: tuple[str, ...] = ()
    if family in {"measure", "commentary"}:
        scope = about.scope(context.chunks, parties, context.sentence.text)
        trade = topics or about.topics(frame.type, context.sentence.text)
        if not trade and family == "measure" and frame.type not in LATER:
            return None
    elif not any(one.role == "subject" for one in parties):
        return None
    unsure = any(one.kind == UNKNOWN for one in parties if one.role == "subject")
    vague = family in {"case", "claim"} and not topics
    pronoun = any(one.pronoun for one in context.chunks if one.key in {p.key for p in parties})
    confidence = frame.confidence - doubt - 0.05 * unsure - 0.05 * pronoun - 0.1 * vague
    day, precision, own = day_of(context.chunks, place, context.when, context.day)
    if frame.type == "claim.corrected":  # what it dates is what it corrects
        day, precision, own = context.day, "day", False
    why = f"{frame.type}: {frame.name}"
    return Coding(
        frame.type,
        day,
        precision,
        own,
        tuple(parties),
        topics,
        scope,
        context.sentence,
        round(confidence, 2),
        (why,),
        context.names,
    )
