"""A matter, a company over time, its owners, what rules move: all of it as the scores have it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

import riskmon
from riskmon.errors import RulesError, UnknownCompanyError, UnknownMatterError
from riskmon.forms import moment
from riskmon.model import Line
from riskmon.monitor import Monitor
from tests.builders import Clock, company, event, rule, withdrawal, write_rules
from tests.test_layers import PUBLISHERS, RULES, START, told_much

AS_OF = START + timedelta(days=1400)
FIRMS = [f"firm-{number}" for number in range(0, 60, 7)]


def near(value: Any) -> Any:
    """Return what equals figures to 1e-9."""
    return pytest.approx(value, abs=1e-9, rel=0)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Monitor]:
    """Open a monitor that was told much. Read only."""
    with told_much(tmp_path_factory.mktemp("world"), 5) as monitor:
        yield monitor


@pytest.fixture(scope="module", params=[None, 800])
def known_at(request: pytest.FixtureRequest) -> int | None:
    """Return what is known: all, or what the first entries told."""
    position: int | None = request.param
    return position


@pytest.fixture(scope="module")
def lines(world: Monitor, known_at: int | None) -> dict[str, tuple[Line, ...]]:
    """Return the lines of every company's score."""
    scores = world.scores(as_of=AS_OF, known_at=known_at)
    return {score.company: score.lines for score in scores}


def test_a_matter_reaches_whom_the_scores_say(
    world: Monitor, known_at: int | None, lines: dict[str, tuple[Line, ...]]
) -> None:
    """Every line of every company is in its matter's view, with way, weight, points and stage."""
    expected: dict[str, dict[Any, Any]] = {}
    for firm, drawn in lines.items():
        for line in drawn:
            told = (line.via, near(line.weight), near(line.points), line.stage, line.since)
            expected.setdefault(line.matter, {})[firm, line.rule] = told
    assert len(expected) > 100
    for name in [*sorted(expected)[::9], *(one for one in expected if one.startswith("surges:"))]:
        found = world.matter(name, as_of=AS_OF, known_at=known_at, limit=10_000)
        assert expected[name] == {
            (one.company, one.rule): (one.via, one.weight, one.points, one.stage, one.since)
            for one in found.reached
        }
        assert len(expected[name]) == found.reached_count == len(found.reached)
        points = [one.points for one in found.reached]
        assert sorted(points, reverse=True) == points


def test_what_a_matter_reaches_is_cut_where_it_is_long(world: Monitor) -> None:
    """The most points are there, and how many there are is said."""
    names = {line.matter for line in world.score("firm-1", as_of=AS_OF).lines}
    longest = max((world.matter(one, as_of=AS_OF) for one in names), key=lambda o: o.reached_count)
    short = world.matter(longest.name, as_of=AS_OF, limit=3)
    assert short.reached_count == longest.reached_count > 3
    assert [one.points for one in longest.reached[:3]] == [one.points for one in short.reached]


@pytest.mark.parametrize("firm", [*FIRMS, "zz-newcomer"])
def test_a_timeline_adds_up_to_the_score(
    world: Monitor, firm: str, known_at: int | None, lines: dict[str, tuple[Line, ...]]
) -> None:
    """Each matter with the points, rules and stage of its lines, from its first event to its last.

    And cut, with what the others come to.
    """
    found = world.timeline(firm, as_of=AS_OF, known_at=known_at)
    expected: dict[str, list[Line]] = {}
    for line in lines.get(firm, ()):
        expected.setdefault(line.matter, []).append(line)
    assert {
        name: (near(sum(ln.points for ln in some)), [ln.rule for ln in some], some[0].stage)
        for name, some in expected.items()
    } == {one.matter: (one.points, one.rules, one.stage) for one in found}
    assert (len(expected), 0.0) == (found.matters, found.more_points)
    value = world.score(firm, as_of=AS_OF, known_at=known_at).value
    assert near(value) == sum(one.points for one in found)
    for one in found[:5]:
        if not one.matter.startswith("surges:"):
            told = [
                telling.event
                for telling in world.matter(one.matter, known_at=known_at).told
                if telling.fate == "stands" and telling.event.occurred_at <= AS_OF
            ]
            assert (told[0].occurred_at, told[-1].occurred_at) == (one.first, one.last)
            assert one.title in {event.title for event in told}
    short = world.timeline(firm, as_of=AS_OF, known_at=known_at, limit=2)
    assert found[:2] == short[:]
    assert near(value) == sum(one.points for one in short) + short.more_points


