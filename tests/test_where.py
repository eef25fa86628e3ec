"""`where`, on real monitors: which events a rule reads, by every field and every operator."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest

import riskmon
from riskmon.monitor import Monitor
from tests.builders import Clock, company, event, rule, withdrawal, write_rules

FIRMS = [
    company("acme", jurisdiction="us", aliases=["Acme Robotics Ltd."]),
    company("baidu", jurisdiction="cn"),
    company("carl"),
]
DEAL = event(
    source="ft",
    ref="deal-1",
    type="corporate.funded",
    matter="series-a",
    occurred_at="2024-03-10T12:00:00Z",
    published_at="2024-03-11",
    topics=["outbound-investment", "sanctions-commentary"],
    scope=["country:cn", "sector:ai"],
    origin="reuters",
    credibility=0.4,
    attributes={
        "usd": 5_000_000,
        "round": "A",
        "final": True,
        "board": {"seats": 2, "chair": {"name": "Li"}},
        "tags": ["seed", "chips"],
        "closes": "2024-05-01",
        "notes": None,
        "a.b": "dotted",
    },
    parties=[{"company": "baidu"}, {"name": "ACME Robotics, Ltd", "role": "investor"}],
)
STAGES = {"corporate.funded": 1.0, "corporate.hired": 0.5}
BARE = event(ref="bare", type="corporate.funded", occurred_at="2024-03-10", parties=[])
"""An event without any field that may be missing."""


@contextmanager
def watching(*rules: dict[str, Any], told: Any = (DEAL,), firms: Any = FIRMS) -> Iterator[Monitor]:
    """Open a monitor in memory, with these rules, told of these events."""
    with TemporaryDirectory() as name:
        folder = write_rules(Path(name) / "rules", *rules)
        with riskmon.open("sqlite://", rules=folder, clock=Clock("2024-06-01")) as monitor:
            assert [] == monitor.declare(firms).rejected
            assert [] == monitor.ingest(list(told)).rejected
            yield monitor


def reading(where: Any, **fields: Any) -> dict[str, Any]:
    """Return a rule that reads fundings that meet a `where`."""
    return rule(stages=STAGES, where=where) | fields


def reads(*wheres: Any, told: dict[str, Any] = DEAL) -> list[bool]:
    """Return for each `where` whether a rule that has it reads an event."""
    named = told | {"parties": [*told["parties"], {"company": "carl", "role": "watched"}]}
    rules = [
        reading(where, id=f"rule-{number}", roles={"watched": 1.0})
        for number, where in enumerate(wheres)
    ]
    with watching(*rules, told=[named]) as monitor:
        lines = {line.rule for line in monitor.score("carl", as_of="2024-04-01").lines}
    return [f"rule-{number}" in lines for number in range(len(wheres))]


MET: dict[str, list[Any]] = {
    "source": ["ft", ["wsj", "ft"], {"in": ["ft"]}, {"not_in": ["wsj"]}],
    "ref": ["deal-1", {"any": ["deal-2", "deal-1"]}],
    "type": ["corporate.funded", {"none": ["corporate.hired"]}],
    "matter": ["series-a", {"not_in": ["series-b"]}],
    "topics": [
        "outbound-investment",
        ["tariffs", "sanctions-commentary"],
        {"any": ["tariffs", "outbound-investment"]},
        {"none": ["tariffs"]},
        {"any": ["outbound-investment"], "none": ["tariffs", "uflpa"]},
    ],
    "scope": ["country:cn", {"any": ["sector:ai"]}, {"none": ["country:us"]}],
    "origin": ["reuters", {"in": ["reuters", "ap"]}],
    "credibility": [0.4, {"gte": 0.4}, {"lt": 0.41}, {"gte": 0.3, "lt": 0.5}],
    "occurred_at": [
        {"gte": "2024-03-10T12:00:00Z"},
        {"gte": "2024-03-10T20:00:00+08:00"},
        {"lt": "2024-03-10T12:00:01Z"},
        {"gte": "2024-03-10", "lt": "2024-03-11"},
        "2024-03-10T12:00:00Z",
        {"in": ["2024-03-09", "2024-03-10T20:00:00+08:00"]},
    ],
    "published_at": [{"gte": "2024-03-11"}, {"lt": "2024-03-12"}, "2024-03-11"],
    "attributes.usd": [5_000_000, 5e6, {"gte": 5e6}, {"lt": 5_000_001}, {"not_in": [1]}],
    "attributes.round": ["A", ["A", "B"], {"none": ["a"]}],
    "attributes.final": [True, [False, True], {"not_in": [False]}],
    "attributes.board.seats": [2, {"gte": 2}],
    "attributes.board.chair.name": ["Li"],
    "attributes.tags": ["chips", {"any": ["seed"]}, {"none": ["cars"]}],
    "attributes.closes": [{"gte": "2024-05-01"}, {"lt": "2024-05-02"}, "2024-05-01"],
    "attributes.a.b": ["dotted"],
    "attributes.notes": [{"not_in": ["x"]}],
    "party": [
        {"role": "investor"},
        {"role": ["investor", "victim"], "jurisdiction": "us"},
        {"company": "acme"},
        {"name": "ACME Robotics, Ltd"},
        {"jurisdiction": {"not_in": ["us", "cn"]}},  # Carl's is not known
        [{"role": "victim"}, {"role": "investor", "company": "acme"}],
        {"none": {"role": "investor", "jurisdiction": "cn"}},
        {"none": [{"role": "victim"}, {"company": "acme", "role": "subject"}]},
    ],
}
MISSED: dict[str, list[Any]] = {
    "source": ["FT", {"not_in": ["ft"]}, {"gte": 1}],
    "ref": ["deal", {"none": ["deal-1"]}],
    "type": ["corporate.hired", {"in": ["corporate.hired"]}],
    "topics": [
        ["tariffs", "uflpa"],
        {"none": ["tariffs", "outbound-investment"]},
        {"any": ["outbound-investment"], "none": ["sanctions-commentary"]},
    ],
    "scope": ["country", {"none": ["sector:ai"]}],
    "origin": ["ft"],
    "credibility": [0.5, {"gte": 0.41}, {"lt": 0.4}, {"gte": "2024-01-01"}],
    "occurred_at": [
        {"gte": "2024-03-10T12:00:00.000001Z"},
        {"lt": "2024-03-10T12:00:00Z"},
        {"gte": 5},
        "2024-03-10",
        {"not_in": ["2024-03-10T12:00:00Z"]},
    ],
    "published_at": [{"gte": "2024-03-12"}, {"lt": "2024-03-11"}],
    "attributes.usd": ["5000000", {"lt": 5e6}, {"gte": "2024-01-01"}, True],
    "attributes.round": ["a", {"gte": 1}, {"lt": "2024-01-01"}],
    "attributes.final": [1, "true", {"gte": 1}, {"lt": 2}, {"in": [1, 1.0]}],
    "attributes.board": [2, "seats", {"gte": 0}],
    "attributes.board.seats": [3, {"lt": 2}, True],
    "attributes.tags": ["seed,chips", {"none": ["cars", "chips"]}],
    "attributes.closes": [{"lt": "2024-05-01"}, {"gte": 2024}],
    "attributes.usd.more": [5e6, {"gte": 0}],
    "attributes.notes": ["x", {"lt": 1}],
    "party": [
        {"role": "victim"},
        {"role": "investor", "jurisdiction": "cn"},  # the one is not the other
        {"role": "subject", "company": "acme"},
        {"company": "carl", "jurisdiction": "us"},
        {"name": "Acme"},
        {"kind": "person"},
        [{"role": "victim"}, {"role": "subject", "jurisdiction": "us"}],
        {"none": {"role": "investor"}},
        {"none": [{"role": "victim"}, {"company": "acme"}]},
    ],
}


CASES = [(field, True) for field in MET] + [(field, False) for field in MISSED]


@pytest.mark.parametrize(("field", "met"), CASES)
def test_a_field(field: str, met: bool) -> None:  # noqa: FBT001 (one of two tables)
    """An event is read where it meets the test; not where it cannot be compared."""
    tests = (MET if met else MISSED)[field]
    found = zip(tests, reads(*({field: test} for test in tests)), strict=True)
    assert [(test, met) for test in tests] == list(found)


def test_a_missing_field_meets_only_what_denies() -> None:
    """`not_in` and `none`; no value, no list, no bound."""
    fields = ["matter", "topics", "scope", "origin", "credibility", "published_at"]
    fields += ["attributes.usd", "attributes.board.seats"]
    value = {"credibility": 0.5, "attributes.usd": 1, "published_at": "2024-03-10"}
    for field in fields:
        one = value.get(field, "x")
        tests = [one, [one], {"in": [one]}, {"any": [one]}, {"gte": 0}, {"lt": "2199-01-01"}]
        denials = [{"not_in": [one]}, {"none": [one]}, {"not_in": [one], "none": [one]}]
        met = reads(*({field: test} for test in (*tests, *denials)), told=BARE)
        assert [False] * 6 + [True] * 3 == met, field


def test_keys_are_anded_and_lists_ored() -> None:
    """All of a map, any of a list."""
    both = {"attributes.round": "A", "source": ["wsj", "ft"], "topics": {"none": ["tariffs"]}}
    wheres = [both, *(both | {name: "no-such"} for name in both), both | {"party": {"role": "x"}}]
    assert [True, False, False, False, False] == reads(*wheres)


def test_true_is_not_1_and_1_is_1_0() -> None:
    """Neither way round; nor does a bound compare true."""
    told = DEAL | {"attributes": {"one": 1, "real": 1.0, "true": True, "none": 0}}
    wheres = [
        {f"attributes.{name}": test}
        for name in ("one", "real", "true", "none")
        for test in (1, 1.0, True, False, {"gte": 0})
    ]
    expected = [True, True, False, False, True] * 2 + [False, False, True, False, False]
    assert [*expected, False, False, False, False, True] == reads(*wheres, told=told)


def test_what_is_not_met_is_not_there() -> None:
    """Its topics, its parties, its scope and its stage are not; another rule sees them all."""
    parts: list[dict[str, Any]] = [
        {"topics": ["theft"], "parties": []},
        {"parties": [{"company": "acme"}]},
        {"scope": ["country:cn"]},
        {"type": "corporate.hired", "parties": [{"company": "carl"}]},
    ]
    told = [DEAL | {"topics": [], "scope": [], "parties": [{"company": "carl"}]}]
    told += [
        DEAL | {"topics": [], "scope": [], "parties": [], "source": "other", "ref": f"{n}"} | part
        for n, part in enumerate(parts)
    ]
    fields: dict[str, Any] = {"scope": 0.5, "half_life": "1000 days", "severity": 50}
    met, all_ = {"source": ["ft"]}, {"source": ["ft", "other"]}
    rules = [
        reading(met, id="some", **fields),
        reading(met, id="topical", topics=["theft"], **fields),
        reading(all_, id="all", topics=["theft"], **fields),
        rule(id="bare", stages=STAGES, topics=["theft"], **fields),
    ]
    with watching(*rules, told=told) as monitor:
        found = {
            (one.company, line.rule): (line.likelihood, line.weight, len(line.events))
            for one in monitor.scores(as_of="2024-04-01")
            for line in one.lines
        }
    everything = {"carl": 1.0, "acme": 1.0, "baidu": 0.5}
    assert found == {("carl", "some"): (1.0, 1.0, 1)} | {
        (firm, name): (0.5, weight, 5)
        for name in ("all", "bare")
        for firm, weight in everything.items()
    }


def test_a_party_is_the_company_that_its_name_means() -> None:
    """By id, by name, by alias, by identifier; an ambiguous name is nobody's."""
    firms = [
        *FIRMS,
        company(
            "dee", jurisdiction="us", identifiers={"lei": "5493001KJTIIGC8Y1R12"}, aliases=["Twin"]
        ),
        company("eff", jurisdiction="us", aliases=["Twin"]),
    ]
    where = {"party": {"role": "investor", "jurisdiction": "us"}}
    parties: dict[str, dict[str, Any]] = {
        "id": {"company": "acme"},
        "alias": {"name": "ACME ROBOTICS LTD"},
        "identifier": {"name": "Anybody", "identifiers": {"lei": "5493001KJTIIGC8Y1R12"}},
        "chinese": {"name": "Baidu"},
        "twin": {"name": "Twin"},
        "nobody": {"name": "Undeclared"},
    }
    told = [
        DEAL
        | {
            "ref": name,
            "matter": name,
            "parties": [{"company": "carl"}, one | {"role": "investor"}],
        }
        for name, one in parties.items()
    ]
    with watching(reading(where), told=told, firms=firms) as monitor:
        lines = monitor.score("carl", as_of="2024-04-01").lines
    assert {"id", "alias", "identifier"} == {line.matter for line in lines}


