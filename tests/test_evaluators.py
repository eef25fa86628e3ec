"""Evaluators: laws that each keeps, found by being there; those of other packages; surge."""

from __future__ import annotations

import json
import math
import shutil
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel

import riskmon
from riskmon.evaluators import NEVER, NUMBER, SOURCES, TIMES, Found, Walk, evaluators
from riskmon.examples import scored, standing
from riskmon.forms import moment
from riskmon.results import to_json
from riskmon.rules import Rule
from tests.builders import Clock, company, event, rule, write_rules

NAMES = sorted(evaluators())
DAY = 86_400_000_000
TERMS = Rule.model_validate(rule()).at(moment("2024-01-01"))
DAYS = st.integers(-3, 3) | st.integers(0, 900) | st.sampled_from([-25_566, 84_005])
"""Days since 1970: many equal ones, some far away."""


class Told(NamedTuple):
    """An event of a walk, before it is put into columns."""

    occurred: int
    kind: int
    value: float
    type: int
    group: int
    matter: int


def walk_of(units: list[list[Told]]) -> Walk:
    """Return units as a walk, each by time."""
    told = [one for unit in units for one in sorted(unit, key=lambda one: one.occurred)]
    columns = zip(*told, strict=True) if told else [()] * len(Told._fields)
    kinds: list[Any] = [np.int64, np.int8, np.float64, np.int64, np.int64, np.int64]
    given_ = [np.array(column, kind) for column, kind in zip(columns, kinds, strict=True)]
    return Walk(np.cumsum([0, *map(len, units)]), *given_)


@st.composite
def many(draw: st.DrawFn, factors: st.SearchStrategy[float] | None = None) -> list[list[Told]]:
    """Draw units of events: of every kind, at moments of which many are equal."""
    factor = st.floats(0, 1) if factors is None else factors

    def one() -> Told:
        kind = draw(st.sampled_from([NUMBER, SOURCES, TIMES]))
        value = draw(factor if kind == TIMES else st.floats(0, 1))
        type_, group, matter = (draw(st.integers(0, 3)) for _ in range(3))
        return Told(draw(DAYS) * DAY, kind, value, 3 * type_ + kind, group, matter)

    counts = draw(st.lists(st.integers(1, 7), max_size=9))
    return [[one() for _ in range(count)] for count in counts]


def found(name: str, walk: Walk, **parameters: Any) -> Found:
    """Return what an evaluator finds, without the checks that keep nonsense out."""
    one = evaluators()[name]
    return one.evaluate(one.Parameters.model_validate(parameters), TERMS, walk)


def bits(name: str, walk: Walk) -> list[Any]:
    """Return what is found of each unit, to the bit; stages are counted from its first event."""
    likelihood, since, stage = found(name, walk)
    parts = [slice(*ends) for ends in pairwise(walk.starts.tolist())]
    stages = [np.maximum(stage[one] - one.start, -1).tolist() for one in parts]
    figures = [(likelihood[one].tobytes(), since[one].tolist()) for one in parts]
    return list(zip(figures, stages, strict=True))


@pytest.mark.parametrize("name", NAMES)
def test_it_has_what_an_evaluator_has(name: str) -> None:
    """A version, a unit, parameters that may all be left out, and words on what it computes."""
    one = evaluators()[name]
    assert one.VERSION == str(one.VERSION).strip() != ""
    assert one.UNIT in {"matter", "company"}
    assert issubclass(one.Parameters, BaseModel)
    assert one.Parameters() == one.Parameters.model_validate({})
    assert len(str(one.__doc__)) > 40


@pytest.mark.parametrize("name", NAMES)
@given(units=many(st.floats(0, 1) | st.sampled_from([3.0, 1e6])))
def test_what_it_finds_is_sound_and_the_same_twice(name: str, units: list[list[Told]]) -> None:
    """Finite, not below 0, at most 1 without factors above 1; clocks and stages in the past."""
    walk = walk_of(units)
    before = [column.tolist() for column in walk]
    one = found(name, walk)
    assert bits(name, walk) == bits(name, walk)
    assert before == [column.tolist() for column in walk]
    assert len(walk.occurred) == len(one.likelihood) == len(one.since) == len(one.stage)
    assert (np.isfinite(one.likelihood) & (one.likelihood >= 0)).all()
    assert (one.since <= walk.occurred).all()
    assert ((one.since > NEVER) | (one.likelihood == 0)).all()
    place, first = np.arange(len(one.stage)), np.repeat(walk.starts[:-1], np.diff(walk.starts))
    assert ((one.stage == -1) | ((one.stage >= first) & (one.stage <= place))).all()
    if (walk.value <= 1).all():
        assert (one.likelihood <= 1).all()


