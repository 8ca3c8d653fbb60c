"""The log loss on fresh data of calibrated probabilities, by the number of positives.

Heads are solved on simulated features of four tasks, from one that cannot be learned to one with
an AUC of about 0.9; a fifth of the labels is positive. They are calibrated on their out-of-fold
logits.
"""

from concurrent.futures import ProcessPoolExecutor

import numpy as np
import scipy.special

from kerastl.evaluation.calibration import fit_platts, maximum_likelihood
from kerastl.evaluation.held_out import level_folds
from kerastl.training.exact_head.solver import solve_head

POSITIVES = (5, 10, 20, 50, 200)
SHIFTS = (0.0, 0.4, 0.7, 1.1)  # of the mean of three features from negatives to positives
PREVALENCE = 0.2
FEATURES = 40
FRESH = 4000
METHODS = ("prior alone", "uncalibrated", "weight undone", "plain Platt", "calibrated")


def draw(random: np.random.Generator, labels: np.ndarray) -> np.ndarray:
    """Returns features of labels `(examples, tasks)`."""
    features = random.normal(size=(len(labels), FEATURES))
    for task, shift in enumerate(SHIFTS):
        features[:, 3 * task : 3 * task + 3] += shift * labels[:, task, None]
    return features.astype(np.float32)


def losses(labels: np.ndarray, logits: np.ndarray) -> np.ndarray:
    """Returns the log loss of each task."""
    return (np.logaddexp(0, logits) - labels * logits).mean(axis=0)


def compare(random: np.random.Generator, positives: int) -> np.ndarray:
    """Returns `(methods, tasks)` for one training."""
    count = round(positives / PREVALENCE)
    labels = random.permuted(np.tile(np.arange(count)[:, None] < positives, len(SHIFTS)), axis=0)
    labels = labels.astype(float)
    fresh = (random.random((FRESH, len(SHIFTS))) < PREVALENCE).astype(float)
    features, fresh_features = draw(random, labels), draw(random, fresh)
    weight = (1 - PREVALENCE) / PREVALENCE
    heads = [
        solve_head(features, labels, groups=None, positive_weight=[w] * len(SHIFTS))
        for w in (1.0, weight)
    ]
    logits, weighted = (fresh_features @ head.kernel + head.bias for head in heads)
    held_out = level_folds(heads[0].out_of_fold_logits, heads[0].folds)
    targets = np.where(labels == 1, (positives + 1) / (positives + 2), 1 / (count - positives + 2))
    plain = np.array([maximum_likelihood(z, t) for z, t in zip(held_out.T, targets.T, strict=True)])
    fits = np.array([(one.scale, one.offset) for one in fit_platts(labels, held_out)])
    found = {
        "prior alone": np.full_like(fresh, scipy.special.logit(PREVALENCE)),
        "uncalibrated": logits,
        "weight undone": weighted - np.log(weight),
        "plain Platt": logits * plain[:, 0] + plain[:, 1],
        "calibrated": logits * fits[:, 0] + fits[:, 1],
    }
    return np.array([losses(fresh, found[name]) for name in METHODS])


def measure(task: tuple[int, int, int]) -> np.ndarray:
    """Returns the mean loss, `(methods, tasks)`."""
    positives, repeats, seed = task
    random = np.random.default_rng(seed)
    return np.mean([compare(random, positives) for _ in range(repeats)], axis=0)


def simulate(repeats: int, processes: int) -> None:
    """Prints a row per number of positives and method."""
    tasks = [(positives, repeats, seed) for seed, positives in enumerate(POSITIVES)]
    print("positives        method   mean   by task")
    with ProcessPoolExecutor(processes) as pool:
        for positives, found in zip(POSITIVES, pool.map(measure, tasks), strict=True):
            for name, row in zip(METHODS, found, strict=True):
                by_task = " ".join(f"{loss:.3f}" for loss in row)
                print(f"{positives:9} {name:>13} {row.mean():6.3f}   {by_task}", flush=True)
