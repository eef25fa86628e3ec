"""The rules in force: each with its numbers, why they are so, its examples, and whom it moves."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any, NamedTuple

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from riskmon import examples
from riskmon.errors import RulesError
from riskmon.examples import Trial
from riskmon.rules import DAYS_PER_YEAR, Dated, Rule, Stage, Times, at
from riskmon.ruleset import Ruleset, load_ruleset
from riskmon.validation import did_you_mean
from riskmon.web.doors import Refusal
from riskmon.web.drawing import bar
from riskmon.web.site import Clocks, Site

MOST_TEXT = 100_000


class Number(NamedTuple):
    """A number of a rule, as it holds on the day asked about; and since when which, if dated."""

    word: str
    value: str
    dated: list[tuple[datetime, str]]
    told: str = ""


class File(NamedTuple):
    """A rule's file, where it says what is in force; else why it is not shown."""

    name: str
    rule: Rule
    """As it is in force, in the order of the file where that is the same."""
    text: str = ""
    trial: Trial | None = None
    wrong: str = ""


def routes(site: Site) -> list[Route]:
    """Return the routes of the rules, and of one."""

    def rules(request: Request) -> Response:
        return site.page(request, "rules.html", _rules(site, request))

    def rule(request: Request) -> Response:
        return site.page(request, "rule.html", _rule(site, request))

    return [
        Route("/rules", rules, name="rules"),
        Route("/rules/{rule}", rule, name="rule"),
    ]


def _rules(site: Site, request: Request) -> dict[str, Any]:
    monitor, asked = site.monitor, Clocks.of(request).asked()
    overview = monitor.overview(**asked)
    when = overview.as_of
    asked = {"as_of": when, "known_at": overview.position}
    ruleset = monitor.ruleset(overview.position)
    moves = monitor.rule_moves(**asked)
    found = ruleset.rules if ruleset else ()
    rows = [
        {
            "rule": rule,
            "severity": _plain(at(rule.severity, when)),
            "half_life": _time(at(rule.half_life, when)),
            "companies": moves[rule.id].companies if rule.id in moves else 0,
            "points": moves[rule.id].points if rule.id in moves else 0.0,
        }
        for rule in found
    ]
    return {
        "ruleset": ruleset,
        "as_of": when,
        "position": overview.position,
        "failed": overview.failed,
        "changed": monitor.rules_changed() if not Clocks.of(request).known_at else None,
        "rows": sorted(rows, key=lambda one: (-one["points"], one["rule"].id)),
    }


def _rule(site: Site, request: Request) -> dict[str, Any]:
    monitor, asked = site.monitor, Clocks.of(request).asked()
    overview = monitor.overview(**asked)
    when, position = overview.as_of, overview.position
    ruleset = monitor.ruleset(position)
    by_id: Mapping[str, Rule] = ruleset.by_id if ruleset else {}
    name = request.path_params["rule"]
    rule = by_id.get(name)
    if rule is None or ruleset is None:
        hint = did_you_mean(name, by_id) or ": see Rules"
        raise Refusal(404, f"No rule in force is called {name!r}{hint}")
    moves = monitor.rule_moves(as_of=when, known_at=position).get(rule.id)
    top = moves.top if moves else []
    file = _file(site, rule, ruleset)
    rule = file.rule
    return {
        "rule": rule,
        "ruleset": ruleset,
        "as_of": when,
        "position": position,
        "failed": overview.failed.get(rule.id),
        "numbers": list(_numbers(rule, when)),
        "stages": [_stage(rule, name, one, when) for name, one in rule.stages.items()],
        "where": _json(rule.where.model_dump(mode="json", exclude_none=True)) if rule.where else "",
        "parameters": _json(rule.parameters) if rule.parameters else "",
        "moves": moves,
        "top": [(*one, bar(0, one[2] / 100)) for one in top],
        "file": file,
    }


def _file(site: Site, rule: Rule, ruleset: Ruleset) -> File:
    """Return the file of a rule with its examples, which are not in the ledger, run."""
    path = site.monitor.rules_folder / f"{rule.id}.yaml"
    try:
        written = load_ruleset(path.parent).by_id.get(rule.id)
    except RulesError:
        wrong = "The rule folder has problems, so its files are not shown: `riskmon rules check`."
        return File(path.name, rule, wrong=wrong)
    if written is None:
        return File(path.name, rule, wrong="The rule folder has no such file any more.")
    if fields(written) != fields(rule):
        wrong = "The file in the rule folder says something else than what is in force here."
        return File(path.name, rule, wrong=wrong)
    text = path.read_text("utf-8", "replace")[:MOST_TEXT]
    return File(path.name, written, text, examples.run(written, ruleset.publishers))


def fields(rule: Rule) -> dict[str, str]:
    """Return all that a rule says, its examples left out, as text by the path that leads to it."""
    return dict(_flat(rule.model_dump(mode="json", exclude_none=True, exclude={"examples"})))


def _flat(value: Mapping[str, Any], *steps: str) -> Iterator[tuple[str, str]]:
    for name, member in value.items():
        path = (*steps, name)
        if isinstance(member, dict) and member:
            yield from _flat(member, *path)
        elif isinstance(member, list) and any(isinstance(one, dict) for one in member):
            yield from _flat({str(place): one for place, one in enumerate(member, 1)}, *path)
        elif isinstance(member, list):
            yield " ".join(path), "\n".join(map(_plain, member))
        else:
            yield " ".join(path), _plain(member)


def _numbers(rule: Rule, when: datetime) -> Iterator[Number]:
    yield _number("severity", rule.severity, when, "points of one certain, direct, fresh line")
    yield _number(
        "half-life", rule.half_life, when, "in which what is not open fades by half", days=True
    )
    for role, weight in rule.roles.items():
        yield _number(f"weight as {role}", weight, when, "of a company that is named so")
    if rule.scope:
        yield _number(
            "scope", rule.scope, when, "weight, times exposure to what the event is about"
        )
    if rule.ownership:
        told = "of what bears on an owner in control"
        yield _number("control", rule.ownership.control, when, told)
        yield _number("minority", rule.ownership.minority, when, "times the share, below control")
        yield _number(
            "threshold", rule.ownership.threshold, when, "share from which on it controls"
        )
    if "sources" in rule.stages.values():
        yield _number("cap", rule.cap, when, "of the likelihood that sources alone make")


def _number(word: str, number: Dated, when: datetime, told: str, *, days: bool = False) -> Number:
    shown = _time if days else _plain
    since = number.items() if isinstance(number, dict) else ()
    return Number(
        word, shown(at(number, when)), [(one, shown(value)) for one, value in since], told
    )


def _stage(rule: Rule, name: str, stage: Stage, when: datetime) -> Number:
    told = "open: it does not fade" if name in rule.open else ""
    if stage == "sources":
        return Number(name, "as likely as independent sources make it", [], told)
    if isinstance(stage, Times):
        found = _number(name, stage.times, when, told)
        return found._replace(value=f"\N{MULTIPLICATION SIGN} {found.value}")
    return _number(name, stage, when, told)


def _plain(value: object) -> str:
    if isinstance(value, float):
        return f"{value:.6g}"
    return json.dumps(value) if isinstance(value, bool | None) else str(value)


def _time(days: float) -> str:
    years = days / DAYS_PER_YEAR
    whole = years >= 1 and abs(years - round(years, 2)) < 1e-6  # noqa: PLR2004
    count, word = (years, "year") if whole else (days, "day")
    return f"{count:.6g} {word}{'s' * (count != 1)}"


def _json(value: object) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False)
