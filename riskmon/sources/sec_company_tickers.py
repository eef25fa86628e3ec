"""The SEC's companies with a ticker: `company_tickers_exchange.json` or `company_tickers.json`.

One company a CIK, its id `sec:<CIK>`, with all its tickers as `NASDAQ:AAPL`; one without an
exchange is left out, since alone it names nobody. Names are the SEC's own, and what it adds to
some of them (`/DE/`, `/ADR`) is missing from an alias. The list does not say where a company is
at home, and many are foreign: the jurisdiction stays unknown.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any, BinaryIO, NamedTuple

from riskmon.errors import Problem
from riskmon.identifiers import canonical, of_company
from riskmon.model import Company, Row
from riskmon.validation import check, shown

MOST_BYTES = 64 * 1024 * 1024
FIELDS = {"cik", "name", "ticker", "exchange"}
NAMED = {"cik_str": "cik", "title": "name"}
"""How `company_tickers.json`, which has no exchanges, calls two of them."""
ADDED = re.compile(r"\s*/\s?([A-Z]{2,3}|[a-z]{2})?/?$")


class _Listed(NamedTuple):
    number: int
    cik: str
    name: str
    ticker: str | None


class _Pairs(list[tuple[str, Any]]):
    """A JSON object as its pairs in order: none is lost where a key is given twice."""


def read(stream: BinaryIO) -> Iterator[Row]:
    """Yield a company for each CIK, in order; `line` counts the list's rows from 1."""
    raw = stream.read(MOST_BYTES + 1)
    rows = _rows(raw)
    if isinstance(rows, Problem):
        yield Row(0, raw[:200].decode("utf-8", "replace"), [rows])
        return
    companies: dict[str, list[_Listed]] = {}
    told: list[Row] = []
    for number, row in enumerate(rows, 1):
        one = _listed(number, row)
        if isinstance(one, Problem):
            told.append(Row(number, shown(row, 1000), [one]))
        else:
            companies.setdefault(one.cik, []).append(one)
    for same in companies.values():
        listed = json.dumps([rows[one.number - 1] for one in same], ensure_ascii=False)
        told.append(Row(same[0].number, listed, _company(same)))
    yield from sorted(told, key=lambda row: row.line)


def _company(same: list[_Listed]) -> Company | list[Problem]:
    """Return the company that rows of one CIK are about."""
    names = dict.fromkeys(one.name for one in same)
    names |= dict.fromkeys(short for name in names if (short := ADDED.sub("", name)))
    name, *aliases = names
    identifiers: dict[str, Any] = {"cik": same[0].cik}
    if tickers := [one.ticker for one in same if one.ticker]:
        identifiers["ticker"] = of_company("ticker", tickers)
    data = {"id": f"sec:{same[0].cik}", "name": name, "identifiers": identifiers}
    return check(Company, data | ({"aliases": aliases} if aliases else {}))


def _listed(number: int, row: object) -> _Listed | Problem:
    if not isinstance(row, dict) or not row.keys() <= FIELDS:
        return Problem(f"expected {', '.join(sorted(FIELDS))}, got {shown(row)}")
    cik, name = row.get("cik"), row.get("name")
    if isinstance(cik, bool) or not isinstance(cik, int | str):
        return Problem(f"expected a CIK such as 320193, got {shown(cik)}", field="cik")
    if not isinstance(name, str) or not name.strip():
        return Problem(f"expected a name, got {shown(name)}", field="name")
    ticker, exchange = row.get("ticker") or "", row.get("exchange") or ""
    if not isinstance(ticker, str) or not isinstance(exchange, str):
        return Problem(f"expected text, got {shown([ticker, exchange])}", field="ticker")
    try:
        cik = canonical("cik", str(cik))
        both = canonical("ticker", f"{exchange}:{ticker}") if ticker and exchange else None
    except ValueError as error:
        return Problem(str(error))
    return _Listed(number, cik, name.strip(), both)


def _rows(raw: bytes) -> list[object] | Problem:
    """Return the list's rows, each as a dict of its fields where it fits, else as it stands."""
    if len(raw) > MOST_BYTES:
        return Problem(f"expected at most {MOST_BYTES:,} bytes: is this the list?")
    try:
        document = _decode(raw.removeprefix(b"\xef\xbb\xbf").decode("utf-8"))
    except (ValueError, RecursionError) as error:
        return Problem(f"expected a JSON object: is the copy whole? ({error})")
    if not isinstance(document, _Pairs) or not document:
        return Problem("expected a JSON object of companies: is the copy whole?")
    parts = dict(document)
    if not parts.keys() & {"fields", "data"}:
        return [_renamed(row) for _, row in document]
    fields, rows = parts.get("fields"), parts.get("data")
    if not isinstance(fields, list) or not isinstance(rows, list) or not rows:
        return Problem("expected lists `fields` and `data`: is the copy whole?")
    if len(parts) != len(document):
        return Problem("expected `fields` and `data` once each: is this the SEC's list?")
    if sorted(map(str, fields)) != sorted(FIELDS):
        those = ", ".join(sorted(FIELDS))
        reason = f"expected {those}, got {shown(fields)}: has the list changed?"
        return Problem(reason, field="fields")
    return [_fitted(fields, row) for row in rows]


def _fitted(fields: list[str], row: object) -> object:
    fits = isinstance(row, list) and len(row) == len(fields)
    return dict(zip(fields, row, strict=True)) if fits else row  # type: ignore[call-overload]


def _renamed(row: object) -> object:
    if not isinstance(row, _Pairs) or len(dict(row)) != len(row):
        return row
    return {NAMED.get(name, name): value for name, value in row}


# Copies of the list that went through a data frame have NaN where the SEC has null.
_decode = json.JSONDecoder(object_pairs_hook=_Pairs, parse_constant=lambda _: None).decode
