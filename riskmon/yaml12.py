"""YAML 1.2 from a hostile hand: no duplicates, aliases, anchors or tags; bounded size and depth."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.events import AliasEvent, CollectionEndEvent, CollectionStartEvent, NodeEvent
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from riskmon.errors import Problem

MOST_BYTES = 256 * 1024
MOST_DEPTH = 20


class Document:
    """A YAML document: its value, its problems, and on which line each path stands."""

    def __init__(self, raw: bytes, file: str) -> None:
        self.file = file
        self.value: Any = None
        self.problems: list[Problem] = []
        self._lines: dict[tuple[str | int, ...], int] = {}
        if len(raw) > MOST_BYTES:
            self._refuse(f"expected at most {MOST_BYTES:,} bytes: split the file", 1)
            return
        try:
            text = raw.decode("utf-8-sig")
            self._bound(text)
            if not self.problems:
                self.value = self._construct(YAML(typ="safe", pure=True).compose(text), ())
        except UnicodeDecodeError as error:
            line = raw.count(b"\n", 0, error.start) + 1
            self._refuse("expected UTF-8: save the file in that encoding", line)
        except MarkedYAMLError as error:
            mark = error.problem_mark or error.context_mark
            self._refuse(f"expected YAML: {error.problem}", mark.line + 1 if mark else 1)
        except (YAMLError, ValueError) as error:
            self._refuse(f"expected YAML: {str(error).splitlines()[0]}", 1)

    def line(self, location: Sequence[str | int]) -> int:
        """Return the line of the nearest path at or above `location`."""
        for length in range(len(location), -1, -1):
            if (found := self._lines.get(tuple(location[:length]))) is not None:
                return found
        return 1

    def _refuse(self, message: str, line: int, field: str = "") -> None:
        self.problems.append(Problem(message, self.file, line, field))

    def _bound(self, text: str) -> None:
        """Refuse, before anything is built, what could grow or act when it is built."""
        depth = 0
        for event in YAML(typ="safe", pure=True).parse(text):
            line = event.start_mark.line + 1
            if isinstance(event, AliasEvent) or (isinstance(event, NodeEvent) and event.anchor):
                self._refuse("anchors (&) and aliases (*) are refused: write the value out", line)
                return
            if getattr(event, "tag", None) is not None:
                self._refuse("tags (!) are refused: write the plain value", line)
                return
            depth += isinstance(event, CollectionStartEvent)
            depth -= isinstance(event, CollectionEndEvent)
            if depth > MOST_DEPTH:
                self._refuse(f"expected at most {MOST_DEPTH} levels of nesting", line)
                return

    def _construct(self, node: Node | None, location: tuple[str | int, ...]) -> Any:
        if node is None:
            return None
        self._lines.setdefault(location, node.start_mark.line + 1)
        if isinstance(node, MappingNode):
            value: dict[str, Any] = {}
            for key_node, value_node in node.value:
                line = key_node.start_mark.line + 1
                if not isinstance(key_node, ScalarNode):
                    self._refuse("expected a plain key", line)
                    continue
                key = str(key_node.value)
                if key in value:
                    self._refuse("is given twice: keep one", line, str(key))
                self._lines[(*location, key)] = line
                value[key] = self._construct(value_node, (*location, key))
            return value
        if isinstance(node, SequenceNode):
            return [
                self._construct(member, (*location, index))
                for index, member in enumerate(node.value)
            ]
        return _scalar(str(node.tag).rpartition(":")[2], node.value)


def _scalar(kind: str, text: str) -> Any:
    if kind == "int":
        digits = text.replace("_", "")
        return int(digits, 0 if digits.lstrip("+-")[:2] in {"0x", "0o"} else 10)
    if kind == "float":
        return float(text.replace("_", "").replace(".inf", "inf").replace(".nan", "nan"))
    if kind == "bool":
        return text.lower() == "true"
    return None if kind == "null" else text  # a date stays text: the schema reads it
