"""`riskmon names` and `riskmon declare --source`: text, JSON, refusals.

A process costs a second, so that all but one test call `main` in this one.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

import riskmon
from tests.builders import Clock, company, listed

HUAWEI = company("huawei", name="Huawei Technologies Co., Ltd.")
LIKELY, UNSURE = "Huawei Tech. Co.", "Huawei Technologies Syria"
STORED = re.escape(repr(HUAWEI["name"]))
CANDIDATE = rf" {{3}}0\.\d\d huawei, by its name {STORED}"
SAMPLES = Path(__file__).parent / "samples"


@pytest.fixture
def told(call: Any) -> Any:
    """Call riskmon on two companies and three events: one matches, one waits, one is nobody's."""
    with riskmon.open("sqlite:///risk.db", clock=Clock()) as monitor:
        monitor.declare([HUAWEI, company("other")])
        unsure = listed(UNSURE) | {"topics": ["section-1260h"]}
        assert 1 == monitor.ingest([listed(LIKELY), unsure, listed("Somebody")]).matched
    return call


def as_json(done: Any) -> Any:
    """Return the one document that a command printed, and nothing beside it."""
    assert 0 == done.returncode
    return json.loads(done.stdout)


def position(call: Any) -> int:
    return int(as_json(call("status", "--json"))["position"])


def value(call: Any, name: str) -> float:
    return round(float(as_json(call("score", name, "--json"))["value"]), 6)


def test_resolve_says_whom_a_name_means_and_why(told: Any) -> None:
    """Decided, waiting, nobody; with how likely and the reasons; nothing is stored."""
    before = position(told)
    decided = told("names", "resolve", LIKELY)
    assert (0, "") == (decided.returncode, decided.stderr)
    assert [
        f"{LIKELY} is huawei, by its decision",
        f"      '{LIKELY}' was accepted as a name of huawei by its likeness",
    ] == decided.stdout.splitlines()
    waits = told("names", "resolve", UNSURE).stdout.splitlines()
    assert f"{UNSURE} waits for a person" == waits[0]
    assert re.fullmatch(rf" {{6}}huawei: 0\.\d\d by its name {STORED}", waits[1])
    assert 1 == sum(bool(re.fullmatch(CANDIDATE, line)) for line in waits)
    assert [
        "Somebody means no declared company",
        "      no declared company has this name or identifier",
    ] == told("names", "resolve", "Somebody").stdout.splitlines()
    assert before == position(told)


def test_resolve_is_data(told: Any) -> None:
    """The same fields in each case."""
    fields = ["company", "verdict", "by", "accepted", "candidates", "reasons"]
    for name, expected in {
        LIKELY: ("huawei", "accepted", "decision", []),
        UNSURE: (None, "review", None, ["huawei"]),
        "Somebody": (None, "nobody", None, []),
        "": (None, "nobody", None, []),
        "💥": (None, "nobody", None, []),
    }.items():
        found = as_json(told("names", "resolve", name, "--json"))
        assert fields == list(found)
        candidates = [one["company"] for one in found["candidates"]]
        assert expected == (found["company"], found["verdict"], found["by"], candidates)


def test_resolve_takes_identifiers(told: Any) -> None:
    """They decide, in any of their forms."""
    row = json.dumps(company("third", identifiers={"cik": "320193"}))
    told("declare", "-", given=row)
    found = told("names", "resolve", "Whoever", "--identifier", "cik=0000320193")
    assert (0, "Whoever is third, by its identifier") == (
        found.returncode,
        found.stdout.splitlines()[0],
    )


def test_review_says_what_moves_most_points(told: Any) -> None:
    """As text with what to do next, and as data."""
    done = told("names", "review")
    assert 0 == done.returncode
    first, second = done.stdout.splitlines()[:2]
    assert f"+18.00 points, 1 event: {UNSURE}" == first
    assert re.fullmatch(CANDIDATE, second)
    assert "riskmon names accept|reject NAME COMPANY" in done.stderr
    (one,) = as_json(told("names", "review", "--json", "--limit", "1"))
    assert (UNSURE, 1, 18.0) == (one["name"], one["events"], round(one["points"], 9))
    assert ["huawei"] == [each["company"] for each in one["candidates"]]
    (then,) = as_json(told("names", "review", "--json", "--as-of", "2023-12-01"))
    assert 0 == then["points"]
    told("names", "reject", UNSURE, "huawei")
    assert "No name waits.\n" == told("names", "review").stdout
    assert [] == as_json(told("names", "review", "--json"))


