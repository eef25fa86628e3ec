"""Receipts and corrections: what was said, whether it still holds, and what moved it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

import riskmon
from riskmon import receipts
from riskmon.changes import Change, Contradiction
from riskmon.errors import InputError
from riskmon.forms import moment
from riskmon.intake import OWN
from riskmon.ledger import Fact
from riskmon.monitor import Monitor
from tests.builders import Clock, company, event, rule, withdrawal, write_rules

CLAIM: dict[str, Any] = {
    "source": "reuters",
    "matter": "m",
    "topics": ["military-research"],
    "parties": [{"company": "baidu"}],
}


@pytest.fixture
def told(monitor: Monitor, clock: Clock) -> dict[str, Any]:
    """Declare two companies, tell a claim about one, on 1 January 2024; return the claim."""
    monitor.declare([company("baidu"), company("tencent")])
    claim = event(**CLAIM)
    monitor.ingest([claim])
    clock.turn("2024-02-01")
    return claim


def test_a_receipt_says_what_a_score_stands_on(monitor: Monitor, told: dict[str, Any]) -> None:
    """Company, both clocks, ruleset, ledger head, value, and each line with its events."""
    score = monitor.score("baidu", as_of="2024-01-01")
    head = list(monitor.entries())[-1].hash
    (line,) = score.lines
    assert {
        "company": "baidu",
        "name": "Baidu",
        "declared": True,
        "as_of": "2024-01-01T00:00:00Z",
        "known_at": "2024-01-01T00:00:00Z",
        "position": 4,
        "ruleset": score.ruleset,
        "value": score.value,
        "level": "moderate",
        "head": head,
        "lines": [
            {
                "rule": "military-research-claim",
                "matter": "m",
                "points": line.points,
                "stage": None,
                "since": "2024-01-01T00:00:00Z",
                "severity": 60.0,
                "likelihood": line.likelihood,
                "weight": 1.0,
                "decay": 1.0,
                "events": [f"reuters:{told['ref']}"],
            }
        ],
    } == monitor.receipt(score)


def test_a_receipt_holds_whatever_came_later(monitor: Monitor, told: dict[str, Any]) -> None:
    """A revision, a withdrawal and other rules leave what was said then to the last digit."""
    made = json.loads(json.dumps(monitor.receipt(monitor.score("baidu", as_of="2024-01-15"))))
    monitor.ingest([told | {"credibility": 0.1}])
    monitor.ingest([withdrawal(told)])
    monitor.declare([company("baidu", jurisdiction="cn")])
    assert [] == monitor.check(made)


def test_a_receipt_that_was_changed_does_not_hold(monitor: Monitor, told: dict[str, Any]) -> None:
    """Each field that it claims is compared, and the difference said."""
    del told
    made = monitor.receipt(monitor.score("baidu", as_of="2024-01-15"))
    for name, value in {
        "as_of": "2024-01-14T00:00:00Z",
        "position": 3,
        "head": "0" * 64,
        "ruleset": "another",
        "value": made["value"] + 1e-6,
        "level": "low",
        "lines": [],
        "company": "tencent",
        "name": "Alibaba",
        "known_at": "2001-01-01T00:00:00Z",
        "declared": False,
    }.items():
        differences = monitor.check(made | {name: value})
        assert differences, name
    assert ["company: the ledger knows none with the id 'x'"] == monitor.check(
        made | {"company": "x"}
    )
    assert ["position: the receipt stands on 99, the ledger on 5"] == monitor.check(
        made | {"position": 99}
    )
    value = made["value"]
    assert [f"value: the receipt says 50.0, the ledger gives {value}"] == monitor.check(
        made | {"value": 50.0}
    )


def test_a_receipt_holds_on_another_machine(
    monitor: Monitor, told: dict[str, Any], tmp_path: Path
) -> None:
    """On a copy of the ledger, with other rules in the folder."""
    del told
    made = monitor.receipt(monitor.score("baidu", as_of="2024-01-15"))
    monitor.backup(tmp_path / "copy.db")
    rules = write_rules(tmp_path / "rules", rule())
    with riskmon.open(f"sqlite:///{tmp_path / 'copy.db'}", rules=rules) as other:
        assert [] == other.check(made)


def test_the_same_receipt_is_kept_once(monitor: Monitor, told: dict[str, Any]) -> None:
    """Asked for twice, it is one entry, under the digest of its text."""
    del told
    score = monitor.score("baidu", as_of="2024-01-15")
    first, second = monitor.receipt(score), monitor.receipt(score)
    assert first == second
    (entry,) = [entry for entry in monitor.entries() if entry.kind == "receipt.issued"]
    assert (OWN, receipts.digest(first)) == (entry.source, entry.ref)
    assert first == json.loads(entry.body)


@pytest.mark.parametrize(
    "text", ["", "[]", "3", "{", "{}", '{"company": "baidu"}', "[" * 5000, '"x"']
)
def test_a_file_that_is_no_receipt_is_refused(tmp_path: Path, text: str) -> None:
    """With its name, and where one comes from."""
    file = tmp_path / "r.json"
    file.write_text(text)
    with pytest.raises(InputError, match=r"r\.json: expected a receipt as `riskmon receipt"):
        receipts.parse(str(file), file.read_text())


def test_changes_name_the_scores_and_the_entries_that_moved_them(
    monitor: Monitor, told: dict[str, Any]
) -> None:
    """A revision, a back-dated event, a withdrawal; news of after that day is no correction."""
    since = 4
    before = monitor.score("baidu", as_of="2024-01-01").value
    news = event(**CLAIM | {"source": "ap"}, occurred_at="2024-01-20")
    monitor.ingest([news])
    assert [] == monitor.changes(since).moved
    monitor.ingest([told | {"credibility": 0.1}])
    other = event(**CLAIM | {"parties": [{"company": "tencent"}], "matter": "n"})
    monitor.ingest([other | {"occurred_at": "2023-12-01"}])
    revised = monitor.score("baidu", as_of="2024-01-01").value
    tencent = monitor.score("tencent", as_of="2024-01-01").value
    changes = monitor.changes(since)
    assert (since, moment("2024-01-01")) == (changes.since, changes.as_of)
    assert [
        Change("tencent", 0.0, tencent, (7,)),
        Change("baidu", before, revised, (5, 6)),
    ] == sorted(changes.moved, key=lambda change: -change.after)
    assert changes == monitor.changes("2024-01-01")
    monitor.ingest([withdrawal(told)])
    moved = {change.company: change for change in monitor.changes(since).moved}
    assert Change("baidu", before, 0.0, (5, 6, 8)) == moved["baidu"]


def test_changes_name_new_rules_and_new_facts_about_a_company(
    monitor: Monitor, told: dict[str, Any], url: str, tmp_path: Path
) -> None:
    """The published ruleset, and the declaration of an owner, are the entries behind the move."""
    del told
    monitor.declare([company("ernie", owners=[{"company": "baidu", "share": 1.0}])])
    rules = write_rules(
        tmp_path / "rules", rule(topics=["military-research"], ownership={"control": 0.5})
    )
    with riskmon.open(url, rules=rules) as other:
        other.recalculate()
        moved = {change.company: change.entries for change in other.changes(4).moved}
    assert {"baidu": (6,), "ernie": (5, 6)} == moved


def test_a_company_that_takes_a_name_is_behind_the_move(monitor: Monitor) -> None:
    """An alias declared later makes a name mean two companies, so that it means neither."""
    monitor.declare([company("baidu"), company("ernie")])
    monitor.ingest([event(**CLAIM | {"parties": [{"name": "Baidu"}]})])
    monitor.declare([company("ernie", aliases=["Baidu"])])
    (change,) = monitor.changes(4).moved
    assert ("baidu", 0.0, (5,)) == (change.company, change.after, change.entries)


def test_a_receipt_about_a_stranger_says_so(monitor: Monitor) -> None:
    """Of a company that was not declared by then there is no score to hold up."""
    monitor.declare([company("baidu")])
    made = monitor.receipt(monitor.score("baidu", known_at=1))
    assert (False, 0.0) == (made["declared"], made["value"])
    assert [] == monitor.check(made)


def test_changes_list_what_they_contradict(monitor: Monitor, told: dict[str, Any]) -> None:
    """Receipts and alerts whose value the ledger does not give any more, as of their moment."""
    score = monitor.score("baidu", as_of="2024-01-15")
    made = monitor.receipt(score)
    body = json.dumps({"company": "baidu", "as_of": "2024-01-10T00:00:00Z", "value": 3.0})
    monitor._ledger.append([Fact("alert.sent", OWN, "alert-1", body)], monitor._clock)
    now = monitor.score("baidu", as_of="2024-01-10").value
    alert = Contradiction("alert.sent", 6, "alert-1", "baidu", moment("2024-01-10"), 3.0, now)
    assert [alert] == monitor.changes(4).contradicted
    monitor.ingest([withdrawal(told)])
    receipt = Contradiction(
        "receipt.issued",
        5,
        receipts.digest(made),
        "baidu",
        moment("2024-01-15"),
        score.value,
        0.0,
    )
    assert [receipt, alert._replace(now=0.0)] == monitor.changes(4).contradicted
    assert [receipt, alert._replace(now=0.0)] == monitor.changes(6).contradicted
    assert [] == monitor.changes(7).contradicted  # what moved them was known by then


def test_what_was_known_is_asked_by_moment_or_position_alike(
    monitor: Monitor, told: dict[str, Any], clock: Clock
) -> None:
    """In score, scores, history and events."""
    monitor.ingest([told | {"credibility": 0.1}])
    clock.turn("2024-03-01")
    monitor.ingest([withdrawal(told)])
    for at, position in (("2024-01-01", 4), ("2024-02-01", 5), ("2024-03-01", 6)):
        asked: list[dict[str, Any]] = [{"known_at": at}, {"known_at": position}]
        one, other = (monitor.score("baidu", as_of="2024-04-01", **known) for known in asked)
        assert (one.value, one.position) == (other.value, position)
        histories = [monitor.history("baidu", start="2024-01-01", **known) for known in asked]
        assert histories[0].to_dicts() == histories[1].to_dicts()
        tables = [monitor.scores(as_of="2024-04-01", **known) for known in asked]
        assert [s.value for s in tables[0]] == [s.value for s in tables[1]]
        told_then = [monitor.events("baidu", as_of="2024-04-01", **known) for known in asked]
        assert told_then[0] == told_then[1]
        assert (position < 6) == bool(told_then[0])


def test_a_forged_receipt_among_the_entries_is_found_by_verify(
    monitor: Monitor, told: dict[str, Any]
) -> None:
    """Receipts are entries as others are: chained and covered by proofs."""
    del told
    monitor.receipt(monitor.score("baidu", as_of="2024-01-15"))
    proof = monitor.verify(proof=5).proof
    assert proof is not None
    assert "receipt.issued" == proof["entry"]["kind"]
