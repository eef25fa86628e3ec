"""What a person reads of sources, of copies that are held and of drafts that wait."""

from __future__ import annotations

import sys
import textwrap
from collections.abc import Sequence

from riskmon.decisions import Held
from riskmon.errors import safe
from riskmon.fetcher import Sourced
from riskmon.gathering import Waits

WIDTH = 96
INDENT = " " * 4


def sources(found: Sequence[Sourced]) -> None:
    """Print the sources there are; of lists the day of the last copy, and what is held."""
    width = max(len(one.name) for one in found)
    for one in found:
        print(f"{one.name:<{width}}  {safe(one.about)}")
        more = [f"{one.standing:,} entries as of {one.day}"] if one.day else []
        more += [f"read {one.read_at:%Y-%m-%d %H:%MZ}"] if one.read_at else []
        more += [f"fetched {one.checked_at:%Y-%m-%d %H:%MZ}"] if one.checked_at else []
        more += [f"{one.held} held: riskmon hold review"] if one.held else []
        if more:
            print(f"{'':<{width}}  {', '.join(more)}")


def held(found: Sequence[Held]) -> None:
    """Print the copies that wait, each with its reasons and what it would change."""
    if not found:
        print("No copy is held.", file=sys.stderr)
    for one in found:
        print(f"{one.digest[:8]}  {safe(one.source)}, {safe(one.file)}, of {one.day}")
        for reason in one.reasons:
            print(
                textwrap.fill(safe(reason), WIDTH, initial_indent=INDENT, subsequent_indent=INDENT)
            )
        print(
            f"{INDENT}{one.rows:,} rows, {one.standing:,} entries stand; it would list "
            f"{one.listed:,}, amend {one.amended:,}, delist {one.delisted:,}; "
            f"rows refused: {one.refused:,}"
        )
    if found:
        print("riskmon hold accept DIGEST --by WHO --why REASON, or reject", file=sys.stderr)


def drafts(found: Sequence[Waits]) -> None:
    """Print the drafts that wait, each with the sentence it stands on."""
    if not found:
        print("No draft waits.", file=sys.stderr)
    for one in found:
        event = one.event
        print(
            f"{safe(event.ref[:12])}  {one.confidence:.2f} {event.type} "
            f"{event.occurred_at:%Y-%m-%d}"
        )
        print(f"{INDENT}{safe(event.title)}")
        who = ", ".join(
            f"{safe(party.name or party.company)} ({party.role})" for party in event.parties
        )
        for text in filter(None, (who, f"“{one.sentence}”")):
            print(textwrap.fill(safe(text), WIDTH, initial_indent=INDENT, subsequent_indent=INDENT))
    if found:
        print("riskmon drafts accept REF, or reject; nothing here scores", file=sys.stderr)
