"""Decisions about names: what likeness accepts, what a person says, what identifiers forbid."""

from __future__ import annotations

import json
from typing import Any

import pytest

import riskmon
from riskmon.errors import UnknownCompanyError, UsageError
from riskmon.model import Company, Entry
from riskmon.monitor import Monitor
from riskmon.names import Names
from riskmon.naming import digest
from tests.builders import company, listed, values

HUAWEI = company("huawei", name="Huawei Technologies Co., Ltd.")
LIKELY, UNSURE = "Huawei Tech. Co.", "Huawei Technologies Syria"
LEI, OTHER_LEI, BAD_LEI = (
    "0000MADEUPCHILD00188",
    "0000MADEUPOWNER00102",
    "0000MADEUPCHILD00189",
)


def near(**scores: float) -> Any:
    return pytest.approx(scores, abs=1e-9)


def decided(monitor: Monitor) -> list[Entry]:
    return [one for one in monitor.entries() if one.kind == "match.decided"]


def said(monitor: Monitor) -> list[tuple[str, str, str]]:
    """Return of each decision who decided, what, and of which company."""
    bodies = [(one.source, json.loads(one.body)) for one in decided(monitor)]
    return [(source, body["verdict"], body["company"]) for source, body in bodies]


def waiting(monitor: Monitor) -> list[tuple[str, list[str]]]:
    """Return the names that wait, each with whom it may mean."""
    return [(one.name, [each.company for each in one.candidates]) for one in monitor.review()]


# What likeness decides


def test_a_match_is_an_entry_that_says_why(monitor: Monitor) -> None:
    """By riskmon, with how likely it was, the reasons, and what model said so."""
    monitor.declare([HUAWEI])
    assert 1 == monitor.ingest([listed(LIKELY)]).matched
    (entry,) = decided(monitor)
    found = Names([Company.model_validate(HUAWEI)]).resolve([LIKELY])
    assert found.accepted is not None
    assert ("riskmon", 1) == (entry.source, entry.revision)
    assert {
        "name": LIKELY,
        "company": "huawei",
        "verdict": "accept",
        "score": round(found.accepted.score, 4),
        "reasons": list(found.reasons),
        "model": digest(),
    } == json.loads(entry.body)
    assert near(huawei=70) == values(monitor)


def test_before_its_match_an_event_counts_for_nobody(monitor: Monitor) -> None:
    """As known at the position before the entry; from it on it does."""
    monitor.declare([HUAWEI])
    monitor.ingest([listed(LIKELY)])
    (entry,) = decided(monitor)
    assert near(huawei=0) == values(monitor, known_at=entry.position - 1)
    assert near(huawei=70) == values(monitor, known_at=entry.position)


def test_one_name_in_two_spellings_is_one_decision(monitor: Monitor) -> None:
    """They have the same words, so the second has nothing to add."""
    monitor.declare([HUAWEI])
    assert 1 == monitor.ingest([listed(LIKELY), listed(LIKELY.upper())]).matched
    assert 1 == len(decided(monitor))


def test_what_a_company_calls_itself_is_stronger_than_likeness(monitor: Monitor) -> None:
    """A company declared later with that very name is meant, and nobody else."""
    monitor.declare([HUAWEI])
    monitor.ingest([listed(LIKELY)])
    monitor.declare([company("tech", name=LIKELY)])
    assert near(huawei=0, tech=70) == values(monitor)
    assert "tech" == monitor.find(LIKELY).id


# What a person decides


def test_accepted_a_name_is_one_of_the_company(monitor: Monitor) -> None:
    """However it is written; from that position on; by whom and why is in the entry."""
    monitor.declare([HUAWEI])
    monitor.ingest([listed(UNSURE)])
    ((name, companies),) = waiting(monitor)
    assert (UNSURE, ["huawei"]) == (name, companies)
    score = monitor.review()[0].candidates[0].score
    before = monitor.status().position
    monitor.accept(UNSURE, "huawei", by="Ann", why="its branch")
    assert near(huawei=70) == values(monitor)
    assert near(huawei=0) == values(monitor, known_at=before)
    assert "huawei" == monitor.find(UNSURE.upper()).id
    assert [] == monitor.review()
    (entry,) = decided(monitor)
    assert "review" == entry.source
    assert {
        "name": UNSURE,
        "company": "huawei",
        "verdict": "accept",
        "by": "Ann",
        "why": "its branch",
        "score": round(score, 4),
    } == json.loads(entry.body)


