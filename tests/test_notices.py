"""Notices, press releases and feeds: what they tell, whom they name, and what cannot hurt them."""

from __future__ import annotations

import io
import json
import time
import tracemalloc
from collections import Counter
from datetime import date
from pathlib import Path
from typing import Any, BinaryIO, cast

import pytest

from riskmon import sources
from riskmon.model import Event, Note, Row
from riskmon.notices import cameo, firms, gazette, justice, words
from riskmon.notices.text import domain, host, without_tags
from riskmon.sources import feed
from riskmon.vocabulary import ROLES, SUBJECTS, TOPICS, TYPES

NAMES = ["federal-register", "us-doj", "gdelt", "gdelt-mentions", "feed"]


def rows(name: str, raw: bytes) -> list[Row]:
    return list(sources.reader(name)(io.BytesIO(raw)))


def events(found: list[Row]) -> list[Event]:
    return [row.told for row in found if isinstance(row.told, Event)]


def notes(found: list[Row]) -> list[str]:
    return [row.told.text for row in found if isinstance(row.told, Note)]


def refused(found: list[Row]) -> list[str]:
    return [str(one) for row in found if isinstance(row.told, list) for one in row.told]


def document(**fields: Any) -> dict[str, Any]:
    """Return a document of the Federal Register, a rule of 1 March 2024."""
    given = {"document_number": "2099-1", "title": "A rule", "publication_date": "2024-03-01"}
    return {**given, "type": "Rule", **fields}


def registered(**fields: Any) -> list[Event]:
    raw = json.dumps({"count": 1, "results": [document(**fields)]}).encode()
    return events(rows("federal-register", raw))


def released(title: str, body: str) -> Event:
    release = {"uuid": "1", "title": title, "date": "1709683200", "body": body}
    (event,) = events(rows("us-doj", json.dumps({"results": [release]}).encode()))
    return event


def parties(event: Event) -> list[tuple[str | None, str, str | None]]:
    return [(one.name, one.role, one.kind) for one in event.parties]


# The Federal Register


@pytest.fixture(scope="module")
def gazetted(shared: Path) -> dict[str, list[Row]]:
    """Read the 51 rules on the Entity List and the 867 documents on export controls."""
    folder = shared / "data" / "federal_register"
    names = ("fr_entity_list_rules_to_2024", "fr_export_control_core_to_2024")
    found = {}
    for name in names:
        with (folder / f"{name}.jsonl").open("rb") as stream:
            found[name] = list(sources.reader("federal-register")(stream))
    return found


def test_every_document_gives_an_event(gazetted: dict[str, list[Row]]) -> None:
    """51 and 867 documents, none refused, one unknown field noted in each file."""
    rules, core = gazetted.values()
    assert [[], []] == [refused(rules), refused(core)]
    unknown = ['"mirror_file" is not a known field and is not read']
    assert [unknown, unknown] == [notes(rules), notes(core)]
    told = [{row.line for row in found if isinstance(row.told, Event)} for found in (rules, core)]
    assert [set(range(1, 52)), set(range(1, 868))] == told


def test_documents_are_of_the_types_found_by_eye(gazetted: dict[str, list[Row]]) -> None:
    """Rules are in force, notices announce, orders list; twenty and more of each were read."""
    rules, core = (Counter(one.type for one in events(found)) for found in gazetted.values())
    assert {
        "measure.in-force": 48,
        "measure.announced": 5,
        "commentary.published": 4,
        "listing.amended": 2,
    } == rules
    assert {
        "measure.announced": 505,
        "listing.listed": 198,
        "measure.in-force": 128,
        "listing.amended": 44,
        "commentary.published": 29,
        "listing.delisted": 5,
        "measure.proposed": 5,
        "measure.lifted": 3,
    } == core