def test_decisions_are_said_and_move_scores(told: Any) -> None:
    """Accept, undo, reject: what is so now is a note, the score is another."""
    assert 70 == value(told, "huawei")
    steps = {
        "accept": (88, f"riskmon: '{UNSURE}' is huawei from now on\n"),
        "undo": (70, f"riskmon: nothing is decided of '{UNSURE}' and huawei\n"),
        "reject": (70, f"riskmon: '{UNSURE}' is not huawei\n"),
    }
    for verdict, (score, note) in steps.items():
        done = told("names", verdict, UNSURE, "huawei", "--by", "Ann", "--why", "she knows")
        assert (0, "", note) == (done.returncode, done.stdout, done.stderr)
        assert score == value(told, "huawei")
    entries = as_json(told("log", "--json"))
    bodies = [json.loads(one["body"]) for one in entries if one["source"] == "review"]
    assert [("accept", "Ann"), ("undo", "Ann"), ("reject", "Ann")] == [
        (body["verdict"], body["by"]) for body in bodies
    ]


def test_merge_and_split_are_said_and_move_scores(told: Any) -> None:
    """A merged company is found by its own id; split it has its score again."""
    done = told("names", "merge", "huawei", "other", "--why", "one house")
    assert (0, "", "riskmon: huawei is other from now on\n") == (
        done.returncode,
        done.stdout,
        done.stderr,
    )
    assert 70 == value(told, "other") == value(told, "huawei")
    done = told("names", "split", "huawei")
    assert (0, "riskmon: huawei is a company of its own again\n") == (done.returncode, done.stderr)
    assert (70, 0) == (value(told, "huawei"), value(told, "other"))


@pytest.mark.parametrize(
    "command",
    [
        ["accept", UNSURE, "huawei"],
        ["reject", UNSURE, "huawei"],
        ["undo", LIKELY, "huawei"],
        ["merge", "huawei", "other"],
        ["precision"],
        ["review"],
        ["resolve", "X"],
    ],
    ids=lambda command: command[0],
)
def test_each_command_has_one_json_document(told: Any, command: list[str]) -> None:
    """On standard output; as every command of riskmon."""
    as_json(told("names", *command, "--json"))


def test_precision_is_a_table_and_data(told: Any) -> None:
    """A row a band, its share or a dash, and where that share is."""
    told("names", "accept", UNSURE, "huawei")
    done = told("names", "precision")
    assert (0, "") == (done.returncode, done.stderr)
    header, *rows = done.stdout.splitlines()
    assert "likelihood     decided  accepted   share   95 % interval" == header
    bands = ["0.30 to 0.80", "0.80 to 0.90", "0.90 to 0.95", "0.95 to 1.00"]
    assert bands == [row[:12] for row in rows]
    none = "         0         0       -   0.0% to 100.0%"
    one = "         1         1  100.0%   20.7% to 100.0%"
    assert [none, none, none, one] == sorted((row[12:] for row in rows), key=none.__ne__)
    found = as_json(told("names", "precision", "--json"))
    assert [0.3, 0.8, 0.9, 0.95] == [row["least"] for row in found]
    assert 1 == sum(row["accepted"] for row in found)
    assert {1.0, None} == {row["share"] for row in found}  # as the table has it


