"""What a few words find: companies, matters, events. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime
from itertools import islice
from typing import NamedTuple

import numpy as np

from riskmon.evaluators import Ints
from riskmon.forms import microseconds
from riskmon.model import Event
from riskmon.names import words
from riskmon.standing import Standing

MOST_TEXT = 200
"""Characters of what is searched for; the rest is not read."""


class FoundEvent(NamedTuple):
    """An event that was found."""

    key: str
    title: str
    matter: str


class Found(NamedTuple):
    """What a text finds: the most alike, or the latest, first."""

    companies: list[tuple[str, str]]
    """Id and name."""
    matters: list[tuple[str, str]]
    """Name, and title of the latest event."""
    events: list[FoundEvent]


def companies(standing: Standing, text: str) -> list[str]:
    """Return the ids of the companies that a text finds: the very one, then those like it.

    By id, name, alias, identifier or a part of a name. Where nothing has it, by likeness.
    """
    text = text.strip()[:MOST_TEXT]
    key, names = words(text), standing.names
    found = [text] if text in standing.companies else []
    found += sorted(names.bearers(text))
    if key:
        parts = sorted((one for one in names.all() if key in one), key=lambda one: _rank(one, key))
        found += [firm for one in parts for firm in sorted(names.bearers(one))]
        found += _identified(standing, text)
    found = [one for one in dict.fromkeys(found) if one in standing.companies]
    if not found and key:
        resolution = names.likely((text,))
        best = [resolution.company] if resolution.company else []
        found = [*best, *(one.company for one in resolution.candidates)]
    return list(dict.fromkeys(found))


def _rank(name: str, key: str) -> tuple[bool, bool, int, str]:
    """Return how far a name is from what it was found by: one that begins with it is nearest."""
    return name != key, not name.startswith(key), len(name), name


def _identified(standing: Standing, text: str) -> Iterator[str]:
    wanted = text.casefold()
    for firm in standing.companies.values():
        for value in firm.identifiers.values():
            if wanted in {one.casefold() for one in _many(value)}:
                yield firm.id


def _many(values: str | tuple[str, ...]) -> tuple[str, ...]:
    return (values,) if isinstance(values, str) else values


def matters(standing: Standing, text: str, limit: int) -> list[str]:
    """Return the names of at most `limit` matters that stand and have `text` in their name."""
    wanted = text.strip()[:MOST_TEXT].casefold()
    if not wanted:
        return []
    codes = standing.told.matters
    exact = [text.strip()] if text.strip() in codes else []
    others = (one for one in reversed(codes.names) if wanted in one.casefold())
    some = (one for one in (*exact, *islice(others, 10 * limit)) if len(_rows(standing, one)))
    return list(islice(dict.fromkeys(some), limit))


def titled(standing: Standing, found: Iterable[tuple[int, Event]], text: str) -> Iterator[Event]:
    """Yield those of some events, each with its position, that stand and have all words of `text`.

    In their titles.
    """
    wanted = text[:MOST_TEXT].casefold().split()
    told = standing.told.rows
    for position, event in found:
        row = int(np.searchsorted(told["position"], position))
        if row < len(told["position"]) and told["until"][row] > standing.position >= position:
            title = event.title.casefold()
            if wanted and all(word in title for word in wanted):
                yield event


def latest(standing: Standing, names: Iterable[str], at: datetime | None = None) -> dict[str, str]:
    """Return the title of the latest event, until `at`, that stands in each of some matters."""
    rows = {name: _latest(standing, _rows(standing, name), at) for name in names}
    some = {name: row for name, row in rows.items() if row is not None}
    events = standing.read(np.array(list(some.values()), np.int64))
    return dict(zip(some, (event.title for event in events), strict=True))


def _rows(standing: Standing, matter: str) -> Ints:
    code = standing.told.matters.get(matter)
    if code is None:
        return np.zeros(0, np.int64)
    return standing.told.standing(standing.position, standing.told.rows_of([code]))


def _latest(standing: Standing, rows: Ints, at: datetime | None) -> int | None:
    told = standing.told.rows
    if at is not None:
        rows = rows[told["occurred"][rows] <= microseconds(at)]
    return max(
        rows.tolist(), key=lambda row: (told["occurred"][row], told["place"][row]), default=None
    )
