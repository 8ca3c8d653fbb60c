"""The conditions under which sharing and transfer pay, with the evidence of this comparison.

Convention: a condition holds, does not hold, or is unknown. Conditions explain a verdict; they do
not replace it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
import scipy.special

from kerastl.compare.contrasts import ContrastResult, difference_text, signed
from kerastl.compare.study import Study
from kerastl.compare.verdicts import HELPS, HURTS, NO_VERDICT
from kerastl.errors import counted
from kerastl.run.record import RunRecord

SIMILAR = 3.0
_LOSS = "log_loss"
_WORSE = 0.01  # nats; a smaller difference in training loss is chance
_PRETRAINING_EXAMPLES = {"imagenet": 1_281_167}


@dataclass(frozen=True, kw_only=True)
class Condition:
    """One condition with its evidence."""

    condition: str  # as a sentence
    mode: str | None = None  # part of the study
    holds: bool | None  # None if unknown
    evidence: tuple[str, ...]  # in sentences


def sharing_conditions(
    study: Study,
    results: Sequence[ContrastResult],
    labels: np.ndarray,
    epochs: Mapping[str, Sequence[np.ndarray]],
) -> list[Condition]:
    """Returns the three conditions under which sharing pays.

    The labels are those of the training rows, `(examples, tasks)`, NaN where unknown; `epochs` is
    the training loss by epoch of each variant, one array for each seed.
    """
    modes = dict.fromkeys(contrast.mode for contrast in study.contrasts)
    tasks = next(contrast.tasks for contrast in study.contrasts if contrast.kind == "answer")
    known = dict(zip(tasks, (~np.isnan(labels)).sum(axis=0).tolist(), strict=True))
    found = [_similar_amounts(labels, tasks)]
    for mode in modes:
        found.append(_shares_features(mode, results))
        found.append(_large_enough(mode, study, known, epochs))
    return found


def transfer_conditions(
    results: Sequence[ContrastResult],
    *,
    inputs: str,
    weights: str | None,
    num_rows: int,
    scratch: str,
) -> list[Condition]:
    """Returns the conditions under which transfer pays.

    `inputs` are those of table and backbone, such as "images"; `weights` are the initial ones of
    the backbone, for `num_rows` training rows; `scratch` is the variant with random weights.
    """
    same_input = Condition(
        condition="The backbone was made for the same kind of input.",
        holds=True,
        evidence=(f"Both take {inputs}.",),
    )
    judged = [_better_than_scratch(result) for result in results if scratch in result.first]
    return [same_input, _more_data(weights, num_rows), *judged[:1]]


def training_loss(predictions: pd.DataFrame, task: str) -> float:
    """Returns the mean loss of a task's known training labels, uncalibrated, in nats."""
    label = f"{task}_label"
    rows = predictions[(predictions["split"] == "train") & predictions[label].notna()]
    if not len(rows):
        return float("nan")
    logits = rows[f"{task}_logit"].to_numpy(np.float64)
    signed_logits = np.where(rows[label] >= 0.5, logits, -logits)
    return float(-scipy.special.log_expit(signed_logits).mean())


def losses_by_epoch(record: RunRecord, known: Mapping[str, int]) -> np.ndarray:
    """Returns the training loss per known label in each epoch of the last phase, `(epochs,)`.

    It is comparable between layouts of heads, by the number of known training labels of each task.
    Keras averages it over the batches of the epoch. A solved head has no epochs.
    """
    history = record.history
    if not len(history):
        return np.zeros(0)
    rows = history[(history["phase"] == history["phase"].iloc[-1]) & (history["epoch"] > 0)]
    heads = record.bundle.heads
    weights = {name: sum(known[task] for task in tasks) for name, tasks in heads.items()}
    columns = {name: _LOSS if len(heads) == 1 else f"{name}_{_LOSS}" for name in heads}
    total = sum(rows[columns[name]].to_numpy(float) * weights[name] for name in heads)
    return np.asarray(total / max(sum(weights.values()), 1))