def test_only_these_firms_are_named(gazetted: dict[str, list[Row]]) -> None:
    """All 31 are firms: no agency, country, street or prison; natural persons are so marked."""
    (_, core) = gazetted.values()
    named = {one.name for event in events(core) for one in event.parties if one.kind != "person"}
    assert FIRMS == named


FIRMS = {
    "Advanced Web Services",
    "Aratos Group",
    "Aviastar-TU",
    "Azur Air",
    "Belavia Belarusian Airlines",
    "Empresa de Transporte Aéreocargo del Sur, S.A.",
    "Huawei Cloud Brazil",
    "Huawei Technologies Co., Ltd.",
    "JSC Smartavia Airlines",
    "Knokke-Heist Support Corporation Management",
    "MIC P&I, LLC",
    "Mahan Airways",
    "Netria Corporation",
    "Nordwind Airlines",
    "PJSC Aeroflot",
    "Pegas Touristik",
    "Pobeda Airlines",
    "Quicksilver Manufacturing, Inc.",
    "Radiotester OOO",
    "Rapid Cut LLC",
    "Rossiya Airlines",
    "SH Brothers Group, Inc.",
    "SN Electronics, Inc.",
    "Siberian Airlines",
    "State Metal Industries, Inc.",
    "Strandway, LLC",
    "Suntronic F.Z.E.",
    "U.S. Prototype, Inc.",
    "URAL Airlines JSC",
    "US Prototype, Inc.",
    "UTair Aviation JSC",
}


def test_a_key_has_no_name_of_a_natural_person(gazetted: dict[str, list[Row]]) -> None:
    """Keys and matters are not sealed; what is sealed with the person may have the name."""
    for event in events(gazetted["fr_export_control_core_to_2024"]):
        for party in event.parties:
            if party.kind == "person":
                surname = str(party.name).split(",", maxsplit=1)[0].split()[-1].lower()
                for text in (event.ref, event.matter, event.url):
                    assert surname not in str(text).lower()


def test_no_chip_control_reaches_who_is_not_of_its_technology(
    gazetted: dict[str, list[Row]],
) -> None:
    """With China in its scope, a control has a technology or a product there too."""
    for found in gazetted.values():
        for event in events(found):
            if "country:cn" in event.scope:
                assert len(event.scope) > 1, event.ref


def test_the_api_and_json_lines_tell_the_same() -> None:
    """A page, documents one a line, and one document alone; a page without documents none."""
    one, two = document(), document(document_number="2099-2", title="Another rule")
    lines = json.dumps(one) + "\n\n" + json.dumps(two) + "\n"
    page = {"count": 2, "results": [one, two]}
    expected = ["2099-1", "2099-2"]
    for raw in (lines, json.dumps(page), json.dumps(page, indent=2), json.dumps(page) + "\n"):
        assert expected == [event.ref for event in events(rows("federal-register", raw.encode()))]
    alone = rows("federal-register", json.dumps(one, indent=1).encode())
    assert ["2099-1"] == [event.ref for event in events(alone)]
    assert [] == rows("federal-register", b'{"count": 0}')
    broken = (lines.replace('"title"', "title", 1)).encode()
    assert [1, 3] == [row.line for row in rows("federal-register", broken)]


def test_a_rule_names_firms_by_verb_and_list() -> None:
    """Added, revised and removed, each under its list; legal forms keep their commas."""
    abstract = (
        "BIS amends the EAR by adding Example Chips Co., Ltd., and Sample Optics, Inc. to the "
        "Entity List under the destination of China, and revises the entry for Example Motors "
        "GmbH on the Entity List. This rule removes Sample Tools LLC from the Unverified List."
    )
    found = registered(title="Changes to Lists", abstract=abstract, effective_on="2024-03-05")
    assert {
        ("Example Chips Co., Ltd.", "listing.listed", ("entity-list",)),
        ("Sample Optics, Inc.", "listing.listed", ("entity-list",)),
        ("Example Motors GmbH", "listing.amended", ("entity-list",)),
        ("Sample Tools LLC", "listing.delisted", ("unverified-list",)),
    } == {(str(one.parties[0].name), one.type, one.topics) for one in found}
    assert {date(2024, 3, 5)} == {one.occurred_at.date() for one in found}
    assert {date(2024, 3, 1)} == {one.published_at.date() for one in found if one.published_at}


