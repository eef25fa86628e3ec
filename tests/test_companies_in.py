"""Companies and their owners from the lists that others keep."""

from __future__ import annotations

import io
import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from riskmon import sources
from riskmon.formats import table
from riskmon.model import Company, Row
from riskmon.sources import companies_csv, gleif_relationships
from tests.test_sources import read

CHILD, OWNER, GROUP = "0000MADEUPCHILD00188", "0000MADEUPOWNER00102", "0000MADEUPGROUP00147"
HELD = ",".join(
    [
        *(gleif_relationships.COMPANY, gleif_relationships.OWNER),
        *(gleif_relationships.TYPE, gleif_relationships.STATUS),
        "Relationship.Quantifiers.1.QuantifierAmount",
        "Relationship.Quantifiers.1.QuantifierUnits",
    ]
)


def company(name: str, line: str, header: str = "id,name,jurisdiction,owners,exposures") -> Any:
    """Return what one row of a table tells, or what is wrong with it."""
    (row,) = read(name, f"{header}\n{line}\n".encode())
    return row.get("told") or row["problems"]


def refused(name: str, raw: bytes) -> list[str]:
    """Return the problems of the one row that an input gives."""
    (row,) = read(name, raw)
    problems: list[str] = row["problems"]
    return problems


def rows_of(name: str, file: Path) -> list[Row]:
    with file.open("rb") as stream:
        return list(sources.reader(name)(stream))


# Tables


def test_an_unknown_column_stops_a_table_before_its_rows() -> None:
    """All of them at once, with the nearest known one; what is required, too."""
    raw = b"id,nme,sector,name,\nx,X,ai,X,\n"
    known = ", ".join(companies_csv.COLUMNS)
    assert [
        "\"nme\" is not a known column; did you mean 'name'?",
        f'"sector" is not a known column; expected some of {known}',
        f'"" is not a known column; expected some of {known}',
    ] == refused("companies-csv", raw)
    assert ["name: is required and missing from the header"] == refused(
        "companies-csv", b"id,cik\nx,1\n"
    )


def test_thousands_of_unknown_columns_are_a_short_answer() -> None:
    """The first twenty by name, the others by number."""
    columns = ",".join(f"c{number}" for number in range(100_000))
    problems = refused("companies-csv", f"{columns}\nx,X\n".encode())
    assert 23 == len(problems)
    assert "99,980 more columns are not known" == problems[-1]
    for name in ("companies-csv", "gleif"):
        problems = refused(name, f"{columns},c99999\nx,X\n".encode())
        assert '"c99999" stands twice in the header: keep one' == problems[0]


@pytest.mark.parametrize("name", ["companies-csv", "gleif", "gleif-relationships"])
def test_a_column_given_twice_stops_a_table(name: str) -> None:
    """Nobody knows which of them is meant."""
    raw = (Path(__file__).parent / "samples" / name / "input.csv").read_bytes()
    first = raw.removeprefix(b"\xef\xbb\xbf").partition(b",")[0]
    problems = refused(name, first + b"," + raw.removeprefix(b"\xef\xbb\xbf"))
    assert problems[0].endswith("stands twice in the header: keep one")


@pytest.mark.parametrize("name", ["companies-csv", "gleif", "gleif-relationships"])
def test_an_empty_table_is_no_table(name: str) -> None:
    """A download of nothing, or of its header alone, does not pass for a list of nobody."""
    raw = (Path(__file__).parent / "samples" / name / "input.csv").read_bytes()
    for one in (b"", b"\n\n", raw.partition(b"\n")[0]):
        assert ["expected a header and rows below it: is the copy whole?"] == refused(name, one)


def test_good_rows_around_bad_ones_are_told() -> None:
    """Not UTF-8, cut, too many cells, a CR within, a NUL: each is refused where it stands."""
    raw = b"id,name\r\na,A\r\nb,\xff\r\nc,C,\r\nd,D\re,E\r\nf,F\0\r\ng,G\r\n"
    rows = read("companies-csv", raw)
    assert [2, 3, 4, 5, 6, 7] == [row["line"] for row in rows]
    assert ["a", "g"] == [row["told"]["id"] for row in rows if "told" in row]
    assert [
        "expected UTF-8: save the file in that encoding",
        "expected 2 cells as in the header, got 3: a cell that has a comma stands in "
        "quotation marks",
        "expected a row of CSV: a line ends in CR alone",
        'name: expected text, not empty and without NUL, got "F\\u0000"',
    ] == [problem for row in rows for problem in row.get("problems", ())]


def test_a_row_that_never_ends_is_refused_and_the_next_one_read() -> None:
    """A line of many megabytes, and cells that go on over as many lines."""
    endless = b"b," + b"B" * 5_000_000
    lines = b"b," + b'"\n",' * 400_000 + b'"'
    for one in (endless, lines):
        stream = io.BytesIO(b"id,name\na,A\n" + one + b"\nz,Z\n")
        rows = list(sources.reader("companies-csv")(stream))
        told = [row.told.id for row in rows if isinstance(row.told, Company)]
        assert ("a", "z") == (told[0], told[-1])
        assert max(len(row.raw) for row in rows) <= table.MOST_BYTES + 201
        (problem,) = next(row.told for row in rows if isinstance(row.told, list))
        assert problem.message.startswith("expected at most 1,048,576 bytes a row")


