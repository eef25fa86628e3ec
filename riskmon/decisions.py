"""What is decided about names and companies: entries like any other, so that a replay knows them.

Of one name and one company the latest decision stands; `undo` is as if nothing had been decided.
"""

from __future__ import annotations

from hashlib import sha256
from typing import Annotated, Literal

from pydantic import Field

from riskmon.forms import Id, LongText, Share, Text
from riskmon.model import Noun
from riskmon.names import words
from riskmon.resolution import Decision

PERSON, LIKENESS = "review", "riskmon"
"""The `source` of what a person decides, and of what likeness decides."""
MATCH, MERGE, HOLDING = "match.decided", "merge.decided", "holding.told"
LINK, UNLINK = "link.told", "link.rejected"
"""Kinds of entries."""


class Match(Noun):
    """Whether a name means a company. Key: who decides, and the two."""

    name: Text
    company: Id
    verdict: Literal["accept", "reject", "undo"]
    by: Text | None = None
    """Who decided, as a person gave it."""
    why: LongText | None = None
    score: Share | None = None
    """How likely it was, where likeness decided."""
    reasons: Annotated[tuple[Text, ...], Field(max_length=1000)] = ()
    model: Text | None = None
    """Digest of what said how likely it was."""

    @property
    def ref(self) -> str:
        """What the entry is known by: however the name is written, it has the same words."""
        digest = sha256(words(self.name).encode("utf-8", "surrogatepass")).hexdigest()[:16]
        return f"{self.company} {digest}"


class Merge(Noun):
    """That a company is another one, or is not any more. Key: the company."""

    company: Id
    into: Id | None
    """None for a split: it is a company of its own again."""
    by: Text | None = None
    why: LongText | None = None


class Unlink(Noun):
    """That a company is not another one's, whatever remarks say. Key: the two."""

    company: Id
    owner: Id
    by: Text | None = None
    why: LongText | None = None


def body(told: Match | Merge | Unlink) -> str:
    """Return the JSON by which the ledger knows a decision."""
    return told.model_dump_json(exclude_defaults=True)


def decision(source: str, body: str) -> Decision:
    """Return what an entry says of a name."""
    told = Match.model_validate_json(body)
    accepted = {"accept": True, "reject": False, "undo": None}[told.verdict]
    automatic = source == LIKENESS
    return Decision(told.name, told.company, accepted, automatic, told.score)
