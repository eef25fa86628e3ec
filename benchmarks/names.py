"""How names meet companies: what is asked, what is measured, and the command, a figure a line.

Measured on the development part of the labelled names in `../shared/data`. "In-sample" is a
threshold chosen on the very pairs that it is measured on. "Consistent labels" leave out what the
watchlist's labels contradict: some names there stand under another company's id. The trees that
ship were fitted on these very pairs, and thresholds set on them: `python -m benchmarks.fit_names`
has the figures of trees that saw neither company of a pair. Times are CPU
seconds: the median of five parts of the pairs or queries, each seen once, so that nothing is
answered from a cache; other libraries take their turns with ours on the same parts.

By itself: `python -m benchmarks.names [PART ...] [--names N]`. Parts: folds, pairs, siblings,
watchlist, cases, million (the watchlist among made names, N in all); default all.
"""

from __future__ import annotations

import argparse
import itertools
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

import numpy as np

from benchmarks import names_workload
from benchmarks.measure import RUNS, cpu
from benchmarks.names_pairs import Row, forget, quality, scored
from benchmarks.names_workload import DATA, labelled
from riskmon import names as naming
from riskmon.model import Company
from riskmon.names import Names, compare
from riskmon.naming.index import Index
from riskmon.naming.written import written
from riskmon.resolution import Resolution

MILLION = 1_000_000
FIRST = 30
"""Candidates that the index is asked for."""
LATIN = {"formatting", "legal_form", "spelling", "partial", "reworded"}
"""Kinds of queries in Latin script; the others are Japanese and Chinese."""


def measure(size: int, parts: Sequence[str]) -> None:
    """Print the table, or parts of it; `size` is how many names the last part has."""
    if not (DATA / "matching").is_dir():
        print(f"names: skipped, needs the labelled names in {DATA}")
        return
    print(f"{'figure':<72} {'asked':>10} {'measured':>12}   command")
    for part, call in PARTS.items():
        for name, measured, asked, decimals in call(size) if part in parts else ():
            shown = f"{measured:,.{decimals}f}"
            command = f"python -m benchmarks.names {part}"
            print(f"{name:<72} {asked:>10} {shown:>12}   {command}", flush=True)


class Figure(NamedTuple):
    """One line of the table."""

    name: str
    measured: float
    asked: str = ""
    decimals: int = 4


Figures = Iterator[Figure]


def folds() -> Figures:
    """Tell them by trees that saw neither company of a pair: what is to be expected."""
    try:
        from benchmarks import fit_names  # noqa: PLC0415 (catboost may not be installed)
    except ImportError as error:
        print(f"out of fold: skipped, not installed here ({error})", flush=True)
        return
    rows, count, prepared = fit_names.prepared()
    same, scores = prepared.same[:count], fit_names.crossed(rows, prepared)[:count]
    told = quality(same, scores)
    halves = np.where(same, scores, -np.inf) >= 0, np.where(same, -np.inf, scores) >= 0
    hits, wrong = int(halves[0].sum()), int(halves[1].sum())
    yield Figure(f"riskmon, out of fold: F1, the best; {count:,} pairs", told.f1, ">= .92")
    yield Figure("riskmon, out of fold: F1 at 0.5", 2 * hits / (hits + wrong + same.sum()))
    yield Figure("riskmon, out of fold: average precision", told.average_precision, ">= .975")
    yield Figure("riskmon, out of fold: recall at precision .99", told.recall, ">= .65")


def pairs() -> Figures:
    """Tell the pairs of Latin names that are the same company, beside other libraries."""
    same, found = scored([row for row in labelled("matching/dev.csv") if row["group"] == "main"])
    number = f"{len(same):,} pairs"
    for name, (scores, cost) in found.items():
        told = quality(same, scores)
        yield Figure(f"{name}, in-sample: F1; {number}", told.f1)
        yield Figure(f"{name}, in-sample: average precision", told.average_precision)
        yield Figure(f"{name}, in-sample: recall at precision .99", told.recall)
        yield Figure(f"{name}: us a pair", cost, decimals=1)
    yield Figure("always same: F1", quality(same, np.ones(len(same))).f1)


