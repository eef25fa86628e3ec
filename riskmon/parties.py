"""Whom the events of a log name, and nothing else of them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

import msgspec

from riskmon.errors import DatabaseError
from riskmon.model import Taken


class ToldParty(msgspec.Struct, gc=False):
    """A party of an event, as the ledger has it: what says who it is."""

    role: str = "subject"
    company: str | None = None
    name: str | None = None
    kind: str | None = None
    aliases: tuple[str, ...] = ()
    identifiers: dict[str, str | tuple[str, ...]] = {}


class Named(NamedTuple):
    """Whom an event names: a company's id, or what the name is resolved by."""

    company: str | None
    names: tuple[str, ...] = ()
    identifiers: tuple[tuple[str, str | tuple[str, ...]], ...] = ()


def named(party: ToldParty) -> Named:
    """Return whom a party names; a person is nobody."""
    if party.company is not None:
        return Named(party.company)
    if party.kind == "person" or party.name is None:
        return Named(None)
    return Named(None, (party.name, *party.aliases), tuple(party.identifiers.items()))


class _Parties(msgspec.Struct, gc=False):
    parties: tuple[ToldParty, ...] = ()


def named_in(entries: Iterable[Taken]) -> Iterator[Named]:
    """Yield whom the events among some entries name; nothing else of them is read."""
    decode = msgspec.json.Decoder(_Parties).decode
    for position, kind, _, _, body in entries:
        if kind == "event.recorded" and '"parties"' in body:
            try:
                yield from map(named, decode(body).parties)
            except msgspec.MsgspecError as error:
                raise damaged(position, error) from error


def damaged(position: int, error: Exception) -> DatabaseError:
    """Return what is raised for an entry that cannot be read."""
    return DatabaseError(
        f"entry {position} of the ledger is damaged, or a newer riskmon wrote it "
        f"({str(error).splitlines()[0]}): restore a copy, or upgrade"
    )
