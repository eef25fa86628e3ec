"""A company's page: its score, since when, why, on whose word, and what was known before."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple
from urllib.parse import urlencode

from markupsafe import Markup
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from riskmon import receipts
from riskmon.companyview import Leading, Stretch
from riskmon.forms import utc_text
from riskmon.model import Event, Line, Score, level, points
from riskmon.results import Point
from riskmon.rules import Rule
from riskmon.ruleset import Ruleset
from riskmon.web.drawing import Mark, bar, history
from riskmon.web.site import Clocks, Site

BEFORE = timedelta(days=30)
SPANS = {"1": 365, "3": 1096, "10": 3653}
"""Days of history, by the years that the address asks for."""
STEPS = {"1": "1d", "3": "3d", "10": "12d"}
MOST_LINES = 50
MOST_EVENTS = 30
"""Of one line."""
MOST_MARKS = 60
MOST_MATTERS = 40
PRINTED = 12
"""Lines, and sources, that fit a printed page."""
PRINTED_MATTERS = 8
MOST_AT_ONCE, MOST_RECEIPT = 100, 5000
"""Lines up to which a receipt is made: for a page that may never be printed, and to be printed."""
SEP = "|"


class Told(NamedTuple):
    """A line as the page tells it."""

    number: int
    line: Line
    rule: Rule | None
    events: list[Event]
    more: int
    """Events beyond those."""
    bar: Markup
    key: str
    """By which the address leaves it out."""
    left_out: bool
    toggle: str
    """The address at which it is the other way round."""


class Before(NamedTuple):
    """What the score was some time before: as known now, and as was known then."""

    at: datetime
    now: Score
    then: Score


def routes(site: Site) -> list[Route]:
    """Return the routes of a company's page, and of what is printed of it."""

    def company(request: Request) -> Response:
        return site.page(request, "company.html", _page(site, request, MOST_AT_ONCE))

    def printed(request: Request) -> Response:
        return site.page(request, "print.html", _page(site, request, MOST_RECEIPT))

    return [
        Route("/company/{company}", company, name="company"),
        Route("/company/{company}/print", printed, name="print"),
    ]


def _page(site: Site, request: Request, most: int) -> dict[str, Any]:
    """Return what the page tells; all of it of one moment and one position.

    `most`: lines up to which a receipt is made.
    """
    monitor, clocks = site.monitor, Clocks.of(request)
    name = request.path_params["company"]
    leading = monitor.leading(name, **clocks.asked(), limit=MOST_LINES)
    score = leading.score
    ruleset = monitor.ruleset(score.position)
    without = request.query_params.getlist("without")[:MOST_LINES]
    lines = list(_told(score, leading.lines, ruleset, without, clocks))
    gone = [one.line.hazard for one in lines if one.left_out]
    then: dict[str, Any] = {"as_of": score.as_of, "known_at": score.position}
    matters = monitor.timeline(score.company, **then, limit=MOST_MATTERS)
    return {
        "score": score,
        "top": lines[0] if lines else None,
        "source": _source(lines[0].line) if lines else None,
        "publishers": {one.id: one.name or one.id for one in ruleset.publishers} if ruleset else {},
        "before": _before(site, score),
        "remaining": points(math.fsum((score.hazard, *(-one for one in gone)))) if gone else None,
        "left_out": len(gone),
        "all_lines": _address(clocks, ()),
        "lines": lines,
        "more": leading.line_count - len(lines),
        "more_points": leading.more_points,
        "categories": leading.categories,
        "shadow": list(_told(score, leading.shadow, ruleset, (), clocks)),
        "matters": matters,
        "more_matters": matters.matters - len(matters),
        "stretches": _stretches(matters, score.as_of),
        "owners": monitor.owners(score.company, **then),
        "fixed": _fixed(score),
        "fixed_as_of": _exact(score.as_of),
        **_over_time(site, request, score, lines),
        **_sheets(site, leading, lines, most),
    }


def _over_time(site: Site, request: Request, score: Score, lines: Sequence[Told]) -> dict[str, Any]:
    """Return the score over the years that the address asks for, with its events."""
    years = request.query_params.get("years", "1")
    years = years if years in SPANS else "1"
    past = [
        *site.monitor.history(
            score.company,
            start=score.as_of - timedelta(days=SPANS[years]),
            end=score.as_of,
            step=STEPS[years],
            known_at=score.position,
        )
    ]
    marks = _marks(lines, past[0].as_of)
    without = [one.key for one in lines if one.left_out]
    clocks = Clocks.of(request)
    return {
        "since": _since(past),
        "past": past,
        "months": _months(past),
        "picture": history(past, marks, _words(score, past, marks)),
        "marks": marks,
        "years": years,
        "spans": {one: _address(clocks, without, years=one) for one in SPANS},
    }