def siblings() -> Figures:
    """Count the numbered siblings that are taken for each other."""
    dev = labelled("matching/dev.csv")
    main = [row for row in dev if row["group"] == "main"]
    numbered = [row for row in main if row["kind"] == "neg_number"]
    scores = np.array([compare(row["name_a"], row["name_b"]) for row in numbered])
    accept = getattr(naming, "ACCEPT", None)
    what = "the threshold of Names"
    if accept is None:
        same, found = scored(main)
        accept, what = quality(same, found["riskmon"][0]).threshold, "that of the best F1"
    name = f"numbered siblings with compare >= {accept:.3f}, {what}; of {len(numbered)}"
    yield Figure(name, int((scores >= accept).sum()), "0", 0)
    wrong = _taken_for_siblings(numbered)
    yield Figure(f"one resolved to the other by Names; of {2 * len(numbered)}", wrong, "0", 0)


def _taken_for_siblings(numbered: list[Row]) -> int:
    """Return how many resolve to their sibling, it being on the watchlist and they not."""
    ways = [(row["id_a"], row["name_a"], row["id_b"], row["name_b"]) for row in numbered]
    left = ways + [(*way[2:], *way[:2]) for way in ways]
    wrong = 0
    while left:  # as many at once as do not hide each other's siblings
        told: dict[str, str] = {}
        asked: dict[str, str] = {}
        now = []
        for way in left:
            one, name, other, query = way
            if one not in asked and other not in told and told.get(one, name) == name:
                told[one], asked[other] = name, query
                now.append(way)
        left = [way for way in left if way not in now]
        listed = {row["id"]: row["name"] for row in labelled("matching/watchlist.csv")} | told
        companies = [Company(id=i, name=name) for i, name in listed.items() if i not in asked]
        found = Names(companies)
        wrong += sum(found.resolve([query]).company == one for one, _, _, query in now)
    return wrong


def watchlist() -> Figures:
    """Find the queries' companies on the watchlist, by the index and from end to end."""
    listed, queries = labelled("matching/watchlist.csv"), labelled("matching/queries.csv")
    sound, sound_queries, doubts = names_workload.consistent(listed, queries)
    for name, count in doubts.items():
        yield Figure(f"labels: {name}", count, decimals=0)
    ids, names = _columns(listed)
    yield from _paired(sorted({*names, *itertools.chain(*_sides())}), ">= .985")
    yield from _indexed(ids, names, queries, "")
    asked = (">= .995", ">= .60", ">= .30", "<= .20", ">= 1,000")
    yield from _resolved(ids, names, queries, asked)
    ids, names = _columns(sound)
    both = _indexed(ids, names, sound_queries, ""), _resolved(ids, names, sound_queries, [""] * 5)
    for figure in itertools.chain(*both):
        yield figure._replace(name=f"consistent labels: {figure.name}")


def _sides() -> list[tuple[str, str]]:
    """Return the Latin pairs labelled as the same: either name should find the other."""
    rows = labelled("matching/dev.csv")
    return [
        (row["name_a"], row["name_b"])
        for row in rows
        if row["same"] == "1" and row["group"] == "main"
    ]


def _paired(names: list[str], asked: str) -> Figures:
    """Yield how often one name of a pair finds the other, all of which stand in `names`."""
    pairs = _sides()
    forget()
    index = Index(names)
    places = {name: place for place, name in enumerate(names)}
    found: list[bool] = [False] * len(pairs)

    def ask(part: int) -> None:
        for place in range(part, len(pairs), RUNS):
            name, other = pairs[place]
            near = index.candidates(name, FIRST + 1)  # the first is itself, where it is listed
            near = [one for one in near if one != places.get(name)][:FIRST]
            found[place] = places[other] in near

    rate = _rate(ask, len(pairs))
    what = f"index: of {len(pairs):,} Latin pairs, one found in the first {FIRST} by the other"
    yield Figure(f"{what}; {len(names):,} names", statistics.mean(found), asked)
    yield Figure("index: queries a CPU second", rate, decimals=0)


def _columns(rows: list[Row]) -> tuple[list[str], list[str]]:
    return [row["id"] for row in rows], [row["name"] for row in rows]


