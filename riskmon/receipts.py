"""Receipts: what a score was, on what it stood, and whether that still holds. Pure."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from hashlib import sha256
from typing import Any

from riskmon.errors import InputError
from riskmon.evidence import Head
from riskmon.model import Line, Score
from riskmon.results import to_json

TOLERANCE = 1e-9
"""Two ways to the same figure agree to this."""

CLOCKS = ("as_of", "known_at", "position")
CLAIMED = ("company", "name", "declared", *CLOCKS, "head", "ruleset", "value", "level", "lines")
"""What a check compares."""


def receipt(score: Score, head: Head) -> dict[str, Any]:
    """Return a score as a small JSON object: company, both clocks, rules, head, value, lines.

    `head`: the ledger's head at the position that the score stands on.
    """
    names = ("company", "name", "declared", *CLOCKS, "ruleset", "value", "level")
    return {
        **{name: to_json(getattr(score, name)) for name in names},
        "head": head.hash,
        "lines": [_line(line) for line in score.lines],
    }


def _line(line: Line) -> dict[str, Any]:
    names = ("rule", "matter", "points", "stage", "since", "severity", "likelihood", "weight")
    shown = {name: to_json(getattr(line, name)) for name in (*names, "decay")}
    return {**shown, "events": [event.key for event in line.events]}


def digest(given: Mapping[str, Any]) -> str:
    """Return what names a receipt: SHA-256 of its JSON with sorted keys."""
    return sha256(text(given).encode()).hexdigest()


def text(given: Mapping[str, Any]) -> str:
    """Return a receipt as canonical JSON: keys sorted, without spaces."""
    return json.dumps(given, ensure_ascii=False, separators=(",", ":"), sort_keys=True)


def parse(file: str, given: str) -> dict[str, Any]:
    """Return the receipt in the text of a file; InputError where there is none in it."""
    try:
        found = json.loads(given)
        missing = [name for name in CLAIMED if name not in found]
        sound = type(found["position"]) is int and isinstance(found["lines"], list)
        sound = sound and all(isinstance(found[name], str) for name in ("company", "as_of", "head"))
        sound = sound and isinstance(found["known_at"], str | None)
    except (ValueError, KeyError, TypeError, RecursionError):
        missing, sound = [*CLAIMED], False
    if missing or not sound:
        raise InputError(f"{file}: expected a receipt as `riskmon receipt NAME` prints it")
    return dict(found)


def differences(given: Mapping[str, Any], found: Mapping[str, Any]) -> list[str]:
    """Return in what a receipt differs from the one that the ledger gives now; none: it holds."""
    return [
        f"{name}: the receipt says {_short(given[name])}, the ledger gives {_short(found[name])}"
        for name in CLAIMED
        if not _same(given[name], found[name])
    ]


def _short(value: object) -> str:
    return text({"": value})[4:-1][:200]


def _same(one: object, other: object) -> bool:
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(_same(one[key], other[key]) for key in one)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(_same, one, other))
    if isinstance(one, bool) or isinstance(other, bool):
        return one is other
    if isinstance(one, int | float) and isinstance(other, int | float):
        return math.isclose(one, other, rel_tol=0, abs_tol=TOLERANCE)
    return one == other
