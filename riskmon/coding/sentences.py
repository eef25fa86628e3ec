"""A story's text: its header, its dateline, its sentences."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date
from typing import NamedTuple

from riskmon.coding import dates
from riskmon.coding.dictionary import words

MOST = 500
"""Sentences of a story."""
LONGEST = 1500
"""Characters: no sentence of the news is longer, and what is costs more than it tells."""
HEADER = re.compile(r"\s*(source|date|headline|title|url|byline|author)\s*:\s*(.*)", re.IGNORECASE)
DATELINE = re.compile(
    r"^(?P<place>[A-Z][A-Z.'/ -]{2,40}(?:, ?[A-Z][a-z.]+)?),? ?(?P<day>[A-Z][a-z]{2,8}\.? \d{1,2}"
    r"(?:, \d{4})?)?\s*(?:\((?P<agency>[A-Z][\w ]{1,30})\))?\s*[-–—]+\s+"  # noqa: RUF001
)
ENDS = re.compile(r"[.?!。！？]+[\"”’')]*(?=\s+[\"“‘'(]*[^\Wa-z_]|\s*$)|[。！？]")  # noqa: RUF001
FULL = 50
"""A line so long that ends without a full stop was cut by width and goes on below."""


STARTERS = frozenset(
    {"the", "a", "an", "it", "its", "he", "she", "they", "in", "on", "but", "this", "that", "these"}
)
"""After Inc. or U.S., these begin a sentence; other words with a capital may go on with a name."""


class Sentence(NamedTuple):
    """One sentence: the number of the line on which it begins, and its text."""

    line: int
    text: str


class Story(NamedTuple):
    """A story: who told it, its day, its sentences; `skipped` were too long or too many.

    `outlet` and `day` are None where it does not say them.
    """

    outlet: str | None
    day: date | None
    sentences: tuple[Sentence, ...]
    skipped: int


def story(text: str, day: date | None = None) -> Story:
    """Return the story in a text; `day` where neither header nor dateline says one.

    Header lines are `Source: Reuters` and `Date: 2024-03-14` before the text; a dateline is such
    as `BEIJING, March 14 (Reuters) -`, its year that of `day`, where it does not say it.
    """
    lines = text.split("\n")
    outlet = None
    told: date | None = None
    first = 0
    for number, line in enumerate(lines):
        header = HEADER.fullmatch(line[:300].rstrip())
        if header and header[1].lower() == "source":
            outlet = header[2].strip() or None
        elif header and header[1].lower() == "date":
            told = dates.absolute(header[2])
        elif line.strip() and not header:
            first = number
            break
    else:
        first = len(lines)
    sentences: list[Sentence] = []
    skipped = 0
    for numbers, paragraph in _paragraphs(lines, first):
        if dateline := DATELINE.match(paragraph):
            outlet = outlet or dateline["agency"]
            told = told or dates.in_dateline(dateline["day"], day)
        for begun, sentence in _split(paragraph, dateline.end() if dateline else 0):
            if len(sentence) > LONGEST or len(sentences) == MOST:
                skipped += 1
            else:
                on = max(number for at, number in numbers if at <= begun)
                sentences.append(Sentence(on, sentence))
    return Story(outlet, told or day, tuple(sentences), skipped)


def _paragraphs(lines: list[str], first: int) -> Iterator[tuple[list[tuple[int, int]], str]]:
    """Yield each paragraph's text, with the place where each of its lines begins and its number.

    A line goes on in the next one where it is as long as lines cut by width, and has no end.
    """
    numbers: list[tuple[int, int]] = []
    text, last = "", ""
    for number, line in enumerate(lines[first:], first + 1):
        stripped = line.strip()
        goes_on = (
            text
            and stripped
            and (len(last) >= FULL or stripped[0].islower())
            and not re.search(r"[.?!:。][\"”’')]*$", last)  # noqa: RUF001
        )
        if text and not goes_on:
            yield numbers, text
            numbers, text = [], ""
        if stripped:
            numbers.append((len(text) + bool(text), number))
            text += f" {stripped}" if text else stripped
        last = stripped
    if text:
        yield numbers, text


def _split(paragraph: str, begun: int) -> Iterator[tuple[int, str]]:
    """Yield where each sentence begins and its text: no full stop of an abbreviation ends one."""
    for end in ENDS.finditer(paragraph, begun):
        last = re.search(r"[\w.&-]*$", paragraph[max(begun, end.start() - 20) : end.start()])
        word = last[0].lower() if last else ""
        single = len(word) == 1 and word.isalpha() and word != "i"
        if end[0] == "." and (word in words("abbreviations") or single):
            after = paragraph[end.end() : end.end() + 100].split(maxsplit=1)
            ended = word in {"inc", "corp", "co", "ltd", "u.s", "u.k"}
            if after and not (ended and after[0].lower() in STARTERS):
                continue
        if sentence := paragraph[begun : end.end()].strip():
            yield begun + 1, sentence
        begun = end.end()
    if rest := paragraph[begun:].strip():
        yield begun + 1, rest
