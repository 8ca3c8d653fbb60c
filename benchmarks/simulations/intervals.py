"""How often a 95 % interval contains the true score.

Scores of two classes are normal, with an effect of the group where groups have several examples.
The truth of each score is that of a million simulated examples. Printed are the percent of the
intervals that contain the truth, and their mean width.
"""

import itertools
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass

import numpy as np
import scipy.special
import scipy.stats

from kerastl.evaluation.intervals import Bootstrap, Draws
from kerastl.evaluation.score_types import SCORES, Interval
from kerastl.evaluation.scores import score_split, score_task
from kerastl.evaluation.task_sample import TaskSample

GROUPS = ((20, 1), (50, 1), (200, 1), (30, 4), (100, 4), (30, 20))
PREVALENCES = (0.05, 0.2, 0.5)
AUCS = (0.6, 0.76, 0.92, 0.99)
NAMES = ("a", "b", "c")  # tasks
MOSTLY = 0.25  # share of tests with an interval, for a cell to count
SIMILARITY = 0.2  # share of the variance of scores and labels that lies between groups


@dataclass(frozen=True)
class Cell:
    """One setting of the simulation."""

    groups: int
    examples: int
    prevalence: float
    auc: float

    def draw(self, random: np.random.Generator, groups: int, num_tasks: int = 1):
        """Returns group of each example, labels and probabilities, `(examples, tasks)`."""
        group = np.repeat(np.arange(groups), self.examples)
        shift = np.sqrt(2) * scipy.stats.norm.ppf(self.auc)
        labels = np.empty((len(group), num_tasks))
        scores = np.empty((len(group), num_tasks))
        for task in range(num_tasks):
            share = SIMILARITY if self.examples > 1 else 0.0
            chance = np.full(groups, self.prevalence)
            if share:
                strength = (1 - share) / share
                chance = random.beta(
                    self.prevalence * strength, (1 - self.prevalence) * strength, groups
                )
            y = random.random(len(group)) < chance[group]
            noise = np.sqrt(1 - share) * random.normal(size=len(group))
            effect = np.sqrt(share) * random.normal(size=groups)
            z = noise + effect[group] + shift * y
            labels[:, task] = y
            scores[:, task] = shift * z - shift**2 / 2 + scipy.special.logit(self.prevalence)
        return group, labels, scipy.special.expit(scores)


@dataclass(frozen=True)
class Coverage:
    """What the intervals of one score did in the simulated tests of one cell."""

    shown: float  # share of tests with an interval
    covered: float  # share of the intervals that contain the truth
    percentiles: float  # the same of the middle 95 % of the bootstrap, wherever it is defined
    width: float  # mean
    empty: int  # number of intervals of zero width


def measure(task: tuple[Cell, int, int]) -> dict[str, Coverage]:
    """Returns the coverage of each score, and of the macro AUC of three tasks."""
    cell, repeats, seed = task
    random = np.random.default_rng(seed)
    _, labels, probabilities = cell.draw(random, 1_000_000 // cell.examples)
    truth = score_task(labels[:, 0], probabilities[:, 0], threshold=cell.prevalence)
    cases: dict[str, list[tuple[float, Interval | None, Interval | None]]] = {}
    for repeat in range(repeats):
        group, labels, probabilities = cell.draw(random, cell.groups, len(NAMES))
        bootstrap = Bootstrap(groups=group.astype(str), replicates=300, seed=repeat)
        thresholds = dict.fromkeys(NAMES, cell.prevalence)
        macro = score_split(labels, probabilities, NAMES, thresholds, bootstrap=bootstrap).macro
        sample = TaskSample(
            labels[:, 0],
            probabilities[:, 0],
            threshold=cell.prevalence,
            draws=Draws(bootstrap),
        )
        for name in SCORES:
            percentiles = middle(sample.replicates[name])
            case = (truth.value(name), sample.intervals[name], percentiles)
            cases.setdefault(name, []).append(case)
        ends = macro.auc_interval if macro.defined == len(NAMES) else None
        cases.setdefault("macro auc", []).append((truth.auc, ends, None))
    return {name: summary(several) for name, several in cases.items()}


def middle(values: np.ndarray) -> Interval | None:
    """Returns the middle 95 % of the replicates that define the score, None if none does."""
    if np.isnan(values).all():
        return None
    low, high = np.nanquantile(values, [0.025, 0.975])
    return float(low), float(high)


def summary(cases: list[tuple[float, Interval | None, Interval | None]]) -> Coverage:
    """Returns the coverage over truths, intervals and percentile intervals."""
    shown = [(truth, ends) for truth, ends, _ in cases if ends is not None]
    percentiles = [(truth, ends) for truth, _, ends in cases if ends is not None]
    widths = [high - low for _, (low, high) in shown]
    return Coverage(
        shown=len(shown) / len(cases),
        covered=covered(shown),
        percentiles=covered(percentiles),
        width=float(np.mean(widths)) if widths else float("nan"),
        empty=sum(width <= 0 for width in widths),
    )


def covered(cases: list[tuple[float, Interval]]) -> float:
    """Returns the share of intervals that contain the truth, NaN if there are none."""
    inside = [low <= truth <= high for truth, (low, high) in cases]
    return float(np.mean(inside)) if inside else float("nan")


def simulate(repeats: int, processes: int) -> None:
    """Prints a row per cell and the summary of each score over the cells that mostly show it."""
    cells = [Cell(*size, *rest) for size, *rest in itertools.product(GROUPS, PREVALENCES, AUCS)]
    tasks = [(cell, repeats, seed) for seed, cell in enumerate(cells)]
    with ProcessPoolExecutor(processes) as pool:
        rows = list(pool.map(measure, tasks))
    names = [*SCORES, "macro auc"]
    print("groups  size  positives   AUC  " + "".join(f"{name[:15]:>17}" for name in names))
    for cell, row in zip(cells, rows, strict=True):
        figures = "".join(
            f"{100 * row[name].covered:9.0f} ({row[name].width:.2f}) " for name in names
        )
        print(
            f"{cell.groups:6} {cell.examples:5} {cell.prevalence:10.2f} {cell.auc:5.2f}  {figures}"
        )
    for name in names:
        found = [row[name] for row in rows if row[name].shown >= MOSTLY]
        share = np.array([one.covered for one in found])
        others = np.array([one.percentiles for one in found])
        print(
            f"{name}: lowest {share.min():.3f}, median {np.median(share):.3f}, at least 0.92 in "
            f"{np.mean(share >= 0.92):.0%} of {len(found)} cells, {sum(o.empty for o in found)} of "
            f"zero width; percentiles lowest {others.min():.3f}, at least 0.92 in "
            f"{np.mean(others >= 0.92):.0%}"
        )
