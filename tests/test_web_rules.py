"""Pages of the rules in force, and of a draft beside them."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import riskmon
from riskmon.monitor import Monitor
from tests import pages
from tests.builders import ROOT, Clock, company, event, rule, write_rules
from tests.pages import HOSTILE, RUNS, asking, cells, named, page, text

HIT = {
    "name": "a claim of one source",
    "as_of": "2024-01-01",
    "events": [
        {"type": "claim.alleged", "occurred_at": "2024-01-01", "parties": [{"company": "firm"}]}
    ],
    "scores": {"firm": 18.77},
}
MISS = HIT | {"name": "a claim that is believed", "scores": {"firm": 40}}
RULE = rule(
    severity={"2024-01-01": 50, "2024-06-01": 20},
    half_life="2 years",
    why="Fifty points are judgement.",
    references=["15 CFR 744: https://www.ecfr.gov/current/title-15.", RUNS],
    examples=[HIT, MISS],
)
PUBLISHER = {"id": "reuters", "name": "Reuters", "group": "tr", "credibility": 0.6}


@pytest.fixture
def ruled(tmp_path: Path, clock: Clock) -> Iterator[Monitor]:
    """Open a monitor on two rules, one of which moves a company and one nobody."""
    other = rule(id="b-rule", title="Another rule", status="experimental", stages={"case.fined": 1})
    publishers = [PUBLISHER | {"conflicts": ["firm"]}]
    folder = write_rules(tmp_path / "rules", RULE, other, publishers=publishers)
    with riskmon.open(f"sqlite:///{tmp_path / 'risk.db'}", rules=folder, clock=clock) as monitor:
        monitor.declare([company("firm", name="Firm AG"), company("other")])
        monitor.ingest([event(matter="m", parties=[{"company": "firm"}])])
        yield monitor


def drafted(tmp_path: Path, *rules: dict[str, Any], publishers: Any = (PUBLISHER,)) -> Path:
    return write_rules(tmp_path / "draft", *rules, publishers=publishers)


def test_the_rules_in_force_are_a_table(ruled: Monitor) -> None:
    """Those that move most first: category, status, severity, half-life, companies, points."""
    root = page(asking(ruled), "/rules")
    value = f"{ruled.score('firm').value:.2f}"
    assert [
        ["A rule a-rule", "a-category", "stable", "50", "2 years", "1", value],
        ["Another rule b-rule", "a-category", "experimental", "50", "100 days", "0", "0.00"],
    ] == cells(root.find(".//table[@class='rules']"))
    ruleset = ruled.ruleset()
    assert ruleset is not None
    assert ruleset.digest in text(root.find(".//p[@class='stands']"))
    publishers = cells(named(root, "publishers").find(".//table"))
    assert [["Reuters reuters", "tr", "0.60", "firm"]] == publishers


def test_numbers_are_those_of_the_day(ruled: Monitor) -> None:
    """A dated number is the one that holds then, with all that it was and will be."""
    root = page(asking(ruled), "/rules?as_of=2024-07-01")
    assert "20" == cells(root.find(".//table[@class='rules']"))[0][3]
    root = page(asking(ruled), "/rules/a-rule?as_of=2024-07-01")
    dates = "from 2024-01-01: 50, from 2024-06-01: 20"
    assert [
        ["severity", "20", f"points of one certain, direct, fresh line; {dates}"],
        ["half-life", "2 years", "in which what is not open fades by half"],
        ["weight as subject", "1", "of a company that is named so"],
        ["cap", "0.9", "of the likelihood that sources alone make"],
    ] == cells(named(root, "numbers").find(".//table"))


def test_a_rule_says_why_and_on_whose_word(ruled: Monitor) -> None:
    """What of a reference is an address of the web is a link; what runs is text."""
    root = page(asking(ruled), "/rules/a-rule")
    why = named(root, "why")
    assert "Fifty points are judgement." in text(why)
    assert ["https://www.ecfr.gov/current/title-15"] == [
        str(one.get("href")).rstrip(".") for one in why.iter("a")
    ]
    assert RUNS in text(why)
    pages.harmless(root)


def test_a_rule_has_its_stages_and_whom_it_moves(ruled: Monitor) -> None:
    """Each stage with its likelihood; each company with the points that it has by the rule."""
    root = page(asking(ruled), "/rules/a-rule")
    sources = "as likely as independent sources make it"
    assert [["claim.alleged", sources, ""], ["claim.confirmed", "1", ""]] == cells(
        named(root, "stages").find(".//table")
    )
    value = f"{ruled.score('firm').value:.2f}"
    assert [["Firm AG", "", value]] == cells(named(root, "moves").find(".//table"))
    assert "Nobody, as of this day." in text(page(asking(ruled), "/rules/b-rule"))


def test_examples_are_run_and_the_file_is_shown(ruled: Monitor, tmp_path: Path) -> None:
    """With what was expected and found; one that fails says so, as does a stage none reaches."""
    examples = named(page(asking(ruled), "/rules/a-rule"), "examples")
    assert [
        ["a claim of one source", "firm 18.77", "firm 18.77", "passed"],
        ["a claim that is believed", "firm 40.00", "firm 18.77", "failed"],
    ] == cells(examples.find(".//table"))
    assert "No example reaches claim.confirmed." in text(examples)
    assert (tmp_path / "rules" / "a-rule.yaml").read_text("utf-8") == "".join(
        (one.text or "") for one in examples.iter("pre")
    )


def test_a_file_that_says_something_else_is_not_shown_as_what_is_in_force(
    ruled: Monitor, tmp_path: Path
) -> None:
    """Changed, gone or broken: the page says so, and shows what is in force."""
    file = tmp_path / "rules" / "a-rule.yaml"
    write_rules(tmp_path / "rules", RULE | {"severity": 1})
    for change, told in (
        (lambda: None, "The file in the rule folder says something else than what is in force"),
        (file.unlink, "The rule folder has no such file any more."),
        (lambda: file.write_text("severity: [", "utf-8"), "The rule folder has problems"),
    ):
        change()
        root = page(asking(ruled), "/rules/a-rule")
        assert told in text(named(root, "examples"))
        assert "50" == cells(named(root, "numbers").find(".//table"))[0][1]
    assert "The rule folder has problems" in text(page(asking(ruled), "/rules"))


def test_a_rule_that_is_not_in_force_is_not_found(ruled: Monitor) -> None:
    """Which one was meant is said; and nothing of the machine's files is read by its name."""
    root = page(asking(ruled), "/rules/a-rul", 404)
    assert "did you mean 'a-rule'?" in text(root)
    for name in ("publishers", "..%2f..%2fetc%2fpasswd", "a-rule.yaml", "%00"):
        assert 404 == asking(ruled).get(f"/rules/{name}").status_code


