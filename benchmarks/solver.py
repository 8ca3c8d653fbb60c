"""The exact head at scale: 100,000 examples of 1,280 features, 20 tasks.

    python benchmarks/solver.py [--examples 100000] [--path]

Synthetic features with the spectrum of a network's (a few strong axes, many weak ones), labels by a
logistic model, half of them unknown. Prints the time of one fit at one regularization, with
`--path` also that of choosing it by cross-validation in five folds, and the memory.
"""

import argparse
import time

import numpy as np
from frozen_common import peak_megabytes

from kerastl.training.exact_head.solver import solve_head


def make_problem(num: int, dim: int, tasks: int) -> tuple[np.ndarray, np.ndarray]:
    """Returns features `(examples, dim)` float32 and labels `(examples, tasks)` with gaps."""
    random = np.random.default_rng(0)
    spectrum = 1 / np.sqrt(1 + np.arange(dim))
    mixing = (random.normal(size=(dim, dim)) * spectrum[:, None]).astype(np.float32)
    weights = random.normal(size=(dim, tasks)).astype(np.float32)
    features = np.empty((num, dim), np.float32)
    labels = np.empty((num, tasks))
    for begin in range(0, num, 4096):
        rows = slice(begin, min(begin + 4096, num))
        hidden = random.standard_normal((rows.stop - begin, dim), np.float32)
        features[rows] = np.maximum(hidden @ mixing, 0)
        logits = (hidden * spectrum.astype(np.float32)) @ weights
        labels[rows] = random.random(logits.shape) < 1 / (1 + np.exp(-logits))
    labels[random.random(labels.shape) < 0.5] = np.nan
    return features, labels


def main() -> None:
    """Runs the command line of this script."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--examples", type=int, default=100_000)
    parser.add_argument("--features", type=int, default=1280)
    parser.add_argument("--tasks", type=int, default=20)
    parser.add_argument("--path", action="store_true", help="also choose by cross-validation")
    arguments = parser.parse_args()
    features, labels = make_problem(arguments.examples, arguments.features, arguments.tasks)
    held = peak_megabytes()
    print(f"{features.shape[0]:,} x {features.shape[1]:,}, {labels.shape[1]} tasks; {held:.0f} MB")
    for name, strength in (("one fit", 0.01), ("with cross-validation", "auto")):
        if strength == "auto" and not arguments.path:
            continue
        started = time.perf_counter()
        head = solve_head(features, labels, groups=None, regularization=strength)
        seconds = time.perf_counter() - started
        print(f"{name}: {seconds:.1f} s, at most {peak_megabytes():.0f} MB, {head.strengths[:4]}")


if __name__ == "__main__":
    main()
