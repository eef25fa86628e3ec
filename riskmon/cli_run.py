"""The commands about the schedule: run, runs, and the alerts that were told."""

from __future__ import annotations

import argparse
import logging
import os
import sys
from collections.abc import Callable
from signal import SIGINT, SIGTERM
from signal import signal as when
from typing import Any

from riskmon.cli_common import counted, opened, out, print_json, say
from riskmon.errors import RiskmonError, UsageError

REFUSED = 1

log = logging.getLogger("riskmon")


def add_run(add: Callable[..., Any], commands: Any, where: Any) -> None:
    """Add `run`, `runs` and `alerts list|show|test|retry`."""
    run = add("run", _run, "fetch, recalculate and tell by the schedule, until stopped", where)
    run.add_argument("--once", metavar="JOB", help="run one job now, send what is due, and end")
    runs = add("runs", _runs, "what was run, newest first", where)
    runs.add_argument("--job", metavar="JOB", help="of one job")
    runs.add_argument("--most", type=_most, default=20, metavar="N", help="(default: 20)")
    text = "what was told of scores that moved"
    alerts = commands.add_parser("alerts", help=text, description=text)
    members = alerts.add_subparsers(metavar="COMMAND", required=True)

    def member(command: str, run: Callable[[Any], int], text: str) -> Any:
        one = members.add_parser(command, help=text, description=text, parents=[where])
        one.set_defaults(run=run)
        return one

    told = member("list", _alerts, "the alerts that were told, newest first")
    told.add_argument("--most", type=_most, default=20, metavar="N", help="(default: 20)")
    show = member("receipt", _receipt, "the receipt that an alert names, to be checked")
    show.add_argument("digest", metavar="DIGEST", help="or the beginning of it")
    member("waiting", _waiting, "messages that wait, fail or were given up")
    test = member("test", _test, "send a message by each channel, to see that it arrives")
    test.add_argument("channels", nargs="*", metavar="CHANNEL", help="(default: all)")
    retry = member("retry", _retry, "send again what was given up")
    retry.add_argument("keys", nargs="*", metavar="KEY", help="(default: all)")


def _most(given: str) -> int:
    if not given.isdecimal() or not 1 <= int(given[:9]) <= 1_000_000:  # noqa: PLR2004
        raise argparse.ArgumentTypeError(f"expected a number from 1 on, got {given[:40]!r}")
    return int(given)


def _run(arguments: argparse.Namespace) -> int:
    from riskmon.logs import logged

    with logged(arguments.config, arguments.database or ""):
        try:
            return _scheduled(arguments)
        except RiskmonError as error:
            log.error("%s", error)  # noqa: TRY400 (it says what to do)
            return error.exit_code


def _scheduled(arguments: argparse.Namespace) -> int:
    from riskmon.schedule import Schedule
    from riskmon.serving import served

    config = arguments.config
    with opened(arguments) as monitor, Schedule(monitor, config) as schedule:
        if arguments.once:
            return 0 if schedule.once(arguments.once) else REFUSED
        for number in (SIGTERM, SIGINT):
            when(number, lambda *_: schedule.stop())
        for job in config.jobs:
            log.info("%s: next at %s", job, f"{schedule.next(job):%Y-%m-%d %H:%M:%S}Z")
        log.info("stop with Ctrl-C, or SIGTERM")
        with served(monitor, config, lambda: schedule.beaten):
            ended = schedule.run()
        if ended:
            return 0
    sys.stderr.flush()
    os._exit(0)  # what still runs has lost its tick: nothing of it is stored


def _runs(arguments: argparse.Namespace) -> int:
    from riskmon import show_runs

    with opened(arguments) as monitor:
        found = monitor.runs(arguments.most, job=arguments.job)
    return out(arguments, list(found), lambda: show_runs.runs(found))


def _alerts(arguments: argparse.Namespace) -> int:
    from riskmon import show_runs

    with opened(arguments) as monitor:
        found = monitor.alerts()[: -arguments.most - 1 : -1]
    return out(arguments, found, lambda: show_runs.alerts(found))


def _receipt(arguments: argparse.Namespace) -> int:
    with opened(arguments) as monitor:
        print_json(monitor.alert_receipt(arguments.digest))
    return 0


def _waiting(arguments: argparse.Namespace) -> int:
    from riskmon import show_runs

    with opened(arguments) as monitor:
        outbox = monitor.outbox()
        found = outbox.messages("dead") + outbox.messages("waiting")
    shown = [one._replace(body="") for one in found]
    return out(arguments, shown, lambda: show_runs.waiting(found))


def _test(arguments: argparse.Namespace) -> int:
    from riskmon.schedule import Schedule

    config = arguments.config
    wanted = arguments.channels or list(config.channels)
    if unknown := [one for one in wanted if one not in config.channels]:
        there = ", ".join(config.channels) or "none"
        raise UsageError(f"expected channels of the configuration ({there}), got {unknown[0]!r}")
    if not wanted:
        raise UsageError("the configuration has no channels: docs/alerts.md says how to add one")
    with opened(arguments) as monitor, Schedule(monitor, config) as schedule:
        monitor.say_hello(wanted)
        sent = schedule.send()
    done = f"{counted(sent.sent, 'message')} sent, {sent.failed} failed, {sent.dead} given up"
    out(arguments, sent, lambda: print(done))
    return REFUSED if sent.failed or sent.dead else 0


def _retry(arguments: argparse.Namespace) -> int:
    with opened(arguments) as monitor:
        outbox = monitor.outbox()
        keys = arguments.keys or [one.key for one in outbox.messages("dead", 1_000_000)]
        done = [key for key in keys if outbox.again(key, monitor.clock())]
    for key in sorted(set(keys) - set(done)):
        say(f"{key}: expected a message that was given up: riskmon alerts waiting")
    out(arguments, done, lambda: print(f"{counted(len(done), 'message')} to be sent again"))
    return REFUSED if len(done) < len(keys) else 0
