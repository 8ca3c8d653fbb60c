r"""What unknown labels cost, and what each way of treating them gives, on real street photos.

    python benchmarks/unknown_labels.py --data PATH/street --weights PATH/mobilenet_v2.weights.h5 \
        --chest PATH/chest_nih64/chest.csv

Features of a frozen MobileNetV2 are computed once; then only heads are solved. Scores are macro
AUCs on the test photos, all of whose labels are known.
"""

import argparse
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from frozen_common import file_inputs
from simulations.missingness import examine, remove, summarize

from kerastl.config import ColumnSplit, DataConfig
from kerastl.data.tables.examples import Examples
from kerastl.data.tables.loading import load_table
from kerastl.evaluation.differences import ReplicatedScore, paired_difference, replicated_auc
from kerastl.evaluation.intervals import Bootstrap, Draws
from kerastl.evaluation.scores import score_split
from kerastl.training.exact_head.solver import solve_head

TASKS = ("person", "car", "stop_sign", "traffic_light")
FINDINGS = (
    "atelectasis",
    "cardiomegaly",
    "consolidation",
    "edema",
    "effusion",
    "emphysema",
    "fibrosis",
    "infiltration",
    "mass",
    "nodule",
    "pleural_thickening",
    "pneumonia",
    "pneumothorax",
    "abnormal",
    "male",
    "view_ap",
    "age_over_60",
)
FEWEST_ROWS = 10
KNOWN_AND_RATIO = ((0.6, 1.0), (0.6, 1.5), (0.4, 1.5), (0.4, 2.0))


