"""The command line: each command one call of Monitor. Heavy imports are late, for `--help`."""

from __future__ import annotations

import argparse
import logging
import os
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from riskmon import __version__
from riskmon.cli_common import clocks, configured, opened, out, print_json, say
from riskmon.cli_config import add_config, add_file
from riskmon.cli_evidence import add_commands
from riskmon.cli_export import add_export
from riskmon.cli_mcp import add_mcp
from riskmon.cli_names import add_names
from riskmon.cli_rules import add_rules
from riskmon.cli_run import add_run
from riskmon.cli_serve import add_serve
from riskmon.cli_sources import add_sources
from riskmon.errors import RiskmonError, UsageError

if TYPE_CHECKING:
    from riskmon.monitor import Monitor
    from riskmon.reports import Report

REFUSED = 1


class _Log(logging.Handler):
    def emit(self, told: logging.LogRecord, /) -> None:
        say(told.getMessage())


def main() -> None:
    """Run the command in `sys.argv`; exit 0 done, 1 refused, 2 usage, 4 not verified, 5 busy."""
    log = logging.getLogger("riskmon")
    log.addHandler(_Log())
    log.propagate = False
    arguments = parser().parse_args()
    if sys.stdout is None:  # closed, as by `>&-`
        sys.stdout = open(os.devnull, "w", encoding="utf-8")  # noqa: PTH123, SIM115 (for good)
    for stream in filter(None, (sys.stdout, sys.stderr)):
        stream.reconfigure(errors="replace")
    try:
        configured(arguments)
        code = arguments.run(arguments)
        sys.stdout.flush()
    except RiskmonError as error:
        say(error)
        code = error.exit_code
    except OSError as error:  # a full disk; or `riskmon history ... | head`, which is no error
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = 0 if isinstance(error, BrokenPipeError) else REFUSED
        if code:
            say(f"standard output cannot be written: {error.strerror}")
    except KeyboardInterrupt:
        code = 130
    sys.exit(code)


def parser() -> argparse.ArgumentParser:
    """Return the parser of all commands."""
    top = argparse.ArgumentParser(
        prog="riskmon",
        description="Events in, explained risk scores out: as of any day, as known on any day.",
        epilog="Begin with: riskmon demo",
    )
    top.add_argument("--version", action="version", version=f"riskmon {__version__}")
    commands = top.add_subparsers(metavar="COMMAND", required=True)

    place = _place()
    where = argparse.ArgumentParser(add_help=False, parents=[place])
    where.add_argument("--json", action="store_true", help="print one JSON document")
    known = argparse.ArgumentParser(add_help=False)
    known.add_argument("--known-at", metavar="WHEN", help="as the log knew it: date or position")
    then = argparse.ArgumentParser(add_help=False, parents=[known])
    then.add_argument("--as-of", metavar="WHEN", help="date or moment in the world (default: now)")
    files = argparse.ArgumentParser(add_help=False)
    files.add_argument("files", nargs="+", metavar="FILE", help="a path, or - for standard input")
    files.add_argument("--rejects", metavar="FILE", help="where refused rows are written")
    name = argparse.ArgumentParser(add_help=False)
    name.add_argument("name", metavar="NAME", help="a company's id or name")

    def add(command: str, run: Callable[[Any], int], text: str, *parents: Any) -> Any:
        one = commands.add_parser(command, help=text, description=text, parents=parents)
        one.set_defaults(run=run)
        return one

    demo = add("demo", _demo, "replay a scenario of published facts, and explain it")
    demo.add_argument("--json", action="store_true", help="print the scores as a JSON document")
    demo.add_argument("--as-of", metavar="WHEN", help="date or moment in the world (default: now)")
    _add_inputs(add, where, files)
    again = add("recalculate", _recalculate, "publish changed rules; say what moved", where)
    again.add_argument("--engine", metavar="ENGINE", help="memory, stream or spark")
    again.add_argument("--master", metavar="URL", help="of Spark (default: local[*])")
    add("score", _score, "a company's score", where, then, name)
    add("scores", _scores, "all scores, highest first", where, then)
    add("explain", _explain, "a company's score, line by line", where, then, name)
    _add_steps(add("history", _history, "a company's score over time", where, known, name))
    add_rules(commands, where)
    add_names(commands, where)
    add_sources(commands, where)
    add_commands(add, where, then)
    add_run(add, commands, where)
    add_export(add, place, then)
    add_serve(add, place)
    add_mcp(add, place)
    add_config(commands)
    add("status", _status, "what there is", where)
    return top


def _add_inputs(add: Callable[..., Any], *parents: argparse.ArgumentParser) -> None:
    for command, run, text in (
        ("declare", _declare, "put companies on the watchlist"),
        ("ingest", _ingest, "append events, or what a copy of a list changes"),
    ):
        one = add(command, run, text, *parents)
        one.add_argument(
            "--source", default="jsonl", metavar="NAME", help="format (default: jsonl)"
        )
    one.add_argument("--map", metavar="FILE", help="which column of a table is what")
    one.add_argument(
        "--partial", action="store_true", help="a part of a list: what it lacks is not delisted"
    )
    one.add_argument("--dated", metavar="DAY", help="the day it is of (default: its own, or today)")


