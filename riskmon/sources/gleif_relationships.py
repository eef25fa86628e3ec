"""Owners by GLEIF, level 2: the relationship file of the golden copy as CSV.

A company that is consolidated by another, directly or ultimately, is held by it: the share is the
percentage that the file gives, else one half. That is a judgement: accounts are consolidated
where there is control, and one half is the least that control usually means. Percentages up to 1
are read as fractions: files have had `1.00` for the whole as well as `100`, and nobody
consolidates what it holds one hundredth of.

The direct and the ultimate parent may be the same company: then only the direct relationship is
told. Ultimate ones wait for the end of the file, therefore. Relationships of funds (managed by,
sub-fund of, feeder to) and of branches are no ownership and are skipped, and so are those that
were annulled or are registered as duplicates. The columns that are not named below are not read.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any, BinaryIO

from riskmon.errors import Problem
from riskmon.formats import table
from riskmon.identifiers import canonical
from riskmon.model import Holding, Row
from riskmon.validation import check, shown

COMPANY, OWNER = "Relationship.StartNode.NodeID", "Relationship.EndNode.NodeID"
TYPE, STATUS = "Relationship.RelationshipType", "Relationship.RelationshipStatus"
REGISTRATION = "Registration.RegistrationStatus"
IN_ERROR = {"ANNULLED", "DUPLICATE"}
DIRECT, ULTIMATE = "IS_DIRECTLY_CONSOLIDATED_BY", "IS_ULTIMATELY_CONSOLIDATED_BY"
OTHERS = {
    "IS_FUND-MANAGED_BY",
    "IS_SUBFUND_OF",
    "IS_FEEDER_TO",
    "IS_INTERNATIONAL_BRANCH_OF",
}
NUMBERS = range(1, 6)
"""The file has five periods and five quantifiers a relationship."""
AMOUNT = re.compile(r"\d{1,3}(\.\d{1,20})?", re.ASCII)
CONTROL = 0.5
MOST_HOLDINGS = 1_000_000
"""Four times those of 2026; one pair of companies each is remembered."""


def read(stream: BinaryIO) -> Iterator[Row]:
    """Yield a holding for each relationship of ownership: direct ones, then ultimate ones."""
    direct: set[tuple[str, str]] = set()
    waiting: list[tuple[tuple[str, str], Row]] = []
    for line, raw, cells in table.rows(stream, _columns):
        if isinstance(cells, list):
            yield Row(line, raw, cells)
            continue
        if cells[TYPE] in OTHERS or cells.get(REGISTRATION, "").upper() in IN_ERROR:
            continue
        row = Row(line, raw, _holding(cells))
        if not isinstance(row.told, Holding):
            yield row
        elif len(direct) + len(waiting) == MOST_HOLDINGS:
            reason = f"expected at most {MOST_HOLDINGS:,} holdings: is this GLEIF's file?"
            yield Row(line, raw, [Problem(reason)])
            return
        elif cells[TYPE] == ULTIMATE:
            waiting.append(((row.told.company, row.told.owner), row))
        else:
            direct.add((row.told.company, row.told.owner))
            yield row
    yield from (row for pair, row in waiting if pair not in direct)


def _columns(header: Sequence[str]) -> list[Problem]:
    return table.missing(header, (COMPANY, OWNER, TYPE, STATUS))


def _holding(cells: table.Cells) -> Holding | list[Problem]:
    data: dict[str, Any] = {}
    problems: list[Problem] = []
    for field, column in (("company", COMPANY), ("owner", OWNER)):
        try:
            data[field] = f"lei:{canonical('lei', cells[column])}"
        except ValueError as error:
            problems.append(Problem(str(error), field=column))
    if cells[TYPE] not in {DIRECT, ULTIMATE}:
        reason = f"expected a known relationship, got {shown(cells[TYPE])}: has the list changed?"
        problems.append(Problem(reason, field=TYPE))
    if cells[COMPANY] == cells[OWNER]:
        problems.append(Problem("expected another company, got the same", field=OWNER))
    data |= _period(cells)
    if cells[STATUS] != "ACTIVE" and "until" not in data:
        reason = "expected ACTIVE, or an end of the relationship's period, "
        problems.append(Problem(f"{reason}got {shown(cells[STATUS])}", field=STATUS))
    share = _share(cells)
    if isinstance(share, Problem):
        return [*problems, share]
    told = check(Holding, {**data, "share": share}) if not problems else []
    return problems + told if isinstance(told, list) else told


def _period(cells: table.Cells) -> dict[str, str]:
    """Return since when and until when: not of which accounts, nor when it was filed."""
    for number in NUMBERS:
        period = f"Relationship.Period.{number}"
        if cells.get(f"{period}.periodType") == "RELATIONSHIP_PERIOD":
            days = {"since": f"{period}.startDate", "until": f"{period}.endDate"}
            return {field: cells[one] for field, one in days.items() if cells.get(one)}
    return {}


def _share(cells: table.Cells) -> float | Problem:
    """Return the share that the relationship's percentage says, `CONTROL` where it has none."""
    for number in NUMBERS:
        quantifier = f"Relationship.Quantifiers.{number}"
        amount = cells.get(f"{quantifier}.QuantifierAmount", "")
        if cells.get(f"{quantifier}.QuantifierUnits") == "PERCENTAGE" and amount:
            percent = float(amount) if AMOUNT.fullmatch(amount) else 0.0
            if not 0 < percent <= 100:  # noqa: PLR2004 (a hundred in a hundred)
                reason = f"expected a percentage above 0, at most 100, got {shown(amount)}"
                return Problem(reason, field=f"{quantifier}.QuantifierAmount")
            return percent if percent <= 1 else percent / 100
    return CONTROL
