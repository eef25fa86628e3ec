"""Lists of the UN, EU, UK and OFAC in their own formats, and as OpenSanctions collects them."""

from __future__ import annotations

import io
import tracemalloc
from collections import Counter
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Any, BinaryIO, cast
from xml.etree import ElementTree as ET

import pytest

from riskmon import sources
from riskmon.comparison import Comparison, Keyed, compared, keyed
from riskmon.formats import opensanctions as registers
from riskmon.formats import packed, tree
from riskmon.listing import Known, Listed
from riskmon.model import Event, Note, Row
from riskmon.monitor import Monitor
from riskmon.vocabulary import TOPICS
from tests.builders import Clock

SAMPLES = Path(__file__).parent / "samples"
XML = ("un-sanctions", "eu-sanctions", "ofac-xml", "ofac-consolidated-xml")
ALL = (*XML, "uk-sanctions", "opensanctions", "opensanctions-simple")
TODAY = date(2026, 11, 22)


def sample(name: str) -> bytes:
    (given,) = (SAMPLES / name).glob("input.*")
    return given.read_bytes()


def events(name: str, raw: bytes) -> list[Event]:
    rows = sources.reader(name)(io.BytesIO(raw))
    return [row.told for row in rows if isinstance(row.told, Event)]


def problems(name: str, raw: bytes) -> list[str]:
    rows = sources.reader(name)(io.BytesIO(raw))
    return [str(one) for row in rows if isinstance(row.told, list) for one in row.told]


def copy(name: str, raw: bytes, state: Mapping[str, Known] | None = None) -> Comparison:
    """Return what a copy of a list changes against what stands; absences count."""
    module = sources.list_of(name)
    assert module is not None
    parts: packed.Parts = {"input": lambda: io.BytesIO(raw)}
    return compared(module, parts, state or {}, partial=False, dated=None, today=TODAY)


def stood(name: str, raw: bytes) -> dict[str, Known]:
    """Return what is known after a first copy."""
    module = sources.list_of(name)
    assert module is not None
    found = copy(name, raw)
    read = keyed(module.entries({"input": lambda: io.BytesIO(raw)}), {})
    told = [one.entry for one in read if isinstance(one, Keyed)]
    dated = {one.key: (one.since, one.until) for one in told}
    known = {}
    for key, digest in found.digests.items():
        since, until = (str(day) if day else None for day in dated[key])
        known[key] = Known(1, 0, digest, since, until)
    return known


def changes(name: str, before: bytes, after: bytes) -> dict[str, list[str]]:
    """Return the keys of what one copy changes after another."""
    found = copy(name, after, stood(name, before))
    told = {"listed": found.listed, "amended": found.amended, "redated": found.redated}
    return {what: sorted(keys) for what, keys in told.items() if keys} | (
        {"gone": found.gone} if found.gone else {}
    )


# Whatever is no such list is held, and harms nobody

BOMB = b"""<?xml version="1.0"?><!DOCTYPE lolz [<!ENTITY lol "lol">
<!ENTITY lol2 "&lol;&lol;&lol;&lol;&lol;&lol;&lol;&lol;&lol;&lol;">
<!ENTITY lol9 "&lol2;&lol2;&lol2;&lol2;&lol2;&lol2;&lol2;&lol2;&lol2;&lol2;">]><a>&lol9;</a>"""
OUTSIDE = (
    b"""<?xml version="1.0"?><!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><a>&x;</a>"""
)
HOSTILE = {
    "a bomb of entities": (BOMB, "expected XML without a document type declaration, got one in l"),
    "an external entity": (OUTSIDE, "expected XML without a document type declaration, got one in"),
    "a DTD": (b'<!DOCTYPE a SYSTEM "http://example.org/a.dtd"><a/>', "expected XML without a doc"),
    "a page of HTML": (
        b"\n<!doctype HTML><html><p>Sign in</html>",
        "expected XML, got a page of H",
    ),
    "nothing": (b"", "expected XML: no element found: line 1, column 0: is the copy whole?"),
    "something else": (b"<rss/>", ", got <rss>: is "),
    "depth": (b"<ROOT>" + b"<a>" * 10_000, "expected at most 50 levels of nesting, in line 1"),
    "names": (
        b"<ROOT>" + b"".join(b"<b%d/>" % number for number in range(9999)),
        "expected at most 1,000 different tags and attributes",
    ),
    "a tag without an end": (b"<a b='" + b"x" * 5 * 1024**2, "expected tags of at most 4,194,304"),
    "bytes": (b"\x00\x01\x02", "expected XML: not well-formed (invalid token): line 1, column 0"),
    "an encoding": (b'<?xml version="1.0" encoding="utf-7"?><a/>', "expected XML in UTF-8: "),
}


