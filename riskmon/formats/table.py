"""Tables: CSV with a header, row by row, bounded, each row with its line and its raw text."""

from __future__ import annotations

import codecs
import csv
import io
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from typing import BinaryIO

from riskmon.errors import Problem
from riskmon.validation import did_you_mean, shown

MOST_BYTES = 1024 * 1024
"""Of a row, with all its lines."""
MOST_NEAR = 400
"""Columns among which a missing one is looked for under a similar name; GLEIF has 338."""
EMPTY = Problem("expected a header and rows below it: is the copy whole?")
UTF_8 = Problem("expected UTF-8: save the file in that encoding")
LEGACY = "cp1252"
"""The encoding of what is no UTF-8, where it cannot be told: the superset of Latin-1 that
Windows programs wrote."""
MOST_AHEAD = 4 * 1024 * 1024
"""Bytes among which such rows are looked for, from the first on."""
MOST_SAMPLED = 32 * 1024
"""Bytes of rows that are no UTF-8 by which their encoding is told."""

Cells = dict[str, str]


def rows(
    stream: BinaryIO,
    columns: Callable[[Sequence[str]], list[Problem]],
    named: Callable[[str], str] = str,
    *,
    legacy: bool | str = False,
    delimiter: str = ",",
) -> Iterator[tuple[int, str, Cells | list[Problem]]]:
    """Yield (first line, raw text, stripped cells by column or the problems) for each row.

    `columns` says what is wrong with a header: then its problems are all there is. `named` makes
    the name of a column from what stands in the header. `legacy`: rows that are no UTF-8 are read
    in the encoding that is named, or with True in the one that they seem to be in; else refused.
    """
    found = bare(stream, legacy=legacy, delimiter=delimiter)
    line, raw, first = next(found, (0, "", EMPTY))
    header = [] if isinstance(first, Problem) else [named(cell.strip()) for cell in first]
    wrong = [first] if isinstance(first, Problem) else _twice(header) + columns(header)
    if wrong:
        yield line, raw, wrong
        return
    below = 0
    for below, raw, cells in found:
        yield below, raw, [cells] if isinstance(cells, Problem) else _named(header, cells)
    if not below:
        yield line, raw, [EMPTY]


def missing(header: Sequence[str], required: Sequence[str]) -> list[Problem]:
    """Return a problem for each required column that a header has not."""
    return [
        Problem(
            f"is required and missing from the header{did_you_mean(one, header[:MOST_NEAR])}",
            field=one,
        )
        for one in required
        if one not in header
    ]


def _twice(header: Sequence[str]) -> list[Problem]:
    twice = (column for column, times in Counter(header).items() if times > 1)
    return [
        Problem(f"{shown(column, 40)} stands twice in the header: keep one")
        for column in islice(twice, 1)
    ]


def _named(header: Sequence[str], cells: Sequence[str]) -> Cells | list[Problem]:
    if len(cells) == len(header):
        return {column: cell.strip() for column, cell in zip(header, cells, strict=True)}
    reason = f"expected {len(header)} cells as in the header, got {len(cells)}"
    return [Problem(f"{reason}: a cell that has a comma stands in quotation marks")]


class _TooLongError(ValueError):
    pass


class _WideError(ValueError):
    """The table is in UTF-16."""


class _Lines:
    """The lines of a stream as text, and those of the row that is being read."""

    def __init__(self, stream: BinaryIO, *, legacy: bool | str) -> None:
        self._stream = stream
        self._readline: Callable[[int], bytes] = stream.readline
        self._ahead = io.BytesIO()
        """What was read to tell the encoding, and is still to come."""
        self._legacy = legacy if isinstance(legacy, str) else "" if legacy else None
        """The encoding of what is no UTF-8, once it is told; None to refuse that."""
        self.number = 0
        self.size = 0
        self.row: list[str] = []

    def __iter__(self) -> _Lines:
        return self

    def __next__(self) -> str:
        """Return the next line; after a row that is too long, the rest of its line is passed."""
        raw = self._readline(MOST_BYTES + 1)
        if not raw:
            raise StopIteration
        self.number += 1
        self.size += len(raw)
        if self.size > MOST_BYTES:
            self.row.append(f"{raw[:200].decode('utf-8', 'surrogateescape')}…")
            while raw and not raw.endswith(b"\n"):
                raw = self._readline(MOST_BYTES)
            raise _TooLongError
        if self.number == 1:
            raw = raw.removeprefix(b"\xef\xbb\xbf")
            if raw.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
                raise _WideError
        try:
            text = raw.decode()
        except UnicodeDecodeError:
            text = self._text(raw)
        self.row.append(text)
        return text

    def _text(self, raw: bytes) -> str:
        if self._legacy is None:
            return raw.decode("utf-8", "surrogateescape")
        self._legacy = self._legacy or self._told(raw)
        return raw.decode(self._legacy, "replace")

    def _told(self, raw: bytes) -> str:
        """Return the encoding that this line and those after it seem to be in."""
        import charset_normalizer  # noqa: PLC0415 (few lists need it, and it is slow to import)

        ahead = bytearray()
        while len(ahead) < MOST_AHEAD and (more := self._stream.read(MOST_AHEAD - len(ahead))):
            ahead += more
        self._ahead, self._readline = io.BytesIO(ahead), self._spliced
        sample = bytearray(raw)
        for line in io.BytesIO(ahead):
            if len(sample) >= MOST_SAMPLED:
                break
            if not line.isascii():
                sample += line
        best = charset_normalizer.from_bytes(bytes(sample[:MOST_SAMPLED])).best()
        name = codecs.lookup(best.encoding).name if best else LEGACY
        return name if name.startswith(("cp125", "iso8859", "koi8", "mac")) else LEGACY

    def _spliced(self, most: int) -> bytes:
        """Return a line of what was read ahead, then of the stream."""
        raw = self._ahead.readline(most)
        if len(raw) < most and not raw.endswith(b"\n"):
            self._readline = self._stream.readline
            raw += self._readline(most - len(raw))
        return raw


def bare(
    stream: BinaryIO, *, legacy: bool | str = False, delimiter: str = ","
) -> Iterator[tuple[int, str, list[str] | Problem]]:
    """Yield (first line, raw text, cells or the problem) for each row that is not blank."""
    lines = _Lines(stream, legacy=legacy)
    reader = csv.reader(lines, strict=True, delimiter=delimiter)
    while True:
        first, lines.size, lines.row = lines.number + 1, 0, []
        cells: list[str] | Problem
        try:
            cells = next(reader)
        except StopIteration:
            return
        except _WideError:
            yield first, "", UTF_8
            return
        except _TooLongError:
            cells = Problem(
                f"expected at most {MOST_BYTES:,} bytes a row: is a quotation mark not closed?"
            )
        except csv.Error as error:
            bare = "new-line" in str(error)
            why = "a line ends in CR alone" if bare else f"look at its quotation marks ({error})"
            cells = Problem(f"expected a row of CSV: {why}")
        raw = "".join(lines.row).rstrip("\r\n")
        if not legacy and not _encodes(raw):
            raw = raw.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
            cells = UTF_8
        if isinstance(cells, Problem) or any(map(str.strip, cells)):
            yield first, raw, cells


def _encodes(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
