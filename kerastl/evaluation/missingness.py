"""A look at what is missing: how much, what together, and whether by chance.

Convention: labels that are missing by chance can be left out without bias. Where knowing a label
can be predicted, from the input or from the other labels, they aren't missing by chance, and the
difference between the model's mean probability with and without a label says in which direction
to worry.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.linalg
import scipy.special
from sklearn.linear_model import LogisticRegression

from kerastl.data.tables.splits import PARTS, assign_folds
from kerastl.evaluation.intervals import Bootstrap
from kerastl.evaluation.scores import score_task
from kerastl.threads import one_blas_thread

# The lower end of the interval above which a warning is given. 0.5 is chance; below 0.55 a
# dependence is too weak to move a prevalence by more than a few percent of itself.
WORRYING_AUC = 0.55
FEWEST_LABELS = 20
CLEAR_DIFFERENCE = 0.02  # of the mean probabilities
_NUM_FOLDS = 5
_NUM_COMPONENTS = 32
_MOST_EXAMPLES = 20_000
_INPUTS = {"image": "the pictures", "audio": "the sounds"}


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """What is known of examples apart from their labels.

    Args:
        rows: Indices of the examples, shape `(rows,)`.
        logits: Calibrated, from models that weren't fitted on the example, `(rows, tasks)`.
        features: Features of the inputs, `(rows, feature_dim)`, or None.
        source: Whose predictions these are, in words.
    """

    rows: np.ndarray
    logits: np.ndarray
    features: np.ndarray | None
    source: str


def examine_missingness(
    labels: np.ndarray,
    parts: np.ndarray,
    tasks: Sequence[str],
    *,
    bootstrap: Bootstrap,
    groups: np.ndarray | None = None,
    evidence: Evidence | None = None,
    modality: str = "image",
) -> dict[str, Any]:
    """Returns counts, what is missing together, what missingness depends on, and warnings.

    Args:
        labels: `(examples, tasks)` as training sees them, NaN where unknown.
        parts: Split of each example.
        tasks: Names of the columns.
        bootstrap: How intervals are made, for all examples.
        groups: Group of each example, or None.
        evidence: Unseen predictions; None leaves out what depends on them.
        modality: `"image"` or `"audio"`.
    """
    found = {} if evidence is None else _predictability(labels, tasks, bootstrap, groups, evidence)
    return {
        "tasks": {task: _counts(labels[:, i], parts) for i, task in enumerate(tasks)},
        "groups": None if groups is None else _groups(labels, tasks, groups),
        "together": _together(labels[parts == "train"], tasks),
        "examined_on": None if evidence is None else evidence.source,
        "predictability": found,
        "warnings": [
            sentence
            for task, one in found.items()
            if (sentence := _warning(task, one, _INPUTS[modality])) is not None
        ],
    }


def _counts(labels: np.ndarray, parts: np.ndarray) -> dict[str, dict[str, Any]]:
    counts = {}
    for part in PARTS:
        inside = labels[parts == part]
        known = int((~np.isnan(inside)).sum())
        counts[part] = {
            "examples": len(inside),
            "known": known,
            "unknown": len(inside) - known,
            "positives": int((inside >= 0.5).sum()),
            "share_unknown": 1 - known / len(inside) if len(inside) else None,
        }
    return counts


def _groups(labels: np.ndarray, tasks: Sequence[str], groups: np.ndarray) -> dict[str, Any]:
    names, codes = np.unique(np.asarray(groups, dtype=str), return_inverse=True)
    sizes = np.bincount(codes)
    known = np.zeros((len(names), len(tasks)))
    np.add.at(known, codes, ~np.isnan(labels))
    return {
        "count": len(names),
        "tasks": {
            task: {
                "all_known": int((known[:, i] == sizes).sum()),
                "some_known": int(((known[:, i] > 0) & (known[:, i] < sizes)).sum()),
                "none_known": int((known[:, i] == 0).sum()),
            }
            for i, task in enumerate(tasks)
        },
    }


def _together(labels: np.ndarray, tasks: Sequence[str]) -> dict[str, Any]:
    """Number of training examples in which both labels are unknown, and the correlation."""
    unknown = np.isnan(labels).astype(np.float64)
    centered = unknown - unknown.sum(axis=0) / max(len(unknown), 1)
    spread = np.sqrt((centered**2).sum(axis=0))
    scale = np.outer(spread, spread)
    correlation = np.full(scale.shape, np.nan)
    np.divide(centered.T @ centered, scale, out=correlation, where=scale > 0)
    return {
        "tasks": list(tasks),
        "unknown_in_both": (unknown.T @ unknown).astype(int).tolist(),
        "correlation": np.clip(correlation, -1, 1).tolist(),
    }


def _predictability(
    labels: np.ndarray,
    tasks: Sequence[str],
    bootstrap: Bootstrap,
    groups: np.ndarray | None,
    evidence: Evidence,
) -> dict[str, dict[str, Any]]:
    chosen = _sample(evidence.rows, bootstrap.seed)
    rows = evidence.rows[chosen]
    logits = evidence.logits[chosen]
    inputs = [np.nan_to_num(logits)]
    if evidence.features is not None and np.isnan(labels[rows]).any():
        inputs.append(_components(evidence.features[chosen]))
    here = Bootstrap(
        groups=np.asarray(bootstrap.groups)[rows],
        unit=bootstrap.unit,
        replicates=bootstrap.replicates,
        seed=bootstrap.seed,
    )
    own_groups = None if groups is None else groups[rows]
    found: dict[str, dict[str, Any]] = {}
    for i, task in enumerate(tasks):
        known = ~np.isnan(labels[rows, i])
        others = _values_of_others(np.delete(labels[rows], i, axis=1))
        probability = scipy.special.expit(logits[:, i])
        found[task] = {
            "input": _known_from(np.concatenate(inputs, axis=1), known, own_groups, here),
            "other_labels": _known_from(others, known, own_groups, here),
            "mean_probability_known": _mean(probability[known]),
            "mean_probability_unknown": _mean(probability[~known]),
        }
    return found


def _sample(rows: np.ndarray, seed: int) -> np.ndarray:
    if len(rows) <= _MOST_EXAMPLES:
        return np.arange(len(rows))
    return np.sort(np.random.default_rng(seed).permutation(len(rows))[:_MOST_EXAMPLES])


def _components(features: np.ndarray) -> np.ndarray:
    """Returns the principal components of the standardized features, `(examples, components)`."""
    centered = features - features.mean(axis=0)
    spread = centered.std(axis=0)
    standardized = centered / np.where(spread > 0, spread, 1)
    dim = standardized.shape[1]
    with one_blas_thread():  # threads of BLAS wait for each other in loops: slower, often much
        _, vectors = scipy.linalg.eigh(
            standardized.T @ standardized, subset_by_index=[max(0, dim - _NUM_COMPONENTS), dim - 1]
        )
    return standardized @ vectors[:, ::-1]


def _values_of_others(labels: np.ndarray) -> np.ndarray:
    """Returns the other labels with unknown ones at their task's mean.

    So what can be predicted depends on the values, not on which labels are missing together:
    that alone is no bias.
    """
    known = ~np.isnan(labels)
    mean = np.where(known, labels, 0).sum(axis=0) / np.maximum(known.sum(axis=0), 1)
    return np.where(known, labels - mean, 0)


def _known_from(
    inputs: np.ndarray, known: np.ndarray, groups: np.ndarray | None, bootstrap: Bootstrap
) -> dict[str, Any]:
    """Returns how well `known` is predicted out of fold by a logistic regression."""
    reason = _too_few(inputs, known)
    if reason is not None:
        return {"auc": None, "auc_interval": None, "reason": reason}
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
    return {
        "auc": scores["auc"],
        "auc_interval": scores["auc_interval"],
        "reason": scores["intervals"]["reason"],
    }


def _too_few(inputs: np.ndarray, known: np.ndarray) -> str | None:
    if not inputs.shape[1] or not inputs.any():
        return "there are no other known labels"
    if known.all():
        return "every label is known"
    for count, kind in ((known.sum(), "known"), ((~known).sum(), "unknown")):
        if count < FEWEST_LABELS:
            return f"{count} {kind} labels, {FEWEST_LABELS} are needed"
    return None


def _mean(values: np.ndarray) -> float | None:
    defined = values[~np.isnan(values)]
    return float(defined.mean()) if len(defined) else None


def _warning(task: str, found: dict[str, Any], inputs: str) -> str | None:
    worrying = [
        f"{words} (AUC {one['auc']:.2f}, {one['auc_interval'][0]:.2f} to "
        f"{one['auc_interval'][1]:.2f})"
        for words, one in ((inputs, found["input"]), ("the other labels", found["other_labels"]))
        if one["auc_interval"] is not None and one["auc_interval"][0] > WORRYING_AUC
    ]
    if not worrying:
        return None
    return (
        f"{task}: labels aren't missing by chance: whether one is known can be predicted from "
        f"{' and from '.join(worrying)}. {_direction(task, found)}"
    )


def _direction(task: str, found: dict[str, Any]) -> str:
    known, unknown = found["mean_probability_known"], found["mean_probability_unknown"]
    if known is None or unknown is None:
        return "In which direction that biases the scores can't be said."
    figures = f"mean probability {known:.2f} against {unknown:.2f}"
    if abs(known - unknown) < CLEAR_DIFFERENCE:
        return (
            f"The model rates examples with and without a known label alike ({figures}): "
            "the share of yes looks right, but the scores hold for examples like the labeled ones."
        )
    word, effect = ("higher", "overstated") if known > unknown else ("lower", "understated")
    return (
        f"The model rates examples with a known label {word} than the others ({figures}): "
        f"how common '{task}' is, and with it its probabilities, are probably {effect}."
    )
