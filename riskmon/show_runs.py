"""Runs, alerts and waiting messages as text."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from riskmon.errors import safe
from riskmon.outbox import Message
from riskmon.ran import Ran


def runs(found: Iterable[Ran]) -> None:
    """Print runs: when, of which job, how it ended, what moved, what failed."""
    none = True
    for run in found:
        none = False
        took = f" in {run.seconds:.1f} s" if run.seconds is not None else f", by {run.holder}"
        print(f"{run.started_at:%Y-%m-%d %H:%M:%S}Z  {run.job}: {run.state}{took}{_found(run)}")
        if run.tick is not None and abs((run.started_at - run.tick).total_seconds()) > 60:  # noqa: PLR2004
            print(f"  for the tick of {run.tick:%Y-%m-%d %H:%M:%S}Z")
        for source, counts in run.read.items():
            told = ", ".join(f"{count:,} {name}" for name, count in counts.items())
            print(f"  {source}: {told or 'nothing new'}")
        for company, before, after in run.furthest[:3]:
            print(f"  {safe(company)}: {before:.2f} -> {after:.2f}")
        for name, why in run.failed.items():
            print(f"  {name} failed: {safe(why)}")
    if none:
        print("nothing was run yet: riskmon run, or riskmon recalculate")


def _found(run: Ran) -> str:
    if run.position is None:
        return ""
    alerts = f", {run.alerts:,} alerts" if run.alerts else ""
    moved = f"{run.moved:,} of {run.companies or 0:,} companies moved"
    return f"; entries {run.since:,} to {run.position:,}: {moved}{alerts}"


def alerts(found: Sequence[Mapping[str, Any]]) -> None:
    """Print alerts: when, whom, from, to, why, to whom."""
    for body in found:
        what = f"corrects {body['corrects']}: " if "corrects" in body else ""
        told_at = body["told_at"][:16].replace("T", " ")
        print(
            f"{told_at}Z  {what}{safe(body['name'])} ({body['company']}): "
            f"{body['from']:.2f} -> {body['value']:.2f} ({body['level']}): {safe(body['why'])}"
        )
        for line in body["lines"][:3]:
            moved = f"{line['before']:.2f} -> {line['points']:.2f}"
            print(f"  {line['rule']}: {moved}, {safe(line['matter'])}")
        nobody = "nobody: " + ("it corrects what nobody heard" if what else "no channel was named")
        print(f"  to {', '.join(body['messages']) or nobody}; receipt {body['digest'][:12]}")
    if not found:
        print("nothing was told yet")


def waiting(found: Sequence[Message]) -> None:
    """Print messages that are not sent: their key, channel, state, and how they failed."""
    for one in found:
        due = f", due {one.due_at:%Y-%m-%d %H:%M:%S}Z" if one.state == "waiting" else ""
        error = f": {safe(one.error)}" if one.error else ""
        print(f"{one.key}  {one.channel}: {one.state}, {one.attempts} tried{due}{error}")
    if not found:
        print("no message waits, and none was given up")
