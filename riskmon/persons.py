"""Natural persons: what an event tells of them is sealed, and the key of each can be destroyed.

The ledger cannot forget, so it never holds their names: `body` has ciphertext (AES-SIV, RFC 5297,
deterministic, so that a repeat is a repeat), and the table `person` has the keys. Once a key is
destroyed, hashes, proofs and scores stay as they were; the name is gone.
"""

from __future__ import annotations

import json
import secrets
from base64 import b64decode, b64encode
from collections.abc import Iterable, Iterator, Mapping, Sequence
from hashlib import sha256, sha512
from typing import Any, NamedTuple

import sqlalchemy as sa

from riskmon.database import (
    MOST_VARIABLES,
    database_of,
    driver,
    reading,
    refusals,
    writing,
)
from riskmon.errors import DatabaseError
from riskmon.model import Entry, Event
from riskmon.names import words
from riskmon.tables import person

FORGOTTEN = "[forgotten]"
"""What stands for a name, or a title, that nobody can read any more."""

EVENTS = {"event.recorded", "draft.told"}
"""Kinds of entries whose body is an event."""

UNREADABLE = {"name": FORGOTTEN}

OF_PARTY = ("name", "aliases", "identifiers")
OF_EVENT = ("title", "summary", "url", "attributes")
"""Free text may hold a name anywhere: it is sealed by the keys of all persons together."""


class _Key(NamedTuple):
    token: str
    key: bytes | None
    """None once the person is forgotten."""


def named(event: Event) -> bool:
    """Whether an event names a natural person."""
    return "person" in [party.kind for party in event.parties]


def _digest(name: str) -> str:
    return sha256(f"riskmon person\0{words(name)}".encode()).hexdigest()


def _digest_of(event: Event, index: int) -> str:
    """Return the digest of a party's name; of its place where it has no name that says anything."""
    name = event.parties[index].name or ""
    return _digest(name if words(name) else f"nobody {event.source} {event.ref} {index}")


class Persons:
    """The keys of persons, and what is sealed by them."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    def seal(self, events: Sequence[Event]) -> list[str]:
        """Return the bodies of events that name persons, sealed; keys are made where needed."""
        digests = {
            _digest_of(event, index)
            for event in events
            for index, party in enumerate(event.parties)
            if party.kind == "person"
        }
        asked = sorted(digests)
        keys: dict[str, _Key] = {}
        for start in range(0, len(asked), MOST_VARIABLES):
            keys |= self._keys(set(asked[start : start + MOST_VARIABLES]))
        return [_sealed(event, keys) for event in events]

    def _keys(self, digests: set[str]) -> dict[str, _Key]:
        query = sa.select(person).where(person.c.digest.in_(digests))
        with reading(self._engine) as connection:
            found = {row.digest: row for row in connection.execute(query)}
        if missing := digests - set(found):
            with writing(self._engine) as connection:
                found |= {row.digest: row for row in connection.execute(query)}
                keys = {one: secrets.token_hex(64) for one in sorted(missing - set(found))}
                made = [
                    {"digest": one, "token": _token(key), "key": key} for one, key in keys.items()
                ]
                if made:
                    connection.exec_driver_sql(database_of(self._engine.url).SECURE)
                    connection.execute(sa.insert(person), made)
                found |= {row.digest: row for row in connection.execute(query)}
        return {
            one: _Key(row.token, bytes.fromhex(row.key) if row.key else None)
            for one, row in found.items()
        }

    def open(self, entries: Iterable[Entry]) -> Iterator[Entry]:
        """Yield the entries, their bodies as they were told; what is forgotten says so."""
        keys: dict[str, bytes] | None = None
        for entry in entries:
            if entry.kind not in EVENTS or '"person":"' not in entry.body:
                yield entry
                continue
            if keys is None:
                keys = self._readable()
            try:
                yield entry._replace(body=_opened(entry, keys))
            except (ValueError, TypeError, AttributeError) as error:
                raise DatabaseError(
                    f"entry {entry.position} of the ledger is damaged ({error}): restore a copy"
                ) from error

    def _readable(self) -> dict[str, bytes]:
        query = sa.select(person.c.token, person.c.key).where(person.c.key.is_not(None))
        with reading(self._engine) as connection:
            found = connection.execute(query)
            return {token: bytes.fromhex(key) for token, key in found if token == _token(key)}

    def destroy(self, name: str) -> str | None:
        """Destroy the key of the person called `name`; return its token, None for a stranger."""
        row = person.c.digest == _digest(name)
        with writing(self._engine) as connection:
            connection.exec_driver_sql(database_of(self._engine.url).SECURE)
            token: str | None = connection.scalar(sa.select(person.c.token).where(row))
            connection.execute(sa.update(person).where(row).values(key=None))
        return token

    def shred(self) -> None:
        """Take destroyed keys out of the database's files; BusyError while somebody reads them."""
        with refusals(self._engine):
            fresh = self._engine.connect().execution_options(isolation_level="AUTOCOMMIT")
            with fresh as connection:
                database_of(self._engine.url).shred(driver(connection))

    def damaged(self, forgotten: set[str]) -> str | None:
        """Return the token of a person whose key is another, or gone though not forgotten."""
        query = sa.select(person.c.token, person.c.key).order_by(person.c.token)
        with reading(self._engine) as connection:
            for token, key in connection.execute(query):
                if token not in forgotten if key is None else token != _token(key):
                    return str(token)
        return None


