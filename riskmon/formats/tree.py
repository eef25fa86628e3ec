"""XML, element by element, each with its line: bounded in size, depth and memory, without DTDs."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from itertools import islice
from typing import BinaryIO, NamedTuple
from xml.parsers.expat import ExpatError

from defusedxml.common import DefusedXmlException
from defusedxml.ElementTree import DefusedXMLParser, ParseError

from riskmon.errors import Problem
from riskmon.listing import Broken
from riskmon.validation import shown

MOST_BYTES = 2 * 1024**3
"""Of a file: the longest list there is has a twentieth of that."""
MOST_NODES = 100_000
"""Of an element that is asked for, with all that is in it."""
MOST_TEXT = 4 * 1024 * 1024
"""Characters of such an element, with its attributes."""
MOST_DEPTH = 50
BLOCK = 64 * 1024
HTML = re.compile(rb"\s*(?:<!--.*?-->\s*)*<(?:!doctype\s+html|html|head|body)\b", re.IGNORECASE)


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
    """What the parser tells, as nodes; those that nobody asks for leave nothing behind."""

    def __init__(self, tags: Collection[str]) -> None:
        self._tags = tags
        self._above: list[Node] = []
        """The elements that are open, from the one that is asked for."""
        self._depth = 0
        self._nodes = self._size = 0
        self._text: list[str] = []
        self.line = 0
        self.found: list[Start | Node] = []
        self.parser: DefusedXMLParser

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        self._depth += 1
        line = self.parser.parser.CurrentLineNumber
        tag = tag.rpartition("}")[2]
        if self._depth > MOST_DEPTH:
            raise _RefusedError(f"expected at most {MOST_DEPTH} levels of nesting, in line {line}")
        if self._depth == 1:
            self.found.append(Start(Node(tag, _local(attributes), line)))
        if not self._above:
            if tag not in self._tags:
                return
            self._nodes = self._size = 0
        node = Node(tag, _local(attributes), line)
        self._said()
        if self._above:
            self._above[-1].inside.append(node)
        self._above.append(node)
        self._nodes += 1
        self._size += sum(map(len, attributes.values()))
        if self._nodes > MOST_NODES:
            told = f"expected at most {MOST_NODES:,} elements in <{self._above[0].tag}>"
            raise _RefusedError(f"{told}, in line {self._above[0].line}")

    def data(self, text: str) -> None:
        if self._above:
            self._text.append(text)
            self._size += len(text)
            if self._size > MOST_TEXT:
                told = f"expected at most {MOST_TEXT:,} characters in <{self._above[0].tag}>"
                raise _RefusedError(f"{told}, in line {self._above[0].line}")

    def end(self, tag: str) -> None:
        self._depth -= 1
        if self._above:
            self._said()
            node = self._above.pop()
            if not self._above:
                self.found.append(node)

    def _said(self) -> None:
        """Give what was said to the element that is open, unless others are in it already."""
        if self._text:
            if self._above and not self._above[-1].inside:
                self._above[-1].text = "".join(self._text).strip()
            self._text.clear()


def _local(attributes: dict[str, str]) -> dict[str, str]:
    return {name.rpartition("}")[2]: value for name, value in attributes.items()}


def elements(
    stream: BinaryIO, tags: Collection[str], *, most_bytes: int = MOST_BYTES
) -> Iterator[Start | Node | Broken]:
    """Yield the root, then each outermost element whose tag is one of `tags`, in order.

    What is no XML, is cut, has a DTD, or is too large or too deep, ends in a Broken; nothing is
    raised. One element at a time is in memory.
    """
    target = _Target(tags)
    parser = DefusedXMLParser(
        target=target, forbid_dtd=True, forbid_entities=True, forbid_external=True
    )
    target.parser = parser
    size = 0
    block = stream.read(BLOCK)
    html = HTML.match(block.removeprefix(b"\xef\xbb\xbf"))
    while not html:
        problem = _fed(parser, block)
        found, target.found = target.found, []
        yield from found
        size += len(block)
        if problem is None and size > most_bytes:
            problem = Problem(f"expected at most {most_bytes:,} bytes: is this the list?")
        if problem is not None:
            yield Broken([problem])
            return
        if not block:
            return
        block = stream.read(BLOCK)
    yield Broken([Problem("expected XML, got a page of HTML: what does it say in a browser?")])


def _fed(parser: DefusedXMLParser, block: bytes) -> Problem | None:
    """Give a block to the parser, or the end where it is empty; return what is wrong."""
    try:
        if block:
            parser.feed(block)
        else:
            parser.close()
    except ParseError as error:
        why = "is the copy whole?" if _cut(error) else "is the copy damaged?"
        return Problem(f"expected XML: {error}: {why}")
    except DefusedXmlException as error:
        what = type(error).__name__.removesuffix("Forbidden")
        line = parser.parser.CurrentLineNumber
        return Problem(f"expected XML without {what} declarations, got one in line {line}")
    except _RefusedError as error:
        return error.problem
    except (ExpatError, LookupError, ValueError) as error:
        return Problem(f"expected XML in UTF-8: {error}")
    return None


def _cut(error: ParseError) -> bool:
    """Whether the end came too early: expat's errors 3, 5 and 20 (no element, token, CDATA)."""
    return error.code in {3, 5, 20}


def said(node: Node, leave_out: Collection[str] = ()) -> str:
    """Return all that an element says in a fixed form, but for some tags and attributes."""
    parts: list[str] = []
    _say(node, leave_out, parts)
    return "".join(parts)


def _say(node: Node, leave_out: Collection[str], parts: list[str]) -> None:
    parts.append("\x1d" + node.tag)
    parts += [
        f"\x1f{name}={' '.join(value.split())}"
        for name, value in sorted(node.attributes.items())  # an order is no statement of theirs
        if value and name not in leave_out
    ]
    if node.text:
        parts.append("\x1e" + " ".join(node.text.split()))
    for one in node.inside:
        if one.tag not in leave_out:
            _say(one, leave_out, parts)
    parts.append("\x1c")


def written(node: Node) -> str:
    """Return an element as XML on one line, for those who look at what was refused."""
    from xml.sax.saxutils import escape, quoteattr  # noqa: PLC0415 (slow to import, rarely needed)

    inside = escape(node.text) + "".join(map(written, node.inside))
    given = "".join(f" {name}={quoteattr(value)}" for name, value in node.attributes.items())
    return f"<{node.tag}{given}>{inside}</{node.tag}>" if inside else f"<{node.tag}{given}/>"


def unknown(seen: Counter[str], what: str, most: int = 20) -> Sequence[str]:
    """Return what is to be said of names that a reader does not know, the most frequent first."""
    told = (f"{what} {shown(name, 60)} is not known: what it says is not read" for name in seen)
    return list(islice(told, most))
