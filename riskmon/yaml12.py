"""YAML 1.2 from a hostile hand: no duplicates, aliases, anchors or tags; bounded size and depth."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.events import (
    AliasEvent,
    CollectionEndEvent,
    CollectionStartEvent,
    DocumentStartEvent,
    NodeEvent,
)
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode
from ruamel.yaml.parser import Parser
from ruamel.yaml.reader import ReaderError

from riskmon.errors import Problem

MOST_BYTES = 256 * 1024
MOST_DEPTH = 20
SLIPS = {
    "mapping values are not allowed": "a colon too many, or a line that begins too far right: "
    "put text that has a colon in quotes",
    r"found character '\\t'": "a tab: indent by spaces",
    "found character '(.)' that cannot start": "text that begins with {}: put it in quotes",
    "found unexpected end of stream": "the quotation mark that opens here is not closed",
    r"expected ',' or '(\S)'": "the bracket that opens here is not closed by {}, or a comma is "
    "missing",
    "found another document": "a second document begins here: remove this line and what follows",
    "expected <block end>": "the line does not begin where those beside it begin, or text "
    "follows a closing quotation mark",
    "could not find expected ':'": "expected a colon and a space after the name of a field",
    "found unknown escape": "a backslash in double quotes: use single quotes",
    "sequence entries are not allowed": "a dash and a space inside a line: begin each value of the "
    "list on a line of its own",
    r"expected the node content, but found '(\S)'": "a value is missing before {}: put text that "
    "begins with it in quotes",
    "expected (?:a comment or a line break|chomping)": "text on the line of | or >: begin it "
    "on the next",
    "expected alphabetic or numeric character": "text that begins with & or *: put it in quotes",
}
"""What the parser says of the usual slips, as regular expressions, and what a person needs."""
OPENED = ("found unexpected end of stream", "expected ',' or '")
"""Slips that are shown where the quotation mark or the bracket opens."""


class _Refusal(Exception):  # noqa: N818 (it is no error of the program)
    def __init__(self, message: str, line: int) -> None:
        self.message, self.line = message, line


class _Bounded(Parser):
    """Refuses, before anything is built, what could grow or act when it is built."""

    depth = 0

    def get_event(self) -> Any:
        """Return the next event, if it is a plain one."""
        event = super().get_event()
        line = event.start_mark.line + 1
        if isinstance(event, AliasEvent) or (isinstance(event, NodeEvent) and event.anchor):
            message = "anchors (&) and aliases (*) are refused: write the value out, or in quotes"
            raise _Refusal(message, line)
        if getattr(event, "tag", None) is not None:
            raise _Refusal("tags (!) are refused: write the plain value, or put it in quotes", line)
        if isinstance(event, DocumentStartEvent) and event.version not in {None, (1, 2)}:
            raise _Refusal("expected YAML 1.2: remove the line that begins with %YAML", 0)
        self.depth += isinstance(event, CollectionStartEvent)
        self.depth -= isinstance(event, CollectionEndEvent)
        if self.depth > MOST_DEPTH:
            raise _Refusal(f"expected at most {MOST_DEPTH} levels of nesting", line)
        return event


class Document:
    """A YAML document: its value, its problems, and on which line each path stands."""

    def __init__(self, raw: bytes, file: str) -> None:
        self.file = file
        self.value: Any = None
        self.problems: list[Problem] = []
        self._lines: dict[tuple[str | int, ...], int] = {}
        if len(raw) > MOST_BYTES:
            self._refuse(f"expected at most {MOST_BYTES:,} bytes: shorten the file", 1)
            return
        try:
            text = raw.decode("utf-8-sig")
            yaml = YAML(typ="safe", pure=True)
            yaml.Parser = _Bounded
            self.value = self._construct(yaml.compose(text), ())
        except _Refusal as refusal:
            directive = text.count("\n", 0, text.find("%YAML")) + 1
            self._refuse(refusal.message, refusal.line or directive)
        except UnicodeDecodeError as error:
            line = raw.count(b"\n", 0, error.start) + 1
            self._refuse("expected UTF-8: save the file in that encoding", line)
        except MarkedYAMLError as error:
            message, line = _slip(error)
            self._refuse(f"expected YAML: {message}", min(line, max(1, len(text.splitlines()))))
        except ReaderError as error:
            line = text.count("\n", 0, error.position) + 1
            self._refuse(
                f"expected text: remove the control character U+{ord(text[error.position]):04X}",
                line,
            )
        except (YAMLError, ValueError) as error:
            self._refuse(f"expected YAML: {str(error).splitlines()[0]}", 1)

    def line(self, location: Sequence[str | int]) -> int:
        """Return the line of the nearest path at or above `location`."""
        for length in range(len(location), -1, -1):
            if (found := self._lines.get(tuple(location[:length]))) is not None:
                return found
        return 1

    def _refuse(self, message: str, line: int, *location: str | int) -> None:
        self.problems.append(Problem(message, self.file, line, location=location))

    def _construct(self, node: Node | None, location: tuple[str | int, ...]) -> Any:
        if node is None:
            return None
        self._lines.setdefault(location, node.start_mark.line + 1)
        if isinstance(node, MappingNode):
            value: dict[str, Any] = {}
            for key_node, value_node in node.value:
                line = key_node.start_mark.line + 1
                if not isinstance(key_node, ScalarNode):
                    self._refuse(
                        "expected the name of a field, got a list or a map", line, *location
                    )
                    continue
                key = str(key_node.value)
                if key in value:
                    before = self._lines[(*location, key)]
                    message = f"is given twice: keep one (the first is on line {before})"
                    self._refuse(message, line, *location, key)
                self._lines[(*location, key)] = line
                value[key] = self._construct(value_node, (*location, key))
            return value
        if isinstance(node, SequenceNode):
            return [
                self._construct(member, (*location, index))
                for index, member in enumerate(node.value)
            ]
        try:
            return _scalar(str(node.tag).rpartition(":")[2], node.value)
        except ValueError:  # more digits than Python reads
            self._refuse("expected a shorter number", node.start_mark.line + 1, *location)
            return None


def _slip(error: MarkedYAMLError) -> tuple[str, int]:
    """Return what is wrong with what is no YAML, in words, and on which line."""
    said = str(error.problem)
    mark = error.problem_mark or error.context_mark
    if error.context_mark and said.startswith(OPENED):
        mark = error.context_mark
    for pattern, words in SLIPS.items():
        if found := re.search(pattern, said):
            said = words.format(*found.groups())
            break
    return said, mark.line + 1 if mark else 1


def _scalar(kind: str, text: str) -> Any:
    if kind == "int":
        digits = text.replace("_", "")
        return int(digits, 0 if digits.lstrip("+-")[:2] in {"0x", "0o"} else 10)
    if kind == "float":
        return float(text.replace("_", "").lower().replace(".inf", "inf").replace(".nan", "nan"))
    if kind == "bool":
        return text.lower() == "true"
    return None if kind == "null" else text  # a date stays text: the schema reads it
