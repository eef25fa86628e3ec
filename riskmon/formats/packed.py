"""What a path holds: one file, or several in a folder or an archive; unpacked, and bounded.

Archives are hostile: absolute paths, links, bombs and archives in archives are refused.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import stat
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path, PurePosixPath
from typing import IO, BinaryIO, cast

from riskmon.errors import InputError
from riskmon.listing import Parts as Parts  # noqa: PLC0414

MOST_FILES = 200
MOST_BYTES = 8 * 1024**3
"""Of a file, unpacked."""
MOST_RATIO = 200
"""Bytes unpacked of a byte packed: the lists there are stay below 50."""
SURE = 16 * 1024**2
"""Bytes that may be unpacked at any ratio."""


class _Bounded(io.RawIOBase):
    """An unpacked file that ends in an InputError where it is a bomb, or is cut."""

    def __init__(self, stream: IO[bytes], packed: int, name: str) -> None:
        self._stream = stream
        self._most = min(MOST_BYTES, max(SURE, MOST_RATIO * packed))
        self._name = name
        self._read = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return False

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        try:
            found = self._stream.read(len(buffer))
        except (OSError, EOFError, zlib.error, zipfile.BadZipFile, tarfile.TarError) as error:
            raise InputError(f"{self._name}: cannot be unpacked: is it whole? ({error})") from None
        self._read += len(found)
        if self._read > self._most:
            raise InputError(
                f"{self._name}: unpacks to more than {self._most:,} bytes: expected a list, "
                "got what may be a bomb; unpack it yourself if it is none"
            )
        buffer[: len(found)] = found
        return len(found)

    def close(self) -> None:
        self._stream.close()
        super().close()


def _buffered(stream: IO[bytes], packed: int, name: str) -> BinaryIO:
    return cast("BinaryIO", io.BufferedReader(_Bounded(stream, packed, name), 128 * 1024))


@contextmanager
def parts(path: Path) -> Iterator[Parts]:
    """Give the files that `path` holds: those of a folder, a zip or a tar, else itself.

    What is packed by gzip is unpacked. Raises InputError where it cannot be read, or is unsafe.
    """
    with ExitStack() as stack:
        try:
            found = _parts(path, stack)
        except OSError as error:
            raise InputError(f"{path}: cannot be read: {error.strerror or error}") from None
        except (zipfile.BadZipFile, tarfile.TarError, EOFError, zlib.error) as error:
            raise InputError(f"{path}: cannot be unpacked: is it whole? ({error})") from None
        yield found


def _parts(path: Path, stack: ExitStack) -> Parts:
    if path.is_dir():
        return _in_folder(path)
    with path.open("rb") as stream:
        magic = stream.read(4)
    if magic == b"PK\x03\x04":
        return _in_zip(path, stack.enter_context(zipfile.ZipFile(path)))
    gzipped = magic[:2] == b"\x1f\x8b"
    if gzipped or path.suffix == ".tar":
        if tarfile.is_tarfile(path):
            return _in_tar(path, stack.enter_context(tarfile.open(path)))
        if gzipped:
            size = path.stat().st_size
            unpacked = stack.enter_context  # closed with the others, wherever its reader stops
            return {
                path.name: lambda: _buffered(
                    cast("IO[bytes]", unpacked(gzip.open(path))), size, str(path)
                )
            }
    return {path.name: lambda: path.open("rb")}


def _in_folder(path: Path) -> Parts:
    files = sorted(one for one in path.iterdir() if one.is_file() and not one.is_symlink())
    _few(path, len(files))
    return {one.name: lambda one=one: one.open("rb") for one in files}  # type: ignore[misc]


def _in_zip(path: Path, archive: zipfile.ZipFile) -> Parts:
    members = [one for one in archive.infolist() if not one.is_dir()]
    _few(path, len(members))
    found: Parts = {}
    for one in members:
        _safe(path, one.filename)
        if stat.S_ISLNK(one.external_attr >> 16):
            raise InputError(f"{path}: {one.filename!r} is a link: expected files alone")
        if one.flag_bits & 1:
            raise InputError(f"{path}: {one.filename!r} is encrypted: unpack it first")
        name = f"{path}: {one.filename}"
        found[one.filename] = lambda one=one, name=name: _buffered(  # type: ignore[misc]
            archive.open(one), one.compress_size, name
        )
    return found


def _in_tar(path: Path, archive: tarfile.TarFile) -> Parts:
    found: Parts = {}
    size = path.stat().st_size
    for count, one in enumerate(archive):
        _few(path, count)
        if one.isdir():
            continue
        _safe(path, one.name)
        if not one.isreg():
            raise InputError(f"{path}: {one.name!r} is a link or a device: expected files alone")
        if one.size > max(SURE, MOST_RATIO * size):
            raise InputError(f"{path}: {one.name!r} unpacks to {one.size:,} bytes: is it a bomb?")
        name = f"{path}: {one.name}"
        found[one.name] = lambda one=one, name=name: _buffered(  # type: ignore[misc]
            cast("IO[bytes]", archive.extractfile(one)), size, name
        )
    return found


def _few(path: Path, count: int) -> None:
    if count > MOST_FILES:
        raise InputError(f"{path}: expected at most {MOST_FILES} files, got more")


def _safe(path: Path, name: str) -> None:
    parts_of = PurePosixPath(name.replace("\\", "/"))
    if parts_of.is_absolute() or ".." in parts_of.parts or ":" in name[:2]:
        raise InputError(f"{path}: {name!r} leads out of the archive: expected plain names")


def digest(path: Path) -> str:
    """Return SHA-256 of what `path` holds: of a file its bytes, of a folder names and bytes."""
    if not path.is_dir():
        with path.open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()
    whole = hashlib.sha256()
    for name in _in_folder(path):
        whole.update(f"{name}\0{digest(path / name)}\n".encode())
    return whole.hexdigest()
