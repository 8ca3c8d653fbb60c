"""From test scores of every trial to paired differences and verdicts.

Convention: all trials are scored on the same rows under the same draws of whole groups, so a
difference between two of them is paired in both. A verdict speaks of the variants and needs several
trainings of each; an interval of fewer holds for the trained models only.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.stats import false_discovery_control

from kerastl.evaluation.differences import (
    ReplicatedScore,
    paired_difference,
    replicated_auc,
    replicated_log_loss,
)
from kerastl.evaluation.intervals import Bootstrap, Draws
from kerastl.records import unstored

SCORES = {"auc": 1, "log_loss": -1}  # 1 if higher is better
TrialScores = Mapping[str, Mapping[str, ReplicatedScore]]  # by task and name of the score
HELPS = "helps"
NO_DIFFERENCE = "no difference seen"
HURTS = "hurts"
NO_VERDICT = "no verdict"
FALSE_DISCOVERY_RATE = 0.05
FEWEST_TRAININGS = 3


@dataclass(frozen=True, kw_only=True)
class ScoredPart:
    """Number of rows and groups in the split on which all variants are scored."""

    part: str
    rows: int
    groups: int
    unit: str  # "groups" or "examples"
    replicates: int  # of the bootstrap


class PairedRows:
    """The rows of a split on which all trials are scored, and the draws of them.

    The predictions of any trial have the columns `path`, `split` and, if there are groups, `group`.
    """

    def __init__(self, frame: pd.DataFrame, *, part: str, replicates: int, seed: int):
        rows = frame[frame["split"] == part]
        has_groups = "group" in rows
        groups = rows["group" if has_groups else "path"].to_numpy(dtype=str)
        self.paths = rows["path"].to_numpy()
        self.scored = ScoredPart(
            part=part,
            rows=len(rows),
            groups=len(np.unique(groups)),
            unit="groups" if has_groups else "examples",
            replicates=replicates,
        )
        self.draws = Draws(Bootstrap(groups=groups, replicates=replicates, seed=seed))

    def score(self, frame: pd.DataFrame, tasks: Sequence[str]) -> TrialScores:
        """Returns the scores of one trial, from its predictions."""
        rows = frame[frame["split"] == self.scored.part]
        assert list(rows["path"]) == list(self.paths), "trials are scored on the same rows"
        found = {}
        for task in tasks:
            labels = rows[f"{task}_label"].to_numpy(np.float64)
            probabilities = rows[task].to_numpy(np.float64)
            found[task] = {
                "auc": replicated_auc(labels, probabilities, self.draws),
                "log_loss": replicated_log_loss(labels, probabilities, self.draws),
            }
        return found


@dataclass(frozen=True, kw_only=True)
class ScoreDifference:
    """How much higher a score of the first variant is than that of the second; NaN if undefined."""

    difference: float  # mean over the trainings
    interval: tuple[float, float] | None  # 95 %; None with too few groups
    by_seed: tuple[float, ...]
    verdict: str  # what the interval says of the first variant, if there are enough trainings
    p_value: float = unstored(float("nan"))  # two-sided


@dataclass(frozen=True, kw_only=True)
class ScoreDifferences:
    """The differences of all scores of one task, or of the mean over tasks."""

    auc: ScoreDifference
    log_loss: ScoreDifference


def differences(
    first: Sequence[TrialScores],
    second: Sequence[TrialScores],
    tasks: Sequence[str],
    fewest: int = FEWEST_TRAININGS,
) -> ScoreDifferences:
    """Returns the differences of the mean over tasks between variants, each by seed.

    There are verdicts from the fewest trainings on.
    """
    found = {}
    for name, sign in SCORES.items():
        one = paired_difference(
            *([[trial[t][name] for t in tasks] for trial in side] for side in (first, second))
        )
        found[name] = ScoreDifference(
            difference=one.value,
            interval=one.interval,
            by_seed=one.by_training,
            verdict=NO_VERDICT if len(first) < fewest else verdict(one.interval, sign=sign),
            p_value=one.p_value,
        )
    return ScoreDifferences(**found)


def verdict(interval: tuple[float, float] | None, *, sign: int) -> str:
    """Returns what the interval of a difference says of the first variant.

    The sign is 1 if higher is better, -1 if lower is.
    """
    if interval is None:
        return NO_VERDICT
    low, high = sorted(end * sign for end in interval)
    return HELPS if low > 0 else HURTS if high < 0 else NO_DIFFERENCE


def holds_after_correction(p_values: Sequence[float]) -> list[bool]:
    """Returns which differences remain if 5 % of the remaining ones may be false.

    Reference:
        Benjamini, Hochberg (1995), https://doi.org/10.1111/j.2517-6161.1995.tb02031.x
    """
    values = np.asarray(p_values, np.float64)
    holds = np.zeros(len(values), bool)
    defined = ~np.isnan(values)
    if defined.any():
        holds[defined] = false_discovery_control(values[defined]) <= FALSE_DISCOVERY_RATE
    return [bool(one) for one in holds]
