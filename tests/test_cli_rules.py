"""`riskmon rules`, as a real process: what it prints, where, and how it exits."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.builders import ROOT, event, rule, write_rules

Done = subprocess.CompletedProcess[str]
NOWHERE = "nowhere: expected a folder of rule files; there is none"
EMPTY = "draft: expected at least one rule file, *.yaml"


def example(**fields: Any) -> dict[str, Any]:
    """Return an example of Baidu's 50 points, by a claim that was confirmed."""
    told: dict[str, Any] = {"type": "claim.confirmed", "occurred_at": "2024-01-01"}
    told["parties"] = [{"company": "baidu"}]
    defaults = {"name": "one", "as_of": "2024-01-01", "events": [told], "scores": {"baidu": 50}}
    return defaults | fields


@pytest.fixture
def draft(tmp_path: Path) -> Any:
    """Write rules into the folder `draft`, where commands run, and return its name."""

    def draft(*rules: dict[str, Any]) -> str:
        return write_rules(tmp_path / "draft", *rules).name

    return draft


@pytest.fixture
def changed(tmp_path: Path) -> str:
    """Copy the shipped rules to `changed`; a claim of military research is 20 points there."""
    shutil.copytree(ROOT / "rules", tmp_path / "changed")
    file = tmp_path / "changed" / "military-research-claim.yaml"
    file.write_text(file.read_text("utf-8").replace("severity: 60", "severity: 20"), "utf-8")
    return "changed"


def said(done: Done) -> tuple[int, str, str]:
    """Return how a command exited and what it printed."""
    return done.returncode, done.stdout, done.stderr


# rules check


def test_check_of_what_ships(run: Any) -> None:
    """No problem, no warning; the folder may be left out. No database is made for it."""
    rules = str(ROOT / "rules")
    done = run("rules", "check")
    assert (0, "") == (done.returncode, done.stderr)
    assert " publishers, no problem: ruleset " in done.stdout
    for folder in ([rules], ["--rules", rules]):
        assert said(done) == said(run("rules", "check", *folder))
    done = run("rules", "check", "--json")
    assert (0, "") == (done.returncode, done.stderr)
    assert {"problems": [], "warnings": []} == json.loads(done.stdout)
    assert [] == list(run.folder.iterdir())


def test_check_counts_one_as_one(run: Any, draft: Any) -> None:
    """`1 rule and 0 publishers`."""
    done = run("rules", "check", draft(rule()))
    assert (0, "") == (done.returncode, done.stderr)
    assert done.stdout.startswith("1 rule and 0 publishers, no problem: ruleset ")


def broken(folder: Path) -> None:
    """Break two rules, one of them in two lines."""
    folder.mkdir()
    text = "id: a-rule\ntitle: A\ncategory: c\nseverty: 40\nhalf_life: 9 days\nstages: {a.b: 2}\n"
    (folder / "a-rule.yaml").write_text(text)
    (folder / "b-rule.yaml").write_text("id: [")


def test_check_names_every_problem_at_once(run: Any) -> None:
    """Exit code 1; file and line of each on standard error, nothing on standard output."""
    broken(run.folder / "draft")
    done = run("rules", "check", "draft")
    assert (1, "") == (done.returncode, done.stdout)
    heading, *problems = done.stderr.splitlines()
    assert "riskmon: 4 problems in the rules:" == heading
    starts = ["1: severity: is req", "4: severty: is not", "6: stages.a.b: exp", "1: expected YAML"]
    for file, start, problem in zip("aaab", starts, problems, strict=True):
        assert problem.startswith(f"riskmon:   draft/{file}-rule.yaml:{start}")


def test_check_names_every_problem_in_json(run: Any) -> None:
    """On standard output, as one document; the exit code is the same."""
    broken(run.folder / "draft")
    done = run("rules", "check", "draft", "--json")
    assert (1, "") == (done.returncode, done.stderr)
    found = json.loads(done.stdout)
    assert [] == found["warnings"]
    assert [
        ("draft/a-rule.yaml", 1, "severity"),
        ("draft/a-rule.yaml", 4, "severty"),
        ("draft/a-rule.yaml", 6, "stages.a.b"),
        ("draft/b-rule.yaml", 1, ""),
    ] == [(one["file"], one["line"], one["field"]) for one in found["problems"]]
    assert "is required and missing" == found["problems"][0]["message"]


