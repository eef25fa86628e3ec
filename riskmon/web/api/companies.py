"""What the API says of companies: scores, and what they come from."""

from __future__ import annotations

import json
from typing import Annotated, Any

from fastapi import FastAPI, Path, Request, Response
from fastapi import Query as Given

from riskmon.companyview import Leading
from riskmon.exporting import EVENTS
from riskmon.frames import Lined, Rows
from riskmon.model import Company, Event, Line
from riskmon.overview import Overview
from riskmon.results import to_json
from riskmon.web.api import asked, models
from riskmon.web.api.answers import ARROW, Answers, Many
from riskmon.web.api.problems import Refused

Id = Annotated[str, Path(max_length=400, description="a company's id or name")]
FRAME: dict[int | str, dict[str, Any]] = {
    200: {"content": {ARROW: {"schema": {"type": "string", "format": "binary"}}}}
}
"""That an answer comes as Arrow, too."""


class Told(Rows[Event]):
    """Events as columns, as `riskmon export events` has them, but for whom they name."""

    kinds = {name: kind for name, kind in EVENTS.items() if name != "companies"}  # noqa: RUF012

    def columns(self, row: Event) -> dict[str, Any]:
        """Return the columns of one event."""
        told = row.model_dump(include={*self.kinds} - {"parties", "attributes"})
        return (
            dict.fromkeys(self.kinds)
            | told
            | {
                "matter": row.matter or row.key,
                "topics": list(row.topics),
                "scope": list(row.scope),
                "parties": [str(one.name or one.company) for one in row.parties],
                "roles": [one.role for one in row.parties],
                "attributes": json.dumps(row.attributes, ensure_ascii=False)
                if row.attributes
                else None,
            }
        )


class Greatest(Lined):
    """A score with its greatest lines."""

    def __init__(self, found: Leading) -> None:
        self._found, score = found, found.score
        self.company, self.name, self.as_of = score.company, score.name, score.as_of

    @property
    def value(self) -> float:
        """The score, 0 to 100."""
        return self._found.score.value

    @property
    def level(self) -> str:
        """Its level."""
        return self._found.score.level

    @property
    def lines(self) -> list[Line]:
        """The greatest of the lines that count."""
        return self._found.lines

    def shown(self) -> object:
        """Return the score as `to_json` has it, with how many lines there are."""
        score, found = self._found.score, self._found
        clocks = ("as_of", "known_at", "position", "ruleset", "failed")
        names = ("company", "name", "declared", "value", "level", *clocks)
        more = ("categories", "lines", "line_count", "more_points", "shadow")
        told = {name: getattr(score, name) for name in names}
        return to_json(told | {name: getattr(found, name) for name in more})


def add(api: FastAPI, answers: Answers) -> None:
    """Add what there is of all companies, and of one."""
    _add_all(api, answers)
    _add_one(api, answers)
    _add_world(api, answers)
    _add_company(api, answers)  # last: an id may have a slash in it


def _add_all(api: FastAPI, answers: Answers) -> None:
    monitor = answers.monitor

    @api.get("/companies", response_model=list[Company])
    def companies(request: Request, query: Annotated[asked.KnownPaged, Given()]) -> Response:
        """Return the companies on the watchlist, by id."""
        return answers.rows(request, query, lambda at: monitor.companies(**at.asked()))

    @api.get("/scores", response_model=list[models.ScoreRow], responses=FRAME)
    def scores(request: Request, query: Annotated[asked.ClocksPaged, Given()]) -> Response:
        """Return the scores of all companies, highest first."""
        return answers.rows(request, query, lambda at: monitor.scores(**at.asked()))

    @api.get("/overview", response_model=list[models.OverviewRow], responses=FRAME)
    def overview(request: Request, query: Annotated[asked.OverviewAsked, Given()]) -> Response:
        """Return the scores of companies, and how they changed; sought, sifted and sorted."""

        def made(at: asked.OverviewAsked) -> Many:
            found: Overview = monitor.overview(**at.asked())
            found = found.search(at.text) if at.text else found
            found = found.of_level(at.level) if at.level else found
            found = found.of_category(at.category) if at.category else found
            ascends = at.sort in {"company", "name", "category", "rule"}
            falls = at.descending if at.descending is not None else not ascends
            return found.sorted_by(at.sort, descending=falls)

        return answers.rows(request, query, made)


