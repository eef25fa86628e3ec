"""Companies that are another one, and owners that are told apart from the companies they own."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import riskmon
from riskmon.decisions import Merge
from riskmon.errors import UnknownCompanyError, UsageError
from riskmon.model import Holding, Link
from riskmon.monitor import Monitor
from riskmon.newcomers import Together
from tests.builders import Clock, company, event, listed, rule, values, write_rules

LEI = "0000MADEUPCHILD00188"
ALPHA = company("alpha", name="Alpha Works", aliases=["Aleph"], identifiers={"lei": LEI})
OWNED = event(type="listing.listed", topics=["section-1260h"], parties=[{"company": "boss"}])
"""What bears on the companies that `boss` controls: 60 points, like on itself."""


def near(**scores: float) -> Any:
    return pytest.approx(scores, abs=1e-9)


def holding(share: float = 0.6, **fields: Any) -> Holding:
    """Return that `boss` holds so much of `alpha`."""
    return Holding.model_validate({"company": "alpha", "owner": "boss", "share": share} | fields)


@pytest.fixture
def merged(monitor: Monitor) -> Monitor:
    """Return a monitor in which alpha is beta; `Zeta` had been accepted as a name of alpha."""
    monitor.declare([ALPHA, company("beta")])
    monitor.accept("Zeta", "alpha")
    monitor.merge("alpha", "beta")
    return monitor


@pytest.mark.parametrize(
    "party",
    [
        {"company": "alpha"},
        {"name": "alpha"},
        {"name": "Alpha Works"},
        {"name": "aleph"},
        {"name": "Somebody", "identifiers": {"lei": LEI}},
        {"name": "Zeta"},
    ],
    ids=["id", "id as a name", "name", "alias", "identifier", "accepted name"],
)
def test_what_names_a_merged_company_counts_for_the_other(merged: Monitor, party: Any) -> None:
    """Whatever it is named by; and it is found by that."""
    merged.ingest([listed(**party)])
    assert near(beta=70) == values(merged)
    assert "beta" == merged.score("alpha").company
    assert 1 == len(merged.events("alpha"))
    if "company" not in party:
        assert "beta" == merged.resolve(party["name"], **party.get("identifiers", {})).company


def test_events_told_before_count_for_the_other(monitor: Monitor) -> None:
    """Those by name and by id; each once, with those that it had."""
    monitor.declare([ALPHA, company("beta")])
    monitor.ingest([listed(company="alpha"), listed("Aleph"), listed("Beta")])
    assert near(alpha=91, beta=70) == values(monitor)
    monitor.merge("alpha", "beta")
    assert near(beta=97.3) == values(monitor)


def test_owners_are_merged_on_both_sides(monitor: Monitor) -> None:
    """What alpha owns is beta's, and who owns alpha owns beta."""
    owners = [{"company": "alpha", "share": 0.6}]
    monitor.declare([company("alpha", owners=[{"company": "top", "share": 0.6}]), company("top")])
    monitor.declare([company("boss"), company("low", owners=owners)])
    monitor.ingest([OWNED])
    assert near(boss=60, top=0, alpha=0, low=0) == values(monitor)
    monitor.merge("alpha", "boss")
    assert near(boss=60, top=0, low=60) == values(monitor)
    monitor.merge("boss", "top")
    assert near(top=60, low=60) == values(monitor)


def test_one_owner_told_of_both_does_not_own_twice(monitor: Monitor) -> None:
    """Of one company under two names three tenths are three tenths."""
    owners = [{"company": "boss", "share": 0.3}]
    monitor.declare([company(one, owners=owners) for one in ("alpha", "beta")])
    monitor.declare([company("boss")])
    monitor.ingest([OWNED])
    minority = values(monitor)["beta"]
    assert 0 < minority < 10
    monitor.merge("alpha", "beta")
    assert near(boss=60, beta=minority) == values(monitor)


def test_a_merge_counts_from_its_position_on(monitor: Monitor) -> None:
    """Before it both are known as they were, in lists and one by one."""
    monitor.declare([ALPHA, company("beta")])
    monitor.ingest([listed(company="alpha")])
    before = monitor.status().position
    monitor.merge("alpha", "beta")
    assert near(alpha=70, beta=0) == values(monitor, known_at=before)
    for name, value in {"alpha": 70, "beta": 0, "Aleph": 70}.items():
        assert value == pytest.approx(monitor.score(name, known_at=before).value)
        last = list(monitor.history(name, known_at=before))[-1]
        assert value == pytest.approx(last.value)
    assert 1 == len(monitor.events("alpha", known_at=before))
    assert [] == monitor.events("beta", known_at=before)


def test_a_receipt_of_a_merged_company_still_holds(monitor: Monitor) -> None:
    """It says what was known; that the score is another one's now is a contradiction of it."""
    monitor.declare([ALPHA, company("beta")])
    monitor.ingest([listed(company="alpha"), listed(company="alpha"), listed("Beta")])
    receipt = monitor.receipt(monitor.score("alpha"))
    position = monitor.status().position
    monitor.merge("alpha", "beta")
    assert [] == monitor.check(receipt)
    (one,) = monitor.changes(position).contradicted
    assert ("alpha", 91, 97.3) == (one.company, round(one.said, 9), round(one.now, 9))


