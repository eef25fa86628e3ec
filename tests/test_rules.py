"""Rules: what ships is argued for and shown by examples; what is broken is said, all at once."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

import riskmon
from riskmon import examples
from riskmon.errors import RulesError
from riskmon.forms import moment
from riskmon.rules import Example, Rule, at
from riskmon.ruleset import Ruleset, load_ruleset
from tests.builders import ROOT, Clock, company, event, rule, write_rules

SHIPPED = load_ruleset(ROOT / "rules")
EXAMPLES = [(one, example) for one in SHIPPED.rules for example in one.examples]


@pytest.mark.parametrize(
    ("one", "example"), EXAMPLES, ids=[f"{one.id}: {example.name}" for one, example in EXAMPLES]
)
def test_examples_of_shipped_rules(one: Rule, example: Example) -> None:
    """Given these events, these scores, to a hundredth of a point."""
    alone = one.model_copy(update={"examples": (example,)})
    (outcome,) = examples.run(alone, SHIPPED.publishers).outcomes
    assert not outcome.reason
    assert dict(example.scores) == pytest.approx(dict(outcome.found), abs=0.005)


@pytest.mark.parametrize("one", SHIPPED.rules, ids=lambda one: one.id)
def test_shipped_rules_carry_all_that_defends_them(one: Rule) -> None:
    """A why, references, an example that hits and one that misses, each stage in some example."""
    assert one.why
    assert one.references
    scores = [value for example in one.examples for value in example.scores.values()]
    assert any(value > 0 for value in scores)
    assert any(value == 0 for value in scores)
    assert () == examples.run(one, SHIPPED.publishers).unreached


def test_shipped_rules_use_known_words() -> None:
    """No warning on what ships."""
    assert () == SHIPPED.unusual


def test_a_ruleset_comes_back_from_its_entry() -> None:
    """Body to ruleset and back: the same digest, so a replay needs no file."""
    again = Ruleset.from_body(SHIPPED.body)
    assert SHIPPED.digest == again.digest
    assert again.by_id.keys() == SHIPPED.by_id.keys()


def test_dated_numbers_come_back_from_an_entry(tmp_path: Path) -> None:
    """Maps from date to number, times, sources and half-lives keep their meaning."""
    dated = {"2025-09-29": 1.0, "2025-11-10": 0.0, "2026-11-10": 1.0}
    folder = write_rules(
        tmp_path,
        rule(
            severity={"2024-01-01": 10, "2025-01-01": 20},
            stages={
                "claim.alleged": "sources",
                "claim.denied": {"times": dated},
                "case.fined": dated,
            },
            half_life={"2024-01-01": "1 year"},
            ownership={"control": dated},
        ),
    )
    ruleset = load_ruleset(folder)
    assert ruleset.rules == Ruleset.from_body(ruleset.body).rules


def test_a_dated_number_holds_from_its_date_until_the_next() -> None:
    """0 before the first; from its first moment on; the last for ever."""
    dated = {moment("2025-09-29"): 1.0, moment("2025-11-10"): 0.0, moment("2026-11-10"): 0.5}
    days = ["2025-09-28", "2025-09-29", "2025-11-09", "2025-11-10", "2026-11-10", "2099-01-01"]
    assert [0.0, 1.0, 1.0, 0.0, 0.5, 0.5] == [at(dated, moment(day)) for day in days]


def test_changed_rules_are_published_by_recalculate_and_old_answers_stay(
    tmp_path: Path,
) -> None:
    """A query answers by the rules that were published by then."""
    clock = Clock()
    folder = write_rules(tmp_path / "rules", rule(severity=50))
    told = event(credibility=1.0, type="claim.confirmed", parties=[{"company": "baidu"}])
    with riskmon.open(f"sqlite:///{tmp_path / 'x.db'}", rules=folder, clock=clock) as monitor:
        monitor.declare([company()])
        monitor.ingest([told])
        clock.turn("2024-02-01")
        write_rules(folder, rule(severity=80))
        asked = {"as_of": "2024-01-01"}
        assert 50 == pytest.approx(monitor.score("baidu", **asked).value)
        run = monitor.recalculate()
        assert run.published
        assert not monitor.recalculate().published
        assert 80 == pytest.approx(monitor.score("baidu", **asked).value)
        before = monitor.score("baidu", **asked, known_at="2024-01-31")
        assert 50 == pytest.approx(before.value)
        early = monitor.score("baidu", **asked, known_at="2023-01-01")
        assert (0.0, ()) == (early.value, early.lines)


def test_experimental_rules_are_shown_and_not_counted(tmp_path: Path) -> None:
    """Draft and retired ones are not even computed."""
    states = ["stable", "experimental", "draft", "retired"]
    folder = write_rules(tmp_path / "rules", *(rule(id=state, status=state) for state in states))
    with riskmon.open("sqlite://", rules=folder, clock=Clock()) as monitor:
        monitor.declare([company()])
        monitor.ingest([event(type="claim.confirmed", parties=[{"company": "baidu"}])])
        score = monitor.score("baidu")
    assert (["stable"], ["experimental"]) == (
        [line.rule for line in score.lines],
        [line.rule for line in score.shadow],
    )


BROKEN = {
    "not yaml": ("id: [", "a-rule.yaml:1: expected YAML"),
    "a list": ("- id: x", "expected an object of fields"),
    "empty": ("", "expected an object of fields, got null"),
    "missing fields": ("id: a-rule", "a-rule.yaml:1: title: is required and missing"),
    "unknown field": (
        "{rule}\nseverty: 4",
        "severty: is not a known field; did you mean 'severity'?",
    ),
    "severity of 100": (
        "{rule:severity=100}",
        "severity: expected points from 0 to below 100, got 100",
    ),
    "severity as text": ("{rule:severity='40'}", "severity: expected points from 0 to below 100"),
    "not a number": ("{rule:severity=.nan}", "severity: expected points from 0 to below 100"),
    "likelihood above 1": (
        "{rule:stages={{claim.alleged: 1.5}}}",
        "stages.claim.alleged: expected how",
    ),
    "half-life": (
        "{rule:half_life=2 weeks}",
        "expected a time above 0 such as 180 days or 2 years",
    ),
    "half-life of nothing": ("{rule:half_life=0 days}", "expected a time above 0"),
    "type": ("{rule:stages={{Alleged: 1}}}", "expected two lower-case words joined by a dot"),
    "dated by no date": ("{rule:severity={{soon: 4}}}", "severity: expected a date such as"),
    "open names claims": ("{rule}\nopen: [claim.alleged]", "'claim.alleged' has none"),
    "duplicate key": ("{rule}\ntitle: Again", "title: is given twice: keep one"),
    "alias": ("{rule}\nwhy: &a x\ntopics: [*a]", "anchors (&) and aliases (*) are refused"),
    "tag": ("{rule}\nwhy: !!python/object:os.system x", "tags (!) are refused"),
    "deep": ("{rule}\nwhy: " + "[" * 3000 + "]" * 3000, "expected at most 20 levels of nesting"),
    "large": ("{rule}\nwhy: " + "x" * 300_000, "expected at most 262,144 bytes"),
    "not utf-8": ("{rule}\nwhy: \udcff", "expected UTF-8"),
    "another id": ("{rule:id=other}", "id: expected 'a-rule', the file's name, got 'other'"),
    "norway": ("{rule:id=NO}", "id: expected lower-case words joined by hyphens"),
    "one moment twice": (
        "{rule:severity={{2024-01-01: 1, 2024-01-01T00:00:00Z: 9}}}",
        "severity: expected each moment once",
    ),
    "negative control": (
        "{rule}\nownership: {{control: -1}}",
        "ownership.control: expected a number from 0",
    ),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_rule_is_said(name: str, tmp_path: Path) -> None:
    """File, line, field, what was expected; the other files' problems with it."""
    text, message = BROKEN[name]
    fields = {
        "id": "a-rule",
        "title": "A",
        "category": "c",
        "severity": "40",
        "half_life": "9 days",
    }
    fields["stages"] = "{claim.alleged: sources}"
    if text.startswith("{rule"):
        head, _, rest = text.partition("\n")
        if ":" in head:
            key, _, value = head[len("{rule:") : -1].partition("=")
            fields[key] = value.replace("{{", "{").replace("}}", "}")
        body = "".join(f"{key}: {value}\n" for key, value in fields.items())
        text = body + rest.replace("{{", "{").replace("}}", "}")
    (tmp_path / "a-rule.yaml").write_bytes(text.encode("utf-8", "surrogateescape"))
    (tmp_path / "b-rule.yaml").write_text("id: b-rule")
    with pytest.raises(RulesError) as caught:
        load_ruleset(tmp_path)
    assert message in str(caught.value)
    assert "b-rule.yaml:1: title: is required and missing" in str(caught.value)
    assert "a-rule.yaml:" in str(caught.value.problems[0])


