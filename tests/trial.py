"""Score a few events under one rule, without a database."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from riskmon.model import Company, Entry, Event, Publisher, Score
from riskmon.rules import Example, Rule
from riskmon.ruleset import Ruleset
from riskmon.scoring import View
from riskmon.standing import Standing


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
    entries = [("company.declared", one.id, one.model_dump_json()) for one in declared.values()]
    entries += [("event.recorded", one.ref, one.model_dump_json()) for one in told]
    standing = Standing(
        Entry(place, kind, "example", ref, 1, as_of, body, "")
        for place, (kind, ref, body) in enumerate(entries, 1)
    )
    view = View(standing, Ruleset((rule,), tuple(publishers)))
    return {score.company: score for score in view.scores(as_of)}


def try_example(
    rule: Rule, publishers: Iterable[Publisher], example: Example
) -> Mapping[str, float]:
    """Return the scores that the rule gives the companies for which the example expects one."""
    found = scored(rule, example.events, example.as_of, example.companies, publishers)
    return {company: found[company].value for company in example.scores}
