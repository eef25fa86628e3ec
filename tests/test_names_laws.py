"""Whatever is declared, told and decided, in any order: live scores are those of a reader."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import riskmon
from riskmon.errors import RiskmonError
from riskmon.model import Holding
from riskmon.monitor import Monitor
from tests.builders import Clock, event, rule, values, write_rules

FIRMS = ["ant", "bee", "cat", "dog"]
NAMES = [
    *("Ant", "Huawei Technologies Co., Ltd.", "Huawei Tech. Co.", "Huawei Technologies Syria"),
    *("Hikvision Digital Technology", "Hikvision Digital Tech Co Ltd", "Acme", "ACME."),
]
CIKS = ["1", "2"]
SUBJECTS = ["country:cn", "sector:ai"]
OTHERS = [event(type="corporate.founded", ref=f"other-{number}") for number in range(60)]
"""Events of matters that no rule reads: what is told touches few of all, as in a real log."""
RULES = [
    rule(
        id="r",
        stages={"listing.listed": 1.0},
        ownership={"control": 0.9, "minority": 0.3},
        scope=0.5,
    ),
    rule(id="s", severity=30, where={"party": {"jurisdiction": "cn"}}),
]
PUBLISHERS = [{"id": "reuters", "credibility": 0.5, "conflicts": ["bee"]}]

firms, names = st.sampled_from(FIRMS), st.sampled_from(NAMES)
shares = st.sampled_from([0.2, 0.3, 0.6])
identified = st.fixed_dictionaries({}, optional={"cik": st.sampled_from(CIKS)})
declared = st.builds(
    lambda required, more: required | more,
    st.fixed_dictionaries({"id": firms, "name": names, "identifiers": identified}),
    st.fixed_dictionaries(
        {},
        optional={
            "aliases": st.lists(names, max_size=2),
            "jurisdiction": st.sampled_from(["cn", "us"]),
            "exposures": st.lists(
                st.fixed_dictionaries({"subject": st.sampled_from(SUBJECTS), "weight": shares}),
                max_size=1,
            ),
            "owners": st.lists(
                st.fixed_dictionaries({"company": firms, "share": shares}), max_size=2
            ),
        },
    ),
)
parties = st.fixed_dictionaries({"company": firms}) | st.fixed_dictionaries(
    {"name": names, "identifiers": identified}
)
told = st.builds(
    event,
    type=st.sampled_from(["listing.listed", "claim.alleged"]),
    ref=st.sampled_from("123456"),
    matter=st.sampled_from(["m", "n", None]),
    parties=st.lists(parties, min_size=1, max_size=2),
    scope=st.lists(st.sampled_from(SUBJECTS), max_size=1),
)
held = st.builds(
    lambda company, owner, share: Holding(company=company, owner=owner, share=share),
    *(firms, firms, shares),
)
steps = st.one_of(
    st.tuples(st.just("declare"), declared.map(lambda one: [one])),
    st.tuples(st.just("declare"), held.map(lambda one: [one])),
    st.tuples(st.just("ingest"), told.map(lambda one: [one])),
    st.tuples(st.sampled_from(["accept", "reject", "undo"]), names, firms),
    st.tuples(st.just("merge"), firms, firms),
    st.tuples(st.just("split"), firms),
)


def near(expected: Any) -> Any:
    return pytest.approx(expected, abs=1e-9, rel=0)


def followed(monitor: Monitor, done: list[Any]) -> dict[int, dict[str, float]]:
    """Do step by step, each where it is allowed; return what was said at which position."""
    found = {}
    for (what, *given_), asks in done:
        with suppress(RiskmonError):
            getattr(monitor, what)(*given_)
        if asks:
            found[monitor.status().position] = values(monitor)
    return found


@settings(max_examples=60, suppress_health_check=list(HealthCheck))
@given(
    st.lists(declared, min_size=2, max_size=4),
    st.lists(st.tuples(steps, st.booleans()), min_size=3, max_size=14),
)
def test_who_followed_decisions_knows_what_a_reader_finds(first: Any, done: list[Any]) -> None:
    """Scores now, and as known at each position where they were asked: to 1e-9, for ever."""
    with TemporaryDirectory() as folder:
        rules = write_rules(Path(folder) / "rules", *RULES, publishers=PUBLISHERS)
        url, clock = f"sqlite:///{folder}/risk.db", Clock("2024-01-02")
        with riskmon.open(url, rules=rules, clock=clock) as live:
            assert not live.declare(first).rejected
            assert not live.ingest(OTHERS).rejected
            before = followed(live, done)
            with riskmon.open(url, rules=rules, clock=clock) as rebuilt:
                assert near(values(rebuilt)) == values(live)
                for name, value in values(live).items():
                    assert near(value) == live.score(name).value
                for position, expected in before.items():
                    assert near(expected) == values(live, known_at=position)
                    assert near(expected) == values(rebuilt, known_at=position)
            live.verify()
