"""Score a few events under one rule, without a database."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from riskmon.model import Company, Event, Publisher, Score, Taken, canonical
from riskmon.rules import Example, Rule
from riskmon.ruleset import Ruleset
from riskmon.standing import Standing
from riskmon.told import Told
from riskmon.view import View


def scored(
    rule: Rule,
    events: Sequence[Mapping[str, Any]],
    as_of: datetime,
    companies: Iterable[Company] = (),
    publishers: Iterable[Publisher] = (),
) -> dict[str, Score]:
    """Return the score of every company; those that events name by id are declared by that."""
    told = [
        Event.model_validate(
            {"source": "example", "ref": str(number), "title": given["type"], **given}
        )
        for number, given in enumerate(events)
    ]
    declared = {one.id: one for one in companies}
    for event in told:
        for party in event.parties:
            if party.company and party.company not in declared:
                declared[party.company] = Company(id=party.company, name=party.company)
    log = Told(lambda positions: [(one, entries[one - 1][4]) for one in positions])
    entries: list[Taken] = [
        (place, "company.declared", "example", one.id, one.model_dump_json())
        for place, one in enumerate(declared.values(), 1)
    ]
    entries += [
        (place, "event.recorded", one.source, one.ref, canonical(one))
        for place, one in enumerate(told, len(entries) + 1)
    ]
    log.append(entries)
    counted = rule.model_copy(update={"status": "stable"})
    view = View(Standing(log, len(entries), as_of), Ruleset((counted,), tuple(publishers)))
    return {score.company: score for score in view.scores(as_of)}


def try_example(
    rule: Rule, publishers: Iterable[Publisher], example: Example
) -> Mapping[str, float]:
    """Return the scores that the rule gives the companies for which the example expects one."""
    found = scored(rule, example.events, example.as_of, example.companies, publishers)
    return {company: found[company].value for company in example.scores}
