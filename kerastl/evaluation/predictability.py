"""How well one can predict whether a label is known, out of fold, from inputs or other labels."""

from dataclasses import dataclass

import numpy as np
import scipy.linalg
from sklearn.linear_model import LogisticRegression

from kerastl.data.tables.splits import assign_folds
from kerastl.errors import counted
from kerastl.evaluation.intervals import Bootstrap
from kerastl.evaluation.scores import score_task
from kerastl.threads import one_blas_thread

FEWEST_LABELS = 20
ALL_KNOWN = "every label is known"
_NUM_FOLDS = 5
_NUM_COMPONENTS = 32
_MOST_EXAMPLES = 20_000


@dataclass(frozen=True, kw_only=True)
class Dependence:
    """How well one source predicts whether a label is known."""

    auc: float  # 0.5 is chance; NaN if nothing was fitted
    auc_interval: tuple[float, float] | None
    reason: str | None  # why there is no AUC or no interval


def draw_examples(num_examples: int, seed: int) -> np.ndarray:
    """Returns the indices of all examples, or of a random 20,000 if there are more."""
    if num_examples <= _MOST_EXAMPLES:
        return np.arange(num_examples)
    return np.sort(np.random.default_rng(seed).permutation(num_examples)[:_MOST_EXAMPLES])


def principal_components(features: np.ndarray) -> np.ndarray:
    """Returns the principal components of the standardized features, `(examples, components)`."""
    centered = features - features.mean(axis=0)
    spread = centered.std(axis=0)
    standardized = centered / np.where(spread > 0, spread, 1)
    dim = standardized.shape[1]
    with one_blas_thread():  # for so small a matrix several threads are slower, often by much
        _, vectors = scipy.linalg.eigh(
            standardized.T @ standardized, subset_by_index=[max(0, dim - _NUM_COMPONENTS), dim - 1]
        )
    return standardized @ vectors[:, ::-1]


def values_of_others(labels: np.ndarray) -> np.ndarray:
    """Returns the labels minus the mean of their task, 0 if unknown.

    The prediction then depends on the values of the labels and not on which of them are missing
    together, which alone is no bias.
    """
    known = ~np.isnan(labels)
    mean = np.where(known, labels, 0).sum(axis=0) / np.maximum(known.sum(axis=0), 1)
    return np.where(known, labels - mean, 0)


def whether_known(
    inputs: np.ndarray, known: np.ndarray, groups: np.ndarray | None, bootstrap: Bootstrap
) -> Dependence:
    """Returns how well a logistic regression on `(examples, dim)` predicts `known` out of fold."""
    reason = _too_few(inputs, known)
    if reason is not None:
        return Dependence(auc=float("nan"), auc_interval=None, reason=reason)
    folds = assign_folds(
        known[:, None].astype(float), groups, num_folds=_NUM_FOLDS, seed=bootstrap.seed
    )
    spread = inputs.std(axis=0)
    standardized = (inputs - inputs.mean(axis=0)) / np.where(spread > 0, spread, 1)
    probability = np.full(len(known), float(known.mean()))
    for fold in np.unique(folds):
        seen = folds != fold
        if len(np.unique(known[seen])) == 2:
            model = LogisticRegression(C=0.1, max_iter=500).fit(standardized[seen], known[seen])
            probability[~seen] = model.predict_proba(standardized[~seen])[:, 1]
    scores = score_task(
        known.astype(float), probability, threshold=float(known.mean()), bootstrap=bootstrap
    )
    return Dependence(
        auc=scores.auc, auc_interval=scores.auc_interval, reason=scores.intervals.reason
    )


def _too_few(inputs: np.ndarray, known: np.ndarray) -> str | None:
    if not inputs.shape[1] or not inputs.any():
        return "there are no other known labels"
    if known.all():
        return ALL_KNOWN
    for count, kind in ((known.sum(), "known"), ((~known).sum(), "unknown")):
        if count < FEWEST_LABELS:
            return f"{counted(int(count), f'{kind} label')}, {FEWEST_LABELS} are needed"
    return None
