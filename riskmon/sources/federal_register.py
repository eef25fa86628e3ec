"""Documents of the US Federal Register as its API gives them, a page of JSON or one a line.

A document that names parties tells one listing for each (`ref`: document number and name; of a
natural person, whose name stays out of keys, a number); any other tells what is ordered: a rule is
in force on its effective date (`effective_on`), else on its day; a proposed rule is proposed; a
notice announces, or only comments. Controls on a technology tell one event for each technology and
destination, because a scope reaches whoever has all its subjects. Documents with one RIN
(regulation identifier number) are one matter, so that a rule follows on its proposal; without one,
rules in force on one technology are. A correction
and a request for comments order nothing: commentary without a scope, in a matter of its own.
Source: https://www.federalregister.gov/developers/documentation/api/v1.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Any, BinaryIO, cast

from riskmon.errors import Problem
from riskmon.formats import json_lines, places
from riskmon.model import Event, Note, Row
from riskmon.notices import gazette, words
from riskmon.notices.pages import Pushed
from riskmon.notices.text import cut, host, one_line, without_tags
from riskmon.sources import state_debarred, state_isn
from riskmon.validation import check, shown

SOURCE = "federal-register"
FIELDS = (
    "abstract", "action", "agencies", "citation", "correction_of", "document_number",
    "effective_on", "html_url", "publication_date", "regulation_id_numbers", "title", "type",
)  # fmt: skip
AGENCIES = ("foreign-assets-control-office", "industry-and-security-bureau")
URLS = (
    "https://www.federalregister.gov/api/v1/documents.json?order=newest&per_page=200"
    + "".join(f"&conditions[agencies][]={agency}" for agency in AGENCIES)
    + "".join(f"&fields[]={field}" for field in FIELDS),
)
FORMATS = ("json",)
LISTS = {
    "denied-persons": "bis-denied-persons",
    "entity-list": "bis-entity-list",
    "military-end-user": "bis-meu",
    "unverified-list": "bis-unverified",
}
"""Sources of the lists that documents add to, by topic. Their matters have the entry's country
where they know it; a document seldom says it of each firm, and then stays a matter of its own."""
MOST_BYTES = 16 * 1024 * 1024
"""Of a page: the API gives at most a thousand documents, some three kilobytes each."""
MOST_SHOWN = 20_000
MOST_TITLE, MOST_SUMMARY = 300, 5000
MOST_FIELDS = 20

Document = dict[str, Any]


def read(stream: BinaryIO) -> Iterator[Row]:
    """Yield the events of each document; `line` counts documents, or lines, from 1."""
    known = frozenset(words("federal_register")["fields"])
    seen: set[str] = set()
    for line, raw, document in documents(stream, "results"):
        yield from unknown(document, known, seen, line)
        told = _told(document) if isinstance(document, dict) else [refused(document)]
        yield from (Row(line, raw, one) for one in told)


def documents(stream: BinaryIO, key: str) -> Iterator[tuple[int, str, object]]:
    """Yield (line, raw text, JSON or the problems with it) of a page's list, or of JSON lines.

    A page is one object that has its documents in a list under `key`.
    """
    first = stream.readline(MOST_BYTES + 1)
    page = _parsed(first) if len(first) <= MOST_BYTES else None
    raw = first
    if not isinstance(page, dict):
        raw += stream.read(max(0, MOST_BYTES + 1 - len(first)))
    one_a_line = isinstance(page, dict) and key not in page and "count" not in page
    if one_a_line or _lines_follow(raw):
        yield from json_lines.rows(cast("BinaryIO", Pushed(raw, stream)))
        return
    if len(raw) > MOST_BYTES:
        reason = f"expected at most {MOST_BYTES:,} bytes: is this a page of the API?"
        yield (
            0,
            raw[:200].decode("utf-8", "backslashreplace"),
            json_lines.Problems([Problem(reason)]),
        )
        return
    found = _listed(page if isinstance(page, dict) else _parsed(raw), key)
    if isinstance(found, json_lines.Problems):
        yield 0, raw[:200].decode("utf-8", "backslashreplace"), found
        return
    for number, one in enumerate(found, 1):
        yield number, shown(one, MOST_SHOWN).encode("utf-8", "replace").decode(), one


def _listed(page: object, key: str) -> list[Any] | json_lines.Problems:
    """Return the documents of a page, which may be one document alone; or what is wrong with it."""
    found = page.get(key) if isinstance(page, dict) else None
    if isinstance(found, list):
        return found
    if isinstance(page, dict) and "title" in page:
        return [page]
    if isinstance(page, dict) and page.get("count") == 0:  # then the API leaves the list out
        return []
    why = "; ".join(map(str, page)) if isinstance(page, json_lines.Problems) else "got none"
    reason = f"expected a JSON object with a list `{key}`, or JSON lines: is the copy whole?"
    return json_lines.Problems([Problem(f"{reason} ({why})", field=key)])


def _parsed(raw: bytes) -> object:
    return json_lines.parse(raw.removeprefix(b"\xef\xbb\xbf"))


def _lines_follow(raw: bytes) -> bool:
    """Whether the second line begins an object of its own, whatever is wrong with the first."""
    first, _, rest = raw.partition(b"\n")
    return len(first) > len(b"{}") and rest.lstrip().startswith(b'{"')


def refused(document: object) -> list[Problem]:
    """Return why what should be a document is none."""
    if isinstance(document, json_lines.Problems):
        return document
    return [Problem(f"expected an object of fields, got {shown(document)}")]


def unknown(document: object, known: Collection[str], seen: set[str], line: int) -> Iterator[Row]:
    """Yield a note for each field that is not known and not in `seen`, and put it there."""
    for field in sorted(set(document) - set(known) - seen) if isinstance(document, dict) else ():
        if len(seen) < MOST_FIELDS:
            seen.add(field)
            yield Row(line, "", Note(f"{shown(field, 60)} is not a known field and is not read"))


def text(document: Document, field: str) -> str:
    """Return a field's text on one line; "" where it has none."""
    value = document.get(field)
    return one_line(value) if isinstance(value, str) else ""


