"""The forms of values that come from outside: moments, text, shares, plain JSON."""

from __future__ import annotations

import math
import re
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field, StringConstraints

EARLIEST, LATEST = datetime(1900, 1, 1, tzinfo=UTC), datetime(2200, 1, 1, tzinfo=UTC)
EPOCH, MICROSECOND = datetime(1970, 1, 1, tzinfo=UTC), timedelta(microseconds=1)
MOST_DEPTH = 8
MOMENT = re.compile(
    r"\d{4}-\d{2}-\d{2}([T ]\d{2}:\d{2}(:\d{2}(\.\d{1,6})?)?(Z|[+-]\d{2}:?\d{2})?)?", re.ASCII
)
UNITS = {
    "s": timedelta(seconds=1),
    "m": timedelta(minutes=1),
    "h": timedelta(hours=1),
    "d": timedelta(days=1),
    "w": timedelta(weeks=1),
}
DURATION = re.compile(r"([1-9]\d{0,4})([smhdw])", re.ASCII)
WANTED = "a date such as 2024-01-12 or a moment with its offset such as 2024-01-12T14:00:00Z"


def place(given: str) -> str | int:
    """Return a place in the log: a position where it is a number, else a moment."""
    try:
        return int(given)
    except ValueError:
        return given


def moment(value: object) -> datetime:
    """Return `value` (ISO text, date or aware datetime) in UTC; a date is its 00:00 UTC.

    Raises ValueError for a naive time, a time that does not exist, and years that no event
    of this field has (before 1900, from 2200 on).
    """
    if isinstance(value, str):
        return _parsed(value)
    if isinstance(value, datetime):
        dated = value
    elif isinstance(value, date):
        dated = datetime(value.year, value.month, value.day, tzinfo=UTC)
    else:
        raise ValueError(f"expected {WANTED}")  # noqa: TRY004 (pydantic collects ValueError)
    return _in_utc(dated)


@lru_cache(maxsize=10_000)  # a list has few dates and many rows
def _parsed(value: str) -> datetime:
    if not MOMENT.fullmatch(value):
        raise ValueError(f"expected {WANTED}")
    try:
        parsed = datetime.fromisoformat(value)
    except ValueError as error:
        raise ValueError(f"expected {WANTED}; {error}") from None
    return _in_utc(parsed.replace(tzinfo=UTC) if len(value) == len("2024-01-12") else parsed)


def _in_utc(dated: datetime) -> datetime:
    if dated.tzinfo is None:
        raise ValueError("a time without its offset is ambiguous: end it in Z or in +08:00")
    try:
        dated = dated.astimezone(UTC)
    except OverflowError:
        dated = EARLIEST - timedelta(days=1)
    if not EARLIEST <= dated < LATEST:
        raise ValueError("expected a date from 1900 to 2199")
    return dated


def microseconds(value: datetime) -> int:
    """Return an aware datetime in microseconds since 1970, UTC."""
    return (value - EPOCH) // MICROSECOND


def since_1970(value: int) -> datetime:
    """Return the moment that is so many microseconds after 1970, UTC."""
    return EPOCH + timedelta(microseconds=value)


def duration(value: str) -> timedelta:
    """Return how long `30s`, `5m`, `6h`, `1d` or `1w` is; ValueError for other text."""
    match = DURATION.fullmatch(value)
    if not match:
        raise ValueError("expected a duration such as 30s, 5m, 6h, 1d or 1w")
    return int(match[1]) * UNITS[match[2]]


def duration_text(value: timedelta) -> str:
    """Return a duration of whole seconds as `duration` reads it, in the greatest unit that fits."""
    unit = next(one for one in reversed(UNITS) if not value % UNITS[one])
    return f"{value // UNITS[unit]}{unit}"


def utc_text(value: datetime) -> str:
    """Return an aware datetime as UTC text of fixed width: 2024-01-12T00:00:00.000000Z."""
    if value.tzinfo is None:
        raise ValueError(f"expected an aware datetime, got {value!r}")
    return value.astimezone(UTC).isoformat(timespec="microseconds")[: -len("+00:00")] + "Z"


def plain(value: Any, depth: int = 0) -> Any:
    """Return JSON with its maps sorted, if both databases can keep it: finite, shallow, no NUL."""
    if depth > MOST_DEPTH:
        raise ValueError(f"expected at most {MOST_DEPTH} levels of nesting")
    if isinstance(value, dict):
        for key in value:
            _plain_scalar(key)
        return {key: plain(value[key], depth + 1) for key in sorted(value)}
    if isinstance(value, list):
        return [plain(member, depth + 1) for member in value]
    _plain_scalar(value)
    return value


def _plain_scalar(value: object) -> None:
    if isinstance(value, str):
        if "\0" in value or any("\ud800" <= character <= "\udfff" for character in value):
            raise ValueError("expected text without NUL and without half characters")
    elif isinstance(value, float):
        if not math.isfinite(value):
            raise ValueError("expected a finite number")
    elif isinstance(value, int):
        if not -(2**63) <= value < 2**63:
            raise ValueError("expected a whole number of at most 63 bits")
    elif value is not None:
        raise ValueError(f"expected JSON, got {type(value).__name__}")


TYPE = r"^[a-z][a-z0-9]*(-[a-z0-9]+)*\.[a-z][a-z0-9]*(-[a-z0-9]+)*$"
WORD = r"^[a-z0-9]+(-[a-z0-9]+)*$"
SUBJECT = r"^[a-z0-9]+(-[a-z0-9]+)*(:[a-z0-9]+(-[a-z0-9]+)*)?$"
ID = r"^[^\s\x00-\x1f\x7f]+$"
TEXT = r"^[^\x00]*[^\x00\s][^\x00]*$"
COUNTRY = r"^[a-z]{2}(-[a-z0-9]+)*$"
"""The forms of text; `validation.py` says each in words."""

Moment = Annotated[datetime, BeforeValidator(moment)]
Share = Annotated[float, Field(strict=True, ge=0, le=1, allow_inf_nan=False)]
Type = Annotated[str, StringConstraints(pattern=TYPE, max_length=100)]
Word = Annotated[str, StringConstraints(pattern=WORD, max_length=100)]
Subject = Annotated[str, StringConstraints(pattern=SUBJECT, max_length=200)]
Country = Annotated[str, StringConstraints(pattern=COUNTRY, max_length=20)]
# An id and a ref, in UTF-8, together fit into a row of an index of PostgreSQL: 2,704 bytes.
Id = Annotated[str, StringConstraints(pattern=ID, max_length=150)]
Ref = Annotated[str, StringConstraints(pattern=TEXT, max_length=400)]
Text = Annotated[str, StringConstraints(pattern=TEXT, max_length=2000)]
LongText = Annotated[str, StringConstraints(max_length=50_000, pattern=r"^[^\x00]*$")]
Identifiers = Annotated[
    dict[Word, Text | Annotated[tuple[Text, ...], Field(max_length=100)]],
    AfterValidator(lambda found: dict(sorted(found.items()))),
]