ROOTS = dict(zip(XML, (b"CONSOLIDATED_LIST", b"export", b"sdnList", b"sdnList"), strict=True))


@pytest.mark.parametrize("what", HOSTILE)
@pytest.mark.parametrize("name", XML)
def test_what_is_no_such_list_is_broken_as_a_whole(name: str, what: str) -> None:
    """One problem says what was expected and what is there; nothing is read, or raised."""
    raw, expected = HOSTILE[what]
    (problem,) = problems(name, raw.replace(b"ROOT", ROOTS[name]))
    assert expected in problem


@pytest.mark.parametrize("name", XML)
def test_a_copy_that_is_cut_is_held(name: str, monitor: Monitor) -> None:
    """Though its first entries can be read: what is missing was not delisted."""
    raw = sample(name)
    report = monitor.ingest(io.BytesIO(raw[: len(raw) - 30]), source=name, partial=True)
    assert report.held is not None
    (reason,) = report.held.reasons
    assert reason.startswith("expected XML: ")
    assert reason.endswith(": is the copy whole?")
    assert (0, 0) == (report.appended, monitor.status().events)


class Endless(io.RawIOBase):
    """Says `head`, then `unit` `times` times, then `tail`; keeps none of it."""

    def __init__(self, head: bytes, unit: bytes, times: int, tail: bytes) -> None:
        self._said = iter([head, *[unit] * times, tail])

    def read(self, _: int = -1) -> bytes:
        """Return the next piece."""
        return next(self._said, b"")


def test_a_long_list_takes_no_more_memory_than_one_entry() -> None:
    """Two megabytes of entries, and of what nobody asks for: ten times that as nodes, at once."""
    unit = b"<x>unasked</x><E a='1'>" + b"<n>text</n>" * 20 + b"</E>"
    stream = cast("BinaryIO", Endless(b"<list>", unit * 10, 500, b"</list>"))
    tracemalloc.start()
    count = sum(isinstance(one, tree.Node) for one in tree.elements(stream, {"E"}))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert 5000 == count
    assert peak < 1024**2


@pytest.mark.parametrize(
    ("head", "unit", "times", "expected"),
    [
        (b"", b"<n/>" * 1000, 200, "expected at most 100,000 elements and 4,194,304 characters in"),
        (b"", b"text" * 1000, 2000, "expected at most 100,000 elements and 4,194,304 characters"),
        (b"<!--", b"x" * 65536, 100, "expected tags of at most 4,194,304 bytes, in line 1"),
    ],
)
def test_an_entry_is_bounded(head: bytes, unit: bytes, times: int, expected: str) -> None:
    """In elements, text, and what stands between two brackets."""
    stream = cast("BinaryIO", Endless(b"<list><E>" + head, unit, times, b"</E></list>"))
    *_, last = tree.elements(stream, {"E"})
    assert isinstance(last, Row)
    assert isinstance(last.told, list)
    assert expected in str(last.told[0])


def test_a_file_is_bounded() -> None:
    """By the bytes that a caller says, beyond which nothing is read."""
    stream = io.BytesIO(b"<list>" + b"<E/>" * 100_000 + b"</list>")
    *_, last = tree.elements(stream, {"E"}, most_bytes=100_000)
    assert isinstance(last, Row)
    assert "expected at most 100,000 bytes: is this the list?" in str(last.told)


