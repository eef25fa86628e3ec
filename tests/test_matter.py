"""The standard evaluator, a sentence of docs/model.md at a time.

Severity is 50 throughout, so a hazard of ln 2 x likelihood x weight x decay; `factors` are the last
three of a company's only line.
"""

from __future__ import annotations

from typing import Any

import pytest

from riskmon.examples import scored, standing
from riskmon.forms import moment
from riskmon.model import Company, Line, Publisher
from riskmon.rules import Rule
from tests.builders import rule

ACME = [{"company": "acme"}]
STAGES: dict[str, Any] = {
    "claim.alleged": "sources",
    "claim.denied": {"times": 0.5},
    "claim.corrected": {"times": 0.25},
    "case.indicted": 0.8,
    "case.acquitted": 0.1,
}


def line(
    *events: dict[str, Any],
    as_of: str = "2024-01-01",
    companies: Any = (),
    publishers: Any = (),
    of: str = "acme",
    **fields: Any,
) -> Line | None:
    """Return the line of a company on the matter `m`, in which Acme is named; None for none."""
    told = [{"matter": "m", "occurred_at": "2024-01-01", "parties": ACME, **one} for one in events]
    firms = [Company.model_validate({"name": one["id"], **one}) for one in companies]
    found = scored(
        Rule.model_validate(rule(stages=STAGES) | fields),
        standing(told, moment(as_of), firms),
        moment(as_of),
        [Publisher.model_validate(one) for one in publishers],
    )
    return found[of].lines[0] if found[of].lines else None


def factors(*events: dict[str, Any], **fields: Any) -> tuple[float, float, float]:
    """Return likelihood, weight and decay, to nine digits; zeros for no line."""
    found = line(*events, **fields)
    return tuple(round(x, 9) for x in found[6:9]) if found else (0.0, 0.0, 0.0)  # type: ignore[return-value]


def likelihood(*events: dict[str, Any], **fields: Any) -> float:
    return factors(*events, **fields)[0]


def claim(source: str = "a", **fields: Any) -> dict[str, Any]:
    return {"type": "claim.alleged", "source": source, "credibility": 0.5} | fields


def test_line_order_of_factors() -> None:
    """What `factors` takes: the sixth to the eighth field."""
    assert ("likelihood", "weight", "decay") == Line._fields[6:9]


# Which matters


def test_topics_are_those_of_any_event_of_the_matter() -> None:
    """One that the rule does not even read lends its topic."""
    with_topic = {"type": "commentary.published", "topics": ["theft"]}
    assert 0.5 == likelihood(claim(), with_topic, topics=["theft", "fraud"])
    assert 0 == likelihood(claim(), topics=["theft", "fraud"])


def test_parties_are_those_of_all_events_also_of_one_that_is_still_to_come() -> None:
    """Whom a later event names bears the matter from its beginning."""
    later = {"type": "case.acquitted", "occurred_at": "2030-01-01"}
    named = later | {"parties": [{"company": "other"}]}
    assert (0.5, 1.0, 1.0) == factors(claim(), named, of="other")


def test_an_event_counts_from_its_moment_on() -> None:
    """That moment included; a matter whose events are all to come has no line."""
    at = {"occurred_at": "2024-01-01T10:00:00Z"}
    assert 0.5 == likelihood(claim(**at), as_of="2024-01-01T10:00:00Z")
    assert 0 == likelihood(claim(**at), as_of="2024-01-01T09:59:59Z")


# Weight


def test_the_greatest_role_counts_and_an_unnamed_one_does_not() -> None:
    """A party may stand in several roles."""
    roles = {"victim": 0.1, "beneficiary": 0.8}
    both = [{"company": "acme", "role": role} for role in ("victim", "beneficiary", "subject")]
    assert 0.8 == factors(claim(parties=both), roles=roles)[1]
    assert 0.0 == factors(claim(parties=ACME), roles=roles)[1]


def owned(*owners: tuple[str, float], **fields: Any) -> dict[str, Any]:
    return {"owners": [{"company": one, "share": share, **fields} for one, share in owners]}