def test_an_edge_may_have_its_days() -> None:
    """Both, either, or none; a date that is none is named by its place."""
    line = "x,X,,a=0.36@2024-02-19..2025-01-01;b=0.1@..2025-01-01;c=1@2024-02-19..;d=0,"
    assert [
        {
            "company": "a",
            "share": 0.36,
            "since": "2024-02-19T00:00:00Z",
            "until": "2025-01-01T00:00:00Z",
        },
        {"company": "b", "share": 0.1, "until": "2025-01-01T00:00:00Z"},
        {"company": "c", "share": 1.0, "since": "2024-02-19T00:00:00Z"},
        {"company": "d", "share": 0.0},
    ] == company("companies-csv", line)["owners"]
    (problem,) = company("companies-csv", "x,X,,a=0.5;b=0.5@19 Feb 2024..,")
    assert problem.startswith("owners[1].since: expected a date such as 2024-01-12")


@pytest.mark.parametrize("edge", ["ai", "ai=", "=1", "ai=-1", "ai=1e3", "ai=36%", "ai=0,5"])
def test_an_edge_without_its_number_is_refused(edge: str) -> None:
    """With an example of one."""
    (problem,) = company("companies-csv", f'x,X,,,"{edge}"')
    assert f'exposures: expected such as sector:ai=1.0, got "{edge}"' == problem


def test_what_is_long_in_a_cell_costs_no_time() -> None:
    """Nor do patterns that a slow expression would try in every way."""
    for cell in ("=" * 100_000, "a=1@" + "." * 100_000 + "@", "a=1@" * 25_000, ";" * 100_000):
        assert company("companies-csv", f"x,X,,{cell},")


# GLEIF


def test_a_reduced_file_of_gleif_will_do() -> None:
    """LEI and name alone; other people's columns are not read."""
    assert {
        "id": f"lei:{CHILD}",
        "name": "Made Up",
        "identifiers": {"lei": CHILD},
    } == company("gleif", f"Made Up,{CHILD},x", "Entity.LegalName,LEI,my own column")
    assert ["LEI: is required and missing from the header"] == refused(
        "gleif", b"Entity.LegalName\nMade Up\n"
    )


def test_an_owner_is_told_once_whichever_relationship_comes_first() -> None:
    """Direct and ultimate parent are one: the direct one is told, with what it says."""
    ultimate = f"{CHILD},{OWNER},IS_ULTIMATELY_CONSOLIDATED_BY,ACTIVE,,"
    direct = f"{CHILD},{OWNER},IS_DIRECTLY_CONSOLIDATED_BY,ACTIVE,80,PERCENTAGE"
    above = f"{CHILD},{GROUP},IS_ULTIMATELY_CONSOLIDATED_BY,ACTIVE,,"
    for lines in ([ultimate, direct, above], [above, direct, ultimate]):
        told = [
            row["told"] for row in read("gleif-relationships", "\n".join([HELD, *lines]).encode())
        ]
        assert [
            {"company": f"lei:{CHILD}", "owner": f"lei:{OWNER}", "share": 0.8},
            {"company": f"lei:{CHILD}", "owner": f"lei:{GROUP}", "share": 0.5},
        ] == told


@pytest.mark.parametrize(
    ("amount", "share"),
    [("100", 1.0), ("51.20", 0.512), ("1.00", 1.0), ("0.6", 0.6), ("", 0.5)],
)
def test_a_share_is_the_percentage_else_one_half(amount: str, share: float) -> None:
    """Files have had 1.00 and 100 for the whole."""
    line = f"{CHILD},{OWNER},IS_DIRECTLY_CONSOLIDATED_BY,ACTIVE,{amount},PERCENTAGE"
    assert share == company("gleif-relationships", line, HELD)["share"]


# The SEC


def test_both_lists_of_the_sec_are_read() -> None:
    """`company_tickers.json` has no exchanges, and so no tickers that name somebody."""
    raw = b"""{"0": {"cik_str": 320193, "ticker": "AAPL", "title": "Apple Inc."},
     "1": {"cik_str": true, "ticker": "A", "title": "A"},
     "2": {"cik_str": 2, "cik_str": 3, "ticker": "B", "title": "B"}, "3": 4}"""
    rows = read("sec-company-tickers", raw)
    assert [1, 2, 3, 4] == [row["line"] for row in rows]
    assert {
        "id": "sec:320193",
        "name": "Apple Inc.",
        "identifiers": {"cik": "320193"},
    } == rows[0]["told"]
    assert ["cik: expected a CIK such as 320193, got true"] == rows[1]["problems"]
    assert all("expected cik, exchange, name" in row["problems"][0] for row in rows[2:])


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"[]",
        b"{}",
        b"{" * 100_000,
        b'{"fields": ["cik", "name", "ticker", "exchange"], "data": []}',
        b'{"fields": ["cik", "name", "ticker", "exchange"]}',
        b'{"fields": ["cik", "seriesId", "classId", "symbol"], "data": [[1, 2, 3, 4]]}',
        b'{"fields": ["cik", "name", "ticker", "exchange"], "data": [[1, "A", "B", "C"]], '
        b'"data": [[2, "A", "B", "C"]]}',
    ],
)
def test_what_is_no_list_of_the_sec_is_refused_whole(raw: bytes) -> None:
    """Cut, empty, another list, told twice: nothing is taken from it."""
    (problem,) = refused("sec-company-tickers", raw)
    assert "expected" in problem