def test_deciding_the_same_again_is_no_entry(monitor: Monitor) -> None:
    """How likely it was is what it was before a person said so."""
    monitor.declare([HUAWEI])
    monitor.accept(UNSURE, "huawei")
    monitor.accept(UNSURE, "huawei")
    assert 1 == len(decided(monitor))


def test_a_name_of_two_companies_is_settled_by_accept(monitor: Monitor) -> None:
    """Until then it is nobody's and says why; then it is rejected for the other one."""
    monitor.declare([company("a", aliases=["Acme"]), company("b", aliases=["ACME."])])
    monitor.ingest([listed("Acme")])
    assert near(a=0, b=0) == values(monitor)
    assert [("Acme", ["a", "b"])] == waiting(monitor)
    assert (
        "'Acme' has the words of a's name 'Acme'",
        "'Acme' has the words of b's name 'ACME.'",
        "more than one company fits",
    ) == monitor.review()[0].resolution.reasons
    monitor.accept("Acme", "b")
    assert near(a=0, b=70) == values(monitor)
    assert [("review", "accept", "b"), ("review", "reject", "a")] == said(monitor)
    monitor.accept("Acme", "a")  # somebody knows better
    assert near(a=70, b=0) == values(monitor)


def test_a_name_of_two_companies_is_shown_by_their_names(monitor: Monitor) -> None:
    """A candidate names the stored name that is the same, not the company's id."""
    monitor.declare([company("a", aliases=["Acme"]), company("b", aliases=["ACME."])])
    assert ["Acme", "ACME."] == [one.name for one in monitor.resolve("acme").candidates]


def test_a_company_with_an_accepted_name_makes_it_wait_again(monitor: Monitor) -> None:
    """A person said it of another one, before this one was known: a person has to say more."""
    monitor.declare([company("a")])
    monitor.ingest([listed("Zeta")])
    monitor.accept("Zeta", "a")
    monitor.declare([company("zeta")])
    assert near(a=0, zeta=0) == values(monitor)
    assert [("Zeta", ["a", "zeta"])] == waiting(monitor)


def test_a_person_is_stronger_than_likeness(monitor: Monitor) -> None:
    """Who rejects what likeness accepted, and who says it is another company."""
    monitor.declare([HUAWEI, company("other")])
    monitor.ingest([listed(LIKELY)])
    monitor.reject(LIKELY, "huawei")
    assert near(huawei=0, other=0) == values(monitor)
    monitor.accept(LIKELY, "other")
    assert near(huawei=0, other=70) == values(monitor)


@pytest.mark.parametrize("name", [LIKELY, UNSURE])
def test_what_was_rejected_is_not_proposed_again(monitor: Monitor, url: str, name: str) -> None:
    """Told again, by another process, declared anew with a name that is nearer still."""
    monitor.declare([HUAWEI])
    monitor.reject(name, "huawei")
    monitor.ingest([listed(name)])
    with riskmon.open(url, clock=monitor._clock) as other:
        other.ingest([listed(name)])
        other.declare([HUAWEI | {"aliases": ["Huawei Technology Co Syria", "Huawei Tech Company"]}])
        other.recalculate()
        for again in (monitor, other):
            assert near(huawei=0) == values(again)
            assert [] == waiting(again)
            assert [("review", "reject", "huawei")] == said(again)
        assert "nobody" == again.resolve(name).verdict


@pytest.mark.parametrize("decide", ["accept", "reject"])
def test_undo_takes_back_what_a_person_decided(monitor: Monitor, decide: str) -> None:
    """The name waits as before; what was known in between stays so."""
    monitor.declare([HUAWEI])
    monitor.ingest([listed(UNSURE)])
    before = monitor.resolve(UNSURE)
    getattr(monitor, decide)(UNSURE, "huawei")
    between = monitor.status().position
    monitor.undo(UNSURE, "huawei")
    assert before == monitor.resolve(UNSURE)
    assert [(UNSURE, ["huawei"])] == waiting(monitor)
    assert near(huawei=0) == values(monitor)
    assert near(huawei=70 if decide == "accept" else 0) == values(monitor, known_at=between)
    with pytest.raises(UsageError, match="nothing was decided about"):
        monitor.undo(UNSURE, "huawei")


def test_undo_takes_back_what_likeness_decided(monitor: Monitor) -> None:
    """Telling the name again does not bring it back."""
    monitor.declare([HUAWEI])
    monitor.ingest([listed(LIKELY)])
    monitor.undo(LIKELY, "huawei")
    assert near(huawei=0) == values(monitor)
    assert 0 == monitor.ingest([listed(LIKELY)]).matched
    assert near(huawei=0) == values(monitor)


