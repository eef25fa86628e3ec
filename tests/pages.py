"""Pages as a reader sees them: asked of the real application, read as a tree, forms sent."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

from starlette.testclient import TestClient

from riskmon.errors import safe
from riskmon.monitor import Monitor
from riskmon.web import app
from riskmon.web.doors import Doors

HERE = "http://127.0.0.1:8000"
EMPTY = {"link", "meta", "input", "br", "rect", "circle", "line"}
"""Elements without an end."""
HOSTILE = (
    "<script>alert(1)</script>\x1b[31m\u202e\"'><img src=x onerror=alert(2)>{{ 7*7 }} </s></table>"
)
RUNS = "javascript:alert(document.cookie)"
ELEMENTS = {"iframe", "object", "embed", "img", "style", "base", "svg:script"}
"""That no page has."""


class _Tree(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.builder = ET.TreeBuilder()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.builder.start(tag, {name: value or "" for name, value in attrs})
        if tag in EMPTY:
            self.builder.end(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.builder.start(tag, {name: value or "" for name, value in attrs})
        self.builder.end(tag)

    def handle_endtag(self, tag: str) -> None:
        self.builder.end(tag)

    def handle_data(self, data: str) -> None:
        self.builder.data(data)


def asking(monitor: Monitor, draft: Path | None = None, **doors: Any) -> TestClient:
    """Return a browser of a monitor's pages."""
    return TestClient(app(monitor, doors=Doors(**doors), draft=draft), HERE, follow_redirects=False)


def tree(html: str) -> ET.Element:
    """Return a page as elements: each that is begun has to end, in order."""
    parser = _Tree()
    parser.feed(html[html.index("<html") :])
    return parser.builder.close()


def page(browser: TestClient, address: str, status: int = 200) -> ET.Element:
    """Ask for a page."""
    answer = browser.get(address)
    assert status == answer.status_code, answer.text
    return tree(answer.text)


def text(element: ET.Element | None) -> str:
    """Return the words of an element, each blank one space."""
    assert element is not None
    return " ".join("".join(element.itertext()).split())


def named(root: ET.Element, name: str) -> ET.Element:
    """Return the section that a heading with this id begins."""
    found = root.find(f".//section[@aria-labelledby='{name}']")
    assert found is not None, name
    return found


def cells(table: ET.Element | None) -> list[list[str]]:
    """Return the words of a table's body, by row and column."""
    assert table is not None
    return [[text(cell) for cell in row] for row in table.findall("tbody/tr")]


def send(browser: TestClient, action: str, fields: dict[str, str], at: str = "/review") -> Any:
    """Send the form of a page that goes to an address, with its token, and some fields."""
    form = page(browser, at).find(f".//form[@action='{action}']")
    assert form is not None, action
    token = form.find("input[@name='csrf']")
    assert token is not None
    return browser.post(action, data={"csrf": token.get("value") or "", **fields})


def harmless(root: ET.Element) -> None:
    """Check that nothing on a page runs, and nothing leads to what runs."""
    for one in root.iter():
        assert one.tag not in ELEMENTS, one.tag
        assert "style" not in one.attrib, one.tag
        assert not [name for name in one.attrib if name.startswith("on")]
        if one.tag == "script":
            assert ("/static/page.js", None) == (one.get("src"), one.text)
        for name in ("href", "action", "src"):
            address = one.get(name, "/")
            assert re.match(r"(/(?!/)|[?#]|https?://)", address), address
    assert "\x1b" not in "".join(root.itertext())
    assert "\u202e" not in "".join(root.itertext())


def whole(given: str) -> str:
    """Return a text as a page shows it: what could act is visible, and nothing else is changed."""
    return " ".join(safe(given).split())
