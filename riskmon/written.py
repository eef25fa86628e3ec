"""A file that is written whole, or not at all."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from os import PathLike
from pathlib import Path
from typing import BinaryIO

from riskmon.errors import InputError


@contextmanager
def written(file: str | PathLike[str]) -> Iterator[BinaryIO]:
    """Give a stream whose bytes take the place of `file` once all of them are there.

    They are in a file beside it until then, which is gone where anything fails. What is no
    regular file, such as a pipe, is written to as it is. Raises InputError where it cannot be.
    """
    path = Path(file)
    try:
        path = path.resolve()
        if path.exists() and not path.is_file() and not path.is_dir():
            with path.open("wb") as stream:
                yield stream
            return
        if path.is_dir():
            raise InputError(f"{file}: expected a file, this is a folder: name a file in it")
        part = path.with_name(f"{path.name}.{os.getpid()}-{threading.get_ident()}.part")
        try:
            with part.open("xb") as stream:
                yield stream
                stream.flush()
                os.fsync(stream.fileno())
            part.replace(path)
        finally:
            part.unlink(missing_ok=True)
    except OSError as error:
        raise InputError(f"{file}: cannot be written: {error.strerror or error}") from error