NEW_WORDS = rule(
    stages={"port.closed": 1.0},
    roles={"subject": 1.0, "shipper": 0.5},
    topics=["ports"],
    where={"scope": ["product:cranes", "country:nl"]},
)
"""The vocabulary has none of these but the role `subject` and the country."""


ASKED = [
    ("stages", "'port.closed' is no event type used so far"),
    ("roles", "'shipper' is no role used so far"),
    ("topics", "'ports' is no topic used so far"),
    ("where.scope", "'product:cranes' is no subject used so far"),
]


def warned(done: Done) -> list[tuple[str, str]]:
    """Return the fields and the messages of warnings, without what is advised."""
    each = r"^riskmon: warning: draft/a-rule.yaml:1: ([a-z.]+)\S*: (.* used so far)"
    told = re.findall(each, done.stderr, re.MULTILINE)
    assert len(told) == done.stderr.count("warning: ")
    return told


def test_words_that_nobody_used_are_asked_about(run: Any, draft: Any) -> None:
    """A warning each, on standard error: the rules are right, and the exit code is 0."""
    done = run("rules", "check", draft(NEW_WORDS))
    assert (0, 1, ASKED) == (done.returncode, len(done.stdout.splitlines()), warned(done))
    found = json.loads(run("rules", "check", "draft", "--json").stdout)["warnings"]
    assert [field for field, _ in ASKED] == [one["field"].partition("[")[0] for one in found]
    assert {("draft/a-rule.yaml", 1)} == {(one["file"], one["line"]) for one in found}


def test_words_that_the_ledger_mentions_are_not_asked_about(run: Any, draft: Any) -> None:
    """Each warning is gone as soon as an event mentions the word; other ledgers do not count."""
    folder = draft(NEW_WORDS)
    run("ingest", "-", given=json.dumps(event(type="port.closed", topics=["ports"])))
    assert [ASKED[1], ASKED[3]] == warned(run("rules", "check", folder))
    parties = [{"name": "Acme", "role": "shipper"}]
    run("ingest", "-", given=json.dumps(event(parties=parties, scope=["product:cranes"])))
    done = run("rules", "check", folder)
    assert (0, "") == (done.returncode, done.stderr)
    assert [] == json.loads(run("rules", "check", folder, "--json").stdout)["warnings"]
    assert ASKED == warned(run("rules", "check", folder, "--database", "sqlite:///other.db"))
    assert not (run.folder / "other.db").exists()


def test_a_ledger_that_cannot_be_read_is_said_and_the_rules_are_checked(
    run: Any, draft: Any
) -> None:
    """It would only have taken warnings away."""
    (run.folder / "risk.db").write_bytes(b"no database" * 1000)
    done = run("rules", "check", draft(NEW_WORDS))
    assert 0 == done.returncode
    assert "no problem" in done.stdout
    assert (ASKED, True) == (warned(done), "risk.db" in done.stderr)


# rules test


def test_the_examples_of_what_ships(run: Any) -> None:
    """All pass, each stage is reached, nothing is on standard error."""
    done = run("rules", "test")
    assert (0, "") == (done.returncode, done.stderr)
    assert " 0 failed" in done.stdout
    assert 1 == len(done.stdout.splitlines())


def test_a_failing_example_is_named(run: Any, draft: Any) -> None:
    """Rule, example, company, what was expected and what was found; exit code 1."""
    wrong = example(name="wrong", scores={"baidu": 40, "badu": 0})
    done = run("rules", "test", draft(rule(examples=[example(), wrong])))
    assert 1 == done.returncode
    lines = done.stdout.splitlines()
    assert "a-rule: wrong" == lines[0]
    assert "scores: no event names badu, nor is it declared" == lines[1].strip()
    assert "baidu: expected 40.00, got 50.00" == lines[2].strip()
    assert "1 passed, 1 failed" in lines[3]
    assert 4 == len(lines)


