"""What is decided about names, companies, copies of lists and drafts: entries like any other.

So a replay knows them. Of one name and one company the latest decision stands; `undo` is as if
nothing had been decided.
"""

from __future__ import annotations

from datetime import date
from hashlib import sha256
from typing import Annotated, Literal

from pydantic import Field

from riskmon.forms import Id, LongText, Ref, Share, Text
from riskmon.model import Noun
from riskmon.names import words
from riskmon.resolution import Decision

PERSON, LIKENESS = "review", "riskmon"
"""The `source` of what a person decides, and of what likeness decides."""
MATCH, MERGE, HOLDING = "match.decided", "merge.decided", "holding.told"
LINK, UNLINK = "link.told", "link.rejected"
READ, HELD, DRAFT, RULED = "copy.read", "copy.held", "draft.told", "ruling.made"
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
        return match_ref(self.name, self.company)


def match_ref(name: str, company: str) -> str:
    """Return what a decision of a name and a company is known by."""
    digest = sha256(words(name).encode("utf-8", "surrogatepass")).hexdigest()[:16]
    return f"{company} {digest}"


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


class Held(Noun):
    """That a copy of a list is not credible, and waits for a person. Key: the list and its digest.

    The counts say what it would change.
    """

    source: Id
    digest: Text
    """SHA-256 of the copy."""
    kept: Text
    """SHA-256 of what is kept of it: of a folder, a zip."""
    file: Text
    day: date
    """That the copy is of."""
    partial: bool = False
    reasons: Annotated[tuple[LongText, ...], Field(max_length=1000)]
    rows: int
    standing: int
    """Entries that stand."""
    listed: int
    amended: int
    delisted: int
    refused: int
    after: int
    """Position at which the list was read last: once it is read again, a ruling is of the past."""

    @property
    def ref(self) -> str:
        """What the entry is known by."""
        return f"{self.digest[:32]} {self.day}"


class Ruling(Noun):
    """Whether a copy that was held is taken in, or a draft is an event. Key: that of the other."""

    source: Id
    ref: Ref
    verdict: Literal["accept", "reject"]
    after: int = 0
    """Of the copy that was held."""
    by: Text | None = None
    why: LongText | None = None
    confidence: Share | None = None
    """From which confidence on drafts are accepted, where no person looked at each."""


def body(told: Match | Merge | Unlink | Held | Ruling) -> str:
    """Return the JSON by which the ledger knows a decision."""
    return told.model_dump_json(exclude_defaults=True)


def decision(source: str, body: str) -> Decision:
    """Return what an entry says of a name."""
    told = Match.model_validate_json(body)
    accepted = {"accept": True, "reject": False, "undo": None}[told.verdict]
    automatic = source == LIKENESS
    return Decision(told.name, told.company, accepted, automatic, told.score)
