"""`riskmon names` and `riskmon declare --source`, as a real process: text, JSON, refusals."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.builders import company, listed

HUAWEI = company("huawei", name="Huawei Technologies Co., Ltd.")
LIKELY, UNSURE = "Huawei Tech. Co.", "Huawei Technologies Syria"
SAMPLES = Path(__file__).parent / "samples"


@pytest.fixture
def told(run: Any) -> Any:
    """Run riskmon on two companies and three events: one matches, one waits, one is nobody's."""
    companies = "".join(json.dumps(one) + "\n" for one in (HUAWEI, company("other")))
    events = [listed(LIKELY), listed(UNSURE) | {"topics": ["section-1260h"]}, listed("Somebody")]
    assert 0 == run("declare", "-", given=companies).returncode
    done = run("ingest", "-", given="".join(json.dumps(one) + "\n" for one in events))
    assert (0, "") == (done.returncode, done.stderr)
    assert "3 appended" in done.stdout
    assert "matched" in done.stdout
    return run


def as_json(done: Any) -> Any:
    """Return the one document that a command printed, and nothing beside it."""
    assert 0 == done.returncode
    return json.loads(done.stdout)


def value(run: Any, name: str) -> float:
    return round(float(as_json(run("score", name, "--json"))["value"]), 6)


def test_resolve_says_whom_a_name_means_and_why(told: Any) -> None:
    """Decided, waiting, nobody; with how likely and the reasons; nothing is stored."""
    before = as_json(told("status", "--json"))["position"]
    decided = told("names", "resolve", LIKELY)
    assert (0, "") == (decided.returncode, decided.stderr)
    assert [
        f"{LIKELY} is huawei, by its decision",
        f"      '{LIKELY}' was accepted as a name of huawei by its likeness",
    ] == decided.stdout.splitlines()
    waits = told("names", "resolve", UNSURE).stdout.splitlines()
    assert f"{UNSURE} waits for a person" == waits[0]
    assert "      huawei: 0.93 by its name 'Huawei Technologies Co., Ltd.'" in waits
    assert "   0.93 huawei, by its name 'Huawei Technologies Co., Ltd.'" in waits
    assert [
        "Somebody means no declared company",
        "      no declared company has this name or identifier",
    ] == told("names", "resolve", "Somebody").stdout.splitlines()
    assert before == as_json(told("status", "--json"))["position"]


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
    first, second, *_ = done.stdout.splitlines()
    assert f"+18.00 points, 1 event: {UNSURE}" == first
    assert "   0.93 huawei, by its name 'Huawei Technologies Co., Ltd.'" == second
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
    entries = [json.loads(line) for line in told("log", "--json").stdout.splitlines()]
    bodies = [one["body"] for one in entries if one["source"] == "review"]
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
    assert [
        "likelihood     decided  accepted   share   95 % interval",
        "0.30 to 0.80         0         0       -   0.0% to 100.0%",
        "0.80 to 0.90         0         0       -   0.0% to 100.0%",
        "0.90 to 0.95         1         1  100.0%   20.7% to 100.0%",
        "0.95 to 1.00         0         0       -   0.0% to 100.0%",
    ] == done.stdout.splitlines()
    found = as_json(told("names", "precision", "--json"))
    assert {"least": 0.9, "most": 0.95, "decided": 1, "accepted": 1}.items() <= found[2].items()
    assert (1.0, None) == (found[2]["share"], found[0]["share"])


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
        (["merge", "huawei", "huawei"], 2, "huawei cannot be merged into itself"),
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
    before = as_json(told("status", "--json"))["position"]
    done = told("names", *command)
    assert (code, "") == (done.returncode, done.stdout)
    assert message in done.stderr
    assert "Traceback" not in done.stderr
    assert before == as_json(told("status", "--json"))["position"]


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
def test_companies_come_from_the_lists_of_others(run: Any, source: str) -> None:
    """Each sample of a format is declared: what it tells is watched, what is wrong is refused."""
    (sample,) = (SAMPLES / source).glob("input.*")
    rows = json.loads((SAMPLES / source / "expected.json").read_text("utf-8"))
    ids = {row["told"]["id"] for row in rows if "id" in row.get("told", {})}
    refused = [row for row in rows if "problems" in row]
    shutil.copy(sample, run.folder)
    done = run("declare", sample.name, "--source", source, "--json")
    report = json.loads(done.stdout)
    assert int(bool(refused)) == done.returncode
    assert [row["line"] for row in refused] == [row["line"] for row in report["rejected"]]
    assert "Traceback" not in done.stderr
    scores = as_json(run("scores", "--json"))
    assert ids
    assert ids == {one["company"] for one in scores}
    again = json.loads(run("declare", sample.name, "--source", source, "--json").stdout)
    assert (0, report["appended"]) == (again["appended"], again["duplicates"])


def test_owners_come_from_a_register(run: Any) -> None:
    """Of companies that are watched: the others are counted, and are no entries."""
    folder = SAMPLES / "gleif-relationships"
    rows = json.loads((folder / "expected.json").read_text("utf-8"))
    holdings = [row["told"] for row in rows if "told" in row]
    watched = holdings[0]["company"]
    told = sum(one["company"] == watched for one in holdings)
    assert 0 < told < len(holdings)
    run("declare", "-", given=json.dumps(company(watched)))
    given = ["declare", str(folder / "input.csv"), "--source", "gleif-relationships"]
    done = run(*given, "--rejects", "rejected.jsonl")
    assert f"{told} appended, 0 revised" in done.stdout
    assert f"{len(holdings) - told} ignored" in done.stdout
    log = run("log", "--json").stdout
    assert told == log.count('"holding.told"')


def test_a_format_that_is_none_is_refused(run: Any) -> None:
    """With those that there are."""
    done = run("declare", "x.csv", "--source", "gleiff")
    assert 2 == done.returncode
    assert "no source 'gleiff'" in done.stderr
    assert "Traceback" not in done.stderr