@pytest.mark.parametrize(
    ("command", "code", "message"),
    [
        (["accept", UNSURE, "huawai"], 1, "got 'huawai'; did you mean 'huawei'?"),
        (["reject", UNSURE, "zzz"], 1, "expected the id of a declared company, got 'zzz'"),
        (["accept", "", "huawei"], 2, "expected a name with a letter or a digit, got ''"),
        (["accept", "...", "huawei"], 2, "expected a name with a letter or a digit"),
        (["accept", "x" * 2001, "huawei"], 2, "expected at most 2,000 characters"),
        (["accept", UNSURE, "huawei", "--by", ""], 2, "by: expected"),
        (["merge", "huawei", "other", "--why", "x" * 50_001], 2, "why: expected"),
        (["undo", UNSURE, "huawei"], 2, f"nothing was decided about '{UNSURE}' and huawei"),
        (["merge", "huawei", "huawei"], 2, "huawei and huawei are one company already"),
        (["merge", "huawei", "othr"], 1, "got 'othr'; did you mean 'other'?"),
        (["split", "huawei"], 2, "'huawei' was not merged into another company"),
        (["resolve", "X", "--identifier", "lei"], 2, "expected KIND=VALUE, got 'lei'"),
        (["resolve", "X", "--identifier", "=1"], 2, "expected KIND=VALUE, got"),
        (["resolve", "X", "--identifier", "lei="], 2, "expected KIND=VALUE, got 'lei'"),
        (["review", "--limit", "0"], 2, "expected 1 to 10,000, got 0"),
        (["review", "--limit", "x"], 2, "got 'x'"),
        (["review", "--as-of", "soon"], 2, "as_of: expected a date such as 2024-01-12"),
        ([], 2, "COMMAND"),
        (["accept", UNSURE], 2, "COMPANY"),
    ],
    ids=lambda given: " ".join(given)[:40] if isinstance(given, list) else "",
)
def test_what_is_refused_is_said(told: Any, command: list[str], code: int, message: str) -> None:
    """In words, with what to do; nothing on standard output, no traceback, nothing stored."""
    before = position(told)
    done = told("names", *command)
    assert (code, "") == (done.returncode, done.stdout)
    assert message in done.stderr
    assert "Traceback" not in done.stderr
    assert before == position(told)


def test_a_process_refuses_with_its_exit_code(told: Any, run: Any) -> None:
    """As any program: the code, the note, no traceback; and does what it is told."""
    done = run("names", "accept", UNSURE, "huawai")
    assert (1, "") == (done.returncode, done.stdout)
    assert "riskmon: expected the id of a declared company, got 'huawai'" in done.stderr
    assert "Traceback" not in done.stderr
    assert 0 == run("names", "accept", UNSURE, "huawei").returncode
    assert [] == as_json(told("names", "review", "--json"))


def test_an_identifier_of_any_kind_is_one(told: Any) -> None:
    """Also where its kind is a word that Python's own call would take."""
    for kind in ("name", "self", "x-y"):
        done = told("names", "resolve", "Other", "--identifier", f"{kind}=1")
        assert (0, "") == (done.returncode, done.stderr)
        assert done.stdout.startswith("Other is other, by its name\n")


@pytest.mark.parametrize(
    "source",
    ["companies-csv", "sec-company-tickers", "gleif", "ftm"],
)
def test_companies_come_from_the_lists_of_others(call: Any, source: str) -> None:
    """Each sample of a format is declared: what it tells is watched, what is wrong is refused."""
    (sample,) = (SAMPLES / source).glob("input.*")
    rows = json.loads((SAMPLES / source / "expected.json").read_text("utf-8"))
    ids = {row["told"]["id"] for row in rows if "id" in row.get("told", {})}
    refused = [row for row in rows if "problems" in row]
    done = call("declare", str(sample), "--source", source, "--json")
    report = json.loads(done.stdout)
    assert int(bool(refused)) == done.returncode
    assert [row["line"] for row in refused] == [row["line"] for row in report["rejected"]]
    scores = as_json(call("scores", "--json"))
    assert ids
    assert ids == {one["company"] for one in scores}
    again = json.loads(call("declare", str(sample), "--source", source, "--json").stdout)
    assert (0, report["appended"]) == (again["appended"], again["duplicates"])


def test_owners_come_from_a_register(call: Any) -> None:
    """Of companies that are watched: the others are counted, and are no entries."""
    folder = SAMPLES / "gleif-relationships"
    rows = json.loads((folder / "expected.json").read_text("utf-8"))
    holdings = [row["told"] for row in rows if "told" in row]
    watched = holdings[0]["company"]
    told = sum(one["company"] == watched for one in holdings)
    assert 0 < told < len(holdings)
    call("declare", "-", given=json.dumps(company(watched)))
    given = ["declare", str(folder / "input.csv"), "--source", "gleif-relationships"]
    done = call(*given, "--rejects", "rejected.jsonl")
    assert f"{told} appended, 0 revised" in done.stdout
    assert f"{len(holdings) - told} ignored" in done.stdout
    log = call("log", "--json").stdout
    assert told == log.count('"holding.told"')


def test_a_format_that_is_none_is_refused(call: Any) -> None:
    """With those that there are."""
    done = call("declare", "x.csv", "--source", "gleiff")
    assert 2 == done.returncode
    assert "no source 'gleiff'" in done.stderr
