"""Dates as the news writes them, told from the day of the story."""

from __future__ import annotations

import re
from datetime import date, timedelta
from typing import NamedTuple

MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
MONTH = (
    r"(?P<month>Jan(?:uary|\.)?|Feb(?:ruary|\.)?|Mar(?:ch|\.)?|Apr(?:il|\.)?|May|June?\.?|"
    r"July?\.?|Aug(?:ust|\.)?|Sept?(?:ember)?\.?|Oct(?:ober|\.)?|Nov(?:ember|\.)?|Dec(?:ember|\.)?)"
)
EARLIEST, LATEST = 1900, 2199

FORMS = tuple(
    re.compile(text)
    for text in (
        r"\b(?P<y>(?:19|20)\d\d)-(?P<m>\d\d)-(?P<d>\d\d)\b",
        (
            rf"\b(?:(?:on|from|since|by|until|starting|beginning|effective)\s+)?{MONTH}\s+(?P<d>\d{{1,2}})(?:st|nd|rd|th)?\b"
            r"(?!\s*(?:million|billion|%|percent|:))(?:,?\s+(?P<y>(?:19|20)\d\d)\b)?"
        ),
        (
            rf"\b(?:(?:on|from|since|by|until|starting|beginning|effective)\s+)?(?P<d>\d{{1,2}})(?:st|nd|rd|th)?\s+{MONTH}\b"
            r"(?:,?\s+(?P<y>(?:19|20)\d\d)\b)?"
        ),
        (
            r"\b(?:[Ii]n|[Ss]ince|[Dd]uring|[Ff]rom|of|until|[Bb]y)\s+"
            rf"(?:early |late |mid-)?{MONTH}"
            r"(?:\s+(?P<before>last year))?"
            r"(?:\s+(?:of\s+)?(?P<y>(?:19|20)\d\d)\b|(?!\s*\d)(?=\W|$))"
        ),
        rf"\b{MONTH}\s+(?P<y>(?:19|20)\d\d)\b",
        (
            r"\b(?:[Ii]n|[Ss]ince|[Dd]uring|from|of|until|[Bb]y)\s+(?:early |late |mid-)?"
            r"(?P<y>(?:19|20)\d\d)\b(?!-)"
        ),
        (
            r"\b(?:on |late |early )?(?:(?P<rel>last|this|next) )?"
            r"(?P<weekday>Monday|Tuesday|Wednesday|Thursday|Friday|Saturday|Sunday)"
            r"(?: (?:last|this) week| (?:morning|evening|afternoon|night))?\b"
        ),
        (
            r"\b(?P<rel>(?:[Ee]arlier |[Ll]ater )?(?:[Ll]ast|[Tt]his|[Nn]ext)) "
            r"(?P<unit>week|month|year)\b"
        ),
        (
            r"\b(?P<n>a|one|two|three|four|five|six|seven|eight|nine|ten|\d{1,2}) "
            r"(?P<unit>day|week|month|year)s? (?:ago|earlier|prior|before)\b"
        ),
        r"\b(?P<n>a|one|two|three|four|five|six) (?P<unit>day|week|month)s? after\b",
        rf"\b(?P<rel>[Ll]ast|[Tt]his) {MONTH}(?=\W|$)",
        r"\b(?P<today>[Tt]oday|[Yy]esterday|[Tt]omorrow)\b",
    )
)
"""The ways of writing a date, each with the groups that `_read` knows."""
AHEAD = ("from ", "until ", "by ", "starting ", "beginning ", "effective ")
"""After these words a date may lie ahead."""
NUMBERS = {"a": 1, "one": 1, "two": 2, "three": 3, "four": 4, "five": 5, "six": 6}
NUMBERS |= {"seven": 7, "eight": 8, "nine": 9, "ten": 10}


class Found(NamedTuple):
    """A date in a sentence: where it stands, and its day, None where that needs the story's.

    Its precision is day, month or year; `ahead` is whether its own words say it is to come.
    """

    start: int
    end: int
    day: date | None
    precision: str
    ahead: bool


