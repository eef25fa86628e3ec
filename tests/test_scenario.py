"""The shipped scenario under the shipped rules: the story that began this, and its figures."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from riskmon.monitor import Monitor
from riskmon.ruleset import load_ruleset
from tests import reference
from tests.builders import ROOT, lines, replayed

EVENTS = list(lines(ROOT / "scenario" / "events.jsonl"))


def test_baidu_on_12_january_2024(scenario: Monitor) -> None:
    """44.51, from three lines whose points add up: what the README shows."""
    score = scenario.score("Baidu", as_of="2024-01-12", known_at="2024-01-12")
    found = [(ln.rule, round(ln.points, 2), ln.via, ln.stage) for ln in score.lines]
    assert found == [
        ("ai-chip-export-controls", 17.37, "scope", "measure.in-force"),
        ("military-research-claim", 17.31, "named", None),
        ("dual-use-product", 9.83, "named", None),
    ]
    assert (44.51, "moderate") == (round(score.value, 2), score.level)


def test_what_was_known_then_and_what_is_known_now(scenario: Monitor) -> None:
    """One day in February, as known on the day of the allegation, of the denial, and today."""
    asked = ["2024-01-12", "2024-01-15", None]
    scores = [scenario.score("百度", as_of="2024-02-12", known_at=known) for known in asked]
    assert [42.22, 38.59, 31.67] == [round(score.value, 2) for score in scores]


@pytest.mark.parametrize(
    ("company", "value", "level"),
    [
        ("baidu", 68.31, "high"),
        ("alibaba", 67.39, "high"),
        ("ding-startup", 61.46, "high"),
        ("moonshot-ai", 31.61, "moderate"),
        ("aisphere", 24.49, "low"),
        ("minimax", 24.49, "low"),
        ("bytedance", 22.54, "low"),
        ("tencent", 16.37, "low"),
        ("google", 11.24, "low"),
        ("openai", 0.0, "low"),
        ("fortune-capital", 0.0, "low"),
    ],
)
def test_who_is_at_risk(scenario: Monitor, company: str, value: float, level: str) -> None:
    """Every company of the scenario on 22 November 2026."""
    score = scenario.score(company, as_of="2026-11-22")
    assert (value, level) == (round(score.value, 2), score.level)


def test_the_scenario_equals_the_slow_reference(scenario: Monitor) -> None:
    """Each company on each day that something happened, as known that day, to 1e-9."""
    ruleset = load_ruleset(ROOT / "rules")
    rules = [one.model_dump(mode="json", exclude={"half_life"}) for one in ruleset.rules]
    for one, dumped in zip(ruleset.rules, rules, strict=True):
        dumped["half_life"] = f"{one.half_life} days"
    publishers = [one.model_dump(mode="json") for one in ruleset.publishers]
    companies = list(lines(ROOT / "scenario" / "companies.jsonl"))
    log: reference.Log = [(datetime(2023, 11, 1, tzinfo=UTC), "company", c) for c in companies]
    log += [(reference.day(e.get("published_at", e["occurred_at"])), "event", e) for e in EVENTS]
    for at in sorted({moment for moment, _, _ in log}):
        for company in companies:
            expected = reference.lines(log, rules, publishers, company["id"], at, at)
            score = scenario.score(company["id"], as_of=at, known_at=at)
            assert reference.score(expected) == pytest.approx(score.value, abs=1e-9)
            assert set(expected) == {(line.rule, line.matter) for line in score.lines}


def told(**wanted: Any) -> list[str]:
    """Return the refs of the scenario's events that have these fields."""
    return [e["ref"] for e in EVENTS if all(e.get(key) == value for key, value in wanted.items())]


def roles(ref: str) -> set[tuple[str, str]]:
    (found,) = [event for event in EVENTS if event["ref"] == ref]
    return {(party["name"], party["role"]) for party in found["parties"]}


