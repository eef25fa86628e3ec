"""The command line, as a real process: what it prints, where, and how it exits."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import riskmon
from riskmon.cli import parser
from riskmon.errors import safe
from tests.builders import RISKMON, company, event


def test_demo_shows_who_why_and_what_next(run: Any, tmp_path: Path) -> None:
    """From an empty folder; the commands it proposes work, and a second run is the same."""
    demo = run("demo", "--as-of", "2024-01-12")
    assert (0, "") == (demo.returncode, demo.stderr)
    assert "sqlite:///riskmon-demo.db" in demo.stdout
    assert (tmp_path / "riskmon-demo.db").exists()
    assert not (tmp_path / "risk.db").exists()  # the user's own database is left alone
    rows = [line.split() for line in demo.stdout.splitlines() if "moderate" in line]
    assert ["Baidu,", "Inc.", "44.51", "moderate"] == rows[0][:4]
    proposed = [line for line in demo.stdout.splitlines() if line.startswith("  riskmon ")]
    assert 3 == len(proposed)
    for line in proposed:
        shell = subprocess.run(
            line.strip().replace("riskmon", RISKMON, 1),
            shell=True,
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
        )
        assert (0, "") == (shell.returncode, shell.stderr)
        assert shell.stdout
    assert demo.stdout == run("demo", "--as-of", "2024-01-12").stdout


def test_score_knows_both_clocks_after_the_demo(run: Any) -> None:
    """The demo replays the days, so what was known on one of them can be asked."""
    run("demo")
    asked = ["--as-of", "2024-02-12", "--known-at", "2024-01-12"]
    score = run("score", "Baidu", *asked, "--database", "sqlite:///riskmon-demo.db")
    assert "Baidu, Inc.: 42.22 (moderate) as of 2024-02-12" in score.stdout


def test_explain_names_every_line_and_event(loaded: Any) -> None:
    """Points, arithmetic, stage, events with their sources."""
    out = loaded("explain", "baidu", "--as-of", "2024-01-16").stdout
    assert "Baidu, Inc.: 32.79 (moderate) as of 2024-01-16, from 3 lines" in out
    assert "18.97 points  Export controls on advanced AI chips" in out
    assert "severity 60 x likelihood 0.0437 x weight 1 (named) x decay 0.985" in out
    assert "- 2024-01-15 claim.denied, company: Baidu denies any affiliation" in out
    assert "without this line: 30.09" in out
    assert "A denial takes away a third" in " ".join(out.split())


@pytest.mark.parametrize(
    "command",
    [
        ["score", "Baidu"],
        ["scores"],
        ["explain", "Baidu"],
        ["history", "Baidu", "--step", "4w"],
        ["recalculate"],
        ["status"],
        ["ingest", "-"],
        ["declare", "-"],
        ["demo"],
    ],
)
def test_json_is_one_document(loaded: Any, command: list[str]) -> None:
    """On standard output, nothing else there."""
    given = json.dumps(company("new")) if command[0] == "declare" else json.dumps(event())
    done = loaded(*command, "--json", given=given)
    assert (0, "") == (done.returncode, done.stderr)
    assert json.loads(done.stdout)


def test_json_has_the_words_of_python(loaded: Any) -> None:
    """The fields of Score and of its lines."""
    found = json.loads(loaded("score", "Baidu", "--as-of", "2024-01-12", "--json").stdout)
    assert {"company": "baidu", "as_of": "2024-01-12T00:00:00Z", "level": "moderate"}.items() <= (
        found.items()
    )
    assert 44.509556 == round(found["value"], 6)
    line = found["lines"][0]
    assert ("ai-chip-export-controls", "us-ai-chip-controls", 17.372132) == (
        line["rule"],
        line["matter"],
        round(line["points"], 6),
    )
    assert ["88-FR-73458"] == [one["ref"] for one in line["events"]]


def test_ingest_tells_what_it_did_and_what_it_refused(run: Any, tmp_path: Path) -> None:
    """Counts on standard output, refusals on standard error, exit code 1; good rows stored."""
    (tmp_path / "events.jsonl").write_text(
        f"{json.dumps(event())}\n{{\n{json.dumps(event(occurred_at='2024-01-01T10:00:00'))}\n"
    )
    done = run("ingest", "events.jsonl", "nowhere.jsonl")
    assert 1 == done.returncode
    assert "events.jsonl: 1 appended, 0 revised, 0 withdrawn, 0 duplicates, 2 rejected" in (
        done.stdout
    )
    errors = done.stderr.splitlines()
    assert errors[0].startswith("events.jsonl:2: expected one JSON object:")
    assert errors[1].startswith("events.jsonl:3: occurred_at: a time without its offset")
    assert errors[2:] == [
        "the refused rows, with reasons, are in risk.db.rejected.jsonl",
        "riskmon: nowhere.jsonl: cannot be read: No such file or directory",
    ]
    assert 2 == len((tmp_path / "risk.db.rejected.jsonl").read_text().splitlines())


@pytest.mark.parametrize(
    ("command", "code", "message"),
    [
        (["score", "Baidoo"], 1, "no declared company is called 'Baidoo'; did you mean 'baidu'?"),
        (["score", "zzz"], 1, "no declared company is called 'zzz'; `riskmon scores` lists"),
        (["score", "Baidu", "--as-of", "soon"], 2, "as_of: expected a date such as 2024-01-12"),
        (["score", "Baidu", "--known-at", "2024-13-01"], 2, "known_at: expected a date"),
        (["history", "Baidu", "--step", "1 day"], 2, "expected a step such as 1d, 12h or 1w"),
        (["history", "Baidu", "--start", "2200-01-01"], 2, "start: expected a date from 1900"),
        (["history", "Baidu", "--start", "2099-01-01"], 2, "expected a start before the end"),
        (["history", "Baidu", "--start", "1900-01-01", "--step", "1h"], 2, "at most 100,000"),
        (["ingest", "x", "--source", "bis"], 2, "no source 'bis'"),
        (["scores", "--rules", "nowhere"], 2, "expected a folder of rules, got 'nowhere'"),
        (["scores", "--database", "risk.db"], 2, "expected a database URL"),
        (["scores", "--database", "sqlite:////proc/x/risk.db"], 1, "cannot be used"),
        (["score", "Baidu", "--known-at", "20240112"], 2, "a position from 0 to 39, got 20240112"),
        (["score", "Baidu", "--known-at", "9" * 30], 2, "a position from 0 to 39, got 9999"),
        (["scores", "--database", "sqlite://"], 2, "a database in memory keeps nothing"),
        (["scores", "--database", "sqlite:///a/b/c.db"], 1, "a folder that exists"),
        (["dance"], 2, "invalid choice: 'dance'"),
        ([], 2, "required: COMMAND"),
    ],
)
def test_errors_are_said_without_a_traceback(
    loaded: Any, command: list[str], code: int, message: str
) -> None:
    """One line that says what to do, on standard error."""
    done = loaded(*command)
    assert (code, "") == (done.returncode, done.stdout)
    assert message in done.stderr
    assert "Traceback" not in done.stderr


def test_broken_rules_are_said_all_at_once(loaded: Any, tmp_path: Path) -> None:
    """File, line and field of each, exit code 1; what is published stays in force."""
    (tmp_path / "rules").mkdir()
    (tmp_path / "rules" / "a.yaml").write_text("id: a\n")
    (tmp_path / "rules" / "b.yaml").write_text("id: c\n")
    done = loaded("recalculate", "--rules", "rules")
    assert (1, "") == (done.returncode, done.stdout)
    assert "rules/a.yaml:1: title: is required and missing" in done.stderr
    assert "rules/b.yaml:1: title: is required and missing" in done.stderr
    scores = loaded("scores", "--rules", "rules")
    assert 0 == scores.returncode
    assert "the rules in rules are not those in force: recalculate publishes them" in scores.stderr


def test_what_carries_no_risk_is_shown(loaded: Any) -> None:
    """The round, the model, the founder, the aim: told of AIsphere, in no line."""
    out = loaded("explain", "AIsphere").stdout.partition("Also told of it, and no line:")[2]
    for words in ("over 100 million yuan", "PixVerse", "Wang Changhu", "Sora within three to six"):
        assert words in out
    assert "Alibaba leads a round" in loaded("explain", "MiniMax").stdout


def test_a_company_that_was_not_watched_yet_has_no_score(loaded: Any) -> None:
    """Rather than a clean bill of health."""
    out = loaded("score", "Baidu", "--known-at", "2020-01-01").stdout
    assert "Baidu, Inc.: not on the watchlist by 2020-01-01, so no score\n" == out


@pytest.mark.parametrize("command", [["scores"], ["status", "--json"], ["score", "Baidu"]])
def test_an_output_that_cannot_be_written_is_said(loaded: Any, command: list[str]) -> None:
    """A full disk, as /dev/full has it: one line, exit code 1."""
    line = " ".join([RISKMON, *command, "--database", f"sqlite:///{loaded.folder}/risk.db"])
    done = subprocess.run(
        f"{line} > /dev/full", shell=True, capture_output=True, text=True, check=False
    )
    message = "riskmon: standard output cannot be written: No space left on device\n"
    assert (1, message) == (done.returncode, done.stderr)


def test_a_misspelt_type_is_said(run: Any) -> None:
    """It is stored, since a new type needs no code; a quite new one is no mistake."""
    events = [event(type="clam.aleged"), event(type="port.closed")]
    done = run("ingest", "-", given="\n".join(map(json.dumps, events)))
    assert (0, "'clam.aleged' is no event type used so far; did you mean 'claim.alleged'?\n") == (
        done.returncode,
        done.stderr,
    )


def test_an_empty_database_says_what_to_do(run: Any) -> None:
    """On standard error; there is nothing on standard output."""
    done = run("scores")
    assert (0, "", "No company is declared: riskmon declare FILE\n") == (
        done.returncode,
        done.stdout,
        done.stderr,
    )


def test_a_file_that_grows_as_it_is_read_is_refused(run: Any) -> None:
    """The refused rows of an input would be appended to it."""
    run("ingest", "-", given="{")
    done = run("ingest", "risk.db.rejected.jsonl")
    assert 1 == done.returncode
    assert "is the file that refused rows are written to" in done.stderr


def test_the_module_is_the_command() -> None:
    """`python -m riskmon --version`."""
    command = [sys.executable, "-m", "riskmon", "--version"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert f"riskmon {riskmon.__version__}\n" == done.stdout


def test_status_says_what_there_is(loaded: Any) -> None:
    """Ledger, rules, companies, and the names that mean nobody declared."""
    out = loaded("status").stdout
    for words in ("entries       39,", "companies     11", "27 standing, in", "Microsoft Research"):
        assert words in out


def test_known_at_takes_a_position(loaded: Any) -> None:
    """Twelve entries: the rules and the companies, no event yet."""
    assert "Baidu, Inc.: 0.00 (low)" in loaded("score", "Baidu", "--known-at", "12").stdout


def test_hostile_titles_print_as_text(run: Any) -> None:
    """Markup, escape sequences and direction marks act on no terminal."""
    evil = "[/bold] \x1b[2J \u202egnp.exe"
    run("declare", "-", given=json.dumps(company("evil", name=f"Evil {evil}")))
    told = event(title=evil, type="case.indicted", topics=["trade-secrets"])
    run("ingest", "-", given=json.dumps(told | {"parties": [{"company": "evil"}]}))
    for command in (["scores"], ["explain", "evil"], ["score", "evil"]):
        out = run(*command).stdout
        assert "[/bold]" in out
        assert not {"\x1b", "\u202e"} & set(out)


@pytest.mark.parametrize("text", ["Tabs\tand\nlines", "a\u200bb", "\ud800", "\x9b31m"])
def test_safe_leaves_no_character_that_acts(text: str) -> None:
    """Control, format and half characters become a visible mark."""
    assert safe(text).isprintable()
    assert len(text) == len(safe(text))


@pytest.mark.usefixtures("loaded")
def test_a_pipe_that_closes_is_no_error(tmp_path: Path) -> None:
    """`riskmon history ... | head -1`."""
    line = f"{RISKMON} history Baidu --step 1h --start 2024-01-01 --end 2025-01-01 | head -1"
    env = {**os.environ, "RISKMON_DATABASE_URL": "sqlite:///risk.db"}
    done = subprocess.run(
        ["bash", "-c", f"set -o pipefail; {line}"],
        cwd=tmp_path,
        env=env,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (0, "") == (done.returncode, done.stderr)


def test_every_command_has_help() -> None:
    """And a sentence that says what it does."""
    (commands,) = (one for one in parser()._actions if one.choices)
    for name, command in dict(commands.choices or {}).items():
        assert command.description, name


def test_help_imports_nothing_heavy() -> None:
    """What makes `riskmon --help` answer at once; benchmarks/ measures it."""
    code = "import sys, riskmon.cli; riskmon.cli.parser(); print(*sys.modules)"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    heavy = {"sqlalchemy", "pydantic", "alembic", "rich", "polars", "pandas", "ruamel", "numpy"}
    assert set() == heavy & set(out.stdout.split())


def test_deep_input_in_little_memory(run: Any, tmp_path: Path) -> None:
    """A line of 200 MB is refused without being held."""
    file = tmp_path / "large.jsonl"
    with file.open("wb") as out:
        for _ in range(200):
            out.write(b"x" * 1024 * 1024)
        out.write(b"\n" + json.dumps(event()).encode() + b"\n")
    # What the kernel counts for children begins with the parent's memory; this does not.
    code = (
        "import atexit, pathlib; from riskmon.cli import main; status = pathlib.Path('/proc/self/"
        "status'); atexit.register(lambda: pathlib.Path('status').write_text(status.read_text())); "
        "main()"
    )
    done = run("ingest", "large.jsonl", program=[sys.executable, "-c", code])
    assert 1 == done.returncode
    assert "large.jsonl: 1 appended" in done.stdout
    peak = re.search(r"VmHWM:\s+(\d+) kB", (tmp_path / "status").read_text())
    assert peak
    assert int(peak[1]) < 130_000
