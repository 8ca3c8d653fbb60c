"""Why labels are unknown: each function hides a share of the labels of every task.

Convention: labels come in without gaps, `(examples, tasks)`, 1 or 0, and go out with NaN where they
are hidden. `groups` is the group of each example or None, `seed` decides what is hidden.
"""

from collections.abc import Callable

import numpy as np

RATIO = 2.0  # of the chance to be known: favored labels to others
ANNOTATORS = 10
POSITIVES_ONLY = "only positives recorded"

Mechanism = Callable[[np.ndarray, np.ndarray | None, float, int], np.ndarray]


def at_random(
    labels: np.ndarray, groups: np.ndarray | None, hidden: float, seed: int
) -> np.ndarray:
    """Hides labels whatever they are."""
    chances = np.full(labels.shape, 1 - hidden)
    return _keep(labels, chances, seed)


def by_other_label(
    labels: np.ndarray, groups: np.ndarray | None, hidden: float, seed: int
) -> np.ndarray:
    """Hides a label less often if the label of the next task is positive."""
    return _keep(labels, chances_to_be_known(np.roll(labels, -1, axis=1) == 1, hidden), seed)


def by_own_label(
    labels: np.ndarray, groups: np.ndarray | None, hidden: float, seed: int
) -> np.ndarray:
    """Hides positives less often than negatives."""
    return _keep(labels, chances_to_be_known(labels == 1, hidden), seed)


def positives_only(
    labels: np.ndarray, groups: np.ndarray | None, hidden: float, seed: int
) -> np.ndarray:
    """Hides all negatives and the given share of the positives."""
    return np.where(labels == 1, at_random(labels, groups, hidden, seed), np.nan)


def by_annotator(
    labels: np.ndarray, groups: np.ndarray | None, hidden: float, seed: int
) -> np.ndarray:
    """Hides whole blocks: each of ten annotators has some of the rows and answers some tasks.

    The rows of a group are next to each other, so most groups have one annotator.
    """
    random = np.random.default_rng(seed)
    order = np.argsort(_shuffled_ranks(labels, groups, random), kind="stable")
    annotator = np.empty(len(labels), int)
    annotator[order] = np.arange(len(labels)) * ANNOTATORS // len(labels)
    skips = np.zeros((ANNOTATORS, labels.shape[1]), bool)
    for task in skips.T:
        task[random.permutation(ANNOTATORS)[: round(hidden * ANNOTATORS)]] = True
    return np.where(skips[annotator], np.nan, labels)


MECHANISMS: dict[str, Mechanism] = {
    "at random": at_random,
    "depends on another label": by_other_label,
    "depends on the label": by_own_label,
    "blocks by annotator": by_annotator,
    POSITIVES_ONLY: positives_only,
}


def chances_to_be_known(favored: np.ndarray, hidden: float) -> np.ndarray:
    """Returns the chance of each label to be known, `RATIO` times as high if it is favored.

    The mean over each task is `1 - hidden`. If that would take a chance above 1, all favored labels
    are known and the others as often as the mean requires.
    """
    share, known = favored.mean(axis=0), 1 - hidden
    if_all_favored_are_known = (known - share) / np.maximum(1 - share, 1e-12)
    others = np.maximum(known / (1 + (RATIO - 1) * share), if_all_favored_are_known)
    return np.where(favored, np.minimum(RATIO * others, 1.0), others)


def uncertain(labels: np.ndarray, logits: np.ndarray, share: float) -> np.ndarray:
    """Returns which labels a rater would call uncertain: those with logits nearest to 0."""
    ranks = np.argsort(np.argsort(np.abs(logits), axis=0), axis=0)
    return ranks < round(share * len(labels))


def _keep(labels: np.ndarray, chances: np.ndarray, seed: int) -> np.ndarray:
    return np.where(np.random.default_rng(seed).random(labels.shape) < chances, labels, np.nan)


def _shuffled_ranks(
    labels: np.ndarray, groups: np.ndarray | None, random: np.random.Generator
) -> np.ndarray:
    """Returns a random number for each group, as the place of its rows."""
    names = np.arange(len(labels)) if groups is None else np.asarray(groups, dtype=str)
    unit = np.unique(names, return_inverse=True)[1]
    return random.permutation(unit.max() + 1)[unit]