def test_a_split_restores_every_digit(monitor: Monitor) -> None:
    """Scores, names, companies are what they were; it can be merged again."""
    monitor.declare([ALPHA, company("beta")])
    monitor.ingest([listed(company="alpha"), listed("Aleph"), listed("Beta")])
    before = values(monitor), monitor.find("alpha"), monitor.find("beta")
    monitor.merge("alpha", "beta")
    monitor.split("alpha")
    assert before == (values(monitor), monitor.find("alpha"), monitor.find("beta"))
    monitor.merge("alpha", "beta")
    assert near(beta=97.3) == values(monitor)
    monitor.verify()


@pytest.mark.parametrize("order", [["a-b", "b-c"], ["b-c", "a-b"]])
def test_a_chain_of_merges_ends_in_its_last(monitor: Monitor, order: list[str]) -> None:
    """In any order; and a split takes back that one merge alone."""
    monitor.declare([company(one) for one in "abc"])
    monitor.ingest([listed(company=one) for one in "ab"])
    for pair in order:
        monitor.merge(*pair.split("-"))
    assert near(c=91) == values(monitor)
    assert ["c", "c"] == [monitor.find(one).id for one in "ab"]
    monitor.split("b")
    assert near(b=91, c=0) == values(monitor)


def test_a_circle_of_merges_is_refused(monitor: Monitor) -> None:
    """A company into itself, back, or round; nothing is stored."""
    monitor.declare([company(one) for one in "abc"])
    monitor.merge("a", "b")
    monitor.merge("b", "c")
    position = monitor.status().position
    for one, other in (("c", "c"), ("c", "a"), ("c", "b")):
        with pytest.raises(UsageError, match=f"{one} and {other} are one company already"):
            monitor.merge(one, other)
    with pytest.raises(UsageError, match="b was merged into c: split it first"):
        monitor.merge("b", "a")
    for one, other in (("d", "a"), ("c", "d")):
        with pytest.raises(UnknownCompanyError, match="the id of a declared company, got 'd'"):
            monitor.merge(one, other)
    for one in ("c", "d"):
        with pytest.raises(UsageError, match=f"'{one}' was not merged"):
            monitor.split(one)
    assert position == monitor.status().position


def test_a_circle_that_two_persons_make_at_once_stops_nobody(monitor: Monitor, url: str) -> None:
    """Each checked before the other's was stored: the first stands, whoever reads it."""
    monitor.declare([company("a"), company("b")])
    monitor.ingest([listed(company="a")])
    monitor.merge("a", "b")
    monitor._append_merge(Merge(company="b", into="a"))
    with riskmon.open(url, clock=monitor._clock) as other:
        assert near(b=70) == values(monitor) == values(other)


def test_a_merge_outlives_a_nightly_declaration(monitor: Monitor) -> None:
    """The same again, or with another alias, which is the other company's then."""
    monitor.declare([ALPHA, company("beta")])
    monitor.merge("alpha", "beta")
    monitor.ingest([listed("Alif")])
    assert near(beta=0) == values(monitor)
    assert 2 == monitor.declare([ALPHA, company("beta")]).duplicates
    monitor.declare([ALPHA | {"aliases": ["Alif"]}])
    assert near(beta=70) == values(monitor)


def test_rules_and_publishers_that_name_a_merged_company_mean_the_other(tmp_path: Path) -> None:
    """A `where` on parties reads who they are; a teller with a conflict has it still."""
    folder = write_rules(
        tmp_path / "rules",
        rule(where={"party": {"jurisdiction": "cn"}}),
        publishers=[{"id": "reuters", "credibility": 0.5, "conflicts": ["alpha"]}],
    )
    with riskmon.open("sqlite://", rules=folder, clock=Clock()) as monitor:
        monitor.declare([company(one, jurisdiction="cn") for one in ("alpha", "beta")])
        monitor.ingest([event(parties=[{"company": "alpha"}])])
        (before, _) = values(monitor).values()
        assert before > 0
        monitor.merge("alpha", "beta")
        assert near(beta=before) == values(monitor)


# Holdings


def test_a_holding_holds_from_and_until(monitor: Monitor) -> None:
    """Told again it is a duplicate, with an end a revision; before that it was open."""
    monitor.declare([company("alpha"), company("boss")])
    monitor.ingest([OWNED])
    assert 1 == monitor.declare([holding(since="2024-02-01")]).appended
    assert 1 == monitor.declare([holding(since="2024-02-01")]).duplicates
    before = monitor.status().position
    assert 1 == monitor.declare([holding(since="2024-02-01", until="2024-03-01")]).revised
    days = ["2024-01-31", "2024-02-01", "2024-02-29", "2024-03-01"]
    found = [values(monitor, as_of=day)["alpha"] > 1 for day in days]
    assert [False, True, True, False] == found
    assert values(monitor, as_of="2024-03-01", known_at=before)["alpha"] > 1