def test_an_element_is_known_by_its_line_and_unknown_names_are_told_once() -> None:
    """Attributes too, whatever their namespace; lines count from 1."""
    raw = b'<l xmlns:x="urn:x">\n<E k="1" x:u="2"><n/></E>\n\n<E k="1" x:u="3"><n/><m/></E></l>'
    found = list(tree.elements(io.BytesIO(raw), {"E"}, {"E", "n", "@k"}))
    nodes = [one for one in found if isinstance(one, tree.Node)]
    assert [2, 4] == [one.line for one in nodes]
    assert {"k": "1", "u": "3"} == nodes[1].attributes
    notes = [one.told.text for one in found if isinstance(one, Row) and isinstance(one.told, Note)]
    assert [
        'attribute "u" is not known: what it says is not read',
        'element "m" is not known: what it says is not read',
    ] == notes


# What changes from one copy to the next


def test_a_repeat_of_a_copy_changes_nothing() -> None:
    """Of any of the lists, each entry of the second is what the first has."""
    assert {name: {} for name in ALL} == {
        name: changes(name, sample(name), sample(name)) for name in ALL
    }


def test_order_white_space_and_the_numbers_of_rows_are_no_amendments() -> None:
    """Aliases that change places, elements on one line, renumbered addresses."""
    raw = sample("un-sanctions")
    aliases = raw.split(b"<INDIVIDUAL_ALIAS>")
    turned = b"<INDIVIDUAL_ALIAS>".join(
        [aliases[0], aliases[2].partition(b"<INDIVIDUAL_ADDRESS>")[0], aliases[1]]
    ) + b"<INDIVIDUAL_ADDRESS>" + aliases[2].partition(b"<INDIVIDUAL_ADDRESS>")[2]  # fmt: skip
    turned = turned.replace(b"\r\n      <", b"<").replace(b"<VERSIONNUM>1", b"<VERSIONNUM>2")
    assert turned != raw
    assert {} == changes("un-sanctions", raw, turned)
    raw = sample("ofac-xml")
    assert {} == changes("ofac-xml", raw, raw.replace(b"<uid>5</uid>", b"<uid>55</uid>"))
    raw = sample("eu-sanctions")
    assert {} == changes("eu-sanctions", raw, raw.replace(b'"900016"', b'"900099"'))


@pytest.mark.parametrize(
    ("name", "was", "becomes", "expected"),
    [
        ("un-sanctions", b"Example Valves", b"Example Pipes", {"amended": ["9000003"]}),
        ("un-sanctions", b"2017-06-02", b"2017-06-03", {"redated": ["9000003"]}),
        ("un-sanctions", b"<DATAID>9000003", b"<DATAID>9", {"listed": ["9"], "gone": ["9000003"]}),
        ("eu-sanctions", b"1 Example Road", b"2 Example Road", {"amended": ["90001"]}),
        ("ofac-xml", b"IFSR", b"IRAN", {"amended": ["90001"]}),
        ("ofac-consolidated-xml", b"Beijing", b"Shanghai", {"amended": ["90012"]}),
        ("uk-sanctions", b"2 Example Road", b"3 Example Road", {"amended": ["90001"]}),
        ("uk-sanctions", b"24/02/2023", b"23/02/2023", {"redated": ["90001"]}),
        ("opensanctions", b'"SDGT"', b'"NPWMD"', {"amended": ["ofac-sdn:90001"]}),
        ("opensanctions", b"2024-03-06T06", b"2024-03-07T06", {}),
        ("opensanctions-simple", b"2024-03-05T06", b"2024-03-06T06", {}),
        ("opensanctions-simple", b"Freeze", b"Ban", {"amended": ["NK-made-2"]}),
    ],
)
def test_a_change_is_told_of_the_entry_that_it_is_in(
    name: str, was: bytes, becomes: bytes, expected: dict[str, list[str]]
) -> None:
    """And of no other; when somebody last looked at it is none."""
    raw = sample(name)
    assert was in raw
    assert expected == changes(name, raw, raw.replace(was, becomes))


# The United Nations


