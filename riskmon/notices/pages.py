"""Lines of a stream, bounded, and streams whose beginning was read before."""

from __future__ import annotations

from collections.abc import Iterator
from typing import BinaryIO

from riskmon.errors import Problem

MOST_BYTES = 64 * 1024
"""Of a line of a table; the longest row of GDELT known has some 3,000."""
MOST_SHOWN = 200


class Pushed:
    """A stream of lines whose beginning was read before."""

    def __init__(self, first: bytes, rest: BinaryIO) -> None:
        self._first = first
        self._rest = rest

    def readline(self, most: int) -> bytes:
        """Return the next line, or a piece of it of at most `most` bytes."""
        if not self._first:
            return self._rest.readline(most)
        end = self._first.find(b"\n", 0, most) + 1 or min(most, len(self._first))
        line, self._first = self._first[:end], self._first[end:]
        if not self._first and not line.endswith(b"\n") and len(line) < most:
            line += self._rest.readline(most - len(line))
        return line


def lines(stream: BinaryIO) -> Iterator[tuple[int, str, Problem | None]]:
    """Yield (number, text, what is wrong with it) for each line that is not blank.

    Of a line that is too long its beginning is given; the rest is passed, a piece at a time.
    """
    number = 0
    while raw := stream.readline(MOST_BYTES + 1):
        number += 1
        if len(raw) > MOST_BYTES:
            rest = raw
            while rest and not rest.endswith(b"\n"):
                rest = stream.readline(MOST_BYTES)
            reason = f"expected at most {MOST_BYTES:,} bytes a line: is this a table?"
            yield number, raw[:MOST_SHOWN].decode("utf-8", "backslashreplace"), Problem(reason)
            continue
        raw = raw.removeprefix(b"\xef\xbb\xbf") if number == 1 else raw
        if not raw.strip():
            continue
        text = raw.rstrip(b"\r\n").decode("utf-8", "backslashreplace")
        sound = b"\0" not in raw and text.encode() == raw.rstrip(b"\r\n")
        yield number, text, None if sound else Problem("expected UTF-8 without NUL: is it whole?")
