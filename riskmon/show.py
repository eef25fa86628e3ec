"""Results as a person reads them in a terminal."""

from __future__ import annotations

import math
import sys
import textwrap
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Literal

from riskmon.errors import safe
from riskmon.model import LEVELS, Entry, Event, Line, Score
from riskmon.reports import Report
from riskmon.results import History, Run, Scores

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

    from riskmon.changes import Changes
    from riskmon.evidence import Published, Verification
    from riskmon.rules import Rule
    from riskmon.ruleset import Ruleset
    from riskmon.status import Check, Status

BARS = "▁▂▃▄▅▆▇█"
HISTORY = 16
"""Bars in a small history."""
WIDTH = 100
WIDE, NARROW = 90, 70
MOST_REFUSALS = 20
SMALL_POINTS = 0.005
INDENT = " " * 10
COLOURS = dict(zip(LEVELS, ("green", "yellow", "dark_orange", "red"), strict=True))


def when(moment: datetime | None) -> str:
    """Return a moment as its date, with its time where that is not 00:00 UTC."""
    if moment is None:
        return "-"
    form = "%Y-%m-%d" if moment.time() == datetime.min.time() else "%Y-%m-%d %H:%MZ"
    return f"{moment:{form}}"


def spark(values: Iterable[float]) -> str:
    """Return values from 0 to 100 as bars of eighths."""
    return "".join(BARS[min(int(value / 100 * len(BARS)), len(BARS) - 1)] for value in values)


def scores(found: Scores, histories: Mapping[str, Sequence[float]] | None = None) -> None:
    """Print a table of companies, highest score first."""
    if not len(found):
        print("No company is declared: riskmon declare FILE", file=sys.stderr)
        return
    failures(found[0].failed)
    screen = console()
    # Where it is narrow, figures first, then the history, then the reason.
    histories = histories if screen.width >= NARROW else None
    history = ["history"] if histories else []
    rule = ["most of it from"] if screen.width >= (WIDE if histories else NARROW) else []
    rows = table("company", "score", "level", *history, "since", *rule)
    for score in found:
        top = score.top
        add_row(
            rows,
            score.name,
            f"{score.value:.2f}",
            score.level,
            *([spark(histories[score.company])] if histories else []),
            when(top.since) if top else "",
            *([top.rule if top else ""] if rule else []),
        )
    screen.print(rows)


def score(found: Score) -> None:
    """Print one score and its categories."""
    failures(found.failed)
    print(_headline(found))
    if found.categories:
        print("by category, each on its own:")
    for name, value in found.categories.items():
        print(f"  {value:6.2f}  {safe(name)}")


def explain(
    found: Score, ruleset: Ruleset | None, events: Iterable[Event], *, reasons: bool
) -> None:
    """Print a score line by line, with the rules' reasons if asked; then what carries no risk."""
    rules = ruleset.by_id if ruleset else {}
    failures(found.failed)
    print(_headline(found))
    print(
        f"It stands on {found.position:,} entries of the ledger, as known at "
        f"{when(found.known_at)}."
    )
    if not found.lines:
        print("No line: nothing that the rules read bears on it.")
    small = [line for line in found.lines if line.points < SMALL_POINTS]
    for line in found.lines[: len(found.lines) - len(small)]:
        _explain_line(line, rules.get(line.rule), f"without this line: {line.without:.2f}")
        if reasons:
            _reason(rules.get(line.rule))
    if small:
        print(f"\n  0.00 points  each: {', '.join(safe(line.rule) for line in small)}")
    for line in found.shadow:
        _explain_line(line, rules.get(line.rule), "experimental: shown, not counted")

    cited = {event.key for line in (*found.lines, *found.shadow) for event in line.events}
    if harmless := [event for event in events if event.key not in cited]:
        print("\nAlso told of it, and no line:")
        _print_events(harmless)


def _print_events(events: Iterable[Event]) -> None:
    for event in events:
        what = f"{event.type}, {safe(event.source)}: {safe(event.title)}"
        print(f"{INDENT}- {when(event.occurred_at)} {what}")


