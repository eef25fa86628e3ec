"""Laws: of order, of repetition, of rebuilding, of evidence; on ledgers that hypothesis invents."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import riskmon
from riskmon.monitor import Monitor
from tests.builders import Clock, company, event, rule, write_rules
from tests.strategies import COMPANIES, START, companies, events, publishers, rules

few = settings(max_examples=40, suppress_health_check=list(HealthCheck))
LATER = START + timedelta(days=450)


@st.composite
def worlds(draw: st.DrawFn) -> tuple[list[Any], list[Any], list[Any]]:
    """Draw rules, publishers and companies."""
    return (
        [draw(rules(name)) for name in ("r", "s")],
        draw(publishers),
        [draw(companies(name)) for name in COMPANIES],
    )


def opened(url: str, folder: Path, world: tuple[list[Any], list[Any], list[Any]]) -> Monitor:
    """Open a monitor on a world, its companies declared."""
    ruleset, tellers, firms = world
    folder = write_rules(folder / "rules", *ruleset, publishers=tellers)
    monitor = riskmon.open(url, rules=folder, clock=Clock())
    monitor.declare(firms)
    return monitor


def values(monitor: Monitor) -> list[tuple[str, float, list[tuple[str, str, float]]]]:
    """Return every score with its lines, at three moments."""
    return [
        (one.company, one.value, [(ln.rule, ln.matter, ln.points) for ln in one.lines])
        for days in (100, 300, 450)
        for one in sorted(
            monitor.scores(as_of=START + timedelta(days=days)), key=lambda one: one.company
        )
    ]


def same(some: list[Any], others: list[Any]) -> None:
    """Compare what `values` returned: sums are taken in another order, so to 1e-9."""
    assert [one[0] for one in some] == [one[0] for one in others]
    for (_, value, found), (_, other, expected) in zip(some, others, strict=True):
        assert value == pytest.approx(other, abs=1e-9)
        assert {line[:2] for line in found} == {line[:2] for line in expected}
        points = {line[:2]: line[2] for line in expected}
        assert {line[:2]: line[2] for line in found} == pytest.approx(points, abs=1e-9)


distinct = st.lists(events, min_size=1, max_size=10).map(
    lambda told: [
        one | {"ref": str(number), "occurred_at": f"{START + timedelta(days=37 * number):%Y-%m-%d}"}
        for number, one in enumerate(told)
    ]
)
"""Events of distinct keys, no two at one moment."""


@few
@given(worlds(), distinct, st.randoms(use_true_random=False))
def test_the_order_of_ingestion_does_not_matter(world: Any, told: list[Any], chance: Any) -> None:
    """Where no two events share their moment, any order gives the same lines, to 1e-9."""
    shuffled = chance.sample(told, len(told))
    found = []
    for order in (told, shuffled):
        with TemporaryDirectory() as name, opened("sqlite://", Path(name), world) as monitor:
            monitor.ingest(order)
            found.append(values(monitor))
    same(*found)


@few
@given(worlds(), distinct)
def test_telling_it_again_changes_nothing(world: Any, told: list[Any]) -> None:
    """All duplicates, no entry, the same scores."""
    with TemporaryDirectory() as name, opened("sqlite://", Path(name), world) as monitor:
        monitor.ingest(told)
        before = values(monitor), monitor.status().head
        assert len(told) == monitor.ingest(told).duplicates
        same(before[0], values(monitor))
        assert before[1] == monitor.status().head


@few
@given(worlds(), st.lists(events, min_size=1, max_size=10))
def test_a_rebuild_equals_live(world: Any, told: list[Any]) -> None:
    """A monitor that followed every event, and one that opens the database afterwards."""
    with TemporaryDirectory() as name:
        url = f"sqlite:///{Path(name) / 'risk.db'}"
        with opened(url, Path(name), world) as live:
            for one in told:
                live.ingest([one])
                live.scores(as_of=LATER)
            with riskmon.open(url) as rebuilt:
                same(values(live), values(rebuilt))


@few
@given(
    st.lists(st.tuples(st.integers(0, 300), st.integers(0, 100), st.integers(0, 4)), max_size=6),
    st.tuples(st.integers(0, 300), st.integers(0, 100), st.just(9))  # a teller not yet heard
    | st.tuples(st.integers(300, 400), st.integers(0, 100), st.integers(0, 4)),  # or news
)
def test_more_evidence_never_lowers_a_score(given_: list[Any], more: tuple[int, int, int]) -> None:
    """Claims alone: one more teller, or one more claim after the others, lowers nobody.

    An older claim found later may: the same publisher's repeat is then no news any more, and the
    decay clock starts at the older one.
    """

    def claim(number: int, one: tuple[int, int, int]) -> dict[str, Any]:
        day, credibility, teller = one
        return event(
            ref=str(number),
            source=f"teller-{teller}",
            matter="m",
            occurred_at=f"{START + timedelta(days=day):%Y-%m-%d}",
            credibility=credibility / 100,
            parties=[{"company": "baidu"}],
        )

    with TemporaryDirectory() as name:
        folder = write_rules(Path(name) / "rules", rule())
        with riskmon.open("sqlite://", rules=folder, clock=Clock()) as monitor:
            monitor.declare([company()])
            monitor.ingest([claim(number, one) for number, one in enumerate(given_)])
            before = monitor.score("baidu", as_of=LATER).value
            monitor.ingest([claim(99, more)])
            assert before <= monitor.score("baidu", as_of=LATER).value


def test_ten_reprints_of_one_story_add_nothing(monitor: Monitor) -> None:
    """Neither by `origin` nor by outlets of one owner; and the clock does not restart."""
    monitor.declare([company()])
    claims: dict[str, Any] = {
        "matter": "m",
        "topics": ["military-research"],
        "parties": [{"company": "baidu"}],
    }
    monitor.ingest([event(source="reuters", **claims)])
    before = monitor.score("baidu", as_of="2024-03-01").value
    reprints = [
        event(source=f"paper-{day}", origin="reuters", occurred_at=f"2024-02-{day:02}", **claims)
        for day in range(1, 11)
    ]
    monitor.ingest(reprints)
    score = monitor.score("baidu", as_of="2024-03-01")
    assert before == score.value
    assert pytest.approx(0.6) == score.lines[0].likelihood