@pytest.mark.parametrize("firm", [*FIRMS, "zz-newcomer"])
@pytest.mark.parametrize("limit", [1, 4, 1000])
def test_leading_lines_are_the_first_of_the_score(
    world: Monitor, firm: str, limit: int, known_at: int | None
) -> None:
    """The same lines, with their points, and the same categories; what is cut is summed."""
    score = world.score(firm, as_of=AS_OF, known_at=known_at)
    found = world.leading(firm, as_of=AS_OF, known_at=known_at, limit=limit)
    assert list(score.lines[:limit]) == found.lines
    assert list(score.shadow[:limit]) == [
        line._replace(points=one.points, without=one.without)  # NaN is not NaN
        for line, one in zip(found.shadow, score.shadow, strict=False)
    ]
    assert score == found.score
    assert len(score.lines) == found.line_count
    assert {name: near(value) for name, value in score.categories.items()} == found.categories
    assert near(sum(line.points for line in score.lines[limit:])) == found.more_points


def test_of_equal_lines_the_first_by_rule_and_matter_lead(tmp_path: Path, clock: Clock) -> None:
    """As a score has them, wherever the cut is; and one of them is the greatest in the overview."""
    rules = write_rules(
        tmp_path / "rules",
        *(rule(id=name, category=name, stages={"case.indicted": 1.0}) for name in ("b", "a", "c")),
    )
    monitor = riskmon.open("sqlite://", rules=rules, clock=clock)
    monitor.declare([company()])
    for name in ("m-2", "m-3", "m-1"):
        monitor.ingest([event(type="case.indicted", matter=name, parties=[{"company": "baidu"}])])
    every = [(line.rule, line.matter) for line in monitor.score("baidu").lines]
    assert [(rule_, f"m-{n}") for rule_ in "abc" for n in (1, 2, 3)] == every
    for limit in range(1, 10):
        found = monitor.leading("baidu", limit=limit).lines
        assert every[:limit] == [(line.rule, line.matter) for line in found]
    assert "a" == monitor.overview()[0].category
    monitor.close()


def test_what_a_rule_moves_is_the_sum_of_its_lines(
    world: Monitor, known_at: int | None, lines: dict[str, tuple[Line, ...]]
) -> None:
    """Companies, points, and whom most; rules that are not counted move nothing."""
    expected: dict[str, dict[str, float]] = {rule["id"]: {} for rule in RULES}
    for firm, drawn in lines.items():
        for line in drawn:
            bears = expected[line.rule]
            bears[firm] = bears.get(firm, 0.0) + line.points
    found = world.rule_moves(as_of=AS_OF, known_at=known_at)
    assert set(expected) == set(found)
    for name, bears in expected.items():
        moves = found[name]
        assert (len(bears), near(sum(bears.values()))) == (moves.companies, moves.points)
        first = sorted(bears.values(), reverse=True)[:10]
        assert near(first) == [points for _, _, points in moves.top]
        assert all(near(bears[firm]) == points for firm, _, points in moves.top)
    assert (0, 0.0, []) == found["shown"]
    assert found["claims"].companies > 10
    assert found["surges"].points > 0


# What was told


@pytest.fixture
def told(tmp_path: Path, clock: Clock) -> Iterator[Monitor]:
    """Open a monitor on a matter that was told, revised, moved and taken back."""
    rules = write_rules(tmp_path / "rules", *RULES, publishers=PUBLISHERS)
    with riskmon.open("sqlite://", rules=rules, clock=clock) as monitor:
        owner = {"company": "ghost", "share": 0.4, "since": "2023-01-01"}
        was = {"company": "baidu", "share": 0.2, "until": "2023-06-01"}
        monitor.declare(
            [
                company(exposures=[{"subject": "sector:ai", "weight": 1.0}]),
                company("child", owners=[owner, {"company": "baidu", "share": 0.6}]),
                company("stake", owners=[was]),
            ]
        )
        first = event(ref="a", matter="m", title="<b>First</b>", occurred_at="2023-05-01")
        first |= {"parties": [{"company": "baidu"}]}
        second = event(ref="b", matter="m", title="Second", occurred_at="2023-04-01")
        other = event(ref="c", matter="m", title="Third", occurred_at="2023-06-01")
        tellings: list[dict[str, Any]] = [
            first,
            second,
            first | {"title": "First, revised"},
            withdrawal(second, reason="It was <i>another</i>"),
            other,
            other | {"matter": "n"},
        ]
        for number, row in enumerate(tellings):
            clock.turn(f"2024-01-{number + 2:02}")
            assert [] == monitor.ingest([row]).rejected
        yield monitor


def test_a_matter_shows_every_telling(told: Monitor) -> None:
    """In order of what happened, each with what became of it, why, and by which entry."""
    view = told.matter("m")
    first = told.matter("m").told[1].position
    assert [
        ("Second", 1, "withdrawn", "It was <i>another</i>", first + 3),
        ("<b>First</b>", 1, "revised", None, first + 2),
        ("First, revised", 2, "stands", None, None),
        ("Third", 1, "revised", None, first + 5),
    ] == [(one.event.title, *one[3:]) for one in view.told]
    assert [moment(f"2024-01-0{n}") for n in (3, 2, 4, 6)] == [o.recorded_at for o in view.told]
    assert ("m", "First, revised", first + 5) == (view.name, view.title, view.position)
    assert "Third" == told.matter("n").title


