"""Commands on rules: check a folder, run its examples, see what a draft would have done."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from riskmon.cli_common import counted, opened, out, print_json, say
from riskmon.errors import DatabaseError, RulesError

if TYPE_CHECKING:
    from riskmon.errors import Problem
    from riskmon.ruleset import Ruleset

REFUSED = 1


def add_rules(commands: Any, where: Any) -> None:
    """Add `rules check`, `rules test` and `rules diff`."""
    text = "check a folder of rules, run its examples, or see what a draft would have done"
    rules = commands.add_parser("rules", help=text, description=text)
    group = rules.add_subparsers(metavar="COMMAND", required=True)
    folder = argparse.ArgumentParser(add_help=False)
    folder.add_argument("folder", nargs="?", metavar="FOLDER", help="(default: the shipped rules)")

    def add(command: str, run: Callable[[Any], int], text: str, *parents: Any) -> Any:
        one = group.add_parser(command, help=text, description=text, parents=parents)
        one.set_defaults(run=run)
        return one

    add("check", _check, "every problem of a folder at once, with file and line", where, folder)
    add("test", _test, "run the examples of a folder's rules", where, folder)
    diff = add("diff", _diff, "replay the whole history under a draft of the rules", where)
    diff.add_argument("draft", metavar="DRAFT", help="the folder of the draft")
    diff.add_argument("--as-of", metavar="WHEN", help="compare scores then (default: now)")
    diff.add_argument("--step", default="1d", help="of the days on which levels are compared")


def _folder(arguments: argparse.Namespace) -> Path:
    from riskmon.database import shipped

    return Path(arguments.folder or arguments.rules or shipped("rules"))


def _unusual(arguments: argparse.Namespace, ruleset: Ruleset) -> list[Problem]:
    """Return the words that neither the vocabulary nor the ledger, where there is one, mentions."""
    from riskmon.database import is_there

    if ruleset.unusual and is_there(arguments.database):
        try:
            with opened(arguments) as monitor:
                return monitor.unusual(ruleset)
        except DatabaseError as error:  # rules can be checked without a ledger
            say(error)
    return [one.problem for one in ruleset.unusual]


def _check(arguments: argparse.Namespace) -> int:
    from riskmon.ruleset import load_ruleset

    problems: tuple[Problem, ...] = ()
    warnings: list[Problem] = []
    text = ""
    try:
        ruleset = load_ruleset(_folder(arguments))
        warnings = _unusual(arguments, ruleset)
        text = (
            f"{counted(len(ruleset.rules), 'rule')} and "
            f"{counted(len(ruleset.publishers), 'publisher')}, no problem: "
            f"ruleset {ruleset.digest[:12]}"
        )
    except RulesError as error:
        problems = error.problems
        text = str(error)
    if arguments.json:
        print_json(
            {
                "problems": [_as_dict(one) for one in problems],
                "warnings": [_as_dict(one) for one in warnings],
            }
        )
    else:
        for warning in warnings:
            say(f"warning: {warning}")
        say(text) if problems else print(text)
    return REFUSED if problems else 0


def _as_dict(problem: Problem) -> dict[str, Any]:
    return {
        "file": problem.file,
        "line": problem.line,
        "field": problem.field,
        "message": problem.message,
    }


def _test(arguments: argparse.Namespace) -> int:
    from riskmon import examples, show_rules
    from riskmon.ruleset import load_ruleset

    ruleset = load_ruleset(_folder(arguments))
    trials = [examples.run(rule, ruleset.publishers) for rule in ruleset.rules]
    out(arguments, trials, lambda: show_rules.trials(trials))
    return 0 if all(one.passed for trial in trials for one in trial.outcomes) else REFUSED


def _diff(arguments: argparse.Namespace) -> int:
    from riskmon import show_rules

    with opened(arguments, make=False) as monitor:
        found = monitor.what_if(arguments.draft, as_of=arguments.as_of, step=arguments.step)
    return out(arguments, found, lambda: show_rules.what_if(found))