def _told(document: Document) -> list[Event | list[Problem]]:
    problems = [
        Problem(f"expected text, got {shown(document.get(field))}", field=field)
        for field in ("document_number", "title", "publication_date")
        if not text(document, field)
    ]
    if problems:
        return [problems]
    title, abstract = text(document, "title"), without_tags(text(document, "abstract"))
    correction = gazette.says("correction", title=title, action=text(document, "action"))
    correction = correction or bool(document.get("correction_of"))
    named = gazette.named(title, abstract, correction=correction)
    if named:
        return [check(Event, one) for one in _listings(document, named)]
    return [check(Event, one) for one in _measures(document, title, abstract, correction)]


def _common(document: Document) -> Document:
    """Return what all events of a document have."""
    url = text(document, "html_url")
    kept = ("type", "action", "citation", "effective_on", "signing_date", "executive_order_number")
    attributes = {field: document[field] for field in kept if _plain(document.get(field))}
    if agencies := _agencies(document):
        attributes["agencies"] = agencies
    day = document["publication_date"]
    return {
        "source": SOURCE,
        "occurred_at": day,
        "published_at": day,
        **({"url": url} if host(url) and len(url) < MOST_TITLE * 3 else {}),
        "attributes": attributes,
    }


def _plain(value: object) -> bool:
    """Whether a value is text or a number, and said."""
    return isinstance(value, str | int) and value not in ("", False)


def _agencies(document: Document) -> list[str]:
    """Return the names of the agencies that speak, of the list's either form."""
    given = document.get("agencies") or document.get("agency_names")
    found = []
    for one in given[:20] if isinstance(given, list) else ():
        name = (one.get("name") or one.get("raw_name")) if isinstance(one, dict) else one
        if isinstance(name, str) and name.strip():
            found.append(cut(one_line(name), MOST_TITLE))
    return found


def _listings(document: Document, named: list[gazette.Named]) -> Iterator[Document]:
    number, title = text(document, "document_number"), text(document, "title")
    order = gazette.ORDER.search(title)
    act = order[0].strip(" ,:") if order else ""
    common = _common(document)
    if any(one.person for one in named):  # the address of the page has the title in it
        common["url"] = f"https://www.federalregister.gov/d/{number}"
    refs: set[str] = set()
    for place, one in enumerate(named, 1):
        ref = f"{number} #{place}" if one.person else f"{number} {one.name}"
        ref = f"{ref} ({one.topic})" if ref in refs else ref
        refs.add(ref)
        does = act or f"{one.type.partition('.')[2]} ({one.topic})"
        party: Document = {"name": one.name}
        if one.person:
            party["kind"] = "person"
        if one.aliases:
            party["aliases"] = list(one.aliases)
        yield common | {
            "ref": ref,
            "type": one.type,
            "matter": f"{SOURCE}:{ref}" if one.person else _matter(one.topic, one.name),
            "occurred_at": _effective(document),
            "title": cut(f"{one.name}: {does}", MOST_TITLE),
            "topics": [one.topic],
            "parties": [party],
        }


