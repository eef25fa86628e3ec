"""What a path holds: one file, or several in a folder or a zip; unpacked, and bounded.

Archives are hostile: absolute paths, links, bombs and archives in archives are refused.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import stat
import struct
import tempfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from itertools import pairwise
from pathlib import Path, PurePosixPath
from typing import IO, BinaryIO

from riskmon.errors import InputError
from riskmon.listing import Parts as Parts  # noqa: PLC0414

MOST_FILES = 200
MOST_BYTES = 8 * 1024**3
"""Of a file, unpacked, and of what is read from a stream or a pipe."""
MOST_RATIO = 200
"""Bytes unpacked of a byte packed: the lists there are stay below 50."""
SURE = 16 * 1024**2
"""Bytes that may be unpacked at any ratio."""
MOST_DIRECTORY = 1024**2
"""Bytes of what a zip says of its files, which is read at once."""
LEAST_HEADER = 30
"""Bytes of a zip before those of a file, and the file's name."""
BLOCK = 128 * 1024
ZIPS = (b"PK\x03\x04", b"PK\x05\x06", b"PK\x07\x08")
"""How a zip begins: with a file, with none, with one of several volumes."""
TAR = slice(257, 265)
TARS = (b"ustar\x0000", b"ustar  \x00")
"""What stands there in a tar archive, as POSIX and as GNU have it."""
METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
"""What a zip may be packed by: the others cannot be unpacked a bounded piece at a time."""
UNREADABLE = (
    ArithmeticError, EOFError, LookupError, OSError, RuntimeError, ValueError,
    struct.error, zipfile.BadZipFile, zipfile.LargeZipFile, zlib.error,
)  # fmt: skip
"""What the libraries raise over a damaged or hostile file."""


Opener = Callable[[], io.BufferedReader]


@contextmanager
def spooled(stream: BinaryIO) -> Iterator[Path]:
    """Give a file with what a stream holds, which can be read again and again.

    Raises InputError where the stream cannot be read, or has more than `MOST_BYTES`.
    """
    with tempfile.NamedTemporaryFile() as out:
        try:
            size = 0
            while block := stream.read(BLOCK):
                size += len(block)
                if size > MOST_BYTES:
                    raise InputError(f"expected at most {MOST_BYTES:,} bytes")
                out.write(block)
            out.flush()
        except TypeError:
            raise InputError("expected a file that is opened for bytes, got text") from None
        except UNREADABLE as error:
            raise InputError(f"cannot be read to its end: {error}") from None
        yield Path(out.name)


@contextmanager
def steady(path: Path) -> Iterator[Path]:
    """Give a path that can be read again and again: `path`, or a file with what a pipe held.

    Raises InputError where it is neither a file, a folder nor a pipe.
    """
    with ExitStack() as stack:
        with _told(path):
            kind = path.stat().st_mode
            if stat.S_ISFIFO(kind):
                found = stack.enter_context(spooled(stack.enter_context(path.open("rb"))))
            elif stat.S_ISREG(kind) or stat.S_ISDIR(kind):
                found = path
            else:
                raise InputError("expected a file, a folder or an archive, got a device or socket")
        yield found


@contextmanager
def parts(path: Path) -> Iterator[Parts]:
    """Give the files that `path` holds: those of a folder or a zip, else itself; of a pipe, all.

    What is packed by gzip is unpacked. Raises InputError where it cannot be read, or is unsafe;
    so does each file when it is opened and read.
    """
    with ExitStack() as stack:
        held = stack.enter_context(steady(path))
        with _told(path):
            found = _parts(path, held, stack)
            if not found:
                raise InputError("holds no file")
            if len(found) > MOST_FILES:
                raise InputError(f"expected at most {MOST_FILES} files, got more")
        yield found


def digest(path: Path) -> str:
    """Return SHA-256 of what `path` holds: of a file its bytes, of a folder names and bytes.

    Raises InputError for what cannot be read, and for a pipe, which could be read but once.
    """
    with _told(path):
        if not path.is_dir():
            if not path.is_file():
                path.stat()  # says why there is nothing
                raise InputError("expected a file, a folder or an archive, got a pipe or a device")
            with path.open("rb") as stream:
                return hashlib.file_digest(stream, "sha256").hexdigest()
        names = [one.name for one in _in_folder(path)]
    whole = hashlib.sha256()
    for name in names:
        whole.update(f"{name}\0{digest(path / name)}\n".encode("utf-8", "surrogateescape"))
    return whole.hexdigest()


def _parts(path: Path, held: Path, stack: ExitStack) -> Parts:
    if held.is_dir():
        return {
            one.name: _part(_plain(one), _size(one), str(one), stack) for one in _in_folder(held)
        }
    with held.open("rb") as stream:
        magic = stream.read(4)
    if magic not in ZIPS:
        return {path.name: _part(_plain(held), _size(held), str(path), stack)}
    archive = stack.enter_context(zipfile.ZipFile(stack.enter_context(_Zip(held))))
    found: Parts = {}
    for one in _in_zip(archive):
        where, size = f"{path}: {one.filename}", one.compress_size
        found[one.filename] = _part(_member(archive, one, where), size, where, stack)
    return found