def found(text: str, day: date | None) -> list[Found]:
    """Return the dates in a sentence, by place.

    Of those that overlap it is the one that begins first and is longest.
    """
    all_of = [
        Found(match.start(), match.end(), *_read(match, day))
        for form in FORMS
        for match in form.finditer(text)
    ]
    kept: list[Found] = []
    for one in sorted(all_of, key=lambda one: (one.start, -one.end)):
        if not kept or one.start >= kept[-1].end:
            kept.append(one)
    return kept


def absolute(text: str) -> date | None:
    """Return the day that a header says, or None: 2024-03-14, March 14, 2024, 14 March 2024."""
    for one in found(text.strip()[:100], None):
        if one.precision == "day" and one.day:
            return one.day
    return None


def absolutes(text: str) -> list[date]:
    """Return the days that a text says with their years."""
    told = (one for one in found(text, None) if one.precision == "day")
    return [one.day for one in told if one.day]


def in_dateline(text: str | None, day: date | None) -> date | None:
    """Return the day of a dateline: its year is its own, else that of the last such day."""
    if text is None:
        return None
    for one in found(text, day):
        if one.precision == "day" and one.day:
            return one.day
    return None


def _read(match: re.Match[str], day: date | None) -> tuple[date | None, str, bool]:
    """Return day, precision and whether it is ahead."""
    told = match.groupdict()
    if told.get("rel"):
        told["rel"] = told["rel"].lower()
    if told.get("weekday"):
        return _weekday(told["weekday"].lower(), match[0], day), "day", told["rel"] == "next"
    if told.get("today"):
        step = {"t": 0, "y": -1}[told["today"][0].lower()]
        ahead = told["today"].lower() == "tomorrow"
        return (day + timedelta(days=step + ahead) if day else None), "day", ahead
    if told.get("unit"):
        return _relative(told, day)
    month = MONTHS.index(told["month"][:3].lower()) + 1 if told.get("month") else None
    if told.get("m"):
        month = int(told["m"])
    number = int(told["d"]) if told.get("d") else None
    year = int(told["y"]) if told.get("y") else None
    if told.get("before") and day:
        year = day.year - 1
    precision = "day" if number else "month" if month else "year"
    if year is None:
        ahead = match[0].lower().startswith(AHEAD)
        return _last(month or 1, number or 1, day, ahead=ahead), precision, False
    return _date(year, month or 1, number or 1), precision, False


def _date(year: int, month: int, number: int) -> date | None:
    try:
        return date(year, month, number) if EARLIEST <= year <= LATEST else None
    except ValueError:
        return None


def _last(month: int, number: int, day: date | None, *, ahead: bool) -> date | None:
    """Return the last such day or, where it may lie ahead, one within ten months."""
    if day is None:
        return None
    this = _date(day.year, month, number)
    if this is None or this <= day + timedelta(days=300 if ahead else 0):
        return this
    return _date(day.year - 1, month, number)


def _weekday(name: str, text: str, day: date | None) -> date | None:
    """Return the last such day before the story's or on it."""
    if day is None:
        return None
    back = (day.weekday() - WEEKDAYS.index(name)) % 7
    if "last week" in text:
        back += 7 if back <= day.weekday() else 0
    return day - timedelta(days=back)


def _relative(told: dict[str, str], day: date | None) -> tuple[date | None, str, bool]:
    unit = told["unit"]
    precision = "day" if unit in {"day", "week"} else unit
    if day is None:
        return None, precision, False
    if told.get("n"):
        count = NUMBERS.get(told["n"]) or int(told["n"])
    else:
        count = {"last": 1, "next": -1}.get(told["rel"].rpartition(" ")[2], 0)
    ahead = count < 0 or told.get("rel", "").startswith("later") if told.get("rel") else False
    if unit in {"day", "week"}:
        step = timedelta(days=count * (7 if unit == "week" else 1))
        exact = told.get("n") or count
        return (day - step if exact else day), "day", ahead
    if unit == "year":
        return _date(day.year - count, 1, 1), "year", ahead
    months = day.year * 12 + day.month - 1 - count
    return _date(months // 12, months % 12 + 1, 1), "month", ahead
