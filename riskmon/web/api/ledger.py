"""What the API says of rules, corrections, runs and alerts, and what it finds."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import FastAPI, Path, Request, Response
from fastapi import Query as Given

from riskmon.results import to_json
from riskmon.ruleset import Ruleset
from riskmon.web.api import asked, models
from riskmon.web.api.answers import Answers
from riskmon.web.api.problems import Refused

CHANGED = ("moved", "contradicted")
MOST_NAMES = 100
"""Of names that mean nobody, in a status."""


def add(api: FastAPI, answers: Answers) -> None:
    """Add what there is beside companies."""
    _add_rules(api, answers)
    _add_changes(api, answers)
    _add_runs(api, answers)


def _add_rules(api: FastAPI, answers: Answers) -> None:
    monitor = answers.monitor

    def in_force(query: asked.Query) -> Ruleset:
        found = monitor.ruleset(known_at=query.asked()["known_at"])
        if found is None:
            raise Refused(404, "no rules were published by then", "known_at")
        return found

    @api.get("/rules", response_model=list[models.Rule])
    def rules(request: Request, query: Annotated[asked.KnownPaged, Given()]) -> Response:
        """Return the rules in force, by id."""
        return answers.rows(
            request, query, lambda at: sorted(in_force(at).rules, key=lambda one: one.id)
        )

    @api.get("/rules/{rule}", response_model=models.RuleAndMoves)
    def rule(
        request: Request,
        rule: Annotated[str, Path(max_length=100)],
        query: Annotated[asked.Clocks, Given()],
    ) -> Response:
        """Return a rule with its reasons, and what it moves: of how many companies, how much."""

        def made() -> object:
            found = in_force(query).by_id.get(rule)
            if found is None:
                raise Refused(404, f"there is no rule {rule!r}", "rule")
            moves = monitor.rule_moves(**query.asked()).get(rule)
            none = {"companies": 0, "points": 0.0, "top": []}
            return {"rule": found, "moves": none if moves is None else moves}

        return answers.one(request, query, made)


def _add_changes(api: FastAPI, answers: Answers) -> None:
    monitor = answers.monitor

    @api.get("/changes", response_model=models.Changes)
    def changes(request: Request, query: Annotated[asked.SinceAsked, Given()]) -> Response:
        """Return which scores later corrections moved, furthest first, and what they belie.

        Both scores are as of the moment of `since`: as they were known then, and as they are now.
        """

        def made() -> object:
            found = monitor.changes(query.place())
            counts = {f"{name}_count": len(getattr(found, name)) for name in CHANGED}
            some = {name: getattr(found, name)[: query.limit] for name in CHANGED}
            return found._asdict() | some | counts

        return answers.one(request, query, made)

    @api.get("/search", response_model=models.Found)
    def search(request: Request, query: Annotated[asked.SearchAsked, Given()]) -> Response:
        """Return the companies, matters and events that a text may mean, best first."""
        return answers.one(
            request, query, lambda: monitor.search(query.text, query.limit, **query.asked())
        )


def _add_runs(api: FastAPI, answers: Answers) -> None:
    monitor = answers.monitor

    @api.get("/runs", response_model=list[models.Run])
    def runs(request: Request, query: Annotated[asked.RunsAsked, Given()]) -> Response:
        """Return the runs, newest first: of all jobs, or of one."""
        wanted = query.offset + query.limit + 1  # one more says whether there is a next page
        return answers.rows(
            request, query, lambda at: list(monitor.runs(wanted, job=at.job)), counted=False
        )

    @api.get("/alerts", response_model=list[models.Alert])
    def alerts(request: Request, query: Annotated[asked.AlertsAsked, Given()]) -> Response:
        """Return the alerts that were told, newest first."""
        return answers.rows(request, query, lambda _: monitor.alerts()[::-1])

    @api.get("/status", response_model=models.Status)
    def status(request: Request, query: Annotated[asked.Query, Given()]) -> Response:
        """Return what there is, and how it is; of unresolved names the most frequent."""

        def made() -> object:
            found: dict[str, Any] = to_json(monitor.status())
            names = list(found["unresolved"].items())
            some = dict(names[:MOST_NAMES])
            return found | {"unresolved": some, "unresolved_count": len(names)}

        return answers.one(request, query, made, pinned=False)