@pytest.mark.parametrize("name", NAMES)
@given(units=many(), chance=st.randoms(use_true_random=False))
def test_units_know_nothing_of_one_another(name: str, units: list[list[Told]], chance: Any) -> None:
    """Alone, in another order, under other numbers: the same to the bit."""
    walk = walk_of(units)
    each = bits(name, walk)
    assert each == [one for unit in units for one in bits(name, walk_of([unit]))]
    order = chance.sample(range(len(units)), len(units))
    shuffled = walk_of([units[number] for number in order])
    assert [each[number] for number in order] == bits(name, shuffled)
    renumbered = walk._replace(
        type=40 - 2 * walk.type, group=1_000 - walk.group, matter=7 + 5 * walk.matter
    )
    assert each == bits(name, renumbered)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(("units", "years"), [(20_000, 30), (2_000, 290)])
def test_many_units_over_long_times_stand_as_each_alone(name: str, units: int, years: int) -> None:
    """As many companies as a watchlist may have, over as long as a log may tell of."""
    days = (0, 1, 2, 3, 365 * years)
    unit = [Told(day * DAY, NUMBER, 0.5, 1, 0, number) for number, day in enumerate(days)]
    (alone,) = bits(name, walk_of([unit]))
    assert 0 == sum(one != alone for one in bits(name, walk_of([unit] * units)))


# From another package

PLUG = """
import numpy as np
from riskmon.evaluators import Found, matter

class Plugged:
    VERSION, UNIT, Parameters = "1", "matter", matter.Parameters
    def __init__(self, change=lambda found, walk: found, **fields):
        self.change = change
        self.__dict__ |= fields
    def evaluate(self, parameters, terms, walk):
        return self.change(matter.evaluate(parameters, terms, walk), walk)

def halved(found, walk):
    return found._replace(likelihood=found.likelihood / 2)
def scribbles(found, walk):
    walk.starts[:] = 0
    return found
def raises(found, walk):
    raise RuntimeError("out of order")

halves, raises, scribbles = Plugged(halved), Plugged(raises), Plugged(scribbles)
nan = Plugged(lambda found, walk: found._replace(likelihood=found.likelihood * np.nan))
huge = Plugged(lambda found, walk: found._replace(likelihood=np.full(len(walk.kind), 1.7e308)))
short = Plugged(lambda found, walk: Found(*(column[:-1] for column in found)))
late = Plugged(lambda found, walk: found._replace(since=walk.occurred + 1))
far = Plugged(lambda found, walk: found._replace(stage=found.stage + len(walk.kind) + 1))
nothing = Plugged(lambda found, walk: None)
scalar = Plugged(lambda found, walk: Found(0.5, 0, -1))
column = Plugged(lambda found, walk: Found(*(one.reshape(-1, 1) for one in found)))
unit = Plugged(UNIT="publisher")
bare = object()
"""
BROKEN = {
    "raises": "raises raised RuntimeError: out of order",
    "nan": "nan: expected likelihoods",
    "huge": "huge: expected likelihoods",
    "short": "short: expected a value for each of",
    "late": "late: expected no clock that begins after the event",
    "far": "far: expected stages among the events of the walk",
    "nothing": "nothing raised",
    **{name: name for name in ("scalar", "column", "scribbles", "unit", "bare")},
    "missing": "it cannot be loaded: No module named 'plug_that_is_not_there'",
}
"""Evaluators of a package that are broken, and what is said of the rules that use them."""
GOOD = rule(id="good", severity=30, half_life="77 days")
HALVES = rule(id="halves", evaluator="halves")


