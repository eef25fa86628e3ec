"""A story as a whole: what it tells twice is one event, and what a case says is no claim too."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import timedelta

from riskmon.coding import about
from riskmon.coding.chunks import masked
from riskmon.coding.dictionary import places, words
from riskmon.coding.kinds import COMPANY, PERSON, UNKNOWN
from riskmon.coding.matching import Coding, Context
from riskmon.coding.pieces import Chunk
from riskmon.coding.whom import Told

NEAR = timedelta(days=75)
"""A claim so near to a case on the same party is the case's own accusation."""
EARLIER = frozenset({"case.investigated", "case.indicted", "case.superseded"})
ENDINGS = frozenset(
    f"case.{word}"
    for word in ("acquitted", "dismissed", "convicted", "sentenced", "pleaded", "vacated")
)
"""What was before is no news of the day: of an earlier stage without a day of its own, the day
would be wrong, and the case would stand where it no longer does."""
ONCE = frozenset({"corporate.founded", "case.indicted", "case.investigated"})
"""What a sentence tells without a day is what another tells with one, however long ago."""
SAYS_NO = re.compile(
    r"\b(?:said|says|saying|insists|insisted|maintains|maintained|and)\b"
    r"(?: (?:that|in a statement|on \w+))* (?:⟦c\d+⟧|⟦p\d+⟧|⟦u\d+⟧|it|he|she|its \w+)? ?"
    r"(?:(?:has|had|did|does|was|is|were|are|have|would|never|knew)\b ?)+"
    r"(?:not |n't |no |never |nothing|unaware|(?:fully |always )?complied )"
    r"|\b(?:said|says) (?:that )?(?:⟦c\d+⟧|it|he|she|⟦p\d+⟧) never "
    r"|\bwe (?:have|had|did|do|are|were) ?(?:not |n't |never |no )[^;]*\b(?:said|says)\b"
)


def merged(found: Sequence[Coding], contexts: Sequence[Context]) -> list[Coding]:
    """Return the events of a story, each once."""
    every = [*found, *_denials(found, contexts)]
    places = {context.sentence: number for number, context in enumerate(contexts)}
    every = [_employed(one, contexts, places[one.sentence]) for one in every]
    kept: list[Coding] = []
    for one in every:
        place = next((n for n, two in enumerate(kept) if _same(one, two)), None)
        if place is None:
            kept.append(one)
        else:
            kept[place] = _joined(kept[place], one)
    wrong = {one.sentence for one in kept if one.type == "claim.corrected"}
    kept = [
        one
        for one in kept
        if not _heads(one, kept) and (one.sentence not in wrong or one.type.startswith("claim"))
    ]
    told = [one for one in kept if not _subsumed(one, kept)]
    told = [_with_topics(one, told, contexts, places[one.sentence]) for one in told]
    told = [one for one in (_with_scope(one, told) for one in told) if _bears(one)]
    return sorted(told, key=lambda one: places[one.sentence])


def _with_scope(one: Coding, told: Sequence[Coding]) -> Coding:
    """Return what says no scope, and what topic, with those of a measure that the story tells."""
    if not one.type.startswith(("commentary", "measure")) or (one.scope and one.topics):
        return one
    several = [
        two for two in told if two.type.startswith("measure") and two.scope and two is not one
    ]
    if not several:
        trade = one.topics or about.topics(one.type, one.sentence.text)
        listed = one.type.startswith("commentary") and any(
            two.type.startswith(("listing", "measure")) for two in told
        )
        if listed and not trade:
            return one._replace(topics=("sanctions-commentary",))
        return one if trade else one._replace(scope=(), parties=())
    topics = one.topics or about.topics(one.type, several[0].sentence.text)
    return one._replace(scope=one.scope or several[0].scope, topics=topics)


def _heads(one: Coding, all_of: Sequence[Coding]) -> bool:
    """Whether it is a headline of what the story tells in full: a measure, or commentary."""
    return (
        one.sentence.headline
        and one.type.startswith(("measure", "commentary"))
        and any(two.type == one.type and not two.sentence.headline for two in all_of)
    )


def _bears(one: Coding) -> bool:
    """Whether it says on whom it bears."""
    return bool(one.scope or one.parties or one.topics)


def _same(one: Coding, two: Coding) -> bool:
    """Whether both tell one event: of one type and party, and not of two days by their words."""
    if one.type != two.type:
        return False
    mine = {party.key for party in one.parties if party.role == "subject"}
    others = {party.key for party in two.parties if party.role == "subject"}
    if one.type.startswith("commentary"):
        return True
    if one.type.startswith("measure") and not (mine or others):
        if _of_two_states(one, two):
            return False
        return one.topics == two.topics and (one.day == two.day or not (one.own and two.own))
    if not mine & others:
        return False
    if one.sentence == two.sentence:
        return True
    far = bool(one.day and two.day and abs(one.day - two.day) > NEAR)
    if one.type in ONCE or one.type.startswith(("claim", "listing")):
        return not (far and one.own and two.own)
    return not far


def _of_two_states(one: Coding, two: Coding) -> bool:
    """Whether two measures are taken by different states, as far as both say by whom."""
    mine, others = (
        {places().get(party.key, "") for party in each.parties if party.role == "authority"} - {""}
        for each in (one, two)
    )
    return bool(mine and others and not mine & others)


