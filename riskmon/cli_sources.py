"""Commands on what comes in: sources, copies of lists that are held, drafts that wait."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import Any

from riskmon.cli_common import counted, opened, out, print_json, say
from riskmon.errors import RiskmonError, UsageError

REFUSED = 1


def add_sources(commands: Any, where: Any) -> None:
    """Add `sources`, `fetch`, `hold review|accept|reject` and `drafts review|accept|reject`."""
    text = "what can be read; of lists when they were, and what is held"
    sources = commands.add_parser("sources", help=text, description=text, parents=[where])
    sources.set_defaults(run=_sources)
    text = "fetch sources from their publishers, and ingest what changed"
    fetch = commands.add_parser("fetch", help=text, description=text, parents=[where])
    fetch.set_defaults(run=_fetch)
    fetch.add_argument("names", nargs="*", metavar="NAME", help="a source, see `riskmon sources`")
    fetch.add_argument("--all", action="store_true", help="all that have an address")
    fetch.add_argument("--url", metavar="URL", help="another address for the one that is named")
    fetch.add_argument(
        "--host", action="append", default=[], help="a host that may be reached, too"
    )
    fetch.add_argument("--contact", default="", metavar="WHO", help="who asks, for the publisher")
    fetch.add_argument(
        "--insecure", action="store_true", help="allow http, any port, and this very machine"
    )
    decided = argparse.ArgumentParser(add_help=False)
    decided.add_argument("--by", metavar="WHO", help="who decides")
    decided.add_argument("--why", metavar="REASON", help="and why")

    def group(name: str, text: str) -> Callable[..., Any]:
        parser = commands.add_parser(name, help=text, description=text)
        members = parser.add_subparsers(metavar="COMMAND", required=True)

        def add(command: str, run: Callable[[Any], int], text: str, *parents: Any) -> Any:
            one = members.add_parser(command, help=text, description=text, parents=parents)
            one.set_defaults(run=run)
            return one

        return add

    hold = group("hold", "copies of lists that are not credible, and wait for a person")
    hold("review", _held, "those that wait, with the reason and what they would change", where)
    accept = hold("accept", _accept, "take a copy in", where, decided)
    accept.add_argument("digest", metavar="DIGEST", help="or the beginning of it")
    accept.add_argument("--copy", metavar="FILE", help="where it is, if it is not kept here")
    reject = hold("reject", _reject, "leave a copy out", where, decided)
    reject.add_argument("digest", metavar="DIGEST", help="or the beginning of it")

    drafts = group("drafts", "events that texts seem to tell, and that wait for a person")
    drafts("review", _drafts, "those that wait, the surest first", where)
    accept = drafts("accept", _accept_draft, "take drafts for events: they score", where, decided)
    accept.add_argument("refs", nargs="*", metavar="REF", help="or the beginning of it")
    accept.add_argument(
        "--from", dest="least", type=float, metavar="CONFIDENCE", help="all as sure as that, 0 to 1"
    )
    reject = drafts("reject", _reject_draft, "leave drafts out", where, decided)
    reject.add_argument("refs", nargs="+", metavar="REF", help="or the beginning of it")


def _sources(arguments: argparse.Namespace) -> int:
    from riskmon import show_sources

    with opened(arguments) as monitor:
        found = monitor.sources()
    return out(arguments, found, lambda: show_sources.sources(found))


def _fetch(arguments: argparse.Namespace) -> int:
    from riskmon import show
    from riskmon.fetching import Terms

    if bool(arguments.names) == arguments.all:
        raise UsageError("expected sources by their names, or --all")
    if arguments.url and len(arguments.names) != 1:
        raise UsageError("--url: expected one source by its name")
    configured = arguments.config.fetch
    terms = Terms(
        contact=arguments.contact or configured.contact,
        insecure=arguments.insecure or configured.insecure,
    )
    urls = {name: url.get_secret_value() for name, url in configured.urls.items()}
    hosts = [*configured.hosts, *arguments.host]
    code, reports = 0, []
    with opened(arguments) as monitor:
        known = monitor.sources() if arguments.all else []
        names = arguments.names or [one.name for one in known if one.urls or one.name in urls]
        for name in names:
            try:
                url = arguments.url or urls.get(name)
                report = monitor.fetch(name, url=url, hosts=hosts, terms=terms)
            except RiskmonError as error:  # the others are not lost because of this one
                say(f"{name}: {error}")
                code = max(code, error.exit_code)
                continue
            reports.append(report)
            code = max(code, REFUSED if report.rejected or report.held else 0)
            if not arguments.json:
                show.report(report)
    if arguments.json:
        print_json(reports)
    return code


def _held(arguments: argparse.Namespace) -> int:
    from riskmon import show_sources

    with opened(arguments) as monitor:
        found = monitor.held()
    return out(arguments, found, lambda: show_sources.held(found))


def _accept(arguments: argparse.Namespace) -> int:
    from riskmon import show

    with opened(arguments) as monitor:
        report = monitor.accept_copy(
            arguments.digest, by=arguments.by, why=arguments.why, copy=arguments.copy
        )
    out(arguments, report, lambda: show.report(report))
    return REFUSED if report.rejected or report.held else 0


def _reject(arguments: argparse.Namespace) -> int:
    with opened(arguments) as monitor:
        held = monitor.reject_copy(arguments.digest, by=arguments.by, why=arguments.why)
    return out(arguments, held, lambda: say(f"{held.file} of {held.day} is left out"))


def _drafts(arguments: argparse.Namespace) -> int:
    from riskmon import show_sources

    with opened(arguments) as monitor:
        found = monitor.drafts()
    told = [one.to_dict() for one in found]
    return out(arguments, told, lambda: show_sources.drafts(found))


def _accept_draft(arguments: argparse.Namespace) -> int:
    if bool(arguments.refs) == (arguments.least is not None):
        raise UsageError("expected drafts by their ref, or --from a confidence")
    said = {"by": arguments.by, "why": arguments.why}
    with opened(arguments) as monitor:
        if arguments.least is not None:
            found = monitor.accept_drafts(arguments.least, **said)
        else:
            found = [monitor.accept_draft(ref, **said) for ref in arguments.refs]
    return out(arguments, found, lambda: say(f"{counted(len(found), 'event')} from now on"))


def _reject_draft(arguments: argparse.Namespace) -> int:
    said = {"by": arguments.by, "why": arguments.why}
    with opened(arguments) as monitor:
        found = [monitor.reject_draft(ref, **said) for ref in arguments.refs]
    return out(arguments, found, lambda: say(f"{counted(len(found), 'draft')} left out"))
