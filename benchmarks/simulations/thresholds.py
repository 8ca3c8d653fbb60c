"""How often a threshold breaks its promise on new data, and what the promise costs.

Scores of two classes are normal, with an effect of the group where groups have several examples,
so the truth of each threshold is known. Printed per cell are the percent of simulated cases whose
threshold misses the share in new data: of the point choice (by more than 0.1 in parentheses), and
of promises, with the percent of cases in which anything was promised; and the mean price.
"""

import itertools
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass

import numpy as np
import scipy.special
import scipy.stats

from kerastl.config.policies import ThresholdPolicy
from kerastl.evaluation.thresholds import choose_threshold

POLICIES = ("sensitivity>=0.9", "specificity>=0.9", "precision>=0.8")
POSITIVES = (10, 20, 50, 100, 200)
GROUPS = ((1, 0.0), (4, 0.3), (20, 0.3))  # examples, and share of the variance between groups
PREVALENCE = 0.2
AUCS = (0.85, 0.95)


@dataclass(frozen=True)
class Cell:
    """One setting of the simulation."""

    policy: str
    auc: float
    group_size: int
    similarity: float
    positives: int

    @property
    def shift(self) -> float:
        """Distance of the means of the two classes."""
        return float(np.sqrt(2) * scipy.stats.norm.ppf(self.auc))

    def draw(self, random: np.random.Generator) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Returns the group, the label and the score of each example."""
        num_groups = max(2, round(self.positives / PREVALENCE / self.group_size))
        group = np.repeat(np.arange(num_groups), self.group_size)
        chance = np.full(num_groups, PREVALENCE)
        if self.similarity:
            strength = (1 - self.similarity) / self.similarity
            ends = (PREVALENCE * strength, (1 - PREVALENCE) * strength)
            chance = random.beta(*ends, num_groups)
        y = random.random(len(group)) < chance[group]
        effect = np.sqrt(self.similarity) * random.normal(size=num_groups)
        z = np.sqrt(1 - self.similarity) * random.normal(size=len(group)) + effect[group]
        return group, y, z + self.shift * y

    def truth(self, threshold: float) -> dict[str, float]:
        """Returns the shares in new data at a threshold on the scores."""
        hits = float(scipy.stats.norm.sf(threshold - self.shift))
        false_alarms = float(scipy.stats.norm.sf(threshold))
        called = PREVALENCE * hits + (1 - PREVALENCE) * false_alarms
        return {
            "sensitivity": hits,
            "specificity": 1 - false_alarms,
            "precision": PREVALENCE * hits / called if called else 1.0,
        }


def measure(task: tuple[Cell, int, int]) -> dict[str, float]:
    """Returns the percents and means of one cell."""
    cell, repeats, seed = task
    random = np.random.default_rng(seed)
    policy = ThresholdPolicy.parse(cell.policy)
    other = "specificity" if policy.goal == "sensitivity" else "sensitivity"
    missed, far, promised, broken, price, youden = [], [], [], [], [], []
    for _ in range(repeats):
        group, y, z = cell.draw(random)
        if y.all() or not y.any():
            continue
        p = scipy.special.expit(z)

        def chosen(wanted: ThresholdPolicy, y=y, p=p, group=group):
            found = choose_threshold(y.astype(float), p, wanted, groups=group)
            return found, cell.truth(scipy.special.logit(min(found.threshold, 1 - 1e-16)))

        _, point = chosen(policy.point_choice)
        found, truth = chosen(policy)
        missed.append(point[policy.goal] < policy.value)
        far.append(point[policy.goal] < policy.value - 0.1)
        promised.append(found.promise.is_promised)
        broken.append(promised[-1] and truth[policy.goal] < policy.value)
        if promised[-1]:
            price.append((1 - truth[other], 1 - point[other]))
        best, at_best = chosen(ThresholdPolicy("youden"))
        youden.append(at_best[policy.goal] < best.bounds[policy.goal])
    paid, free = np.mean(price, axis=0) if price else (np.nan, np.nan)
    return {
        "missed": np.mean(missed),
        "far": np.mean(far),
        "promised": np.mean(promised),
        "broken": np.mean(broken),
        "paid": paid,
        "free": free,
        "youden": np.mean(youden),
    }


def simulate(repeats: int, processes: int) -> None:
    """Prints a row per cell."""
    cells = [
        Cell(policy, auc, *groups, positives)
        for policy, auc, groups, positives in itertools.product(POLICIES, AUCS, GROUPS, POSITIVES)
    ]
    tasks = [(cell, repeats, seed) for seed, cell in enumerate(cells)]
    with ProcessPoolExecutor(processes) as pool:
        rows = list(pool.map(measure, tasks))
    print("policy            AUC  size  positives  ~ misses  promised  broken  price      youden")
    for cell, row in zip(cells, rows, strict=True):
        percent = {name: round(100 * value) for name, value in row.items() if value == value}
        paid = f"{row['free']:.2f} to {row['paid']:.2f}" if percent["promised"] else "-"
        misses = f"{percent['missed']} ({percent['far']})"
        print(
            f"{cell.policy:17} {cell.auc:.2f} {cell.group_size:4} {cell.positives:9} {misses:>10} "
            f"{percent['promised']:9} {percent['broken']:7}  {paid:12} {percent['youden']:5}"
        )
    broken = np.array([row["broken"] for row in rows])
    print(f"broken promises: {broken.min():.1%} to {broken.max():.1%} of cases")
