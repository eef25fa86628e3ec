"""What a person reads of names: whom they mean and why, and what waits."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from riskmon.analyst import Precision
from riskmon.errors import safe
from riskmon.resolution import Resolution
from riskmon.review import Linked, Waiting

INDENT = " " * 6
MOST_CANDIDATES = 3


def resolution(name: str, found: Resolution) -> None:
    """Print whom a name means, and why."""
    if found.company:
        print(f"{safe(name)} is {safe(found.company)}, by its {found.by}")
    elif found.candidates:
        print(f"{safe(name)} waits for a person")
    else:
        print(f"{safe(name)} means no declared company")
    for reason in found.reasons:
        print(f"{INDENT}{safe(reason)}")
    for candidate in found.candidates:
        if not found.company:
            _candidate(candidate.company, candidate.reasons[1:], candidate.score, candidate.name)


def _candidate(company: str, reasons: Sequence[str], score: float, stored: str) -> None:
    print(f"   {score:4.2f} {safe(company)}, by its name {safe(repr(stored))}")
    for reason in reasons:
        print(f"{INDENT}  {safe(reason)}")


def waiting(found: Sequence[Waiting]) -> None:
    """Print the names that wait, what moves most points first, and what to do about them."""
    if not found:
        print("No name waits.")
        return
    for one in found:
        times = f"{one.events:,} event{'s' * (one.events != 1)}"
        print(f"{one.points:+6.2f} points, {times}: {safe(one.name)}")
        for candidate in one.candidates[:MOST_CANDIDATES]:
            reasons = candidate.reasons[1:]
            _candidate(candidate.company, reasons, candidate.score, candidate.name)
        more = len(one.candidates) - MOST_CANDIDATES
        if more > 0:
            print(f"{INDENT}and {more} more: riskmon names resolve NAME")
    print("riskmon names accept|reject NAME COMPANY decides, for ever", file=sys.stderr)


def precision(found: Sequence[Precision]) -> None:
    """Print how often persons accepted what was so likely."""
    print("likelihood     decided  accepted   share   95 % interval")
    for one in found:
        share = f"{one.share:6.1%}" if one.decided else "     -"
        low, high = one.interval
        print(
            f"{one.least:4.2f} to {one.most:4.2f}   {one.decided:7,}   {one.accepted:7,}  "
            f"{share}   {low:.1%} to {high:.1%}"
        )


def links(found: Sequence[Linked]) -> None:
    """Print the companies that sources link to others, and what to do about them."""
    if not found:
        print("No link waits.")
        return
    for one in found:
        by = ", ".join(f"{safe(link.source)}:{safe(link.ref)}" for link in one.links)
        print(f"{safe(one.company)} may be owned by, or act for, {safe(one.owner)}: {by}")
    print(
        "riskmon names hold COMPANY OWNER SHARE takes it in, unlink turns it down",
        file=sys.stderr,
    )