@pytest.fixture(scope="module")
def plugged(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build a folder with a package of evaluators, as pip would install it, and a database."""
    folder = tmp_path_factory.mktemp("plugged")
    info = folder / "packages" / "plug-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: plug\nVersion: 1.0\n")
    points = [f"{name} = plug:{name}" for name in ("halves", *BROKEN) if name != "missing"]
    points.append("missing = plug_that_is_not_there:missing")
    (info / "entry_points.txt").write_text("\n".join(["[riskmon.evaluators]", *points]))
    (folder / "packages" / "plug.py").write_text(PLUG)
    about: dict[str, Any] = {"parties": [{"company": "baidu"}]}
    told = [event(ref=f"{n}", credibility=0.1 + n / 7, **about) for n in range(3)]
    rules = write_rules(folder / "rules", GOOD)
    with riskmon.open(f"sqlite:///{folder / 'risk.db'}", rules=rules, clock=Clock()) as monitor:
        monitor.declare([company()])
        monitor.ingest([*told, event(matter="reuters:2", credibility=0.6, **about)])
    return folder


@pytest.fixture
def plug(plugged: Path, run: Any) -> Any:
    """Return what runs riskmon on a copy of that, with these rules too, and returns its JSON."""
    shutil.copytree(plugged, run.folder, dirs_exist_ok=True)
    env = {"PYTHONPATH": str(run.folder / "packages")}

    def plug(*arguments: str, rules: Any = (), code: int = 0) -> Any:
        write_rules(run.folder / "rules", *rules)
        folder = [] if arguments[0] == "score" else ["--rules", "rules"]
        done = run(*arguments, *folder, "--json", env=env)
        assert (code, "") == (done.returncode, done.stderr)
        return json.loads(done.stdout)

    plug.folder = run.folder  # type: ignore[attr-defined]
    return plug


SCORE = ("score", "baidu", "--as-of=2024-02-01")


def test_an_evaluator_of_another_package_scores(plug: Any) -> None:
    """Installed is enough: a rule asks for it by name, `rules check` knows it."""
    rules = [HALVES, rule(id="whole")]
    assert {"problems": [], "warnings": []} == plug("rules", "check", "rules", rules=rules)
    assert {} == plug("recalculate")["failed"]
    lines = {(one["rule"], one["matter"]): one["likelihood"] for one in plug(*SCORE)["lines"]}
    halves = {matter: value for (by, matter), value in lines.items() if by == "halves"}
    whole = {matter: value / 2 for (by, matter), value in lines.items() if by == "whole"}
    assert (3, whole) == (len(halves), halves)


@pytest.mark.parametrize("name", BROKEN)
def test_one_that_is_broken_fails_its_rule_alone(plug: Any, name: str) -> None:
    """It is said which and why; what the other rules come to is the same to the digit."""
    with riskmon.open(f"sqlite:///{plug.folder / 'risk.db'}") as monitor:
        before = to_json(monitor.score("baidu", as_of="2024-02-01"))
    rules = [rule(id="broken", evaluator=name), HALVES | {"status": "experimental"}]
    failed = plug("recalculate", rules=rules, code=1)["failed"]
    assert ["broken"] == list(failed)
    assert BROKEN[name] in failed["broken"]
    after = plug(*SCORE)
    assert (failed, 3) == (after["failed"], len(after["shadow"]))
    for figure in ("value", "categories", "lines"):
        assert before[figure] == after[figure]


def test_another_version_is_another_ruleset_and_no_other_score(plug: Any) -> None:
    """A ruleset is computed as it was published, or its rule is said to fail; never otherwise."""
    first = plug("recalculate", rules=[HALVES])
    before = plug(*SCORE)
    source = PLUG.replace('= "1"', '= "2"').replace("likelihood / 2", "likelihood / 3")
    (plug.folder / "packages" / "plug.py").write_text(source)
    outdated = {"halves": "published with version 1 of the evaluator halves, which is 2 here"}
    old = plug(*SCORE)
    assert (outdated, {"good"}) == (old["failed"], {one["rule"] for one in old["lines"]})
    second = plug("recalculate")
    assert (True, {}) == (second["published"], second["failed"])
    assert first["ruleset"] != second["ruleset"]
    after = plug(*SCORE)
    assert ({}, True) == (after["failed"], after["value"] < before["value"])
    known = plug(*SCORE, "--known-at", str(before["position"]))
    assert (outdated, old["lines"]) == (known["failed"], known["lines"])


# Surge

BURST = [("acme", "2024-06-01", "a"), ("acme", "2024-06-03", "b"), ("acme", "2024-06-10", "c")]
SURGE = rule(evaluator="surge", parameters={"window": "10 days", "baseline": "100 days"})


def surges(*told: tuple[str, str, str], as_of: str = "2024-12-31", **fields: Any) -> dict[str, Any]:
    """Return the likelihood of each company's line, told of (company, moment, matter)."""
    events = [
        {"type": "claim.alleged", "occurred_at": at, "matter": matter, "parties": [{"company": of}]}
        for of, at, matter in told
    ]
    stands = standing(events, moment(as_of))
    found = scored(Rule.model_validate(SURGE | fields), stands, moment(as_of))
    return {of: line.likelihood for of, one in found.items() for line in one.lines}


def test_surge_by_hand() -> None:
    """0.9 x (2 P(fewer than 3) - 1), Poisson with one more than the baseline's matters / 10."""
    quiet = 0.9 * (2 * math.exp(-0.1) * (1 + 0.1 + 0.1**2 / 2) - 1)
    assert {"acme": pytest.approx(quiet)} == surges(*BURST)
    # The window and the baseline begin after their first moment and hold their last.
    days = ("2024-05-31", "2024-04-01", "2024-03-01", "2024-02-21T00:00:01Z", "2024-02-21")
    past = [("acme", day, day) for day in days]
    busy = 0.9 * (2 * math.exp(-0.5) * (1 + 0.5 + 0.5**2 / 2) - 1)
    assert {"acme": pytest.approx(busy)} == surges(*BURST, *past)
    again = ("acme", "2024-06-09", "2024-04-01")  # a matter begins once
    assert {"acme": pytest.approx(busy)} == surges(*BURST, *past, again)
    assert {} == surges(*BURST[:2])
    assert {} == surges(*BURST, as_of="2024-06-09")


def test_surge_counts_matters_of_the_company_alone() -> None:
    """Those of others do not count, nor those that name it in a role that the rule does not."""
    assert {"acme"} == surges(*BURST, *(("b", at, m) for _, at, m in BURST[:2])).keys()
    assert {"acme", "b"} == surges(*BURST, *(("b", at, m) for _, at, m in BURST)).keys()
    assert {} == surges(*BURST, roles={"victim": 1.0})
    assert {} == surges(*BURST, where={"matter": {"not_in": ["a"]}})


def test_a_burst_stands_out_and_an_even_flow_does_not() -> None:
    """Twenty where one was usual are as likely as can be; about ten where ten were, hardly."""
    usual = [("acme", f"2024-0{3 + n % 3}-{10 + n}", f"{n}") for n in range(9)]
    burst = [("acme", "2024-06-05", f"burst-{number}") for number in range(20)]
    assert {"acme": pytest.approx(0.9)} == surges(*usual, *burst)
    even = [("acme", f"2024-0{n // 28 + 1}-{n % 28 + 1:02}", f"{n}") for n in range(150)]
    assert surges(*even)["acme"] < 0.9 * 0.2


@given(many(), st.sampled_from([1, 7.5, 30]), st.sampled_from([10, 100, 365]), st.integers(1, 4))
def test_surge_equals_a_slow_count(
    units: list[list[Told]], window: float, baseline: float, least: int
) -> None:
    """Each event of each company against all others, matter by matter."""
    one = found("surge", walk_of(units), window=window, baseline=baseline, least=least)
    expected = []
    for unit in units:
        told = sorted(unit, key=lambda one: one.occurred)
        began = {one.matter: one.occurred for one in reversed(told)}.values()
        for now in (one.occurred for one in told):
            ages = [(now - begin) / DAY for begin in began]
            number = sum(0 <= age < window for age in ages)
            mean = (sum(window <= age < window + baseline for age in ages) + 1) * window / baseline
            fewer = sum(math.exp(-mean) * mean**k / math.factorial(k) for k in range(number))
            likely = 0.9 * (2 * fewer - 1) if number >= least and fewer > 0.5 else 0.0
            expected.append((likely, now if likely > 0 else NEVER))
    assert [since for _, since in expected] == one.since.tolist()
    assert [pytest.approx(likely, abs=1e-12) for likely, _ in expected] == one.likelihood.tolist()


@pytest.mark.parametrize(("usual", "number"), [(400, 430), (900, 1_100), (5_000, 4_900)])
def test_surge_of_very_many_matters_is_near_enough(usual: int, number: int) -> None:
    """To four hundredths of what Poisson's distribution says."""
    told = [Told(n * DAY // usual, NUMBER, 1.0, 1, 0, n) for n in range(10 * usual - 1)]
    told += [Told(11 * DAY, NUMBER, 1.0, 1, 0, 10 * usual + n) for n in range(number)]
    one = found("surge", walk_of([told]), window=1, baseline=10)
    terms = (k * math.log(usual) - usual - math.lgamma(k + 1) for k in range(number))
    expected = 0.9 * max(0.0, 2 * math.fsum(map(math.exp, terms)) - 1)
    assert one.likelihood[-1] == pytest.approx(expected, abs=0.04)