@pytest.mark.parametrize(
    "abstract",
    [
        "BIS extends the general license to Example Telecom Co., Ltd. on the Entity List.",
        "The Bureau of Industry and Security adds items; see the Entity List of Commerce.",
        "By adding seven entities of the People's Republic of China to the Entity List.",
        "This rule adds definitions. Comments of Example Industry Group Inc. were considered.",
        "Adding license requirements for Example Chips Inc. that authorizes the Entity List.",
        "BIS is adding 31 persons to the Unverified List under Company A and Victim Company 1.",
    ],
)
def test_a_phrase_is_no_firm(abstract: str) -> None:
    """An agency, a country, a count, a licence or who commented is not listed."""
    assert [] == [one.parties for one in registered(abstract=abstract) if one.parties]


def test_a_rule_and_its_proposal_are_one_matter() -> None:
    """By their RIN; a correction and a call for comments have each a matter of their own."""
    rin = {"regulation_id_numbers": ["0694-ZZ99"]}
    title = "Export Controls on Semiconductor Manufacturing Items"
    scope = ("country:cn", "technology:semiconductor-equipment")
    same = "federal-register:0694-ZZ99 semiconductor-equipment"
    (proposed,) = registered(title=title, type="Proposed Rule", **rin)
    (rule,) = registered(title=title, effective_on="2024-04-01", **rin)
    (late,) = registered(title=f"{title}; Delay of Effective Date", **rin)
    (corrected,) = registered(title=f"{title}; Correction", **rin)
    (asked,) = registered(title=f"{title}; Extension of Comment Period", **rin)
    assert [
        ("measure.proposed", same, scope),
        ("measure.in-force", same, scope),
        ("measure.suspended", same, scope),
        ("commentary.published", "federal-register:2099-1", ()),
        ("commentary.published", "federal-register:2099-1", ()),
    ] == [(one.type, one.matter, one.scope) for one in (proposed, rule, late, corrected, asked)]
    assert date(2024, 4, 1) == rule.occurred_at.date()


def test_an_amendment_of_a_control_is_no_second_control() -> None:
    """Without a RIN, which the API gives on demand, rules in force on one technology are one."""
    title = "Export Controls on Semiconductor Manufacturing Items"
    (first,) = registered(title=title)
    (second,) = registered(title=f"{title}; Updates", document_number="2099-2")
    (proposed,) = registered(title=title, type="Proposed Rule")
    same = "federal-register:semiconductor-equipment technology:semiconductor-equipment"
    assert [same, same, "federal-register:2099-1 semiconductor-equipment"] == [
        one.matter for one in (first, second, proposed)
    ]


def test_an_ally_that_a_rule_names_is_not_burdened() -> None:
    """Of a control on a technology, only destinations that such controls are on; else China."""
    title = "Sanctions Against Russia: Export Controls on Advanced Computing"
    found = registered(title=title, abstract="Japan and the Netherlands have joined these.")
    assert [("country:ru", "technology:ai-chips"), ("country:ru",)] == [one.scope for one in found]
    (alone,) = registered(title="Controls on Advanced Computing", abstract="As has Japan.")
    assert ("country:cn", "technology:ai-chips") == alone.scope


def test_a_measure_on_a_whole_country_scores_by_no_rule_on_chips() -> None:
    """It has its destination as scope, one event each, and no topic of such a rule."""
    found = registered(title="Imposition of Sanctions Against Russia and Belarus")
    assert [("country:by",), ("country:ru",)] == [one.scope for one in found]
    assert [(), ()] == [one.topics for one in found]
    assert {"federal-register:2099-1"} == {one.matter for one in found}