CONTROL = {"ownership": {"control": 0.9, "minority": 0.4}}


@pytest.mark.parametrize(
    ("companies", "weight"),
    [
        ([{"id": "x", **owned(("acme", 0.5))}], 0.9),
        ([{"id": "x", **owned(("acme", 0.49))}], 0.4 * 0.49),
        ([{"id": "x", **owned(("acme", 0.1), ("acme", 0.4))}], 0.9),
        # In binary 0.15 + 0.35 and the like may miss the threshold that they reach in decimals.
        ([{"id": "x", **owned(*[("acme", share) for share in (0.1, 0.2, 0.05, 0.15)])}], 0.9),
        # A chain of majorities: control once for each link.
        ([{"id": "x", **owned(("y", 0.6))}, {"id": "y", **owned(("acme", 0.5))}], 0.9 * 0.9),
        # Shares of several carriers are added, not multiplied along the chain.
        (
            [
                {"id": "x", **owned(("y", 0.25), ("z", 0.25))},
                {"id": "y", **owned(("acme", 1.0))},
                {"id": "z", **owned(("acme", 1.0))},
            ],
            0.9 * 0.9,
        ),
        # A minority's owner passes on what it carries itself.
        ([{"id": "x", **owned(("y", 0.3))}, {"id": "y", **owned(("acme", 0.5))}], 0.4 * 0.3 * 0.9),
        # A minority of a minority carries nothing.
        ([{"id": "x", **owned(("y", 0.3))}, {"id": "y", **owned(("acme", 0.3))}], 0.0),
        # Circles of owners end.
        (
            [
                {"id": "x", **owned(("acme", 0.6), ("y", 0.4))},
                {"id": "y", **owned(("x", 1.0))},
            ],
            0.9,
        ),
    ],
)
def test_owners_carry(companies: list[dict[str, Any]], weight: float) -> None:
    """By control where carrying owners' shares reach the threshold, else by the stake."""
    assert pytest.approx(weight) == factors(claim(), companies=companies, of="x", **CONTROL)[1]


def test_owners_carry_while_they_own() -> None:
    """From `since`, that day included, until `until`, that day excluded."""
    firms = [{"id": "x", **owned(("acme", 0.6), since="2024-01-02", until="2024-01-04")}]
    found = [
        factors(claim(), as_of=f"2024-01-0{day}", companies=firms, of="x", **CONTROL)[1]
        for day in (1, 2, 3, 4)
    ]
    assert [0.0, 0.9, 0.9, 0.0] == found


def test_without_control_nobody_but_the_named_carries() -> None:
    """A majority is then a stake like any other."""
    firms = [{"id": "x", **owned(("acme", 0.6))}]
    minority = {"ownership": {"minority": 0.5}}
    assert 0.3 == factors(claim(), companies=firms, of="x", **minority)[1]


def test_another_threshold() -> None:
    """As the rule says."""
    firms = [{"id": "x", **owned(("acme", 0.3))}]
    rule_ = {"ownership": {"control": 1.0, "threshold": 0.25}}
    assert 1.0 == factors(claim(), companies=firms, of="x", **rule_)[1]


def test_a_scope_reaches_by_the_product_of_exposures() -> None:
    """All its subjects, the place among them; of several scopes the best."""
    exposures = [{"subject": "sector:ai", "weight": 0.5}, {"subject": "sector:oil", "weight": 0.2}]
    firm = {"id": "x", "jurisdiction": "cn", "exposures": exposures}

    def reached(*scopes: list[str]) -> float:
        events = [claim(scope=scope) for scope in scopes]
        return factors(*events, companies=[firm], of="x", scope=0.8)[1]

    assert pytest.approx(0.4) == reached(["country:cn", "sector:ai"])
    assert pytest.approx(0.8) == reached(["country:cn"])
    assert pytest.approx(0.08) == reached(["sector:ai", "sector:oil"])
    assert pytest.approx(0.4) == reached(["sector:ai", "sector:oil"], ["sector:ai"])
    assert (0.0, 0.0) == (reached(["country:us", "sector:ai"]), reached([]))


