"""OFAC's `sdn.csv`, read for its "Linked To" remarks alone: who may own or act for whom.

A remark says that a party was named for being owned by, or acting for, another one; it gives no
share. So each is a proposal, for a person to look at. Individuals, ships and aircraft are left out.
Source: https://sanctionslist.ofac.treas.gov (data specification of the SDN list, remarks).
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator
from typing import BinaryIO

from riskmon.errors import Problem
from riskmon.formats.json_lines import MOST_BYTES
from riskmon.model import Link, Row
from riskmon.validation import check

COLUMNS = 12
NUMBER, NAME, TYPE, REMARKS = 0, 1, 2, 11
NULL = "-0-"
LINKED = re.compile(r"Linked To:\s*([^;]+?)\.?\s*(?:;|$)")
END = b"\x1a"
"""What ends the file, alone in its last row."""


def read(stream: BinaryIO) -> Iterator[Row]:
    """Yield a row for each party that a company's remarks link it to."""
    for number, raw in enumerate(iter(lambda: stream.readline(MOST_BYTES + 1), b""), 1):
        text = raw.rstrip(b"\r\n").decode("utf-8", "replace")
        if len(raw) > MOST_BYTES:
            yield _refused(number, text[:1000], f"expected at most {MOST_BYTES:,} bytes a line")
            return
        if not text or raw.startswith(END):
            continue
        yield from _links(number, text)


def _links(number: int, text: str) -> Iterator[Row]:
    try:
        (cells,) = csv.reader(io.StringIO(text), strict=True)
    except (csv.Error, ValueError) as error:
        yield _refused(number, text, f"expected a row of sdn.csv: {error}")
        return
    if len(cells) != COLUMNS or not cells[NUMBER].strip().isdecimal():
        wanted = f"expected a row of sdn.csv: {COLUMNS} columns, the first a number"
        yield _refused(number, text, f"{wanted}; got {len(cells)} columns")
        return
    if cells[TYPE].strip() not in {NULL, ""}:  # an individual, a vessel or an aircraft
        return
    for owner in LINKED.findall(cells[REMARKS]):
        told = {"source": "ofac-sdn", "ref": cells[NUMBER].strip(), "name": cells[NAME]}
        yield Row(number, text, check(Link, told | {"owner": owner}))


def _refused(number: int, text: str, reason: str) -> Row:
    return Row(number, text, [Problem(reason)])
