"""OFAC's non-SDN lists in one: cons_prim.csv, with cons_alt.csv, cons_add.csv, cons_comments.csv.

The files are as those of the SDN list. They have the NS-CMIC list, sectoral sanctions (SSI), menu-
based sanctions, correspondent accounts (CAPTA), evaders and the Palestinian council; which of them
an entry is of, its programmes say, and of a topic are those that a rule reads.
Source: https://sanctionslist.ofac.treas.gov (data specification of the consolidated list).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import suppress
from datetime import date

from riskmon.errors import Problem
from riskmon.formats import ofac
from riskmon.formats.packed import Parts
from riskmon.identifiers import canonical
from riskmon.listing import Found, Listed, Listing, Shape

SHAPE = Shape(
    source="ofac-consolidated",
    title="Consolidated (non-SDN) Sanctions List",
    topics=(),
    rows=200,  # 442 in December 2025, and never fewer since NS-CMIC was added in June 2021
    since=date(1980, 1, 1),
    urls=tuple(
        f"https://sanctionslistservice.ofac.treas.gov/api/PublicationPreview/exports/{name}"
        for name in ("CONS_PRIM.CSV", "CONS_ALT.CSV", "CONS_ADD.CSV", "CONS_COMMENTS.CSV")
    ),
    formats=("csv", "text"),
)
FILES = ofac.Files(
    main=re.compile(r"prim[^/]*\.csv(\.gz)?$", re.IGNORECASE),
    alt=re.compile(r"alt[^/]*\.csv(\.gz)?$", re.IGNORECASE),
    add=re.compile(r"add[^/]*\.csv(\.gz)?$", re.IGNORECASE),
    comments=re.compile(r"cons_comments[^/]*\.csv(\.gz)?$", re.IGNORECASE),
)
TOPICS = {"CMIC-EO13959": "ns-cmic", "UKRAINE-EO13662": "ssi"}
"""By programme; Directives 1 to 4 under E.O. 13662 are the sectoral sanctions."""
ISIN = re.compile(r"\bISIN ([A-Z]{2}[0-9A-Z]{9}\d)\b")


def entries(parts: Parts) -> Iterator[Found]:
    """Yield each party of the list by its number."""
    return ofac.entries(parts, FILES)


def listing(entry: Listed) -> Listing | list[Problem]:
    """Return a party as the SDN list has it, with the topics of its programmes and its ISINs."""
    found = ofac.listing(entry)
    if isinstance(found, list):
        return found
    programmes = found.attributes.get("programmes", ())
    isins = []
    for one in dict.fromkeys(ISIN.findall(found.attributes.get("remarks", ""))):
        with suppress(ValueError):  # one with a slip names nobody
            isins.append(canonical("isin", one))
    return found._replace(
        topics=list(dict.fromkeys(TOPICS[one] for one in programmes if one in TOPICS)),
        identifiers={**found.identifiers, **({"isin": isins[:50]} if isins else {})},
    )
