"""The overview: scores, changes, causes and histories of all companies, as the scores have them."""

from __future__ import annotations

import random
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from riskmon.errors import UsageError
from riskmon.forms import moment
from riskmon.monitor import Monitor
from riskmon.overview import CHANGES, SPANS
from tests.builders import Clock, company, event, listed
from tests.test_layers import START, batches, firms, opened, tell, told_much

DAYS = [400, 900, 1400, 1900]
AS_OF = START + timedelta(days=1400)


def near(value: Any) -> Any:
    """Return what equals figures to 1e-9."""
    return pytest.approx(value, abs=1e-9, rel=0)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Monitor]:
    """Open a monitor that was told much. Read only."""
    with told_much(tmp_path_factory.mktemp("world"), 3) as monitor:
        yield monitor


@pytest.mark.parametrize("days", DAYS)
@pytest.mark.parametrize("known_at", [None, 300, 900])
def test_a_row_says_what_the_score_says(world: Monitor, days: int, known_at: int | None) -> None:
    """Value, level, and rule, category and since of the greatest line: for every company."""
    at = START + timedelta(days=days)
    found = {
        row.company: (row.name, row.value, row.level, row.rule, row.category, row.since)
        for row in world.overview(as_of=at, known_at=known_at)
    }
    expected = {}
    for score in world.scores(as_of=at, known_at=known_at):
        top = score.top
        cause = (top.rule, top.category, top.since) if top else (None, None, None)
        expected[score.company] = (score.name, near(score.value), score.level, *cause)
    assert expected == found
    assert len(found) >= 60


@pytest.mark.parametrize("days", SPANS)
@pytest.mark.parametrize("known_at", [None, 700])
def test_changes_are_differences_of_scores(world: Monitor, days: int, known_at: int | None) -> None:
    """Of the score as of then and the one so many days before, both as known at the same time."""
    after, before = (
        {score.company: score.value for score in world.scores(as_of=at, known_at=known_at)}
        for at in (AS_OF, AS_OF - timedelta(days=days))
    )
    rows = world.overview(as_of=AS_OF, known_at=known_at)
    found = {row.company: getattr(row, f"change_{days}") for row in rows}
    assert {one: near(after[one] - before[one]) for one in after} == found


@pytest.mark.parametrize("known_at", [None, 700])
def test_a_history_is_that_of_the_scores(world: Monitor, known_at: int | None) -> None:
    """At the same moments, at midnight but for the last."""
    at = AS_OF + timedelta(hours=5)
    overview = world.overview(as_of=at, known_at=known_at)
    moments = overview.moments(points=6, days=500)
    some = ["firm-7", "firm-1", "zz-newcomer", "nobody"]
    found = overview.history(some, points=6, days=500)
    expected = {
        one: near([world.score(one, as_of=day, known_at=known_at).value for day in moments])
        for one in some[: 3 if known_at is None else 2]
    }
    assert expected == found
    assert [datetime.min.time()] * 5 == [one.time() for one in moments[:-1]]
    assert at == moments[-1]


def test_a_score_over_time_is_the_same_by_both_ways(world: Monitor) -> None:
    """Day by day over years, in which owners and exposures come and go, and by one score each."""
    history = world.history("firm-7", start=START, end=START + timedelta(days=1800), step="2w")
    scores = [world.score("firm-7", as_of=point.as_of).value for point in history]
    assert near(scores) == [point.value for point in history]
    histories = world.histories(start=START, end=START + timedelta(days=1800), step="9w")
    one = next(one for one in histories if one.company == "firm-7")
    assert near([world.score("firm-7", as_of=point.as_of).value for point in one]) == [
        point.value for point in one
    ]


def test_it_is_filtered_and_sorted(world: Monitor) -> None:
    """By level, category and text; by each column, either way; the highest first at first."""
    overview = world.overview(as_of=AS_OF)
    rows = list(overview)
    assert sorted(rows, key=lambda row: (-row.value, row.company)) == rows
    for level, count in overview.levels.items():
        assert [row for row in rows if row.level == level] == list(overview.of_level(level))
        assert count == len(overview.of_level(level))
    for category in overview.categories:
        assert [row for row in rows if row.category == category] == list(
            overview.of_category(category)
        )
    for column in ("company", "name", "value", *CHANGES):
        rising = overview.sorted_by(column, descending=False)
        assert sorted(rows, key=lambda row: getattr(row, column)) == list(rising)
        falling = list(overview.sorted_by(column))
        assert sorted(rows, key=lambda row: getattr(row, column), reverse=True) == falling
    assert ["firm-7"] == [row.company for row in overview.search("Firm-7")]
    assert {f"firm-{n}" for n in (5, *range(50, 60))} == {
        row.company for row in overview.search("firm 5")
    }
    assert rows == list(overview.search("  "))
    assert [] == list(overview.search("<script>alert(1)</script>"))
    assert [] == list(overview.of_category("no such category"))
    assert rows[3:6] == overview[3:6]
    assert rows[-1] == overview[-1]