def test_before_there_are_rules_it_says_so(tmp_path: Path, clock: Clock) -> None:
    """On the page of the rules, and where a draft would be compared."""
    folder = write_rules(tmp_path / "rules", RULE)
    with riskmon.open(f"sqlite:///{tmp_path / 'risk.db'}", rules=folder, clock=clock) as monitor:
        assert "No rules were published by then" in text(page(asking(monitor), "/rules"))
        draft = asking(monitor, draft=folder)
        assert "nothing was recorded yet" in text(page(draft, "/compare"))


def test_every_shipped_rule_has_its_page(scenario: Monitor) -> None:
    """With examples that pass, numbers, and nothing that runs."""
    browser = asking(scenario)
    ruleset = scenario.ruleset()
    assert ruleset is not None
    for one in ruleset.rules:
        root = page(browser, f"/rules/{one.id}?as_of=2024-06-01")
        pages.harmless(root)
        outcomes = [row[3] for row in cells(named(root, "examples").find(".//table"))]
        assert {"passed"} == set(outcomes), one.id
        assert len(one.stages) == len(cells(named(root, "stages").find(".//table")))


# A draft


def test_without_a_draft_it_says_how_to_give_one(ruled: Monitor) -> None:
    """As one would type it."""
    assert "riskmon serve --draft FOLDER" in text(page(asking(ruled), "/compare"))


def test_a_draft_is_shown_by_what_it_says_otherwise(ruled: Monitor, tmp_path: Path) -> None:
    """Rules added, removed and changed, publishers too: each field as it is and would be."""
    draft = drafted(tmp_path, RULE | {"severity": 80}, rule(id="c-rule", title="A new one"))
    rules = named(page(asking(ruled, draft), "/compare"), "rules")
    found = {
        text(one.find("summary")): cells(one.find(".//table")) for one in rules.findall("details")
    }
    expected = ["added A new one c-rule", "removed Another rule b-rule"]
    changed = ["changed A rule a-rule", "changed Publishers publishers"]
    assert [*expected, *changed] == list(found)
    assert [
        ["severity 2024-01-01T00:00:00.000000Z", "50", ""],
        ["severity 2024-06-01T00:00:00.000000Z", "20", ""],
        ["severity", "", "80"],
    ] == found["changed A rule a-rule"]
    assert [["reuters conflicts", "firm", ""]] == found["changed Publishers publishers"]
    assert ["title", "A new one"] in found["added A new one c-rule"]


