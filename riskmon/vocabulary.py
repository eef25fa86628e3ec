"""Words that sources, rules and people share; a word that is in none of them may be a slip."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from typing import NamedTuple

from riskmon.validation import did_you_mean

FAMILIES = {
    "measure": "proposed announced in-force suspended lifted",
    "listing": "proposed published withdrawn listed amended delisted",
    "claim": "alleged denied corrected confirmed refuted",
    "case": "investigated indicted superseded pleaded convicted acquitted dismissed vacated "
    "settled fined sentenced",
    "corporate": "founded funded launched acquired hired",
    "commentary": "published",
}
TYPES = frozenset(f"{family}.{word}" for family, text in FAMILIES.items() for word in text.split())
ROLES = frozenset({"subject", "beneficiary", "victim", "investor", "authority", "mentioned"})
TOPICS = frozenset(
    {
        "aeca-debarment",
        "allied-export-controls",
        "antitrust-cn",
        "antitrust-us",
        "audit-access",
        "cn-countermeasures",
        "cn-export-control",
        "cn-market-access",
        "cn-unreliable-entity",
        "competition",
        "corruption",
        "critical-minerals",
        "customs-fraud",
        "cyber-operations",
        "data-security",
        "data-transfer",
        "denied-persons",
        "dual-use",
        "economic-espionage",
        "entity-list",
        "eu-export-restrictions",
        "eu-sanctions",
        "export-controls",
        "export-enforcement",
        "fcc-covered-list",
        "forced-labour",
        "foreign-investment-review",
        "geopolitical-commentary",
        "ict-supply-chain",
        "military-end-use",
        "military-end-user",
        "military-research",
        "nonproliferation-sanctions",
        "ns-cmic",
        "ofac-sdn",
        "outbound-investment",
        "sanctions-commentary",
        "sanctions-enforcement",
        "sanctions-evasion",
        "section-1260h",
        "section-889",
        "semiconductor-equipment",
        "ssi",
        "supercomputer-end-use",
        "tariffs",
        "trade-defence",
        "trade-secrets",
        "uflpa",
        "uk-sanctions",
        "un-sanctions",
        "unverified-list",
        "withhold-release-order",
    }
)
SUBJECTS = frozenset(
    {
        "material:gallium",
        "material:germanium",
        "product:connected-vehicles",
        "product:electric-cars",
        "product:machinery",
        "sector:ai",
        "sector:medical-devices",
        "sector:server-chips",
        "technology:ai",
        "technology:ai-chips",
        "technology:lithography",
        "technology:semiconductor-equipment",
        "technology:supercomputing",
    }
)
COUNTRY = re.compile("country:[a-z]{2}")

KINDS: Mapping[str, frozenset[str]] = {
    "event type": TYPES,
    "role": ROLES,
    "topic": TOPICS,
    "subject": SUBJECTS,
}
"""What a rule says words of, and the words there are."""


class Word(NamedTuple):
    """A word that a rule uses."""

    kind: str
    """One of KINDS."""
    word: str

    def known(self, more: Collection[str] = ()) -> bool:
        """Whether the vocabulary, or `more` words of this kind, have it."""
        if self.kind == "subject" and COUNTRY.fullmatch(self.word):
            return True
        return self.word in KINDS[self.kind] or self.word in more

    def unusual(self) -> str:
        """Return that it is in no vocabulary, with the word that may be meant."""
        hint = did_you_mean(self.word, KINDS[self.kind])
        return (
            f"{self.word!r} is no {self.kind} used so far"
            f"{hint or ': leave it if it is meant to be new'}"
        )