def _in_folder(path: Path) -> list[Path]:
    """Return the files of a folder, by name; folders in it are not looked into."""
    found = sorted(path.iterdir())
    for one in found:
        if one.is_symlink():
            raise InputError(f"{one.name!r} is a link: expected files alone")
        if not one.is_file() and not one.is_dir():
            raise InputError(f"{one.name!r} is a pipe or a device: expected files alone")
    return [one for one in found if one.is_file()]


class _Zip(io.FileIO):
    """A zip of which no directory is read that would fill the memory."""

    def read(self, size: int | None = -1, /) -> bytes:
        if size is not None and size > MOST_DIRECTORY:
            raise InputError(f"expected at most {MOST_FILES} files, got more")
        return super().read(-1 if size is None else size)


def _in_zip(archive: zipfile.ZipFile) -> list[zipfile.ZipInfo]:
    found = [one for one in archive.infolist() if not one.filename.endswith("/")]
    names = set()
    for one in found[: MOST_FILES + 1]:
        _safe(one.filename)
        if one.filename in names:
            raise InputError(f"{one.filename!r} stands twice in the archive: keep one")
        names.add(one.filename)
        if stat.S_ISLNK(one.external_attr >> 16):
            raise InputError(f"{one.filename!r} is a link: expected files alone")
        if one.flag_bits & 1:
            raise InputError(f"{one.filename!r} is encrypted: unpack it first")
        if one.compress_type not in METHODS:
            raise InputError(f"{one.filename!r} is neither stored nor deflated: unpack it first")
    spans = sorted((one.header_offset, one.compress_size) for one in archive.infolist())
    for (start, size), (after, _) in pairwise([*spans, (archive.start_dir, 0)]):
        if start + LEAST_HEADER + size > after:
            raise InputError("has files that overlap: expected a list, got what may be a bomb")
    return found


def _safe(name: str) -> None:
    parts_of = PurePosixPath(name.replace("\\", "/"))
    if not name or parts_of.is_absolute() or ".." in parts_of.parts or ":" in name[:2]:
        raise InputError(f"{name!r} leads out of the archive: expected plain names")


# Files, unpacked


def _size(path: Path) -> int:
    return path.stat().st_size


def _plain(path: Path) -> Opener:
    return lambda: path.open("rb")


def _member(archive: zipfile.ZipFile, one: zipfile.ZipInfo, where: str) -> Opener:
    return lambda: _bounded(archive.open(one), one.compress_size, where)


def _part(opener: Opener, packed: int, where: str, stack: ExitStack) -> Opener:
    """Return what opens a file, through gzip where it is packed so, and refuses an archive."""

    def opened() -> io.BufferedReader:
        with _told(where):
            stream = stack.enter_context(opener())  # closed with the others, wherever it is left
            if stream.peek(2)[:2] == b"\x1f\x8b":
                stream = stack.enter_context(
                    _bounded(gzip.GzipFile(fileobj=stream, mode="rb"), packed, where)
                )
            head = stream.peek(TAR.stop)
            if head[TAR] in TARS:
                raise InputError("is a tar archive: unpack it, or give a folder or a zip")
            if head[:4] in ZIPS:
                raise InputError("is an archive in an archive: unpack it")
        return stream

    return opened


class _Bounded(io.RawIOBase):
    """An unpacked file that ends in an InputError where it is a bomb, or is damaged."""

    def __init__(self, stream: IO[bytes] | gzip.GzipFile, packed: int, where: str) -> None:
        self._stream = stream
        self._most = min(MOST_BYTES, max(SURE, MOST_RATIO * packed))
        self._where = where
        self._read = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        with _told(self._where):
            found = self._stream.read(min(len(buffer), BLOCK))
        self._read += len(found)
        if self._read > self._most:
            raise InputError(
                f"{self._where}: unpacks to more than {self._most:,} bytes: expected a list, "
                "got what may be a bomb; unpack it yourself if it is none"
            )
        buffer[: len(found)] = found
        return len(found)

    def close(self) -> None:
        self._stream.close()
        super().close()


def _bounded(stream: IO[bytes] | gzip.GzipFile, packed: int, where: str) -> io.BufferedReader:
    return io.BufferedReader(_Bounded(stream, packed, where), BLOCK)


@contextmanager
def _told(where: object) -> Iterator[None]:
    """Let whatever is raised over a file be an InputError that says where and why."""
    try:
        yield
    except InputError as error:
        told = str(error)
        raise InputError(told if told.startswith(str(where)) else f"{where}: {told}") from None
    except UNREADABLE as error:
        if isinstance(error, OSError) and error.strerror:
            raise InputError(f"{where}: cannot be read: {error.strerror}") from None
        raise InputError(f"{where}: cannot be unpacked: is it whole? ({error})") from None