def test_the_greatest_of_named_and_scope_counts() -> None:
    """Compared after the rule's own weight of each, not before."""
    firm = {"id": "acme", "exposures": [{"subject": "sector:ai", "weight": 0.6}]}
    told = claim(scope=["sector:ai"])
    fields: dict[str, Any] = {"companies": [firm], "scope": 0.8}
    assert pytest.approx(0.5) == factors(told, roles={"subject": 0.5}, **fields)[1]
    assert pytest.approx(0.48) == factors(told, roles={"subject": 0.4}, **fields)[1]


def test_a_company_is_exposed_wholly_to_its_own_country() -> None:
    """Also where it declares less; of several exposures that hold the greatest counts."""
    exposures = [
        {"subject": "country:cn", "weight": 0.2},
        {"subject": "country:us", "weight": 0.7},
        {"subject": "country:us", "weight": 0.3, "since": "2023-01-01"},
    ]
    firm = {"id": "x", "jurisdiction": "cn", "exposures": exposures}
    for scope, weight in (("country:cn", 1.0), ("country:us", 0.7)):
        assert weight == factors(claim(scope=[scope]), companies=[firm], of="x", scope=1.0)[1]


# Likelihood


def test_independent_tellers_add_up_to_the_cap() -> None:
    """1 - (1 - c)(1 - c)...; never more than the cap."""
    assert 0.75 == likelihood(claim("a"), claim("b"))
    assert 0.9 == likelihood(*(claim(name) for name in "abcdef"))
    assert 0.6 == likelihood(claim("a"), claim("b"), cap=0.6)


def test_a_group_counts_once_by_its_best() -> None:
    """Outlets of one owner; a publisher without a group is its own; an origin stands for all."""
    house = [{"id": name, "group": "house", "credibility": 0.6} for name in "ab"]
    assert 0.7 == likelihood(claim("a"), claim("b", credibility=0.7), publishers=house)
    assert 0.5 == likelihood(claim("a"), claim("a"))
    assert 0.5 == likelihood(claim("a"), claim("b", origin="a"))
    assert 0.6 == likelihood(claim("x", credibility=None, origin="a"), publishers=house)


def test_an_unlisted_publisher_and_one_that_is_not_neutral() -> None:
    """0.3; and half of the evidence, for the companies it is not neutral about only."""
    assert 0.3 == likelihood(claim(credibility=None))
    rival = [{"id": "a", "credibility": 0.8, "conflicts": ["acme"]}]
    told = claim(credibility=None, parties=[{"company": "acme"}, {"company": "other"}])
    assert 0.4 == likelihood(told, publishers=rival)
    assert 0.8 == likelihood(told, publishers=rival, of="other")
    assert 0.25 == likelihood(claim(), publishers=rival)


def test_an_official_stage_overrides_claims_and_clears_multipliers() -> None:
    """What was denied before it does not matter, what comes after does."""
    denied, indicted = {"type": "claim.denied"}, {"type": "case.indicted"}
    assert 0.25 == likelihood(claim(), denied)
    assert 0.8 == likelihood(claim(), denied, indicted)
    assert 0.4 == likelihood(claim(), denied, indicted, denied)
    assert 0.8 == likelihood(indicted, claim("b"), claim("c"))
    assert 0.1 == likelihood(indicted, {"type": "case.acquitted"})


def test_a_multiplier_counts_once_a_type() -> None:
    """Ten denials are one; a correction is another type; alone they make no line."""
    denied, corrected = {"type": "claim.denied"}, {"type": "claim.corrected"}
    assert 0.25 == likelihood(claim(), *[denied] * 10)
    assert 0.0625 == likelihood(claim(), denied, corrected, denied)
    assert line(denied, corrected) is None


