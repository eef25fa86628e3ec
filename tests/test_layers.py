"""Layers: a monitor that follows 3,000 entries in small steps, asked between; and a rebuild."""

from __future__ import annotations

import math
import random
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

import riskmon
from riskmon.forms import moment
from riskmon.model import Score
from riskmon.monitor import Monitor
from riskmon.scoring import MOST_LAYERS
from tests.builders import Clock, company, event, rule, withdrawal, write_rules

START = moment("2020-01-01")
FIRMS = [f"firm-{number}" for number in range(60)]
TELLERS = [f"paper-{number}" for number in range(12)]
SUBJECTS = ["country:cn", "country:us", "sector:ai", "technology:chips"]
TYPES = ["claim.alleged", "claim.denied", "case.indicted", "case.acquitted", "measure.in-force"]
SEEDS = [1, 2]

Told = list[list[dict[str, Any]]]


def near(value: Any) -> Any:
    """Return what equals a figure, or figures, to 1e-9."""
    return pytest.approx(value, abs=1e-9, rel=0)


def day(chance: random.Random, last: int = 1500) -> str:
    """Return a day after the start; every tenth one is far ahead."""
    more = last if chance.random() < 0.1 else 0
    return f"{START + timedelta(days=chance.randrange(last) + more):%Y-%m-%d}"


def edge(chance: random.Random) -> dict[str, str]:
    since, until = sorted([day(chance), day(chance, 1600)])
    found = {"since": since} if chance.random() < 0.5 else {}
    return found | ({"until": until} if since < until and chance.random() < 0.3 else {})


def firms(chance: random.Random) -> list[dict[str, Any]]:
    """Return companies with owners and exposures that come and go."""
    return [
        company(
            name,
            jurisdiction=chance.choice(["cn", "us"]),
            owners=[
                {"company": chance.choice(FIRMS), "share": chance.choice([0.1, 0.3, 0.6])}
                | edge(chance)
                for _ in range(chance.randrange(3))
            ],
            exposures=[
                {"subject": chance.choice(SUBJECTS), "weight": chance.random()} | edge(chance)
                for _ in range(chance.randrange(3))
            ],
        )
        for name in FIRMS
    ]


RULES = [
    rule(
        id="claims",
        severity={"2019-01-01": 30, "2021-06-01": 60, "2022-06-01": 20},
        stages={
            "claim.alleged": "sources",
            "claim.denied": {"times": {"2021-01-01": 0.5, "2022-01-01": 0.8}},
            "case.indicted": 0.8,
        },
        cap={"2019-01-01": 0.9, "2022-01-01": 0.7},
        roles={"subject": 1.0, "investor": 0.4},
        half_life="180 days",
        ownership={"control": 0.9, "minority": {"2021-01-01": 0.3}},
    ),
    rule(
        id="measures",
        category="law",
        severity=25,
        stages={"measure.in-force": 1.0, "claim.alleged": "sources"},
        open=["measure.in-force"],
        scope={"2020-01-01": 0.5, "2022-01-01": 0.9},
        half_life="2 years",
    ),
    rule(
        id="large",
        severity=40,
        stages={"case.indicted": {"2021-01-01": 0.9}, "case.acquitted": 0.05},
        topics=["theft"],
        where={"attributes.size": {"gte": 5}, "party": {"none": {"jurisdiction": "us"}}},
        half_life="1 year",
    ),
    rule(
        id="surges",
        category="attention",
        severity=10,
        evaluator="surge",
        parameters={"window": "60 days", "baseline": "1 year", "least": 2},
    ),
    rule(id="shown", status="experimental", stages={"claim.alleged": 0.3}, scope=0.2),
]
PUBLISHERS = [
    {"id": name, "credibility": 0.1 + number / 20, "group": f"house-{number // 3}"}
    | ({"conflicts": FIRMS[number::12]} if number % 3 == 0 else {})
    for number, name in enumerate(TELLERS)
]


def one(chance: random.Random, ref: str) -> dict[str, Any]:
    """Return a new event of one of 900 matters, or of its own."""
    own = {"matter": f"m-{chance.randrange(900)}"} if chance.random() < 0.8 else {}
    found = event(
        source=chance.choice(TELLERS),
        ref=ref,
        type=chance.choice(TYPES),
        occurred_at=day(chance),
        topics=chance.choice([[], ["theft"]]),
        attributes={"size": chance.randrange(10)},
        parties=[
            {"company": chance.choice(FIRMS), "role": chance.choice(["subject", "investor"])}
            for _ in range(chance.randrange(3))
        ],
        **own,
    )
    if chance.random() < 0.15:
        found["scope"] = chance.sample(SUBJECTS, chance.choice([1, 1, 2]))
    return found


def batches(chance: random.Random) -> Told:
    """Return what is told in steps: at first much, then little, of which much is told anew."""
    standing: dict[str, dict[str, Any]] = {}
    gone: dict[str, dict[str, Any]] = {}
    sizes = [600, *(chance.choice([1, 5, 20, 60]) for _ in range(110))]
    return [
        [_told(chance, standing, gone, f"{step}-{number}") for number in range(size)]
        for step, size in enumerate(sizes)
    ]


