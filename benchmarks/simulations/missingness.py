"""How often labels that are not missing at random are noticed, and how well their share is known.

Heads are solved on simulated features of four tasks, whose positives are known `ratio` times as
often as negatives. Printed are, for each task, the percent of tables whose share of positives can
be known, the percent with a warning, the median error of the estimate and of the known labels alone
relative to the truth, and the percent of 99 % intervals that contain the truth.
"""

import itertools
from concurrent.futures import ProcessPoolExecutor

import numpy as np
import scipy.special

from kerastl.evaluation.adjusted_counting import PositiveShare, estimate_shares
from kerastl.evaluation.held_out import level_folds
from kerastl.evaluation.intervals import Bootstrap
from kerastl.training.exact_head.solver import solve_head

SIZES = ((300, 1), (1000, 1), (250, 4))  # groups, examples of each
RATIOS = (1.0, 1.5, 2.0)
PREVALENCES = (0.05, 0.1, 0.2, 0.4)
KNOWN = 0.4  # share of the negatives that are known
FEATURES = 40
SHIFT = 0.8  # of the mean of three features from negatives to positives
LIKENESS = 1.2  # standard deviation between groups of the logit of the prevalence


def draw(
    random: np.random.Generator, groups: int, examples: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Returns features, all labels, `(examples, tasks)`, and the group of each example."""
    group = np.repeat(np.arange(groups), examples)
    own = random.normal(size=(groups, len(PREVALENCES))) * (LIKENESS if examples > 1 else 0)
    chance = scipy.special.expit(scipy.special.logit(PREVALENCES) + own)[group]
    labels = (random.random(chance.shape) < chance).astype(float)
    features = random.normal(size=(len(group), FEATURES))
    if examples > 1:
        features += 0.7 * random.normal(size=(groups, FEATURES))[group]
    for task, column in enumerate(labels.T):
        features[:, 3 * task : 3 * task + 3] += SHIFT * column[:, None]
    return features.astype(np.float32), labels, group


def examine(
    features: np.ndarray, labels: np.ndarray, groups: np.ndarray | None, seed: int
) -> list[PositiveShare]:
    """Returns the estimates of a run on these training examples."""
    head = solve_head(features, labels, groups=groups)
    probabilities = scipy.special.expit(level_folds(head.out_of_fold_logits, head.folds))
    names = np.arange(len(labels)) if groups is None else groups
    return estimate_shares(labels, probabilities, Bootstrap(groups=names, seed=seed))


def remove(
    random: np.random.Generator, labels: np.ndarray, *, ratio: float, known: float = KNOWN
) -> np.ndarray:
    """Returns labels of which positives are known `ratio` times as often as negatives."""
    is_known = random.random(labels.shape) < np.where(labels == 1, known * ratio, known)
    return np.where(is_known, labels, np.nan)


def summarize(found: list[list[PositiveShare]], truths: np.ndarray) -> list[str]:
    """Returns a cell for each task; the truths are `(repeats, tasks)`."""
    cells = []
    for shares, truth in zip(zip(*found, strict=True), truths.T, strict=True):
        usable = [(one, t) for one, t in zip(shares, truth, strict=True) if one.reason is None]
        warned = np.mean([one.differs for one in shares])
        text = f"{len(usable) / len(shares):5.0%} {warned:5.0%}"
        if usable:
            errors = np.median([one.among_all / t - 1 for one, t in usable])
            naive = np.median([one.among_known / t - 1 for one, t in usable])
            covered = np.mean([ends_of(one)[0] <= t <= ends_of(one)[1] for one, t in usable])
            text += f" {errors:+5.0%} {naive:+5.0%} {covered:5.0%}"
        cells.append(text)
    return cells


def ends_of(share: PositiveShare) -> tuple[float, float]:
    """Returns the interval, or the whole range if there is none."""
    return share.among_all_interval or (0.0, 1.0)


def measure(task: tuple[tuple[int, int], float, int, int]) -> list[str]:
    """Returns the cells of one row."""
    (groups, examples), ratio, repeats, seed = task
    random = np.random.default_rng(seed)
    found, truths = [], []
    for repeat in range(repeats):
        features, labels, group = draw(random, groups, examples)
        removed = remove(random, labels, ratio=ratio)
        found.append(examine(features, removed, group if examples > 1 else None, repeat))
        truths.append(labels.mean(axis=0))
    return summarize(found, np.array(truths))


def simulate(repeats: int, processes: int) -> None:
    """Prints a row per size and ratio."""
    rows = list(itertools.product(SIZES, RATIOS))
    tasks = [(size, ratio, repeats, seed) for seed, (size, ratio) in enumerate(rows)]
    print("each task: share can be known, warning, estimate, known labels alone, in the interval")
    print("groups size ratio " + "".join(f"{f'{p:.0%} positive':>31}" for p in PREVALENCES))
    with ProcessPoolExecutor(processes) as pool:
        for (size, ratio), cells in zip(rows, pool.map(measure, tasks), strict=True):
            joined = "".join(f"{cell:>31}" for cell in cells)
            print(f"{size[0]:6} {size[1]:4} {ratio:5.1f} {joined}", flush=True)