def test_events_of_one_moment_are_walked_as_they_were_told() -> None:
    """By the place of their key's first entry."""
    indicted, acquitted = {"type": "case.indicted"}, {"type": "case.acquitted"}
    assert 0.1 == likelihood(indicted, acquitted)
    assert 0.8 == likelihood(acquitted, indicted)
    assert 0.8 == likelihood(indicted, acquitted | {"occurred_at": "2023-12-31"})


# Decay


def decay(*events: dict[str, Any], **fields: Any) -> float:
    """Return how many half-lives of 100 days have passed by 10 April 2024, day 100."""
    found = factors(*events, as_of="2024-04-10", **fields)[2]
    return round(found, 6)


DAY_50 = {"occurred_at": "2024-02-20"}


def test_claims_fade_from_the_last_rise_of_a_groups_best() -> None:
    """A repeat, or a lesser claim by the same teller, does not restart the clock."""
    assert 0.5 == decay(claim())
    assert 0.5 == decay(claim(), claim(**DAY_50))
    assert 0.5 == decay(claim(), claim(credibility=0.4, **DAY_50))
    assert round(0.5**0.5, 6) == decay(claim(), claim(credibility=0.6, **DAY_50))
    assert round(0.5**0.5, 6) == decay(claim(), claim("b", credibility=0.1, **DAY_50))
    assert 0.5 == decay(claim(), {"type": "claim.denied", **DAY_50})


def test_an_official_stage_restarts_the_clock_and_claims_after_it_do_not() -> None:
    """Its own repeat does."""
    indicted = {"type": "case.indicted"}
    assert 0.5 == decay(indicted, claim("b", **DAY_50))
    assert round(0.5**0.5, 6) == decay(claim(), indicted | DAY_50)
    assert round(0.5**0.5, 6) == decay(indicted, indicted | DAY_50)


def test_an_open_stage_does_not_fade_until_another_follows() -> None:
    """Then the clock runs from that one."""
    indicted = {"type": "case.indicted"}
    acquitted = {"type": "case.acquitted", **DAY_50}
    assert 1.0 == decay(indicted, open=["case.indicted"])
    assert round(0.5**0.5, 6) == decay(indicted, acquitted, open=["case.indicted"])
    assert 0.5 == decay(claim(), open=["case.indicted"])


def test_half_lives_in_days_and_in_years_of_365_25_days() -> None:
    """As the rule file writes them."""
    assert round(0.5**0.5, 6) == decay(claim(), half_life="200 days")
    assert round(0.5 ** (100 / 730.5), 6) == decay(claim(), half_life="2 years")


# Dated numbers


@pytest.mark.parametrize(
    ("field", "value", "expected"),
    [
        ("severity", {"2024-01-02": 50}, (0.5, 1.0)),
        ("stages", {"claim.alleged": "sources", "case.indicted": {"2024-01-02": 0.8}}, (0.8, 1.0)),
        ("roles", {"subject": {"2024-01-02": 0.7}}, (0.5, 0.7)),
        ("cap", {"2024-01-02": 0.2}, (0.2, 1.0)),
    ],
)
def test_a_dated_number_is_read_at_as_of(field: str, value: Any, expected: Any) -> None:
    """0 before its first date: no line on 1 January, one on the 2nd."""
    told = [claim()] + ([{"type": "case.indicted"}] if field == "stages" else [])
    fields = {field: value}
    assert line(*told, as_of="2024-01-01T23:59:59Z", **fields) is None
    assert expected == factors(*told, as_of="2024-01-02", **fields)[:2]


def test_a_legal_rule_switched_on_suspended_and_due_back() -> None:
    """Written down once."""
    control = {"2024-01-02": 1.0, "2024-01-03": 0.0, "2024-01-04": 1.0}
    firms = [{"id": "x", **owned(("acme", 0.6))}]
    found = [
        factors(
            claim(),
            as_of=f"2024-01-0{day}",
            companies=firms,
            of="x",
            ownership={"control": control},
        )[1]
        for day in (1, 2, 3, 4)
    ]
    assert [0.0, 1.0, 0.0, 1.0] == found
