"""The commands about evidence: verify, receipt, changes, log, backup, forget."""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from riskmon.cli_common import clocks, opened, out, place, print_json, say
from riskmon.errors import UsageError, VerificationError

if TYPE_CHECKING:
    from riskmon.model import Entry

FOLLOW_SECONDS = 0.5
"""Between two looks at the log."""


def add_commands(add: Callable[..., Any], where: Any, then: Any) -> None:
    """Add the commands, each with the options that it shares with others."""
    verify = add("verify", _verify, "hash every entry again; prove what the ledger holds", where)
    verify.add_argument("--proof", metavar="POSITION", type=int, help="prove that an entry is in")
    verify.add_argument("--since", metavar="HEAD", help="prove it only grew since a published head")
    verify.add_argument("--publish", metavar="FILE", help="write the head, to be kept elsewhere")
    verify.add_argument("--sign", metavar="KEY", help="sign it: an Ed25519 private key, PEM")
    verify.add_argument("--key", metavar="PUBLIC", help="who must have signed HEAD: a PEM file")
    verify.add_argument("--check", metavar="PROOF", help="check a proof: needs no database")
    receipt = add("receipt", _receipt, "a score to be shown and checked later", where, then)
    receipt.add_argument("name", nargs="?", metavar="NAME", help="a company's id or name")
    receipt.add_argument("--check", metavar="FILE", help="say whether a receipt holds")
    changes = add(
        "changes", _changes, "which scores corrections moved, what they contradict", where
    )
    changes.add_argument(
        "--since", required=True, metavar="WHEN", help="a position, date or moment"
    )
    log = add("log", _log, "the ledger's entries, in order", where)
    log.add_argument("--after", type=int, default=0, metavar="POSITION", help="(default: 0)")
    log.add_argument("--follow", action="store_true", help="wait for more; JSON is one a line then")
    backup = add("backup", _backup, "copy the ledger while others write to it", where)
    backup.add_argument("target", metavar="FILE", help="a new file, or an empty database's URL")
    forget = add("forget", _forget, "make a natural person's data unreadable, for ever", where)
    forget.add_argument("name", metavar="NAME", help="the person's name as it was told")


def _verify(arguments: argparse.Namespace) -> int:
    from riskmon import heads, show
    from riskmon.evidence import check

    if arguments.check:
        head = check(_document(arguments.check))
        return out(arguments, head, lambda: show.published("the proof holds for this head", head))
    since = heads.read(Path(arguments.since)) if arguments.since else None
    if arguments.key:
        if since is None:
            raise UsageError("--key says who must have signed the head of --since HEAD")
        heads.check_signature(since, Path(arguments.key))
    if arguments.sign and not arguments.publish:
        raise UsageError("--sign goes with --publish FILE")
    with opened(arguments) as monitor:
        found = monitor.verify(proof=arguments.proof, since=since)
    if arguments.publish:
        signed = heads.signed(found.head, Path(arguments.sign)) if arguments.sign else None
        text = json.dumps(signed or found.head._asdict(), indent=1) + "\n"
        try:
            Path(arguments.publish).write_text(text, "utf-8")
        except OSError as error:
            raise UsageError(f"{arguments.publish}: cannot be written: {error.strerror}") from None
        say(f"the head is in {arguments.publish}: keep it where the ledger's owner cannot write")
    if found.proof is not None and not arguments.json:
        print_json(found.proof)
        return 0
    return out(arguments, found, lambda: show.verification(found))


def _document(file: str) -> Any:
    try:
        text = sys.stdin.read() if file == "-" else Path(file).read_text("utf-8")
        return json.loads(text)
    except OSError as error:
        raise UsageError(f"{file}: cannot be read: {error.strerror}") from None
    except (ValueError, RecursionError):
        raise UsageError(f"{file}: expected a proof as `riskmon verify` gives it") from None


def _receipt(arguments: argparse.Namespace) -> int:
    from riskmon import receipts

    if (arguments.name is None) == (arguments.check is None):
        raise UsageError("expected a company's NAME, or --check FILE")
    with opened(arguments) as monitor:
        if arguments.name is not None:
            print_json(monitor.receipt(monitor.score(arguments.name, **clocks(arguments))))
            return 0
        differences = monitor.check(receipts.read(Path(arguments.check)))
    if arguments.json:
        print_json({"holds": not differences, "differences": differences})
    else:
        print("\n".join(differences) or "the receipt holds")
    return VerificationError.exit_code if differences else 0


def _changes(arguments: argparse.Namespace) -> int:
    from riskmon import show

    with opened(arguments) as monitor:
        changes = monitor.changes(place(arguments.since))
    return out(arguments, changes, lambda: show.changes(changes))


def _log(arguments: argparse.Namespace) -> int:
    from riskmon import show

    with opened(arguments) as monitor:
        if arguments.json and not arguments.follow:
            print_json(list(monitor.entries(arguments.after)))
            return 0
        position = arguments.after
        while True:
            for entry in _flushed(monitor.entries(position)):
                print(json.dumps(_plain(entry)) if arguments.json else show.entry(entry))
                position = entry.position
            if not arguments.follow:
                return 0
            time.sleep(FOLLOW_SECONDS)


def _flushed(entries: Iterable[Entry]) -> Iterable[Entry]:
    yield from entries
    sys.stdout.flush()


def _plain(entry: Entry) -> Any:
    from riskmon.results import to_json

    return to_json(entry)


def _backup(arguments: argparse.Namespace) -> int:
    with opened(arguments) as monitor:
        head = monitor.backup(arguments.target)
    done = f"{head.position:,} entries are in {arguments.target}, head {head.hash}"
    return out(arguments, head, lambda: print(done))


def _forget(arguments: argparse.Namespace) -> int:
    with opened(arguments) as monitor:
        token = monitor.forget(arguments.name)
    say("copies made before (backups, replicas) still hold the key: make new ones, destroy those")
    return out(arguments, {"forgotten": token}, lambda: print(f"forgotten: person {token}"))
