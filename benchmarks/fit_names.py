"""Fit how names are compared, from the development part of the labelled names.

    python -m benchmarks.fit_names             figures of ten folds, no entity in two of them
    python -m benchmarks.fit_names --write     and write riskmon/naming/{words,model}.json

`words.json` says how telling a word is: the logarithm of how rare it is among the names of the
watchlist, the pairs, the SEC's and GLEIF's lists. `model.json` holds the trees.
"""

from __future__ import annotations

import argparse
import csv
import json
import math
import random
from collections import defaultdict
from pathlib import Path
from zlib import crc32

import numpy as np
from catboost import CatBoostClassifier

from benchmarks.names_pairs import quality
from riskmon.naming import pairs, written
from riskmon.naming.index import Index
from riskmon.naming.trees import SIBLINGS

DATA = Path("../shared/data")
NAMING = Path("riskmon/naming")
FOLDS, SEEDS = 10, 2
STRANGER = 0.1
"""What a pair that the index found counts, beside a labelled one."""
LEAST_NAMES = 4
"""Words in fewer names are all taken for as telling."""
UNIT = 10_000
SETTINGS = {
    "iterations": 500, "depth": 6, "learning_rate": 0.05, "l2_leaf_reg": 8, "rsm": 0.3,
    "bootstrap_type": "MVS", "subsample": 0.5, "border_count": 32, "verbose": 0, "allow_writing_files": False, "thread_count": 2,
}  # fmt: skip


def rows() -> list[dict[str, str]]:
    """Return the labelled pairs in Latin script."""
    with (DATA / "matching/dev.csv").open(encoding="utf-8") as file:
        return [row for row in csv.DictReader(file) if row["group"] == "main"]


def words() -> dict[str, float]:
    """Return how telling each word is that stands in `LEAST_NAMES` names or more."""
    names: dict[str, str] = {}
    with (DATA / "matching/watchlist.csv").open(encoding="utf-8") as file:
        names |= {row["name"]: row["id"] for row in csv.DictReader(file)}
    for row in rows():
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


def strangers(labelled: list[dict[str, str]]) -> list[dict[str, str]]:
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
        near = [listed[place] for place in index.candidates(name, 30)]
        for first, last in ((3, 8), (8, 30)):  # the nearest may be the same, of another list
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


def folds(labelled: list[dict[str, str]], round_: int) -> tuple[np.ndarray, np.ndarray]:
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
    found = [[crc32(f"{round_}{first(one)}".encode()) % FOLDS for one in pair] for pair in sides]
    return tuple(np.array(found).T)


def fitted(
    given: np.ndarray, same: np.ndarray, weight: np.ndarray, seed: int
) -> CatBoostClassifier:
    """Return trees fitted to features and labels."""
    return CatBoostClassifier(random_seed=seed, **SETTINGS).fit(given, same, sample_weight=weight)


def crossed(
    rows: list[dict[str, str]], given: np.ndarray, same: np.ndarray, weight: np.ndarray
) -> np.ndarray:
    """Return a score for each pair from trees that saw neither of its entities."""
    total = np.zeros(len(same))
    for seed in range(SEEDS):
        a, b = folds(rows, 0)
        for fold in range(FOLDS):
            seen = (a != fold) & (b != fold)
            model = fitted(given[seen], same[seen], weight[seen], seed)
            asked = a == fold
            total[asked] += model.predict(given[asked], prediction_type="RawFormulaVal")
    numbers = given[:, pairs.FEATURES.index("numbers")] >= pairs.NUMBER_MORE
    return np.where(
        numbers, np.minimum(total / SEEDS, math.log(SIBLINGS / (1 - SIBLINGS))), total / SEEDS
    )


def model(given: np.ndarray, same: np.ndarray, weight: np.ndarray) -> str:
    """Return the trees of all seeds as JSON."""
    feature, border, leaves, bias = [], [], [], 0.0
    path = Path("/tmp/model.json")  # noqa: S108 (catboost writes files only)
    for seed in range(SEEDS):
        fitted(given, same, weight, seed).save_model(str(path), format="json")
        told = json.loads(path.read_text("utf-8"))
        bias += told["scale_and_bias"][1][0] / SEEDS
        for tree in told["oblivious_trees"]:
            splits, values = tree["splits"], tree["leaf_values"]
            lacking = SETTINGS["depth"] - len(splits)  # questions that are never answered yes
            feature.append([split["float_feature_index"] for split in splits] + [0] * lacking)
            border.append([float(f"{split['border']:.6g}") for split in splits] + [1e30] * lacking)
            leaves.append([round(value * UNIT / SEEDS) for value in values])
            leaves[-1] += [0] * (2 ** SETTINGS["depth"] - len(values))
    fields = {"feature": feature, "border": border, "leaves": leaves}
    lines = ['"features": ' + json.dumps(pairs.FEATURES), f'"bias": {bias:.6f}', f'"unit": {UNIT}']
    lines += [
        f'"{name}": [\n' + ",\n".join(json.dumps(row, separators=(",", ":")) for row in rows) + "]"
        for name, rows in fields.items()
    ]
    return "{" + ",\n".join(lines) + "}\n"


def main() -> None:
    """Print the figures of the folds, and write what was fitted."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", action="store_true")
    arguments = parser.parse_args()
    if arguments.write:
        text = json.dumps(words(), indent=0)
        (NAMING / "words.json").write_text(text + "\n", "utf-8")
        written.WEIGHTS.clear()
        written.WEIGHTS.update(json.loads(text))
    labelled = rows()
    every = labelled + strangers(labelled)
    given = np.array(
        [pairs.features(written.read(row["name_a"]), written.read(row["name_b"])) for row in every]
    )
    same = np.array([row["same"] == "1" for row in every])
    weight = np.where(np.arange(len(every)) < len(labelled), 1.0, STRANGER)
    scores = crossed(every, given, same, weight)
    count = len(labelled)
    print(quality(same[:count], scores[:count]))
    if arguments.write:
        (NAMING / "model.json").write_text(model(given, same, weight), "utf-8")


if __name__ == "__main__":
    main()
