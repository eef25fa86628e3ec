"""What waits for a person: the most points first, and what persons' decisions say of likeness."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest

import riskmon
from riskmon.analyst import Precision
from riskmon.monitor import Monitor
from tests.builders import Clock, company, event, listed, rule, values, write_rules

HUAWEI = company("huawei", name="Huawei Technologies Co., Ltd.")
HIK = company("hik", name="Hikvision Digital Technology Co., Ltd.")
OURS, THEIRS = "Huawei Technologies Syria", "Hikvision Digital Syria"


def near(value: Any) -> Any:
    return pytest.approx(value, abs=1e-9)


def lesser(name: str) -> dict[str, Any]:
    """Return an event of 60 points, where `listed` has 70."""
    return listed(name) | {"topics": ["section-1260h"]}


def waiting(monitor: Monitor, **asked: Any) -> list[tuple[str, float]]:
    return [(one.name, one.points) for one in monitor.review(**asked)]


def test_what_waits_says_what_accepting_it_moves(monitor: Monitor) -> None:
    """To the point: accept it, and the company's score rises by that; the others' do not."""
    monitor.declare([HUAWEI, HIK])
    monitor.ingest([listed(company="huawei"), lesser(OURS), listed(OURS), lesser(THEIRS)])
    for _ in range(2):
        first = monitor.review()[0]
        company_ = first.candidates[0].company
        before = values(monitor)
        monitor.accept(first.name, company_)
        assert near(before | {company_: before[company_] + first.points}) == values(monitor)
    assert [] == monitor.review()


def test_what_moves_most_points_comes_first(monitor: Monitor) -> None:
    """Then what more events name, then by name; those of no risk last."""
    monitor.declare([HUAWEI, HIK])
    harmless = [event(parties=[{"name": f"Huawei Technologies {c}"}]) for c in ("Iran", "Cuba")]
    monitor.ingest([*harmless, lesser(THEIRS), listed(OURS), *harmless[:1]])
    monitor.ingest([event(parties=[{"name": "Huawei Technologies Iran"}])])
    found = [(one.name, round(one.points, 9), one.events) for one in monitor.review()]
    assert [
        (OURS, 70, 1),
        (THEIRS, 60, 1),
        ("Huawei Technologies Iran", 0, 2),
        ("Huawei Technologies Cuba", 0, 1),
    ] == found


def test_points_are_those_of_the_company_it_may_mean(monitor: Monitor) -> None:
    """What adds little to a score that is high comes after what adds much to one that is low."""
    monitor.declare([HUAWEI, HIK])
    monitor.ingest([*(listed(company="huawei") for _ in range(4)), listed(OURS), lesser(THEIRS)])
    expected = [(THEIRS, near(60)), (OURS, near(0.567))]
    assert expected == waiting(monitor)
    assert expected[:1] == waiting(monitor, limit=1)


def test_a_limit_takes_the_first(monitor: Monitor) -> None:
    """Of as many as there are; names that may mean nobody take no place."""
    monitor.declare([HUAWEI])
    places = ["Iran", "Syria", "Cuba", "Sudan"]
    for count, place in enumerate(places, 1):
        monitor.ingest([listed(f"Huawei Technologies {place}") for _ in range(count)])
    monitor.ingest([listed("Somebody") for _ in range(9)])
    every = waiting(monitor)
    assert [f"Huawei Technologies {one}" for one in places[::-1]] == [name for name, _ in every]
    for limit in (1, 3, 4, 9):
        assert every[:limit] == waiting(monitor, limit=limit)


def test_points_are_as_of_a_moment(monitor: Monitor) -> None:
    """Before the event there are none; by default it is now."""
    monitor.declare([HUAWEI])
    monitor.ingest([listed(OURS)])
    assert [(OURS, near(70))] == waiting(monitor)
    assert [(OURS, 0.0)] == waiting(monitor, as_of="2023-12-31")


def test_what_waits_is_data(monitor: Monitor) -> None:
    """As JSON: the name, how much and how often, and whom it may mean with reasons."""
    monitor.declare([HUAWEI])
    monitor.ingest([listed(OURS)])
    (one,) = monitor.review()
    candidate = one.candidates[0]
    expected = {
        "name": OURS,
        "events": 1,
        "points": one.points,
        "company": None,
        "verdict": "review",
        "by": None,
        "accepted": None,
        "candidates": [
            {
                "company": "huawei",
                "asked": OURS,
                "stored": "Huawei Technologies Co., Ltd.",
                "score": candidate.score,
                "met": [one._asdict() for one in candidate.likeness.met],
                "left": {"asked": ["syria"], "stored": []},
                "numbers": {"asked": [], "stored": []},
                "legal_forms": {"asked": [], "stored": ["co ltd"]},
                "vetoes": list(candidate.vetoes),
            }
        ],
        "reasons": list(one.resolution.reasons),
    }
    assert expected == json.loads(json.dumps(one.to_dict()))
    assert one.resolution.reasons


def test_nothing_waits_where_nothing_is() -> None:
    """No ledger, no company, no event; nor what events withdrew or a person means."""
    with riskmon.open("sqlite://", clock=Clock()) as monitor:
        assert [] == monitor.review()
        told = listed(OURS)
        monitor.ingest([told])
        assert [] == monitor.review()
        monitor.declare([HUAWEI])
        assert [(OURS, near(70))] == waiting(monitor)
        monitor.ingest([{"source": told["source"], "ref": told["ref"], "withdrawn": True}])
        assert [] == monitor.review()


def test_scope_and_ownership_are_not_what_a_name_moves(tmp_path: Path) -> None:
    """A matter that reaches the company by its scope anyway moves only what is above that."""
    folder = write_rules(tmp_path / "rules", rule(stages={"claim.alleged": 1.0}, scope=0.5))
    with riskmon.open("sqlite://", rules=folder, clock=Clock()) as monitor:
        monitor.declare([HUAWEI | {"jurisdiction": "cn"}])
        monitor.ingest([event(scope=["country:cn"], parties=[{"name": OURS}])])
        before = monitor.score("huawei").value
        (one,) = monitor.review()
        monitor.accept(OURS, "huawei")
        assert (near(50), near(100 * (1 - math.sqrt(0.5)))) == (
            monitor.score("huawei").value,
            before,
        )
        assert one.points >= monitor.score("huawei").value - before


# What decisions say of likeness


def test_shares_and_intervals_are_wilsons() -> None:
    """By hand, with z = 1.959964: 8 of 10, all of 10, none of 10, 1 of 2, nothing."""
    expected = {
        (10, 8): (0.8, 0.490162, 0.943318),
        (10, 10): (1.0, 0.722467, 1.0),
        (10, 0): (0.0, 0.0, 0.277533),
        (2, 1): (0.5, 0.094531, 0.905469),
    }
    for (decided, accepted), (share, low, high) in expected.items():
        one = Precision(0.3, 0.8, decided, accepted)
        assert share == pytest.approx(one.share)
        assert (low, high) == pytest.approx(one.interval, abs=1e-6)
    none = Precision(0.3, 0.8, 0, 0)
    assert math.isnan(none.share)
    assert (0.0, 1.0) == none.interval


def shown(monitor: Monitor) -> tuple[int, int]:
    """Return how many pairs were decided and accepted, of all bands together."""
    found = monitor.precision()
    return sum(one.decided for one in found), sum(one.accepted for one in found)


def band(monitor: Monitor, score: float) -> Precision:
    """Return the band that a likelihood is in."""
    return next(one for one in reversed(monitor.precision()) if one.least <= score)


def test_precision_counts_what_persons_decided(monitor: Monitor) -> None:
    """By how likely it was then; the last word counts, and what was undone does not."""
    monitor.declare([HUAWEI])
    assert [(0.3, 0.8), (0.8, 0.9), (0.9, 0.95), (0.95, 1.0)] == [
        (one.least, one.most) for one in monitor.precision()
    ]
    monitor.ingest([listed("Huawei Tech. Co.")])
    assert (0, 0) == shown(monitor)  # nobody looked at it
    monitor.accept("Huawei Tech. Co.", "huawei")
    monitor.reject(OURS, "huawei")
    assert (2, 1) == shown(monitor)
    monitor.undo(OURS, "huawei")
    assert (1, 1) == shown(monitor)
    monitor.accept("Quite Another", "huawei")  # nothing like it
    assert (1, 1) == shown(monitor)


def test_precision_keeps_how_likely_it_was_before_a_person_spoke(monitor: Monitor) -> None:
    """A name that was accepted is as like itself as can be; that says nothing of likeness."""
    monitor.declare([HUAWEI])
    likely = monitor.resolve(OURS).all_candidates[0].score
    monitor.accept(OURS, "huawei")
    monitor.reject(OURS, "huawei")
    assert (1, 0) == shown(monitor)
    assert (1, 0) == band(monitor, likely)[2:]


def test_precision_leaves_out_names_that_are_borne(monitor: Monitor) -> None:
    """Who settles a name of two companies does not judge likeness."""
    monitor.declare([company("a", aliases=["Acme"]), company("b", aliases=["ACME."])])
    monitor.accept("Acme", "a")
    assert (0, 0) == shown(monitor)
