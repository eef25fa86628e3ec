"""Words and marks of a sentence."""

from __future__ import annotations

import re
from typing import NamedTuple

TOKEN = re.compile(
    r"(?:[A-Z]\.){2,}[A-Z]?"  # U.S.
    r"|['’]s\b|['’](?=\s|$)|n['’]t\b"  # noqa: RUF001
    r"|(?:US|HK|NT|NZ|[ACS])?[$€£¥]\d[\d,.]*|\d[\d,.]*\d%?|\d%?"
    r"|\w+?(?=n['’]t\b)"  # noqa: RUF001
    r"|\w+(?:[-&./]\w+)*(?:['’](?!s\b)\w+)?"  # noqa: RUF001
    r"|[^\w\s]"
)
TICKER = re.compile(r"\w{1,6}\.[A-Z]{1,2}")
ABBREVIATED = frozenset(
    {
        "inc",
        "corp",
        "co",
        "ltd",
        "mr",
        "mrs",
        "ms",
        "dr",
        "st",
        "jr",
        "sr",
        "prof",
        "gen",
        "sen",
        "rep",
        "gov",
        "bros",
        "no",
    }
)
MOST_QUOTED = 3
"""So many words in quotation marks are a term; more are speech, and speech is not coded."""


class Token(NamedTuple):
    """A word or mark: its text, lower-case, where it begins and ends, whether it is speech."""

    text: str
    lower: str
    start: int
    end: int
    spoken: bool

    @property
    def capital(self) -> bool:
        """Whether it may be part of a name by its letters."""
        first = self.text[0]
        if TICKER.fullmatch(self.text):
            return False
        if any(sign in self.text for sign in "$€£¥"):
            return False
        if first.isupper() or "\u3040" <= first <= "\u9fff" or "\uac00" <= first <= "\ud7a3":
            return True
        return first.isalnum() and any(letter.isupper() for letter in self.text[1:])

    @property
    def word(self) -> bool:
        """Whether it is a word."""
        return self.text[0].isalpha()


def tokens(text: str) -> list[Token]:
    """Return the tokens of a sentence; what stands in quotation marks is marked as spoken."""
    found: list[Token] = []
    for match in TOKEN.finditer(text):
        start, end = match.span()
        lower = match[0].lower().replace("’", "'")  # noqa: RUF001
        if lower == "." and found and found[-1].end == start and found[-1].lower in ABBREVIATED:
            last = found.pop()
            found.append(last._replace(text=last.text + ".", end=end))
            continue
        found.append(Token(match[0], lower, start, end, spoken=False))
    return _spoken(found)


def _spoken(found: list[Token]) -> list[Token]:
    """Return the tokens with those marked that stand in quotation marks."""
    opened: int | None = None
    spans = []
    for place, token in enumerate(found):
        if token.text in "“„«" or (token.text == '"' and opened is None):
            opened = place
        elif token.text in '"”»' and opened is not None:
            spans.append((opened, place))
            opened = None
    if opened is not None:
        spans.append((opened, len(found)))
    for start, end in spans:
        if sum(token.word for token in found[start:end]) > MOST_QUOTED:
            found[start:end] = [token._replace(spoken=True) for token in found[start:end]]
    return found


class Span(NamedTuple):
    """A name in a sentence: its first token, the one after its last, and its text."""

    start: int
    end: int
    text: str

    @property
    def key(self) -> str:
        """The text, as it is compared."""
        return self.text.lower().replace(".", "").removeprefix("the ")
