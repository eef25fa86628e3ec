"""The lists of US agencies: layouts, accounting, ends, persons, and one matter for one listing."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Iterator, Sequence
from datetime import date
from pathlib import Path
from typing import Any, BinaryIO

import pytest

import riskmon
from riskmon import sources
from riskmon.comparison import Keyed, compared, keyed
from riskmon.formats import citations, named, packed, places
from riskmon.listing import Broken, Found, Listed, Listing
from riskmon.model import Event, Row
from riskmon.monitor import Monitor
from tests.builders import Clock, company

SAMPLES = Path(__file__).parent / "samples"
DAY = date(2024, 3, 6)
FIELDS = (
    "name", "aliases", "country", "address", "status", "effective_date", "federal_register", "notes"
)  # fmt: skip


def told(name: str, raw: bytes | str) -> list[Any]:
    """Return what `raw` tells as the first copy of a list."""
    raw = raw.encode() if isinstance(raw, str) else raw
    return [row.told for row in sources.reader(name, DAY)(io.BytesIO(raw))]


def events(name: str, raw: bytes | str) -> list[Event]:
    return [one for one in told(name, raw) if isinstance(one, Event)]


def found(name: str, raw: str) -> list[Found]:
    """Return what the module of a list finds in a copy."""
    module = sources.list_of(name)
    assert module is not None

    def opened() -> BinaryIO:
        return io.BytesIO(raw.encode())

    return list(module.entries({name: opened}))


def document(list_id: str, entities: Sequence[dict[str, Any]], **more: object) -> str:
    """Return a list in the layout that the documents share."""
    rows = [dict.fromkeys(FIELDS) | one for one in entities]
    return json.dumps({"list_id": list_id, "count": len(rows), "entities": rows} | more)


def table(*rows: Sequence[str], delimiter: str = ",") -> str:
    out = io.StringIO()
    csv.writer(out, delimiter=delimiter).writerows(rows)
    return out.getvalue()


def listings(name: str, path: Path) -> dict[str, tuple[Listed, Listing]]:
    """Return the entries of a copy by matter, those that are refused left out."""
    module = sources.list_of(name)
    assert module is not None
    found = {}
    with packed.parts(path) as parts:
        for one in keyed(module.entries(parts), {}):
            if isinstance(one, Keyed):
                listing = module.listing(one.entry)
                if isinstance(listing, Listing):
                    found[listing.matter or f"{name}:{one.entry.key}"] = (one.entry, listing)
    return found


ACCOUNTS = {
    "bis/bis_entity_list_2026-07-09.json": ("bis-entity-list", 3409, 3409, 0),
    "bis/bis_meu_2026-07-09.json": ("bis-meu", 70, 70, 0),
    "bis/dpl_2019-06-29.txt": ("bis-denied-persons", 546, 459, 1),
    "bis/dpl_2022-09-07.txt": ("bis-denied-persons", 581, 500, 3),
    "csl/csl_2019-12-03_sample.csv": ("csl", 115, 112, 0),
    "csl/csl_2023-11-30_partial.csv": ("csl", 4228, 4181, 2),
    "native_samples/govwizely_dpl.txt": ("bis-denied-persons", 9, 8, 1),
    "native_samples/govwizely_el.csv": ("bis-entity-list", 18, 5, 0),
    "native_samples/govwizely_uvl.csv": ("bis-unverified", 19, 13, 0),
    "ofac_consolidated": ("ofac-consolidated", 442, 442, 0),
    "state_isn_dtc/aeca_debarred_party_list_05092014.csv": ("state-debarred", 521, 517, 0),
    "state_isn_dtc/itar_debarred_party_list_07142014.csv": ("state-debarred", 525, 521, 0),
    "state_isn_dtc/itar_debarred_party_list_04172017.csv": ("state-debarred", 516, 512, 0),
    "state_isn_dtc/itar_debarred_party_list_01242018.csv": ("state-debarred", 515, 511, 0),
    "state_isn_dtc/isn_2014-09-24.csv": ("state-isn", 462, 370, 0),
    "state_isn_dtc/isn_2015-04-21.csv": ("state-isn", 462, 370, 0),
    "state_isn_dtc/isn_2015-09-04.csv": ("state-isn", 176, 150, 0),
    "state_isn_dtc/isn_2015-09-24.csv": ("state-isn", 180, 152, 0),
    "state_isn_dtc/isn_2015-11-03.csv": ("state-isn", 180, 152, 0),
    "state_isn_dtc/isn_2015-11-30.csv": ("state-isn", 180, 152, 0),
    "state_isn_dtc/isn_2016-04-21.csv": ("state-isn", 187, 159, 0),
    "state_isn_dtc/isn_2016-07-22.csv": ("state-isn", 203, 177, 0),
    "state_isn_dtc/isn_2016-12-02.csv": ("state-isn", 213, 177, 0),
    "us_lists/cbp_wro.json": ("cbp-wro", 67, 59, 0),
    "us_lists/dhs_uflpa.json": ("dhs-uflpa", 148, 145, 0),
    "us_lists/fcc_covered.json": ("fcc-covered", 15, 15, 0),
    "us_lists/source-uflpa-2026-07-09.html": ("dhs-uflpa", 160, 145, 0),
    "us_lists/state_debarred_admin.json": ("state-debarred", 8, 8, 0),
    "us_lists/state_nonproliferation.json": ("state-isn", 528, 528, 0),
}
"""Files of the shared data: source, rows, entries that are told, rows that are refused."""


@pytest.mark.parametrize("file", ACCOUNTS)
def test_every_row_of_a_real_list_is_accounted_for(shared: Path, tmp_path: Path, file: str) -> None:
    """Rows are the entries told, the rows refused, and those of an entry that is told already."""
    name, rows, entries, refused = ACCOUNTS[file]
    with riskmon.open(f"sqlite:///{tmp_path / 'risk.db'}", clock=Clock()) as monitor:
        report = monitor.ingest(
            shared / "data" / file, source=name, dated="2026-11-22", partial=True
        )
    assert report.held is None
    told = (report.rows, report.types["listing.listed"], len(report.rejected), report.duplicates)
    assert (rows, entries, refused, rows - entries - refused) == told


# One listing, one matter

MEET = {
    "bis-entity-list": (["bis/bis_entity_list_2026-07-09.json"], 0.92),
    "bis-meu": (["bis/bis_meu_2026-07-09.json"], 0.98),
    "ofac-sdn": (["ofac_sdn/sdn_2023-02-24T184546Z_aa63c56.csv.gz"], 0.99),
    "ofac-consolidated": (["ofac_consolidated"], 0.99),
    "bis-denied-persons": (["bis/dpl_2022-09-07.txt"], 0.72),
    "state-isn": (
        ["us_lists/state_nonproliferation.json", "state_isn_dtc/isn_2016-12-02.csv"],
        0.94,
    ),
    "state-debarred": (["state_isn_dtc/itar_debarred_party_list_01242018.csv"], 0.64),
}
"""At least this share of the CSL's entries of November 2023 is in a copy of the list itself, which
is up to seven years older or three years younger."""


def test_the_screening_list_meets_the_matters_of_the_lists_that_it_repeats(shared: Path) -> None:
    """By number where there is one, else by name: what two lists say of a party adds up to one."""
    data = shared / "data"
    screened = listings("csl", data / "csl" / "csl_2023-11-30_partial.csv")
    for name, (files, least) in MEET.items():
        own: set[str] = set().union(*(listings(name, data / file) for file in files))
        repeated = {matter for matter in screened if matter.startswith(f"{name}:")}
        assert len(repeated & own) / len(repeated) >= least, name


def test_names_that_are_written_differently_meet() -> None:
    """Hong Kong under China, names of persons in either order, what notices add to a name."""
    columns = ["source", "name", "addresses", "start_date", "end_date"]
    dpl = "Denied Persons List (DPL) - Bureau of Industry and Security"
    screened = [
        ["Entity List (EL) - B", "Example Chips  Co. Ltd.", "Unit 1; 2 Road, Kowloon, HK", "", ""],
        [dpl, "JANE EXAMPLE", "1 ROAD, EL PASO, TX, 79905", "", ""],
        [dpl, "EXAMPLE AIRWAYS", "TERMINAL 4, BAGHDAD, IQ", "", ""],
        ["ITAR Debarred (DTC) - S", "Jane Q. Example", "", "", ""],
        ["Nonproliferation Sanctions (ISN) - S", "Example Corp. and its sub-units", "", "", ""],
    ]
    entity = {
        "name": "Example Chips Co., Ltd.",
        "country": "China",
        "federal_register": "84 FR 1, 1/2/19",
    }
    denied = [
        "Name",
        "City",
        "State",
        "Country",
        "Postal_Code",
        "Effective_Date",
        "Expiration_Date",
    ]
    own = {
        "bis-entity-list": document("bis-entity-list", [entity]),
        "bis-denied-persons": table(
            denied,
            ["JANE EXAMPLE", "EL PASO", "TX", "", "79905", "1/2/2019", "1/2/2029"],
            ["EXAMPLE AIRWAYS", "BAGHDAD", "", "IQ", "", "1/2/2019", "1/2/2029"],
            delimiter="\t",
        ),
        "state-debarred": table(
            ["Debarred Party Full Name and Alias", "Notice Date"], ["Example, Jane Q.", "1/2/2019"]
        ),
        "state-isn": table(
            ["Programs", "Name", "Country", "Effective Date"],
            ["X", "Example Corp.", "CN", "1/2/19"],
        ),
    }
    expected = {one.matter for name, raw in own.items() for one in events(name, raw)}
    assert expected == {one.matter for one in events("csl", table(columns, *screened))}


def test_the_json_of_the_screening_list_says_what_its_csv_says() -> None:
    """Lists inside are read as the csv writes them."""
    source = "Entity List (EL) - Bureau of Industry and Security"
    inside = {
        "id": "x",
        "source": source,
        "name": "Example Chips Co., Ltd.",
        "addresses": [
            {"address": "1 Road", "city": "Shenzhen", "state": None, "country": "CN"},
            {"address": None, "city": "Kowloon", "country": "HK"},
        ],
        "alt_names": ["ExChips", "Example Semiconductors"],
        "ids": [{"type": "Legal Entity Number", "number": "529900T8BM49AURSDO55", "country": "CN"}],
        "start_date": "2019-05-21",
    }
    csv_ = table(
        ["source", "name", "addresses", "alt_names", "ids", "start_date", "end_date"],
        [
            source,
            "Example Chips Co., Ltd.",
            "1 Road, Shenzhen, CN; Kowloon, HK",
            "ExChips; Example Semiconductors",
            "Legal Entity Number, 529900T8BM49AURSDO55, CN",
            "2019-05-21",
            "",
        ],
    )
    (one,) = events("csl", json.dumps({"search_performed_at": "2024-03-01T1", "results": [inside]}))
    (other,) = events("csl", csv_)
    assert other == one
    assert {"lei": "529900T8BM49AURSDO55"} == one.parties[0].identifiers


# Layouts, and what a copy that is none says


def test_the_page_and_the_json_of_the_uflpa_list_agree(shared: Path) -> None:
    """The same 145 parties, each since the same day."""
    folder = shared / "data" / "us_lists"
    page, json_ = (
        {matter: one.since for matter, (one, _) in listings("dhs-uflpa", folder / file).items()}
        for file in ("source-uflpa-2026-07-09.html", "dhs_uflpa.json")
    )
    assert json_ == page
    assert 145 == len(page)


def test_a_list_that_lost_its_scope_is_held(shared: Path, tmp_path: Path) -> None:
    """The State Department cut its list from 462 rows to 176: a person decides of that copy."""
    folder = shared / "data" / "state_isn_dtc"
    with riskmon.open(f"sqlite:///{tmp_path / 'risk.db'}", clock=Clock()) as monitor:
        reports = {
            day: monitor.ingest(folder / f"isn_{day}.csv", source="state-isn", dated=day)
            for day in ("2014-09-24", "2015-04-21", "2015-09-04")
        }
    held = {day: report.held is not None for day, report in reports.items()}
    assert {"2014-09-24": False, "2015-04-21": False, "2015-09-04": True} == held


def test_the_layouts_of_the_debarred_know_a_party_alike() -> None:
    """16, 12 and 6 columns: the same key, aliases and day."""
    before = "Federal Register Notices - "
    wide = table(
        ["Corp", f"{before}Debarred Party (Full Name)", f"{before}Debarred Party Given Names",
         "Alias", "Type", "Notice Date", "Notice", "Eff. Date"],
        ["", "Example, Jane", " Jane ", "Janie Example", "Statutory", "7/18/1988", "53 FR 1", ""],
    )  # fmt: skip
    less = table(
        ["Corp", "Debarred Party Full Name", "Debarred Party Given Names", "Alias", "Notice Date"],
        ["", "Example, Jane", "Jane", "(a.k.a. Janie Example)", "7/18/1988"],
    )
    least = table(
        ["Debarred Party Full Name and Alias", "Notice Date"],
        ["Example, Jane (a.k.a. Janie Example)", "7/18/1988"],
    )
    found = [
        (one.ref, one.parties, one.occurred_at.date())
        for raw in (wide, less, least)
        for one in events("state-debarred", raw)
    ]
    assert [found[0]] * 3 == found
    assert ("Janie Example", "Jane Example") == found[0][1][0].aliases


BROKEN = {
    "a column is missing": ("csl", "source,name,start_date\nx,y,\n", "end_date: is required"),
    "a column stands twice": (
        "bis-unverified",
        "COUNTRY,NAME,NAME\na,b,c\n",
        "twice in the header",
    ),
    "no rows": ("bis-unverified", "", "expected a header and rows"),
    "another list": (
        "fcc-covered",
        document("cbp-wro", [{"name": "A"}]),
        "list_id: expected 'fcc-covered', got \"cbp-wro\"",
    ),
    "another count": (
        "fcc-covered",
        document("fcc-covered", [{"name": "A"}], count=2),
        "count: expected 1, as entities are here, got 2: is the copy whole?",
    ),
    "a cut document": ("cbp-wro", '{"entities": [{"name": "A"', "is the copy whole?"),
    "a key given twice": ("bis-meu", '{"entities": [{}], "entities": [1]}', "is given twice"),
    "a cut page": ("dhs-uflpa", "<html><body><table>", "the tag that ends the page is missing"),
    "a page of something else": ("dhs-uflpa", "<html><p>Login</p></html>", "has the page changed?"),
}


@pytest.mark.parametrize("case", BROKEN)
def test_a_copy_of_something_else_is_broken_as_a_whole(case: str) -> None:
    """It is held, whatever rows it has, and the reason says what was expected."""
    name, raw, reason = BROKEN[case]
    (one,) = [one for one in found(name, raw) if not isinstance(one, date)]
    assert isinstance(one, Row)
    assert isinstance(one.told, Broken)
    assert reason in str(one.told[0])


def test_several_files_are_no_copy_of_a_list_that_has_one(tmp_path: Path) -> None:
    """A folder with two is held."""
    for name in ("a.csv", "b.csv"):
        (tmp_path / name).write_text("COUNTRY,NAME\nChina,A\n")
    module = sources.list_of("bis-unverified")
    assert module is not None
    with packed.parts(tmp_path) as parts:
        found = compared(module, parts, {}, partial=True, dated=DAY, today=DAY)
    assert ["expected one file, got 2: a.csv, b.csv"] == found.reasons(module.SHAPE)


def test_a_csv_of_the_shared_layout_says_what_its_json_says() -> None:
    """For lists that no agency gives as data, in the columns of the documents."""
    one = {"name": "Example Chips", "country": "China", "effective_date": "2022-01-31"}
    as_json = document("dow-1260h", [one | {"aliases": ["ExChips", "Example Semi"]}])
    as_csv = table([*one, "aliases"], [*one.values(), "ExChips; Example Semi"])
    assert events("dow-1260h", as_csv) == events("dow-1260h", as_json)


def test_amendments_do_not_come_from_what_is_volatile() -> None:
    """An id that is made anew, or another order of a party's rows, amends nothing."""
    columns = ["_id", "source", "name", "addresses", "start_date", "end_date"]
    row = ["Entity List (EL) - B", "Example", "1 Road, Kyiv, UA", "2019-01-02", ""]
    other = ["Entity List (EL) - B", "Example", "2 Road, Kyiv, UA", "2020-01-02", ""]
    before, after = (
        [(one.key, one.content) for one in found("csl", raw) if isinstance(one, Listed)]
        for raw in (
            table(columns, ["a", *row], ["b", *other]),
            table(columns, ["c", *other], ["d", *row]),
        )
    )
    assert before == after
    assert 1 == len(after)