def million(size: int) -> Figures:
    """Find them among as many made names as make `size` in all."""
    queries = labelled("matching/queries.csv")
    ids, real = _columns(labelled("matching/watchlist.csv"))
    names = names_workload.names(real, [row["query"] for row in queries], size)
    held, peak = _index_alone(names)
    yield Figure("index: MB it holds (VmRSS), in a process of its own", held, "<= 600", 0)
    yield Figure("index: MB at the most while it is built (VmHWM)", peak, "<= 600", 0)
    ids += [f"made:{number}" for number in range(len(names) - len(real))]
    more = {*itertools.chain(*_sides())} - {*names}
    yield from _paired(list(dict.fromkeys([*names, *sorted(more)])), ">= .95")
    yield from _indexed(ids, names, queries, "")
    yield from _resolved(ids, names, queries, ("", "", "", "", ">= 300"))


def _indexed(ids: list[str], names: list[str], queries: list[Row], asked: str) -> Figures:
    """Yield how often a query's company is among the first, of those that have one."""
    forget()
    start = time.process_time()
    index = Index(names)
    number = f"{len(names):,} names"
    yield Figure(f"index: CPU s to build; {number}", time.process_time() - start, decimals=1)
    present = [row for row in queries if row["expected_id"]]
    found: list[bool] = [False] * len(present)

    def ask(part: int) -> None:
        for place in range(part, len(present), RUNS):
            row = present[place]
            positions = index.candidates(row["query"], FIRST)
            found[place] = row["expected_id"] in {ids[position] for position in positions}

    rate = _rate(ask, len(present))
    what = f"index: recall in the first {FIRST} of {number}"
    latin = [hit for hit, row in zip(found, present, strict=True) if row["kind"] in LATIN]
    yield Figure(f"{what}, Latin", statistics.mean(latin), asked)
    yield Figure(f"{what}, all", statistics.mean(found))
    for kind in sorted({row["kind"] for row in present}):
        hits = [hit for hit, row in zip(found, present, strict=True) if row["kind"] == kind]
        yield Figure(f"index: ... {kind} ({len(hits)})", statistics.mean(hits))
    yield Figure("index: queries a CPU second", rate, decimals=0)


def _resolved(
    ids: list[str], names: list[str], queries: list[Row], asked: Sequence[str]
) -> Figures:
    """Yield what becomes of the queries, those that mean a company and the strangers."""
    companies = [Company(id=i, name=name) for i, name in zip(ids, names, strict=True)]
    forget()
    start = time.process_time()
    found = Names(companies)
    seconds = time.process_time() - start
    answers = [found.resolve([])] * len(queries)

    def ask(part: int) -> None:
        for place in range(part, len(queries), RUNS):
            answers[place] = found.resolve([queries[place]["query"]])

    rate = _rate(ask, len(queries))
    told = list(zip(queries, answers, strict=True))
    accepted = [row["expected_id"] == one.company for row, one in told if one.company]
    present = [(row["expected_id"], one) for row, one in told if row["expected_id"]]
    strangers = [one for row, one in told if not row["expected_id"]]
    right = sum(one.company == expected for expected, one in present)
    review = sum(
        one.company is None and expected in {candidate.company for candidate in one.candidates}
        for expected, one in present
    )
    bothered = sum(one.company is None and bool(one.candidates) for one in strangers)
    precision = sum(accepted) / max(1, len(accepted))
    yield Figure(f"Names: CPU s to build; {len(names):,} names", seconds, decimals=1)
    yield Figure(f"Names: precision of the {len(accepted):,} accepted", precision, asked[0])
    yield Figure(f"Names: accepted, of {len(present):,} present", right / len(present), asked[1])
    yield Figure("Names: sent to review, and among its candidates", review / len(present), asked[2])
    yield Figure(
        f"Names: of {len(strangers)} strangers in review", bothered / len(strangers), asked[3]
    )
    wrong = [(row, one) for row, one in told if one.company and row["expected_id"] != one.company]
    listed = dict(zip(ids, names, strict=True))
    alike = sum(key(row["query"]) == key(listed[one.company or ""]) for row, one in wrong)
    yield Figure(
        f"Names: of {len(wrong)} not as labelled, the same words but for legal form", alike,
        decimals=0,
    )  # fmt: skip
    twice = sum(one.company is None and tied(one) for _, one in present)
    yield Figure("Names: present, but listed twice under two ids", twice / len(present))
    taken = sum(one.company is not None for one in strangers)
    yield Figure("Names: strangers accepted", taken, decimals=0)
    yield Figure("Names: queries a CPU second, end to end", rate, asked[4], 0)


