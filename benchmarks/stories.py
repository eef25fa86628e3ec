"""How well stories are coded: precision and recall on the labelled stories of the tests.

A draft is right if its type is, and the label's party has the label's role; where the label names
nobody (measures, commentary), the type is enough. Each label counts once. `dev` stories were built
against. `test` stories were labelled before the code had seen them, and of them only the figures
were looked at; the first 24 are older than the code, the next 12 gave 0.89 and 0.76 at first. The
next 20 of each part, longer and in the manner of more kinds of outlets, gave at first 0.87 and 0.50
(dev), 0.95 and 0.40 (test), where their day was given, and 0.23, 0.24 of them where it was not.
The last 15 of each part, by a third hand, gave at first 0.79 and 0.38 (dev), 0.78 and 0.38 (test):
what a story by a stranger may give. A list of parties of one act is one label; a plea of not guilty
is none; commentary is on law, measures and cases, not on prices.
"""

from __future__ import annotations

import itertools
import json
from collections import Counter
from collections.abc import Collection
from pathlib import Path
from typing import Any, NamedTuple

from riskmon.model import Draft, Event
from riskmon.sources import article

STEPS = (0.0, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0)
LAST = {1: 68, 2: 108, 3: 999}
"""The number of the last story of each hand."""
STORIES = Path(__file__).parent.parent / "tests" / "stories"


class Outcome(NamedTuple):
    """What a part of the stories gave, by type: right, false (drafts), missed (labels)."""

    sure: list[tuple[float, bool]]
    """The confidence of each draft, and whether it is right."""
    right: Counter[str]
    false: list[tuple[str, Event]]
    missed: list[tuple[str, dict[str, Any]]]
    wrong_days: list[tuple[str, Event, str]]

    @property
    def precision(self) -> float:
        """The share of drafts that are right."""
        right = self.right.total()
        return right / (right + len(self.false)) if right else 0.0

    @property
    def recall(self) -> float:
        """The share of labels that are found."""
        right = self.right.total()
        return right / (right + len(self.missed)) if right else 0.0


def drafts(path: Path) -> list[Event]:
    """Return the events that are drafted from a story."""
    with path.open("rb") as stream:
        return [row.told.event for row in article.read(stream) if isinstance(row.told, Draft)]


def fits(event: Event, label: dict[str, Any]) -> bool:
    """Whether a draft is what a label says."""
    if event.type != label["type"]:
        return False
    if label["who"] is None:
        return True
    return any(
        party.name == label["who"] and party.role == label["role"] for party in event.parties
    )


def outcome(part: str, hands: Collection[int] = (1, 2, 3)) -> Outcome:
    """Code the stories of a part, those that some of the three hands wrote, and compare."""
    found = Outcome([], Counter(), [], [], [])
    for number, told in json.loads((STORIES / "labels.json").read_text("utf-8")).items():
        hand = next(one for one, last in LAST.items() if int(number) <= last)
        if told["part"] != part or hand not in hands:
            continue
        left = list(told["events"])
        for event in drafts(STORIES / f"{number}.txt"):
            label = next((one for one in left if fits(event, one)), None)
            found.sure.append((event.attributes["confidence"], label is not None))
            if label is None:
                found.false.append((number, event))
                continue
            left.remove(label)
            found.right[event.type] += 1
            if f"{event.occurred_at:%Y-%m-%d}" != label["occurred_at"]:
                found.wrong_days.append((number, event, label["occurred_at"]))
        found.missed.extend((number, label) for label in left)
    return found


def measure() -> None:
    """Print precision and recall of each part, by hand and together, and of each type in it."""
    for part in ("dev", "test"):
        for hand in LAST:
            one = outcome(part, [hand])
            print(f"{part}, hand {hand}: precision {one.precision:.2f}, recall {one.recall:.2f}")
        told = outcome(part)
        days = told.right.total() - len(told.wrong_days)
        print(
            f"{part}: precision {told.precision:.2f}, recall {told.recall:.2f}, "
            f"days {days} of {told.right.total()} right"
        )
        false = Counter(event.type for _, event in told.false)
        missed = Counter(label["type"] for _, label in told.missed)
        for kind in sorted({*told.right, *false, *missed}):
            right, wrong, lost = told.right[kind], false[kind], missed[kind]
            print(f"  {kind:<24} {right:>3} right {wrong:>3} false {lost:>3} missed")
        for low, high in itertools.pairwise(STEPS):
            inside = [fits for sure, fits in told.sure if low <= sure < high]
            print(f"  confidence {low:.1f} to {high:.1f}: {sum(inside)} of {len(inside)} right")


if __name__ == "__main__":
    measure()
