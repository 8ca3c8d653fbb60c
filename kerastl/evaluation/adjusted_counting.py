"""The share of positives among all examples, known or not, by adjusted counting.

Convention: whether a label is known may depend on the label, but not on how the model rates
examples with this label. The mean probabilities of examples with and without a known label then
differ by the difference of their shares of positives, times the difference between the mean
probabilities of positives and negatives.
"""

from dataclasses import dataclass, replace

import numpy as np

from kerastl.evaluation.intervals import FEWEST_GROUPS, Bootstrap, Draws
from kerastl.evaluation.means import divided

ALL_KNOWN = "every label is known"
FEWEST_UNKNOWN = 20
FEW_UNKNOWN = f"fewer than {FEWEST_UNKNOWN} labels are unknown"
FEWEST_OF_A_CLASS = 5  # groups with a known label of this class
_TAILS = (0.005, 0.995)
_MOST_BLOCKS = 2000
_SUMS = 6  # known, unknown, positive, and the probabilities of these three


@dataclass(frozen=True, kw_only=True)
class PositiveShare:
    """Share of positives of one task, in [0, 1]."""

    among_known: float  # NaN without known labels
    among_all: float  # estimated; NaN if it cannot be known
    among_all_interval: tuple[float, float] | None  # 99 %
    differs: bool  # whether known labels have another share than unknown ones, at 99 %
    reason: str | None  # why the share among all examples cannot be known


def estimate_shares(
    labels: np.ndarray, probabilities: np.ndarray, bootstrap: Bootstrap
) -> list[PositiveShare]:
    """Estimates the share of positives of each task, with a 99 % bootstrap over groups.

    Labels are 1, 0, or NaN if unknown; the probabilities are those of a model that was not fitted
    on these examples. Both are `(examples, tasks)`.

    Reference:
        Bella, Ferri, Hernández-Orallo, Ramírez-Quintana (2010), "Quantification via Probability
        Estimators", https://doi.org/10.1109/ICDM.2010.75
    """
    sums = _sums_of_blocks(labels, probabilities, bootstrap)
    draws = Draws(replace(bootstrap, groups=np.arange(len(sums))))
    flat = sums.reshape(len(sums), labels.shape[1] * _SUMS)  # also without examples
    drawn = [weights @ flat for weights in draws.weights(np.arange(len(sums)))]
    replicates = np.concatenate([flat[:0], *drawn]).reshape(-1, *sums.shape[1:])
    return [
        _estimate(sums[:, task], replicates[:, task], bootstrap.unit)
        for task in range(labels.shape[1])
    ]


def _sums_of_blocks(
    labels: np.ndarray, probabilities: np.ndarray, bootstrap: Bootstrap
) -> np.ndarray:
    """Returns `(blocks, tasks, 6)`; a block is a group, or several if there are very many."""
    names, blocks = np.unique(np.asarray(bootstrap.groups, dtype=str), return_inverse=True)
    if len(names) > _MOST_BLOCKS:
        blocks = (np.random.default_rng(bootstrap.seed).permutation(len(names)) % _MOST_BLOCKS)[
            blocks
        ]
    known = ~np.isnan(labels)
    counts = np.stack([known, ~known, np.where(known, labels, 0)], axis=-1)
    summands = np.concatenate([counts, counts * probabilities[..., None]], axis=-1)
    sums = np.zeros((min(len(names), _MOST_BLOCKS), labels.shape[1], _SUMS))
    np.add.at(sums, blocks, summands)
    return sums


def _estimate(sums: np.ndarray, replicates: np.ndarray, unit: str) -> PositiveShare:
    total = sums.sum(axis=0)
    known, unknown, positives = total[:3]
    share = PositiveShare(
        among_known=float(divided(positives, known)),
        among_all=float("nan"),
        among_all_interval=None,
        differs=False,
        reason=_why_unknowable(sums, replicates, unit),
    )
    if share.reason is not None:
        return share
    # Between no and only positives among the unknown labels.
    possible = np.array([positives, positives + unknown]) / (known + unknown)
    _, difference, among_all = _adjusted(replicates)
    low, high = np.nanquantile(difference, _TAILS)
    ends = np.clip(np.nanquantile(among_all, _TAILS), *possible)
    return replace(
        share,
        among_all=float(np.clip(_adjusted(total)[2], *possible)),
        among_all_interval=(float(ends[0]), float(ends[1])),
        differs=bool(low > 0 or high < 0),
    )


def _adjusted(sums: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Returns three figures for sums `(..., 6)`, NaN where undefined.

    They are the mean probability of positives minus that of negatives, the share of positives among
    known minus that among unknown labels, and the share of positives among all.
    """
    known, unknown, positive, of_known, of_unknown, of_positive = np.moveaxis(sums, -1, 0)
    separation = divided(of_positive, positive) - divided(of_known - of_positive, known - positive)
    difference = divided(divided(of_known, known) - divided(of_unknown, unknown), separation)
    among_all = divided(positive, known) - divided(unknown, known + unknown) * difference
    return separation, difference, among_all


def _why_unknowable(sums: np.ndarray, replicates: np.ndarray, unit: str) -> str | None:
    known, unknown, positive = sums[:, :3].T
    if known.any() and not unknown.any():
        return ALL_KNOWN
    if unknown.sum() < FEWEST_UNKNOWN:
        return FEW_UNKNOWN
    if len(sums) < FEWEST_GROUPS:
        return f"{len(sums)} {unit}, {FEWEST_GROUPS} are needed"
    for kind, found in (("positives", positive), ("negatives", known - positive)):
        if (count := np.count_nonzero(found)) < FEWEST_OF_A_CLASS:
            return f"known {kind} in {count} of {len(sums)} {unit}, {FEWEST_OF_A_CLASS} are needed"
    if not len(replicates):
        return "evaluation.bootstrap: 0"
    if not np.nanquantile(_adjusted(replicates)[0], _TAILS[0]) > 0:
        return "the model does not clearly rate positives higher than negatives"
    return None