def _place() -> argparse.ArgumentParser:
    """Return the options that say which ledger and rules."""
    place = argparse.ArgumentParser(add_help=False)
    place.add_argument(
        "--database",
        metavar="URL",
        help="such as sqlite:///risk.db (default: the configuration's, else your data folder)",
    )
    place.add_argument(
        "--rules",
        metavar="FOLDER",
        help="rule files (default: the configuration's, else those shipped)",
    )
    add_file(place)
    return place


def _add_steps(history: argparse.ArgumentParser) -> None:
    history.add_argument("--start", metavar="WHEN", help="(default: a year before the end)")
    history.add_argument("--end", metavar="WHEN", help="(default: now)")
    history.add_argument("--step", default="1w", help="such as 1d, 12h, 4w (default: 1w)")


def _query(arguments: argparse.Namespace) -> Monitor:
    monitor = opened(arguments)
    if arguments.rules and monitor.rules_changed() is not False:
        say(f"the rules in {arguments.rules} are not those in force: recalculate publishes them")
    return monitor


def _demo(arguments: argparse.Namespace) -> int:
    from riskmon import demo

    if arguments.json:
        with demo.load() as monitor:
            print_json(monitor.scores(as_of=arguments.as_of))
    else:
        demo.run(arguments.as_of)
    return 0


def _declare(arguments: argparse.Namespace) -> int:
    return _take(
        arguments,
        lambda monitor, file: monitor.declare(
            file, source=arguments.source, rejects=arguments.rejects
        ),
    )


def _ingest(arguments: argparse.Namespace) -> int:
    return _take(
        arguments,
        lambda monitor, file: monitor.ingest(
            file,
            source=arguments.source,
            rejects=arguments.rejects,
            partial=arguments.partial,
            dated=arguments.dated,
            mapping=arguments.map,
        ),
    )


def _take(arguments: argparse.Namespace, one: Callable[[Monitor, Any], Report]) -> int:
    from riskmon import show

    reports = []
    code = 0
    if "-" in arguments.files and sys.stdin is None:
        raise UsageError("standard input is closed")
    with opened(arguments) as monitor:
        for file in arguments.files:
            try:
                report = one(monitor, sys.stdin.buffer if file == "-" else file)
            except RiskmonError as error:  # the other files are not lost because of this one
                say(error)
                code = max(code, error.exit_code)
                continue
            reports.append(report)
            code = max(code, REFUSED if report.rejected or report.held else 0)
            if not arguments.json:
                show.report(report)
    if arguments.json:
        print_json(reports if len(arguments.files) > 1 or not reports else reports[0])
    return code


def _recalculate(arguments: argparse.Namespace) -> int:
    from riskmon import show

    with opened(arguments) as monitor:
        run = monitor.recalculate(engine=arguments.engine, master=arguments.master)
    out(arguments, run, lambda: show.run(run))
    return REFUSED if run.failed else 0


def _score(arguments: argparse.Namespace) -> int:
    from riskmon import show

    with _query(arguments) as monitor:
        score = monitor.score(arguments.name, **clocks(arguments))
    return out(arguments, score, lambda: show.score(score))


def _scores(arguments: argparse.Namespace) -> int:
    from riskmon import show

    with _query(arguments) as monitor:
        scores = monitor.scores(**clocks(arguments))
    return out(arguments, scores, lambda: show.scores(scores))


def _explain(arguments: argparse.Namespace) -> int:
    from riskmon import show

    with _query(arguments) as monitor:
        asked = clocks(arguments)
        score = monitor.score(arguments.name, **asked)
        events = monitor.events(arguments.name, **asked)
        ruleset = monitor.ruleset(known_at=asked["known_at"])
    return out(arguments, score, lambda: show.explain(score, ruleset, events, reasons=True))


def _history(arguments: argparse.Namespace) -> int:
    from riskmon import show

    with _query(arguments) as monitor:
        history = monitor.history(
            arguments.name,
            start=arguments.start,
            end=arguments.end,
            step=arguments.step,
            **clocks(arguments),
        )
    return out(arguments, history, lambda: show.history(history))


def _status(arguments: argparse.Namespace) -> int:
    from riskmon import show
    from riskmon.status import exit_code, failure

    try:
        with opened(arguments) as monitor:
            found = monitor.status()
    except UsageError:
        raise
    except RiskmonError as error:  # what cannot be opened has a status, too
        checks = [failure("database", error)]
        out(arguments, {"checks": checks}, lambda: show.checks(checks))
    else:
        checks = found.checks
        out(arguments, found, lambda: show.status(found))
    return exit_code(checks)
