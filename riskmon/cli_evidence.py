"""The commands about evidence: verify, receipt, changes, log, backup, forget."""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from riskmon.cli_archive import add_archive
from riskmon.cli_common import (
    clocks,
    file,
    opened,
    out,
    position,
    print_json,
    say,
    text_of,
)
from riskmon.errors import UsageError, VerificationError

if TYPE_CHECKING:
    from riskmon.model import Entry

FOLLOW_SECONDS = 0.5
"""Between two looks at the log."""


def add_commands(add: Callable[..., Any], where: Any, then: Any) -> None:
    """Add the commands, each with the options that it shares with others."""
    verify = add("verify", _verify, "hash every entry again; prove what the ledger holds", where)
    one = verify.add_mutually_exclusive_group()
    one.add_argument("--proof", metavar="POSITION", type=position, help="prove that an entry is in")
    one.add_argument("--check", metavar="PROOF", type=file, help="check one: needs no database")
    verify.add_argument(
        "--since", metavar="HEAD", type=file, help="prove it only grew since a published head"
    )
    verify.add_argument("--key", metavar="PUBLIC", type=file, help="who must have signed HEAD, PEM")
    verify.add_argument(
        "--archive", metavar="FOLDER", type=file, help="of ranges that were archived, checked too"
    )
    verify.add_argument("--publish", metavar="FILE", type=file, help="write the head, for others")
    verify.add_argument("--sign", metavar="KEY", type=file, help="sign it: Ed25519, PEM")
    receipt = add("receipt", _receipt, "a score to be shown and checked later", where, then)
    receipt.add_argument("name", nargs="?", metavar="NAME", help="a company's id or name")
    receipt.add_argument("--check", metavar="FILE", type=file, help="say whether a receipt holds")
    changes = add("changes", _changes, "which scores corrections moved, what they belie", where)
    changes.add_argument(
        "--since", required=True, metavar="WHEN", help="a position, date or moment"
    )
    log = add("log", _log, "the ledger's entries, in order", where)
    log.add_argument(
        "--after", type=position, default=0, metavar="POSITION", help="those after it (default: 0)"
    )
    log.add_argument("--follow", action="store_true", help="wait for more; JSON is one a line then")
    backup = add("backup", _backup, "copy the ledger while others write to it", where)
    backup.add_argument("target", metavar="FILE", help="a new file, or an empty database's URL")
    add_archive(add, where)
    forget = add("forget", _forget, "make a natural person's data unreadable, for ever", where)
    forget.add_argument("name", metavar="NAME", help="the person's name as it was told")


def _verify(arguments: argparse.Namespace) -> int:
    from riskmon import heads, show
    from riskmon.evidence import check

    since = heads.parse(arguments.since, text_of(arguments.since)) if arguments.since else None
    if arguments.key:
        if since is None:
            raise UsageError("--key says who must have signed the head of --since HEAD")
        heads.check_signature(since, Path(arguments.key))
    if arguments.check:
        published = heads.published(since) if since else None
        head = check(_document(arguments.check), published)
        holds = "the proof holds for this position and root"
        return out(arguments, head, lambda: show.published(holds, head))
    if arguments.sign and not arguments.publish:
        raise UsageError("--sign goes with --publish FILE")
    if arguments.archive:
        folder = Path(arguments.archive)
        arguments.config = arguments.config.model_copy(update={"archive": folder})
    with opened(arguments, make=False) as monitor:
        found = monitor.verify(proof=arguments.proof, since=since)
    if arguments.publish:
        signed = heads.signed(found.head, Path(arguments.sign)) if arguments.sign else None
        _publish(Path(arguments.publish), signed or found.head._asdict())
    if found.proof is not None and not arguments.json:
        print_json(found.proof)
        return 0
    return out(arguments, found, lambda: show.verification(found))


def _publish(path: Path, head: dict[str, Any]) -> None:
    from riskmon import heads

    if path.exists():  # an earlier head gives way, nothing else does
        heads.parse(str(path), text_of(str(path)))
    new = path.with_name(f"{path.name}.new")
    try:
        new.write_text(json.dumps(head, indent=1) + "\n", "utf-8")
        new.replace(path)
    except OSError as error:
        raise UsageError(f"{path}: cannot be written: {error.strerror}") from None
    say(f"the head is in {path}: keep it where the ledger's owner cannot write")


def _document(given: str) -> Any:
    try:
        return json.loads(text_of(given))
    except (ValueError, RecursionError):
        raise UsageError(f"{given}: expected a proof as `riskmon verify` gives it") from None


def _receipt(arguments: argparse.Namespace) -> int:
    from riskmon import receipts

    if (arguments.name is None) == (arguments.check is None):
        raise UsageError("expected a company's NAME, or --check FILE")
    with opened(arguments, make=False) as monitor:
        if arguments.name is not None:
            print_json(monitor.receipt(monitor.score(arguments.name, **clocks(arguments))))
            return 0
        differences = monitor.check(receipts.parse(arguments.check, text_of(arguments.check)))
    if arguments.json:
        print_json({"holds": not differences, "differences": differences})
    else:
        print("\n".join(differences) or "the receipt holds")
    return VerificationError.exit_code if differences else 0


def _changes(arguments: argparse.Namespace) -> int:
    from riskmon import show
    from riskmon.forms import place

    with opened(arguments, make=False) as monitor:
        changes = monitor.changes(place(arguments.since))
    return out(arguments, changes, lambda: show.changes(changes))


def _log(arguments: argparse.Namespace) -> int:
    from riskmon import show

    with opened(arguments, make=False) as monitor:
        if arguments.json and not arguments.follow:
            print_json(list(monitor.entries(arguments.after)))
            return 0
        seen = arguments.after
        while True:
            for entry in _flushed(monitor.entries(seen)):
                print(json.dumps(_plain(entry)) if arguments.json else show.entry(entry))
                seen = entry.position
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
    with opened(arguments, make=False) as monitor:
        head = monitor.backup(arguments.target)
    done = f"{head.position:,} entries are in {arguments.target}, head {head.hash}"
    return out(arguments, head, lambda: print(done))


def _forget(arguments: argparse.Namespace) -> int:
    with opened(arguments, make=False) as monitor:
        token = monitor.forget(arguments.name)
    say("copies made before (backups, replicas) still hold the key: make new ones, destroy those")
    return out(arguments, {"forgotten": token}, lambda: print(f"forgotten: person {token}"))
