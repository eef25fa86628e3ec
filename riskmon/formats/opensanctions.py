"""The lists that OpenSanctions collects, by data set and by programme, as riskmon knows them.

Source: https://www.opensanctions.org/datasets/ and https://www.opensanctions.org/programs/.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from datetime import date
from typing import Any, NamedTuple

from riskmon.errors import Problem
from riskmon.formats import places
from riskmon.validation import shown

PARTIAL = re.compile(r"(\d{4})(?:-(\d{2})(?:-(\d{2}))?)?(?:[T ].*)?", re.ASCII)
DECEMBER = 12


class Register(NamedTuple):
    """A list as riskmon calls it."""

    title: str
    topic: str | None = None
    number: str | None = None
    """A pattern of ids of entities, around the number that the list has for one."""
    matter: str = ""
    """Made of that number."""


LISTS: Mapping[str, Register] = {
    "us_ofac_sdn": Register(
        "Specially Designated Nationals list", "ofac-sdn", r"ofac-([0-9]{1,10})", "ofac-sdn:{}"
    ),
    "us_ofac_cons": Register(
        "OFAC Consolidated Sanctions List (non-SDN)",
        None,
        r"ofac-([0-9]{1,10})",
        "ofac-consolidated:{}",
    ),
    "un_sc_sanctions": Register(
        "United Nations Security Council Consolidated List",
        "un-sanctions",
        r"unsc-([0-9]{1,10})",
        "un-sanctions:{}",
    ),
    "eu_fsf": Register(
        "EU Consolidated Financial Sanctions List",
        "eu-sanctions",
        r"eu-fsf-(eu-[0-9]{1,10}-[0-9]{1,4})",
        "eu-sanctions:{}",
    ),
    "gb_hmt_sanctions": Register(
        "UK Sanctions List", "uk-sanctions", r"gb-hmt-([0-9]{1,10})", "uk-sanctions:{}"
    ),
    "gb_fcdo_sanctions": Register(
        "UK Sanctions List", "uk-sanctions", r"gb-fcdo-([a-z]{3}[0-9]{1,10})", "uk-sanctions:{}"
    ),
    "eu_journal_sanctions": Register("EU sanctions in the Official Journal", "eu-sanctions"),
    "eu_sanctions_map": Register("EU Sanctions Map", "eu-sanctions"),
    "us_bis_denied": Register("Denied Persons List", "denied-persons"),
    "us_bis_mieu": Register("military-intelligence end users of the EAR", "military-end-user"),
    "us_dhs_uflpa": Register("UFLPA Entity List", "uflpa"),
    "us_dod_chinese_milcorps": Register("list of Chinese military companies", "section-1260h"),
    "us_fcc_covered_list": Register("FCC Covered List", "fcc-covered-list"),
    "us_ddtc_debarred": Register("list of parties debarred under the AECA", "aeca-debarment"),
    "us_cbp_forced_labor": Register("list of Withhold Release Orders", "withhold-release-order"),
}
"""By the name of a data set."""
PROGRAMMES: Mapping[str, Register] = {
    "US-BIS-EL": Register("Entity List", "entity-list"),
    "US-BIS-DPL": Register("Denied Persons List", "denied-persons"),
    "US-BIS-MEU": Register("Military End User List", "military-end-user"),
    "US-BIS-UVL": Register("Unverified List", "unverified-list"),
    "US-DOS-ISN": Register("list of nonproliferation sanctions", "nonproliferation-sanctions"),
    "US-AECA-DEBARRED": Register("list of parties debarred under the AECA", "aeca-debarment"),
    "US-UFLPA": Register("UFLPA Entity List", "uflpa"),
    "US-NS-CMIC": Register("Non-SDN Chinese Military-Industrial Complex list", "ns-cmic"),
    "US-SSI": Register("Sectoral Sanctions Identifications List", "ssi"),
    "CN-UEL": Register("Unreliable Entity List", "cn-unreliable-entity"),
    "CN-AFSL": Register("list of countermeasures of China", "cn-countermeasures"),
}
"""What tells more than its data set; others are of many lists, such as those of UN resolutions."""
ENTITY_LIST = "US-BIS-EL"
OFAC = frozenset({"us_ofac_sdn", "us_ofac_cons"})
TITLES: Mapping[str, str] = {
    "US OFAC Specially Designated Nationals (SDN) List": "us_ofac_sdn",
    "US OFAC Consolidated (non-SDN) List": "us_ofac_cons",
    "UN Security Council Consolidated Sanctions": "un_sc_sanctions",
    "EU Financial Sanctions Files (FSF)": "eu_fsf",
    "UK HMT/OFSI Consolidated List of Targets": "gb_hmt_sanctions",
    "UK FCDO Sanctions List": "gb_fcdo_sanctions",
    "EU Council Official Journal Sanctioned Entities": "eu_journal_sanctions",
    "EU Sanctions Map": "eu_sanctions_map",
    "US BIS Denied Persons List": "us_bis_denied",
    "US BIS Military-Intelligence End Users": "us_bis_mieu",
    "US Uyghur Forced Labor Prevention Act (UFLPA) Entity List": "us_dhs_uflpa",
    "US DoD Chinese military companies": "us_dod_chinese_milcorps",
    "US FCC Covered List": "us_fcc_covered_list",
    "Directorate of Defense Trade Controls AECA Debarments": "us_ddtc_debarred",
    "US CBP Withhold Release Orders and Findings": "us_cbp_forced_labor",
}
"""What stands for a data set in `targets.simple.csv`."""


def register(dataset: str, programmes: Iterable[str]) -> Register | None:
    """Return the list that a data set, or else a programme, says an entity is on."""
    known = LISTS.get(dataset)
    if known is not None and known.topic:
        return known
    return next((PROGRAMMES[one] for one in programmes if one in PROGRAMMES), known)


def numbered(dataset: str, ids: Iterable[str]) -> list[str]:
    """Return the matters of what a list numbers, by the ids that an entity has and had."""
    known = LISTS.get(dataset)
    if known is None or known.number is None:
        return []
    found = (re.fullmatch(known.number, one) for one in ids)
    numbers = {match[1].upper().replace("-", ".") for match in found if match}
    return [known.matter.format(one) for one in sorted(numbers, key=_order)]


def _order(number: str) -> tuple[int, str]:
    return len(number), number


def by_name(programmes: Iterable[str], name: str, countries: Sequence[str]) -> str | None:
    """Return the matter of an entry of a list that numbers none, by its name and country."""
    if ENTITY_LIST not in programmes or not name:
        return None
    return places.matter("bis-entity-list", name, countries[0] if len(countries) == 1 else None)


def entity(given: object) -> tuple[dict[str, Any] | Problem, str]:
    """Return an entity of FollowTheMoney, or what is wrong, and what a delta does to it.

    It has its id and schema, and lists of text as its properties, datasets and referents.
    """
    delta = ""
    if isinstance(given, dict) and isinstance(given.get("op"), str):
        delta, given = given["op"], given.get("entity")
    if not isinstance(given, dict):
        return Problem("expected an entity of FollowTheMoney"), delta
    for name in ("id", "schema") if delta != "DEL" else ("id",):
        value = given.get(name)
        if not isinstance(value, str) or not value.strip():
            return Problem(f"expected text, got {shown(value)}", field=name), delta
    for name in ("datasets", "referents"):
        texts = given.get(name, [])
        if not _texts(texts):
            return Problem(f"expected a list of text, got {shown(texts)}", field=name), delta
    properties = given.get("properties", {} if delta == "DEL" else None)
    if not isinstance(properties, dict) or not all(map(_texts, properties.values())):
        told = f"expected lists of text by name, got {shown(properties)}"
        return Problem(told, field="properties"), delta
    return given, delta


def _texts(given: object) -> bool:
    return isinstance(given, list) and all(isinstance(one, str) for one in given)


def day(text: str, *, past: bool = False) -> date:
    """Return a date; of a year or a month its first day, or the first day `past` it.

    Raises ValueError for what is none.
    """
    with suppress(ValueError):
        if found := PARTIAL.fullmatch(text):
            year, month = int(found[1]), int(found[2] or 1)
            if past and not found[3]:
                whole = not found[2] or month == DECEMBER
                year, month = (year + 1, 1) if whole else (year, month + 1)
            return date(year, month, int(found[3] or 1))
    raise ValueError(f"expected a date such as 2024-03-06, got {shown(text)}")