def _token(key: str) -> str:
    """Return by what the ledger knows a person: the key cannot be changed unseen."""
    return sha256(f"riskmon key\0{key}".encode()).hexdigest()[:32]


def _text(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _place(source: str, ref: str, where: str) -> list[bytes]:
    """Return what a ciphertext is bound to: it cannot be moved to another event or party."""
    return [source.encode(), ref.encode(), where.encode()]


def _together(keys: Iterable[bytes]) -> bytes:
    return sha512(b"".join(sorted(keys))).digest()


def _encrypted(key: bytes, told: Mapping[str, Any], place: list[bytes]) -> str:
    from cryptography.hazmat.primitives.ciphers.aead import AESSIV

    return b64encode(AESSIV(key).encrypt(_text(told).encode(), place)).decode()


def _decrypted(key: bytes, sealed: str, place: list[bytes]) -> dict[str, Any]:
    from cryptography.exceptions import InvalidTag
    from cryptography.hazmat.primitives.ciphers.aead import AESSIV

    try:
        return dict(json.loads(AESSIV(key).decrypt(b64decode(sealed), place)))
    except InvalidTag:
        raise ValueError("a sealed part does not open with its key") from None


def _sealed(event: Event, keys: Mapping[str, _Key]) -> str:
    told = event.model_dump(mode="json", exclude_defaults=True)
    used: list[bytes | None] = []
    for index, (party, given) in enumerate(zip(event.parties, told["parties"], strict=True)):
        if party.kind == "person":
            token, key = keys[_digest_of(event, index)]
            used.append(key)
            secret = {name: given.pop(name) for name in OF_PARTY if name in given}
            given["person"] = token
            if key is not None:
                place = _place(event.source, event.ref, f"parties[{index}]")
                given["sealed"] = _encrypted(key, secret, place)
    secret = {name: told.pop(name) for name in OF_EVENT if name in told}
    readable = [key for key in used if key is not None]
    if len(readable) == len(used):
        place = _place(event.source, event.ref, "")
        told["sealed"] = _encrypted(_together(readable), secret, place)
    return _text(told)


def _opened(entry: Entry, keys: Mapping[str, bytes]) -> str:
    told = json.loads(entry.body)
    used: list[bytes | None] = []
    for index, party in enumerate(told.get("parties", ())):
        if "person" in party:
            key = keys.get(party.pop("person"))
            used.append(key)
            sealed = party.pop("sealed", None)
            place = _place(entry.source, entry.ref, f"parties[{index}]")
            party.update(_decrypted(key, sealed, place) if key and sealed else UNREADABLE)
    if used:
        sealed = told.pop("sealed", None)
        readable = [key for key in used if key is not None]
        if sealed and len(readable) == len(used):
            place = _place(entry.source, entry.ref, "")
            told |= _decrypted(_together(readable), sealed, place)
        else:
            told["title"] = FORGOTTEN
    return _text(told)
