"""How well the share of positives is estimated if labels of real images are not missing at random.

    python benchmarks/positive_shares.py --shared ../shared

Labels of the training images are removed, so that positives are known more often than negatives.
Printed are the same figures as by `coverage.py missingness`, over all tasks of a table.
"""

import argparse
from pathlib import Path

import numpy as np
from gap_bench import tables
from simulations.missingness import examine, remove, summarize

KNOWN_AND_RATIO = ((0.6, 1.0), (0.6, 1.5), (0.4, 1.5), (0.4, 2.0))


def main() -> None:
    """Prints a line for each table, share of known negatives and ratio."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--shared", type=Path, required=True, help="folder with data/ and weights/")
    parser.add_argument("--seeds", type=int, default=5)
    arguments = parser.parse_args()
    print("share can be known, warning, estimate, known labels alone, in the interval\n")
    for name in ("street", "chest"):
        loaded = tables.load(name, arguments.shared)
        if isinstance(loaded, str):
            print(f"{name} is skipped: {loaded}")
        else:
            estimate_shares_of(loaded.rows(np.flatnonzero(loaded.splits == "train")), arguments)


def estimate_shares_of(table: tables.Table, arguments: argparse.Namespace) -> None:
    """Prints what a run finds if positives of each task are known more often than negatives."""
    for known, ratio in KNOWN_AND_RATIO:
        found = []
        for seed in range(arguments.seeds):
            random = np.random.default_rng(seed)
            removed = remove(random, table.labels, ratio=ratio, known=known)
            found += [[one] for one in examine(table.features, removed, table.groups, seed)]
        truths = np.tile(table.labels.mean(axis=0), arguments.seeds)[:, None]
        (cell,) = summarize(found, truths)
        rows = len(table.labels)
        print(f"{rows} examples, negatives {known:.0%} known, ratio {ratio}: {cell}", flush=True)


if __name__ == "__main__":
    main()
