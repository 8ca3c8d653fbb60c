"""How often `compare` reports a difference between two variants that do not differ.

Trainings of both variants differ by chance: in what they know, in their calibration, and in the
noise of each example. Printed are the percent of comparisons whose 95 % interval excludes 0, by
AUC and by log loss: without a difference (false verdicts), and with a true one (power). With one
training per variant kerastl gives an interval and no verdict.
"""

import itertools
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass

import numpy as np
import scipy.special
import scipy.stats

from kerastl.evaluation.differences import (
    paired_difference,
    replicated_auc,
    replicated_log_loss,
)
from kerastl.evaluation.intervals import Bootstrap, Draws

GROUPS = ((20, 1), (50, 1), (100, 1), (200, 1), (400, 1), (50, 4))
PREVALENCES = (0.1, 0.3)
TRAININGS = (1, 2, 3, 5)
CHANCE = {"none": (0.0, 0.0), "small": (0.02, 0.05), "large": (0.1, 0.2)}
AUC = 0.8
GAIN = 0.127  # of the distance between the classes: the AUC rises from 0.80 to 0.83
EXAMPLE_NOISE = 0.3  # of each training, relative to the noise that all trainings share
SIMILARITY = 0.2  # share of the variance of scores that lies between groups
SCORES = {"AUC": replicated_auc, "log loss": replicated_log_loss}


@dataclass(frozen=True)
class Cell:
    """One setting of the simulation."""

    groups: int
    examples: int
    prevalence: float
    chance: str
    gain: float

    def draw(self, random: np.random.Generator):
        """Returns group of each example, labels, and for each variant and training probabilities.

        Shapes are `(examples,)`, `(examples,)` and `(2, trainings, examples)`.
        """
        group = np.repeat(np.arange(self.groups), self.examples)
        y = (random.random(len(group)) < self.prevalence).astype(float)
        share = SIMILARITY if self.examples > 1 else 0.0
        distance = np.sqrt(2) * scipy.stats.norm.ppf(AUC)
        common = np.sqrt(1 - share) * random.normal(size=len(group))
        common += np.sqrt(share) * random.normal(size=self.groups)[group]
        knowledge, calibration = CHANCE[self.chance]
        trainings = (2, max(TRAININGS), 1)
        quality = 1 + knowledge * random.normal(size=trainings)
        quality[0] += self.gain
        own = EXAMPLE_NOISE * random.normal(size=(2, max(TRAININGS), len(group)))
        z = common + own + distance * quality * y
        logits = distance * z - distance**2 / 2 + scipy.special.logit(self.prevalence)
        scale = np.exp(calibration * random.normal(size=trainings))
        offset = calibration * random.normal(size=trainings)
        return group, y, scipy.special.expit(scale * logits + offset)


def measure(task: tuple[Cell, int, int]) -> dict[tuple[str, int], float]:
    """Returns for each score and number of trainings the share of intervals that exclude 0."""
    cell, repeats, seed = task
    random = np.random.default_rng(seed)
    found: dict[tuple[str, int], list[bool]] = {
        key: [] for key in itertools.product(SCORES, TRAININGS)
    }
    for repeat in range(repeats):
        group, labels, probabilities = cell.draw(random)
        draws = Draws(Bootstrap(groups=group.astype(str), replicates=300, seed=repeat))
        for name, score in SCORES.items():
            first, second = ([[score(labels, p, draws)] for p in side] for side in probabilities)
            for num in TRAININGS:
                ends = paired_difference(first[:num], second[:num]).interval
                if ends is not None:
                    found[name, num].append(ends[0] > 0 or ends[1] < 0)
    return {key: float(np.mean(excluded)) for key, excluded in found.items() if excluded}


def simulate(repeats: int, processes: int) -> None:
    """Prints for each size of the test split the lowest and highest share over the settings."""
    for title, gain in (("false verdicts", 0.0), ("power, AUC +0.03", GAIN)):
        print(f"\n{title}, percent" + " " * 8 + "trainings: AUC; log loss")
        sizes = itertools.product(GROUPS, PREVALENCES, CHANCE)
        cells = [Cell(*size, prevalence, chance, gain) for size, prevalence, chance in sizes]
        with ProcessPoolExecutor(processes) as pool:
            rows = list(pool.map(measure, [(cell, repeats, i) for i, cell in enumerate(cells)]))
        for groups, examples in GROUPS:
            for chance in CHANCE:
                setting = (groups, examples, chance)
                here = [
                    row
                    for cell, row in zip(cells, rows, strict=True)
                    if (cell.groups, cell.examples, cell.chance) == setting
                ]
                print(f"{groups:4} x {examples}  {chance:6}", "".join(_shares(here)))


def _shares(rows: list[dict[tuple[str, int], float]]) -> list[str]:
    texts = []
    for num in TRAININGS:
        texts.append(f"   {num}: ")
        for name in SCORES:
            shares = [100 * row[name, num] for row in rows if (name, num) in row]
            texts.append(f"{min(shares):4.1f} to {max(shares):4.1f}; ")
    return texts
