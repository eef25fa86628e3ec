"""OFAC's Specially Designated Nationals: sdn.csv, with alt.csv, add.csv and sdn_comments.csv.

A folder or an archive has them all; `sdn.csv` alone does, without aliases and addresses. The list
says nothing of when it listed or amended whom: what it says first or anew is dated by the copy. No
header, `-0- ` for nothing, programmes joined by `] [`, a bare 0x1A at the end (a copy without it
may be cut), remarks beyond a thousand characters in the comments file.
Source: https://sanctionslist.ofac.treas.gov (data specification of the SDN list).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date

from riskmon.errors import Problem
from riskmon.formats import ofac
from riskmon.formats.packed import Parts
from riskmon.listing import Found, Listed, Listing, Shape

SHAPE = Shape(
    source="ofac-sdn",
    title="Specially Designated Nationals list",
    topics=("ofac-sdn",),
    rows=2000,
    since=date(1980, 1, 1),
    drop=0.05,  # of 228 copies from 2021 to 2023 the most was 1.7 %; a whole programme may go
    change=0.5,  # the most was 5 %; a remark on all parties of some programmes may change
    urls=tuple(
        f"https://sanctionslistservice.ofac.treas.gov/api/PublicationPreview/exports/{name}"
        for name in ("SDN.CSV", "ALT.CSV", "ADD.CSV", "SDN_COMMENTS.CSV")
    ),
    formats=("csv", "text"),
)
FILES = ofac.Files(
    main=re.compile(r"sdn[^/]*\.csv(\.gz)?$", re.IGNORECASE),
    alt=re.compile(r"alt[^/]*\.csv(\.gz)?$", re.IGNORECASE),
    add=re.compile(r"add[^/]*\.csv(\.gz)?$", re.IGNORECASE),
    comments=re.compile(r"sdn_comments[^/]*\.csv(\.gz)?$", re.IGNORECASE),
)


def entries(parts: Parts) -> Iterator[Found]:
    """Yield each party of the list by its number."""
    return ofac.entries(parts, FILES)


def listing(entry: Listed) -> Listing | list[Problem]:
    """Return a party with its aliases, programmes, addresses and remarks."""
    return ofac.listing(entry)