def _headline(found: Score) -> str:
    if not found.declared:
        return f"{safe(found.name)}: not on the watchlist by {when(found.known_at)}, so no score"
    return (
        f"{safe(found.name)}: {found.value:.2f} ({found.level}) as of {when(found.as_of)}, "
        f"from {len(found.hazards)} line{'' if len(found.hazards) == 1 else 's'}"
    )


def _explain_line(line: Line, rule: Rule | None, effect: str) -> None:
    print()
    points = f"{line.points:6.2f} points" if not math.isnan(line.points) else "    no points"
    print(f"{points}  {safe(rule.title if rule else line.rule)}  [{line.rule}]")
    print(f"          {safe(line.matter)}: {line.stage or 'unproven'} since {when(line.since)}")
    print(
        f"          severity {line.severity:g} x likelihood {line.likelihood:.3g} "
        f"x weight {line.weight:.3g} ({line.via}) x decay {line.decay:.3g}; {effect}"
    )
    _print_events(line.events)


def _reason(rule: Rule | None) -> None:
    if rule and rule.why:
        why = safe(" ".join(rule.why.split()))
        print(textwrap.fill(why, WIDTH, initial_indent=INDENT, subsequent_indent=INDENT))


def history(found: History) -> None:
    """Print a score over time, a bar a moment."""
    print(f"{safe(found.name)}, {len(found)} points")
    for point in found:
        bar = "█" * round(point.value / 2)
        print(f"  {when(point.as_of):<17} {point.value:6.2f}  {bar}")


def report(found: Report) -> None:
    """Print what an ingest did; what is odd or refused goes to standard error."""
    from riskmon.validation import did_you_mean
    from riskmon.vocabulary import TYPES

    print(f"{safe(found.file)}: {found if not found.held else 'held'}")
    if found.held:
        for reason in found.held.reasons:
            print(f"  {safe(reason)}")
        ident = safe(found.held.digest[:8])
        print(f"riskmon hold accept {ident}, or reject {ident}; it waits", file=sys.stderr)
    for note in found.notes[:MOST_REFUSALS]:
        print(safe(note), file=sys.stderr)
    for kind, count in sorted(found.types.items()):
        print(f"  {count:8,} {kind}")
        if kind not in TYPES and (hint := did_you_mean(kind, TYPES)):
            print(f"{kind!r} is no event type used so far{hint}", file=sys.stderr)
    most = MOST_REFUSALS if found.rejects else len(found.rejected)
    for one in found.rejected[:most]:
        print(safe(one), file=sys.stderr)
    if len(found.rejected) > most:
        print(f"... and {len(found.rejected) - most:,} more", file=sys.stderr)
    if found.rejected and len(found.rejected) == found.rows:
        print(
            "no row could be read: `riskmon sources` says which formats there are", file=sys.stderr
        )
    if found.rejects:
        print(f"the refused rows, with reasons, are in {safe(found.rejects)}", file=sys.stderr)


def run(found: Run) -> None:
    """Print what a recalculation found."""
    rules = "published anew" if found.published else "as they were"
    print(
        f"{found.companies:,} companies as of {when(found.as_of)}, at position "
        f"{found.position:,}; rules {found.ruleset[:12]}, {rules}"
    )
    rules_of(found.rules)
    since = f"moved since {when(found.since)}" if found.since else "above zero, for the first time"
    print(f"{len(found.moved)} {since}")
    for move in found.moved:
        print(f"  {safe(move.company):<24} {move.before:6.2f} -> {move.after:6.2f}")
    failures(found.failed)


def rules_of(differences: Mapping[str, Sequence[str]]) -> None:
    """Print which rules were added, removed and changed."""
    for how, names in differences.items():
        if names:
            text = f"rules {how}: {', '.join(map(safe, names))}"
            print(textwrap.fill(text, WIDTH, subsequent_indent="  ", break_on_hyphens=False))


def failures(failed: Mapping[str, str]) -> None:
    """Say which rules failed: a score is without what they would add."""
    for rule, reason in failed.items():
        print(f"failed: {safe(rule)}: {safe(reason)}; the other rules stand", file=sys.stderr)


