"""OFAC's lists other than the SDN list, as one file of XML: consolidated.xml.

As `ofac-xml`, and the same matters as in the csv files of this list. Which of the lists a party is
on is told by its programmes: sectoral sanctions (SSI), Chinese military-industrial companies
(NS-CMIC), the Palestinian Legislative Council (NS-PLC), foreign sanctions evaders (FSE).
Source: https://sanctionslist.ofac.treas.gov (data specification, standard XML).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace

from riskmon.errors import Problem
from riskmon.formats.packed import Parts
from riskmon.listing import Found, Listed, Listing
from riskmon.sources import ofac_xml

SHAPE = replace(
    ofac_xml.SHAPE,
    source="ofac-consolidated-xml",
    title="OFAC Consolidated Sanctions List (non-SDN)",
    topics=(),
    rows=50,
    urls=(
        "https://sanctionslistservice.ofac.treas.gov/api/PublicationPreview/exports/CONSOLIDATED.XML",
    ),
)
SDN = re.compile(r"CUBA|SDGT|SDNTK|SDNT|DPRK\d?|SYRIA|IRAQ2|ZIMBABWE|TCO|GLOMAG|FTO|NPWMD|IRGC")
"""Programmes of which a party that has no other is on the SDN list."""
LISTS = {
    "CMIC-EO13959": ("Non-SDN Chinese Military-Industrial Complex Companies List", "ns-cmic"),
    "UKRAINE-EO13662": ("Sectoral Sanctions Identifications List", "ssi"),
    "NS-PLC": ("Non-SDN Palestinian Legislative Council List", None),
    "FSE-IR": ("Foreign Sanctions Evaders List", None),
    "FSE-SY": ("Foreign Sanctions Evaders List", None),
}
"""By programme: its title and topic."""


def entries(parts: Parts) -> Iterator[Found]:
    """Yield each party by its number, and first the day that the list was published."""
    told = "got the SDN list: read it as --source ofac-xml"
    return ofac_xml.parties(parts, SDN, f"expected the consolidated list, {told}")


def listing(entry: Listed) -> Listing | list[Problem]:
    """Return a party with the list that it is on."""
    told = ofac_xml.listing(entry)
    if isinstance(told, list):
        return told
    programmes = told.attributes.get("programmes", ())
    lists = [LISTS[one] for one in programmes if one in LISTS]
    return told._replace(
        matter=f"ofac-consolidated:{entry.key.partition(' ')[0]}",
        title=lists[0][0] if lists else None,
        topics=sorted({topic for _, topic in lists if topic}),
    )
