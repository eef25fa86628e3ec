"""What is worth telling, by the numbers alone; what a message says; when quiet hours let it go."""

from __future__ import annotations

import itertools
import json
from datetime import UTC, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from hypothesis import example, given
from hypothesis import strategies as st

from riskmon import alerts, messages
from riskmon.alerts import Facts, Rule
from riskmon.memory import Memory, Told
from riskmon.messages import Quiet

BERLIN = ZoneInfo("Europe/Berlin")
START = datetime(2024, 1, 1, tzinfo=UTC)
HIGH = Rule(level="high")
JUMP = Rule(jump=10, days=7)

scores = st.lists(st.floats(0, 100), min_size=1, max_size=60)


def moves(rule: Rule, values: list[float]) -> list[tuple[int, float, float]]:
    """Return number, from and value of each alert that a rule raises as a score moves by day."""
    found: list[tuple[int, float, float]] = []
    told: list[Told] = []
    stances: dict[str, set[str]] = {}
    for day, value in enumerate(values):
        last = values[max(0, day - 7) : day] or [value]
        facts = Facts(
            as_of=START + timedelta(days=day),
            scores={"baidu": value},
            before={"baidu": last[-1]},
            extremes=lambda _, last=last: {"baidu": (min(last), max(last))},  # type: ignore[misc]
            stances=stances,
            told=told,
        )
        for one in alerts.grounds([rule], facts):
            found.append((day, one.before, value))
            told = [*told, ground(day, rule=one.rule, as_of=facts.as_of, value=value)]
        stances = {rule.name: alerts.stand(rule, facts)}
    return found


def ground(position: int, **fields: Any) -> Told:
    """Return a ground that was told."""
    defaults: dict[str, Any] = {
        "rule": "level high",
        "company": "baidu",
        "as_of": START,
        "value": 60.0,
        "before": 0.0,
        "events": (),
        "matters": frozenset({"army"}),
        "messages": {},
    }
    return Told(position, **defaults | fields)


@given(st.lists(st.floats(48, 50, exclude_max=True), max_size=40), st.floats(50, 100))
def test_a_score_at_the_edge_is_told_once(edge: list[float], over: float) -> None:
    """Whatever it does within the margin below the bound, before and after it was over it."""
    assert [] == moves(HIGH, [20.0, *edge])
    assert [len(edge) + 1] == [day for day, _, _ in moves(HIGH, [20.0, *edge, over, *edge, over])]


@given(scores)
def test_a_level_is_reached_and_left_by_turns(values: list[float]) -> None:
    """Reached at its bound, left beneath the margin, never twice the same."""
    sides = [values[0] >= 50, *(value >= 50 for _, _, value in moves(HIGH, values))]
    assert all(one != other for one, other in itertools.pairwise(sides))
    assert not [value for _, _, value in moves(HIGH, values) if 48 <= value < 50]


@given(scores)
@example([0.0, 30.0, 20.0, 30.0, 20.0])
def test_each_jump_is_one_from_what_was_told_before_it(values: list[float]) -> None:
    """Within the days; so a score that goes to and fro by less than a jump is silent."""
    found = moves(JUMP, values)
    assert all(abs(value - before) >= 10 for _, before, value in found)
    for (day, _, told), (then, before, _) in itertools.pairwise(found):
        assert then - day > 7 or before == told


@given(scores)
def test_a_score_that_fades_is_told_once_for_each_jump_it_lost(
    values: list[float],
) -> None:
    """Sixty points are at most six jumps of ten, however long it takes."""
    fading = sorted(values, reverse=True)
    assert len(moves(JUMP, fading)) <= (fading[0] - fading[-1]) / 10


def test_what_is_passed_over_hides_no_jump_that_is_new() -> None:
    """A company was silent while it jumped by 30, and jumps by 20 the day after."""

    def facts(value: float, last: float, stances: Any, silent: Any) -> Facts:
        low = {"baidu": (0.0, last)}
        days = lambda _: low  # noqa: E731
        return Facts(START, {"baidu": value}, {"baidu": last}, days, stances, [], silent)

    silent = facts(30, 0, {JUMP.name: set()}, {"baidu"})
    assert [] == list(alerts.grounds([JUMP], silent))
    stances = {JUMP.name: alerts.stand(JUMP, silent)}
    assert {JUMP.name: {"baidu"}} == stances
    assert [] == list(alerts.grounds([JUMP], facts(31, 30, stances, set())))
    (found,) = alerts.grounds([JUMP], facts(50, 30, stances, set()))
    assert (30, "rose by 20.0 points within 7 days") == (found.before, found.why)
    assert set() == alerts.stand(JUMP, facts(50, 30, stances, set()))


@given(st.sampled_from(["moderate", "high", "severe"]), st.integers(1, 100), st.integers(1, 31))
def test_a_rule_is_known_by_its_name(level: str, jump: int, days: int) -> None:
    """As an entry of the ledger keeps it."""
    for one in (Rule(level=level), Rule(jump=jump, days=days), Rule(jump=jump / 8), Rule()):
        assert one == alerts.named(one.name)


def test_what_was_told_is_found_by_matter_until_it_is_taken_back() -> None:
    """Each ground by itself; a message is void once all that it tells has fallen."""
    memory = Memory()
    level = ground(5, messages={"desk": "one"})
    jump = level._replace(rule="jump 10 in 7d")
    memory.add([level, jump])
    assert [jump, level] == memory.about(["army", "unknown"])
    assert not memory.void("one", {(5, "level high")})
    memory.add([ground(9, corrects=5, messages={"desk": "two"})])
    assert [jump] == memory.about(["army"])
    assert memory.void("one", {(5, "jump 10 in 7d")})
    assert {"two"} == memory.corrections({"one"})
    assert 3 == len(memory.since(START))
    assert [] == memory.since(START + timedelta(days=1))