def key(name: str) -> str:
    """Return the words and numbers of a name, sorted, without its legal form."""
    return " ".join(sorted(written(name).key.split()))


def tied(found: Resolution) -> bool:
    """Whether two companies are as good as certain: the lists have one company under two ids."""
    return sum(candidate.score >= CERTAIN for candidate in found.candidates) > 1


CERTAIN = 0.97


def _rate(ask: Callable[[int], None], count: int) -> float:
    """Return how many of `count` queries a CPU second answers, asked in parts: the median."""
    sizes = [len(range(part, count, RUNS)) for part in range(RUNS)]
    return statistics.median(size / cpu(lambda: ask(part)) for part, size in enumerate(sizes))  # noqa: B023


def _index_alone(names: list[str]) -> tuple[float, float]:
    """Return the MB that an index holds, and has at the most, beside its names."""
    with TemporaryDirectory() as folder:
        file = Path(folder) / "names.txt"
        file.write_text("\n".join(" ".join(name.split()) for name in names), "utf-8")
        command = [sys.executable, "-c", ALONE, str(file)]
        done = subprocess.run(command, capture_output=True, check=True, text=True)
    held, peak = map(float, done.stdout.split())
    return held / 1024, peak / 1024


ALONE = r"""
import re, sys
from pathlib import Path
from riskmon.naming.index import Index

def now(field):
    return int(re.search(rf"{field}:\s+(\d+)", Path("/proc/self/status").read_text())[1])

with open(sys.argv[1], encoding="utf-8", newline="\n") as lines:
    names = [line.rstrip("\n") for line in lines]
Index(names[:100]).candidates(names[0], 30)
before = now("VmRSS")
index = Index(names)
index.candidates(names[0], 30)
print(now("VmRSS") - before, now("VmHWM") - before)
"""
"""Not `ru_maxrss`: a child begins with its parent's."""


def cases() -> Figures:
    """Tell nomenklatura's own cases of organisations, beside other libraries."""
    rows = [
        row
        for row in labelled("name_pairs/nomenklatura_cases_dev.csv")
        if row["schema"] != "Person"
    ]
    kept = [row for row in rows if not names_workload.numbered_fund(row)]
    firms = [row for row in kept if row["schema"] != "Vessel"]
    name = f"numbered funds set aside; of {len(rows)} pairs, not persons"
    yield Figure(name, len(rows) - len(kept), "18", 0)
    for what, some in (("not persons", kept), ("and no vessels", firms)):
        same, found = scored(some)
        for name, (scores, _) in found.items():
            told = quality(same, scores)
            half = float(((scores >= 0.5) == same).mean())
            asked = ">= .88" if name == "riskmon" else ""
            best = f"threshold in-sample; {len(same)} {what}"
            yield Figure(f"{name}: accuracy, {best}", told.accuracy, asked)
            yield Figure(f"{name}: accuracy at 0.5", half)
            yield Figure(f"{name}: F1, threshold in-sample", told.f1)


PARTS: dict[str, Callable[[int], Figures]] = {
    "folds": lambda _: folds(),
    "pairs": lambda _: pairs(),
    "siblings": lambda _: siblings(),
    "watchlist": lambda _: watchlist(),
    "cases": lambda _: cases(),
    "million": million,
}


def main() -> None:
    """Print the table, or parts of it."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.names", description=__doc__)
    parser.add_argument("parts", nargs="*", metavar="PART", default=list(PARTS))
    parser.add_argument("--names", type=int, default=MILLION, help="(default: 1,000,000)")
    arguments = parser.parse_args()
    measure(arguments.names, arguments.parts)


if __name__ == "__main__":
    main()
