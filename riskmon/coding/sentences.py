"""A story's text: its header, its dateline, its sentences."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date
from typing import NamedTuple

from riskmon.coding import dates
from riskmon.coding.dictionary import places, words

MOST = 500
"""Sentences of a story."""
LONGEST = 1500
"""Characters: no sentence of the news is longer, and what is costs more than it tells."""
HEADER = re.compile(r"\s*(source|date|headline|title|url|byline|author)\s*:\s*(.*)", re.IGNORECASE)
DAY = r"(?:[A-Z][a-z]{2,8}\.? \d{1,2}(?:,? \d{4})?|\d{1,2} [A-Z][a-z]{2,8}\.?(?:,? \d{4})?)"
DATELINE = re.compile(
    r"^(?:(?P<place>[A-Z][A-Z.'/ -]{2,40}(?:, ?[A-Z][A-Za-z.]+)?),? ?"
    rf"|(?P<town>[A-Z][\w.'-]+(?: [A-Z][\w.'-]+)?),? (?={DAY}|[-–—])|(?={DAY}))"  # noqa: RUF001
    rf"(?P<day>{DAY})?(?:, [A-Z][\w'-]+(?: [A-Z][\w'-]+)?(?=[.:] ))?\s*"
    r"(?:[(/](?P<agency>[A-Z][\w ]{1,30})[)/])?\s*"
    rf"(?P<late>{DAY})?\s*(?P<mark>[-–—]+|[:.](?=\s+[A-Z]))\s+"  # noqa: RUF001
)
EDGE = 8
"""So many lines at either end may say who tells the story and when."""
LONGEST_DATE_LINE = 90
LONGEST_HEADLINE = 160
TITLED = 0.75
"""With so many capitals a line is a title, whose capitals tell no names."""
ENDS = re.compile(r"[.?!。！？]+[\"”’')]*(?=\s+[\"“‘'(]*[^\Wa-z_]|\s*$)|[。！？]")  # noqa: RUF001
LEAD, LEAD_WITHIN = 3, 60
"""Sentences, the headline's with them: of the lead, and of what is looked at for later days."""
BULLET = re.compile(r"[*•·–—-]\s+(?=\S)")  # noqa: RUF001
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
    headline: bool = False
    """Written as headlines are: the present for what was, a participle for the passive."""


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
    outlet, told = _header(lines)
    sentences: list[Sentence] = []
    skipped = 0
    for numbers, paragraph in _paragraphs(lines):
        if dateline := _dateline(paragraph):
            outlet = outlet or dateline["agency"]
            told = told or dates.in_dateline(dateline["day"] or dateline["late"], day)
        headline = len(sentences) < 2 and _headline(paragraph) and not dateline  # noqa: PLR2004
        if _titled(paragraph):
            continue
        bullet = BULLET.match(paragraph)
        start = dateline.end() if dateline else bullet.end() if bullet else 0
        for begun, sentence in _split(paragraph, start):
            if len(sentence) > LONGEST or len(sentences) == MOST:
                skipped += 1
            else:
                on = max(number for at, number in numbers if at <= begun)
                sentences.append(Sentence(on, sentence, headline))
    told = told or day or _in_the_lead(sentences)
    return Story(outlet, told, tuple(sentences), skipped)


def _in_the_lead(sentences: list[Sentence]) -> date | None:
    """Return the day that the first sentences say with its year, if the story has none later."""
    every = [dates.absolutes(one.text) for one in sentences[:LEAD_WITHIN]]
    lead = [day for days in every[:LEAD] for day in days]
    later = [day for days in every for day in days]
    return lead[0] if lead and lead[0] == max(later) else None


def _header(lines: list[str]) -> tuple[str | None, date | None]:
    """Return the outlet and the day that lines say by themselves; they are emptied.

    They stand near either end: `Source:`, `Date:`, or a day with its year and little else.
    """
    outlet: str | None = None
    told: date | None = None
    bare: date | None = None
    filled = [number for number, line in enumerate(lines) if line.strip()]
    for number in dict.fromkeys([*filled[:EDGE], *filled[-EDGE:]]):
        line = lines[number].strip()
        header = HEADER.fullmatch(line[:300])
        if header and header[1].lower() == "source":
            outlet = outlet or header[2].strip() or None
        elif header and header[1].lower() == "date":
            told = told or dates.absolute(header[2])
        elif day := _day_alone(line):
            bare = bare or day
        elif not header:
            continue
        lines[number] = ""
    return outlet, told or bare or _near_the_top([lines[number] for number in filled[:2]])


def _near_the_top(lines: list[str]) -> date | None:
    """Return the day that a headline says in brackets: (week to 14 March 2026)."""
    bracketed = (re.search(r"\(([^()]{6,60})\)\W*$", line[:300]) for line in lines)
    return next((day for one in bracketed if one and (day := dates.absolute(one[1]))), None)


def _day_alone(line: str) -> date | None:
    """Return the day of a line that has a day with its year, and no sentence."""
    if len(line) > LONGEST_DATE_LINE or DATELINE.match(line):
        return None
    spoken = [word for word in re.findall(r"[^\W\d]+", line) if word.islower()]
    return None if spoken else dates.absolute(line)


def _dateline(paragraph: str) -> re.Match[str] | None:
    """Return the dateline with which a paragraph begins, if it does."""
    found = DATELINE.match(paragraph)
    if found is None:
        return None
    known = found["place"] or (found["town"] or "").lower() in places()
    dash = found["mark"][0] not in ":."
    return found if (known and dash) or found["day"] or found["late"] else None


def _headline(paragraph: str) -> bool:
    """Whether it is a line above a story: short, and without a full stop."""
    return len(paragraph) <= LONGEST_HEADLINE and not re.search(r"[.?!:。]\W*$", paragraph)


def _titled(paragraph: str) -> bool:
    """Whether it is a line Written With Capitals, or in capitals alone."""
    long = [word for word in re.findall(r"[^\W\d_]{4,}", paragraph) if word.isascii()]
    capital = sum(word[0].isupper() for word in long)
    return len(long) > 3 and _headline(paragraph) and capital >= TITLED * len(long)  # noqa: PLR2004


def _paragraphs(lines: list[str]) -> Iterator[tuple[list[tuple[int, int]], str]]:
    """Yield each paragraph's text, with the place where each of its lines begins and its number.

    A line goes on in the next one where it is as long as lines cut by width, and has no end.
    """
    numbers: list[tuple[int, int]] = []
    text, last = "", ""
    for number, line in enumerate(lines, 1):
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