def _sheets(site: Site, leading: Leading, lines: Sequence[Told], most: int) -> dict[str, Any]:
    """Return what only the printed sheets have: sources, and the receipt to check them by.

    `most`: lines up to which a receipt is made.
    """
    score, receipt = leading.score, None
    if leading.line_count <= most:  # at the position, as the command that is printed has it
        exact = site.monitor.score(score.company, as_of=score.as_of, known_at=score.position)
        receipt = site.monitor.receipt(exact, keep=False)
    events = {event.key: event for one in lines for event in one.events}
    ordered = sorted(events.values(), key=lambda one: one.occurred_at, reverse=True)
    return {
        "receipt": receipt,
        "digest": receipts.digest(receipt) if receipt else "",
        "printed": PRINTED,
        "printed_matters": PRINTED_MATTERS,
        "sources": ordered[:PRINTED],
        "more_sources": max(0, len(ordered) - PRINTED),
    }


def _told(
    score: Score,
    lines: Sequence[Line],
    ruleset: Ruleset | None,
    without: Sequence[str],
    clocks: Clocks,
) -> Iterator[Told]:
    """Yield the lines, greatest first, each with its rule, its events and its bar."""
    rules = ruleset.by_id if ruleset else {}
    start = 0.0
    for number, line in enumerate(lines, 1):
        key = f"{line.rule}{SEP}{line.matter}"
        out = key in without
        rest = [one for one in without if one != key] if out else [*without, key]
        length = 0.0 if math.isnan(line.points) else line.points / 100  # not counted
        yield Told(
            number,
            line,
            rules.get(line.rule),
            list(line.events[-MOST_EVENTS:]),
            max(0, len(line.events) - MOST_EVENTS),
            bar(start, length, f"level-{score.level}" + " out" * out),
            key,
            out,
            _address(clocks, rest),
        )
        start += length


def _address(clocks: Clocks, without: Sequence[str], **more: str) -> str:
    pairs = [("as_of", clocks.as_of), ("known_at", clocks.known_at), *more.items()]
    pairs += [("without", one) for one in without]
    return "?" + urlencode([pair for pair in pairs if pair[1]])


def _fixed(score: Score) -> str:
    """Return the two clocks as an address that always gives this very score."""
    return f"?{urlencode({'as_of': _exact(score.as_of), 'known_at': score.position})}"


def _exact(at: datetime) -> str:
    return utc_text(at).replace(".000000Z", "Z")


def _since(past: Sequence[Point]) -> tuple[datetime, bool]:
    """Return since when the level holds, to the step; and whether it began before what is seen."""
    now = level(past[-1].value)
    for place in range(len(past) - 1, -1, -1):
        if level(past[place].value) != now:
            return past[place + 1].as_of, False
    return past[0].as_of, True


def _source(line: Line) -> Event | None:
    """Return the event that says where a line stands: the last of its stage, else the last."""
    events = list(line.events)
    official = [event for event in events if event.type == line.stage]
    return next(iter((official or events)[-1:]), None)


def _before(site: Site, score: Score) -> Before:
    """Return the score a month before, as known at the page's clock, and as known then."""
    at = score.as_of - BEFORE
    now = site.monitor.score(score.company, as_of=at, known_at=score.position)
    if score.known_at is not None and score.known_at <= at:
        return Before(at, now, now)
    return Before(at, now, site.monitor.score(score.company, as_of=at, known_at=at))


def _marks(lines: Iterable[Told], first: datetime) -> list[Mark]:
    """Return the events of the lines within what is drawn, numbered by when they happened."""
    events = {event.key: event for one in lines for event in one.events}
    seen = sorted(
        (event for event in events.values() if event.occurred_at >= first),
        key=lambda one: (one.occurred_at, one.key),
    )
    return [
        Mark(event.occurred_at, number, event.title, event.source)
        for number, event in enumerate(seen[-MOST_MARKS:], 1)
    ]


def _words(score: Score, past: Sequence[Point], marks: Sequence[Mark]) -> str:
    low, high = min(one.value for one in past), max(one.value for one in past)
    return (
        f"Score of {score.name} from {past[0].as_of:%Y-%m-%d} to {past[-1].as_of:%Y-%m-%d}: "
        f"between {low:.1f} and {high:.1f}, at the end {past[-1].value:.1f}; {len(marks)} events"
    )


def _months(past: Sequence[Point]) -> list[Point]:
    """Return the last point of each month, for those who read a table."""
    return list({f"{point.as_of:%Y-%m}": point for point in past}.values())


def _stretches(matters: Iterable[Stretch], as_of: datetime) -> list[Markup]:
    """Return a bar for each matter, from its first event to its last, or to now if it is open."""
    spans = [(one.first or as_of, as_of if one.open else one.last or as_of) for one in matters]
    first = min((start for start, _ in spans), default=as_of)
    whole = max((as_of - first).total_seconds(), 1.0)
    kinds = ["open" if one.open else "closed" for one in matters]
    return [
        bar((start - first).total_seconds() / whole, (end - start).total_seconds() / whole, kind)
        for (start, end), kind in zip(spans, kinds, strict=True)
    ]