def test_the_list_of_the_sec_goes_in_whole(shared: Path) -> None:
    """10,365 tickers of 7,992 companies; one without an exchange is no identifier."""
    file = shared / "data" / "companies" / "sec_company_tickers_exchange.json"
    rows = rows_of("sec-company-tickers", file)
    told = [row.told for row in rows if isinstance(row.told, Company)]
    assert (7992, 7992) == (len(rows), len(told))
    assert 10365 == sum(len(json.loads(row.raw)) for row in rows)
    tickers = [one.identifiers.get("ticker", ()) for one in told]
    exchanges = Counter(
        ticker.partition(":")[0]
        for found in tickers
        for ticker in ((found,) if isinstance(found, str) else found)
    )
    assert {"NASDAQ": 4283, "NYSE": 3292, "OTC": 2539, "CBOE": 27} == exchanges
    apple = next(one for one in told if one.id == "sec:320193")
    assert {"cik": "320193", "ticker": "NASDAQ:AAPL"} == apple.identifiers


def test_a_list_of_gleif_goes_in_whole(shared: Path) -> None:
    """3,678 entities at home in China, Hong Kong, Macao and Taiwan, every LEI right."""
    rows = rows_of("gleif", shared / "data" / "companies" / "gleif_lei_cn_hk_mo_tw.csv")
    told = [row.told for row in rows if isinstance(row.told, Company)]
    assert (3678, 3678) == (len(rows), len(told))
    assert {"hk": 2899, "tw": 394, "cn": 368, "mo": 17} == Counter(one.jurisdiction for one in told)


# FollowTheMoney


def told(**fields: Any) -> Any:
    """Return what an entity tells, what is wrong with it, or None."""
    found = read("ftm", json.dumps(fields).encode())
    return (found[0].get("told") or found[0]["problems"]) if found else None


@pytest.mark.parametrize("schema", ["Person", "Vessel", "Sanction", "Address", "Directorship"])
def test_what_is_no_company_is_skipped(schema: str) -> None:
    """Persons above all, whatever their properties look like."""
    assert told(id="x", schema=schema, properties={"name": ["X"]}) is None
    assert told(id="x", schema=schema, properties=3) is None


def test_an_id_is_of_opensanctions_where_the_export_is() -> None:
    """Its exports say which ids were merged; plain FollowTheMoney has ids of anybody."""
    plain = {"id": "NK-x", "schema": "Company", "properties": {"name": ["X"]}}
    assert {"id": "NK-x", "name": "X"} == told(**plain)
    assert {
        "id": "NK-x",
        "name": "X",
        "identifiers": {"opensanctions": "NK-x"},
    } == told(**plain, referents=[])


@pytest.mark.parametrize(
    ("given", "since", "until"),
    [
        ("2019", "2019-01-01", "2020-01-01"),
        ("2019-11", "2019-11-01", "2019-12-01"),
        ("2019-12", "2019-12-01", "2020-01-01"),
        ("2019-12-31", "2019-12-31", "2019-12-31"),
    ],
)
def test_a_date_without_its_day_is_read_widely(given: str, since: str, until: str) -> None:
    """From its first day, or to its last."""
    held = {"owner": ["o"], "asset": ["a"], "percentage": ["25 %"]}
    for name, field, day in (("startDate", "since", since), ("endDate", "until", until)):
        entity = {"id": "x", "schema": "Ownership", "properties": held | {name: [given]}}
        assert {
            "company": "a",
            "owner": "o",
            "share": 0.25,
            field: f"{day}T00:00:00Z",
        } == told(**entity)


@pytest.mark.parametrize(
    ("properties", "why"),
    [
        ({}, "percentage: is required and missing: the share is not known and none is made up"),
        ({"percentage": ["> 50"]}, "percentage: expected one percentage such as 51.2"),
        (
            {"percentage": ["101"], "asset": ["a"], "owner": ["o"]},
            "share: expected at most 1, got 1.01",
        ),
        ({"percentage": ["1", "2"]}, 'percentage: expected one, got ["1", "2"]'),
        ({"percentage": ["1"]}, "asset: is required and missing"),
        ({"percentage": [1]}, "percentage: expected a list of text, got [1]"),
        (
            {"percentage": ["1"], "asset": ["a"], "owner": ["o"], "endDate": ["2019-13"]},
            "until: expected a date such as 2024-01-12",
        ),
    ],
)
def test_no_share_is_made_up(properties: dict[str, Any], why: str) -> None:
    """A holding without its one percentage, its one company, its date is refused."""
    (problem,) = told(id="x", schema="Ownership", properties=properties)
    assert problem.startswith(why)
