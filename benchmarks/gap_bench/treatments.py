"""What can be done with unknown labels, and the scores of heads that are solved on the outcome."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from gap_bench.tables import Table
from kerastl.evaluation.calibration import calibrated_probabilities, fit_platts
from kerastl.evaluation.held_out import level_folds
from kerastl.evaluation.scores import score_split
from kerastl.training.exact_head.solver import solve_head

MASKED, WEAK_NEGATIVE, BLANKS_AS_NO = "masked", "weak negative", "blanks as no"
CHECKED = ", 100 rows checked"  # follows the name of a treatment
IGNORED = "ignored"
WEAK_WEIGHT = 0.1
SOFT = 0.7
NUM_CHECKED = 100
FEWEST_ROWS = 10  # below, nothing is solved


@dataclass(frozen=True, kw_only=True)
class Treated:
    """Labels as a training sees them, all `(examples, tasks)`.

    Args:
        labels: In [0, 1], NaN where not trained on.
        unknown_weight: Weight with which an unknown label counts as "no".
        calibration: Labels that probabilities are calibrated on, 1, 0 or NaN.
    """

    labels: np.ndarray
    calibration: np.ndarray
    unknown_weight: float = 0.0

    @property
    def filled(self) -> np.ndarray:
        """The labels, with 0 where an unknown one counts as "no"."""
        return np.nan_to_num(self.labels) if self.unknown_weight else self.labels

    @property
    def is_learnable(self) -> np.ndarray:
        """Whether each task has labels on both sides and enough rows."""
        labels = self.filled
        known = ~np.isnan(labels)
        has_both = np.nanmin(np.where(known, labels, 1), axis=0) < np.nanmax(
            np.where(known, labels, 0), axis=0
        )
        enough: np.ndarray = known.sum(axis=0) >= FEWEST_ROWS
        return has_both & enough

    @property
    def shares(self) -> np.ndarray:
        """Share of positives of each task as a probability, kept off 0 and 1."""
        known = (~np.isnan(self.filled)).sum(axis=0)
        return (np.nansum(self.filled, axis=0) + 1) / (known + 2)


@dataclass(frozen=True)
class Score:
    """Means over the tasks of the test examples, whose labels are all known."""

    auc: float
    log_loss: float


def masked(given: np.ndarray) -> Treated:
    """Leaves unknown labels out of the loss."""
    return Treated(labels=given, calibration=given)


def weak_negative(given: np.ndarray) -> Treated:
    """Takes unknown labels as "no" with a small weight."""
    return Treated(labels=given, calibration=given, unknown_weight=WEAK_WEIGHT)


def blanks_as_no(given: np.ndarray) -> Treated:
    """Takes unknown labels as "no"."""
    return masked(np.nan_to_num(given))


def mean_imputed(given: np.ndarray) -> Treated:
    """Takes the share of positives among the known labels as the label of the others."""
    known = ~np.isnan(given)
    share = np.nansum(given, axis=0) / np.maximum(known.sum(axis=0), 1)
    filled = np.where(known, given, share)
    return Treated(labels=filled, calibration=given)


def rows_dropped(given: np.ndarray) -> Treated:
    """Drops rows with an unknown label."""
    return masked(np.where(np.isnan(given).any(axis=1, keepdims=True), np.nan, given))


TREATMENTS: dict[str, Callable[[np.ndarray], Treated]] = {
    MASKED: masked,
    WEAK_NEGATIVE: weak_negative,
    BLANKS_AS_NO: blanks_as_no,
    "mean imputed": mean_imputed,
    "rows dropped": rows_dropped,
}


def treat(given: np.ndarray) -> dict[str, Treated]:
    """Returns the labels under each treatment."""
    return {name: function(given) for name, function in TREATMENTS.items()}


def treat_checked(given: np.ndarray, truth: np.ndarray, seed: int) -> dict[str, Treated]:
    """Returns treatments if 100 rows were checked completely; calibration is on these rows."""
    rows = np.random.default_rng(seed).permutation(len(truth))[:NUM_CHECKED]
    calibration = np.full(truth.shape, np.nan)
    calibration[rows] = truth[rows]
    filled = np.where(np.isnan(calibration), given, calibration)
    return {
        name + CHECKED: replace(TREATMENTS[name](filled), calibration=calibration)
        for name in (BLANKS_AS_NO, WEAK_NEGATIVE, MASKED)
    }


def treat_uncertain(labels: np.ndarray, is_uncertain: np.ndarray) -> dict[str, Treated]:
    """Returns the policies for uncertain labels; probabilities are calibrated on the others."""
    certain = np.where(is_uncertain, np.nan, labels)
    policies = {IGNORED: np.nan, "positive": 1.0, "negative": 0.0, f"soft {SOFT}": SOFT}
    return {
        name: Treated(labels=np.where(is_uncertain, value, labels), calibration=certain)
        for name, value in policies.items()
    }


def out_of_fold_logits(table: Table) -> np.ndarray:
    """Returns logits `(examples, tasks)` of examples that the head was not fitted on."""
    head = solve_head(table.features, table.labels, groups=table.groups)
    return level_folds(head.out_of_fold_logits, head.folds)


def score(train: Table, test: Table, treated: Treated) -> Score:
    """Solves and calibrates heads, and scores them on the test.

    A task of which nothing can be learned gets its share of positives as a constant. If that is so
    for all tasks there is no model, and the scores are NaN.
    """
    learnable = treated.is_learnable
    if not learnable.any():
        return Score(auc=np.nan, log_loss=np.nan)
    head = solve_head(
        train.features,
        treated.labels[:, learnable],
        groups=train.groups,
        unknown_weight=treated.unknown_weight,
    )
    held_out = level_folds(head.out_of_fold_logits, head.folds)
    platts = fit_platts(treated.calibration[:, learnable], held_out)
    probabilities = np.tile(treated.shares, (len(test.labels), 1))
    probabilities[:, learnable] = calibrated_probabilities(
        test.features @ head.kernel + head.bias,
        [one.scale for one in platts],
        [one.offset for one in platts],
    )
    thresholds = dict.fromkeys(test.tasks, 0.5)
    macro = score_split(test.labels, probabilities, test.tasks, thresholds).macro
    return Score(auc=macro.auc, log_loss=macro.log_loss)