def _told(
    chance: random.Random, standing: dict[str, Any], gone: dict[str, Any], ref: str
) -> dict[str, Any]:
    kind = chance.choices(["new", "moved", "revised", "withdrawn", "again"], [6, 1, 1, 1, 1])[0]
    if kind == "again" and gone:
        ref = chance.choice(sorted(gone))
        standing[ref] = gone.pop(ref) | {"title": f"Told again {chance.random()}"}
    elif kind == "withdrawn" and standing:
        ref = chance.choice(sorted(standing))
        gone[ref] = standing.pop(ref)
        return withdrawal(gone[ref])
    elif kind in {"moved", "revised"} and standing:
        ref = chance.choice(sorted(standing))
        other = one(chance, ref) | {"source": standing[ref]["source"]}
        matter = {"matter": f"m-{chance.randrange(900)}"}
        standing[ref] = standing[ref] | matter if kind == "moved" else other
    else:
        standing[ref] = one(chance, ref)
    found: dict[str, Any] = standing[ref]
    return found


@pytest.fixture(scope="module", params=SEEDS)
def told(request: pytest.FixtureRequest) -> tuple[random.Random, list[dict[str, Any]], Told]:
    """Return the lots that are drawn, companies, and what is told of them in steps."""
    chance = random.Random(request.param)  # noqa: S311 (by a seed)
    return chance, firms(chance), batches(chance)


def opened(url: str, folder: Path, clock: Clock, declared: Any) -> Monitor:
    rules = write_rules(folder / "rules", *RULES, publishers=PUBLISHERS)
    monitor = riskmon.open(url, rules=rules, clock=clock)
    assert [] == monitor.declare(declared).rejected
    return monitor


def tell(monitor: Monitor, clock: Clock, rows: list[dict[str, Any]]) -> None:
    clock.now += timedelta(days=1)
    assert [] == monitor.ingest(rows).rejected


def drawn(score: Score) -> dict[tuple[str, str, str], float]:
    """Return the figures of a score's lines, and of those of experimental rules."""
    return {
        (line.rule, line.matter, figure): getattr(line, figure)
        for line in (*score.lines, *score.shadow)
        for figure in ("hazard", "severity", "likelihood", "weight", "decay")
    }


def same(some: Monitor, other: Monitor, as_of: datetime, **known_at: Any) -> None:
    """Compare all scores of two monitors, and the lines of every fifth company."""
    found, expected = (
        {one.company: one for one in monitor.scores(as_of=as_of, **known)}
        for monitor, known in ((some, known_at), (other, {}))
    )
    values = {name: one.value for name, one in expected.items()}
    assert {name: one.value for name, one in found.items()} == pytest.approx(values)
    for name in FIRMS[::5]:
        assert drawn(found[name]) == near(drawn(expected[name]))
        assert sound(found[name]) == near(values[name])


def sound(score: Score) -> float:
    return math.fsum(line.points for line in score.lines)


def ask(monitor: Monitor, chance: random.Random, last: datetime) -> None:
    """Ask for one thing, of a company or of all, until `last`; hold it against its like."""
    at = last - chance.choice([0, 0, 1]) * timedelta(days=chance.randrange(500), hours=7)
    name = chance.choice(FIRMS)
    kind = chance.choice(["score", "scores", "history", "histories", "past"])
    if kind == "scores":
        assert len(FIRMS) == len(monitor.scores(as_of=at))
    elif kind in {"score", "past"}:
        size = monitor.status().position
        known = {"known_at": chance.randrange(70, size)} if kind == "past" else {}
        score = monitor.score(name, as_of=at, **known)
        (other,) = [one for one in monitor.scores(as_of=at, **known) if one.company == name]
        assert score.value == near(other.value)
        assert score.value == near(sound(score))
        assert drawn(score) == near(drawn(other))
    else:
        asked: dict[str, Any] = {"start": at - timedelta(days=400), "end": at, "step": "97d"}
        history = list(monitor.history(name, **asked))
        found = [point.value for point in history]
        assert found == near([monitor.score(name, as_of=point.as_of).value for point in history])
        if kind == "histories":
            (together,) = [one for one in monitor.histories(**asked) if one.company == name]
            assert found == near([point.value for point in together])


def layers(monitor: Monitor) -> int:
    """Return how many layers the newest view has."""
    view = monitor._replay._view
    return len(view._matters["stable"]) if view else 0


def test_a_log_followed_in_small_steps_equals_a_rebuild(told: Any, tmp_path: Path) -> None:
    """Scores, lines, histories; whatever was asked between; layers arose and were made one."""
    _, declared, steps = told
    chance = random.Random(7)  # noqa: S311 (by a seed)
    clock, counts = Clock(), [0]
    url = f"sqlite:///{tmp_path / 'risk.db'}"
    with opened(url, tmp_path, clock, declared) as live:
        for number, rows in enumerate(steps):
            tell(live, clock, rows)
            last = START + timedelta(days=16 * number)  # as days go by, what is summed moves on
            ask(live, chance, last)
            counts.append(layers(live))
            if number % 22 == 0:
                with riskmon.open(url, clock=clock) as rebuilt:
                    for at in (last, last - timedelta(days=300)):
                        same(live, rebuilt, at)
                    assert 1 == layers(rebuilt)
    assert max(counts) > MOST_LAYERS
    merged = [after for before, after in pairwise(counts) if after < before]
    assert 2 in merged


