"""Who is on a list now and was not before: new listings, by the company that they name."""

from __future__ import annotations

import numpy as np

from riskmon.evaluators import Ints
from riskmon.standing import Standing

LISTED, DELISTED = "listing.listed", "listing.delisted"
SUBJECT = "subject"


def touched(standing: Standing, then: Standing) -> Ints:
    """Return the matters of which something was told since, or that name another company now."""
    found: Ints = np.union1d(standing.told.changed(then.position), standing.renamed(then))
    return found


def newly_listed(standing: Standing, then: Standing, matters: Ints) -> dict[str, tuple[str, ...]]:
    """Return the keys of listings that name a company now and did not then, by company.

    A company that was listed already by the same matter is not listed anew: another source tells
    of the same listing. `matters`: those to look at.
    """
    told, rows = standing.told, standing.told.rows_of(matters.tolist())
    place, matter = told.rows["place"], told.rows["matter"]
    before = _naming(then, rows, LISTED)
    named = {(company, place[row]) for company, row in before}
    on_list = _on_list(then, before, rows) if before else set()
    new = [
        (company, row)
        for company, row in _naming(standing, rows, LISTED)
        if (company, place[row]) not in named and (company, matter[row]) not in on_list
    ]
    events = standing.read(np.array([row for _, row in new], np.int64))
    found: dict[str, list[str]] = {}
    for (company, _), event in zip(new, events, strict=True):
        found.setdefault(company, []).append(event.key)
    return {company: tuple(keys) for company, keys in found.items()}


def still_listed(standing: Standing, key: str, company: str) -> bool:
    """Whether the listing under a key stands, and still names a company."""
    source, _, ref = key.partition(":")
    row = standing.told.row_of(source, ref, standing.position)
    if row is None:
        return False
    found = _naming(standing, np.array([row], np.int64), LISTED)
    return company in {one for one, _ in found}


def _on_list(standing: Standing, listed: list[tuple[str, int]], rows: Ints) -> set[tuple[str, int]]:
    """Return company and matter of those that no delisting has followed."""
    matter, occurred = standing.told.rows["matter"], standing.told.rows["occurred"]
    pairs = [(*one, True) for one in listed]
    pairs += [(*one, False) for one in _naming(standing, rows, DELISTED)]
    latest: dict[tuple[str, int], bool] = {}
    for company, row, stands in sorted(pairs, key=lambda one: (occurred[one[1]], one[1])):
        latest[company, matter[row]] = stands
    return {one for one, stands in latest.items() if stands}


def _naming(standing: Standing, rows: Ints, kind: str) -> list[tuple[str, int]]:
    """Return company and row of the events of a type, among `rows`, that stand."""
    told = standing.told
    code = told.types.get(kind)
    if code is None:
        return []
    stand = told.standing(standing.position, rows)
    companies, named = standing.naming_pairs(stand[told.rows["type"][stand] == code], SUBJECT)
    ids = standing.roster.ids
    return [(ids[one], row) for one, row in zip(companies.tolist(), named.tolist(), strict=True)]