def test_what_cannot_be_asked_is_said(world: Monitor) -> None:
    """An unknown column or level, by name, with those there are."""
    overview = world.overview(as_of=AS_OF)
    with pytest.raises(UsageError, match=r"column to sort by \(company, .*got 'since'"):
        overview.sorted_by("since")
    with pytest.raises(UsageError, match=r"expected a level \(low, .*got 'great'"):
        overview.of_level("great")


def test_it_stands_on_one_position_whatever_comes_later(tmp_path: Path, clock: Clock) -> None:
    """An overview that was asked for keeps its figures while more is told."""
    chance = random.Random(4)  # noqa: S311 (by a seed)
    with opened("sqlite://", tmp_path, clock, firms(chance)) as monitor:
        told = batches(chance)
        tell(monitor, clock, told[0])
        overview = monitor.overview(as_of=AS_OF)
        twin = monitor.overview(as_of=AS_OF)
        position, rows = twin.position, [*twin]
        for more in told[1:8]:
            tell(monitor, clock, more)
            monitor.overview(as_of=AS_OF)
        assert (position, rows) == (overview.position, list(overview))
        assert position < monitor.overview(as_of=AS_OF).position


def test_many_look_while_more_is_told(tmp_path: Path, clock: Clock) -> None:
    """What each sees is of one position: values, changes and histories agree with the scores."""
    chance = random.Random(6)  # noqa: S311 (by a seed)
    url = f"sqlite:///{tmp_path / 'risk.db'}"
    told = batches(chance)[:15]
    with opened(url, tmp_path, clock, firms(chance)) as monitor, ThreadPoolExecutor(4) as many:
        tell(monitor, clock, told[0])
        done = threading.Event()
        looks = [many.submit(_looks, monitor, done, seed) for seed in range(3)]
        try:
            for rows in told[1:]:
                tell(monitor, clock, rows)
        finally:
            done.set()
        seen = {position: row for one in looks for position, row in one.result().items()}
        assert len(seen) > 1
        for position, (firm, value, history) in seen.items():
            score = monitor.score(firm, as_of=AS_OF, known_at=position).value
            assert near(score) == value == history


def _looks(monitor: Monitor, done: threading.Event, seed: int) -> dict[int, Any]:
    """Look at all there is until more is told no longer; return a figure of each position."""
    seen = {}
    while not done.is_set():
        overview = monitor.overview(as_of=AS_OF)
        firm = f"firm-{seed}"
        row = overview.of([firm])[0]
        seen[overview.position] = (firm, row.value, overview.history([firm])[firm][-1])
        found = monitor.leading(firm, as_of=AS_OF)
        assert near(found.score.value) == sum(line.points for line in found.lines)
        for stretch in monitor.timeline(firm, as_of=AS_OF)[:3]:
            assert monitor.matter(stretch.matter).told
        monitor.search("something happened")
        monitor.rule_moves()
    return seen


def test_before_anything_was_told_there_is_nothing(monitor: Monitor) -> None:
    """No row, no category, no history; and with a company alone, its 0."""
    empty = monitor.overview()
    assert ([], [], {}, 0) == (list(empty), empty.categories, empty.history(["a"]), empty.position)
    monitor.declare([company("baidu")])
    (row,) = monitor.overview()
    assert ("baidu", "Baidu", 0.0, "low", 0.0, 0.0, 0.0, None, None, None) == row
    assert {"severe": 0, "high": 0, "moderate": 0, "low": 1} == monitor.overview().levels


def test_it_is_a_frame(scenario: Monitor) -> None:
    """With the columns of its rows, both clocks in its heading and its fields."""
    overview = scenario.overview(as_of="2024-02-12", known_at="2024-01-12")
    first = overview.to_dicts()[0]
    assert list(overview.kinds) == list(first)
    assert (moment("2024-02-12"), moment("2024-01-12")) == (overview.as_of, overview.known_at)
    assert ("baidu", 42.22) == (first["company"], round(first["value"], 2))
    assert "11 companies as of 2024-02-12" == overview.heading


