"""The contrasts of a study: differences, verdicts, and how many of them chance would give."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from kerastl.compare.study import GROUPING, Contrast, Study
from kerastl.compare.verdicts import (
    FEWEST_TRAININGS,
    HELPS,
    HURTS,
    NO_DIFFERENCE,
    NO_VERDICT,
    ScoreDifference,
    ScoreDifferences,
    TrialScores,
    differences,
    holds_after_correction,
)
from kerastl.errors import counted
from kerastl.evaluation.intervals import FEWEST_GROUPS

ScoresByVariant = Mapping[str, Sequence[TrialScores]]  # one for each seed


@dataclass(frozen=True, kw_only=True)
class ContrastResult:
    """The result of one contrast; see `Contrast`."""

    question: str
    kind: str
    mode: str | None
    about: str | None
    first: tuple[str, ...]
    second: tuple[str, ...]
    answer: str  # in one sentence, by AUC and log loss
    tasks: Mapping[str, ScoreDifferences]
    macro: ScoreDifferences  # of the mean over tasks
    # Those of the mean: a task with too few groups for an interval would decide it by chance.
    macro_tasks: tuple[str, ...] = ()

    @property
    def mean_of(self) -> str:
        """How many tasks the mean is over: "all", or "2 of 3"."""
        has_all = len(self.macro_tasks) in (0, len(self.tasks))
        return "all" if has_all else f"{len(self.macro_tasks)} of {len(self.tasks)}"

    def verdicts(self) -> dict[str, str]:
        """Returns the verdict on each task, by the AUC."""
        return {task: found.auc.verdict for task, found in self.tasks.items()}


@dataclass(frozen=True, kw_only=True)
class Multiplicity:
    """What many verdicts at once mean."""

    verdicts: int  # of tasks, by AUC and by log loss
    seen: int  # number of those that help or hurt
    by_chance: float  # expected number of those if nothing differed
    remaining: int  # number of those seen that remain if at most 5 % may be false
    text: str


def evaluate_contrasts(
    study: Study, scores: ScoresByVariant, *, fewest: int = FEWEST_TRAININGS
) -> tuple[ContrastResult, ...]:
    """Returns the result of each contrast, with verdicts from the fewest trainings on.

    Verdicts about the trained models, not about the variants, need one training only.
    """
    return tuple(_evaluate(contrast, scores, fewest) for contrast in study.contrasts)


def weigh_multiplicity(results: Sequence[ContrastResult]) -> Multiplicity:
    """Returns how many verdicts there are and how many chance alone would give."""
    pairs = [one for result in results for one in result.tasks.values()]
    found = [one for pair in pairs for one in (pair.auc, pair.log_loss)]
    found = [one for one in found if one.verdict != NO_VERDICT]
    holds = holds_after_correction([one.p_value for one in found])
    named = [one.verdict in (HELPS, HURTS) for one in found]
    seen, by_chance = sum(named), 0.05 * len(found)
    remaining = sum(a and b for a, b in zip(named, holds, strict=True))
    text = (
        f"{counted(len(found), 'verdict')} at 95 % each: if nothing differed at all, about "
        f"{by_chance:.1f} of them would still be helps or hurts. {seen} "
        f"{'is' if seen == 1 else 'are'}; {remaining} of these "
        f"{'remains' if remaining == 1 else 'remain'} if at most 5 % may be false."
    )
    if not found:
        text = (
            f"No verdicts: they need {FEWEST_TRAININGS} trainings of each variant, at least "
            f"{FEWEST_GROUPS} groups with known labels in the test split, and a bootstrap."
        )
    return Multiplicity(
        verdicts=len(found), seen=seen, by_chance=by_chance, remaining=remaining, text=text
    )


def find_findings(results: Sequence[ContrastResult]) -> list[str]:
    """Returns what a reader should know first: answers, harmful tasks, and the role of chance."""
    found = [result.answer for result in results if result.kind in ("answer", GROUPING)]
    for result in results:
        if result.kind != "left out" or result.macro.auc.verdict != HURTS:
            continue
        harmed = [task for task, verdict in result.verdicts().items() if verdict == HURTS]
        most = f", most of all {', '.join(harmed)}" if harmed else ""
        found.append(
            f"{result.mode}: {result.about} harms the other tasks{most}: learning it too changes "
            f"their macro AUC by {result.macro.auc.difference:+.3f}. Learn it apart, or give it "
            "less weight."
        )
    return [*found, weigh_multiplicity(results).text]


def signed(value: float) -> str:
    """Returns a difference with its sign, a dash if it is undefined."""
    return "-" if np.isnan(value) else f"{value:+.3f}"


def difference_text(found: ScoreDifference) -> str:
    """Returns a difference and its interval, if it has one."""
    text = signed(found.difference)
    if found.interval is None:
        return text
    low, high = found.interval
    return f"{text}, 95 % {low:+.3f} to {high:+.3f}"


def _evaluate(contrast: Contrast, scores: ScoresByVariant, fewest: int) -> ContrastResult:
    first, second = (_joined(names, scores) for names in (contrast.first, contrast.second))
    tasks = {task: differences(first, second, [task], fewest) for task in contrast.tasks}
    known = [task for task, found in tasks.items() if found.auc.interval is not None]
    macro_tasks = known or contrast.tasks
    macro = differences(first, second, macro_tasks, fewest)
    part = (
        f" over {len(macro_tasks)} of {len(tasks)} tasks" if len(macro_tasks) < len(tasks) else ""
    )
    by_auc = _summary(f"macro AUC{part}", "auc", tasks, macro)
    by_loss = _summary(f"macro log loss{part}", "log_loss", tasks, macro)
    return ContrastResult(
        question=contrast.text,
        kind=contrast.kind,
        mode=contrast.mode or None,
        about=contrast.about,
        first=contrast.first,
        second=contrast.second,
        answer=f"{contrast.text}: {by_auc}. By log loss: {by_loss}.",
        tasks=tasks,
        macro=macro,
        macro_tasks=tuple(macro_tasks),
    )


def _summary(
    title: str, score: str, tasks: Mapping[str, ScoreDifferences], macro: ScoreDifferences
) -> str:
    by_verdict: dict[str, list[str]] = {}
    for task, found in tasks.items():
        by_verdict.setdefault(getattr(found, score).verdict, []).append(task)
    parts = [
        f"{verdict}{_on(by_verdict[verdict], len(tasks))}"
        for verdict in (HELPS, HURTS, NO_DIFFERENCE)
        if verdict in by_verdict
    ]
    one: ScoreDifference = getattr(macro, score)
    mean = "" if np.isnan(one.difference) else f" ({title} {difference_text(one)})"
    return f"{', '.join(parts) or NO_VERDICT}{mean}"


def _joined(names: Sequence[str], scores: ScoresByVariant) -> list[TrialScores]:
    """Returns for each seed the tasks of all variants together."""
    return [
        {task: found for one in of_seed for task, found in one.items()}
        for of_seed in zip(*(scores[name] for name in names), strict=True)
    ]


def _on(tasks: Sequence[str], num_tasks: int) -> str:
    if num_tasks == 1:
        return ""
    if len(tasks) == num_tasks:
        return " on all tasks"
    return f" on {', '.join(tasks)}" if len(tasks) <= 6 else f" on {len(tasks)} tasks"