def test_the_list_of_the_united_nations_goes_in_whole(
    shared: Path, monitor: Monitor, clock: Clock
) -> None:
    """1,003 entries: 730 persons, 273 others; each dated by its LISTED_ON, none refused."""
    file = shared / "data" / "un" / "UN_consolidated_2026-02-27.xml"
    root = ET.parse(file).getroot()  # noqa: S314 (a file that we know)
    days = {one.findtext("DATAID"): one.findtext("LISTED_ON") for kind in root for one in kind}
    told = events("un-sanctions", file.read_bytes())
    assert {key: str(day)[:10] for key, day in days.items()} == {
        one.ref: f"{one.occurred_at:%Y-%m-%d}" for one in told
    }
    assert {"person": 730, None: 273} == Counter(one.parties[0].kind for one in told)
    clock.turn("2026-11-22")
    report = monitor.ingest(file, source="un-sanctions")
    assert (1003, 1003, 0, [], []) == (
        report.rows,
        report.appended,
        report.duplicates,
        report.rejected,
        report.notes,
    )
    with file.open("rb") as stream:
        changed = stream.read().replace(b"ANSARALLAH", b"ANSAR-ALLAH")
    cut = changed.rindex(b"<ENTITY>", 0, changed.rindex(b"<ENTITY>"))
    changed = changed[:cut] + changed[changed.index(b"</ENTITY>", cut) + 9 :]
    changed = changed.replace(b"2026-02-27T", b"2026-03-27T")
    report = monitor.ingest(io.BytesIO(changed), source="un-sanctions")
    assert {"listing.amended": 1, "listing.delisted": 1} == report.types
    assert (1002, 1001, []) == (report.rows, report.duplicates, report.rejected)


# The United Kingdom

CONLIST = """Last Updated,27/04/2020,,,,,,,,,,,,,
Name 6,Name 1,Name Non-Latin Script,DOB,Address 1,Country,Other Information,Group Type,Alias Type,\
Alias Quality,Regime,Listed On,UK Sanctions List Date Designated,Last Updated,Group ID
EXAMPLE CO.,,样品芯片,,1 Example Road,China,,Entity,Primary name,,Made,24/03/2007,,27/06/2017,1
PERSON,Example,,00/00/1961,,,,Individual,AKA,Low quality,Made,25/07/2014,,18/03/2020,2
ECC,,,,2 Example Road,China,,Entity,AKA,Good quality,Made,24/03/2007,,27/06/2017,1
PERSON,Exampel,,00/00/1961,,,,Individual,Prime Alias,,Made,25/07/2014,,18/03/2020,2
"""


def test_rows_of_one_group_are_one_entry_wherever_they_stand() -> None:
    """OFSI's older layout; the order of rows says nothing; each other row is a repeat."""
    raw = CONLIST.encode()
    first, second = events("uk-sanctions", raw)
    assert ("1", "2007-03-24") == (first.ref, f"{first.occurred_at:%Y-%m-%d}")
    assert ("EXAMPLE CO.", ("样品芯片", "ECC")) == (
        first.parties[0].name,
        first.parties[0].aliases,
    )
    assert ["1 Example Road, China", "2 Example Road, China"] == first.attributes["addresses"]
    assert ("Exampel PERSON", ()) == (second.parties[0].name, second.parties[0].aliases)
    assert ["Example PERSON"] == second.attributes["weak_aliases"]
    found = copy("uk-sanctions", raw)
    assert (date(2020, 4, 27), 4, 2, 2) == (
        found.day,
        found.rows,
        len(found.listed),
        found.unchanged,
    )
    above, header, *rows = CONLIST.splitlines()
    assert {} == changes("uk-sanctions", raw, "\n".join([above, header, *rows[::-1]]).encode())


def test_the_two_lists_of_the_united_kingdom_know_an_entry_by_one_key() -> None:
    """Its Group ID, which the newer has too; without one, the Unique ID."""
    (first, *_, last) = events("uk-sanctions", sample("uk-sanctions"))
    older = events("uk-sanctions", CONLIST.replace(",1\n", ",90001\n").encode())[0]
    assert (first.ref, first.matter) == (older.ref, older.matter)
    assert "RUS9003" == last.ref