def _joined(one: Coding, two: Coding) -> Coding:
    """Return both as one, with the sentence of the surer one and the day that is told."""
    first, other = (one, two) if one.confidence >= two.confidence else (two, one)
    own = one if one.own or not two.own else two
    return first._replace(
        day=own.day,
        precision=own.precision,
        own=own.own,
        parties=tuple(about.sound([*first.parties, *other.parties])),
        topics=first.topics or other.topics,
        scope=tuple(dict.fromkeys([*first.scope, *other.scope])),
        why=tuple(dict.fromkeys([*first.why, *other.why])),
        confidence=round(min(0.98, first.confidence + 0.03), 2),
    )


def _subsumed(one: Coding, all_of: Sequence[Coding]) -> bool:
    """Whether a claim is what a case of the same story charges, or the day's denial is a plea."""
    if one.type == "measure.announced" and not one.own:
        return any(
            two.type == "measure.in-force" and two.own and two.sentence == one.sentence
            for two in all_of
        )
    if one.type in EARLIER and not one.own:
        return any(two.type in ENDINGS and two.subject == one.subject for two in all_of)
    if one.type != "claim.alleged":
        return False
    for two in all_of:
        grounds = two.type.startswith("case.") or two.type == "listing.listed"
        if grounds and two.subject == one.subject:
            near = not (one.day and two.day) or abs(one.day - two.day) <= NEAR
            if near or two.sentence == one.sentence:
                return True
    return False


def _denials(found: Sequence[Coding], contexts: Sequence[Context]) -> list[Coding]:
    """Return denials without the word: said it had no ties, where something is alleged."""
    alleged = {one.subject for one in found if one.type == "claim.alleged"}
    denied = {one.subject for one in found if one.type == "claim.denied"}
    more = []
    for context in contexts:
        text, _ = masked(context.chunks)
        speakers = [one for one in context.chunks if one.key and one.kind in {COMPANY, UNKNOWN}]
        if not (speakers and SAYS_NO.search(text)) or context.chunks[-1].lower == "?":
            continue
        key = speakers[0].key
        if key in alleged and key not in denied:
            denied.add(key)
            party = Told("subject", key, COMPANY)
            more.append(
                Coding(
                    type="claim.denied",
                    day=context.day,
                    precision="day",
                    own=False,
                    parties=(party,),
                    topics=(),
                    scope=(),
                    sentence=context.sentence,
                    confidence=0.65,
                    why=("claim.denied: said it had not",),
                    names=context.names,
                )
            )
    return more


def _with_topics(
    one: Coding, told: Sequence[Coding], contexts: Sequence[Context], place: int
) -> Coding:
    """Return it with a topic: that of its own party's others, else of the sentences near it."""
    if one.topics or one.type.startswith("corporate"):
        return one
    for two in told:
        if (
            two.topics
            and two.subject == one.subject
            and two.type.partition(".")[0]
            in {
                "case",
                "claim",
            }
        ):
            return one._replace(topics=two.topics)
    others = one.type.startswith("listing") and about.topics(one.type, one.sentence.text)
    if others or not one.type.startswith(("case", "claim", "listing")):
        return one  # a list of that name, but another state's
    near = " ".join(context.sentence.text for context in contexts[max(0, place - 1) : place + 2])
    return one._replace(topics=about.topics(one.type, near))


def _employed(one: Coding, contexts: Sequence[Context], place: int) -> Coding:
    """Return a case on secrets with the firm that was robbed, and the one that was to gain."""
    if not one.type.startswith("case.") or "trade-secrets" not in one.topics:
        return one
    people = {party.key for party in one.parties if party.kind == PERSON}
    more: list[Told] = []
    for context in contexts[place : place + 3]:
        if context is contexts[place] or people & {chunk.key for chunk in context.chunks}:
            more += _robbed(context.chunks) + _gaining(context.chunks)
    return one._replace(parties=tuple(about.sound([*one.parties, *more])))


def _robbed(chunks: Sequence[Chunk]) -> list[Told]:
    """Return who is robbed: stole ... from X; a former X engineer; an engineer at X."""
    found = []
    for number, one in enumerate(chunks):
        if one.kind not in {COMPANY, UNKNOWN}:
            continue
        before = [two.lower for two in chunks[max(0, number - 12) : number]]
        after = [two.lower for two in chunks[number + 1 : number + 3]]
        theft = any(
            word.startswith(("steal", "stole", "theft", "leak", "copied")) for word in before
        )
        if (
            (theft and "from" in before[-6:] and "to" not in before[-3:])
            or (
                {"former", "ex"} & {*before[-2:]} and any(word in words("person") for word in after)
            )
            or (_works_at(before))
        ):
            found.append(Told("victim", one.key, one.kind))
    return found[:1]


def _works_at(before: Sequence[str]) -> bool:
    """Whether the words before a name are such as: a former engineer at lidar maker."""
    last = list(before[-5:])
    for link in ("at", "for", "of"):
        if link in last:
            place = last.index(link)
            return place > 0 and last[place - 1] in words("person")
    return "employer" in last


def _gaining(chunks: Sequence[Chunk]) -> list[Told]:
    """Return who was to gain: passing them to X, working for X, for the benefit of X."""
    found = []
    for number, one in enumerate(chunks):
        if one.kind not in {COMPANY, UNKNOWN} or one.pronoun:
            continue
        before = [two.lower for two in chunks[max(0, number - 9) : number]]
        gave = {
            "passing",
            "passed",
            "took",
            "sent",
            "sending",
            "giving",
            "gave",
            "handing",
            "sell",
            "handed",
            "selling",
            "sold",
            "leaking",
            "leaked",
            "transferring",
            "transferred",
        }
        works = {"working", "secrets"} & {*before} and "for" in before[-4:]
        if (gave & {*before} and "to" in before[-5:]) or works or "benefit" in before:
            found.append(Told("beneficiary", one.key, one.kind))
    return found
