"""Copies of what was fetched, by their hash, so that an ingest can be repeated.

`folder/ab/abcdef...` holds the bytes with this SHA-256, complete or not at all: they are written
to a temporary file, flushed to the disk, and renamed. `folder/<hash of the URL>.json` says what was
last fetched from a URL. No name comes from a server, and no copy can be executed.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from datetime import datetime, timedelta
from hashlib import file_digest, sha256
from pathlib import Path
from typing import Annotated, NamedTuple

import msgspec

from riskmon.fetching.terms import Refused

Hash = Annotated[str, msgspec.Meta(pattern=r"\A[0-9a-f]{64}\Z")]
PLAIN = r"\A[!-~](?:[ -~]{,1022}[!-~])?\Z"
"""A value that any header can have."""
Header = Annotated[str, msgspec.Meta(pattern=PLAIN)]

MOST_STATE = 64 * 1024
PART = ".part"
ABANDONED = timedelta(days=1)
"""Age of a temporary file whose process was killed."""


class Seen(msgspec.Struct, frozen=True):
    """What was last fetched from a URL."""

    url: str
    """Where the copy came from after redirects, without its query."""
    final: Hash
    """Of that whole URL: only the server that gave an ETag can know it."""
    sha256: Hash
    checked_at: datetime
    etag: Header | None = None
    last_modified: Header | None = None
    content_type: str | None = None


class Copy(NamedTuple):
    """A copy that is complete and on the disk."""

    path: Path
    sha256: str
    size: int


def hashed(text: str) -> str:
    """Return the hash that stands for a URL: the query may hold a secret."""
    return sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def _state(folder: Path, url: str) -> Path:
    return folder / f"{hashed(url)}.json"


def place(folder: Path, digest: str) -> Path:
    """Return where the document with a hash is, or would be."""
    return folder / digest[:2] / digest


def seen(folder: Path, url: str) -> Seen | None:
    """Return what was last fetched from a URL; None if nothing was, or nobody can tell."""
    try:
        with _state(folder, url).open("rb") as file:
            return msgspec.json.decode(file.read(MOST_STATE), type=Seen)
    except (OSError, msgspec.DecodeError, UnicodeError, RecursionError):
        return None


def kept(folder: Path, digest: str) -> Copy | None:
    """Return the copy with a hash, read again to be sure of it; None if it is not there whole."""
    path = place(folder, digest)
    try:
        with path.open("rb") as file:
            if file_digest(file, "sha256").hexdigest() != digest:
                return None
            return Copy(path, digest, file.tell())
    except OSError:
        return None


def keep(folder: Path, pieces: Iterable[bytes]) -> Copy:
    """Store a document under its hash; raises what `pieces` raises, and Refused for the disk."""
    total, size = sha256(), 0
    with _replacing(folder) as (descriptor, part):
        for piece in pieces:
            total.update(piece)
            size += len(piece)
            with _written_to(folder):
                _write(descriptor, piece)
        path = place(folder, total.hexdigest())
        with _written_to(folder):
            path.parent.mkdir(exist_ok=True, mode=0o700)
            _rename(descriptor, part, path)
    return Copy(path, total.hexdigest(), size)


def note(folder: Path, url: str, what: Seen) -> None:
    """Keep what was fetched from a URL; raises Refused."""
    with _replacing(folder) as (descriptor, part), _written_to(folder):
        _write(descriptor, msgspec.json.encode(what))
        _rename(descriptor, part, _state(folder, url))


def checked(what: Seen, at: datetime) -> Seen:
    """Return what was fetched from a URL, found to be so at another moment."""
    return msgspec.structs.replace(what, checked_at=at)


def sweep(folder: Path, at: datetime) -> None:
    """Remove the temporary files of processes that were killed; they have no other use."""
    for part in folder.glob(f"*{PART}"):
        with suppress(OSError):
            if part.stat().st_mtime < (at - ABANDONED).timestamp():
                part.unlink()


@contextmanager
def _written_to(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        advice = "see that there is space and that you may write there"
        raise Refused(f"{folder} cannot be written to: {error.strerror}", advice) from None


@contextmanager
def _replacing(folder: Path) -> Iterator[tuple[int, Path]]:
    """Yield a new file, which is gone afterwards unless it was renamed."""
    with _written_to(folder):
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        descriptor, name = tempfile.mkstemp(PART, dir=folder)  # for the owner alone: 0600
    try:
        yield descriptor, Path(name)
    finally:
        os.close(descriptor)
        Path(name).unlink(missing_ok=True)


def _write(descriptor: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view) :]


def _rename(descriptor: int, part: Path, path: Path) -> None:
    """Give a file its name when its bytes are on the disk, and the name too.

    A copy that is there is replaced: it has the same bytes, or was damaged.
    """
    os.fsync(descriptor)
    part.replace(path)
    if os.name == "posix":  # elsewhere a folder cannot be flushed
        parent = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(parent)
        finally:
            os.close(parent)
