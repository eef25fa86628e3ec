"""What a draft of the rules would have done: scores, levels over time, listings foreseen."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from itertools import product
from math import isnan, nan
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

import riskmon
from riskmon.foresight import Foresight
from riskmon.forms import moment
from riskmon.results import Comparison
from riskmon.whatif import Cause, Difference, Spell, ranked
from tests.builders import Clock, company, event, rule, write_rules

Rules = list[dict[str, Any]]
Compare = Callable[..., Comparison]


def told(*companies: str, **fields: Any) -> dict[str, Any]:
    """Return a claim about companies that was confirmed on 1 January 2024."""
    defaults = {"type": "claim.confirmed", "parties": [{"company": one} for one in companies]}
    return event(**defaults | fields)


def listing(*companies: str, at: str = "2024-06-01") -> dict[str, Any]:
    return told(*companies, type="listing.listed", occurred_at=at)


def standing_rule(severity: float = 50, **fields: Any) -> dict[str, Any]:
    """Return a rule by which a confirmed claim counts for ever, in full."""
    return rule(severity=severity, open=["claim.confirmed"], **fields)


@pytest.fixture
def compare(tmp_path: Path) -> Iterator[Compare]:
    """Compare a draft with rules in force, on a ledger of its own; it is 1 January 2025."""
    with ExitStack() as stack:

        def compare(
            now: Rules, then: Rules, events: list[dict[str, Any]], **asked: Any
        ) -> Comparison:
            named = {one["company"] for told in events for one in told.get("parties", ())}
            folder = write_rules(tmp_path / "rules", *now)
            opened = riskmon.open("sqlite://", rules=folder, clock=Clock("2025-01-01"))
            monitor = stack.enter_context(opened)
            assert not monitor.declare([company(one) for one in sorted(named)]).rejected
            assert not monitor.ingest(events).rejected
            return monitor.what_if(write_rules(tmp_path / "draft", *then), **asked)

        yield compare


def rounded(value: Any) -> Any:
    """Return the same with every figure to a thousandth."""
    if isinstance(value, float):
        return round(value, 3)
    if isinstance(value, tuple):
        return type(value)(*map(rounded, value)) if hasattr(value, "_asdict") else value
    return [*map(rounded, value)] if isinstance(value, list | Comparison) else value


def test_who_scores_otherwise_and_why(compare: Compare) -> None:
    """Furthest first, with the levels, and the lines that do it: each share of the score.

    A line that is as strong as before has another share of another score; it is no cause.
    """
    quiet = rule(id="quiet", severity=20, open=["listing.listed"], stages={"listing.listed": 1.0})
    events = [
        told("baidu", "tencent", matter="m"),
        told("baidu", "xiaomi", type="listing.listed", matter="list"),
    ]
    found = compare([standing_rule(50), quiet], [standing_rule(80), quiet], events)
    # Baidu: 1 - 0.5 x 0.8 = 0.6, of which ln 0.5 / ln 0.4; then 1 - 0.2 x 0.8 = 0.84.
    why = [Cause("a-rule", "m", 45.388, 73.772)]
    alone = [Cause("a-rule", "m", 50.0, 80.0)]
    assert rounded(found) == [
        Difference("tencent", "Tencent", 50.0, 80.0, "high", "severe", alone),
        Difference("baidu", "Baidu", 60.0, 84.0, "high", "severe", why),
    ]
    assert moment("2025-01-01") == found.as_of


def test_a_rule_that_comes_and_one_that_goes(compare: Compare) -> None:
    """Each is a line on one side alone; where they come to the same, no score differs."""
    events = [told("baidu", matter="m")]
    assert [] == list(compare([standing_rule(id="old")], [standing_rule(id="new")], events))
    (found,) = compare([standing_rule(20, id="old")], [standing_rule(30, id="new")], events)
    assert [Cause("new", "m", 0.0, 30.0), Cause("old", "m", 20.0, 0.0)] == rounded(found.why)


def test_nothing_differs_where_the_draft_is_the_same(compare: Compare) -> None:
    """No company, no spell; both digests and both judgements are one. Words move no score."""
    events = [told("baidu"), listing("xiaomi")]
    found = compare([rule()], [rule()], events)
    assert ([], [], {}) == (list(found), found.spells, found.failed)
    now, then, _ = found.foresight
    assert repr(now._replace(name="draft")) == repr(then)  # NaN is not itself
    assert found.digests[0] == found.digests[1]
    found = compare([rule()], [rule(title="Renamed"), rule(id="b", topics=["tariffs"])], events)
    assert ([], []) == (list(found), found.spells)
    assert found.digests[0] != found.digests[1]


def test_scores_are_compared_when_asked(compare: Compare) -> None:
    """At `as_of`, here a half-life on: 1 - 0.5 ** 0.5, and 1 - 0.25 ** 0.5."""
    events = [told("baidu")]
    (found,) = compare([rule(severity=50)], [rule(severity=75)], events, as_of="2024-04-10")
    assert [29.289, 50.0] == rounded([found.now, found.then])
    assert [] == list(compare([rule()], [rule(severity=75)], events, as_of="2023-12-31"))


def test_rules_in_force_are_those_published(tmp_path: Path) -> None:
    """Not what the folder has become since: a draft may be written where the rules are."""
    folder = write_rules(tmp_path, standing_rule(50))
    with riskmon.open("sqlite://", rules=folder, clock=Clock()) as monitor:
        monitor.declare([company()])
        monitor.ingest([told("baidu")])
        write_rules(folder, standing_rule(80))
        assert [(50, 80)] == [pytest.approx((one.now, one.then)) for one in monitor.what_if(folder)]
        monitor.recalculate()
        assert [] == list(monitor.what_if(folder))


def test_nothing_is_written(tmp_path: Path) -> None:
    """Neither to the ledger nor to the kept scores; what was answered is answered again."""
    folder = write_rules(tmp_path / "rules", rule())
    draft = write_rules(tmp_path / "draft", rule(severity=90), rule(id="b-rule"))
    with riskmon.open(f"sqlite:///{tmp_path / 'x.db'}", rules=folder, clock=Clock()) as monitor:
        monitor.declare([company(), company("xiaomi")])
        monitor.ingest([told("baidu"), told("xiaomi", type="listing.listed")])
        monitor.recalculate()

        def all_of_it() -> Any:
            scores = [(one.company, one.value, one.ruleset) for one in monitor.scores()]
            return list(monitor.entries()), monitor.status(), scores, monitor.verify()

        before = all_of_it()
        assert 1 == len(monitor.what_if(draft))
        assert before == all_of_it()


def test_when_levels_differ(compare: Compare) -> None:
    """The first and the last day, by hand, with the lines of the first.

    40 points with a half-life of 100 days: moderate to day 82, 100 x log2(ln 0.6 / ln 0.75) = 82.8.
    60 points: high to day 40, 100 x log2(ln 0.4 / ln 0.5) = 40.3; moderate to day 167. From day 41
    to day 82 both are moderate.
    """
    found = compare([rule(severity=40)], [rule(severity=60)], [told("baidu", matter="m")])
    day_83 = (100 * (1 - rest**0.5**0.83) for rest in (0.6, 0.4))
    why = [Cause("a-rule", "m", 40.0, 60.0)], [Cause("a-rule", "m", *map(rounded, day_83))]
    dates = ["2024-01-01", "2024-02-10", "2024-03-24", "2024-06-16"]
    first, last, again, over = map(moment, dates)
    assert rounded(found.spells) == [
        Spell("baidu", first, last, "moderate", "high", rounded(why[0])),
        Spell("baidu", again, over, "low", "moderate", rounded(why[1])),
    ]


def spans(found: Comparison) -> list[tuple[str, ...]]:
    """Return company, first and last day and both levels of spells."""
    texts = [[f"{moment:%Y-%m-%d}" for moment in one[1:3]] for one in found.spells]
    return [(one[0], *text, *one[3:5]) for one, text in zip(found.spells, texts, strict=True)]


def test_levels_are_compared_every_step_and_at_the_end(compare: Compare) -> None:
    """From the first event on: on 1, 8, ... January; and at last on `as_of`, in its spell."""
    rules = [rule(severity=40)], [rule(severity=60)]
    for as_of, last in (("2024-02-10", "2024-02-10"), ("2024-02-11", "2024-02-05")):
        found = compare(*rules, [told("baidu")], step="1w", as_of=as_of)
        assert [("baidu", "2024-01-01", last, "moderate", "high")] == spans(found)


def test_spells_are_by_company_and_time(compare: Compare) -> None:
    """Another pair of levels is another spell: they adjoin where one side falls alone."""
    events = [told("xiaomi"), told("baidu", occurred_at="2024-03-30")]
    found = compare([rule(severity=40)], [standing_rule(60)], events, as_of="2024-04-01")
    assert spans(found) == [
        ("baidu", "2024-03-30", "2024-04-01", "moderate", "high"),
        ("xiaomi", "2024-01-01", "2024-03-23", "moderate", "high"),
        ("xiaomi", "2024-03-24", "2024-04-01", "low", "high"),
    ]


def test_levels_change_at_their_bounds(compare: Compare) -> None:
    """25 points are moderate already, as everywhere; 20 are low."""
    found = compare([standing_rule(20)], [standing_rule(25)], [told("baidu")], as_of="2024-01-02")
    assert [("baidu", "2024-01-01", "2024-01-02", "low", "moderate")] == spans(found)


def test_levels_are_the_same_whatever_was_asked_before(tmp_path: Path) -> None:
    """50 points stand, others come and go beside them: then it is 50 again, and no less."""
    stages = {"case.fined": 1.0, "case.dismissed": 0.0}
    others = [rule(id=f"b-{number}", severity=30 + number, stages=stages) for number in range(6)]
    folder = write_rules(tmp_path, standing_rule(50), *others)
    dates = zip(stages, ("2024-02-01", "2024-03-01"), strict=True)
    events = [told("baidu", type=type_, matter="m", occurred_at=day) for type_, day in dates]
    events += [told("baidu"), *(told("xiaomi", type="case.fined") for _ in range(30))]
    with riskmon.open("sqlite://", rules=folder, clock=Clock("2024-03-15")) as monitor:
        monitor.declare([company(), company("xiaomi")])
        monitor.ingest(events)
        monitor.scores(as_of="2024-02-15")
        values = {one.company: one.value for one in monitor.scores()}
        assert monitor.score("baidu").value == values["baidu"]
        assert ([], []) == (list(monitor.what_if(folder)), monitor.what_if(folder).spells)


@pytest.mark.parametrize("status", ["experimental", "draft", "retired"])
def test_rules_that_do_not_count_change_nothing(compare: Compare, status: str) -> None:
    """An experimental rule in the draft moves no score and foresees nothing."""
    events = [told("baidu"), listing("baidu")]
    found = compare([rule(id="b-rule", severity=1)], [standing_rule(90, status=status)], events)
    assert all(one.then == 0 for one in found)
    assert (0, 0) == (found.foresight[1].hits, found.foresight[1].alarms)


def test_a_rule_that_fails_is_said(compare: Compare) -> None:
    """In the draft or in force, with the reason; here factors whose product is no number."""
    stages = {f"fire.step-{number}": {"times": 1e6} for number in range(60)}
    fails = rule(id="fails", stages={"claim.confirmed": 1.0, **stages})
    events = [told("baidu", type=type_, matter="m") for type_ in fails["stages"]]
    one, other = standing_rule(50), standing_rule(80)
    for now, then in (([one], [other, fails]), ([one, fails], [other])):
        found = compare(now, then, events)
        assert ["fails"] == list(found.failed)
        assert "matter" in found.failed["fails"]
        assert [(50, 80)] == [pytest.approx((row.now, row.then)) for row in found]


def test_rows_become_dicts_and_frames(compare: Compare) -> None:
    """The columns, in order; also where there is no row."""
    found = compare([standing_rule(40)], [standing_rule(60)], [told("baidu"), told("xiaomi")])
    assert found.to_dicts() == [dict(zip(found.names, one[:6], strict=True)) for one in found]
    assert ("company", "name", "now", "then", "level_now", "level_then") == found.names
    assert [list(found.names), 2] == [found.to_polars().columns, len(found)]
    assert found.to_dicts() == found.to_polars().to_dicts() == pl.DataFrame(found).to_dicts()
    assert found.to_dicts() == found.to_pandas().to_dict("records")
    none = compare([rule()], [rule()], [told("baidu")])
    assert ([], list(found.names)) == (none.to_dicts(), none.to_polars().columns)


def test_a_listing_that_was_foreseen(compare: Compare) -> None:
    """A hit, and for how long, in whole weeks: from 1 January to 1 June are 21 and 5 days."""
    unaware = standing_rule(topics=["tariffs"])
    found = compare([standing_rule()], [unaware], [told("baidu"), listing("baidu")])
    in_force, draft, count = found.foresight
    assert ("in force", 1, 1, 147.0, 1.0) == (*in_force[:4], in_force.hit_rate)
    assert ("draft", 1, 0, 0.0) == (*draft[:3], draft.hit_rate)
    assert ("1 events in a year", 1, 1, True) == (*count[:3], isnan(draft.days_before))


def test_a_company_counts_once_by_its_first_listing(compare: Compare) -> None:
    """The days are the median of the hits: 147, and 91 of the 92 since 1 March."""
    events = [told("baidu"), told("xiaomi", occurred_at="2024-03-01")]
    listings = [listing("baidu", "xiaomi", "tencent"), listing("baidu", at="2024-09-01")]
    judged = compare([standing_rule()], [rule()], events + listings).foresight[0]
    assert ("in force", 3, 2, 119.0) == judged[:4]
    assert 2 / 3 == judged.hit_rate


def test_an_alarm_stands_since_it_last_rose(compare: Compare) -> None:
    """Claimed in January it had fallen by April; told again on 19 April, 43 days before."""
    events = [told("baidu", matter="m"), told("baidu", matter="m", occurred_at="2024-04-19")]
    judged = compare([rule(severity=40)], [rule()], [*events, listing("baidu")]).foresight[0]
    assert (1, 1, 42.0) == judged[1:4]


def test_an_alarm_stands_since_it_was_said(compare: Compare) -> None:
    """What had happened for years and was said twelve days before stood for one week."""
    late = told("baidu", occurred_at="2022-01-01", published_at="2024-05-20")
    judged = compare([standing_rule()], [rule()], [late, listing("baidu")]).foresight[0]
    assert (1, 1, 7.0) == judged[1:4]


UNSEEN = {
    "the listing": listing("baidu"),
    "of the same moment": told("baidu", occurred_at="2024-06-01"),
    "said at the listing": told("baidu", published_at="2024-06-01"),
    "said after it": told("baidu", published_at="2024-06-02"),
    "happened after it": told("baidu", occurred_at="2024-06-02", published_at="2024-05-01"),
}


@pytest.mark.parametrize("name", UNSEEN)
def test_what_was_not_known_before_foresees_nothing(compare: Compare, name: str) -> None:
    """Neither the rules nor the count see it; said a day before it would be a hit."""
    sees_all = standing_rule(stages={"claim.confirmed": 1.0, "listing.listed": 1.0})
    for draft in compare([rule()], [sees_all], [UNSEEN[name], listing("baidu")]).foresight[1:]:
        assert (1, 0) == (draft.listings, draft.hits)
    said = told("baidu", published_at="2024-05-31")
    assert 1 == compare([rule()], [sees_all], [said, listing("baidu")]).foresight[1].hits


EDGES = [event(occurred_at=day) for day in ("2021-01-01", "2023-07-02")]
"""Between them, a year from each: three days to look, 1 January, 2 April and 2 July 2022."""


def panel() -> list[dict[str, Any]]:
    """Return events of four companies: a and b are claimed to, a and c are listed, b and d not."""
    claims = [told(one, occurred_at="2021-12-01", topics=[f"about-{one}"]) for one in "ab"]
    told_of = [("b", "2021-12-15"), ("b", "2021-12-20"), ("d", "2022-03-01")]
    more = [told(one, type="corporate.hired", occurred_at=day) for one, day in told_of]
    return [*EDGES, *claims, *more, listing("c", at="2022-05-01"), listing("a", at="2022-12-01")]


def test_alarms_are_counted_each_quarter(compare: Compare) -> None:
    """By hand: a and b have an alarm on all three days, and nothing came to b.

    Who was listed within a year: a three times, c twice (then it is listed). Ranked by points, a
    ties with b and is above d, c is below b and ties with d: (4.5 + 9 + 0 + 3) of 5 x 6 pairs. By
    events of a year b has 3, a has 1, d has 0, 1, 1: a is above d in 2 of 3 (6 of 9 pairs), c ties
    with one d of three (1 of 6): 7 of 30.
    """
    found = compare([standing_rule()], [standing_rule(20)], panel())
    in_force, draft, count = found.foresight
    assert Foresight("in force", 2, 1, 364.0, 6, 3, 16.5 / 30) == in_force
    assert (0, 0, 16.5 / 30) == draft[4:]
    assert ("1 events in a year", 2, 1, 8, 5, 7 / 30) == count[:3] + count[4:]
    assert isnan(count.days_before)
    # The count's alarm is set to as many as the rules in force have: three of b alone.
    found = compare([standing_rule(topics=["about-b"])], [standing_rule()], panel())
    assert ("2 events in a year", 2, 0) == found.foresight[2][:3]
    assert [(3, 3), (6, 3), (3, 3)] == [one[4:6] for one in found.foresight]


def test_alarms_are_of_what_had_been_said(compare: Compare) -> None:
    """What happened in 2021 and was said in May 2022 is an alarm in July alone."""
    late = told("a", occurred_at="2021-12-01", published_at="2022-05-01")
    judged = compare([standing_rule()], [rule()], [*EDGES, late]).foresight[0]
    assert (0, 0, 1, 1) == (judged.listings, judged.hits, judged.alarms, judged.false_alarms)
    assert (True, True) == (isnan(judged.hit_rate), isnan(judged.auc))


@given(st.lists(st.tuples(st.integers(0, 5) | st.floats(0, 100), st.booleans()), max_size=40))
def test_ranked_is_the_share_of_pairs(pairs: list[tuple[float, bool]]) -> None:
    """Counted one by one: what came above what did not, a tie is half; NaN without a pair."""
    came = [score for score, truth in pairs if truth]
    did_not = [score for score, truth in pairs if not truth]
    found = ranked(
        np.array([one for one, _ in pairs], float), np.array([t for _, t in pairs], bool)
    )
    above = [(one > other) + (one == other) / 2 for one, other in product(came, did_not)]
    assert pytest.approx(sum(above) / len(above) if above else nan, nan_ok=True) == found