def test_a_stage_that_no_example_reaches_is_named(run: Any, draft: Any) -> None:
    """On standard error; it is no failure."""
    folder = draft(rule(examples=[example()]), rule(id="b-rule"))
    done = run("rules", "test", folder)
    assert 0 == done.returncode
    assert [
        "a-rule: no example reaches claim.alleged",
        "b-rule: no example reaches claim.alleged, claim.confirmed",
    ] == done.stderr.splitlines()


def test_trials_in_json(run: Any, draft: Any) -> None:
    """One document on standard output: outcomes, and stages that are not reached."""
    folder = draft(rule(examples=[example(), example(name="wrong", scores={"baidu": 40})]))
    done = run("rules", "test", folder, "--json")
    assert (1, "") == (done.returncode, done.stderr)
    (trial,) = json.loads(done.stdout)
    assert ("a-rule", ["claim.alleged"]) == (trial["rule"], trial["unreached"])
    found = [(one["example"], one["passed"], one["expected"]) for one in trial["outcomes"]]
    assert [("one", True, {"baidu": 50}), ("wrong", False, {"baidu": 40})] == found
    assert {"baidu": 50.0} == trial["outcomes"][1]["found"]
    assert 0 == run("rules", "test", "--json").returncode


# rules diff


def test_diff_of_a_draft(loaded: Any, changed: str) -> None:
    """Who scores otherwise and why, when levels differ, what anticipates; nothing on stderr."""
    done = loaded("rules", "diff", changed, "--as-of", "2024-10-01")
    assert (0, "") == (done.returncode, done.stderr)
    lines = [line.strip() for line in done.stdout.splitlines()]
    assert lines[0].startswith("as of 2024-10-01: rules in force ")
    assert "rules changed: military-research-claim" == lines[1]
    assert "Baidu, Inc.: 25.38 -> 24.55 (moderate -> low)" == lines[2]
    assert lines[3].endswith("military-research-claim, ernie-military-collaboration")
    assert "baidu: 2024-09-04 to 2024-10-01, moderate -> low" in lines
    assert ["in", "draft"] == [line.split()[0] for line in lines[-3:-1]]
    assert "events in a year" in lines[-1]


def test_diff_in_json(loaded: Any, changed: str) -> None:
    """The fields of Comparison, whole: what is not a number is null."""
    done = loaded("rules", "diff", changed, "--as-of", "2024-10-01", "--json")
    assert (0, "") == (done.returncode, done.stderr)
    found = json.loads(done.stdout)
    rules = {"added": [], "removed": [], "changed": ["military-research-claim"]}
    assert rules == found["rules"]
    names = {"companies", "as_of", "digests", "rules", "spells", "foresight", "failed"}
    assert names == found.keys()
    assert ("2024-10-01T00:00:00Z", {}, 2) == (
        found["as_of"],
        found["failed"],
        len(found["digests"]),
    )
    (one,) = found["companies"]
    assert ("baidu", "moderate", "low") == (one["company"], one["level_now"], one["level_then"])
    assert {"rule", "matter", "now", "then"} == one["why"][0].keys()
    assert [("baidu", "2024-09-04T00:00:00Z", "2024-10-01T00:00:00Z")] == [
        (spell["company"], spell["start"], spell["end"]) for spell in found["spells"]
    ]
    assert ["in force", "draft"] == [judged["name"] for judged in found["foresight"][:2]]
    assert None is found["foresight"][2]["days_before"]


def test_diff_of_the_same_rules(loaded: Any) -> None:
    """Is said, not shown as an empty list."""
    done = loaded("rules", "diff", str(ROOT / "rules"), "--step", "4w")
    assert (0, "") == (done.returncode, done.stderr)
    assert "No score differs." in done.stdout
    assert "levels differ" not in done.stdout


def test_diff_writes_nothing(loaded: Any, changed: str) -> None:
    """The ledger's head, its length and the rules in force are those of before."""

    def stored() -> dict[str, Any]:
        found: dict[str, Any] = json.loads(loaded("status", "--json").stdout)
        return {name: value for name, value in found.items() if name != "checks"}  # the disk's

    before = stored()
    loaded("rules", "diff", changed, "--step", "4w")
    assert before == stored()


