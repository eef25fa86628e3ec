"""A draft of the rules beside those in force: what it changes, and whose score that moves."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from riskmon.errors import Problem, RulesError, UsageError
from riskmon.results import Comparison
from riskmon.rules import Rule
from riskmon.ruleset import Ruleset, load_ruleset
from riskmon.web.rules import fields
from riskmon.web.site import Clocks, Site

MOST_CAUSES = 5
MOST_PROBLEMS = 200
PUBLISHERS = "publishers"


class Change(NamedTuple):
    """One thing that a rule, or a publisher, says otherwise in the draft."""

    field: str
    now: str | None
    """None where it says nothing of it."""
    then: str | None


class Changed(NamedTuple):
    """A rule, or the publishers, as a draft changes it."""

    name: str
    title: str
    how: str
    """added, removed or changed"""
    changes: list[Change]


def routes(site: Site) -> list[Route]:
    """Return the route of the comparison."""

    def compare(request: Request) -> Response:
        return site.page(request, "compare.html", _page(site, request))

    return [Route("/compare", compare, name="compare")]


def _page(site: Site, request: Request) -> dict[str, Any]:
    """Return the comparison, or why there is none."""
    found: dict[str, Any] = {"draft": site.draft is not None, "problems": [], "found": None}
    found |= {"most_causes": MOST_CAUSES, "why_not": ""}
    if site.draft is None:
        return found
    try:
        comparison = site.monitor.compare(site.draft, as_of=Clocks.of(request).as_of or None)
        ruleset = site.monitor.ruleset()
        changes = list(changed(comparison, ruleset, load_ruleset(site.draft)))
        levels = sum(one.level_now != one.level_then for one in comparison)
        return found | {"found": comparison, "changes": changes, "levels": levels}
    except RulesError as error:
        problems = [_inside(one, site.draft) for one in error.problems[:MOST_PROBLEMS]]
        return found | {"problems": problems, "more": len(error.problems) - len(problems)}
    except UsageError as error:
        if Clocks.of(request).as_of:
            raise
        return found | {"why_not": str(error)}


def _inside(problem: Problem, folder: Path) -> Problem:
    """Return a problem with its file as the folder has it."""
    file = Path(problem.file)
    inside = file.is_relative_to(folder) and file != folder
    name = str(file.relative_to(folder)) if inside else file.name
    return Problem(problem.message, name, problem.line, problem.field)


def changed(found: Comparison, now: Ruleset | None, then: Ruleset) -> Iterator[Changed]:
    """Yield what a draft adds, removes and changes, each with all that it says otherwise."""
    old: Mapping[str, Rule] = now.by_id if now else {}
    for how, names in found.rules.items():
        for name in names:
            if name == PUBLISHERS and how == "changed" and now is not None:
                yield Changed(name, "Publishers", how, list(_publishers(now, then)))
                continue
            before, after = old.get(name), then.by_id.get(name)
            rule = after or before
            said = [fields(one) if one else {} for one in (before, after)]
            yield Changed(name, rule.title if rule else name, how, list(_differ(*said)))


def _differ(now: Mapping[str, str], then: Mapping[str, str]) -> Iterator[Change]:
    for name in {**now, **then}:
        if now.get(name) != then.get(name):
            yield Change(name, now.get(name), then.get(name))


def _publishers(now: Ruleset, then: Ruleset) -> Iterator[Change]:
    before, after = ({one.id: one for one in side.publishers} for side in (now, then))
    said = [
        {
            f"{name} {field}": ", ".join(value) if isinstance(value, list) else str(value)
            for name, one in side.items()
            for field, value in one.model_dump(mode="json", exclude={"id"}).items()
            if value not in (None, [])
        }
        for side in (before, after)
    ]
    yield from _differ(*said)
