"""The test scores of every arm, and their replicates on draws that all arms share.

Convention: all arms are scored on the same rows under the same draws of whole groups, so that a
difference between two of them is paired in both.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from kerastl.evaluation.intervals import Bootstrap, Draws
from kerastl.evaluation.replicates import auc_under, log_loss_under

SCORES = ("auc", "log_loss")


@dataclass(frozen=True, kw_only=True)
class Score:
    """One score of one arm on one task.

    Args:
        value: On the test rows as they are, NaN where undefined.
        replicates: Under each draw, `(replicates,)`.
    """

    value: float
    replicates: np.ndarray


class TestRows:
    """The rows on which all arms are scored, and the draws of them.

    Args:
        frame: Predictions of any arm, with `path`, `split` and, where there are groups, `group`.
        part: The split.
        replicates: Number of draws.
        seed: Seed of the draws.
    """

    __test__ = False  # pytest takes the name for a test

    def __init__(self, frame: pd.DataFrame, *, part: str, replicates: int, seed: int):
        rows = frame[frame["split"] == part]
        self.part = part
        self.paths = rows["path"].to_numpy()
        self.has_groups = "group" in rows
        names = rows["group"] if self.has_groups else rows["path"]
        self.groups = names.to_numpy(dtype=str)
        self.num_groups = len(np.unique(self.groups))
        bootstrap = Bootstrap(groups=self.groups, replicates=replicates, seed=seed)
        self.draws = Draws(bootstrap)

    def score(self, frame: pd.DataFrame, tasks: Sequence[str]) -> dict[str, dict[str, Score]]:
        """Returns task to name of the score to the score.

        Args:
            frame: Predictions of an arm.
            tasks: Those that it answers.
        """
        rows = frame[frame["split"] == self.part]
        assert list(rows["path"]) == list(self.paths), "arms are scored on the same rows"
        return {task: self._score(rows, task) for task in tasks}

    def _score(self, rows: pd.DataFrame, task: str) -> dict[str, Score]:
        labels = rows[f"{task}_label"].to_numpy(np.float64)
        probabilities = rows[task].to_numpy(np.float64)
        return {
            "auc": Score(
                value=_single(auc_under(labels, probabilities, None)),
                replicates=auc_under(labels, probabilities, self.draws),
            ),
            "log_loss": Score(
                value=_single(log_loss_under(labels, probabilities, None)),
                replicates=log_loss_under(labels, probabilities, self.draws),
            ),
        }


def _single(values: np.ndarray) -> float:
    return float(values[0])
