"""`riskmon sources, hold, drafts` and the options of `ingest`: text, JSON, exit codes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.test_lists import CUBA, sdn

STORY = """\
Date: 2024-03-08

Example Robotics, a Shenzhen-based maker of drones, raised $40 million led by Sample Ventures.

On Thursday a grand jury indicted Jane Doe, a former engineer at Sample Chips Inc, on two counts
of theft of trade secrets.
"""
LIST = ("ingest", "--source", "ofac-sdn")


@pytest.fixture
def held(call: Any) -> Any:
    """Take in a list, then half of it, which is held."""
    Path("sdn.csv").write_bytes(sdn(CUBA))
    assert 0 == call(*LIST, "--dated", "2024-01-01", "sdn.csv").returncode
    Path("half.csv").write_bytes(sdn(dict(list(CUBA.items())[:1050])))
    return call


def test_a_copy_that_is_held_is_said_and_ends_with_1(held: Any) -> None:
    """With its reasons, and what to do; nothing of it is stored."""
    done = held(*LIST, "--dated", "2024-01-02", "half.csv")
    assert 1 == done.returncode
    assert [
        "half.csv: held",
        "  expected at least 2,000 rows, got 1,050",
        "  1,050 entries are missing, where 2,100 stood (50%): at most 5% is credible",
    ] == done.stdout.splitlines()
    assert done.stderr.startswith("riskmon hold accept ")
    report = json.loads(held(*LIST, "--dated", "2024-01-02", "half.csv", "--json").stdout)
    assert (1050, 2100, 1050) == tuple(
        report["held"][name] for name in ("rows", "standing", "delisted")
    )


def test_a_held_copy_is_reviewed_accepted_and_rejected(held: Any) -> None:
    """Each by the beginning of its digest; what is none is a usage error."""
    held(*LIST, "--dated", "2024-01-02", "half.csv")
    (waiting,) = json.loads(held("hold", "review", "--json").stdout)
    assert "it would list 0, amend 0, delist 1,050" in held("hold", "review").stdout
    assert "1 held: riskmon hold review" in held("sources").stdout
    assert "1 of the copies of lists; riskmon hold review shows which" in held("status").stdout
    done = held("hold", "accept", waiting["digest"][:8], "--by", "Ada", "--why", "ended")
    assert (0, "half.csv: 0 appended" not in done.stdout) == (done.returncode, True)
    assert "1,050 listing.delisted" in done.stdout
    assert "No copy is held." in held("hold", "review").stderr
    done = held("hold", "reject", waiting["digest"][:8])
    assert (2, "") == (done.returncode, done.stdout)
    assert "no copy that waits begins with" in done.stderr


def test_sources_are_listed_with_what_they_read(held: Any) -> None:
    """One line each, and of a list the day and how many are on it."""
    lines = held("sources").stdout.splitlines()
    (place,) = (n for n, line in enumerate(lines) if line.startswith("ofac-sdn "))
    assert lines[place + 1].strip().startswith("2,100 entries as of 2024-01-01, read 20")
    found = {one["name"]: one for one in json.loads(held("sources", "--json").stdout)}
    assert ("2024-01-01", 2100, 0) == tuple(
        found["ofac-sdn"][name] for name in ("day", "standing", "held")
    )


def test_drafts_are_reviewed_and_decided(call: Any) -> None:
    """By ref or from a confidence on, not by both; nothing is an event before."""
    Path("story.txt").write_text(STORY, "utf-8")
    assert "2 drafts to review" in call("ingest", "--source", "article", "story.txt").stdout
    found = {one["type"]: one for one in json.loads(call("drafts", "review", "--json").stdout)}
    charged, funded = found["case.indicted"], found["corporate.funded"]
    assert [
        {"name": "Jane Doe", "role": "subject", "kind": "person", "company": None},
        {"name": "Sample Chips Inc", "role": "victim", "kind": None, "company": None},
    ] == charged["parties"]
    assert "On Thursday a grand jury indicted" in charged["sentence"].replace("\n", " ")
    assert 2 == call("drafts", "accept").returncode
    assert 2 == call("drafts", "accept", charged["ref"], "--from", "0.5").returncode
    assert 0 == call("drafts", "accept", charged["ref"], "--by", "Ada").returncode
    assert 0 == call("drafts", "reject", funded["ref"][:8]).returncode
    assert "No draft waits." in call("drafts", "review").stderr
    assert 1 == json.loads(call("status", "--json").stdout)["events"]


def test_options_that_do_not_fit_are_usage_errors(call: Any) -> None:
    """Exit 2, and what was expected; no traceback."""
    Path("any.csv").write_text("a,b\n1,2\n", "utf-8")
    wrong = {
        ("ingest", "--partial", "any.csv"): "jsonl is no list",
        ("ingest", "--dated", "tomorrow", "any.csv"): "dated: expected a date",
        ("ingest", "--source", "ofac-snd", "any.csv"): "did you mean 'ofac-sdn'?",
        ("drafts", "accept", "--from", "7"): "expected a confidence from 0 to 1, got 7",
        ("fetch",): "expected sources by their names, or --all",
        ("fetch", "jsonl"): "its publisher gives no address",
    }
    for arguments, said in wrong.items():
        done = call(*arguments)
        assert (2, True) == (done.returncode, said in done.stderr), (arguments, done.stderr)
