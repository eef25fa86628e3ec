"""Heads outside the database: the last one kept in a file, and those that are signed."""

from __future__ import annotations

import base64
import errno
import fcntl
import json
import os
import time
from binascii import crc32
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import lru_cache
from pathlib import Path
from typing import Any

from riskmon.errors import BusyError, DatabaseError, InputError, VerificationError
from riskmon.evidence import EMPTY, Head, Published

BUSY_SECONDS = 30
"""That the file may be held by another process."""
SLOT = 256
"""Bytes of each of the two places in the file; they are written in turn."""


class Held:
    """The file of the kept head, locked: nobody else keeps a head meanwhile."""

    def __init__(self, file: int, path: Path) -> None:
        self._file = file
        found = os.pread(file, 2 * SLOT, 0)
        self._slots = [_head(found[start : start + SLOT]) for start in (0, SLOT)]
        if not any(self._slots):
            raise VerificationError(
                f"{path} holds no head: it was damaged. Restore it from a copy, or remove it, and "
                "compare the ledger with a published head: riskmon verify --since HEAD",
                finding="broken",
            )

    @property
    def head(self) -> Head | None:
        """The head that is kept; None where it is that of an empty ledger."""
        last = max(filter(None, self._slots), default=EMPTY, key=lambda head: head.position)
        return last if last.position else None

    def keep(self, head: Head) -> None:
        """Keep `head`, durably, unless a later one is kept already."""
        positions = [one.position if one else -1 for one in self._slots]
        if head.position > max(positions):
            older = positions.index(min(positions))
            os.pwrite(self._file, _slot(head), older * SLOT)
            os.fdatasync(self._file)


class Kept:
    """The last acknowledged head, in a file outside the database.

    Of the file's two slots the one with the older head is overwritten: a torn write leaves the
    other, and a full disk cannot refuse it. A head never gives way to an earlier one.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def read(self) -> Head | None:
        """Return the head that is kept, None where there is no file.

        Raises VerificationError where the file is there and holds none.
        """
        with self._opened(make=False) as file:
            return None if file is None else Held(file, self.path).head

    @contextmanager
    def held(self) -> Iterator[Held]:
        """Give the file, locked, and made where it is not there.

        Made before anything is stored: so a full disk refuses it while nothing is acknowledged.
        """
        with self._opened(make=True) as file:
            assert file is not None  # noqa: S101 (it was made)
            self._lock(file)
            yield Held(file, self.path)

    def _lock(self, file: int) -> None:
        """Wait until nobody else keeps a head; the lock is let go when the file is closed.

        Not for ever: whoever waits holds the database, for every host.
        """
        until = time.monotonic() + BUSY_SECONDS
        while True:
            try:
                return fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                if time.monotonic() > until:
                    raise BusyError(
                        f"{self.path}, where the head is kept outside the ledger, is held by "
                        "another process of this host, which may be stopped: continue or end it"
                    ) from None
                time.sleep(0.001)

    @contextmanager
    def _opened(self, *, make: bool) -> Iterator[int | None]:
        file = None
        try:
            try:
                # Not asked for first: a file that was looked at is slower to sync.
                file = os.open(self.path, (os.O_RDWR if make else os.O_RDONLY) | os.O_CLOEXEC)
            except FileNotFoundError:
                if make:
                    self._make()
                    file = os.open(self.path, os.O_RDWR | os.O_CLOEXEC)
            yield file
        except OSError as error:
            raise DatabaseError(
                f"the head cannot be kept outside the ledger, in {self.path}: {error.strerror}. "
                "What was stored stays stored: see to that file, and ingest again; repeats vanish"
            ) from error
        finally:
            if file is not None:
                os.close(file)

    def _make(self) -> None:
        """Make the file whole, or not at all: no torn write leaves it without a head."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        new = self.path.with_name(self.path.name + ".new")
        file = os.open(new, os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o644)
        try:
            if os.pwrite(file, _slot(EMPTY).ljust(2 * SLOT), 0) < 2 * SLOT:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            os.fdatasync(file)
        finally:
            os.close(file)
        new.replace(self.path)
        sync_folder(self.path.parent)


def sync_folder(folder: Path) -> None:
    """Make durable that the files in a folder are there."""
    opened = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)


def _slot(head: Head) -> bytes:
    text = " ".join((str(head.position), head.hash, head.recorded_at)).encode()
    return b"%s %08x" % (text, crc32(text)) + b" " * (SLOT - len(text) - 10) + b"\n"


@lru_cache(maxsize=16)  # mostly what this process has written itself
def _head(slot: bytes) -> Head | None:
    with suppress(ValueError):
        text, _, check = slot.rstrip().rpartition(b" ")
        position, hash_, recorded_at = text.decode().split(" ")
        if int(check, 16) == crc32(text):
            return Head(int(position), hash_, recorded_at)
    return None


def parse(file: str, given: str) -> dict[str, Any]:
    """Return the head in the text of a file; InputError where there is none in it."""
    try:
        found = json.loads(given)
        position, *texts = published(found)
        sound = type(position) is int and position >= 0
        sound = sound and all(isinstance(text, str) for text in texts)
    except (ValueError, KeyError, TypeError, RecursionError):
        sound = False
    if not sound:
        raise InputError(f"{file}: expected a head as `riskmon verify --publish FILE` writes it")
    return dict(found)


def published(found: Mapping[str, Any]) -> Published:
    """Return the head in what `parse` gave, without its signature."""
    return Published(**{name: found[name] for name in Published._fields})


def signed(head: Published, key: Path) -> dict[str, Any]:
    """Return a head with its Ed25519 signature (RFC 8032) by the private key in a PEM file."""
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    try:
        private = serialization.load_pem_private_key(key.read_bytes(), password=None)
    except OSError as error:
        raise InputError(f"{key}: cannot be read: {error.strerror}") from None
    except (ValueError, TypeError) as error:
        raise InputError(
            f"{key}: expected a private key in PEM, without password: {error}"
        ) from None
    if not isinstance(private, Ed25519PrivateKey):
        raise InputError(f"{key}: expected an Ed25519 key: openssl genpkey -algorithm ed25519")
    public = private.public_key().public_bytes_raw()
    return {
        **head._asdict(),
        "public_key": base64.b64encode(public).decode(),
        "signature": base64.b64encode(private.sign(head.text)).decode(),
    }


def check_signature(found: Mapping[str, Any], key: Path) -> None:
    """Refuse a head that the public key in a PEM file has not signed."""
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    try:
        public = serialization.load_pem_public_key(key.read_bytes())
    except OSError as error:
        raise InputError(f"{key}: cannot be read: {error.strerror}") from None
    except ValueError as error:
        raise InputError(f"{key}: expected a public key in PEM: {error}") from None
    if not isinstance(public, Ed25519PublicKey):
        raise InputError(f"{key}: expected an Ed25519 key")
    try:
        public.verify(base64.b64decode(found.get("signature", "")), published(found).text)
    except (InvalidSignature, ValueError, TypeError):
        raise VerificationError(
            f"the head at position {found['position']} is not signed by the key in {key}"
        ) from None