def test_relief_has_no_scope() -> None:
    """A licence exception burdens nobody, whatever it is about and whomever it names."""
    title = "Advanced Computing: New License Exception for Japan and China"
    assert [()] == [one.scope for one in registered(title=title)]


def test_a_country_that_is_excepted_is_no_destination() -> None:
    """And a sea is no country."""
    text = "for Iran and Russia, other than China, and for the South China Sea"
    assert ["ir", "ru"] == gazette.countries(text.replace("other than China,", "except China;"))
    assert ["kp", "kr"] == gazette.countries("South Korea, and North Korea")


# The Department of Justice


@pytest.mark.parametrize(
    ("title", "expected"),
    [
        ("Engineer Charged with Theft", "case.indicted"),
        ("Federal Grand Jury Indicts Two", "case.indicted"),
        ("Superseding Indictment Charges Firm", "case.superseded"),
        ("Man Pleads Guilty to Smuggling", "case.pleaded"),
        ("Man Pleads Not Guilty", None),
        ("Jury Convicts Professor", "case.convicted"),
        ("Man Found Guilty of Export Violations", "case.convicted"),
        ("Professor Found Not Guilty", "case.acquitted"),
        ("Jury Acquits Firm of All Charges", "case.acquitted"),
        ("Woman Sentenced After Pleading Guilty", "case.sentenced"),
        ("Firm Agrees to Pay $3 Million to Resolve Allegations", "case.settled"),
        ("Court Dismisses Indictment Against Firm", "case.dismissed"),
        ("Department Opens Investigation of Firm", "case.investigated"),
        ("Attorney General Delivers Remarks", None),
    ],
)
def test_a_title_tells_the_step_of_a_case(title: str, expected: str | None) -> None:
    """The latest step that it tells; none where it tells none."""
    assert expected == justice.step(title, "")


def test_who_is_robbed_and_who_gains_are_told_from_who_is_accused() -> None:
    """A person by age, a victim by what was stolen from it, a beneficiary by whom it was for."""
    event = released(
        "Former Engineer Indicted for Theft of Trade Secrets",
        "<p>Wei Sample, also known as Will Sample, 38, of Newark, stole trade secrets from Example "
        "Search LLC (Example Search) for the benefit of Sample Clouds Co., Ltd., in China.</p>",
    )
    assert ("case.indicted", "us-v-sample", ("trade-secrets",)) == (
        event.type,
        event.matter,
        event.topics,
    )
    assert [
        ("Wei Sample", "subject", "person"),
        ("Example Search LLC", "victim", None),
        ("Sample Clouds Co., Ltd.", "beneficiary", None),
    ] == parties(event)
    assert ("Will Sample",) == event.parties[0].aliases


def test_nobody_is_accused_by_being_mentioned() -> None:
    """Not a place, an office, an unnamed company, nor a firm that helped or is quoted."""
    event = released(
        "Man Charged with Export Violations",
        "John Sample, 50, of Texas, was charged with illegal export to China on behalf of the "
        "Ministry of State Security. Company 1 and Victim Company A sold to the United States. "
        "Example Parts Inc. cooperated with the FBI. He stole from California and from Company 2.",
    )
    assert [("John Sample", "subject", "person")] == parties(event)


def test_defendants_given_one_by_one_are_all_accused() -> None:
    """With aliases, ages and legal forms as they are written; the first names the case."""
    event = released(
        "Firms and Individuals Charged With Trade Secret Theft",
        "A superseding indictment was returned in Brooklyn. The defendants are Sample "
        "Foundry Corporation (“SFC”), a foundry; Sample Circuits Co., Ltd. (“Circuits”); and two: "
        "Chen Sample, a.k.a. Steve Sample, age 55; and Ho Test, age 42. They stole trade secrets "
        "from Example Memory, Inc. Both worked at Example Foundry GmbH.",
    )
    assert "case.superseded" == event.type
    assert [
        ("Chen Sample", "subject", "person"),
        ("Ho Test", "subject", "person"),
        ("Sample Foundry Corporation", "subject", None),
        ("Sample Circuits Co., Ltd.", "subject", None),
        ("Example Memory, Inc.", "victim", None),
    ] == parties(event)