def test_a_draft_is_shown_by_whose_score_it_moves(ruled: Monitor, tmp_path: Path) -> None:
    """From which score to which, at which levels, by which lines; as `what_if` says."""
    draft = drafted(tmp_path, RULE | {"severity": 80})
    root = page(asking(ruled, draft), "/compare")
    (one,) = ruled.what_if(draft)
    now, then = f"{one.now:.2f}", f"{one.then:.2f}"
    levels = " → ".join(dict.fromkeys((one.level_now, one.level_then)))
    change = f"+{one.then - one.now:.1f}"
    row = ["Firm AG", now, then, change, levels, f"{now} → {then} a-rule, m"]
    assert [row] == cells(named(root, "scores").find(".//table"))
    digests = [code.text for code in root.findall(".//p[@class='stands']/code")]
    assert [one[:12] for one in ruled.what_if(draft).digests] == digests


def test_a_draft_that_says_the_same_changes_nothing(ruled: Monitor, tmp_path: Path) -> None:
    """And says so."""
    shutil.copytree(tmp_path / "rules", tmp_path / "same")
    root = page(asking(ruled, tmp_path / "same"), "/compare")
    assert "Nothing: it says what is in force." in text(root)
    assert "No company's, as of this day." in text(root)


def test_problems_of_a_draft_are_shown_with_file_and_line(ruled: Monitor, tmp_path: Path) -> None:
    """All of them; the folder's place on this machine is nobody's business."""
    draft = drafted(tmp_path)
    wrong = "id: x-rule\ntitle: X\ncategory: c\nseverity: 200\nstages: {claim.alleged: 2}\n"
    (draft / "x-rule.yaml").write_text(wrong + f"half_life: {json.dumps(HOSTILE)}\n", "utf-8")
    root = page(asking(ruled, draft), "/compare")
    found = [row[:3] for row in cells(root.find(".//table[@class='problems']"))]
    assert [
        ["x-rule.yaml", "4", "severity"],
        ["x-rule.yaml", "5", "stages.claim.alleged"],
        ["x-rule.yaml", "6", "half_life"],
    ] == found
    assert str(tmp_path) not in text(root)
    pages.harmless(root)
    shutil.rmtree(draft)
    assert "there is none" in text(page(asking(ruled, draft), "/compare"))


def test_nothing_that_a_rule_says_acts(tmp_path: Path, clock: Clock) -> None:
    """Its title, why, references, example, a publisher's name: shown whole, and run by nobody."""
    hostile = RULE | {"title": HOSTILE, "why": HOSTILE, "references": [HOSTILE, f"x {RUNS}"]}
    hostile |= {"examples": [HIT | {"name": HOSTILE}], "where": {"attributes.x": HOSTILE}}
    publishers = [PUBLISHER | {"name": HOSTILE}]
    folder = write_rules(tmp_path / "rules", hostile, publishers=publishers)
    draft = drafted(tmp_path, RULE | {"why": HOSTILE + "!"}, rule(id="new", title=HOSTILE))
    with riskmon.open(f"sqlite:///{tmp_path / 'risk.db'}", rules=folder, clock=clock) as monitor:
        monitor.declare([company("firm", name=HOSTILE)])
        parties = [{"company": "firm"}]
        monitor.ingest([event(matter=HOSTILE, parties=parties, attributes={"x": HOSTILE})])
        browser, shown = asking(monitor, draft), pages.whole(HOSTILE)
        for address, times in (("/rules", 2), ("/rules/a-rule", 5), ("/compare", 6)):
            root = page(browser, address)
            pages.harmless(root)
            assert times <= text(root).count(shown), address


def test_the_draft_of_the_shipped_rules_is_compared(scenario: Monitor, tmp_path: Path) -> None:
    """A real one, as somebody would try it: one number turned."""
    shutil.copytree(ROOT / "rules", tmp_path / "draft")
    file = tmp_path / "draft" / "trade-secret-case.yaml"
    file.write_text(file.read_text("utf-8").replace("severity: 70", "severity: 90"), "utf-8")
    root = page(asking(scenario, tmp_path / "draft"), "/compare?as_of=2024-06-01")
    (changed,) = named(root, "rules").findall("details")
    assert [["severity", "70", "90"]] == cells(changed.find(".//table"))
    expected = {one.name for one in scenario.what_if(tmp_path / "draft", as_of="2024-06-01")}
    assert expected == {row[0] for row in cells(named(root, "scores").find(".//table"))}
    assert expected
