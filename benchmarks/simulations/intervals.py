"""How often a 95 % interval contains the true score.

Scores of two classes are normal, with an effect of the group where groups have several examples.
The truth of each score is that of a million simulated examples. Printed are the percent of
simulated tests whose interval contains the truth, and the mean width.
"""

import itertools
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass

import numpy as np
import scipy.special
import scipy.stats

from kerastl.evaluation.intervals import Bootstrap
from kerastl.evaluation.scores import SCORES, score_split, score_task

GROUPS = ((20, 1), (50, 1), (200, 1), (30, 4), (100, 4), (30, 20))
PREVALENCES = (0.05, 0.2, 0.5)
AUCS = (0.6, 0.76, 0.92, 0.99)
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


def measure(task: tuple[Cell, int, int]) -> dict[str, tuple[float, float, int]]:
    """Returns for each score the share of covering intervals, their mean width, their number."""
    cell, repeats, seed = task
    random = np.random.default_rng(seed)
    _, labels, probabilities = cell.draw(random, 1_000_000 // cell.examples)
    truth = score_task(labels[:, 0], probabilities[:, 0], threshold=cell.prevalence)
    found: dict[str, list[tuple[bool, float]]] = {name: [] for name in SCORES}
    found |= {"macro auc": []}
    for repeat in range(repeats):
        group, labels, probabilities = cell.draw(random, cell.groups, 3)
        bootstrap = Bootstrap(groups=group.astype(str), replicates=300, seed=repeat)
        names = ("a", "b", "c")
        scores = score_split(
            labels,
            probabilities,
            names,
            dict.fromkeys(names, cell.prevalence),
            bootstrap=bootstrap,
        )
        for name in SCORES:
            ends = scores.tasks["a"].interval(name)
            if ends is not None:
                covers = ends[0] <= truth.value(name) <= ends[1]
                found[name].append((covers, ends[1] - ends[0]))
        if scores.macro.auc_interval is not None and scores.macro.defined == 3:
            low, high = scores.macro.auc_interval
            found["macro auc"].append((low <= truth.auc <= high, high - low))
    return {
        name: (
            float(np.mean([c for c, _ in all_])),
            float(np.mean([w for _, w in all_])),
            len(all_),
        )
        for name, all_ in found.items()
        if len(all_) >= repeats // 4
    }


def simulate(repeats: int, processes: int) -> None:
    """Prints a row per cell and the summary of each score."""
    cells = [Cell(*size, *rest) for size, *rest in itertools.product(GROUPS, PREVALENCES, AUCS)]
    tasks = [(cell, repeats, seed) for seed, cell in enumerate(cells)]
    with ProcessPoolExecutor(processes) as pool:
        rows = list(pool.map(measure, tasks))
    names = [*SCORES, "macro auc"]
    print("groups  size  positives   AUC  " + "".join(f"{name[:15]:>17}" for name in names))
    for cell, row in zip(cells, rows, strict=True):
        figures = "".join(
            f"{100 * row[name][0]:9.0f} ({row[name][1]:.2f}) " if name in row else f"{'-':>17}"
            for name in names
        )
        print(
            f"{cell.groups:6} {cell.examples:5} {cell.prevalence:10.2f} {cell.auc:5.2f}  {figures}"
        )
    for name in names:
        covered = np.array([row[name][0] for row in rows if name in row])
        print(
            f"{name}: lowest {covered.min():.3f}, median {np.median(covered):.3f}, "
            f"at least 0.92 in {np.mean(covered >= 0.92):.0%} of {len(covered)} cells"
        )