def test_a_matter_is_shown_as_it_was_known(told: Monitor) -> None:
    """What became of an event later is not known yet; what was told later is not there."""
    view = told.matter("m", known_at="2024-01-03")
    assert [("Second", "stands"), ("<b>First</b>", "stands")] == [
        (one.event.title, one.fate) for one in view.told
    ]
    with pytest.raises(UnknownMatterError, match="no event was told of a matter called 'n'"):
        told.matter("n", known_at="2024-01-03")


@pytest.mark.parametrize("name", ["", "x", "surges:baidu", "surges:", "<script>", "m\x00", "'--"])
def test_a_matter_that_is_unknown_is_said_to_be(told: Monitor, name: str) -> None:
    """And asking does not make it known."""
    for _ in range(2):
        with pytest.raises(UnknownMatterError, match="no event was told of a matter called"):
            told.matter(name)


def test_owners_are_told_both_ways(told: Monitor) -> None:
    """Who owns it first, what it owns then; what does not hold at the time says so."""
    value = told.score("baidu", as_of="2023-07-01").value
    assert value > 0
    found = told.owners("child", as_of="2023-07-01")
    assert [
        ("baidu", "Baidu", 0.6, "owner", near(value), True),
        ("ghost", "ghost", 0.4, "owner", None, True),
    ] == [(o.company, o.name, o.share, o.direction, o.value, o.holds) for o in found]
    assert moment("2023-01-01") == found[1].since
    child = told.score("child", as_of="2023-07-01").value
    assert [("child", 0.6, "owned", near(child), True), ("stake", 0.2, "owned", 0.0, False)] == [
        (o.company, o.share, o.direction, o.value, o.holds)
        for o in told.owners("Baidu", as_of="2023-07-01")
    ]


def test_an_unknown_company_is_said_to_be(told: Monitor) -> None:
    """By each that asks for one."""
    for ask in (told.leading, told.timeline, told.owners):
        with pytest.raises(UnknownCompanyError, match="no declared company is called 'nobody'"):
            ask("nobody")


def test_before_a_company_was_declared_it_has_nothing(told: Monitor) -> None:
    """No line, no matter, no owner; as its score says."""
    found = told.leading("baidu", known_at=0)
    assert ([], 0, {}, False) == (
        found.lines, found.line_count, found.categories, found.score.declared
    )  # fmt: skip
    assert ([], []) == (told.timeline("baidu", known_at=0), told.owners("baidu", known_at=0))
    assert {(0, 0.0)} == {one[:2] for one in told.rule_moves(known_at=0).values()}


def test_a_merged_company_is_the_one_it_is(told: Monitor) -> None:
    """Asked for by its own id it has that one's lines, matters and owners."""
    told.merge("stake", "baidu", by="somebody")
    at: dict[str, Any] = {"as_of": "2023-07-01"}
    assert told.leading("baidu", **at).lines == told.leading("stake", **at).lines != []
    assert told.timeline("baidu", **at) == told.timeline("stake", **at) != []
    assert told.owners("baidu", **at) == told.owners("stake", **at) != []


# A draft


def test_comparing_says_what_what_if_says(world: Monitor, tmp_path: Path) -> None:
    """The companies that differ most with their causes, without days and foresight; cut."""
    draft = write_rules(
        tmp_path / "draft", *(one | {"severity": 50} for one in RULES), publishers=PUBLISHERS
    )
    whole = world.what_if(draft, as_of=AS_OF, step="52w")
    found = world.compare(draft, as_of=AS_OF, limit=10_000)
    assert [one.company for one in whole] == [one.company for one in found]
    assert [(near(o.now), near(o.then), len(o.why)) for o in whole] == [
        (o.now, o.then, len(o.why)) for o in found
    ]
    assert (whole.rules, whole.digests, [], []) == (
        found.rules, found.digests, found.spells, found.foresight
    )  # fmt: skip
    short = world.compare(draft, as_of=AS_OF, limit=3)
    assert list(found)[:3] == list(short)
    assert len(whole) == whole.differing == short.differing > 3
    changed = write_rules(tmp_path / "draft", RULES[0] | {"severity": 0}, publishers=PUBLISHERS)
    assert {"changed"} <= set(world.compare(changed, as_of=AS_OF).rules)
    with pytest.raises(RulesError, match="severity"):
        world.compare(write_rules(tmp_path / "draft", RULES[0] | {"severity": "x"}))
