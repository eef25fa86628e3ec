"""Text as publishers send it: HTML without its tags, hosts of addresses, cuts at a length."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from urllib.parse import urlsplit

MOST_HTML = 200_000
"""Characters of HTML that are looked at; the longest release known has some 60,000."""
SILENT = {"script", "style", "template", "noscript", "svg"}
BREAKS = {"p", "br", "div", "li", "tr", "h1", "h2", "h3", "h4", "blockquote", "td"}
CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f\ud800-\udfff]")
HOST = re.compile(r"[a-z0-9]([a-z0-9.-]{0,130}[a-z0-9])?", re.ASCII)


class _Text(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.parts: list[str] = []
        self._silent = ""

    def handle_starttag(self, tag: str, attrs: object) -> None:  # noqa: ARG002 (its parent's)
        if not self._silent and tag in SILENT:
            self._silent = tag
        elif tag in BREAKS:
            self.parts.append("\n")

    def handle_endtag(self, tag: str) -> None:
        if tag == self._silent:
            self._silent = ""
        elif tag in BREAKS:
            self.parts.append("\n")

    def handle_data(self, data: str) -> None:
        if not self._silent:
            self.parts.append(data)


def without_tags(html: str, most: int = MOST_HTML) -> str:
    """Return the text of the first `most` characters of HTML, a paragraph a line."""
    # What opens a tag and never closes it makes the parser look again at each of them.
    html = CONTROLS.sub(" ", html[:most])
    end = html.rfind(">")
    reader = _Text()
    try:
        reader.feed(html[: end + 1].replace("<![", "< ["))
        reader.close()
    except (AssertionError, ValueError):  # of declarations that are none
        return one_line(re.sub(r"<[^<>]{0,2000}>", " ", html))
    rest = html[end + 1 :].partition("<")[0]
    lines = (one_line(line) for line in ("".join(reader.parts) + rest).split("\n"))
    return "\n".join(line for line in lines if line)


def one_line(text: str) -> str:
    """Return text on one line, without control characters."""
    return " ".join(CONTROLS.sub(" ", text).split())


def cut(text: str, most: int) -> str:
    """Return text of at most `most` characters; an ellipsis says that there was more."""
    return text if len(text) <= most else text[: most - 1].rstrip() + "…"


def host(url: str) -> str | None:
    """Return the host of a web address in lower case, or None where it has none that is sound."""
    try:
        parts = urlsplit(url.strip())
        found = (parts.hostname or "").rstrip(".")
    except ValueError:
        return None
    sound = parts.scheme in {"http", "https"} and "." in found and HOST.fullmatch(found)
    return found if sound else None


def domain(url: str) -> str | None:
    """Return the host of a web address without `www.`, as outlets are known."""
    found = host(url)
    return found.removeprefix("www.") if found else None
