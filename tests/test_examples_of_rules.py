"""A rule's examples, run: what passes, what fails and why, which stages none of them reaches."""

from __future__ import annotations

from math import exp
from typing import Any

import pytest

from riskmon import examples
from riskmon.examples import Outcome, Trial
from riskmon.model import Publisher
from riskmon.rules import Rule
from tests.builders import rule

BAIDU = [{"company": "baidu"}]


def told(**fields: Any) -> dict[str, Any]:
    """Return an event of an example: confirmed, of Baidu, on the day of the example."""
    return {"type": "claim.confirmed", "occurred_at": "2024-01-01", "parties": BAIDU} | fields


def example(*events: dict[str, Any], **fields: Any) -> dict[str, Any]:
    """Return an example by which Baidu has 50 points on 1 January 2024."""
    defaults = {"name": "one", "as_of": "2024-01-01", "events": events, "scores": {"baidu": 50}}
    return defaults | fields


def trial(*given: dict[str, Any], publishers: Any = (), **fields: Any) -> Trial:
    """Run examples of a rule with severity 50: `claim.alleged` by sources, `claim.confirmed` 1."""
    one = Rule.model_validate(rule(examples=given, **fields))
    return examples.run(one, [Publisher.model_validate(publisher) for publisher in publishers])


def test_an_example_that_holds() -> None:
    """All that a trial says of it."""
    found = trial(example(told()))
    (outcome,) = found.outcomes
    assert ("a-rule", ("claim.alleged",)) == (found.rule, found.unreached)
    assert {"baidu": 50.0} == pytest.approx(dict(outcome.found))
    assert (True, {}, "") == (outcome.passed, outcome.wrong, outcome.reason)
    assert ("a-rule", "one", {"baidu": 50}) == (outcome.rule, outcome.example, outcome.expected)


@pytest.mark.parametrize(
    ("expected", "wrong"), [(50.0, []), (50.004, []), (50.006, ["baidu"]), (49.994, ["baidu"])]
)
def test_scores_are_met_to_a_hundredth(expected: float, wrong: list[str]) -> None:
    """To half a hundredth of a point on each side."""
    (outcome,) = trial(example(told(), scores={"baidu": expected})).outcomes
    assert (wrong, not wrong) == (list(outcome.wrong), outcome.passed)


def test_only_the_companies_that_score_otherwise_are_wrong() -> None:
    """What was expected, and what was found; the others are left out."""
    parties = [{"company": one} for one in ("baidu", "tencent", "xiaomi")]
    scores = {"baidu": 50, "tencent": 40, "xiaomi": 0}
    (outcome,) = trial(example(told(parties=parties), scores=scores)).outcomes
    assert {"tencent": (40, 50.0), "xiaomi": (0, 50.0)} == {
        name: pytest.approx(pair) for name, pair in outcome.wrong.items()
    }
    assert not outcome.passed


def test_a_rule_without_examples_reaches_nothing() -> None:
    """All its stages are named, in order."""
    assert Trial("a-rule", (), ("claim.alleged", "claim.confirmed")) == trial()


def test_stages_add_up_over_examples() -> None:
    """One that any example reaches is reached."""
    alleged = told(type="claim.alleged", credibility=0.5)
    two = example(alleged, scores={"baidu": 29.29})
    assert () == trial(example(told()), two).unreached


@pytest.mark.parametrize(
    "later", [told(type="claim.alleged", occurred_at="2024-01-02"), told(type="claim.denied")]
)
def test_a_stage_after_as_of_or_of_another_rule_is_not_reached(later: dict[str, Any]) -> None:
    """An event that has not happened by the example's day shows nothing."""
    found = trial(example(told(), later))
    assert ("claim.alleged",) == found.unreached
    assert found.outcomes[0].passed


def test_a_stage_of_a_matter_that_the_rule_does_not_read_is_not_reached() -> None:
    """Of another topic: the example shows a miss, and no stage."""
    missed = example(told(topics=["tariffs"]), scores={"baidu": 0})
    found = trial(missed, topics=["entity-list"])
    assert found.outcomes[0].passed
    assert ("claim.alleged", "claim.confirmed") == found.unreached


def test_a_failing_example_reaches_its_stages_all_the_same() -> None:
    """It is wrong in its figures, which is said of it; its events are there."""
    found = trial(example(told(), scores={"baidu": 1}))
    assert not found.outcomes[0].passed
    assert ("claim.alleged",) == found.unreached


def test_a_company_that_nobody_names_is_said() -> None:
    """0 points for a name that was misspelt would pass in silence."""
    (outcome,) = trial(example(told(), scores={"baidu": 50, "badu": 0, "acme": 0})).outcomes
    assert "scores: no event names acme, badu, nor is it declared" == outcome.reason
    assert not outcome.passed
    assert {"baidu": 50.0} == pytest.approx(dict(outcome.found))


