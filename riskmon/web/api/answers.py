"""How the API answers: JSON or Arrow, a page at a time, with what lets a reader keep it."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from hashlib import sha256
from io import BytesIO
from typing import Any, Protocol, TypeVar
from urllib.parse import urlencode

from fastapi import Request, Response

from riskmon import __version__
from riskmon.errors import MissingExtraError
from riskmon.exporting import arrow_schema
from riskmon.extras import library
from riskmon.frames import Frame, Rows
from riskmon.monitor import Monitor
from riskmon.results import to_json
from riskmon.web.api.asked import Paged, Query
from riskmon.web.api.problems import Refused

JSON, ARROW = "application/json", "application/vnd.apache.arrow.stream"

Headers = dict[str, str]


class Many(Protocol):
    """Rows in order."""

    def __len__(self) -> int: ...

    def __getitem__(self, place: int, /) -> Any: ...


Asked = TypeVar("Asked", bound=Query)


class Unchanged(Exception):  # noqa: N818 (it is no error)
    """The reader has the answer already."""

    def __init__(self, headers: Headers) -> None:
        super().__init__()
        self.headers = headers


def unchanged(_: Request, found: Exception) -> Response:
    """Return that the reader has the answer already."""
    assert isinstance(found, Unchanged)  # noqa: S101 (as registered)
    return Response(status_code=304, headers=found.headers)


class Answers:
    """What answers for a monitor."""

    def __init__(self, monitor: Monitor) -> None:
        self.monitor = monitor

    def one(
        self,
        request: Request,
        query: Query,
        make: Callable[[], Any],
        *,
        pinned: bool = True,
        shown: Callable[[Any], object] = to_json,
    ) -> Response:
        """Return one thing as JSON, by `shown`; a frame as Arrow where that is asked for."""
        headers = self._kept(request, query, pinned=pinned, media=_media(request))
        found = make()
        if isinstance(found, Frame):
            return self._framed(request, found, headers, shown(found), found.to_dicts)
        return told(_only_json(request, shown(found)), headers)

    def rows(
        self,
        request: Request,
        query: Asked,
        make: Callable[[Asked], Many],
        *,
        pinned: bool = True,
        framed: Callable[[Sequence[Any]], Frame] | None = None,
        counted: bool = True,
    ) -> Response:
        """Return a page of rows as a JSON array; as Arrow where that is asked for.

        `framed`: what makes a frame of some rows, where the rows are no frame themselves. The page
        after it is of the same answer: its address has both clocks. `counted`: `make` gives all
        rows, not only those up to the next page.
        """
        assert isinstance(query, Paged)  # noqa: S101 (of every query that has rows)
        headers = self._kept(request, query, pinned=pinned, media=_media(request))
        still = query.at(to_json(self.monitor.clock()))
        clocks = {name: getattr(still, name) for name in ("as_of", "end") if hasattr(still, name)}
        if hasattr(still, "known_at"):
            clocks["known_at"] = still.known_at or self.monitor.position
        found = make(still)
        some = [found[place] for place in _span(query, len(found))]
        headers |= _links(request, query, len(found), clocks)
        headers |= {"Total-Count": str(len(found))} if counted else {}
        if isinstance(found, Rows):
            columns = [found.columns(one) for one in some]
            return self._framed(request, found, headers, columns, lambda: columns)
        if framed is not None:
            return self._framed(request, framed(some), headers, some, framed(some).to_dicts)
        return told(_only_json(request, to_json(some)), headers)

    def _framed(
        self,
        request: Request,
        frame: Frame,
        headers: Headers,
        shown: object,
        rows: Callable[[], list[dict[str, Any]]],
    ) -> Response:
        """Return a frame in the form that is asked for."""
        if _media(request) == ARROW:
            return Response(_arrow(frame, rows()), media_type=ARROW, headers=headers)
        return told(to_json(shown), headers)

    def _kept(self, request: Request, query: Query, *, pinned: bool, media: str) -> Headers:
        """Return the headers by which an answer may be kept; Unchanged where the reader has it.

        The tag is of all that an answer is made from: the ledger's last position, what was asked,
        in which form, and by which riskmon.
        """
        if not (pinned and query.pinned):
            return {"Cache-Control": "no-store", "Vary": "Accept"}
        asked = sorted(request.query_params.multi_items())
        coded = "gzip" in request.headers.get("accept-encoding", "")
        parts = [__version__, self.monitor.position, request.url.path, asked, media, coded]
        tag = f'"{sha256(json.dumps(parts).encode()).hexdigest()[:32]}"'
        headers = {"ETag": tag, "Cache-Control": "private, no-cache", "Vary": "Accept"}
        given = request.headers.get("if-none-match", "")
        known = {one.strip().removeprefix("W/") for one in given.split(",")}
        if tag in known:
            raise Unchanged(headers)
        return headers


def _media(request: Request) -> str:
    """Return the form that is asked for: Arrow where it is named, and JSON is not liked more."""
    liking: dict[str, float] = {}
    for part in request.headers.get("accept", "").split(","):
        name, *parameters = (one.strip().lower() for one in part.split(";"))
        given = [one.removeprefix("q=") for one in parameters if one.startswith("q=")]
        try:
            liking[name] = float(given[0]) if given else 1.0
        except ValueError:
            liking[name] = 0.0
    arrow = liking.get(ARROW, 0.0)
    return ARROW if arrow > 0 and arrow >= liking.get(JSON, 0.0) else JSON


def _only_json(request: Request, found: object) -> object:
    """Return what has no columns; refuse to make Arrow of it where nothing else is accepted."""
    accepted = {
        one.partition(";")[0].strip() for one in request.headers.get("accept", "").split(",")
    }
    if accepted == {ARROW}:
        raise Refused(406, f"this has no columns: accept {JSON}")
    return found


def told(found: object, headers: Headers | None = None) -> Response:
    """Return plain values as JSON; what is not kept says so."""
    headers = headers or {"Cache-Control": "no-store"}
    body = json.dumps(found, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return Response(body.encode("utf-8", "replace"), media_type=JSON, headers=headers)


def _span(query: Paged, size: int) -> range:
    return range(min(query.offset, size), min(query.offset + query.limit, size))


def _links(request: Request, query: Paged, size: int, clocks: Mapping[str, Any]) -> Headers:
    """Return where the pages before and after are, at clocks that stand still."""
    places = {"prev": max(0, query.offset - query.limit), "next": query.offset + query.limit}
    wanted = {"prev": query.offset > 0, "next": query.offset + query.limit < size}
    told = []
    for name, offset in places.items():
        if wanted[name]:
            asked: dict[str, Any] = {**request.query_params, **clocks}
            asked |= {"limit": str(query.limit), "offset": str(offset)}
            told.append(f'<{request.url.path}?{urlencode(asked)}>; rel="{name}"')
    return {"Link": ", ".join(told)} if told else {}


def _arrow(frame: Frame, rows: list[dict[str, Any]]) -> bytes:
    """Return rows as an Arrow stream."""
    try:
        arrow, ipc = library("pyarrow", "columns"), library("pyarrow.ipc", "columns")
    except MissingExtraError as error:
        raise Refused(406, f"{error}; or accept {JSON}") from None
    batch = arrow.RecordBatch.from_pylist(rows, arrow_schema(frame.kinds))
    out = BytesIO()
    with ipc.new_stream(out, batch.schema) as stream:
        stream.write_batch(batch)
    return out.getvalue()
