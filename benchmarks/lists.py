"""Figures of lists: the next copy of a long one, with a few changes, against reading it as CSV."""

from __future__ import annotations

import csv
import random
from collections.abc import Sequence
from pathlib import Path

from benchmarks.measure import RUNS, cpu, open_at, show

ROWS = 12_000
CHANGES = 30
PROGRAMMES = ("CUBA", "SDGT] [IFSR", "RUSSIA-EO14024", "SDNTK", "IRAN] [NPWMD] [IFSR")


def measure(folder: Path, rules: Path) -> None:
    """Ingest one copy after another, each with ten entries new, ten amended and ten gone."""
    lots = random.Random(6)
    rows = [_row(lots, number) for number in range(1, ROWS + 1)]
    fresh = ROWS
    figures, limits, same = [], [], []
    with open_at(folder / "lists.db", rules) as monitor:
        monitor.ingest(_copy(folder, rows), source="ofac-sdn", dated="2024-01-01")
        for run in range(RUNS):
            for place in lots.sample(range(len(rows)), CHANGES // 3):
                rows[place] = [*rows[place][:-1], _remarks(lots)]
            for place in sorted(lots.sample(range(len(rows)), CHANGES // 3), reverse=True):
                del rows[place]
            for _ in range(CHANGES // 3):
                fresh += 1
                rows.append(_row(lots, fresh))
            file = _copy(folder, rows)
            dated = f"2024-01-{run + 2:02}"
            figures.append(
                cpu(lambda: monitor.ingest(file, source="ofac-sdn", dated=dated))  # noqa: B023
            )
            limits.append(cpu(lambda: [_read(file) for _ in range(2)]))  # noqa: B023
            same.append(
                cpu(lambda: monitor.ingest(file, source="ofac-sdn", dated=dated))  # noqa: B023
            )
    what = "reading it twice by csv"
    show("next copy of a list", figures, limits, ROWS, what, "at most 3")
    show("the same copy again", same, limits, ROWS, what, "")


def _read(file: Path) -> int:
    with file.open(encoding="utf-8", newline="") as stream:
        return sum(1 for _ in csv.reader(stream))


def _copy(folder: Path, rows: Sequence[Sequence[str]]) -> Path:
    file = folder / "sdn.csv"
    quoted = ('"{}","{}",{},"{}",' + "-0- ," * 7 + '"{}"').format
    file.write_text("\r\n".join(quoted(*row) for row in rows) + "\r\n\x1a", "utf-8")
    return file


def _row(lots: random.Random, number: int) -> list[str]:
    kind = lots.choice(("individual", "individual", "vessel", "-0- ", "-0- "))
    name = " ".join(_word(lots) for _ in range(lots.randint(2, 5))).upper()
    return [str(number), name, kind, lots.choice(PROGRAMMES), _remarks(lots)]


def _remarks(lots: random.Random) -> str:
    """Return remarks as long as those of the list are: 230 characters on average."""
    return "; ".join(_word(lots) for _ in range(lots.randint(10, 50))) + "."


def _word(lots: random.Random) -> str:
    return "".join(lots.choices("abcdefghiklmnoprstuvwz", k=lots.randint(3, 10)))
