"""Fit how names are compared, from the development part of the labelled names.

    python -m benchmarks.fit_names             figures of ten folds, no entity in two of them
    python -m benchmarks.fit_names --write     and write riskmon/naming/{words,model}.json

`words.json` says how telling a word is: the logarithm of how rare it is among the names of the
watchlist, the pairs, the SEC's and GLEIF's lists. `model.json` holds CatBoost's oblivious trees:
all questions of a level are the same. It needs the extra `benchmarks` and the labelled names in
`../shared/data`, and draws its lots by fixed seeds.
"""

from __future__ import annotations

import argparse
import csv
import json
import math
import random
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple
from zlib import crc32

import numpy as np
from catboost import CatBoostClassifier

from benchmarks.names_pairs import quality
from riskmon.naming import written
from riskmon.naming.index import Index
from riskmon.naming.pairs import FEATURES, NUMBER_MORE, features
from riskmon.naming.trees import SIBLINGS

DATA = Path("../shared/data")
NAMING = Path("riskmon/naming")
FOLDS, SEEDS = 10, 2
"""The trees of all seeds are averaged."""
STRANGER = 0.1
"""What a pair that the index found counts, beside a labelled one."""
LEAST_NAMES = 4
"""Words in fewer names are all taken for as telling."""
NEAREST = ((3, 8), (8, 30))
"""From where strangers are drawn: the nearest may be the same, of another list."""
UNIT = 10_000
"""Leaves are whole numbers of so many to one of log odds."""
DEPTH, NEVER = 6, 1e30
SETTINGS = {
    "iterations": 500, "depth": DEPTH, "learning_rate": 0.05, "l2_leaf_reg": 8, "rsm": 0.3,
    "bootstrap_type": "MVS", "subsample": 0.5, "border_count": 32, "thread_count": 2,
    "verbose": 0, "allow_writing_files": False,
}  # fmt: skip
Row = dict[str, str]


class Pairs(NamedTuple):
    """Pairs of names, ready for fitting; all have as many rows."""

    features: np.ndarray
    same: np.ndarray
    weight: np.ndarray

    def chosen(self, which: np.ndarray) -> Pairs:
        """Return some of them, by a mask."""
        return Pairs(self.features[which], self.same[which], self.weight[which])


def labelled_pairs() -> list[Row]:
    """Return the labelled pairs in Latin script."""
    with (DATA / "matching/dev.csv").open(encoding="utf-8") as file:
        return [row for row in csv.DictReader(file) if row["group"] == "main"]


def words() -> dict[str, float]:
    """Return how telling each word is that stands in `LEAST_NAMES` names or more."""
    names: dict[str, str] = {}
    with (DATA / "matching/watchlist.csv").open(encoding="utf-8") as file:
        names |= {row["name"]: row["id"] for row in csv.DictReader(file)}
    for row in labelled_pairs():
        for side in "ab":
            names.setdefault(row[f"name_{side}"], row[f"id_{side}"] or row[f"name_{side}"])
    tickers = json.loads((DATA / "companies/sec_company_tickers_exchange.json").read_text("utf-8"))
    names |= {row[1]: f"sec:{row[0]}" for row in tickers["data"]}
    with (DATA / "companies/gleif_lei_cn_hk_mo_tw.csv").open(encoding="utf-8") as file:
        names |= {row["Entity.LegalName"]: row["LEI"] for row in csv.DictReader(file)}
    found = defaultdict(set)
    for name, entity in names.items():
        for word in written.read(name).words:
            found[word.text].add(entity)
    total = len(set(names.values()))
    return {
        word: round(math.log(total / len(of)), 2)
        for word, of in sorted(found.items())
        if len(of) >= LEAST_NAMES and word.isascii()
    }


def strangers(labelled: list[Row]) -> list[Row]:
    """Return names beside others of the watchlist that the index finds somewhat like them.

    The labelled pairs are hard ones; these teach that most of what is found is nobody's.
    """
    with (DATA / "matching/watchlist.csv").open(encoding="utf-8") as file:
        listed = list(csv.DictReader(file))
    same = {frozenset((row["name_a"], row["name_b"])) for row in labelled if row["same"] == "1"}
    index, chance = Index([row["name"] for row in listed]), random.Random(3)
    names = {row[f"name_{side}"]: row[f"id_{side}"] for row in labelled for side in "ab"}
    found = []
    for name, entity in sorted(names.items()):
        near = [listed[place] for place in index.candidates(name, NEAREST[-1][1])]
        for first, last in NEAREST:
            others = [
                row
                for row in near[first:last]
                if row["id"] != entity
                and row["name"].isascii()
                and frozenset((name, row["name"])) not in same
            ]
            if others:
                other = chance.choice(others)
                found.append(
                    {"name_a": name, "name_b": other["name"], "id_a": entity, "same": "0"}
                    | {"id_b": other["id"]}
                )
    return found


