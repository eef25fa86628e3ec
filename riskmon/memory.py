"""What was told: the grounds of alerts, as entries of the ledger keep them. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from collections.abc import Set as AbstractSet
from datetime import datetime
from itertools import takewhile
from typing import Any, NamedTuple

from riskmon.forms import moment


class Told(NamedTuple):
    """One ground of an alert that was told: of an entry of the ledger."""

    position: int
    rule: str
    company: str
    as_of: datetime
    value: float
    before: float
    events: tuple[str, ...]
    matters: frozenset[str]
    """Those that the score stood on, or moved by."""
    messages: Mapping[str, str]
    """By channel, the key of the message that told it."""
    corrects: int | None = None
    """The position of the alert that it takes back."""


def grounds_of(position: int, body: Mapping[str, Any]) -> Iterator[Told]:
    """Yield the grounds of an alert, an entry's body."""
    for ground in body["grounds"]:
        yield Told(
            position,
            ground["rule"],
            body["company"],
            moment(body["as_of"]),
            float(body["value"]),
            float(ground["from"]),
            tuple(ground.get("events", ())),
            frozenset(body["matters"]),
            body["messages"],
            body.get("corrects"),
        )


class Memory:
    """The grounds that were told, by when, by what they stood on, and by which message."""

    def __init__(self) -> None:
        self._all: list[Told] = []
        self._gone: set[tuple[int, str]] = set()
        self._by_matter: dict[str, list[Told]] = {}
        self._by_message: dict[str, list[Told]] = {}
        self._corrections: dict[int, list[Told]] = {}

    def keys(self) -> set[str]:
        """Return the keys of the events that grounds are about."""
        return {key for one in self._all for key in one.events}

    def add(self, grounds: Iterable[Told]) -> None:
        """Remember grounds, in the order in which they were told."""
        for one in grounds:
            self._all.append(one)
            for key in one.messages.values():
                self._by_message.setdefault(key, []).append(one)
            if one.corrects is not None:
                self._gone.add((one.corrects, one.rule))
                self._corrections.setdefault(one.corrects, []).append(one)
                continue
            for matter in one.matters:
                self._by_matter.setdefault(matter, []).append(one)

    def since(self, start: datetime) -> list[Told]:
        """Return the grounds told from a moment on, oldest first."""
        return list(takewhile(lambda one: one.as_of >= start, reversed(self._all)))[::-1]

    def about(self, matters: Iterable[str]) -> list[Told]:
        """Return those that stand on one of some matters, and that no correction took back."""
        found = {
            (one.position, one.rule): one
            for matter in matters
            for one in self._by_matter.get(matter, ())
        }
        return [found[key] for key in sorted(found.keys() - self._gone)]

    def void(self, key: str, wrong: AbstractSet[tuple[int, str]]) -> bool:
        """Whether nothing holds of what a message tells, once grounds are taken back as `wrong`.

        `wrong`: position and rule of each.
        """
        told = {(one.position, one.rule) for one in self._by_message[key]}
        return told <= self._gone | wrong

    def corrections(self, withdrawn: Iterable[str]) -> set[str]:
        """Return the keys of messages that correct nothing but what `withdrawn` messages tell."""
        unheard = {
            (one.position, channel)
            for key in withdrawn
            for one in self._by_message[key]
            for channel, name in one.messages.items()
            if name == key
        }
        found = {
            (key, channel)
            for position, _ in unheard
            for one in self._corrections.get(position, ())
            for channel, key in one.messages.items()
        }
        return {
            key
            for key, channel in found
            if all((one.corrects, channel) in unheard for one in self._by_message[key])
        }