def test_every_fact_of_the_story_has_its_place() -> None:
    """Who, in which role, when, how much: each in a field."""
    by_ref = {event["ref"]: event for event in EVENTS}
    assert {("AIsphere", "subject"), ("Fortune Capital", "investor")} == roles("aisphere-series-a")
    funding = by_ref["aisphere-series-a"]["attributes"]
    assert {
        "round": "series A",
        "amount_cny_over": 100_000_000,
        "amount_usd": 14_000_000,
    } == funding
    assert "Third such funding in China within a month" in by_ref["aisphere-series-a"]["summary"]
    rounds = ["alibaba-moonshot", "alibaba-minimax", "aisphere-series-a"]
    assert rounds == told(type="corporate.funded")
    assert {("Moonshot AI", "subject"), ("Alibaba", "investor")} == roles("alibaba-moonshot")
    assert {("MiniMax", "subject"), ("Alibaba", "investor")} == roles("alibaba-minimax")
    assert "PixVerse" == by_ref["pixverse-launched"]["attributes"]["product"]
    assert {("AIsphere", "subject"), ("OpenAI", "mentioned")} == roles("aisphere-aim")
    assert "three to six months" in by_ref["aisphere-aim"]["title"]
    assert ("Wang Changhu", "mentioned") in roles("aisphere-founded")
    assert ("ByteDance", "mentioned") in roles("aisphere-founded")
    assert "2023-04-01" == by_ref["aisphere-founded"]["occurred_at"]
    assert {("Tencent", "mentioned"), ("Microsoft Research", "mentioned")} < roles(
        "aisphere-people"
    )
    assert ["2024-01-12-ernie"] == told(matter="ernie-military-collaboration", source="scmp")[:1]
    assert ["country:cn", "sector:ai", "technology:ai-chips"] == by_ref["analysts-slowdown"][
        "scope"
    ]
    ding = by_ref["us-v-ding-indictment"]
    assert ("case.indicted", "2024-03-06", 4) == (
        ding["type"],
        ding["occurred_at"],
        ding["attributes"]["counts"],
    )
    assert {
        ("Linwei Ding", "subject"),
        ("Google LLC", "victim"),
        ("US Department of Justice", "authority"),
    } < roles("us-v-ding-indictment")


def test_what_carries_no_risk_is_stored_and_scores_nothing(scenario: Monitor) -> None:
    """Rounds, launches, hires and aims stand in the ledger and in no line of any company."""
    harmless = {e["ref"] for e in EVENTS if e["type"].startswith("corporate.")}
    harmless |= {"aisphere-aim", "sora-rivals-caution"}
    assert 27 == scenario.status().events == len(EVENTS)
    cited = {
        event.ref
        for score in scenario.scores(as_of="2026-11-22")
        for line in score.lines
        for event in line.events
    }
    assert {event["ref"] for event in EVENTS} - harmless == cited


def test_the_models_scenario_to_1e_6(shared: Path, tmp_path: Path) -> None:
    """`expected.jsonl`: every score, category and line of the independent implementation."""
    folder = shared / "model"
    with replayed(
        f"sqlite:///{tmp_path / 'model.db'}",
        folder / "events.jsonl",
        folder / "companies.jsonl",
        folder / "rules",
        lambda row: str(row["recorded_at"]),
    ) as monitor:
        compare(monitor, folder / "expected.jsonl")


def test_the_models_figures_from_the_shipped_scenario(scenario: Monitor, shared: Path) -> None:
    """More facts and one more rule than the model's scenario move none of its figures."""
    compare(scenario, shared / "model" / "expected.jsonl")


def compare(monitor: Monitor, expected: Path) -> None:
    rows = list(lines(expected))
    assert 43 == len(rows)
    for row in rows:
        score = monitor.score(row["company"], as_of=row["as_of"], known_at=row["known_at"])
        asked = json.dumps(row)
        assert row["score"] == pytest.approx(score.value, abs=1e-6), asked
        assert row["categories"] == pytest.approx(score.categories, abs=1e-6), asked
        named = [(line["rule"], line["matter"]) for line in row["lines"]]
        assert named == [(line.rule, line.matter) for line in score.lines], asked
        points = [line["points"] for line in row["lines"]]
        assert points == pytest.approx([line.points for line in score.lines], abs=1e-6), asked