@pytest.fixture
def found(tmp_path: Path, clock: Clock) -> Iterator[Monitor]:
    """Open a monitor with names and titles to be found."""
    with opened(f"sqlite:///{tmp_path / 'risk.db'}", tmp_path, clock, []) as monitor:
        monitor.declare(
            [
                company("moonshot-ai", name="Moonshot AI", aliases=["月之暗面"]),
                company("baidu", name="Baidu, Inc.", identifiers={"ticker": "BIDU"}),
                company("baidu-usa", name="Baidu USA LLC"),
            ]
        )
        titles = {
            "one": "Export controls on <script>alert('x')</script> 100% chips",
            "two": 'Über die Ausfuhr: "Chips" und C:\\Pfad',
            "three": "月之暗面被列入清单",
        }
        for name, title in titles.items():
            row = event(source="wire", ref=name, title=title, matter=f"matter-{name}")
            assert 1 == monitor.ingest([row]).appended
        yield monitor


@pytest.mark.parametrize(
    ("text", "companies"),
    [
        ("moonshot-ai", ["moonshot-ai"]),
        ("MOONSHOT", ["moonshot-ai"]),
        ("月之暗面", ["moonshot-ai"]),
        ("暗面", ["moonshot-ai"]),
        ("bidu", ["baidu"]),
        ("baidu", ["baidu", "baidu-usa"]),
        ("Baidu Inc", ["baidu"]),
        ("Moonshto AI", ["moonshot-ai"]),
        ("' OR 1=1 --", []),
        ("", []),
        ("   ", []),
        ("%", []),
    ],
)
def test_companies_are_found(found: Monitor, text: str, companies: list[str]) -> None:
    """By id, name, alias, identifier, part of a name, in any script; misspelt, by likeness."""
    assert companies == [one for one, _ in found.search(text).companies]


@pytest.mark.parametrize(
    ("text", "keys"),
    [
        ("export CONTROLS", ["wire:one"]),
        ("chips", ["wire:two", "wire:one"]),
        ("<script>alert('x')</script>", ["wire:one"]),
        ("100%", ["wire:one"]),
        ("1__%", []),
        ("über ausfuhr", ["wire:two"]),
        ('"chips"', ["wire:two"]),
        ("c:\\pfad", ["wire:two"]),
        ("列入清单", ["wire:three"]),
        ("export 清单", []),
        ("alleged", []),
        ("\x00\x1b[31m", []),
        ("\ud800", []),
        ('a"' * 100, []),
        ("x" * 5000, []),
    ],
)
def test_events_are_found_by_their_titles(found: Monitor, text: str, keys: list[str]) -> None:
    """All words, in any order, as plain text whatever they mean elsewhere; the latest first."""
    assert keys == [one.key for one in found.search(text).events]


def test_titles_are_found_alike_on_each_database(monitor: Monitor) -> None:
    """Whatever LIKE means by a character, and whatever JSON makes of it."""
    titles = ["100% of it", "1000 of it", 'a_b "c" d\\e', "axb", "tab\there", "Ärger um É/è"]
    rows = [event(ref=title, title=title) for title in titles]
    assert [] == monitor.ingest(rows).rejected
    asked = ["100%", "a_b", '"c"', "d\\e", "ÄRGER É/È", "of it", "tab", "\0", "/", "%"]
    found = [[one.title for one in monitor.search(text).events] for text in asked]
    assert [
        *([titles[0]], [titles[2]], [titles[2]], [titles[2]], [titles[5]]),
        *([titles[1], titles[0]], [titles[4]], [], [titles[5]], [titles[0]]),
    ] == found


def test_matters_are_found_by_name_and_by_the_titles_in_them(found: Monitor) -> None:
    """Each with the title of its latest event; withdrawn ones no more, and as it was known."""
    assert {"matter-one", "matter-two", "matter-three"} == {
        name for name, _ in found.search("MATTER-").matters
    }
    assert [("matter-three", "月之暗面被列入清单")] == found.search("清单").matters
    before = found.status().position
    found.ingest([{"source": "wire", "ref": "three", "withdrawn": True}])
    assert ([], []) == found.search("清单")[1:]
    assert ["wire:three"] == [one.key for one in found.search("清单", known_at=before).events]
    assert 1 == len(found.search("matter", limit=1).matters)


def test_a_company_that_is_named_differently_is_the_same_in_all(found: Monitor) -> None:
    """Overview and search find by what a person accepted as a name, too."""
    found.accept("Wenxin", "baidu")
    found.ingest([listed("Wenxin")])
    assert ["baidu"] == [one for one, _ in found.search("wenxin").companies]
    assert ["baidu"] == [row.company for row in found.overview().search("wenxin")]
