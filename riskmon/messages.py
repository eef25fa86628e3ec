"""Messages: alerts of one cause together, one for each channel, not in quiet hours. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, time, timedelta
from hashlib import sha256
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from riskmon.alerts import ref
from riskmon.errors import safe
from riskmon.forms import utc_text

MOST_NAMED = 50
"""Companies that a message's text names; its data names all."""


class Quiet(NamedTuple):
    """Hours of the day, on a zone's clocks, in which nobody is told; they may wrap midnight."""

    start: time
    end: time
    zone: ZoneInfo

    def until(self, at: datetime) -> datetime:
        """Return when they end if `at` is within them, else `at`."""
        here = at.astimezone(self.zone)
        clock = here.time()
        if self.start <= self.end:
            within = self.start <= clock < self.end
        else:
            within = clock >= self.start or clock < self.end
        if not within:
            return at
        day = here.date() + timedelta(days=clock >= self.end)
        # Where the clocks go back an hour comes twice: of the second, the second end.
        end = datetime.combine(day, self.end.replace(fold=here.fold), self.zone)
        return end.astimezone(at.tzinfo)


class Composed(NamedTuple):
    """What is to be told by one channel."""

    key: str
    channel: str
    body: str


def grouped(alerts: Iterable[Mapping[str, Any]]) -> list[list[Mapping[str, Any]]]:
    """Return alerts by the risk rule that moved most, those that moved furthest first."""
    found: dict[tuple[bool, str], list[Mapping[str, Any]]] = {}
    for alert in sorted(alerts, key=lambda one: -abs(one["value"] - one["from"])):
        cause = alert["lines"][0]["rule"] if alert["lines"] else alert["grounds"][0]["rule"]
        found.setdefault(("corrects" in alert, cause), []).append(alert)
    return list(found.values())


def key(channel: str, alerts: Sequence[Mapping[str, Any]]) -> str:
    """Return what names a message, so that whoever gets it twice can tell."""
    names = [f"{ref(one)} {one['digest']}" for one in alerts]
    return sha256("\n".join([channel, *names]).encode()).hexdigest()[:32]


def composed(channel: str, alerts: Sequence[Mapping[str, Any]], at: datetime) -> Composed:
    """Return the message by which a channel tells some alerts of one cause."""
    name = key(channel, alerts)
    kind = "correction" if "corrects" in alerts[0] else "alert"
    hidden = ("messages", "receipt")
    body = {
        "id": name,
        "kind": kind,
        "title": safe(title(alerts)),
        "text": text(alerts),
        "told_at": utc_text(at).replace(".000000Z", "Z"),
        "alerts": [{k: v for k, v in one.items() if k not in hidden} for one in alerts],
    }
    return Composed(name, channel, json.dumps(body, ensure_ascii=False))


def hello(channel: str, at: datetime) -> Composed:
    """Return a message that says nothing but that it arrives."""
    moment = utc_text(at)
    name = sha256(f"{channel}\n{moment}".encode()).hexdigest()[:32]
    text = "This is a test: nothing moved. Alerts will arrive here."
    body = {"id": name, "kind": "test", "title": "riskmon: a test", "text": text}
    body |= {"told_at": moment.replace(".000000Z", "Z")}
    return Composed(name, channel, json.dumps({**body, "alerts": []}))


def title(alerts: Sequence[Mapping[str, Any]]) -> str:
    """Return a message in one line."""
    first = alerts[0]
    whom = first["name"] if len(alerts) == 1 else f"{len(alerts):,} companies"
    if "corrects" in first:
        wrong = "" if len(alerts) > 1 else f": {first['why']}"
        return f"Correction of what was told, {whom}{wrong}"
    score = f"{first['value']:.1f} ({first['level']}), from {first['from']:.1f}"
    if len(alerts) == 1:
        return f"{whom}: {score}: {first['why']}"
    cause = f" by {first['lines'][0]['rule']}" if first["lines"] else ""
    return f"{whom} moved{cause}, furthest {first['name']}: {score}"


def text(alerts: Sequence[Mapping[str, Any]]) -> str:
    """Return a message in many lines: each company, from, to, the lines that did it, a receipt."""
    found = []
    for alert in alerts[:MOST_NAMED]:
        found.append(
            f"{alert['name']} ({alert['company']}): {alert['from']:.1f} -> {alert['value']:.1f} "
            f"({alert['level']}) on {alert['as_of'][:16].replace('T', ' ')}Z: {alert['why']}"
        )
        found += [f"  {_line(line)}" for line in alert["lines"][:3]]
        if len(alert["lines"]) > 3:  # noqa: PLR2004 (as many as were shown)
            found.append(f"  and {len(alert['lines']) - 3} more")
        found.append(f"  receipt {alert['digest']}")
    if len(alerts) > MOST_NAMED:
        found.append(f"and {len(alerts) - MOST_NAMED:,} more companies")
    return "\n".join(map(safe, found))


def _line(line: Mapping[str, Any]) -> str:
    stage = f" {line['stage']}" if line["stage"] else ""
    return f"{line['rule']}{stage}: {line['before']:.1f} -> {line['points']:.1f}, {line['matter']}"