def test_as_known_in_the_past_is_what_a_monitor_said_that_stopped_there(
    told: Any, tmp_path: Path
) -> None:
    """By position and by moment; whether it is asked of all companies, or of one."""
    _, declared, steps = told
    clock, positions = Clock(), []
    with opened("sqlite://", tmp_path, clock, declared) as live:
        for rows in steps:
            tell(live, clock, rows)
            positions.append((live.status().position, clock.now))
            live.scores(as_of=clock.now)
        for stop in (0, 40, 90):
            position, known_at = positions[stop]
            with stopped(tmp_path, declared, steps[: stop + 1]) as other:
                assert position == other.status().position
                for at in (moment("2024-02-01"), moment("2022-07-01")):
                    same(live, other, at, known_at=position)
                    same(live, other, at, known_at=known_at)
                    asked: dict[str, Any] = {"as_of": at, "known_at": position}
                    values = {name: live.score(name, **asked).value for name in FIRMS[::7]}
                    expected = {name: other.score(name, as_of=at).value for name in FIRMS[::7]}
                    assert values == near(expected)


def stopped(folder: Path, declared: Any, steps: Told) -> Monitor:
    """Return a monitor that was told of the first steps and asked nothing."""
    clock = Clock()
    monitor = opened("sqlite://", folder, clock, declared)
    for rows in steps:
        tell(monitor, clock, rows)
    return monitor


OVERFLOW = {f"fire.step-{number}": {"times": 1e6} for number in range(60)}
"""Stages that together are more than a number can hold."""


@pytest.fixture
def failing(tmp_path: Path) -> Iterator[tuple[Monitor, list[int]]]:
    """Return a monitor whose rule held, failed by one matter, and holds again; and positions."""
    rules = write_rules(tmp_path / "rules", rule(stages={"claim.confirmed": 1.0, **OVERFLOW}))
    bad = [event(type=kind, matter="bad") for kind in ("claim.confirmed", *OVERFLOW)]
    good = event(type="claim.confirmed", matter="good", parties=[{"company": "baidu"}])
    others = [event(type="corporate.founded") for _ in range(20)]
    with riskmon.open(f"sqlite:///{tmp_path / 'x.db'}", rules=rules, clock=Clock()) as monitor:
        monitor.declare([company(), company("acme")])
        positions = []
        for rows in ([good, *others], bad, [withdrawal(one) for one in bad[1:]]):
            monitor.ingest(rows)
            monitor.scores()
            positions.append(monitor.status().position)
        yield monitor, positions


def test_a_rule_that_failed_stands_when_its_reason_is_gone(failing: Any, tmp_path: Path) -> None:
    """Live as rebuilt."""
    live, _ = failing
    with riskmon.open(f"sqlite:///{tmp_path / 'x.db'}", clock=Clock()) as rebuilt:
        expected = rebuilt.score("baidu")
    assert ({}, near(50)) == (expected.failed, expected.value)
    assert ({}, near(50)) == (live.score("baidu").failed, live.score("baidu").value)


def test_a_rule_that_fails_fails_for_all(failing: Any) -> None:
    """In the past too; whether all companies are asked about, or one that it would bear on."""
    live, positions = failing
    live.ingest([event()])
    each = [live.score("baidu", known_at=position) for position in positions]
    all_ = [max(one.value for one in live.scores(known_at=place)) for place in positions]
    assert [near(50), 0, near(50)] == all_
    assert all_ == [one.value for one in each]


def test_no_risk_is_zero(tmp_path: Path) -> None:
    """And not minus zero, which is printed as -0.00."""
    folder = write_rules(tmp_path, rule(status="experimental"))
    with riskmon.open("sqlite://", rules=folder, clock=Clock()) as monitor:
        monitor.declare([company()])
        values = [monitor.score("baidu").value, monitor.scores()[0].value]
        values += [point.value for point in monitor.history("baidu", step="26w")]
        values += [point.value for point in monitor.histories(step="26w")[0]]
    assert {"0.0"} == set(map(str, values))


@contextmanager
def told_much(folder: Path, seed: int) -> Iterator[Monitor]:
    """Give a monitor that was told much, in steps: owners, scopes, surges, conflicts."""
    chance, clock = random.Random(seed), Clock("2026-01-01")  # noqa: S311 (by a seed)
    with opened(f"sqlite:///{folder / 'risk.db'}", folder, clock, firms(chance)) as monitor:
        for rows in batches(chance)[:12]:
            tell(monitor, clock, rows)
            monitor.scores()  # so that the live view has layers
        monitor.declare([company("zz-newcomer", jurisdiction="cn")])
        yield monitor
