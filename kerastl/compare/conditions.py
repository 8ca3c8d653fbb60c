"""When sharing and transfer are said to pay, and what this comparison saw of it.

Convention: a condition holds, doesn't, or isn't known; its evidence stands beside it, because the
conditions explain a verdict and don't replace it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import scipy.special

from kerastl.compare.answers import Answer, interval_text, signed
from kerastl.compare.sides import Study
from kerastl.compare.verdicts import HELPS, HURTS, NO_VERDICT

SIMILAR = 3.0
_WORSE = 0.01  # nats; a smaller difference in training loss is chance
_PRETRAINING_EXAMPLES = {"imagenet": 1_281_167}


@dataclass(frozen=True, kw_only=True)
class Condition:
    """One condition and what was seen of it.

    Args:
        name: The condition as a sentence.
        holds: Whether it holds; None where this comparison can't tell.
        evidence: What was seen, in sentences.
        mode: Which part of the study it is about.
    """

    name: str
    holds: bool | None
    evidence: tuple[str, ...]
    mode: str = ""

    def as_values(self) -> dict[str, Any]:
        """Returns plain values for JSON."""
        return {
            "condition": self.name,
            "mode": self.mode or None,
            "holds": self.holds,
            "evidence": list(self.evidence),
        }


def sharing_conditions(
    study: Study,
    answers: Sequence[Answer],
    labels: np.ndarray,
    epochs: Mapping[str, Sequence[np.ndarray]],
) -> list[Condition]:
    """Returns the three conditions under which sharing is said to pay.

    Args:
        study: The study.
        answers: What came out.
        labels: Labels of the training rows, `(examples, tasks)`, NaN where unknown.
        epochs: Name of each side to its training loss by epoch, one per seed.
    """
    modes = list(dict.fromkeys(question.mode for question in study.questions))
    tasks = next(question.tasks for question in study.questions if question.kind == "answer")
    known = dict(zip(tasks, (~np.isnan(labels)).sum(axis=0).tolist(), strict=True))
    found = [_similar_amounts(labels, tasks)]
    for mode in modes:
        found.append(_shares_features(mode, answers))
        found.append(_large_enough(mode, study, known, epochs))
    return found


def transfer_conditions(
    answers: Sequence[Answer], *, modality: str, weights: str | None, num_rows: int, scratch: str
) -> list[Condition]:
    """Returns the conditions under which transfer is said to pay.

    Args:
        answers: What came out.
        modality: Of the table and of the backbone; a backbone of another is refused before.
        weights: What the backbone starts from.
        num_rows: Number of training rows here.
        scratch: Name of the side that starts from random weights.
    """
    found = [
        Condition(
            name="The backbone was made for the same kind of input.",
            holds=True,
            evidence=(f"Both take {'pictures' if modality == 'image' else 'sounds'}.",),
        ),
        _more_data(weights, num_rows),
    ]
    judged = [answer for answer in answers if scratch in answer.question.first]
    if judged:
        found.append(_better_than_scratch(judged[0]))
    return found


def training_loss(predictions: pd.DataFrame, task: str) -> float:
    """Returns the mean loss of a task's known training labels, uncalibrated, in nats."""
    rows = predictions[predictions["split"] == "train"]
    labels = rows[f"{task}_label"].to_numpy(np.float64)
    known = ~np.isnan(labels)
    if not known.any():
        return float("nan")
    logits = rows[f"{task}_logit"].to_numpy(np.float64)[known]
    signed_logits = np.where(labels[known] >= 0.5, logits, -logits)
    return float(-scipy.special.log_expit(signed_logits).mean())


def _similar_amounts(labels: np.ndarray, tasks: Sequence[str]) -> Condition:
    known = (~np.isnan(labels)).sum(axis=0)
    rarer = np.minimum((labels >= 0.5).sum(axis=0), (labels < 0.5).sum(axis=0))
    ratio = known.max() / max(known.min(), 1)
    rarer_ratio = rarer.max() / max(rarer.min(), 1)
    counts = ", ".join(
        f"{task} {k} ({r} of its rarer answer)"
        for task, k, r in zip(tasks, known, rarer, strict=True)
    )
    return Condition(
        name="The tasks have similar amounts of known labels.",
        holds=bool(ratio <= SIMILAR and rarer_ratio <= SIMILAR),
        evidence=(
            f"Known training labels: {counts}.",
            f"The most are {ratio:.1f} times the fewest, of the rarer answer {rarer_ratio:.1f} "
            f"times; up to {SIMILAR:g} counts as similar.",
        ),
    )


