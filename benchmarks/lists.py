"""Figures of lists: the next copy of a long one, with a few changes, against reading it as CSV."""

from __future__ import annotations

import csv
import gzip
import random
from collections.abc import Sequence
from pathlib import Path

from benchmarks.measure import RUNS, cpu, open_at, show

ROWS = 12_000
CHANGES = 30
PROGRAMMES = ("CUBA", "SDGT] [IFSR", "RUSSIA-EO14024", "SDNTK", "IRAN] [NPWMD] [IFSR")
REAL = Path(__file__).parents[2] / "shared" / "data" / "ofac_sdn"


def measure(folder: Path, rules: Path) -> None:
    """Measure on made rows; on those of a real copy of 2023, too, where it is."""
    lots = random.Random(6)
    _next(folder, rules, "made rows", [_row(lots, number) for number in range(1, ROWS + 1)])
    for file in REAL.glob("sdn_2023-02-24*.csv.gz"):
        rows = gzip.decompress(file.read_bytes()).decode("utf-8").rstrip("\x1a").split("\r\n")
        _next(folder, rules, "real rows", [row for row in rows if row][:ROWS])


def _next(folder: Path, rules: Path, what: str, rows: list[str]) -> None:
    """Ingest one copy after another, each with ten entries new, ten amended and ten gone."""
    lots = random.Random(6)
    fresh, count = 10**6, len(rows)
    figures, limits, same = [], [], []
    with open_at(folder / f"{what}.db", rules) as monitor:
        monitor.ingest(_copy(folder, rows), source="ofac-sdn", dated="2024-01-01")
        for run in range(RUNS):
            for place in lots.sample(range(len(rows)), CHANGES // 3):
                number, _, rest = rows[place].partition(',"')
                rows[place] = f'{number},"X{run} {rest}'
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
    limit = f"{what}, reading them twice by csv"
    show("next copy of a list", figures, limits, count, limit, "at most 3")
    show("the same copy again", same, limits, count, limit, "")


def _read(file: Path) -> int:
    with file.open(encoding="utf-8", newline="") as stream:
        return sum(1 for _ in csv.reader(stream))


def _copy(folder: Path, rows: Sequence[str]) -> Path:
    file = folder / "sdn.csv"
    file.write_bytes(("\r\n".join(rows) + "\r\n\x1a").encode())
    return file


def _row(lots: random.Random, number: int) -> str:
    kind = lots.choice(("individual", "individual", "vessel", "-0- ", "-0- "))
    name = " ".join(_word(lots) for _ in range(lots.randint(2, 5))).upper()
    programme, empty = lots.choice(PROGRAMMES), "-0- ," * 7
    return f'{number},"{name}",{kind},"{programme}",{empty}"{_remarks(lots)}"'


def _remarks(lots: random.Random) -> str:
    """Return remarks as long as those of the list are: 230 characters on average."""
    return "; ".join(_word(lots) for _ in range(lots.randint(10, 50))) + "."


def _word(lots: random.Random) -> str:
    return "".join(lots.choices("abcdefghiklmnoprstuvwz", k=lots.randint(3, 10)))