def same(monitor: Monitor, folder: Path) -> dict[str, float]:
    """Return all scores, which a monitor that opens the database afterwards gives too."""
    asked: dict[str, Any] = {"as_of": "2024-05-01"}
    found = {one.company: one.value for one in monitor.scores(**asked)}
    for name, value in found.items():
        assert value == pytest.approx(monitor.score(name, **asked).value, abs=1e-9)
    with riskmon.open(f"sqlite:///{folder / 'risk.db'}") as rebuilt:
        again = {one.company: one.value for one in rebuilt.scores(**asked)}
    assert again == pytest.approx(found, abs=1e-9)
    return found


@pytest.fixture
def live(tmp_path: Path) -> Iterator[Monitor]:
    """Open a monitor on a file, whose one rule wants an American investor."""
    where = {"party": {"role": "investor", "jurisdiction": "us"}, "attributes.usd": {"gte": 1e6}}
    folder = write_rules(tmp_path / "rules", reading(where, half_life="1000 days"))
    url = f"sqlite:///{tmp_path / 'risk.db'}"
    with riskmon.open(url, rules=folder, clock=Clock("2024-06-01")) as monitor:
        monitor.declare(FIRMS)
        monitor.ingest([event(type="corporate.founded") for _ in range(40)])
        yield monitor


