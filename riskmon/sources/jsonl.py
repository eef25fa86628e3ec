"""Riskmon's own events: one JSON object a line."""

from __future__ import annotations

from collections.abc import Iterator
from typing import BinaryIO

from pydantic import ValidationError

from riskmon.formats import json_lines
from riskmon.model import Company, Event, Party, Row, Withdrawal, canonical
from riskmon.validation import check


def read(stream: BinaryIO) -> Iterator[Row]:
    """Yield a row for each line that is not blank."""
    for number, raw in json_lines.numbered(stream):
        yield _sound(number, raw) or told(*json_lines.parsed(number, raw))


def _sound(number: int, raw: bytes) -> Row | None:
    """Return the event in a line; None where it needs a closer look.

    Decodes and checks in one go, in half the time, but without a look at keys that are given
    twice. Such a key has quotes that neither the canonical JSON has nor the defaults that it
    leaves out; and none can be added to it, where the line writes no quote as a number.
    """
    if len(raw) > json_lines.MOST_BYTES:
        return None
    try:
        event = _validated(raw)
    except ValidationError:
        return None
    body = canonical(event)
    more = raw.count(b'"') - body.count('"')
    if more and more != sum(map(_left_out, (event, *event.parties))):
        return None
    if b"\\" in raw and b"\\u0022" in raw:
        return None
    return Row(number, raw.decode(), event, body)


def _left_out(noun: Event | Party) -> int:
    """Return how many quotes are in those fields that say the default: 2 a key, 2 a text."""
    defaults = DEFAULTS[type(noun)]
    quotes = 0
    for name in noun.__pydantic_fields_set__:
        if name in defaults and getattr(noun, name) == defaults[name]:
            quotes += 4 if name == "role" else 2
    return quotes


_validated = Event.__pydantic_validator__.validate_json
DEFAULTS = {
    model: {
        name: field.get_default(call_default_factory=True, validated_data={})
        for name, field in model.model_fields.items()
        if not field.is_required()
    }
    for model in (Event, Party)
}


def told(line: int, raw: str, data: object) -> Row:
    """Return `data`, parsed JSON or the problems with it, as what it tells."""
    withdrawn = isinstance(data, dict) and "withdrawn" in data
    return checked(Withdrawal if withdrawn else Event, line, raw, data)


def checked(model: type[Event | Withdrawal | Company], line: int, raw: str, data: object) -> Row:
    """Return a row with `data` as a `model`, or with the problems that it has or had."""
    return Row(line, raw, data if isinstance(data, json_lines.Problems) else check(model, data))