def test_who_owns_a_firm_does_not_accuse_it() -> None:
    """`The owner of Example Inc., was sentenced` is a sentence on the owner."""
    event = released(
        "Owner Sentenced for Export Violations",
        "Joe Sample, 62, the owner of Example Lasers Inc., was sentenced for illegal exports.",
    )
    assert [("Joe Sample", "subject", "person")] == parties(event)


@pytest.mark.parametrize(
    ("title", "body"),
    [
        ("Example Lasers Inc. Pleads Guilty to Export Violations", ""),
        ("Department Sues Firm", "The Department sued Example Lasers Inc. for price fixing."),
        ("Firm Settles", "Example Lasers Inc., of Ohio, has agreed to pay $1 to settle."),
        ("Two Charged", "Example Lasers Inc. and its owner were charged with illegal exports."),
    ],
)
def test_a_firm_is_accused_by_a_verb(title: str, body: str) -> None:
    """Before its name or after it, across what stands between commas."""
    assert [("Example Lasers Inc.", "subject", None)] == parties(released(title, body))


def test_a_case_on_another_subject_joins_no_matter() -> None:
    """Surnames repeat: a drug case of a Chen ends no trade-secret case of another."""
    drugs = released("Man Acquitted", "Bo Chen, 30, of Reno, was acquitted of drug charges.")
    secrets = released("Man Indicted", "Li Chen, 40, of Reno, was indicted for trade secrets.")
    assert ["us-doj:1", "us-v-chen"] == [drugs.matter, secrets.matter]


def test_what_is_in_a_script_is_not_read() -> None:
    """Tags are stripped by a parser; what they hide accuses nobody."""
    body = "<p>Remarks.</p><script>Example Inc. pleaded guilty to export violations</script>"
    event = released("Remarks of the Attorney General", body)
    assert ("commentary.published", (), "Remarks.") == (event.type, event.parties, event.summary)


# GDELT


@pytest.fixture(scope="module")
def gdelt(shared: Path) -> Path:
    return shared / "data" / "gdelt"


def test_of_a_sample_of_gdelt_one_row_is_of_interest(gdelt: Path) -> None:
    """710 rows of 57 and 58 columns: one told, none refused, the others noted by kind."""
    found = rows("gdelt", (gdelt / "gdelt1_events_sample.tsv").read_bytes())
    expected = "709 of 710 rows are left out: 650 with a code of no interest, 59 without a business"
    assert (["564442242"], [], [expected]) == (
        [one.ref for one in events(found)],
        refused(found),
        notes(found),
    )


def test_of_a_sample_of_mentions_each_article_tells_an_event_once(gdelt: Path) -> None:
    """1,635 mentions: 1,615 told, none refused, 20 of an article that mentioned it before."""
    found = rows("gdelt-mentions", (gdelt / "gdelt2_mentions_sample.csv").read_bytes())
    again = "20 of an article that mentions the event before"
    assert (1615, [], [f"20 of 1,635 rows are left out: {again}"]) == (
        len(events(found)),
        refused(found),
        notes(found),
    )
    assert 1615 == len({one.ref for one in events(found)})
    assert {True} == {0 < (one.credibility or 0) <= 0.2 for one in events(found)}


def test_a_machine_sets_no_official_stage() -> None:
    """Every code of interest is a claim or commentary, in the words of the vocabulary."""
    codes = words("cameo")["codes"].values()
    assert {"claim.alleged", "commentary.published"} == {one["type"] for one in codes}
    assert {one["role"] for one in codes} <= ROLES
    assert {topic for one in codes for topic in one["topics"]} <= TOPICS