def _shares_features(mode: str, answers: Sequence[Answer]) -> Condition:
    """Whether what the others learned helps the one; where nothing is lent, whether they help."""
    here = [answer for answer in answers if answer.question.mode == mode]
    lent = [answer for answer in here if answer.question.kind == "lent"]
    left_out = [answer for answer in here if answer.question.kind == "left out"]
    evidence = [_lent_text(answer) for answer in lent]
    evidence += [_left_out_text(answer) for answer in left_out]
    verdicts = [v for answer in (lent or left_out) for v in answer.verdicts().values()]
    return Condition(
        name="The tasks share features: what the others teach helps the one.",
        holds=_mostly(verdicts),
        evidence=tuple(evidence),
        mode=mode,
    )


def _mostly(verdicts: Sequence[str]) -> bool | None:
    """Whether more verdicts say helps than hurts; None where neither is said."""
    helps, hurts = verdicts.count(HELPS), verdicts.count(HURTS)
    return None if helps == hurts else helps > hurts


def _lent_text(answer: Answer) -> str:
    auc = answer.macro["auc"]
    return (
        f"Features that the other tasks trained, for {answer.question.about}: AUC "
        f"{signed(auc.value)}{interval_text(auc)} against the original ones: {auc.verdict}."
    )


def _left_out_text(answer: Answer) -> str:
    auc = answer.macro["auc"]
    by_task = ", ".join(
        f"{task} {signed(found['auc'].value)} ({found['auc'].verdict})"
        for task, found in answer.tasks.items()
    )
    return (
        f"Learning {answer.question.about} too changes the others by {signed(auc.value)}"
        f"{interval_text(auc)} on average ({auc.verdict}): {by_task}."
    )


def _large_enough(
    mode: str,
    study: Study,
    known: Mapping[str, int],
    epochs: Mapping[str, Sequence[np.ndarray]],
) -> Condition:
    """After as many epochs as all had, because early stopping ends them at different ones."""
    question = next(q for q in study.questions if q.mode == mode and q.kind == "answer")
    names = (*question.first, *question.second)
    last = min(len(losses) for name in names for losses in epochs[name])
    at = {name: _mean_at(epochs[name], last) for name in names}
    together = at[question.first[0]]
    weights = [sum(known[task] for task in study.side(name).tasks) for name in question.second]
    alone = float(np.average([at[name] for name in question.second], weights=weights))
    worse = together - alone
    return Condition(
        name="The network is big enough for all: sharing doesn't worsen the training loss.",
        holds=None if np.isnan(worse) else bool(worse <= _WORSE),
        evidence=(
            f"After {last} epochs the training loss per known label is {together:.3f} with one "
            f"network for all and {alone:.3f} with one for each ({worse:+.3f}); above "
            f"{_WORSE:+g} counts as worse.",
        ),
        mode=mode,
    )


def _mean_at(losses: Sequence[np.ndarray], last: int) -> float:
    return float(np.mean([one[last - 1] for one in losses])) if last else float("nan")


def _more_data(weights: str | None, num_rows: int) -> Condition:
    behind = _PRETRAINING_EXAMPLES.get(weights or "")
    known = (
        f"The weights '{weights}' were trained on {behind:,} examples"
        if behind
        else f"What the weights ({weights or 'random'}) were trained on isn't known to kerastl; "
        "their reference says it"
    )
    return Condition(
        name="More data is behind the backbone than there is here.",
        holds=None if behind is None else behind > num_rows,
        evidence=(f"{known}; here are {num_rows:,} training rows.",),
    )


def _better_than_scratch(answer: Answer) -> Condition:
    auc = answer.macro["auc"]
    return Condition(
        name="It is better than training from scratch.",
        holds=None if auc.verdict == NO_VERDICT else auc.verdict == HURTS,
        evidence=(
            f"{answer.question.text}: macro AUC {signed(auc.value)}{interval_text(auc)}: "
            f"{auc.verdict}.",
        ),
    )