# Ends


@pytest.fixture
def monitor(tmp_path: Path, clock: Clock) -> Iterator[Monitor]:
    """Open a monitor that watches one company; what is tested here knows no database."""
    with riskmon.open(f"sqlite:///{tmp_path / 'risk.db'}", clock=clock) as opened:
        opened.declare([company("example", name="Example Gloves Sdn. Bhd.")])
        yield opened


def stage(monitor: Monitor) -> list[tuple[str, str]]:
    """Return type and day of what the log tells of Example Gloves, in order."""
    return [
        (body["type"], body["occurred_at"][:10])
        for one in monitor.entries()
        if one.kind == "event.recorded" and "Example Gloves" in one.body
        for body in [json.loads(one.body)]
    ]


def test_an_order_that_is_inactive_without_a_day_ends_with_the_copy(
    monitor: Monitor, tmp_path: Path
) -> None:
    """It was on the copy before; the list does not say when it ended."""
    file = tmp_path / "wro.json"
    for day, status in (("2023-01-02", "Active"), ("2023-02-03", "Inactive-Pending Litigation")):
        orders = [
            {"name": f"Farm {n}", "effective_date": "2020-01-01", "status": "Active"}
            for n in range(30)
        ]
        gloves = {"name": "Example Gloves Sdn. Bhd.", "effective_date": "2020-07-15"}
        file.write_text(document("cbp-wro", [*orders, gloves | {"status": status}], extracted=day))
        report = monitor.ingest(file, source="cbp-wro")
    assert [("listing.listed", "2020-07-15"), ("listing.delisted", "2023-02-03")] == stage(monitor)
    assert ["of 1 inactive entries nothing says since when: taken as not listed"] == report.notes
    assert (31, 1, 31) == (report.rows, report.appended, report.duplicates)