def test_a_code_is_what_it_begins_with_unless_it_says_otherwise(gdelt: Path) -> None:
    """1123 is an accusation; 1721 (speech restricted) is no sanction on a firm. All are CAMEO's."""
    known = json.loads((gdelt / "cameo_codes.json").read_text("utf-8"))
    codes = {code for table in known.values() for code in table}
    assert set(words("cameo")["codes"]) <= codes
    assert ["is accused", None, None] == [
        found and found["words"] for found in map(cameo.of_interest, ("1123", "1721", "190"))
    ]


@pytest.mark.parametrize(
    ("actor", "expected"),
    [
        (cameo.Actor("MNCKOR", "SAMPLE CHIPS", ("KOR",), ("MNC",)), "SAMPLE CHIPS"),
        (cameo.Actor("BUS", "SAMPLE TRADING LTD", ("",), ("BUS",)), "SAMPLE TRADING LTD"),
        (cameo.Actor("BUS", "INDUSTRY", ("",), ("BUS",)), None),
        (cameo.Actor("BUS", "OIL COMPANY", ("",), ("BUS",)), None),
        (cameo.Actor("USABUS", "DENVER", ("USA",), ("BUS",)), None),
        (cameo.Actor("GOV", "MINISTRY", ("",), ("GOV",)), None),
    ],
)
def test_only_a_name_is_a_company(actor: cameo.Actor, expected: str | None) -> None:
    """A trade, a town or a ministry is none."""
    assert expected == actor.company()


# Feeds

ATOM = b"""<feed xmlns="http://www.w3.org/2005/Atom"><title>T</title>
<link rel="alternate" href="https://news.example.org/"/><id>urn:x</id>
<entry><id>urn:1</id><title type="html">A &lt;b&gt;bold&lt;/b&gt; title</title>
<link href="https://news.example.org/1"/><updated>2024-03-06T10:00:00+02:00</updated>
<content type="html">&lt;p&gt;Text&lt;/p&gt;</content></entry></feed>"""
RSS1 = b"""<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"
xmlns="http://purl.org/rss/1.0/" xmlns:dc="http://purl.org/dc/elements/1.1/">
<channel rdf:about="https://www.example.net/"><title>T</title><link>https://www.example.net/</link>
</channel><item rdf:about="https://www.example.net/a"><title>A</title>
<link>https://www.example.net/a</link><dc:date>2024-03-06</dc:date></item></rdf:RDF>"""


def test_atom_and_rss_1_tell_the_same_as_rss_2() -> None:
    """The outlet, the id, the moment in UTC, the title without tags."""
    ((atom,), (rss,)) = (events(rows("feed", raw)) for raw in (ATOM, RSS1))
    assert ("news.example.org", "urn:1", "A bold title", "Text", "2024-03-06T08:00:00+00:00") == (
        atom.source,
        atom.ref,
        atom.title,
        atom.summary,
        atom.occurred_at.isoformat(),
    )
    assert ("www.example.net", "https://www.example.net/a", "A", "2024-03-06T00:00:00+00:00") == (
        rss.source,
        rss.ref,
        rss.title,
        rss.occurred_at.isoformat(),
    )


def test_a_feed_opens_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """No address in it is asked for, no file read; a declaration that an entry quotes is text."""

    def opened(*_: object, **__: object) -> None:
        raise AssertionError

    for module, name in (("socket", "socket"), ("builtins", "open"), ("urllib.request", "urlopen")):
        rows("feed", ATOM)  # what is imported late is imported now
        monkeypatch.setattr(f"{module}.{name}", opened)
    quoted = ATOM.replace(b"&lt;p&gt;Text&lt;/p&gt;", b"<![CDATA[<!DOCTYPE html><p>Text</p>]]>")
    assert ["Text"] == [one.summary for one in events(rows("feed", quoted))]


