"""What waits for a person, and what is decided of it: each decision an entry, with who and why.

A row of a form says what is decided of it, or that it waits on. So a form can be sent twice: what
was decided meanwhile, here or by somebody else, is told and not decided again.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from riskmon.decisions import MATCH, PERSON, RULED
from riskmon.errors import RiskmonError, UsageError
from riskmon.model import Entry
from riskmon.monitor import Monitor
from riskmon.web.site import Clocks, Site

NAMES, COPIES, DRAFTS = 20, 20, 30
"""Rows of a page: with who and why, fewer fields than a form may have."""
ROW = "row-"
MOST_DONE = 40
"""Decisions that an address names."""
LONGEST_WHO, LONGEST_WHY = 200, 5000
UNDO = "undo"
SURE = "confidence"
"""The field by which every draft that is so sure is accepted."""


class Done(NamedTuple):
    """A decision that is in the ledger."""

    position: int
    at: datetime
    verdict: str
    what: str
    """The name, or the key of the copy or draft."""
    company: str
    """Of a name; else empty."""
    by: str
    why: str


class Signed(NamedTuple):
    """Who decides, and why."""

    by: str
    why: str


Decide = Callable[[Monitor, list[str], Signed], list[Entry | None]]
"""Decides what a row says; returns the entries by which it is decided, or raises RiskmonError."""


def routes(site: Site) -> list[Route]:
    """Return the routes of what waits, and of its three forms."""

    def review(request: Request) -> Response:
        return _page(site, request)

    def deciding(part: str, decide: Decide) -> Route:
        def act(request: Request, form: FormData) -> Response:
            return _decided(site, request, form, part, decide)

        return Route(f"/review/{part}", site.posted(act), methods=["POST"], name=f"review-{part}")

    return [
        Route("/review", review, name="review"),
        deciding("names", _name),
        deciding("copies", _copy),
        deciding("drafts", _draft),
    ]


def _page(
    site: Site,
    request: Request,
    *,
    part: str = "",
    told: Sequence[str] = (),
    done: Sequence[Done] | None = None,
    given: FormData | None = None,
    status: int = 200,
) -> Response:
    monitor, clocks = site.monitor, Clocks.of(request)
    names = monitor.review(NAMES + 1, as_of=clocks.as_of or None)
    held, drafts = monitor.held(), monitor.drafts()
    values = {
        "names": names[:NAMES],
        "companies": {one.id: one.name for one in monitor.companies()},
        "links": len(monitor.links()),
        "more_names": len(names) > NAMES,
        "copies": held[:COPIES],
        "more_copies": max(0, len(held) - COPIES),
        "drafts": drafts[:DRAFTS],
        "more_drafts": max(0, len(drafts) - DRAFTS),
        "value": _value,
        "row": ROW,
        "most_done": MOST_DONE,
        "part": part,
        "told": told,
        "done": list(done if done is not None else _asked(monitor, request)),
        "given": {name: str(value) for name, value in given.items()} if given else {},
        "longest": {"by": LONGEST_WHO, "why": LONGEST_WHY},
    }
    return site.page(request, "review.html", values, status=status)


def _decided(site: Site, request: Request, form: FormData, part: str, decide: Decide) -> Response:
    """Decide all that a form says, and tell what was done, and what was not."""
    by, why = (str(form.get(name) or "").strip() for name in ("by", "why"))
    wanted = [str(one) for name, one in form.items() if name.startswith(ROW) and one]
    if sure := str(form.get(SURE) or "").strip():
        wanted.append(_value(SURE, sure, ""))
    wrong = ""
    if not (by and why):
        wrong = "Nothing was decided: say who decides, and why."
    elif len(by) > LONGEST_WHO or len(why) > LONGEST_WHY:
        wrong = "Nothing was decided: who, or why, is too long."
    elif not wanted:
        wrong = "Nothing was decided: choose at least one."
    if wrong:
        return _page(site, request, part=part, told=[wrong], given=form, status=400)
    signed = Signed(_signed(request, by), why)
    done, told = [], []
    for one in wanted:
        try:
            done += [entry for entry in decide(site.monitor, _parsed(one), signed) if entry]
        except RiskmonError as error:
            told.append(str(error))
    if told:
        found = [_read(entry) for entry in done[:MOST_DONE]]
        return _page(site, request, part=part, told=told, done=found, status=409)
    places = ".".join(str(entry.position) for entry in done[:MOST_DONE])
    return RedirectResponse(f"/review{Clocks.of(request).query(done=places)}#done", 303)


def _signed(request: Request, by: str) -> str:
    """Return who decides; where the doors know somebody else, him, too."""
    user = request.state.user
    return by if user in {"", by} else f"{by} (signed in as {user})"


def _value(*parts: str) -> str:
    """Return what a row of a form sends."""
    return json.dumps(parts)


def _parsed(value: str) -> list[str]:
    try:
        found = json.loads(value)
    except (ValueError, RecursionError):
        found = None
    if isinstance(found, list) and len(found) == 3 and all(isinstance(p, str) for p in found):  # noqa: PLR2004
        return found
    raise UsageError("The form says what this page does not ask: load the page, and choose again.")


# What is decided


def _name(monitor: Monitor, row: list[str], signed: Signed) -> list[Entry | None]:
    verdict, name, company = row
    before = monitor.decision(name, company)
    said = _read(before) if before else None
    if verdict == UNDO:
        if said is None or said.verdict == UNDO:
            raise UsageError(f"{name!r} and {company}: nothing is decided that could be taken back")
        monitor.undo(name, company, **signed._asdict())
    elif said is not None and said.verdict != UNDO:
        raise UsageError(f"{name!r} and {company}: {_already(said)}")
    else:
        found = monitor.resolve(name)
        if verdict == "accept" and found.company:
            means = f"it means {found.company} by now, by its {found.by}"
            raise UsageError(f"{name!r} and {company}: nothing was decided here, {means}")
        _act(verdict, monitor.accept, monitor.reject)(name, company, **signed._asdict())
    return [monitor.decision(name, company)]


def _copy(monitor: Monitor, row: list[str], signed: Signed) -> list[Entry | None]:
    verdict, source, ref = row
    held = next((one for one in monitor.held() if (one.source, one.ref) == (source, ref)), None)
    if held is None:
        raise _late(monitor, source, ref, "copy")
    key = f"{source}:{held.digest}"
    _act(verdict, monitor.accept_copy, monitor.reject_copy)(key, **signed._asdict())
    return [monitor.ruling(source, ref)]


def _draft(monitor: Monitor, row: list[str], signed: Signed) -> list[Entry | None]:
    verdict, source, ref = row
    if verdict == SURE:
        try:
            sure = float(source)
        except ValueError:
            raise UsageError(f"expected a confidence from 0 to 1, got {source!r}") from None
        taken = monitor.accept_drafts(sure, **signed._asdict())
        return [monitor.ruling(one.source, one.ref) for one in taken]
    key = f"{source}:{ref}"
    if key not in {one.event.key for one in monitor.drafts()}:
        raise _late(monitor, source, ref, "draft")
    _act(verdict, monitor.accept_draft, monitor.reject_draft)(key, **signed._asdict())
    return [monitor.ruling(source, ref)]


def _act(
    verdict: str, accept: Callable[..., Any], reject: Callable[..., Any]
) -> Callable[..., Any]:
    acts = {"accept": accept, "reject": reject}
    if verdict not in acts:
        raise UsageError(f"expected accept or reject, got {verdict!r}")
    return acts[verdict]


def _late(monitor: Monitor, source: str, ref: str, what: str) -> UsageError:
    ruled = monitor.ruling(source, ref)
    how = _already(_read(ruled)) if ruled else "it does not wait, and never did"
    return UsageError(f"{what} {source}:{ref}: {how}")


def _already(said: Done) -> str:
    who = f" by {said.by}" if said.by else ""
    why = f": {said.why}" if said.why else ""
    word = f"{said.verdict}ed"
    return f"nothing was decided here: it was {word} on {said.at:%Y-%m-%d %H:%MZ}{who}{why}"


# What was decided


def _asked(monitor: Monitor, request: Request) -> Iterator[Done]:
    """Yield the decisions of persons at the positions that the address names."""
    places = request.query_params.get("done", "").split(".")[:MOST_DONE]
    for place in places:
        if place.isascii() and place.isdecimal() and 0 < int(place[:15]) <= monitor.position:
            entry = next(monitor.entries(int(place[:15]) - 1))
            if entry.kind == RULED or (entry.kind == MATCH and entry.source == PERSON):
                yield _read(entry)


def _read(entry: Entry) -> Done:
    body = json.loads(entry.body)
    of_name = entry.kind == MATCH
    return Done(
        entry.position,
        entry.recorded_at,
        body["verdict"],
        body["name"] if of_name else f"{entry.source}:{entry.ref}",
        body["company"] if of_name else "",
        body.get("by") or "",
        body.get("why") or "",
    )
