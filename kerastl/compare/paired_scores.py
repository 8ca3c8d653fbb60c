"""Test scores of every trial, and their replicates on draws that all trials share.

Convention: all trials are scored on the same rows under the same draws of whole groups, so a
difference between two of them is paired in both.
"""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from kerastl.evaluation.differences import ReplicatedScore, replicated_auc, replicated_log_loss
from kerastl.evaluation.intervals import Bootstrap, Draws

SCORES = ("auc", "log_loss")
TrialScores = Mapping[str, Mapping[str, ReplicatedScore]]  # by task and name of the score


class PairedRows:
    """The rows on which all trials are scored, and the draws of them.

    Args:
        frame: Predictions of any trial, with `path`, `split` and, if there are groups, `group`.
        part: The split.
        replicates: Number of draws.
        seed: Seed of the draws.
    """

    def __init__(self, frame: pd.DataFrame, *, part: str, replicates: int, seed: int):
        rows = frame[frame["split"] == part]
        self.part = part
        self.paths = rows["path"].to_numpy()
        self.has_groups = "group" in rows
        groups = rows["group" if self.has_groups else "path"].to_numpy(dtype=str)
        self.num_groups = len(np.unique(groups))
        self.draws = Draws(Bootstrap(groups=groups, replicates=replicates, seed=seed))

    def score(self, frame: pd.DataFrame, tasks: Sequence[str]) -> TrialScores:
        """Returns the scores of one trial.

        Args:
            frame: Predictions of the trial.
            tasks: Tasks of the trial.
        """
        rows = frame[frame["split"] == self.part]
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
