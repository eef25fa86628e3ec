"""XML, element by element, each with its line: bounded in size, depth and memory, without DTDs."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator
from contextlib import suppress
from datetime import date
from typing import Any, BinaryIO, NamedTuple
from xml.parsers.expat import ExpatError
from xml.sax.saxutils import escape, quoteattr

from defusedxml.common import DefusedXmlException
from defusedxml.ElementTree import DefusedXMLParser, ParseError

from riskmon.errors import Problem
from riskmon.formats.packed import Parts
from riskmon.listing import Broken, Found, broken
from riskmon.model import Note, Row
from riskmon.validation import shown

MOST_BYTES = 1024**3
"""Of a file: the longest list there is has an eighth of that."""
MOST_NODES = 100_000
"""Of an element that is asked for, with all that is in it."""
MOST_TEXT = 4 * 1024 * 1024
"""Characters of such an element, with its attributes; bytes of a tag or a comment."""
MOST_DEPTH = 50
MOST_NAMES = 1000
"""Tags and attributes that differ: the formats there are have below 100."""
MOST_NOTES = 20
BLOCK = 64 * 1024
HTML = re.compile(rb"\s*<(?:!doctype\s+html|html|head|body)\b", re.IGNORECASE)
DAY = re.compile(r"(\d{4}-\d{2}-\d{2})(?:T[\d:.]{5,18})?(?:Z|[+-]\d{2}:\d{2})?", re.ASCII)
CUT = frozenset({3, 5, 20})
"""What expat says of an early end: no element found, unclosed token, unclosed CDATA section."""


class Node:
    """An element: its tag without its namespace, attributes likewise, text, and what is in it."""

    __slots__ = ("attributes", "inside", "line", "tag", "text")

    def __init__(self, tag: str, attributes: dict[str, str], line: int) -> None:
        self.tag = tag
        self.attributes = attributes
        self.line = line
        self.text = ""
        """Stripped; of an element in which there are others, what stands before the first."""
        self.inside: list[Node] = []

    def all(self, *path: str) -> Iterator[Node]:
        """Yield the elements at a path of tags, in order."""
        for one in self.inside:
            if one.tag == path[0]:
                if len(path) > 1:
                    yield from one.all(*path[1:])
                else:
                    yield one

    def texts(self, *path: str) -> list[str]:
        """Return the texts at a path, each once, in order; empty ones are none."""
        return list(dict.fromkeys(one.text for one in self.all(*path) if one.text))

    def one(self, *path: str) -> str:
        """Return the first text at a path that is not empty, else an empty one."""
        return next((one.text for one in self.all(*path) if one.text), "")

    def get(self, name: str) -> str:
        """Return an attribute, stripped; empty where it is not given."""
        return self.attributes.get(name, "").strip()


class Start(NamedTuple):
    """The beginning of a document."""

    root: Node
    """Without what is in it."""


class _RefusedError(Exception):
    def __init__(self, message: str) -> None:
        super().__init__()
        self.problem = Problem(message)


class _Target:
    """What the parser tells, as nodes; elements that nobody asks for leave nothing behind."""

    def __init__(self, tags: Collection[str], known: Collection[str]) -> None:
        self._tags = tags
        self._known = known
        self._names: set[str] = set()
        """Those that were met at all."""
        self._asked: set[str] = set()
        """Those that were met in what is asked for."""
        self._open: list[Node] = []
        """The elements that are open, from the one that is asked for."""
        self._depth = self._nodes = self._size = self._notes = 0
        self._text: list[str] = []
        self.found: list[Start | Node | Row] = []
        self.expat: Any

    def start(self, tag: str, given: dict[str, str]) -> None:
        self._depth += 1
        line = self.expat.CurrentLineNumber
        tag = tag.rpartition("}")[2]
        attributes = {name.rpartition("}")[2]: value for name, value in given.items()}
        asked = bool(self._open) or tag in self._tags
        for name in (tag, *map("@{}".format, attributes)):
            if name not in (self._asked if asked else self._names):
                self._named(name, asked=asked)
        if self._depth > MOST_DEPTH:
            raise _RefusedError(f"expected at most {MOST_DEPTH} levels of nesting, in line {line}")
        node = Node(tag, attributes, line)
        if self._depth == 1:
            self.found.append(Start(node))
        if not asked:
            return
        self._said()
        if self._open:
            self._open[-1].inside.append(node)
        else:
            self._nodes = self._size = 0
        self._open.append(node)
        self._nodes += 1
        self._grown(sum(map(len, attributes.values())))

    def data(self, text: str) -> None:
        if self._open:
            self._text.append(text)
            self._grown(len(text))

    def end(self, _: str) -> None:
        self._depth -= 1
        if self._open:
            self._said()
            node = self._open.pop()
            if not self._open:
                self.found.append(node)

    def _said(self) -> None:
        """Give what was said to the element that is open, unless others are in it already."""
        if self._text:
            if self._open and not self._open[-1].inside:
                self._open[-1].text = "".join(self._text).strip()
            self._text.clear()

    def _grown(self, size: int) -> None:
        self._size += size
        if self._size > MOST_TEXT or self._nodes > MOST_NODES:
            told = f"expected at most {MOST_NODES:,} elements and {MOST_TEXT:,} characters"
            one = self._open[0]
            raise _RefusedError(f"{told} in <{one.tag}>, in line {one.line}")

    def _named(self, name: str, *, asked: bool) -> None:
        self._names.add(name)
        if len(self._names) > MOST_NAMES:
            raise _RefusedError(f"expected at most {MOST_NAMES:,} different tags and attributes")
        if not asked:
            return
        self._asked.add(name)
        if self._known and name not in self._known and self._notes < MOST_NOTES:
            self._notes += 1
            what = "attribute" if name[0] == "@" else "element"
            told = f"{what} {shown(name.lstrip('@'), 60)} is not known: what it says is not read"
            self.found.append(Row(0, "", Note(told)))


def elements(
    stream: BinaryIO,
    tags: Collection[str],
    known: Collection[str] = (),
    *,
    most_bytes: int = MOST_BYTES,
) -> Iterator[Start | Node | Row]:
    """Yield the root, then each outermost element whose tag is one of `tags`, in order.

    `known`: the tags that may be in them, and attributes as `@name`; of others there is a Note,
    once each. What is no XML, is cut, has a DTD, or is too large or too deep, ends in a row that
    is Broken; nothing is raised. A block and one element are in memory.
    """
    target = _Target(tags, known)
    parser = DefusedXMLParser(
        target=target, forbid_dtd=True, forbid_entities=True, forbid_external=True
    )
    expat = target.expat = parser.parser
    size = 0
    block = stream.read(BLOCK)
    if HTML.match(block.removeprefix(b"\xef\xbb\xbf")):
        yield broken("expected XML, got a page of HTML: what does it say in a browser?")
        return
    while True:
        size += len(block)
        problem = _fed(parser, block)
        found, target.found = target.found, []
        yield from found
        if problem is None and size > most_bytes:
            problem = Problem(f"expected at most {most_bytes:,} bytes: is this the list?")
        if problem is None and size - expat.CurrentByteIndex > MOST_TEXT:
            line = expat.CurrentLineNumber
            problem = Problem(f"expected tags of at most {MOST_TEXT:,} bytes, in line {line}")
        if problem is not None:
            yield Row(0, "", Broken([problem]))
            return
        if not block:
            return
        block = stream.read(BLOCK)


def _fed(parser: DefusedXMLParser, block: bytes) -> Problem | None:
    """Give a block to the parser, or the end where it is empty; return what is wrong."""
    try:
        if block:
            parser.feed(block)
        else:
            parser.close()
    except ParseError as error:
        why = "is the copy whole?" if error.code in CUT else "is the copy damaged?"
        return Problem(f"expected XML: {error}: {why}")
    except DefusedXmlException:
        line = parser.parser.CurrentLineNumber
        return Problem(f"expected XML without a document type declaration, got one in line {line}")
    except _RefusedError as error:
        return error.problem
    except (ExpatError, LookupError, ValueError) as error:
        return Problem(f"expected XML in UTF-8: {error}")
    return None


def day(text: str) -> date | None:
    """Return the date that a date or moment of XML begins with, its time zone left out.

    Raises ValueError for what is none; None where nothing is said.
    """
    if not text:
        return None
    with suppress(ValueError):
        if found := DAY.fullmatch(text):
            return date.fromisoformat(found[1])
    raise ValueError(f"expected a date such as 2024-03-06, got {shown(text)}")


def sole(parts: Parts, suffix: str) -> str | Row:
    """Return the name of the one file, or of the one among several whose name ends in `suffix`."""
    found = [name for name in parts if name.lower().endswith((suffix, f"{suffix}.gz"))]
    names = list(parts) if len(parts) == 1 else found
    if len(names) == 1:
        return names[0]
    return broken(f"expected one file *{suffix}, got {', '.join(sorted(parts))[:500] or 'none'}")


def written(node: Node) -> str:
    """Return an element as XML on one line, for those who look at it."""
    inside = escape(" ".join(node.text.split())) + "".join(map(written, node.inside))
    given = "".join(f" {name}={quoteattr(text)}" for name, text in node.attributes.items())
    return f"<{node.tag}{given}>{inside}</{node.tag}>" if inside else f"<{node.tag}{given}/>"


def content(node: Node, leave_out: Collection[str] = ()) -> str:
    """Return what an element says in a form to be compared, without tags and attributes left out.

    The order of attributes and elements says nothing, nor do white space and empty attributes.
    """
    given = (
        f"\x1f{name}={text}"
        for name, value in sorted(node.attributes.items())
        if name not in leave_out and (text := " ".join(value.split()))
    )
    inside = sorted(content(one, leave_out) for one in node.inside if one.tag not in leave_out)
    text = " ".join(node.text.split())
    return f"\x1d{node.tag}{''.join(given)}\x1e{text}{''.join(inside)}\x1c"


def entries(
    parts: Parts,
    root: str,
    dated: str,
    tags: Collection[str],
    known: Collection[str],
    entry: Callable[[Node], Found],
) -> Iterator[Found]:
    """Yield what `entry` makes of each element with one of `tags`, and first the list's day.

    `root`: how the whole is called; `dated`: its attribute that has the day.
    """
    name = sole(parts, ".xml")
    if isinstance(name, Row):
        yield name
        return
    with parts[name]() as stream:
        for one in elements(stream, tags, known):
            if isinstance(one, Node):
                yield entry(one)
            elif isinstance(one, Row):
                yield one
            elif one.root.tag != root:
                yield broken(f"expected <{root}>, got <{one.root.tag[:80]}>: is it the list?")
                return
            else:
                with suppress(ValueError):
                    if said := day(one.root.get(dated)):
                        yield said