def test_two_holdings_of_one_day_are_two_or_one_everywhere(monitor: Monitor) -> None:
    """What the ledger takes for a revision takes the place of what it revises."""
    monitor.declare([company("alpha"), company("boss")])
    report = monitor.declare([holding(0.3, since=f"2020-01-01T0{hour}:00:00Z") for hour in "12"])
    assert report.appended == len(monitor.find("alpha").owners)


def test_holdings_of_companies_that_nobody_watches_are_counted(monitor: Monitor) -> None:
    """They are no entries; an owner may be declared later."""
    monitor.declare([company("alpha")])
    report = monitor.declare([holding(), holding(company="somebody")])
    assert (1, 1, []) == (report.appended, report.ignored, report.rejected)
    assert "1 appended" in str(report)
    assert "1 ignored" in str(report)
    monitor.ingest([listed("Boss") | {"topics": ["section-1260h"]}])
    assert near(alpha=0) == values(monitor)
    monitor.declare([company("boss")])
    assert near(alpha=60, boss=60) == values(monitor)


def test_a_company_declared_anew_keeps_its_owners(monitor: Monitor, url: str) -> None:
    """Lists of companies do not say who owns them; the one who follows says as a new reader."""
    monitor.declare([company("alpha"), company("boss"), holding()])
    monitor.ingest([OWNED])
    monitor.declare([company("alpha", aliases=["Aleph"])])
    monitor.declare([company("alpha", jurisdiction="cn")])
    with riskmon.open(url, clock=monitor._clock) as rebuilt:
        assert near(alpha=60, boss=60) == values(monitor) == values(rebuilt)
        assert monitor.find("alpha") == rebuilt.find("alpha")


@pytest.mark.parametrize("since", [{}, {"since": "2020-01-01"}])
def test_one_owner_told_by_two_lists_does_not_own_twice(monitor: Monitor, since: Any) -> None:
    """Three tenths by the watchlist, and three tenths by a register, are not six."""
    owner = {"company": "boss", "share": 0.3}
    monitor.declare([company("alpha", owners=[owner]), company("boss")])
    monitor.ingest([OWNED])
    minority = values(monitor)["alpha"]
    monitor.declare([holding(0.3, **since)])
    assert near(alpha=minority, boss=60) == values(monitor)


def test_a_remark_that_links_two_companies_waits_for_a_person(monitor: Monitor) -> None:
    """Only between declared companies; whoever holds or unlinks them settles it, undeclared too."""
    monitor.declare([company("oil", name="Made Up Oil Company"), company("ministry")])
    remark = {"source": "ofac-sdn", "ref": "1", "name": "MADE UP OIL COMPANY"}
    links = [Link.model_validate(remark | {"owner": one}) for one in ("MINISTRY", "Somebody")]
    monitor.declare(links)
    assert [("oil", "ministry", (links[0],))] == [tuple(one) for one in monitor.links()]
    before = monitor._ledger.size()
    monitor.unlink("oil", "ministry", by="J. Park")
    assert [] == monitor.links()
    monitor.hold("oil", "ministry", 0.6, since="2020-01-01")
    monitor.ingest([OWNED | {"parties": [{"company": "ministry"}]}])
    assert (before + 3, ["ministry"]) == (
        monitor._ledger.size(),
        [owner.company for owner in monitor.find("oil").owners],
    )


def test_a_company_that_comes_later_is_scored_beside_the_others(monitor: Monitor) -> None:
    """Nothing that was computed is computed again, and a rebuild says the same."""
    monitor.declare([company(f"firm-{one}") for one in range(20)])
    monitor.ingest([listed(company=f"firm-{one}") | {"ref": str(one)} for one in range(20)])
    monitor.ingest([listed("Zarvex Optics") | {"ref": "z"}])
    before = monitor.scores()
    assert 20 == len(before)
    monitor.declare([company("zarvex", name="Zarvex Optics Ltd")])
    now = {score.company: round(score.value, 9) for score in monitor.scores()}
    assert isinstance(monitor._replay._view, Together)
    assert {f"firm-{one}": 70 for one in range(20)} | {"zarvex": 70} == now
    assert sorted(now) == [score.company for score in monitor.scores()]
    assert 70 == round(monitor.score("zarvex").value, 9)


@pytest.mark.parametrize("by", ["", "x" * 3000])
def test_a_link_is_turned_down_by_somebody_who_can_be_named(monitor: Monitor, by: str) -> None:
    """Else it is said, and nothing is stored."""
    monitor.declare([company("a"), company("b")])
    before = monitor._ledger.size()
    with pytest.raises(UsageError, match="by: expected"):
        monitor.unlink("a", "b", by=by)
    assert before == monitor._ledger.size()
