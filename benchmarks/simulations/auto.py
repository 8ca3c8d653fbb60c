"""How often `trainable: auto` keeps a fine-tuned model that is worse than the frozen one.

Logits of two classes are normal. Candidates of several rates differ from the frozen model by noise
of their own, the more the higher the rate; so do the epochs of each, a little. As in training, the
rate with the lowest calibrated loss of another epoch is chosen, then its epoch with the lowest
loss, and the decision is made on the same validation examples. Candidates are worse in proportion
to their distance from the frozen model, or equal to it. Printed are the percent of simulated
trainings in which the candidate is kept.
"""

import itertools
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass

import numpy as np
import scipy.special
import scipy.stats

from kerastl.evaluation.gains import calibrated_loss, measure_gain

CLASSES = ((20, 20), (20, 100), (50, 50))  # positives, negatives
AUCS = (0.75, 0.9, 0.98)
LOWER = (0.0, 0.05)  # how much smaller the last candidate's shift between the classes is
TASKS = (1, 4)
SHARED = (0.999, 0.98, 0.93, 0.9)  # correlation of each candidate's noise with the frozen model's
EPOCHS = 10
OF_EPOCHS = 0.95  # correlation of the own noise of two epochs


@dataclass(frozen=True)
class Cell:
    """One setting of the simulation."""

    positives: int
    negatives: int
    auc: float
    lower: float
    tasks: int

    def keeps(self, random: np.random.Generator, seed: int) -> bool:
        """Returns whether a candidate is kept in one simulated training."""
        y = np.repeat([1.0, 0.0], [self.positives, self.negatives])
        labels = np.stack([random.permutation(y) for _ in range(self.tasks)], axis=1)
        noise = random.normal(size=labels.shape)
        found = [self._epochs(labels, noise, shared, random) for shared in SHARED]
        trials = [calibrated_loss(epochs[-1], labels) for epochs in found]
        epochs = found[int(np.argmin(trials))][:-1]
        losses = -scipy.special.log_expit(np.where(labels == 1, epochs, -epochs))
        best = epochs[np.argmin(losses.mean(axis=(1, 2)))]
        frozen = self._logits(labels, noise, self._shift)
        gain = measure_gain(frozen, best, labels, None, seed=seed, choices=2 * len(SHARED))
        return gain.is_larger_than_noise

    @property
    def _shift(self) -> float:
        return float(np.sqrt(2) * scipy.stats.norm.ppf(self.auc))

    def _epochs(
        self, labels: np.ndarray, noise: np.ndarray, shared: float, random: np.random.Generator
    ) -> np.ndarray:
        """Returns the logits of the epochs of a candidate, and of one more for its trial."""
        own = random.normal(size=labels.shape)
        other = random.normal(size=(EPOCHS + 1, *labels.shape))
        epochs = np.sqrt(OF_EPOCHS) * own + np.sqrt(1 - OF_EPOCHS) * other
        distance = np.sqrt((1 - shared**2) / (1 - SHARED[-1] ** 2))
        mixed = shared * noise + np.sqrt(1 - shared**2) * epochs
        return self._logits(labels, mixed, self._shift * (1 - self.lower * distance))

    def _logits(self, labels: np.ndarray, noise: np.ndarray, shift: float) -> np.ndarray:
        prior = np.log(self.positives / self.negatives)
        return self._shift * (shift * labels + noise) - self._shift**2 / 2 + prior


def measure(task: tuple[Cell, int, int]) -> float:
    """Returns the share of simulated trainings in which the candidate is kept."""
    cell, repeats, seed = task
    random = np.random.default_rng(seed)
    return float(np.mean([cell.keeps(random, repeat) for repeat in range(repeats)]))


def simulate(repeats: int, processes: int) -> None:
    """Prints a row per cell, and the largest and mean share."""
    grid = itertools.product(CLASSES, AUCS, TASKS, LOWER)
    cells = [Cell(*classes, auc, lower, tasks) for classes, auc, tasks, lower in grid]
    with ProcessPoolExecutor(processes) as pool:
        kept = list(pool.map(measure, [(cell, repeats, i) for i, cell in enumerate(cells)]))
    print("positives  negatives   AUC  tasks  lower   kept, %")
    for cell, share in zip(cells, kept, strict=True):
        print(
            f"{cell.positives:9} {cell.negatives:10} {cell.auc:5.2f} {cell.tasks:6} "
            f"{cell.lower:6.2f} {100 * share:9.1f}"
        )
    for lower in LOWER:
        shares = [share for cell, share in zip(cells, kept, strict=True) if cell.lower == lower]
        mean = 100 * np.mean(shares)
        print(f"lower by {lower}: largest {100 * max(shares):.1f} %, mean {mean:.1f} %")
