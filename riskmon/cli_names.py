"""Commands on names: what waits for a person, and what that person decides."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import Any

from riskmon.cli_common import opened, out, position, say
from riskmon.errors import UsageError

MOST_SHOWN = 10_000


def add_names(commands: Any, where: Any) -> None:
    """Add `names resolve|review|accept|reject|undo|merge|split|precision`."""
    text = "whom names mean: what waits for a person, and what is decided"
    names = commands.add_parser("names", help=text, description=text)
    group = names.add_subparsers(metavar="COMMAND", required=True)
    decided = argparse.ArgumentParser(add_help=False)
    decided.add_argument("--by", metavar="WHO", help="who decides")
    decided.add_argument("--why", metavar="REASON", help="and why")
    pair = argparse.ArgumentParser(add_help=False)
    pair.add_argument("name", metavar="NAME", help="as an event told it")
    pair.add_argument("company", metavar="COMPANY", help="the id of a declared company")

    def add(command: str, run: Callable[[Any], int], text: str, *parents: Any) -> Any:
        one = group.add_parser(command, help=text, description=text, parents=parents)
        one.set_defaults(run=run)
        return one

    resolve = add("resolve", _resolve, "whom a name means, and why; nothing is stored", where)
    resolve.add_argument("name", metavar="NAME")
    resolve.add_argument(
        "--identifier", action="append", default=[], metavar="KIND=VALUE", help="such as lei=..."
    )
    review = add("review", _review, "names that wait, what moves most points first", where)
    review.add_argument("--limit", type=_number, default=20, metavar="N", help="(default: 20)")
    review.add_argument("--as-of", metavar="WHEN", help="date or moment (default: now)")
    add("accept", _accept, "take a name for a company's", where, pair, decided)
    add("reject", _reject, "say that a name does not mean a company", where, pair, decided)
    add("undo", _undo, "take back what was decided of the two", where, pair, decided)
    merge = add("merge", _merge, "say that a company is another one", where, decided)
    merge.add_argument("company", metavar="COMPANY", help="its id")
    merge.add_argument("into", metavar="INTO", help="the id of the one it is")
    split = add("split", _split, "take back a merge", where, decided)
    split.add_argument("company", metavar="COMPANY", help="the id of the one that was merged")
    add("links", _links, "companies that sources link to others, which wait", where)
    hold = add("hold", _hold, "say that a company holds a share of another", where)
    hold.add_argument("company", metavar="COMPANY", help="the id of the company held")
    hold.add_argument("owner", metavar="OWNER", help="the id of its owner")
    hold.add_argument("share", type=float, metavar="SHARE", help="0 to 1")
    hold.add_argument("--since", metavar="WHEN", help="a date (default: always)")
    hold.add_argument("--until", metavar="WHEN", help="a date (default: for ever)")
    unlink = add("unlink", _unlink, "say that a company is not another one's", where, decided)
    unlink.add_argument("company", metavar="COMPANY")
    unlink.add_argument("owner", metavar="OWNER")
    add("precision", _precision, "how often persons accepted what was how likely", where)


def _number(given: str) -> int:
    number = position(given)
    if not 0 < number <= MOST_SHOWN:
        raise argparse.ArgumentTypeError(f"expected 1 to {MOST_SHOWN:,}, got {number:,}")
    return number


def _resolve(arguments: argparse.Namespace) -> int:
    from riskmon import show_names

    pairs = [given.partition("=") for given in arguments.identifier]
    if wrong := [kind for kind, equals, value in pairs if not (kind and equals and value)]:
        raise UsageError(f"--identifier: expected KIND=VALUE, got {wrong[0]!r}")
    with opened(arguments) as monitor:
        found = monitor.resolve(arguments.name, **{kind: value for kind, _, value in pairs})
    return out(arguments, found.to_dict(), lambda: show_names.resolution(arguments.name, found))


def _review(arguments: argparse.Namespace) -> int:
    from riskmon import show_names

    with opened(arguments) as monitor:
        found = monitor.review(arguments.limit, as_of=arguments.as_of)
    told = [one.to_dict() for one in found]
    return out(arguments, told, lambda: show_names.waiting(found))


def _accept(arguments: argparse.Namespace) -> int:
    return _decided(arguments, "accept", f"{arguments.name!r} is {arguments.company} from now on")


def _reject(arguments: argparse.Namespace) -> int:
    return _decided(arguments, "reject", f"{arguments.name!r} is not {arguments.company}")


def _undo(arguments: argparse.Namespace) -> int:
    return _decided(
        arguments, "undo", f"nothing is decided of {arguments.name!r} and {arguments.company}"
    )


def _decided(arguments: argparse.Namespace, verdict: str, told: str) -> int:
    with opened(arguments) as monitor:
        decide = getattr(monitor, verdict)
        decide(arguments.name, arguments.company, by=arguments.by, why=arguments.why)
    return _said(arguments, told, verdict, "name", "company")


def _said(arguments: argparse.Namespace, told: str, verdict: str, *names: str) -> int:
    """Say what was decided, as a document where `--json` asks for one."""
    decided = {"decided": verdict} | {name: getattr(arguments, name) for name in names}
    return out(arguments, decided, lambda: say(told))


def _merge(arguments: argparse.Namespace) -> int:
    with opened(arguments) as monitor:
        monitor.merge(arguments.company, arguments.into, by=arguments.by, why=arguments.why)
    told = f"{arguments.company} is {arguments.into} from now on"
    return _said(arguments, told, "merge", "company", "into")


def _split(arguments: argparse.Namespace) -> int:
    with opened(arguments) as monitor:
        monitor.split(arguments.company, by=arguments.by, why=arguments.why)
    told = f"{arguments.company} is a company of its own again"
    return _said(arguments, told, "split", "company")


def _links(arguments: argparse.Namespace) -> int:
    from riskmon import show_names

    with opened(arguments) as monitor:
        found = monitor.links()
    told = [one._asdict() | {"links": [link.model_dump() for link in one.links]} for one in found]
    return out(arguments, told, lambda: show_names.links(found))


def _hold(arguments: argparse.Namespace) -> int:
    with opened(arguments) as monitor:
        monitor.hold(
            arguments.company,
            arguments.owner,
            arguments.share,
            since=arguments.since,
            until=arguments.until,
        )
    told = f"{arguments.owner} holds {arguments.share:g} of {arguments.company}"
    return _said(arguments, told, "hold", "company", "owner", "share", "since", "until")


def _unlink(arguments: argparse.Namespace) -> int:
    with opened(arguments) as monitor:
        monitor.unlink(arguments.company, arguments.owner, by=arguments.by, why=arguments.why)
    told = f"{arguments.company} is not {arguments.owner}'s"
    return _said(arguments, told, "unlink", "company", "owner")


def _precision(arguments: argparse.Namespace) -> int:
    from riskmon import show_names

    with opened(arguments) as monitor:
        found = monitor.precision()
    told = [one.to_dict() for one in found]
    return out(arguments, told, lambda: show_names.precision(found))