def test_diff_of_a_rule_that_fails(run: Any, draft: Any) -> None:
    """It is said on standard error, in words; the others are compared, and the exit code is 0."""
    stages = {f"fire.step-{number}": {"times": 1e6} for number in range(60)}
    events = [event(type=type_, matter="m") for type_ in ("claim.confirmed", *stages)]
    run("ingest", "-", given="\n".join(map(json.dumps, events)))
    folder = draft(rule(), rule(id="fails", stages={"claim.confirmed": 1.0, **stages}))
    done = run("rules", "diff", folder)
    assert (0, 1) == (done.returncode, len(done.stderr.splitlines()))
    assert done.stderr.startswith("failed: fails: matter: expected likelihoods that are finite")


# What cannot be done


@pytest.mark.parametrize("command", ["check", "test", "diff"])
def test_a_folder_that_is_missing_or_empty(loaded: Any, command: str) -> None:
    """Exit code 1, and which folder; in words on stderr, of `check --json` in its document."""
    (loaded.folder / "draft").mkdir()
    for folder, message in (("nowhere", NOWHERE), ("draft", EMPTY)):
        told = f"riskmon: 1 problem in the rules:\nriskmon:   {message}\n"
        assert (1, "", told) == said(loaded("rules", command, folder))
        done = loaded("rules", command, folder, "--json")
        if command == "check":
            (problem,) = json.loads(done.stdout)["problems"]
            assert (1, "", message) == (
                *(done.returncode, done.stderr),
                f"{problem['file']}: {problem['message']}",
            )
        else:
            assert (1, "", told) == said(done)


def test_a_broken_draft_is_not_run(loaded: Any) -> None:
    """The problems are those of `check`."""
    broken(loaded.folder / "draft")
    expected = loaded("rules", "check", "draft").stderr
    for command in ("test", "diff"):
        assert (1, "", expected) == said(loaded("rules", command, "draft"))


def test_diff_without_a_database(run: Any, draft: Any) -> None:
    """It is said which one is missing, and none is made."""
    folder = draft(rule())
    done = run("rules", "diff", folder, "--database", "sqlite:///none.db")
    assert (1, "") == (done.returncode, done.stdout)
    assert done.stderr.startswith("riskmon: sqlite:///none.db: there is none")
    done = run("rules", "diff", folder)
    assert (1, "") == (done.returncode, done.stdout)
    assert "there is none" in done.stderr
    assert ["draft"] == [file.name for file in run.folder.iterdir()]
    run("scores")  # makes it, with nothing in it
    nothing = "riskmon: nothing was recorded yet: declare companies and ingest events\n"
    assert (2, "", nothing) == said(run("rules", "diff", folder))


def test_what_is_asked_wrongly_is_said(loaded: Any, draft: Any) -> None:
    """Exit code 2, on standard error, without a traceback."""
    diff = ["diff", draft(rule())]
    for command, message in (
        ([], "required: COMMAND"),
        (["chekc"], "invalid choice: 'chekc'"),
        (["diff"], "required: DRAFT"),
        ([*diff, "--step", "1 day"], "expected a step such as 1d, 12h or 1w"),
        ([*diff, "--as-of", "soon"], "as_of: expected a date such as"),
        ([*diff, "--database", "risk.db"], "expected a database URL"),
        ([*diff, "--rules", "no"], "expected a folder of rules, got 'no'"),
    ):
        done = loaded("rules", *command)
        assert (2, "", True) == (done.returncode, done.stdout, message in done.stderr), command
        assert "Traceback" not in done.stderr


def test_diff_of_a_database_in_memory(run: Any, draft: Any) -> None:
    """Is refused as by the other commands."""
    done = run("rules", "diff", draft(rule()), "--database", "sqlite://")
    assert run("status", "--database", "sqlite://").stderr == done.stderr
    assert (2, "") == (done.returncode, done.stdout)