def test_a_score_follows_each_event_as_it_is_told(live: Monitor, tmp_path: Path) -> None:
    """Told, revised, withdrawn, told again, moved; live as rebuilt, and the past stays."""
    steps: list[tuple[dict[str, Any], bool]] = [
        (DEAL, True),
        (DEAL | {"attributes": {"usd": 999_999}}, False),
        (DEAL | {"attributes": {"usd": 1_000_000}}, True),
        (withdrawal(DEAL), False),
        (DEAL | {"parties": [{"company": "baidu"}]}, False),
        (DEAL | {"matter": "elsewhere"}, True),
    ]
    positions = []
    for one, met in steps:
        assert [] == live.ingest([one]).rejected
        assert met is (same(live, tmp_path)["baidu"] > 40), one
        positions.append(live.status().position)
    asked = {"as_of": "2024-05-01"}
    assert [met for _, met in steps] == [
        live.score("baidu", **asked, known_at=position).value > 40 for position in positions
    ]


def test_a_score_follows_what_is_declared(live: Monitor, tmp_path: Path) -> None:
    """A jurisdiction is that which is declared by then; so is whom a name means."""
    live.ingest([DEAL])
    acme = FIRMS[0]
    steps = [(acme | {"jurisdiction": "gb"}, False), (acme, True), (acme | {"aliases": []}, False)]
    positions = [live.status().position]
    for declared, met in steps:
        live.declare([declared])
        assert met is (same(live, tmp_path)["baidu"] > 40), declared
        positions.append(live.status().position)
    asked = {"as_of": "2024-05-01"}
    assert [True, False, True, False] == [
        live.score("baidu", **asked, known_at=position).value > 40 for position in positions
    ]


def test_an_event_that_names_a_person_is_read_until_the_person_is_forgotten(
    live: Monitor, tmp_path: Path
) -> None:
    """What is sealed is opened for `where`; once it is gone, it is gone for everybody."""
    person = {"name": "Li Na", "kind": "person", "role": "mentioned"}
    live.ingest([DEAL | {"parties": [*DEAL["parties"], person]}])
    assert same(live, tmp_path)["baidu"] > 40
    live.forget("Li Na")
    assert 0 == same(live, tmp_path)["baidu"]


def test_a_party_who_is_a_person() -> None:
    """By kind and sealed name, never a company's; in memory too, where one connection is all."""
    told = DEAL | {"parties": [{"name": "Acme", "kind": "person", "role": "mentioned"}]}
    tests = [{"kind": "person", "name": "Acme"}, {"none": {"kind": "person"}}, {"company": "acme"}]
    assert [True, False, False] == reads(*({"party": test} for test in tests), told=told)