def test_a_company_that_is_declared_need_not_be_named() -> None:
    """It has no points by it."""
    companies = [{"id": "acme", "name": "Acme"}]
    given = example(told(), companies=companies, scores={"baidu": 50, "acme": 0})
    assert trial(given).outcomes[0].passed


def test_a_company_is_met_by_its_name() -> None:
    """As everywhere; only those named by id are declared by that."""
    companies = [{"id": "baidu", "name": "Baidu, Inc."}]
    named = told(parties=[{"name": "Baidu"}])
    assert trial(example(named, companies=companies)).outcomes[0].passed
    assert trial(example(named)).outcomes[0].reason


def test_examples_weigh_publishers() -> None:
    """Those given; one that is unlisted has 0.3. An event is told by `example` unless it says."""
    alleged = told(type="claim.alleged", source="gazette")
    listed = trial(
        example(alleged, scores={"baidu": 100 * (1 - 0.5**0.8)}),
        publishers=[{"id": "gazette", "credibility": 0.8}],
    )
    unlisted = trial(example(alleged, scores={"baidu": 100 * (1 - 0.5**0.3)}))
    assert (True, True) == (listed.outcomes[0].passed, unlisted.outcomes[0].passed)


def test_events_of_an_example_are_matters_of_their_own() -> None:
    """Unless they name one: two of them are two lines, 1 - 0.5 x 0.5; in one matter one line."""
    apart = example(told(), told(), scores={"baidu": 75})
    together = example(told(matter="m"), told(matter="m"))
    assert [True, True] == [one.passed for one in trial(apart, together).outcomes]


@pytest.mark.parametrize("status", ["draft", "experimental", "stable", "retired"])
def test_examples_run_whatever_the_status(status: str) -> None:
    """A rule is tested before it counts, and after."""
    found = trial(example(told()), status=status)
    assert [True] == [one.passed for one in found.outcomes]
    assert ("claim.alleged",) == found.unreached


WHERE: dict[str, dict[str, Any]] = {
    "an attribute": {"attributes.days_of_standstill": {"gte": 7}},
    "a source": {"source": ["gazette", "ledger"]},
    "a party": {"party": {"role": "subject", "jurisdiction": "cn"}},
    "no party": {"party": {"none": {"role": "victim"}}},
}


@pytest.mark.parametrize("name", WHERE)
def test_where_holds_in_examples(name: str) -> None:
    """An event that does not meet it is not there: no points, and no stage reached."""
    met = told(source="gazette", attributes={"days_of_standstill": 7})
    missed = told(
        type="claim.alleged",
        credibility=1,
        attributes={"days_of_standstill": 6.9},
        parties=[{"company": "tencent"}, {"company": "acme", "role": "victim"}],
    )
    companies = [{"id": "baidu", "name": "Baidu", "jurisdiction": "cn"}]
    given = example(met, missed, companies=companies, scores={"baidu": 50, "tencent": 0, "acme": 0})
    found = trial(given, where=WHERE[name])
    assert {} == found.outcomes[0].wrong
    assert ("claim.alleged",) == found.unreached


def test_an_evaluator_that_fails_is_the_reason() -> None:
    """Here factors whose product is no number; the other examples stand."""
    stages = {f"fire.step-{number}": {"times": 1e6} for number in range(60)}
    events = [told(type=one, matter="m") for one in ("claim.confirmed", *stages)]
    found = trial(
        example(*events, name="too much"),
        example(told(), name="enough"),
        stages={"claim.confirmed": 1.0, **stages},
    )
    assert [False, True] == [one.passed for one in found.outcomes]
    assert "matter" in found.outcomes[0].reason
    assert {} == found.outcomes[0].found


def test_an_event_that_is_none_is_the_reason() -> None:
    """A rule that comes from no file was not checked as one: nothing is raised."""
    (outcome,) = trial(example({"type": "claim.confirmed", "parties": BAIDU})).outcomes
    assert "occurred_at" in outcome.reason
    assert Outcome("a-rule", "one", {"baidu": 50}, {}, outcome.reason) == outcome


def test_a_rule_about_all_matters_of_a_company() -> None:
    """Surge: three matters in a month are unusual where 30 / 365 are usual; two are none."""
    usual = 30 / 365
    likelihood = 2 * exp(-usual) * (1 + usual + usual**2 / 2) - 1
    calm = example(*[told()] * 2, name="calm", scores={"baidu": 0})
    busy = example(*[told()] * 3, name="busy", scores={"baidu": 100 * (1 - 0.5**likelihood)})
    fields = {"stages": {"claim.confirmed": 1.0}, "evaluator": "surge", "cap": 1.0}
    found = trial(calm, busy, **fields)
    assert [{}, {}] == [one.wrong for one in found.outcomes]
    assert () == found.unreached