def test_a_denial_that_is_renewed_ends_later(monitor: Monitor, tmp_path: Path) -> None:
    """An order ends when it says; renewed, it says another day. A slip in its update is refused."""
    file = tmp_path / "dpl.txt"
    columns = ["Name", "Country", "Effective_Date", "Expiration_Date", "Last_Update"]
    for end, day in (("11/09/2022", "2022-05-18"), ("05/08/2023", "2022-11-10")):
        row = ["Example Gloves Sdn. Bhd.", "MY", "5/13/2022", end, day]
        slip = ["Example Gloves Sdn. Bhd.", "MY", "5/13/2022", end, "3017-05-18"]
        file.write_text(table(columns, slip, row, delimiter="\t"))
        report = monitor.ingest(file, source="bis-denied-persons", partial=True, dated=day)
        (refused,) = report.rejected
        assert (2, "last_update") == (refused.line, refused.field)
    ends = [("listing.delisted", "2022-11-09"), ("listing.delisted", "2023-05-08")]
    assert [("listing.listed", "2022-05-13"), *ends] == stage(monitor)


def test_a_party_is_listed_while_one_of_its_sanctions_stands() -> None:
    """Of two in the JSON, one expired: no end; of two that did: the later one."""
    notes = "Authority: A; imposed 1/2/2010; status: Expired on 01/02/12; Vol. 1 | Authority: B; "
    ended = (
        notes + "imposed 3/4/2011; status: Lifted on 03/04/13; Vol. 2 | Designation includes all"
    )
    stands = notes + "imposed 12/11/201; status: Active; Vol. 2"
    raw = document(
        "state-nonproliferation",
        [{"name": "Ended", "notes": ended}, {"name": "Standing", "notes": stands}],
    )
    found = [(one.ref, f"{one.occurred_at:%Y-%m-%d}") for one in events("state-isn", raw)]
    days = [("ended", "2010-01-02"), ("ended [delisted]", "2013-03-04"), ("standing", "2010-01-02")]
    assert days == found


