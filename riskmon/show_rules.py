"""What a person reads of rules: their examples, and what a draft would change."""

from __future__ import annotations

import math
import sys
from collections.abc import Iterable, Sequence

from riskmon.errors import safe
from riskmon.examples import Trial
from riskmon.foresight import Foresight
from riskmon.results import Comparison
from riskmon.show import add_row, console, failures, rules_of, table, when
from riskmon.whatif import Cause

MOST, MOST_CAUSES = 20, 3
INDENT = " " * 6


def trials(found: Sequence[Trial]) -> None:
    """Print what became of examples: the failed ones, stages none reaches, and the counts."""
    outcomes = [one for trial in found for one in trial.outcomes]
    for one in outcomes:
        if one.passed:
            continue
        print(f"{safe(one.rule)}: {safe(one.example)}")
        if one.reason:
            print(f"{INDENT}{safe(one.reason)}")
        for company, (expected, got) in one.wrong.items():
            print(f"{INDENT}{safe(company)}: expected {expected:.2f}, got {got:.2f}")
    for trial in found:
        if trial.unreached:
            stages = ", ".join(map(safe, trial.unreached))
            print(f"{safe(trial.rule)}: no example reaches {stages}", file=sys.stderr)
    failed = sum(not one.passed for one in outcomes)
    whole = sum(not trial.unreached for trial in found)
    print(
        f"examples: {len(outcomes):,} in {len(found):,} rules; {len(outcomes) - failed:,} passed, "
        f"{failed:,} failed; rules whose every stage is reached: {whole:,} of {len(found):,}"
    )


def what_if(found: Comparison) -> None:
    """Print what a draft would change, when levels differ, and how well each ruleset foresees."""
    now, then = found.digests
    print(f"as of {when(found.as_of)}: rules in force {now[:12]}, draft {then[:12]}")
    rules_of(found.rules)
    failures(found.failed)
    if not len(found):
        print("No score differs.")
    for one in list(found)[:MOST]:
        levels = f" ({one.level_now} -> {one.level_then})" * (one.level_now != one.level_then)
        print(f"{safe(one.name)}: {one.now:.2f} -> {one.then:.2f}{levels}")
        _causes(one.why)
    _more(len(found), "companies")
    if found.spells:
        print("levels differ:")
    for spell in found.spells[:MOST]:
        span = f"{when(spell.start)} to {when(spell.end)}"
        print(f"  {safe(spell.company)}: {span}, {spell.level_now} -> {spell.level_then}")
        _causes(spell.why)
    _more(len(found.spells), "spells")
    _foresight(found.foresight)


def _causes(causes: Sequence[Cause]) -> None:
    for one in causes[:MOST_CAUSES]:
        print(f"{INDENT}{one.now:6.2f} -> {one.then:6.2f}  {safe(one.rule)}, {safe(one.matter)}")
    if len(causes) > MOST_CAUSES:
        more = len(causes) - MOST_CAUSES
        print(f"{INDENT}and {more:,} more line{'s' * (more > 1)}")


def _more(count: int, what: str) -> None:
    if count > MOST:
        print(f"... and {count - MOST:,} {what} more: --json has them all")


def _foresight(found: Iterable[Foresight]) -> None:
    rows = table("what anticipates", "hits", "of", "days before", "false alarms", "of", "AUC")
    for one in found:
        days = "-" if math.isnan(one.days_before) else f"{one.days_before:,.0f}"
        auc = "-" if math.isnan(one.auc) else f"{one.auc:.3f}"
        numbers = [f"{one.hits:,}", f"{one.listings:,}", days]
        add_row(rows, one.name, *numbers, f"{one.false_alarms:,}", f"{one.alarms:,}", auc)
    print("first listings, as said the moment before; alarms, each quarter, of who is unlisted:")
    console().print(rows)
