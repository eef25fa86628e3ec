"""What speaks for the kind of a name: its own shape, and the words beside it."""

from __future__ import annotations

from collections.abc import Sequence

from riskmon.coding.dictionary import people, words
from riskmon.coding.kinds import COMPANY, NOTHING, PERSON, PRODUCT
from riskmon.coding.tokens import Span, Token

ARTICLES = frozenset(
    {"a", "an", "the", "its", "formerly", "then", "founder", "co-founder", "chief"}
)
CLOSING = frozenset({"", ".", ",", ")", ";", "and", "or"})
VAGUE = frozenset({"system", "systems", "tools", "software", "platform"})
EITHER = frozenset({"specialist", "developer", "dealer", "broker", "trader", "agent", "partner"})
"""Before a name these may be a firm's as well as a person's."""
LOCATIVE = frozenset({"in", "near", "outside"})
OWNED = frozenset(
    {"stake", "stakes", "shares", "share", "interest", "holding", "invested", "invest", "investing"}
    | {"investment", "investments", "investor", "investors", "confidence", "stock", "round"}
    | {"trust", "money", "shareholder", "shareholders", "in-house", "like", "including", "trading"}
)
SHORT = 2
"""So few words after a name tell nothing of it."""


def cues(found: Sequence[Token], span: Span) -> list[tuple[str, float]]:
    """Return the kinds that speak from beside a name and from its shape, with their weights."""
    heard = [*_shape(span), *_before(found, span), *_after(found, span)]
    return [(kind, weight) for kind, weight in heard if weight]


def _ends_as_firm(span: Span) -> bool:
    """Whether a name ends as those of firms do, whatever stands before it."""
    return span.key.split()[-1] in words("corporate") | words("weak")


def _shape(span: Span) -> list[tuple[str, float]]:
    parts = span.key.split()
    given, family = people()
    if 2 <= len(parts) <= 4 and all(part[0].isalpha() for part in parts):  # noqa: PLR2004
        if parts[0] in given:
            return [(PERSON, 3)]
        if parts[0] in family and parts[1] not in words("corporate"):
            return [(PERSON, 2)]
    if parts[-1] in words("weak"):
        return [(COMPANY, 1.5)]
    return [(COMPANY, 1)] if parts[0] not in given and len(parts) == 1 else []


def _before(found: Sequence[Token], span: Span) -> list[tuple[str, float]]:
    before = [token.lower.rstrip(".") for token in found[max(0, span.start - 3) : span.start]]
    if not before:
        return []
    last = before[-1]
    if last in words("company"):
        return [(COMPANY, 3)]
    firm = last in EITHER and (_ends_as_firm(span) or span.end - span.start == 1)
    if last in words("titles") or last in words("person"):
        return [(COMPANY, 1)] if firm else [(PERSON, 4)]
    if last in LOCATIVE and span.end - span.start == 1 and not OWNED & {*before}:
        return [(NOTHING, 1.2)]  # a restaurant in Galway
    if last == "," and len(before) > 1 and before[-2] in words("person"):
        return [(PERSON, 3)]
    if last.endswith(("-based", "-listed")):
        return [(COMPANY, 2)]
    return _named(found, span, before)


def _named(found: Sequence[Token], span: Span, before: Sequence[str]) -> list[tuple[str, float]]:
    """Return what the words before a name say of a product, or of no party."""
    last = before[-1]
    if last in {"called", "named", "dubbed", "codenamed"}:
        return [(PRODUCT, 2)]
    if found[span.start - 1].text in words("products"):
        return [(PRODUCT, 1.5)]
    after = found[span.end].lower if span.end < len(found) else ""
    if (
        last in {"the", "("}
        and span.end - span.start == 1
        and (after in words("prepositions") | words("verbs") | words("be") | CLOSING)
    ):
        return [(NOTHING, 1.2)]  # the ITAR, (EAR)
    if before[-2:-1] == ["'s"] or last in {"'s", "its"}:
        return [(PRODUCT, 0.5)]
    return []


def _after(found: Sequence[Token], span: Span) -> list[tuple[str, float]]:
    after = [token.lower for token in found[span.end : span.end + 14]]
    if not after:
        return []
    if made := _product([token.text for token in found[span.end : span.end + 2]]):
        return [(COMPANY, 1) if made.endswith("s") else (PRODUCT, 2.5)]
    if after[0] in words("speech") and {"he", "she"} & {*after[1:6]}:
        return [(PERSON, 2.5)]
    if after[0] == "'s":
        return [(COMPANY, 0.5)]
    return _apposition(after[1:]) if after[0] == "," and len(after) > SHORT else []


def _product(after: Sequence[str]) -> str:
    """Return the noun after a name that says it is a product, or whose products these are.

    The words are as written: with a capital they are part of another name.
    """
    if after[0] in words("products"):
        return after[0]
    one, other = after[0], after[1] if len(after) > 1 else ""
    links = words("prepositions") | words("verbs") | words("boundaries") | {"'s", ",", "'"}
    return other if one not in links and other in words("products") - VAGUE else ""


def _apposition(after: Sequence[str]) -> list[tuple[str, float]]:
    """Return what a comma and the words after it say of the name before it."""
    if after[0].isdigit() and after[1] in {",", "and", "."}:
        return [(PERSON, 4)]
    if after[0] in {"who", "whose"}:
        return [(PERSON, 2)]
    if after[0] in {"which", "based", "headquartered", "founded"}:
        return [(COMPANY, 2)]
    another = after[0] == "the" and after[1] in words("anaphor")
    if after[0] not in ARTICLES or another:
        return []
    for word in after[:8]:
        if word in words("company"):
            return [(COMPANY, 3)]
        if word in words("person"):
            return [(PERSON, 3)]
        if word in {",", "at", "of"}:
            break
    return []