# Persons and places


@pytest.mark.parametrize("name", ["csl", "bis-denied-persons", "state-debarred", "state-isn"])
def test_no_ref_and_no_matter_names_a_natural_person(name: str) -> None:
    """They are in the ledger as they are, where names of persons are sealed."""
    (file,) = (SAMPLES / name).glob("input.*")
    found = [
        one
        for one in events(name, file.read_bytes())
        if [party for party in one.parties if party.kind == "person"]
    ]
    assert found
    for one in found:
        words = set(re.findall(r"[a-z]{3,}", f"{one.parties[0].name}".lower()))
        assert set() == words & set(re.findall(r"[a-z]{3,}", f"{one.ref} {one.matter}".lower()))


PERSONS = {
    "JOHN Q. EXAMPLE": True,
    "Example, Jane": True,
    "Jean-Michel O'Example, JR.": True,
    "EXAMPLE ELECTRONICS": False,
    "EXAMPLE ANSTALT A.G.": False,
    "Example Trading": False,
    "Example Ltd": False,
    "KAL TEK LABS": False,
    "Example & Sons": False,
    "EXAMPLE": False,
    "Example 4 You": False,
}


@pytest.mark.parametrize("name", PERSONS)
def test_persons_are_told_from_firms(name: str) -> None:
    """Where a list does not say who is one; in doubt it is none."""
    assert PERSONS[name] == named.person(name)