def main() -> None:
    """Runs the experiments and prints their tables in Markdown."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder with street.csv")
    parser.add_argument("--weights", type=Path, required=True, help="MobileNetV2 1.0, no top")
    parser.add_argument("--input-size", type=int, default=160)
    parser.add_argument("--unknown", type=float, default=0.8)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--features", type=Path, help="folder that keeps the features")
    parser.add_argument("--chest", type=Path, help="a table of radiographs, for the last section")
    arguments = parser.parse_args()
    full = read(arguments.data / "street.csv", TASKS)
    features = features_of(full, arguments)
    parts = full.frame["split"].to_numpy()
    seeds = range(arguments.seeds)
    removed = [remove_at_random(full.labels, parts, arguments.unknown, seed) for seed in seeds]
    print(f"## {arguments.unknown:.0%} of the training labels removed at random\n")
    compare(features, full.labels, removed, parts)
    print("\n## Half of the training labels unknown, as the table has them\n")
    half = read(arguments.data / "street_half_unknown.csv", TASKS).labels
    compare(features, full.labels, [half], parts)
    print("\n## Removed at random, or not\n")
    print("share can be known, warning, estimate, known labels alone, in the interval\n")
    estimate_shares_of(full, features, arguments.seeds)
    if arguments.chest is not None:
        chest = read(arguments.chest, FINDINGS, group="patient")
        estimate_shares_of(chest, features_of(chest, arguments), arguments.seeds)


def read(path: Path, tasks: tuple[str, ...], group: str | None = None) -> Examples:
    """Reads one of the tables."""
    split = ColumnSplit(column="split")
    return load_table(DataConfig(table=path, image="path", tasks=tasks, split=split, group=group))


def features_of(table: Examples, arguments: argparse.Namespace) -> np.ndarray:
    """Returns the features of all images, `(images, 1280)`."""
    kept = None if arguments.features is None else arguments.features / f"{len(table.paths)}.npy"
    if kept is not None and kept.is_file():
        return np.load(kept)
    from kerastl.features.source import FeatureSource
    from kerastl.heads.builder import build_model, find_layer

    model = build_model(
        "applications:mobilenet_v2",
        TASKS,
        weights=str(arguments.weights),
        input_size=arguments.input_size,
    )
    inputs = file_inputs(table.paths, size=arguments.input_size)
    features = FeatureSource(engine="keras").extract(find_layer(model).model, inputs).values
    if kept is not None:
        np.save(kept, features)
    return features


def remove_at_random(labels: np.ndarray, parts: np.ndarray, share: float, seed: int) -> np.ndarray:
    """Returns labels of which a share of the training ones is unknown."""
    gone = np.random.default_rng(seed).random(labels.shape) < share
    return np.where(gone & (parts == "train")[:, None], np.nan, labels)


def compare(
    features: np.ndarray, full: np.ndarray, removed: list[np.ndarray], parts: np.ndarray
) -> None:
    """Prints the scores of three treatments and how far the masked one is ahead."""
    train, test = parts == "train", parts == "test"
    scores: Mapping[str, list[np.ndarray]] = {"masked": [], "blanks as no": [], "rows dropped": []}
    kept = []
    for labels in removed:
        given = labels[train]
        complete = ~np.isnan(given).any(axis=1)
        kept.append(int(complete.sum()))
        scores["masked"].append(fit(features, train, given)[test])
        scores["blanks as no"].append(fit(features, train, np.nan_to_num(given))[test])
        scores["rows dropped"].append(
            fit(features, train, np.where(complete[:, None], given, np.nan))[test]
        )
    draws = Draws(Bootstrap(groups=np.arange(test.sum())))
    known = int((~np.isnan(removed[0][train])).sum())
    print(
        f"{train.sum()} training photos, {known} of {train.sum() * len(TASKS)} labels known in "
        f"the first seed, complete rows: {kept}; {test.sum()} test photos\n"
    )
    print("| treatment | macro AUC by seed | mean | masked is ahead by (95 % interval) |")
    print("|---|---|---|---|")
    for name, found in scores.items():
        values = [macro_auc(full[test], one) for one in found]
        ahead = paired_difference(
            replicated(full[test], scores["masked"], draws),
            replicated(full[test], found, draws),
        )
        low, high = ahead.interval
        text = "" if name == "masked" else f"{ahead.value:+.3f} ({low:+.3f} to {high:+.3f})"
        listed = " ".join(f"{value:.3f}" for value in values)
        print(f"| {name} | {listed} | {np.mean(values):.3f} | {text} |")


def fit(features: np.ndarray, train: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Returns the logits of all photos; 0 for a task of which nothing can be learned."""
    rows = ~np.isnan(labels).all(axis=1)
    logits = np.zeros((len(features), labels.shape[1]))
    if rows.sum() < FEWEST_ROWS:
        return logits
    head = solve_head(features[train][rows], labels[rows], groups=None)
    found = features @ head.kernel + head.bias
    learnable = [len(np.unique(c[~np.isnan(c)])) == 2 for c in labels.T]
    return np.where(learnable, found, logits)


def replicated(
    labels: np.ndarray, scores: list[np.ndarray], draws: Draws
) -> list[list[ReplicatedScore]]:
    """Returns the AUC of each training and task."""
    return [
        [replicated_auc(labels[:, i], one[:, i], draws) for i in range(len(TASKS))]
        for one in scores
    ]


def macro_auc(labels: np.ndarray, logits: np.ndarray) -> float:
    """Returns the macro AUC."""
    probabilities = 1 / (1 + np.exp(-logits))
    scores = score_split(labels, probabilities, TASKS, dict.fromkeys(TASKS, 0.5))
    return scores.macro.auc


def estimate_shares_of(table: Examples, features: np.ndarray, seeds: int) -> None:
    """Prints what a run finds if positives of each task are known more often than negatives."""
    rows = np.flatnonzero(table.frame["split"] == "train")
    labels = table.labels[rows]
    groups = None if table.groups is None else table.groups[rows]
    for known, ratio in KNOWN_AND_RATIO:
        found = []
        for seed in range(seeds):
            removed = remove(np.random.default_rng(seed), labels, ratio=ratio, known=known)
            found += [[one] for one in examine(features[rows], removed, groups, seed)]
        truths = np.tile(labels.mean(axis=0), seeds)[:, None]
        (cell,) = summarize(found, truths)
        print(f"{len(rows)} examples, negatives {known:.0%} known, ratio {ratio}: {cell}")


if __name__ == "__main__":
    main()
