"""Lists: what one must look like, and what its module yields of a copy. Pure.

A list's module has `SHAPE`; `entries(parts)`, which yields each entry cheaply, with what is
compared; and `listing(entry)`, which says all that an entry tells and is asked only of those that
changed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, BinaryIO, NamedTuple, Protocol

import msgspec

from riskmon.errors import Problem
from riskmon.model import Row

Parts = dict[str, Callable[[], BinaryIO]]
"""Files of a copy by name; each can be opened again and again."""


@dataclass(frozen=True)
class Shape:
    """What a list must look like: a copy that does not is held whole, for a person to decide."""

    source: str
    title: str
    """As in "added to the ..."."""
    topics: tuple[str, ...]
    rows: int
    """At least."""
    since: date
    """No entry is older."""
    drop: float = 0.05
    """Greatest credible share of the entries that is missing from the next copy."""
    rise: float = 0.5
    """Greatest credible share by which the next copy grows."""
    change: float = 0.25
    """Greatest credible share of the entries that the next copy amends."""
    urls: tuple[str, ...] = ()
    """Where it is published."""
    formats: tuple[str, ...] = ("csv",)
    """What comes from there: csv, json, xml, text or zip."""


class Listed(NamedTuple):
    """An entry of a list, as cheaply as it can be read."""

    line: int
    raw: str
    key: str
    """What the list knows it by, the same from one copy to the next."""
    content: str
    """What makes an amendment when it changes; its two dates are compared by themselves."""
    cells: Any
    """What `listing` reads."""
    since: date | None = None
    """When it was listed, as the list says."""
    until: date | None = None
    """When the listing ends or ended, as the list says."""


class Listing(NamedTuple):
    """What an entry tells."""

    name: str
    """Empty where the list names nobody."""
    aliases: Sequence[str] = ()
    kind: str | None = None
    """person, vessel, aircraft; None for a company or another body."""
    identifiers: Mapping[str, str | Sequence[str]] = {}
    attributes: Mapping[str, Any] = {}
    amended: date | None = None
    """When the list last amended it, as the list says."""
    matter: str | None = None
    """Default `source:key`; another list's where this one repeats it."""
    topics: Sequence[str] | None = None
    """Default the list's."""
    scope: Sequence[str] = ()
    url: str | None = None
    title: str | None = None
    """Of the list, where it is one of several."""


class Broken(list[Problem]):
    """Problems with a copy as a whole: it is held."""


def broken(reason: str, *, field: str = "") -> Row:
    """Return that a copy as a whole cannot be read, and why."""
    return Row(0, "", Broken([Problem(reason, field=field)]))


class Repeat(NamedTuple):
    """A row that says again what another one said."""

    line: int
    raw: str


class Gone(NamedTuple):
    """A row by which a list says what is not on it any more, as copies of changes do."""

    line: int
    raw: str
    keys: Sequence[str]
    """Under which the list may have known it."""


class Cut(NamedTuple):
    """Why a copy may be cut: where it lacks an entry it is held."""

    reason: str


Found = Listed | Row | Repeat | Gone | Cut | date
"""An entry; a row that is refused, or a Note; or the day that the copy says it is of."""


class Module(Protocol):
    """A module of `riskmon.sources` that reads a list."""

    SHAPE: Shape

    @staticmethod
    def entries(parts: Parts) -> Iterator[Found]:
        """Yield the entries of a copy in order."""

    @staticmethod
    def listing(entry: Listed) -> Listing | list[Problem]:
        """Return what an entry tells, or why it is refused."""


class Known(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """What the ledger knows of an entry."""

    spell: int
    """How many times it was listed."""
    amendments: int
    """In all spells."""
    digest: str
    """Of its content."""
    since: str | None = None
    """As the list says."""
    until: str | None = None
    """As the list says, or when it was gone."""
    gone: bool = False
    amended: bool = False
    """Whether its last amendment says who it is; else its last listing does."""


State = Mapping[str, Known]
"""What the ledger knows of a list's entries, by key."""