def test_of_the_denied_firms_none_is_taken_for_a_person(shared: Path) -> None:
    """Names with a legal form or a trade in them, and some that were read by eye."""
    found = listings("bis-denied-persons", shared / "data" / "bis" / "dpl_2022-09-07.txt")
    taken = {listing.name for _, listing in found.values() if listing.kind == "person"}
    firms = {
        "GLOBE COMPUTERS",
        "GLOBE METALS",
        "KZ RESULTS",
        "MAHAN AIRWAYS",
        "SKY BLUE BIRD GROUP",
    }
    firms |= {"YARRA ANSTALT A.G.", "KOTO COMMERCIO IBERICA, S.L."}
    assert set() == taken & firms
    assert (500, 330 < len(taken) < 360) == (len(found), True)


PLACES = {
    "China": "cn", "CN": "cn", "PRC": "cn", "People\u2019s Republic of China": "cn",
    "Hong Kong": "hk", "Korea, South": "kr", "North Korea (DPRK)": "kp", "Burma": "mm",
    "Russia": "ru", "Crimea Region of Ukraine": "ua", "T\u00fcrkiye": "tr",
    "Turkey (Turkiye)": "tr",
    "Congo, Democratic Republic of the": "cd", "Bahamas, The": "bs", "The Gambia": "gm",
    "C\u00f4te d'Ivoire": "ci", "UK": "gb", "Virgin Islands, British": "vg", "Region: Gaza": "ps",
    "Kosovo": "xk", "Fishing Vessels": None, "Middle East Region": None, "undetermined": None,
    "": None, "x" * 10_000: None,
}  # fmt: skip