def test_an_undated_entry_is_of_the_day_of_the_copy() -> None:
    """Else it is refused, and what to say is said."""
    raw = ATOM.replace(b"<updated>2024-03-06T10:00:00+02:00</updated>", b"")
    (told,) = [row.told for row in feed.read(io.BytesIO(raw), date(2024, 3, 9))]
    assert isinstance(told, Event)
    assert date(2024, 3, 9) == told.occurred_at.date()
    expected = ["published: has no date: say the day the copy is of: --dated 2024-03-06"]
    assert expected == refused(rows("feed", raw))


BOMB = (
    b'<?xml version="1.0"?><!DOCTYPE rss [<!ENTITY a "'
    + b"ha" * 1000
    + b'">'
    + b"".join(b'<!ENTITY %c "%s">' % (98 + n, b"&%c;" % (97 + n) * 10) for n in range(9))
    + b"]><rss><channel><title>&j;</title></channel></rss>"
)
OUTSIDE = (
    b'<!DOCTYPE rss [<!ENTITY x SYSTEM "file:///etc/passwd">]>'
    b"<rss><channel><title>&x;</title></channel></rss>"
)


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        (BOMB, "expected no document type declaration"),
        (OUTSIDE, "expected no document type declaration"),
        (OUTSIDE.decode().encode("utf-16"), "expected no document type declaration"),
        (b"<html><body>Not found</body></html>", "expected a feed (rss, feed or rdf:RDF)"),
        (b"https://www.example.com/feed.xml", "expected a feed in XML"),
        (b"/etc/passwd", "expected a feed in XML"),
        (b"", "expected a feed in XML"),
        (b"<rss>" * 100_000, "expected at most 64 levels"),
        (b"<rss>" + b"<a/>" * 200_000 + b"</rss>", "expected at most 64 levels"),
        (b'<?xml version="1.0" encoding="no-such"?><rss/>', "expected a feed in"),
        (b"<rss>" + b" " * 5 * 1024 * 1024 + b"</rss>", "expected at most 4,194,304 bytes"),
    ],
    ids=["bomb", "file", "utf-16", "html", "url", "path", "empty", "deep", "wide", "codec", "long"],
)
def test_what_is_no_feed_is_refused_before_it_is_read(raw: bytes, expected: str) -> None:
    """Declarations, addresses, depth, breadth: one problem, at once."""
    began = time.process_time()
    (problem,) = refused(rows("feed", raw))
    assert problem.startswith(expected)
    assert time.process_time() - began < 2


# All of them


class Endless:
    """A stream of 100 MB that is one line; it is never in memory whole."""

    def __init__(self, beginning: bytes) -> None:
        self._beginning = beginning
        self._left = 100 * 1024 * 1024

    def read(self, size: int = -1) -> bytes:
        """Return at most `size` bytes of it."""
        size = min(size if size >= 0 else self._left, self._left)
        self._left -= size
        given, self._beginning = self._beginning[:size], self._beginning[size:]
        return given + b"x" * (size - len(given))

    readline = read


@pytest.mark.parametrize("beginning", [b"", b'{"results": [{"title": "'])
@pytest.mark.parametrize("name", NAMES)
def test_a_line_without_end_is_refused_in_flat_memory(name: str, beginning: bytes) -> None:
    """100 MB on one line: at most 64 MB are held, and the one row says what is wrong."""
    stream = cast("BinaryIO", Endless(beginning))
    tracemalloc.start()
    found = [row.told for row in sources.reader(name)(stream)]
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert all(isinstance(told, list) for told in found)
    assert 1 == len(found)
    assert peak < 64 * 1024 * 1024


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(
    "raw",
    [
        b"<!doctype html><html><body><h1>503</h1></body></html>",
        b"",
        b"\0" * 10_000,
        b'{"results": {"title": 1}}',
        b'{"results": [null, 1, "x", [], {}, {"title": {"a": 1}, "date": [1]}]}',
        b'{"results": [{"document_number": "a\\u0000b", "title": "\\ud800", '
        b'"uuid": "\\ud800", "date": "1709683200", "publication_date": "2024-01-01"}]}',
    ],
    ids=["html", "empty", "nul", "object", "odd", "half-characters"],
)
def test_what_is_not_what_was_promised_is_refused(name: str, raw: bytes) -> None:
    """HTML, nothing, NUL, other JSON: problems, no event."""
    found = rows(name, raw)
    assert [] == events(found)
    assert refused(found)


