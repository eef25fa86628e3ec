"""What waits for a person, and what that person decides: the only writes of the API."""

from __future__ import annotations

from typing import Annotated

from fastapi import Body, Depends, FastAPI, Request, Response
from fastapi import Query as Given

from riskmon.decisions import Held
from riskmon.results import to_json
from riskmon.web.api import asked, models
from riskmon.web.api.answers import JSON, Answers, told
from riskmon.web.api.problems import Refused


def only_json(request: Request) -> None:
    """Refuse what no program sends: a form of another page cannot say that it is JSON."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != JSON:
        raise Refused(415, f"expected a body of the type {JSON}")


SENT = [Depends(only_json)]


def by(request: Request, decision: asked.Decision) -> dict[str, str]:
    """Return who decides, as whom the doors know him, and why."""
    user = getattr(request.state, "user", "")
    who = decision.by if user in {"", decision.by} else f"{decision.by} (signed in as {user})"
    return {"by": who, "why": decision.why}


def add(api: FastAPI, answers: Answers) -> None:
    """Add what waits, and what is decided."""
    _add_waiting(api, answers)
    _add_names(api, answers)
    _add_others(api, answers)


def _add_waiting(api: FastAPI, answers: Answers) -> None:
    monitor = answers.monitor

    @api.get("/review/names", response_model=list[models.Waiting])
    def names(request: Request, query: Annotated[asked.WaitingAsked, Given()]) -> Response:
        """Return the names that wait, what moves most points first."""

        def made() -> object:
            return [one.to_dict() for one in monitor.review(query.limit, as_of=query.as_of)]

        return answers.one(request, query, made)

    @api.get("/review/copies", response_model=list[Held])
    def copies(request: Request, query: Annotated[asked.Query, Given()]) -> Response:
        """Return the copies of lists that are held, oldest first."""
        return answers.one(request, query, monitor.held)

    @api.get("/review/drafts", response_model=list[models.Draft])
    def drafts(request: Request, query: Annotated[asked.DraftsAsked, Given()]) -> Response:
        """Return the drafts of events that wait, the surest first."""
        return answers.rows(request, query, lambda _: [one.to_dict() for one in monitor.drafts()])


def _add_names(api: FastAPI, answers: Answers) -> None:
    monitor = answers.monitor

    @api.post("/review/names", response_model=models.NameDecided, dependencies=SENT)
    def decide_name(request: Request, decision: Annotated[asked.NameDecision, Body()]) -> Response:
        """Decide whether a name means a company. The decision is an entry."""
        act = getattr(monitor, decision.verdict)
        act(decision.name, decision.company, **by(request, decision))
        return told(
            {"decided": decision.verdict, "name": decision.name, "company": decision.company}
        )


def _add_others(api: FastAPI, answers: Answers) -> None:
    monitor = answers.monitor

    @api.post("/review/copies", response_model=models.CopyDecided, dependencies=SENT)
    def decide_copy(request: Request, decision: Annotated[asked.CopyDecision, Body()]) -> Response:
        """Decide whether a copy that is held is taken in. The decision is an entry."""
        key = (decision.source, decision.digest)
        if key not in {(one.source, one.digest) for one in monitor.held()}:
            raise Refused(404, "no such copy waits: it was decided, or was never held", "digest")
        found = {"decided": decision.verdict, "source": decision.source, "digest": decision.digest}
        if decision.verdict == "reject":
            monitor.reject_copy(":".join(key), **by(request, decision))
        else:
            found["report"] = to_json(monitor.accept_copy(":".join(key), **by(request, decision)))
        return told(found)

    @api.post("/review/drafts", response_model=models.DraftDecided, dependencies=SENT)
    def decide_draft(
        request: Request, decision: Annotated[asked.DraftDecision, Body()]
    ) -> Response:
        """Decide whether a draft is an event. The decision is an entry."""
        key = f"{decision.source}:{decision.ref}"
        if key not in {one.event.key for one in monitor.drafts()}:
            raise Refused(404, "no such draft waits: it was decided, or was never told", "ref")
        act = monitor.accept_draft if decision.verdict == "accept" else monitor.reject_draft
        event = act(key, **by(request, decision))
        return told({"decided": decision.verdict, "event": to_json(event)})