def _add_one(api: FastAPI, answers: Answers) -> None:
    monitor = answers.monitor

    @api.get("/companies/{company:path}/score", response_model=models.Score, responses=FRAME)
    def score(
        request: Request, company: Id, query: Annotated[asked.ScoreAsked, Given()]
    ) -> Response:
        """Return a company's score with its lines, each with the events that it stands on.

        Where there are more than `limit` of them, the greatest: `line_count` says how many there
        are, `more_points` what the others come to. As Arrow: a row for each line that counts.
        """

        def made() -> Greatest:
            return Greatest(monitor.leading(company, **query.asked(), limit=query.limit))

        return answers.one(request, query, made, shown=Greatest.shown)

    @api.get(
        "/companies/{company:path}/history", response_model=list[models.Point], responses=FRAME
    )
    def history(
        request: Request, company: Id, query: Annotated[asked.HistoryAsked, Given()]
    ) -> Response:
        """Return a company's score over time, oldest first: one point each `step`, one at `end`."""

        def made(at: asked.HistoryAsked) -> Many:
            if at.points > asked.MOST_POINTS:
                told = f"expected at most {asked.MOST_POINTS:,} points: take a longer step"
                raise Refused(400, told, "step")
            return monitor.history(company, **at.asked())

        return answers.rows(request, query, made)

    @api.get("/companies/{company:path}/events", response_model=list[Event], responses=FRAME)
    def events(
        request: Request, company: Id, query: Annotated[asked.ClocksPaged, Given()]
    ) -> Response:
        """Return the events that name a company, oldest first, those without risk among them."""
        return answers.rows(
            request, query, lambda at: monitor.events(company, **at.asked()), framed=Told
        )


def _add_world(api: FastAPI, answers: Answers) -> None:
    monitor = answers.monitor

    @api.get("/companies/{company:path}/timeline", response_model=list[models.Stretch])
    def timeline(
        request: Request, company: Id, query: Annotated[asked.ClocksPaged, Given()]
    ) -> Response:
        """Return the matters that bear on a company, greatest first."""

        def made(at: asked.ClocksPaged) -> Many:
            return monitor.timeline(company, **at.asked(), limit=at.offset + at.limit + 1)

        return answers.rows(request, query, made, counted=False)

    @api.get("/companies/{company:path}/owners", response_model=list[models.Owned])
    def owners(
        request: Request, company: Id, query: Annotated[asked.ClocksPaged, Given()]
    ) -> Response:
        """Return who owns a company, and what it owns."""
        return answers.rows(request, query, lambda at: monitor.owners(company, **at.asked()))

    @api.get("/companies/{company:path}/receipt", response_model=models.Receipt)
    def receipt(request: Request, company: Id, query: Annotated[asked.Clocks, Given()]) -> Response:
        """Return a company's score to be shown and checked later: `riskmon receipt --check`.

        It is not kept in the ledger, as `riskmon receipt` keeps it: nothing is written.
        """

        def made() -> object:
            return monitor.receipt(monitor.score(company, **query.asked()), keep=False)

        return answers.one(request, query, made)

    @api.get("/matters/{name:path}", response_model=models.Matter)
    def matter(
        request: Request,
        name: Annotated[str, Path(max_length=400)],
        query: Annotated[asked.MatterAsked, Given()],
    ) -> Response:
        """Return all that was ever told of a matter, and which companies it reaches.

        `told_count` and `reached_count` say how many there are of each, those not here among them.
        """

        def made() -> object:
            found = monitor.matter(name, **query.asked())
            some = found.told[query.offset : query.offset + query.limit]
            return found._replace(told=some)._asdict() | {"told_count": len(found.told)}

        return answers.one(request, query, made)


def _add_company(api: FastAPI, answers: Answers) -> None:
    @api.get("/companies/{company:path}", response_model=Company)
    def company(request: Request, company: Id, query: Annotated[asked.Query, Given()]) -> Response:
        """Return what is known of a company: names, identifiers, owners, exposures."""
        return answers.one(request, query, lambda: answers.monitor.find(company))