HOSTILE = {
    "tags": "<" * 200_000 + ">",
    "open": "<a b='" * 30_000 + ">",
    "comments": "<!--" * 50_000,
    "sections": "<![CDATA[" * 20_000 + ">",
    "entities": "&#x" * 60_000,
    "names": "Aa Bb, aka " * 3_000,
    "firms": "Aa Co., Ltd., and " * 2_000,
    "stolen": "stole from Aa " * 2_500,
    "lists": "adding Aa Inc. to the Entity List " * 900,
    "orders": "A;" * 10_000 + "Order Denying Export Privileges",
    "capitals": "A " * 15_000,
}


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_no_text_takes_long(text: str) -> None:
    """What would make a pattern or a parser go back again and again takes under two seconds."""
    began = time.process_time()
    released(text[:1000], text)
    registered(title=text, abstract=text)
    without_tags(text)
    assert time.process_time() - began < 2


def test_tags_go_and_paragraphs_stay() -> None:
    """Entities are read, scripts are not; what is no declaration is text."""
    html = "<p>A &amp; B</p><style>p{}</style><p>C<br>D</p><!-- E --><![if F]>G < H"
    assert "A & B\nC\nD\n< [if F]>G" == without_tags(html)


def test_a_host_is_one_that_the_web_has() -> None:
    """Of an http address, in lower case; nothing of anything else."""
    given = ["https://WWW.Example.com:8443/a", "ftp://a.b", "javascript:x", "http://[::1", "a.b"]
    assert ["www.example.com", None, None, None, None] == [host(one) for one in given]
    assert "example.com" == domain("http://www.example.com")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("by Example Chips Co., Ltd. of China", ["Example Chips Co., Ltd."]),
        ("the Bureau of Industry and Security Inc.", []),
        (
            "Sample (Hong Kong) Limited, and A&B Optics, S.A.",
            ["Sample (Hong Kong) Limited", "A&B Optics, S.A."],
        ),
        ("a company limited by law", []),
    ],
)
def test_a_firm_ends_in_its_legal_form(text: str, expected: list[str]) -> None:
    """And begins like no office."""
    assert expected == firms.with_form(text)


def test_the_tables_speak_the_vocabulary() -> None:
    """Types, topics and subjects of the tables are those that rules know."""
    register, cases = words("federal_register"), words("justice")
    strands = register["strands"]["found"]
    lists = {topic for name, topic in register["lists"].items() if name != "about"}
    topics = {one["topic"] for one in [*register["topics"], *strands]} | lists | {*cases["topics"]}
    assert topics <= TOPICS
    assert {one["subject"] for one in strands} <= SUBJECTS
    verbs = {does for stem, does in register["verbs"].items() if stem != "about"}
    assert verbs | {step for step, _ in cases["steps"]} <= TYPES


def test_the_same_input_gives_the_same_keys() -> None:
    """From one download to the next, keys stay; none is given twice in a sample."""
    for name in NAMES:
        (given,) = (Path(__file__).parent / "samples" / name).glob("input.*")
        keys = [[one.key for one in events(rows(name, given.read_bytes()))] for _ in range(2)]
        assert keys[0] == keys[1]
        assert len(keys[0]) == len(set(keys[0]))
