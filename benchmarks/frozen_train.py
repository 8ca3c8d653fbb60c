"""A frozen backbone on street photos: kerastl against the Keras guide, scikit-learn and the floor.

    python benchmarks/frozen_train.py --shared ../shared --rounds 3

Every measurement runs in a process of its own and counts the work after the imports. The rounds
are interleaved, so that a change of the machine meets all alike; ratios are of medians, their range
is that of the ratios within a round. `cold` begins with an empty cache: conversion, decoding,
features, head, scores and report are all in it. `warm` has the features of the cold run.
"""

import argparse
import tempfile
from pathlib import Path
from statistics import median
from typing import Any

from frozen_common import print_table, run_fresh, write_config

GUIDES = ("guide", "guide, Dataset.cache()")
WARM = {
    "warm: another head": ["heads=multi"],
    "warm: two tasks": ["data.tasks=[person, car]"],
    "warm: another seed": ["fit.seed=7"],
}


def one_round(shared: Path, folder: Path, epochs: int) -> dict[str, dict[str, Any]]:
    """Measures everything once."""
    config = str(write_config(folder / "street.yaml", shared))
    cache = folder / "cache"
    place = str(shared)
    found = {
        "guide": run_fresh("guide.py", "--shared", place, "--epochs", str(epochs)),
        "cold": run_fresh("frozen_step.py", "train", config, str(folder / "cold"), cache=cache),
    }
    for number, (name, overrides) in enumerate(WARM.items()):
        output = str(folder / f"warm-{number}")
        found[name] = run_fresh("frozen_step.py", "train", config, output, *overrides, cache=cache)
    found["sweep: 20 regularizations, 4 seeds"] = run_fresh(
        "frozen_step.py", "sweep", place, cache=cache
    )
    found["decoding alone"] = run_fresh("frozen_step.py", "decode", place)
    found["engines alone"] = run_fresh("frozen_step.py", "engine", place)
    found["Keras features and scikit-learn"] = run_fresh("frozen_step.py", "sklearn", place)
    found["guide, Dataset.cache()"] = run_fresh(
        "guide.py", "--shared", place, "--epochs", str(epochs), "--cached"
    )
    return found


def extraction_seconds(cold: dict[str, Any]) -> float:
    """Returns the seconds from the first step of the features to the last feature.

    Where the images are decoded while the engines are made, the passes alone would flatter.
    """
    features = cold["features"]
    return float(sum(features[part]["seconds"] for part in ("training", "scores")))


def report(rounds: list[dict[str, dict[str, Any]]]) -> None:
    """Prints medians and ratios."""
    rows = []
    for name in rounds[0]:
        seconds = [found[name]["seconds"] for found in rounds]
        ratios = [found["guide"]["seconds"] / found[name]["seconds"] for found in rounds]
        auc = next(found[name].get("auc") for found in rounds)
        rows.append(
            (
                name,
                f"{median(seconds):.2f}",
                f"{median(ratios):.1f} ({min(ratios):.1f} to {max(ratios):.1f})",
                "" if auc is None else f"{auc:.4f}",
            )
        )
    print_table(("work after imports", "seconds", "times faster than the guide", "test AUC"), rows)
    floors = [
        found["decoding alone"]["seconds"] + found["engines alone"]["seconds"] for found in rounds
    ]
    shares = [
        extraction_seconds(found["cold"]) / floor
        for found, floor in zip(rounds, floors, strict=True)
    ]
    print(
        f"\nextraction / (decoding alone + engines alone): {median(shares):.2f} "
        f"({min(shares):.2f} to {max(shares):.2f})"
    )
    epoch = [median(found["guide"]["epochs"]) for found in rounds]
    sweep = [found["sweep: 20 regularizations, 4 seeds"]["seconds"] for found in rounds]
    print(f"an epoch of the guide: {median(epoch):.2f} s; the sweep: {median(sweep):.2f} s")
    print("\nsteps of the last cold run, seconds from its begin:", rounds[-1]["cold"]["steps"])
    print("steps of the last warm run:", rounds[-1]["warm: another seed"]["steps"])
    print("features of the last cold run:", rounds[-1]["cold"]["features"])


def main() -> None:
    """Runs the command line of this script."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--shared", type=Path, required=True, help="folder with data/ and weights/")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--epochs", type=int, default=10, help="epochs of the guide")
    arguments = parser.parse_args()
    rounds = []
    for number in range(arguments.rounds):
        with tempfile.TemporaryDirectory(prefix="kerastl-benchmark-") as folder:
            rounds.append(one_round(arguments.shared, Path(folder), arguments.epochs))
        print(f"round {number + 1}:", {k: round(v["seconds"], 2) for k, v in rounds[-1].items()})
    report(rounds)


if __name__ == "__main__":
    main()