def _similar_amounts(labels: np.ndarray, tasks: Sequence[str]) -> Condition:
    known = (~np.isnan(labels)).sum(axis=0)
    rarer = np.minimum((labels >= 0.5).sum(axis=0), (labels < 0.5).sum(axis=0))
    ratio, rarer_ratio = (counts.max() / max(counts.min(), 1) for counts in (known, rarer))
    counts = ", ".join(
        f"{task} {k} ({r} of its rarer class)"
        for task, k, r in zip(tasks, known, rarer, strict=True)
    )
    return Condition(
        condition="The tasks have similar amounts of known labels.",
        holds=bool(ratio <= SIMILAR and rarer_ratio <= SIMILAR),
        evidence=(
            f"Known training labels: {counts}.",
            f"The largest number is {ratio:.1f} times the smallest, for the rarer class "
            f"{rarer_ratio:.1f} times; up to {SIMILAR:g} times counts as similar.",
        ),
    )


def _shares_features(mode: str, results: Sequence[ContrastResult]) -> Condition:
    """Whether lent features help; if none are lent, whether learning the other tasks too helps."""
    here = [result for result in results if result.mode == mode]
    lent = [result for result in here if result.kind == "lent"]
    left_out = [result for result in here if result.kind == "left out"]
    verdicts = [v for result in (lent or left_out) for v in result.verdicts().values()]
    helps, hurts = verdicts.count(HELPS), verdicts.count(HURTS)
    return Condition(
        condition="The tasks share features: learning one helps another.",
        mode=mode,
        holds=None if helps == hurts else helps > hurts,
        evidence=(*map(_lent_text, lent), *map(_left_out_text, left_out)),
    )


def _lent_text(result: ContrastResult) -> str:
    auc = result.macro.auc
    return (
        f"Features that the other tasks trained, for {result.about}: AUC {difference_text(auc)} "
        f"against {result.second[0]}: {auc.verdict}."
    )


def _left_out_text(result: ContrastResult) -> str:
    auc = result.macro.auc
    by_task = ", ".join(
        f"{task} {signed(found.auc.difference)} ({found.auc.verdict})"
        for task, found in result.tasks.items()
    )
    return (
        f"Learning {result.about} too changes the others by {difference_text(auc)} on average "
        f"({auc.verdict}): {by_task}."
    )


def _large_enough(
    mode: str, study: Study, known: Mapping[str, int], epochs: Mapping[str, Sequence[np.ndarray]]
) -> Condition:
    """Compares after the same number of epochs, because early stopping ends trainings unequally."""
    contrast = next(q for q in study.contrasts if q.mode == mode and q.kind == "answer")
    names = (*contrast.first, *contrast.second)
    last = min(len(losses) for name in names for losses in epochs[name])
    at = {
        name: float(np.mean([one[last - 1] for one in epochs[name]])) if last else float("nan")
        for name in names
    }
    together = at[contrast.first[0]]
    weights = [sum(known[task] for task in study.variant(name).tasks) for name in contrast.second]
    alone = float(np.average([at[name] for name in contrast.second], weights=weights))
    worse = together - alone
    return Condition(
        condition="The network is large enough: sharing does not worsen the training loss.",
        mode=mode,
        holds=None if np.isnan(worse) else bool(worse <= _WORSE),
        evidence=(
            f"After {counted(last, 'epoch')} the training loss per known label is {together:.3f} "
            f"with one network for all tasks and {alone:.3f} with one for each ({worse:+.3f}); "
            f"above {_WORSE:+g} counts as worse.",
        ),
    )


def _more_data(weights: str | None, num_rows: int) -> Condition:
    behind = _PRETRAINING_EXAMPLES.get(weights or "")
    known = (
        f"The weights '{weights}' were trained on {behind:,} examples"
        if behind
        else f"The training data of the weights ({weights or 'random'}) is unknown to kerastl; "
        "see their reference"
    )
    return Condition(
        condition="The backbone was trained on more data than there is here.",
        holds=None if behind is None else behind > num_rows,
        evidence=(f"{known}; there are {counted(num_rows, 'training row')} here.",),
    )


def _better_than_scratch(result: ContrastResult) -> Condition:
    auc = result.macro.auc
    return Condition(
        condition="Transfer is better than training from scratch.",
        holds=None if auc.verdict == NO_VERDICT else auc.verdict == HURTS,
        evidence=(f"{result.question}: macro AUC {difference_text(auc)}: {auc.verdict}.",),
    )