hours = st.times().map(lambda one: one.replace(second=0, microsecond=0))
nights = st.sampled_from(["2024-03-30", "2024-03-31", "2024-10-26", "2024-10-27", "2024-06-01"])
moments = st.builds(
    lambda day, minutes: datetime.fromisoformat(f"{day}T00:00Z") + timedelta(minutes=minutes),
    nights,
    st.integers(0, 2 * 24 * 60),
)


@given(moments, hours, hours)
@example(datetime(2024, 10, 27, 1, 15, tzinfo=UTC), time(2), time(2, 30))
@example(datetime(2024, 3, 31, 0, 15, tzinfo=UTC), time(22), time(2, 30))
def test_quiet_hours_end_after_them_within_a_day(at: datetime, start: time, end: time) -> None:
    """Over the nights in which Berlin's clocks change, too: a day has 25 hours at most."""
    if start == end:
        return
    quiet = Quiet(start, end, BERLIN)
    until = quiet.until(at)
    assert at <= until <= at + timedelta(hours=25)
    assert until == quiet.until(until)
    clock = until.astimezone(BERLIN).time()
    within = start <= clock < end if start < end else clock >= start or clock < end
    assert not within


def test_quiet_hours_wrap_midnight() -> None:
    """In the zone of the configuration; what comes outside them waits for nothing."""
    quiet = Quiet(time(22), time(6), BERLIN)
    found = {hour: quiet.until(datetime(2024, 1, 2, hour, tzinfo=UTC)) for hour in (4, 12, 20, 21)}
    assert {
        4: datetime(2024, 1, 2, 5, tzinfo=UTC),
        12: datetime(2024, 1, 2, 12, tzinfo=UTC),
        20: datetime(2024, 1, 2, 20, tzinfo=UTC),
        21: datetime(2024, 1, 3, 5, tzinfo=UTC),
    } == found


def alert(number: int = 1, **fields: Any) -> dict[str, Any]:
    """Return an alert as the ledger keeps it."""
    line = {"rule": "tariffs", "matter": "us", "stage": "measure.in-force", "via": "scope"}
    defaults = {
        "company": f"firm{number}",
        "name": f"Firm {number}",
        "as_of": "2024-01-02T00:00:00Z",
        "from": 10.0,
        "value": 60.0,
        "level": "high",
        "why": "reached the level high",
        "grounds": [{"rule": "level high", "from": 10.0, "why": "reached the level high"}],
        "lines": [line | {"before": 0.0, "points": 50.0, "events": ["ustr:1"]}],
        "matters": ["us"],
        "digest": f"{number:064x}",
        "receipt": {"position": 3},
        "messages": {"desk": ""},
    }
    return defaults | fields


def test_a_message_names_fifty_companies_in_its_text_and_all_in_its_data() -> None:
    """Neither has the receipts themselves, nor who else is told."""
    some = [alert(number) for number in range(60)]
    body = json.loads(messages.composed("desk", some, START).body)
    assert 51 == sum(not line.startswith("  ") for line in body["text"].splitlines())
    assert body["text"].endswith("\nand 10 more companies")
    assert [one["company"] for one in some] == [one["company"] for one in body["alerts"]]
    assert all({"receipt", "messages"}.isdisjoint(one) for one in body["alerts"])
    assert "60 companies moved by tariffs, furthest Firm 0: 60.0 (high), from 10.0" == body["title"]


def test_a_message_says_company_scores_lines_and_receipt() -> None:
    """The whole of one, as its channel gets it."""
    one = alert()
    told = messages.composed("desk", [one], START)
    text = f"""\
Firm 1 (firm1): 10.0 -> 60.0 (high) on 2024-01-02 00:00Z: reached the level high
  tariffs measure.in-force: 0.0 -> 50.0, us
  receipt {one["digest"]}"""
    shown = {key: value for key, value in one.items() if key not in {"receipt", "messages"}}
    assert {
        "id": told.key,
        "kind": "alert",
        "title": "Firm 1: 60.0 (high), from 10.0: reached the level high",
        "text": text,
        "told_at": "2024-01-01T00:00:00Z",
        "alerts": [shown],
    } == json.loads(told.body)


def test_a_name_cannot_break_out_of_its_line() -> None:
    """Whoever reads a message sees what a name holds, and no terminal or mail obeys it."""
    body = json.loads(messages.composed("desk", [alert(name="A\nB\x1b[2J")], START).body)
    assert body["title"].startswith("A\N{REPLACEMENT CHARACTER}B\N{REPLACEMENT CHARACTER}[2J: 60")
    assert 3 == len(body["text"].splitlines())


def test_alerts_go_together_by_the_rule_that_moved_most_and_corrections_apart() -> None:
    """Those that moved furthest first."""
    other = [{**alert()["lines"][0], "rule": "claims"}]
    near, far = alert(1), alert(2, value=80.0)
    unlike, wrong = alert(3, lines=other, value=30.0), alert(4, corrects=7, value=15.0)
    assert [[far, near], [unlike], [wrong]] == messages.grouped([near, unlike, wrong, far])


def test_a_key_is_of_channel_and_content() -> None:
    """The same message has the same key whenever it is made; another has another."""
    keys = [
        messages.composed("desk", [alert()], START).key,
        messages.composed("mail", [alert()], START).key,
        messages.composed("desk", [alert(2)], START).key,
        messages.composed("desk", [alert(digest="f" * 64)], START).key,
        messages.composed("desk", [alert(corrects=1)], START).key,
    ]
    assert 5 == len(set(keys))
    assert keys[0] == messages.composed("desk", [alert()], START + timedelta(days=1)).key
