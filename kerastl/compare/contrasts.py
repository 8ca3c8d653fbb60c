"""The contrasts of a study: differences, verdicts, and how many of them chance would give."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from kerastl.compare.paired_scores import PairedRows, TrialScores
from kerastl.compare.study import Contrast, Study
from kerastl.compare.verdicts import (
    HELPS,
    HURTS,
    NO_DIFFERENCE,
    ScoreDifference,
    ScoreDifferences,
    differences,
    holds_after_correction,
)
from kerastl.errors import counted

ScoresByVariant = Mapping[str, Sequence[TrialScores]]


@dataclass(frozen=True, kw_only=True)
class ContrastResult:
    """The result of one contrast.

    Args:
        question: The contrast in words.
        kind: `"answer"`, `"left out"` or `"lent"`.
        mode: Part of the study, or None.
        about: The task that is left out or lent to, or None.
        first: Names of the variants that are compared.
        second: Names of the variants they are compared with.
        answer: The result in one sentence.
        tasks: Name of each task to its differences.
        macro: Differences of the mean over tasks.
    """

    question: str
    kind: str
    mode: str | None
    about: str | None
    first: tuple[str, ...]
    second: tuple[str, ...]
    answer: str
    tasks: Mapping[str, ScoreDifferences]
    macro: ScoreDifferences

    def verdicts(self) -> dict[str, str]:
        """Returns task to verdict, by the AUC."""
        return {task: found.auc.verdict for task, found in self.tasks.items()}


@dataclass(frozen=True, kw_only=True)
class Multiplicity:
    """What many verdicts at once mean.

    Args:
        verdicts: Number of differences of AUC that have an interval.
        seen: Number of those that help or hurt.
        by_chance: Expected number of those if nothing differed.
        remaining: Number of those seen that remain if at most 5 % may be false.
        text: The same in words.
    """

    verdicts: int
    seen: int
    by_chance: float
    remaining: int
    text: str


def evaluate_contrasts(
    study: Study, scores: ScoresByVariant, rows: PairedRows, *, seed: int
) -> tuple[ContrastResult, ...]:
    """Returns the result of each contrast.

    Args:
        study: The contrasts.
        scores: Name of each variant to its scores, one for each seed.
        rows: The rows that were scored.
        seed: Seed of the draw of trainings.
    """
    return tuple(_evaluate(contrast, scores, rows, seed) for contrast in study.contrasts)


def weigh_multiplicity(results: Sequence[ContrastResult]) -> Multiplicity:
    """Returns how many verdicts there are and how many chance alone would give."""
    found = [one.auc for result in results for one in result.tasks.values()]
    with_interval = [one for one in found if one.interval is not None]
    holds = holds_after_correction([one.p_value for one in with_interval])
    named = [one.verdict in (HELPS, HURTS) for one in with_interval]
    by_chance = 0.05 * len(with_interval)
    remaining = sum(a and b for a, b in zip(named, holds, strict=True))
    return Multiplicity(
        verdicts=len(with_interval),
        seen=sum(named),
        by_chance=by_chance,
        remaining=remaining,
        text=_multiplicity_text(len(with_interval), sum(named), by_chance, remaining),
    )


def signed(value: float, digits: int = 3) -> str:
    """Returns a difference with its sign, a dash if it is undefined."""
    return "-" if np.isnan(value) else f"{value:+.{digits}f}"


def interval_text(found: ScoreDifference) -> str:
    """Returns the interval after a comma, or nothing."""
    if found.interval is None:
        return ""
    low, high = found.interval
    return f", 95 % {low:+.3f} to {high:+.3f}"


def _multiplicity_text(num_verdicts: int, seen: int, by_chance: float, remaining: int) -> str:
    if not num_verdicts:
        return (
            "No verdicts: there are no intervals with fewer than 20 groups in the test or with "
            "evaluation.bootstrap: 0."
        )
    return (
        f"{counted(num_verdicts, 'verdict')} at 95 % each: if nothing differed at all, about "
        f"{by_chance:.1f} of them would still be helps or hurts. {seen} "
        f"{'is' if seen == 1 else 'are'}; {remaining} of these "
        f"{'remains' if remaining == 1 else 'remain'} if at most 5 % may be false."
    )


def _evaluate(
    contrast: Contrast, scores: ScoresByVariant, rows: PairedRows, seed: int
) -> ContrastResult:
    first, second = (_joined(names, scores) for names in (contrast.first, contrast.second))
    settings: dict[str, Any] = {"num_groups": rows.num_groups, "seed": seed}
    tasks = {task: differences(first, second, [task], **settings) for task in contrast.tasks}
    macro = differences(first, second, contrast.tasks, **settings)
    return ContrastResult(
        question=contrast.text,
        kind=contrast.kind,
        mode=contrast.mode or None,
        about=contrast.about,
        first=contrast.first,
        second=contrast.second,
        answer=_sentence(contrast.text, tasks, macro.auc),
        tasks=tasks,
        macro=macro,
    )


def _sentence(text: str, tasks: Mapping[str, ScoreDifferences], macro: ScoreDifference) -> str:
    by_verdict: dict[str, list[str]] = {}
    for task, found in tasks.items():
        by_verdict.setdefault(found.auc.verdict, []).append(task)
    parts = [
        f"{verdict}{_on(by_verdict[verdict], len(tasks))}"
        for verdict in (HELPS, HURTS, NO_DIFFERENCE)
        if verdict in by_verdict
    ]
    value = macro.difference
    mean = "" if np.isnan(value) else f" (macro AUC {signed(value)}{interval_text(macro)})"
    return f"{text}: {', '.join(parts) or 'no verdict'}{mean}."


def _joined(names: Sequence[str], scores: ScoresByVariant) -> list[TrialScores]:
    """Returns for each seed the tasks of all variants together."""
    by_variant = [scores[name] for name in names]
    return [
        {task: found for one in of_seed for task, found in one.items()}
        for of_seed in zip(*by_variant, strict=True)
    ]


def _on(tasks: Sequence[str], num_tasks: int) -> str:
    if num_tasks == 1:
        return ""
    if len(tasks) == num_tasks:
        return " on all tasks"
    return f" on {', '.join(tasks)}" if len(tasks) <= 6 else f" on {len(tasks)} tasks"
