"""Run a rule's example: its events alone, under this rule alone."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from riskmon.model import Company, Entry, Event, Publisher
from riskmon.rules import Example, Rule
from riskmon.ruleset import Ruleset
from riskmon.scoring import View
from riskmon.standing import Standing


def try_example(
    rule: Rule, publishers: Iterable[Publisher], example: Example
) -> Mapping[str, float]:
    """Return the scores that the rule gives the companies for which the example expects one."""
    events = [
        Event.model_validate(
            {"source": "example", "ref": str(number), "title": given["type"], **given}
        )
        for number, given in enumerate(example.events)
    ]
    declared = {one.id: one for one in example.companies}
    for event in events:
        for party in event.parties:
            if party.company and party.company not in declared:
                declared[party.company] = Company(id=party.company, name=party.company)
    told = [("company.declared", one.id, one.model_dump_json()) for one in declared.values()]
    told += [("event.recorded", one.ref, one.model_dump_json()) for one in events]
    standing = Standing(
        Entry(place, kind, "example", ref, 1, example.as_of, body, "")
        for place, (kind, ref, body) in enumerate(told, 1)
    )
    ruleset = Ruleset((rule,), tuple(publishers))
    found = {score.company: score.value for score in View(standing, ruleset).scores(example.as_of)}
    return {company: found[company] for company in example.scores}
