"""What to do with unknown labels of tasks of which mainly the positives were recorded.

    python benchmarks/presence_only.py --shared ../shared --results presence.csv

Tables with complete labels pass through a frozen backbone once. For each seed, a share of the
negatives of the training examples is hidden, and none or half of the positives. Linear heads are
solved with the unknown labels ignored, as a "no" of several weights, and as a full "no". The scores
are macro AUCs on test examples whose labels are all known; differences from the head that has all
labels are paired, with 95 % intervals of Student's t over the seeds. Rows of the CSV file are not
measured again.
"""

import argparse
from pathlib import Path

import numpy as np
import pandas as pd
import scipy.special
from frozen_common import print_table
from gap_bench import tables
from gap_bench.tables import Table
from scipy import stats

from kerastl.evaluation.scores import score_split
from kerastl.training.exact_head.solver import solve_head

WEIGHTS = (0.0, 0.01, 0.03, 0.1, 0.3, 1.0)  # of unknown labels as "no"
NEGATIVES_HIDDEN = (0.1, 0.5, 0.9, 1.0)
POSITIVES_HIDDEN = (0.0, 0.5)
KEYS = ["table", "seed", "positives", "negatives", "weight"]
COMPLETE = -1.0  # in the place of a weight: all labels are known


def auc(train: Table, test: Table, labels: np.ndarray, weight: float) -> float:
    """Returns the macro AUC of heads that are solved on these labels of the training examples."""
    head = solve_head(train.features, labels, groups=train.groups, unknown_weight=max(weight, 0.0))
    probabilities = scipy.special.expit(test.features @ head.kernel + head.bias)
    scores = score_split(test.labels, probabilities, test.tasks, dict.fromkeys(test.tasks, 0.5))
    return scores.macro.auc


def measure(name: str, table: Table, seed: int, done: pd.DataFrame, path: Path) -> pd.DataFrame:
    """Adds what is missing for one table and seed; returns all results."""
    train, test = table.parts(seed)
    chance = np.random.default_rng(seed).random(train.labels.shape)
    cases = [(0.0, 0.0, COMPLETE)] + [
        (positives, negatives, weight)
        for positives in POSITIVES_HIDDEN
        for negatives in NEGATIVES_HIDDEN
        for weight in WEIGHTS
    ]
    known = set(done[KEYS].itertuples(index=False, name=None))
    for positives, negatives, weight in cases:
        key = (name, seed, positives, negatives, weight)
        if key in known:
            continue
        hidden = chance < np.where(train.labels == 1, positives, negatives)
        found = auc(train, test, np.where(hidden, np.nan, train.labels), weight)
        row = pd.DataFrame([(*key, found)], columns=[*KEYS, "auc"])
        done = row if done.empty else pd.concat([done, row])
        done.to_csv(path, index=False)
    return done


def print_tables(results: pd.DataFrame) -> None:
    """Prints the differences from complete labels, a table in Markdown per data set."""
    for name, one in results.groupby("table", sort=False):
        by_seed = one[one["weight"] == COMPLETE].set_index("seed")["auc"]
        print(f"\n{name}: all labels {by_seed.mean():.4f}, {len(by_seed)} seeds\n")
        rows = []
        for (positives, negatives), cell in one[one["weight"] != COMPLETE].groupby(KEYS[2:4]):
            row = [f"{1 - positives:.0%}", f"{1 - negatives:.0%}"]
            for weight in WEIGHTS:
                found = cell[cell["weight"] == weight].set_index("seed")["auc"] - by_seed
                reach = stats.t.ppf(0.975, len(found) - 1) * found.std() / np.sqrt(len(found))
                row.append(f"{found.mean():+.3f} ± {reach:.3f}")
            rows.append(row)
        names = ["ignored", *(f"{weight:g}" for weight in WEIGHTS[1:-1]), "no"]
        print_table(["positives known", "negatives known", *names], rows)


def main() -> None:
    """Measures and prints the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--shared", type=Path, required=True, help="folder with data/ and weights/")
    parser.add_argument("--tables", nargs="+", choices=tables.NAMES, default=["street", "commands"])
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--results", type=Path, required=True, help="CSV file, read and written")
    arguments = parser.parse_args()
    path = arguments.results
    results = pd.read_csv(path) if path.is_file() else pd.DataFrame(columns=[*KEYS, "auc"])
    loaded = {name: tables.load(name, arguments.shared) for name in arguments.tables}
    for seed in range(arguments.seeds):
        for name, table in loaded.items():
            if isinstance(table, str):
                print(f"{name} is skipped: {table}")
            else:
                results = measure(name, table.frequent(), seed, results, path)
    print_tables(results)


if __name__ == "__main__":
    main()