def _matter(topic: str, name: str) -> str:
    """Return the matter of a firm's listing: that of the list itself, where it has no country."""
    if topic == "aeca-debarment":
        return f"state-debarred:{state_debarred.key(name, hidden=False)}"
    if topic == "nonproliferation-sanctions":
        return f"state-isn:{state_isn.key(name)}"
    return places.matter(LISTS.get(topic, f"{SOURCE}:{topic}"), name)


def _effective(document: Document) -> str:
    """Return the effective date of a rule, else its day."""
    return text(document, "effective_on") or text(document, "publication_date")


def _kind(document: Document, title: str, abstract: str) -> str:
    """Return the type of the document; where it is not given, what the words of it say."""
    if given := text(document, "type"):
        return given.lower()
    for kind, patterns in words("federal_register")["kinds"]["found"]:
        if gazette.matches(patterns, title=title, abstract=abstract):
            return str(kind)
    return "notice"


def _type(document: Document, title: str, abstract: str) -> str:
    """Return the type of the event that a document without named parties tells."""
    kind = _kind(document, title, abstract)
    action = text(document, "action")
    if gazette.says("delay", title=title, action=action):
        return "measure.suspended"
    if gazette.says("lifting", title=title):
        return "measure.lifted"
    if kind == "proposed rule":
        return "measure.proposed"
    if kind == "rule":
        return "measure.in-force"
    if kind.startswith("presidential") or gazette.says("regulatory", title=title):
        return "measure.announced"
    return "commentary.published"


def _measures(
    document: Document,
    title: str,
    abstract: str,
    correction: bool,  # noqa: FBT001 (one caller)
) -> Iterator[Document]:
    number = text(document, "document_number")
    comment = gazette.says("comment", title=title, abstract=abstract)
    only_words = comment or correction
    type_ = "commentary.published" if only_words else _type(document, title, abstract)
    rule = None if only_words else _rule(document)
    common = _common(document) | {
        "type": type_,
        "title": cut(title, MOST_TITLE),
        **({"summary": cut(abstract, MOST_SUMMARY)} if abstract else {}),
    }
    if type_ == "measure.in-force":
        common["occurred_at"] = _effective(document)
    if gazette.says("private", title=title):
        common["title"] = gazette.without_names(title)
        common["url"] = f"https://www.federalregister.gov/d/{number}"
    scopes = [] if type_ == "commentary.published" else list(_scopes(title, abstract))
    parts = scopes or [(_topics(title, abstract), [])]
    if not scopes and (places := gazette.countries(f"{title} {abstract}")):
        common["attributes"] |= {"destinations": places}
    for topics, scope in parts:
        suffix = f" {' '.join([*topics, *scope])}" if len(parts) > 1 else ""
        same = rule or number
        if topics and len(scope) > 1:  # a technology's
            # An amendment of a control is no second control: without a RIN they are one, too.
            alone = rule is None and type_ == "measure.in-force"
            same = f"{topics[0]} {scope[-1]}" if alone else f"{same} {topics[0]}"
        yield common | {
            "ref": f"{number}{suffix}",
            "matter": f"{SOURCE}:{same}",
            "topics": topics,
            "scope": scope,
        }


def _rule(document: Document) -> str | None:
    """Return the one RIN of a document, which its proposal, its delay and its amendments share."""
    given = document.get("regulation_id_numbers")
    alone = given[0] if isinstance(given, list) and len(given) == 1 else None
    return one_line(alone) or None if isinstance(alone, str) else None


def _topics(title: str, abstract: str) -> list[str]:
    found = [
        one
        for one in words("federal_register")["topics"]
        if gazette.matches(one, title=title, abstract=abstract)
    ]
    narrow = [one for one in found if not one.get("otherwise")]
    return [one["topic"] for one in narrow or found]


def _scopes(title: str, abstract: str) -> Iterator[tuple[list[str], list[str]]]:
    """Yield (topics, scope) for each technology and destination that a document burdens."""
    if gazette.says("relief", title=title):
        return
    strands = words("federal_register")["strands"]
    named = gazette.countries(f"{title} {abstract}")
    places = [place for place in named if place in strands["possible"]]
    for strand in (one for one in strands["found"] if gazette.matches(one, title=title)):
        for place in places or strand["destinations"]:
            yield [strand["topic"]], [f"country:{place}", strand["subject"]]
    if gazette.says("broad", title=title):
        # No topic: the rule on chips reads `export-controls` and would reach a whole country.
        for place in gazette.countries(title):
            yield [], [f"country:{place}"]