def test_places_are_known_as_lists_write_them() -> None:
    """By ISO 3166-1; what is no country is none."""
    assert {name: places.code(name) for name in PLACES} == PLACES


def test_every_country_of_the_lists_is_known(shared: Path) -> None:
    """But for words that are none, and two slips."""
    found: set[str] = set()
    for file in sorted((shared / "data").glob("*/*.json")):
        rows = json.loads(file.read_text("utf-8"))
        entities = rows.get("entities", []) if isinstance(rows, dict) else []
        found |= {one["country"] for one in entities if one.get("country")}
    for file in (shared / "data" / "bis").glob("dpl_*.txt"):
        with file.open(encoding="utf-8") as stream:
            found |= {row["Country"] for row in csv.DictReader(stream, delimiter="\t")}
    un = shared / "data" / "un" / "UN_consolidated_2026-02-27.xml"
    found |= set(re.findall(r"<COUNTRY>([^<]*)</COUNTRY>", un.read_text("utf-8")))
    unknown = {"Fishing Vessels", "Middle East Region", "North Korean entity in China"}
    unknown |= {"Turkish individual", "NM", ""}
    assert unknown == {one for one in found if places.code(one) is None}


DATES = {
    "2024-03-06": date(2024, 3, 6), "3/6/2024": date(2024, 3, 6), "03/06/24": date(2024, 3, 6),
    "7/18/88": date(1988, 7, 18), "March 6, 2024": date(2024, 3, 6), "N/A": None, " ": None,
}  # fmt: skip


def test_dates_are_read_month_first() -> None:
    """As US agencies write them; two digits are of the 20th century from 70 on."""
    assert {text: citations.day(text) for text in DATES} == DATES


@pytest.mark.parametrize("text", ["2024-02-30", "13/1/2024", "12/11/201", "soon", "June 31, 2022"])
def test_what_is_no_date_is_refused(text: str) -> None:
    """None is guessed."""
    with pytest.raises(ValueError, match=r".+"):
        citations.day(text)


def test_a_long_name_is_cut_to_what_a_ref_holds() -> None:
    """Two that differ at their end stay two, and both lists cut them alike."""
    one, other = (places.matter("bis-entity-list", "x " * 400 + end, "China") for end in "ab")
    assert one != other
    assert max(len(one), len(other)) < 400


def test_rows_that_are_refused_have_their_line() -> None:
    """In a table of lines that end in CR LF, with a cell over two lines."""
    raw = 'COUNTRY,NAME,ADDRESS\r\nChina,"Example\r\nTwo Lines",x\r\nChina,,y\r\n'
    rows = list(sources.reader("bis-unverified", DAY)(io.BytesIO(raw.encode())))
    refused = [row for row in rows if isinstance(row.told, list)]
    assert [Row(4, "China,,y", refused[0].told)] == refused