def folds(labelled: list[Row]) -> tuple[np.ndarray, np.ndarray]:
    """Return the fold of either side of each pair: one entity, by all its names, is in one."""
    of: dict[str, str] = {}

    def first(entity: str) -> str:
        while of.setdefault(entity, entity) != entity:
            entity = of[entity]
        return entity

    sides = [[row[f"id_{side}"] or row[f"name_{side}"] for side in "ab"] for row in labelled]
    for row, (a, b) in zip(labelled, sides, strict=True):
        if row["same"] == "1":
            of[first(a)] = first(b)
    found = [[crc32(f"0{first(one)}".encode()) % FOLDS for one in pair] for pair in sides]
    a, b = np.array(found).T
    return a, b


def fitted(pairs: Pairs, seed: int) -> CatBoostClassifier:
    """Return trees fitted to pairs."""
    trees = CatBoostClassifier(random_seed=seed, **SETTINGS)
    return trees.fit(pairs.features, pairs.same, sample_weight=pairs.weight)


def crossed(rows: list[Row], pairs: Pairs) -> np.ndarray:
    """Return the log odds of each pair from trees that saw neither of its entities.

    Two entities may be in two folds: then both are left out, and nine tenths become eight.
    """
    total = np.zeros(len(rows))
    sides = np.sort(np.column_stack(folds(rows)), axis=1)
    for one, other in np.unique(sides, axis=0).tolist():
        used = np.isin(sides[:, 0], (one, other)) | np.isin(sides[:, 1], (one, other))
        asked = (sides[:, 0] == one) & (sides[:, 1] == other)
        for seed in range(SEEDS):
            trees = fitted(pairs.chosen(~used), seed)
            given = pairs.features[asked]
            total[asked] += trees.predict(given, prediction_type="RawFormulaVal") / SEEDS
    differ = pairs.features[:, FEATURES.index("numbers")] >= NUMBER_MORE
    most = math.log(SIBLINGS / (1 - SIBLINGS))
    return np.where(differ, np.minimum(total, most), total)


def told(trees: CatBoostClassifier) -> dict[str, Any]:
    """Return trees as CatBoost tells them; it writes files only."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / "trees.json"
        trees.save_model(str(path), format="json")
        found: dict[str, Any] = json.loads(path.read_text("utf-8"))
        return found


def model(pairs: Pairs) -> str:
    """Return the trees of all seeds as the JSON that `riskmon.naming.trees` reads."""
    feature: list[list[int]] = []
    border: list[list[float]] = []
    leaves: list[list[int]] = []
    bias = 0.0
    for seed in range(SEEDS):
        trees = told(fitted(pairs, seed))
        bias += trees["scale_and_bias"][1][0] / SEEDS
        for tree in trees["oblivious_trees"]:
            splits, values = tree["splits"], tree["leaf_values"]
            lacking = DEPTH - len(splits)  # questions that are never answered yes
            feature.append([split["float_feature_index"] for split in splits] + [0] * lacking)
            border.append([float(f"{split['border']:.6g}") for split in splits] + [NEVER] * lacking)
            leaves.append([round(value * UNIT / SEEDS) for value in values])
            leaves[-1] += [0] * (2**DEPTH - len(values))
    lines = ['"features": ' + json.dumps(FEATURES), f'"bias": {bias:.6f}', f'"unit": {UNIT}']
    fields: dict[str, Sequence[Sequence[float]]]
    fields = {"feature": feature, "border": border, "leaves": leaves}
    for name, rows in fields.items():
        each = ",\n".join(json.dumps(row, separators=(",", ":")) for row in rows)
        lines.append(f'"{name}": [\n{each}]')
    return "{" + ",\n".join(lines) + "}\n"


def write_words() -> None:
    """Write how telling words are, and read names by it from now on."""
    told = words()
    (NAMING / "words.json").write_text(json.dumps(told, indent=0) + "\n", "utf-8")
    written.WEIGHTS.clear()
    written.WEIGHTS.update(told)
    written.forget()


def prepared() -> tuple[list[Row], int, Pairs]:
    """Return the labelled pairs and strangers, how many are labelled, and both for fitting."""
    labelled = labelled_pairs()
    rows = labelled + strangers(labelled)
    given = [features(written.read(row["name_a"]), written.read(row["name_b"])) for row in rows]
    same = np.array([row["same"] == "1" for row in rows])
    weight = np.where(np.arange(len(rows)) < len(labelled), 1.0, STRANGER)
    return rows, len(labelled), Pairs(np.array(given), same, weight)


def main() -> None:
    """Print the figures of the folds, and write what was fitted."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.fit_names", description=__doc__)
    parser.add_argument("--write", action="store_true")
    arguments = parser.parse_args()
    if arguments.write:
        write_words()
    rows, labelled, pairs = prepared()
    print(quality(pairs.same[:labelled], crossed(rows, pairs)[:labelled]))
    if arguments.write:
        (NAMING / "model.json").write_text(model(pairs), "utf-8")


if __name__ == "__main__":
    main()