def test_a_header_that_lacks_a_column_of_either_list_is_broken() -> None:
    """Each that is missing is said; a table without the header too."""
    expected = [
        "group id: is required and missing from the header",
        "date designated: is required and missing from the header",
    ]
    assert expected == problems(
        "uk-sanctions", b"Report Date: 1-Jan-2026\nName 6,Name type,Designation type\nA,B,C\n"
    )
    (problem,) = problems("uk-sanctions", b"a,b\n1,2\n")
    assert 'expected a header with the columns of the list, got "a,b"' == problem


# OFAC


def test_the_two_lists_of_ofac_are_told_apart() -> None:
    """By programmes: a copy of the one is not taken in as the other, which would delist all."""
    (problem,) = problems("ofac-xml", sample("ofac-consolidated-xml"))
    assert "got the consolidated list: read it as --source ofac-consolidated-xml" in problem
    (problem,) = problems("ofac-consolidated-xml", sample("ofac-xml"))
    assert "got the SDN list: read it as --source ofac-xml" in problem


def test_a_party_is_one_matter_in_xml_and_in_csv() -> None:
    """OFAC's number is that of both."""
    raw = b'90001,"EXAMPLE CHIPS CO., LTD.",-0- ,"NPWMD",' + b"-0- ," * 7 + b"-0- \r\n\x1a"
    (from_csv,) = events("ofac-sdn", raw)
    from_xml = events("ofac-xml", sample("ofac-xml"))[0]
    assert from_csv.matter == from_xml.matter
    assert from_csv.parties[0].name == from_xml.parties[0].name
    assert from_csv.url == from_xml.url


# OpenSanctions


def test_a_listing_is_one_matter_wherever_it_is_told() -> None:
    """What OpenSanctions repeats of lists that number their entries are the matters of those."""
    repeated = {one.matter for one in events("opensanctions", sample("opensanctions"))}
    for name in ("un-sanctions", "eu-sanctions", "uk-sanctions", "ofac-xml"):
        assert repeated & {one.matter for one in events(name, sample(name))}, name
    assert "bis-entity-list:example institute no 3 (cn)" in repeated
    simple = {one.matter for one in events("opensanctions-simple", sample("opensanctions-simple"))}
    assert {"ofac-sdn:90001", "bis-entity-list:example institute no 3 (cn)"} <= simple & repeated


def test_a_merge_of_entities_delists_nobody() -> None:
    """The id of the entity changes, the listings stay: they are known by the lists' numbers."""
    raw = sample("opensanctions")
    merged = raw.replace(b'"NK-made-1"', b'"Q900001"').replace(b'"NK-made-0"', b'"NK-made-1"')
    assert merged != raw
    assert {} == changes("opensanctions", raw, merged)


def test_who_is_linked_to_somebody_listed_is_on_no_list() -> None:
    """Its topic is a conclusion; neither are addresses and politicians; a note says how many."""
    rows = list(sources.reader("opensanctions")(io.BytesIO(sample("opensanctions"))))
    names = {row.told.parties[0].name for row in rows if isinstance(row.told, Event)}
    assert "Example Subsidiary" not in names
    notes = {row.told.text for row in rows if isinstance(row.told, Note)}
    assert "entities that are themselves on no list have no listing: 1" in notes


@pytest.mark.parametrize("url", ["sqlite"], indirect=True)
def test_a_delta_tells_what_it_adds_changes_and_deletes(monitor: Monitor) -> None:
    """A listing whose Sanction is deleted, or whose number says which it is, is delisted."""
    entity, sanction = sample("opensanctions").splitlines()[6:8]
    add = b'{"op": "ADD", "entity": %s}\n{"op": "ADD", "entity": %s}' % (entity, sanction)
    unknown, known = (
        b'{"op": "DEL", "entity": {"id": "%s"}}' % one for one in (b"NK-x", b"gb-fcdo-rus9003")
    )
    types = []
    for raw in (add, unknown, known):
        report = monitor.ingest(
            io.BytesIO(raw), source="opensanctions", partial=True, dated="2026-01-01"
        )
        types.append(report.types)
    assert [{"listing.listed": 1}, {}, {"listing.delisted": 1}] == types