def test_an_unknown_type_or_role_is_a_warning_with_a_suggestion(tmp_path: Path) -> None:
    """A new type needs no code, yet a misspelt one must not pass in silence."""
    folder = write_rules(
        tmp_path, rule(stages={"case.inditced": 0.5, "port.closed": 0.5}, roles={"suject": 1.0})
    )
    warnings = [
        str(found.problem).partition("a-rule.yaml:1: ")[2] for found in load_ruleset(folder).unusual
    ]
    assert warnings == [
        "stages: 'case.inditced' is no event type used so far; did you mean 'case.indicted'?",
        "stages: 'port.closed' is no event type used so far: leave it if it is meant to be new",
        "roles: 'suject' is no role used so far; did you mean 'subject'?",
    ]


def test_lines_of_problems_are_those_of_the_file(tmp_path: Path) -> None:
    """A problem deep inside is said on its own line, for rules and publishers."""
    (tmp_path / "a-rule.yaml").write_text(
        "id: a-rule\ntitle: A\ncategory: c\nseverity: 40\nhalf_life: 9 days\n"
        "stages:\n  claim.alleged: sources\n  case.fined: 2\n"
    )
    (tmp_path / "publishers.yaml").write_text(
        "- {id: a}\n- {id: b, credibility: 1.5}\n- {id: a}\n- id: c\n  groop: x\n"
    )
    with pytest.raises(RulesError) as caught:
        load_ruleset(tmp_path)
    found = [(Path(p.file).name, p.line, p.field) for p in caught.value.problems]
    assert found == [
        ("a-rule.yaml", 8, "stages.case.fined"),
        ("publishers.yaml", 2, "credibility"),
        ("publishers.yaml", 3, "id"),
        ("publishers.yaml", 5, "groop"),
    ]


def test_what_is_no_rule_file_is_said(tmp_path: Path) -> None:
    """Another ending, a folder, a link to nowhere, a pipe; never passed over, never waited for."""
    (tmp_path / "a.yml").write_text("id: a")
    (tmp_path / "b.yaml").mkdir()
    (tmp_path / "c.yaml").symlink_to("nowhere")
    os.mkfifo(tmp_path / "d.yaml")
    with pytest.raises(RulesError) as caught:
        load_ruleset(tmp_path)
    assert {
        "a.yml": "expected the ending .yaml: rename the file",
        "b.yaml": "cannot be read: it is no file",
        "c.yaml": "cannot be read: No such file or directory",
        "d.yaml": "cannot be read: it is no file",
    } == {Path(problem.file).name: problem.message for problem in caught.value.problems}


def test_a_folder_without_rules_is_refused(tmp_path: Path) -> None:
    """Also one that is not there."""
    with pytest.raises(RulesError, match="expected at least one rule file"):
        load_ruleset(tmp_path)
    with pytest.raises(RulesError, match="there is none"):
        load_ruleset(tmp_path / "missing")
