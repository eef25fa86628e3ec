"""The command that writes sealed ranges of the ledger to files."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import Any

from riskmon.cli_common import file, opened, out, position, say

ADVICE = (
    "nothing was taken out of the database. Once the folder is copied to where it is kept, and "
    "`archive` names it in riskmon.toml, the owner of the tables may run these, one at a time:"
)


def add_archive(add: Callable[..., Any], where: Any) -> None:
    """Add `archive`."""
    one = add("archive", _archive, "write sealed ranges of the ledger to Parquet files", where)
    one.add_argument("folder", metavar="FOLDER", type=file, help="made where there is none")
    one.add_argument(
        "--before", metavar="POSITION", type=position, help="only ranges that end before it"
    )


def _archive(arguments: argparse.Namespace) -> int:
    with opened(arguments, make=False) as monitor:
        found = monitor.archive(arguments.folder, before=arguments.before)

    def shown() -> None:
        for one in found:
            print(f"{one.file}: {one.last - one.first + 1:,} entries hold, each hashed again")
            print(f"  positions {one.first:,} to {one.last:,}, head {one.hash}")
            print(f"  SHA-256   {one.sha256}")
        detach = [f"{one.detach};" for one in found if one.detach]
        if detach:
            say(ADVICE)
            print("\n".join(detach))
        if not found:
            print("no range is sealed: the last one still takes entries")

    return out(arguments, found, shown)