def test_a_delta_says_what_it_leaves_out() -> None:
    """A change without the Sanctions of an entity is left to the next whole copy, and said so."""
    entity, sanction = sample("opensanctions").splitlines()[6:8]
    lines = [
        b'{"op": "ADD", "entity": %s}' % entity,
        b'{"op": "ADD", "entity": %s}' % sanction,
        b'{"op": "MOD", "entity": %s}' % entity.replace(b"rus9003", b"rus9002"),
        b'{"op": "DEL", "entity": {"id": "NK-made-9"}}',
        b'{"op": "DEL"}',
    ]
    rows = list(sources.reader("opensanctions")(io.BytesIO(b"\n".join(lines))))
    told = [row.told for row in rows if isinstance(row.told, Event)]
    assert ["uk-sanctions:RUS9003"] == [one.ref for one in told]
    assert ["changes of entities without their Sanctions have no listing: 1"] == [
        row.told.text for row in rows if isinstance(row.told, Note)
    ]
    assert [5] == [row.line for row in rows if isinstance(row.told, list)]


@pytest.mark.parametrize(
    ("start", "end", "expected"),
    [
        ("2019", "2023-11", ("2019-01-01", "2023-12-01")),
        ("2019-12", "2023", ("2019-12-01", "2024-01-01")),
        ("2019-12-31T10:00:00", "2023-12", ("2019-12-31", "2024-01-01")),
    ],
)
def test_a_date_without_its_day_is_read_widely(
    start: str, end: str, expected: tuple[str, str]
) -> None:
    """From the first day of a year or month, to the last: the end is the day after."""
    raw = sample("opensanctions").replace(b'"2019"', f'"{start}"'.encode())
    raw = raw.replace(b'"2023-11"', f'"{end}"'.encode())
    told = [one for one in events("opensanctions", raw) if one.ref.startswith("ua-cccc")]
    assert expected == tuple(f"{one.occurred_at:%Y-%m-%d}" for one in told)


def test_topics_of_lists_are_words_of_the_vocabulary() -> None:
    """Rules speak of them."""
    known = {one.topic for one in (*registers.LISTS.values(), *registers.PROGRAMMES.values())}
    assert set() == known - TOPICS - {None}
    assert set() == set(registers.TITLES.values()) - registers.LISTS.keys()


# Nothing is lost

NATIVE = {
    "deriv_sample_unsc.xml": ("un-sanctions", "2024-10-17", 7, 7),
    "deriv_sample_eu.xml": ("eu-sanctions", "2020-04-15", 7, 7),
    "deriv_sample_hmt.csv": ("uk-sanctions", "2020-04-27", 23, 6),
    "deriv_sample_ofac_sdn.xml": ("ofac-xml", "2020-04-22", 8, 8),
    "govwizely_sdn.xml": ("ofac-xml", "2014-07-16", 4, 4),
    "govwizely_consolidated.xml": ("ofac-consolidated-xml", "2014-12-17", 16, 16),
}


@pytest.mark.parametrize("file", NATIVE)
def test_each_row_of_a_native_sample_is_told_or_a_repeat(shared: Path, file: str) -> None:
    """File, list, day that the copy says, rows, entries: none refused, no name unknown."""
    name, day, rows, listed = NATIVE[file]
    found = copy(name, (shared / "data" / "native_samples" / file).read_bytes())
    assert (date.fromisoformat(day), rows, listed, rows - listed, []) == (
        found.day,
        found.rows,
        len(found.listed),
        found.unchanged,
        found.refused,
    )
    assert [] == [one.text for one in found.notes if "not known" in one.text]


def test_a_folder_with_more_than_the_list_is_read_if_one_file_is_it(tmp_path: Path) -> None:
    """Otherwise it is broken, and says what is there."""
    (tmp_path / "sdn.xml").write_bytes(sample("ofac-xml"))
    (tmp_path / "readme.txt").write_text("made up")
    module: Any = sources.list_of("ofac-xml")

    def told() -> list[object]:
        with packed.parts(tmp_path) as parts:
            return list(module.entries(parts))

    assert 3 == sum(isinstance(one, Listed) for one in told())
    (tmp_path / "old.xml").write_bytes(sample("ofac-xml"))
    (one,) = told()
    assert isinstance(one, Row)
    assert "expected one file *.xml, got old.xml, readme.txt, sdn.xml" in str(one.told)