def status(found: Status) -> None:
    """Print what there is."""
    rules = f"{found.rules} ({found.ruleset[:12]})" if found.ruleset else "none published yet"
    if found.rules_changed:
        rules += "; the folder differs: riskmon recalculate publishes it"
    elif found.rules_changed is None:
        rules += "; the folder cannot be read: riskmon recalculate says why"
    rows = {
        "database": found.database,
        "entries": f"{found.position:,}, the last recorded {when(found.recorded_at)}",
        "head": found.head,
        "companies": f"{found.companies:,}",
        "events": f"{found.events:,} standing, in {found.matters:,} matters",
        "rules": rules,
        "recalculated": when(found.recalculated_at),
        "unresolved": f"{len(found.unresolved):,} names that mean no declared company; riskmon "
        "names review shows those that may",
    }
    if found.held:
        rows["held"] = f"{found.held:,} of the copies of lists; riskmon hold review shows which"
    if found.drafts:
        rows["drafts"] = f"{found.drafts:,} to review: riskmon drafts review"
    for name, value in rows.items():
        print(f"{name:<13} {safe(value)}")
    for name, count in list(found.unresolved.items())[:10]:
        print(f"{'':<13} {count:,} x {safe(name)}")
    checks(found.checks)
    for one in found.dead:
        print(f"given up: {one.key} to {one.channel}: {safe(one.error or '')}")


def checks(found: Iterable[Check]) -> None:
    """Print a line for each check: its state, its name, and how it is."""
    print()
    for one in found:
        print(f"{one.state:<5} {safe(one.name):<14} {safe(one.told)}")


def published(what: str, head: Published) -> None:
    """Print a head with the root over it."""
    print(f"{what}\n  position  {head.position:,}, recorded {head.recorded_at or '-'}")
    print(f"  hash      {head.hash}\n  root      {head.root}")


def verification(found: Verification) -> None:
    """Print what holds."""
    published(f"{found.head.position:,} entries hold, each hashed again", found.head)
    if found.kept is None:
        print("  outside   no head is kept: whether the tail is whole cannot be said")
    else:
        print(f"  outside   the head kept at position {found.kept.position:,} is among them")


def changes(found: Changes) -> None:
    """Print which scores corrections moved, by which entries, and what they contradict."""
    at = f"as of {when(found.as_of)}, as known at position {found.since:,} and as known now"
    print(f"Scores that moved, {at}:" if found.moved else f"No score moved, {at}.")
    for move in found.moved:
        by = ", ".join(map(str, move.entries)) or "-"
        print(
            f"  {safe(move.company):<24} {move.before:6.2f} -> {move.after:6.2f}  by entries {by}"
        )
    none = "Every receipt and alert says what the ledger gives now."
    print("Receipts and alerts that say another value:" if found.contradicted else none)
    for one in found.contradicted:
        print(
            f"  {safe(one.company):<24} {one.said:6.2f} -> {one.now:6.2f}  as of "
            f"{when(one.as_of)}, {one.kind} at {one.position:,}, {safe(one.ref[:12])}"
        )


def entry(found: Entry) -> str:
    """Return one entry of the ledger as a line."""
    key = f"{safe(found.source)}:{safe(found.ref)}"
    revision = f", revision {found.revision}" if found.revision > 1 else ""
    at = f"{found.recorded_at:%Y-%m-%d %H:%M:%SZ}"
    return f"{found.position:8,}  {at}  {found.kind:<17} {key}{revision}"


def table(*columns: str) -> Table:
    """Return an empty table with these columns."""
    from rich import box
    from rich.table import Table

    made = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False, padding=(0, 1, 0, 0))
    for column in columns:
        # Names shrink where the terminal is narrow, figures do not.
        least = {"score": 6, "level": 8, "history": HISTORY, "since": 10}.get(column)
        side: Literal["left", "right"] = "right" if column == "score" else "left"
        most = 26 if column == "company" else None
        made.add_column(column, justify=side, no_wrap=True, min_width=least, max_width=most)
    return made


def add_row(into: Table, *cells: str) -> None:
    """Add a row of cells to a table."""
    from rich.text import Text

    # Text, not markup: a title `[/bold]` is a title.
    into.add_row(*(Text(safe(cell), style=COLOURS.get(cell, "")) for cell in cells))


def console() -> Console:
    """Return a console as wide as the terminal, or as a page."""
    from rich.console import Console

    return Console(width=None if sys.stdout.isatty() else WIDTH, highlight=False)
