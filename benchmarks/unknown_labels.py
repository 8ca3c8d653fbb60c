"""What unknown labels cost, and what each way of treating them gives, on real street photos.

    python benchmarks/unknown_labels.py --data PATH/street --weights PATH/mobilenet_v2.weights.h5

Features of a frozen MobileNetV2 are computed once; then only heads are solved. Every figure is a
macro AUC on the test photos, all of whose labels are known.
"""

import argparse
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from frozen_common import file_inputs

from kerastl.config import ColumnSplit, DataConfig
from kerastl.data.tables.examples import Examples
from kerastl.data.tables.loading import load_table
from kerastl.evaluation.calibration import fit_platt
from kerastl.evaluation.differences import ReplicatedScore, paired_difference, replicated_auc
from kerastl.evaluation.held_out import HeldOutPredictions
from kerastl.evaluation.intervals import Bootstrap, Draws
from kerastl.evaluation.missingness import examine_missingness
from kerastl.evaluation.scores import score_split
from kerastl.training.exact_head.solver import ExactHead, solve_head

TASKS = ("person", "car", "stop_sign", "traffic_light")
FEWEST_ROWS = 10


def main() -> None:
    """Runs the experiments and prints their tables in Markdown."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder with street.csv")
    parser.add_argument("--weights", type=Path, required=True, help="MobileNetV2 1.0, no top")
    parser.add_argument("--input-size", type=int, default=160)
    parser.add_argument("--unknown", type=float, default=0.8)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--features", type=Path, help="npy file that keeps the features")
    arguments = parser.parse_args()
    full = read(arguments.data / "street.csv")
    features = features_of(full, arguments)
    parts = full.frame["split"].to_numpy()
    seeds = range(arguments.seeds)
    removed = [remove_at_random(full.labels, parts, arguments.unknown, seed) for seed in seeds]
    print(f"## {arguments.unknown:.0%} of the training labels removed at random\n")
    compare(features, full.labels, removed, parts)
    print("\n## Half of the training labels unknown, as the table has them\n")
    half = read(arguments.data / "street_half_unknown.csv").labels
    compare(features, full.labels, [half], parts)
    print("\n## Removed by chance, or not\n")
    print("by chance:", *warnings(features, removed[0], parts), sep="\n  ")
    biased = remove_negatives(full.labels, parts, task=0, seed=0)
    print("positives of person more often known:", *warnings(features, biased, parts), sep="\n  ")


def read(path: Path) -> Examples:
    """Reads one of the tables."""
    return load_table(
        DataConfig(table=path, image="path", tasks=TASKS, split=ColumnSplit(column="split"))
    )


def features_of(table: Examples, arguments: argparse.Namespace) -> np.ndarray:
    """Returns the features of all photos, `(photos, 1280)`."""
    if arguments.features is not None and arguments.features.is_file():
        return np.load(arguments.features)
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
    if arguments.features is not None:
        np.save(arguments.features, features)
    return features


def remove_at_random(labels: np.ndarray, parts: np.ndarray, share: float, seed: int) -> np.ndarray:
    """Returns labels of which a share of the training ones is unknown."""
    gone = np.random.default_rng(seed).random(labels.shape) < share
    return np.where(gone & (parts == "train")[:, None], np.nan, labels)


def remove_negatives(labels: np.ndarray, parts: np.ndarray, *, task: int, seed: int) -> np.ndarray:
    """Returns labels of which half is unknown by chance, but one task's negatives four in five."""
    share = np.full(labels.shape, 0.5)
    share[:, task] = np.where(labels[:, task] == 1, 0.2, 0.8)
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


def warnings(features: np.ndarray, labels: np.ndarray, parts: np.ndarray) -> list[str]:
    """Returns what a run would warn of."""
    train = np.flatnonzero(parts == "train")
    head = solve_head(features[train], labels[train], groups=None)
    found = examine_missingness(
        labels,
        parts,
        TASKS,
        bootstrap=Bootstrap(groups=np.arange(len(labels)).astype(str), unit="photos"),
        held_out=HeldOutPredictions(
            rows=train,
            logits=calibrated_logits(labels[train], head),
            labels=labels[train],
            source="out-of-fold",
        ),
        features=features,
    )
    for task, one in found.predictability.items():
        low, high = one.input.auc_interval
        auc = one.input.auc
        print(f"    {task}: known from the photo: AUC {auc:.3f} ({low:.3f} to {high:.3f})")
    return list(found.warnings) or ["no warning"]


def calibrated_logits(labels: np.ndarray, head: ExactHead) -> np.ndarray:
    """Returns the out-of-fold logits, calibrated."""
    platts = [fit_platt(labels[:, i], head.out_of_fold_logits[:, i]) for i in range(len(TASKS))]
    scale, offset = np.array([(one.scale, one.offset) for one in platts]).T
    return head.out_of_fold_logits * scale + offset


if __name__ == "__main__":
    main()
