"""A rule's examples, run: given these events, these scores. They are the rule's tests."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np

from riskmon.forms import microseconds
from riskmon.matters import Matters, read
from riskmon.model import Company, Event, Publisher, Score, Taken, canonical
from riskmon.rules import Example, Rule
from riskmon.ruleset import Ruleset
from riskmon.scoring import View
from riskmon.standing import Standing
from riskmon.told import Told

TOLERANCE = 0.005
"""Examples give scores to a hundredth of a point."""


@dataclass(frozen=True)
class Outcome:
    """What became of an example."""

    rule: str
    example: str
    expected: Mapping[str, float]
    found: Mapping[str, float]
    reason: str = ""
    """Why it could not be run; empty where it was."""

    @property
    def passed(self) -> bool:
        """Whether every score is the one expected, to a hundredth of a point."""
        return not self.reason and not self.wrong

    @property
    def wrong(self) -> dict[str, tuple[float, float]]:
        """Return the companies that score otherwise: expected, and found."""
        return {
            company: (score, self.found[company])
            for company, score in self.expected.items()
            if company in self.found and abs(score - self.found[company]) > TOLERANCE
        }


@dataclass(frozen=True)
class Trial:
    """What became of all examples of a rule."""

    rule: str
    outcomes: tuple[Outcome, ...]
    unreached: tuple[str, ...]
    """Stages that no example reaches."""


def told(example: Mapping[str, Any], number: int) -> dict[str, Any]:
    """Return an event of an example with what it leaves out."""
    return {
        "source": "example",
        "ref": str(number),
        "title": str(example.get("type")),
        **example,
    }


def standing(
    events: Sequence[Mapping[str, Any]], as_of: datetime, companies: Iterable[Company] = ()
) -> Standing:
    """Return a log of some events; companies that they name by id are declared by that."""
    given = [Event.model_validate(told(event, number)) for number, event in enumerate(events)]
    declared = {one.id: one for one in companies}
    for event in given:
        for party in event.parties:
            if party.company and party.company not in declared:
                declared[party.company] = Company(id=party.company, name=party.company)
    entries: list[Taken] = [
        (place, "company.declared", "example", one.id, one.model_dump_json())
        for place, one in enumerate(declared.values(), 1)
    ]
    entries += [
        (place, "event.recorded", one.source, one.ref, canonical(one))
        for place, one in enumerate(given, len(entries) + 1)
    ]
    log = Told(lambda positions: [(one, entries[one - 1][4]) for one in positions])
    log.append(entries)
    return Standing(log, len(entries), as_of)


def scored(
    rule: Rule, stands: Standing, as_of: datetime, publishers: Iterable[Publisher] = ()
) -> dict[str, Score]:
    """Return the score of every company by one rule, whatever its status."""
    counted = rule.model_copy(update={"status": "stable"})
    view = View(stands, Ruleset((counted,), tuple(publishers)))
    if view.failed:
        raise ValueError(view.failed[rule.id])
    return {score.company: score for score in view.scores(as_of)}


def run(rule: Rule, publishers: Sequence[Publisher]) -> Trial:
    """Run the examples of a rule; say which of its stages none of them reaches."""
    outcomes, reached = [], set()
    for example in rule.examples:
        found: dict[str, float] = {}
        reason = ""
        try:
            stands = standing(example.events, example.as_of, example.companies)
            if missing := set(example.scores) - stands.companies.keys():
                reason = f"scores: no event names {', '.join(sorted(missing))}, nor is it declared"
            scores = scored(rule, stands, example.as_of, publishers)
            found = {one: scores[one].value for one in example.scores if one in scores}
            reached |= _reached(rule, stands, example)
        except ValueError as error:
            reason = str(error)
        outcomes.append(Outcome(rule.id, example.name, example.scores, found, reason))
    return Trial(rule.id, tuple(outcomes), tuple(sorted(set(rule.stages) - reached)))


def _reached(rule: Rule, stands: Standing, example: Example) -> set[str]:
    """Return the stages at which an example's matters stood by its `as_of`."""
    log = stands.told
    matters = Matters(log, stands.rows, stands.roster.resolved(log.named.names))
    reading = read(rule, matters, stands.meeting)
    matters, events = reading.matters, reading.events
    by_then = matters.of("occurred")[events] <= microseconds(example.as_of)
    return {log.types.names[code] for code in np.unique(matters.type[events[by_then]]).tolist()}