def _undone(monitor: Monitor) -> str:
    monitor.declare([HUAWEI])
    monitor.ingest([listed(LIKELY)])
    monitor.undo(LIKELY, "huawei")
    return LIKELY


def _without_its_rival(monitor: Monitor) -> str:
    name = "Hikvision Digital Tech Co Ltd"
    rivals = ["Hikvision Digital Technology Co., Ltd.", "Hikvision Digital Technology Corp"]
    monitor.declare([company(str(number), name=one) for number, one in enumerate(rivals)])
    monitor.ingest([listed(name)])
    monitor.reject(name, "1")
    return name


def _like_an_accepted_one(monitor: Monitor) -> str:
    monitor.declare([company("zzyx")])
    monitor.ingest([listed(LIKELY)])
    monitor.accept(str(HUAWEI["name"]), "zzyx")
    return LIKELY


@pytest.mark.parametrize("way", [_undone, _without_its_rival, _like_an_accepted_one])
def test_no_name_is_lost_between_likeness_and_review(monitor: Monitor, way: Any) -> None:
    """What `resolve` would accept counts, or waits for a person: one of the two."""
    name = way(monitor)
    monitor.recalculate()
    assert monitor.resolve(name).company
    counts = max(values(monitor).values()) > 0
    assert counts != (name in [waits for waits, _ in waiting(monitor)])


# Identifiers


def test_an_identifier_decides_whatever_the_name_says(monitor: Monitor) -> None:
    """Those of a company that is declared, in any of their forms."""
    monitor.declare([company("a", identifiers={"lei": LEI}), company("b")])
    monitor.ingest([listed("B", identifiers={"lei": LEI.lower()})])
    assert near(a=70, b=0) == values(monitor)


def test_an_identifier_of_another_company_forbids_an_equal_name(monitor: Monitor) -> None:
    """It waits, with the reason; the veto holds for what a person accepted of other events."""
    monitor.declare([company("a", identifiers={"lei": LEI})])
    monitor.accept("Acme", "a")
    names = ["A", "Acme"]
    monitor.ingest([listed(name, identifiers={"lei": OTHER_LEI}) for name in names])
    assert near(a=0) == values(monitor)
    veto = f"veto: lei {OTHER_LEI} is not a's, which is {LEI}"
    found = monitor.review()
    assert names == [one.name for one in found]
    assert [veto, veto] == [one.resolution.reasons[-1] for one in found]


def test_an_identifier_that_cannot_be_one_says_nothing(monitor: Monitor) -> None:
    """Of an LEI whose check digits do not fit nobody knows whose it is: the name is read."""
    monitor.declare([company("a", identifiers={"lei": LEI}), company("b")])
    monitor.ingest([listed("A", identifiers={"lei": BAD_LEI})])
    assert near(a=70, b=0) == values(monitor)
    assert "nobody" == monitor.resolve("Somebody", lei=BAD_LEI).verdict


def test_an_identifier_told_later_forbids_what_was_accepted(monitor: Monitor, url: str) -> None:
    """In the process that followed as in a new one."""
    monitor.declare([company("a")])
    monitor.ingest([listed("Acme", identifiers={"lei": OTHER_LEI})])
    monitor.accept("Acme", "a")
    assert near(a=70) == values(monitor)
    monitor.declare([company("a", identifiers={"lei": LEI})])
    with riskmon.open(url, clock=monitor._clock) as rebuilt:
        assert near(a=0) == values(rebuilt)
    assert near(a=0) == values(monitor)


# What cannot be decided


def test_a_decision_about_a_company_that_nobody_declared_is_refused(monitor: Monitor) -> None:
    """With the nearest id there is; nothing is stored."""
    monitor.declare([HUAWEI])
    for decide in (monitor.accept, monitor.reject, monitor.undo):
        with pytest.raises(UnknownCompanyError, match=r"'huawai'; did you mean 'huawei'\?"):
            decide(UNSURE, "huawai")
    assert [] == decided(monitor)


@pytest.mark.parametrize(
    ("name", "more"),
    [("", {}), ("...", {}), ("💥", {}), ("a\0b", {}), ("x" * 2001, {}), ("x", {"by": ""})],
    ids=["empty", "dots", "emoji", "nul", "long", "nobody"],
)
def test_what_cannot_be_an_entry_is_refused_in_words(
    monitor: Monitor, name: str, more: dict[str, str]
) -> None:
    """A name without letters, or too long for an event to tell it; a person without a name."""
    monitor.declare([HUAWEI])
    with pytest.raises(UsageError, match="expected"):
        monitor.accept(name, "huawei", **more)
    assert [] == decided(monitor)
