"""The commands about evidence, as real processes: what they print, where, and how they exit."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

import riskmon
from tests.builders import RISKMON, event, forge


def head_of(run: Any) -> Any:
    return json.loads(run("verify", "--json").stdout)["head"]


def test_verify_says_what_holds_and_up_to_where(loaded: Any) -> None:
    """Entries, head, root, and the head outside; as JSON the same."""
    done = loaded("verify")
    assert (0, "") == (done.returncode, done.stderr)
    head = head_of(loaded)
    assert [
        f"{head['position']} entries hold, each hashed again",
        f"  position  {head['position']}, recorded {head['recorded_at']}",
        f"  hash      {head['hash']}",
        f"  root      {head['root']}",
        f"  outside   the head kept at position {head['position']} is among them",
    ] == done.stdout.splitlines()


@pytest.mark.parametrize(
    ("statement", "message"),
    [
        ("UPDATE entry SET body = '{}' WHERE position = 5", "entry 5 is not what was hashed"),
        ("DELETE FROM entry WHERE position = 7", "entry 7 is missing"),
        ("DELETE FROM entry WHERE position > 20", "ends at position 20, but the head kept outside"),
    ],
)
def test_a_ledger_that_was_touched_exits_4(loaded: Any, statement: str, message: str) -> None:
    """With the first bad position; nothing is appended to one whose tail was cut."""
    with riskmon.open(f"sqlite:///{loaded.folder / 'risk.db'}") as monitor:
        forge(monitor._ledger.engine, statement)
    done = loaded("verify")
    assert (4, "") == (done.returncode, done.stdout)
    assert 1 == done.stderr.count(message)
    assert "Traceback" not in done.stderr
    if "position > 20" in statement:
        (loaded.folder / "more.jsonl").write_text(json.dumps(event()) + "\n")
        assert 4 == loaded("ingest", "more.jsonl").returncode
        assert "its tail was cut" in loaded("scores").stderr


def test_a_broken_file_exits_4(loaded: Any) -> None:
    """Where it cannot even be opened, verification has failed too."""
    file = loaded.folder / "risk.db"
    file.write_bytes(b"x" * 100 + file.read_bytes()[100:])
    done = loaded("verify")
    assert 4 == done.returncode
    assert "cannot be used" in done.stderr
    assert "Traceback" not in done.stderr


def test_proofs_and_heads_go_from_file_to_file(loaded: Any) -> None:
    """Publish, prove, grow, prove again; checks need no database."""
    folder: Path = loaded.folder
    assert 0 == loaded("verify", "--publish", "head.json").returncode
    assert head_of(loaded) == json.loads((folder / "head.json").read_text())
    (folder / "proof.json").write_text(loaded("verify", "--proof", "3").stdout)
    (folder / "more.jsonl").write_text(json.dumps(event()) + "\n")
    assert 0 == loaded("ingest", "more.jsonl").returncode
    grown = loaded("verify", "--since", "head.json")
    assert 0 == grown.returncode
    nowhere = {"RISKMON_DATABASE_URL": "sqlite:////nowhere/x.db"}
    for given in ("proof.json", "-"):
        done = loaded("verify", "--check", given, given=grown.stdout, env=nowhere)
        assert (0, "the proof holds for this position and root") == (
            done.returncode,
            done.stdout.splitlines()[0],
        )
    proof = json.loads((folder / "proof.json").read_text())
    (folder / "proof.json").write_text(json.dumps(proof | {"path": proof["path"][:-1]}))
    done = loaded("verify", "--check", "proof.json")
    assert 4 == done.returncode
    assert "the proof does not hold" in done.stderr
    with riskmon.open(f"sqlite:///{folder / 'risk.db'}") as monitor:
        head = monitor.verify().head
    (folder / "head.json").write_text(json.dumps(head._replace(root="0" * 64)._asdict()))
    done = loaded("verify", "--since", "head.json")
    assert 4 == done.returncode
    assert "does not begin with" in done.stderr


def test_a_receipt_is_printed_checked_and_refused(loaded: Any) -> None:
    """Exit 0 where it holds, 4 where it does not, with the difference."""
    receipt = loaded("receipt", "Baidu", "--as-of", "2024-02-12", "--known-at", "30")
    assert (0, "") == (receipt.returncode, receipt.stderr)
    file = loaded.folder / "receipt.json"
    file.write_text(receipt.stdout)
    assert "the receipt holds\n" == loaded("receipt", "--check", "receipt.json").stdout
    made = json.loads(receipt.stdout)
    file.write_text(json.dumps(made | {"value": 1.0}))
    done = loaded("receipt", "--check", "receipt.json")
    assert (4, f"value: the receipt says 1.0, the ledger gives {made['value']}\n") == (
        done.returncode,
        done.stdout,
    )
    done = loaded("receipt", "--check", "receipt.json", "--json")
    assert (4, False) == (done.returncode, json.loads(done.stdout)["holds"])


@pytest.mark.parametrize(
    ("command", "code", "message"),
    [
        (["verify", "--proof", "0"], 2, "a position from 1 to"),
        (["verify", "--proof", "x"], 2, "expected a position, got 'x'"),
        (["verify", "--proof", "3", "--check", "bad.json"], 2, "not allowed with"),
        (["verify", "--proof", "3", "--since", "head.json"], 2, "not of both at once"),
        (["verify", "--key", "", "--since", "head.json"], 2, "expected a file, got nothing"),
        (["verify", "--publish", "risk.db"], 1, "expected a head as"),
        (["verify", "--database", "sqlite:///typo.db"], 1, "there is none"),
        (["backup", "sqlite://"], 1, "a copy in memory is gone at once"),
        (["backup", ""], 1, "expected the name of a file"),
        (["backup", "a?b.db"], 1, "expected the name of a file"),
        (["backup", "x" * 300], 1, "cannot be a file"),
        (["log", "--after", "9" * 30], 2, "expected a position"),
        (["changes", "--since", "9" * 5000], 2, "expected a date such as"),
        (["verify", "--since", "none.json"], 1, "none.json: cannot be read"),
        (["verify", "--since", "."], 1, "cannot be read"),
        (["verify", "--since", "bad.json"], 1, "expected a head as"),
        (["verify", "--check", "bad.json"], 2, "expected a proof as"),
        (["verify", "--check", "."], 1, "cannot be read"),
        (["verify", "--sign", "key.pem"], 2, "--sign goes with --publish"),
        (["verify", "--key", "key.pem"], 2, "--since HEAD"),
        (["verify", "--publish", "no/head.json"], 2, "cannot be written"),
        (["verify", "--publish", "h.json", "--sign", "bad.json"], 1, "expected a private key"),
        (["receipt"], 2, "expected a company's NAME, or --check FILE"),
        (["receipt", "Nobody"], 1, "no declared company is called"),
        (["receipt", "--check", "bad.json"], 1, "expected a receipt as"),
        (["receipt", "--check", "."], 1, "cannot be read"),
        (["changes"], 2, "--since"),
        (["changes", "--since", "9999"], 2, "a position from 0 to"),
        (["changes", "--since", "soon"], 2, "expected a date such as"),
        (["backup", "risk.db"], 1, "is there already"),
        (["backup", "no/copy.db"], 1, "a folder that exists"),
        (["backup", "mysql://x/y"], 2, "expected a database URL"),
        (["forget", "Nobody Known"], 1, "no event names a person called"),
        (["log", "--after", "-1"], 2, "expected a position"),
    ],
)
def test_errors_are_said_without_a_traceback(
    loaded: Any, command: list[str], code: int, message: str
) -> None:
    """What was expected, what is there; nothing is printed to standard output."""
    (loaded.folder / "bad.json").write_bytes(b"\xff\x00{")
    (loaded.folder / "head.json").write_text(json.dumps(head_of(loaded)))
    done = loaded(*command)
    assert (code, "") == (done.returncode, done.stdout)
    assert message in done.stderr
    assert "Traceback" not in done.stderr
    assert not (loaded.folder / "typo.db").exists()


def test_the_log_is_read_and_followed(loaded: Any) -> None:
    """In order, once each; what another process appends meanwhile comes too; JSON is one a line."""
    entries = json.loads(loaded("log", "--json").stdout)
    assert list(range(1, len(entries) + 1)) == [entry["position"] for entry in entries]
    after = len(entries) - 1
    command = [RISKMON, "log", "--follow", "--json", "--after", str(after)]
    command += ["--database", f"sqlite:///{loaded.folder / 'risk.db'}"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as follower:
        assert follower.stdout is not None
        first = json.loads(follower.stdout.readline())
        (loaded.folder / "more.jsonl").write_text(json.dumps(event(ref="late")) + "\n")
        assert 0 == loaded("ingest", "more.jsonl").returncode
        second = json.loads(follower.stdout.readline())
        follower.terminate()
    assert [(after + 1, entries[-1]["hash"]), (after + 2, second["hash"])] == [
        (one["position"], one["hash"]) for one in (first, second)
    ]
    assert "late" == second["ref"]
    lines = loaded("log", "--after", str(after)).stdout.splitlines()
    assert [f"{after + 1:8,}", f"{after + 2:8,}"] == [line[:8] for line in lines]


def test_a_person_is_forgotten_on_the_command_line(loaded: Any) -> None:
    """The log never had the name; after forgetting no query has it either."""
    assert "Linwei" not in loaded("log", "--json").stdout
    assert "Linwei Ding" in loaded("explain", "google", "--json").stdout
    done = loaded("forget", "Linwei Ding")
    assert 0 == done.returncode
    assert "copies made before" in done.stderr
    for command in (["explain", "google", "--json"], ["status"], ["log", "--json"]):
        assert "Linwei" not in loaded(*command).stdout
    assert 0 == loaded("verify").returncode
