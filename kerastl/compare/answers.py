"""What the arms say about the questions of a study: differences, verdicts, multiplicity."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from kerastl.compare.scores import SCORES, TestRows
from kerastl.compare.sides import Question, Study
from kerastl.compare.verdicts import (
    HELPS,
    HURTS,
    NO_DIFFERENCE,
    ArmScores,
    Difference,
    differences,
    holds_after_correction,
)

MACRO = "macro"
SidesScores = Mapping[str, Sequence[ArmScores]]


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What came out for one question.

    Args:
        question: The question.
        tasks: Task to name of the score to the difference.
        macro: Name of the score to the difference of the mean over tasks.
    """

    question: Question
    tasks: Mapping[str, Mapping[str, Difference]]
    macro: Mapping[str, Difference]

    def verdicts(self) -> dict[str, str]:
        """Returns task to verdict, by the AUC."""
        return {task: found["auc"].verdict for task, found in self.tasks.items()}


@dataclass(frozen=True, kw_only=True)
class Multiplicity:
    """What many verdicts at once mean.

    Args:
        verdicts: Number of differences of AUC that have an interval.
        seen: Number of those that were called helps or hurts.
        by_chance: Number that would be, on average, if nothing differed.
        remaining: Number of those seen that remain when at most 5 % may be false.
    """

    verdicts: int
    seen: int
    by_chance: float
    remaining: int

    @property
    def text(self) -> str:
        """What a reader makes of it."""
        if not self.verdicts:
            return (
                "No verdicts: there are no intervals with fewer than 20 groups in the test or with "
                "evaluation.bootstrap: 0."
            )
        return (
            f"{self.verdicts} verdicts at 95 % each: if nothing differed at all, about "
            f"{self.by_chance:.1f} of them would still say helps or hurts. {self.seen} do; "
            f"{self.remaining} of these remain if at most 5 % of what is named may be false."
        )


def answer_questions(
    study: Study, scores: SidesScores, rows: TestRows, *, seed: int
) -> tuple[Answer, ...]:
    """Returns an answer to each question.

    Args:
        study: The questions.
        scores: Name of each side to its scores, one per seed.
        rows: What they were scored on.
        seed: Of the draw of trainings.
    """
    return tuple(_answer(question, scores, rows, seed) for question in study.questions)


def weigh_multiplicity(answers: Sequence[Answer]) -> Multiplicity:
    """Returns how many verdicts there are and how many would be there by chance."""
    found = [one["auc"] for answer in answers for one in answer.tasks.values()]
    with_interval = [one for one in found if one.interval is not None]
    kept = holds_after_correction([one.p_value for one in with_interval])
    named = [one.verdict in (HELPS, HURTS) for one in with_interval]
    return Multiplicity(
        verdicts=len(with_interval),
        seen=sum(named),
        by_chance=0.05 * len(with_interval),
        remaining=sum(a and b for a, b in zip(named, kept, strict=True)),
    )


def sentence(answer: Answer) -> str:
    """Returns the answer in one line."""
    by_verdict: dict[str, list[str]] = {}
    for task, verdict in answer.verdicts().items():
        by_verdict.setdefault(verdict, []).append(task)
    said = [
        f"{verdict}{_on(by_verdict[verdict], len(answer.tasks))}"
        for verdict in (HELPS, HURTS, NO_DIFFERENCE)
        if verdict in by_verdict
    ]
    auc = answer.macro["auc"]
    mean = (
        f" (macro AUC {signed(auc.value)}{interval_text(auc)})" if not np.isnan(auc.value) else ""
    )
    return f"{answer.question.text}: {', '.join(said) or 'no verdict'}{mean}."


def signed(value: float, digits: int = 3) -> str:
    """Returns a difference with its sign, a dash where it is undefined."""
    return "-" if np.isnan(value) else f"{value:+.{digits}f}"


def interval_text(found: Difference) -> str:
    """Returns the interval in brackets, or nothing."""
    if found.interval is None:
        return ""
    low, high = found.interval
    return f", 95 % {low:+.3f} to {high:+.3f}"


def as_values(answer: Answer) -> dict[str, Any]:
    """Returns plain values for JSON."""
    question = answer.question
    return {
        "question": question.text,
        "kind": question.kind,
        "mode": question.mode or None,
        "about": question.about,
        "first": list(question.first),
        "second": list(question.second),
        "answer": sentence(answer),
        "tasks": {
            task: {name: found[name].as_values() for name in SCORES}
            for task, found in answer.tasks.items()
        },
        MACRO: {name: answer.macro[name].as_values() for name in SCORES},
    }


def _answer(question: Question, scores: SidesScores, rows: TestRows, seed: int) -> Answer:
    first, second = (_joined(names, scores) for names in (question.first, question.second))
    settings: dict[str, Any] = {"num_groups": rows.num_groups, "seed": seed}
    return Answer(
        question=question,
        tasks={task: differences(first, second, [task], **settings) for task in question.tasks},
        macro=differences(first, second, question.tasks, **settings),
    )


def _joined(names: Sequence[str], scores: SidesScores) -> list[ArmScores]:
    """Returns per seed the tasks of all sides together."""
    by_side = [scores[name] for name in names]
    return [
        {task: found for one in of_seed for task, found in one.items()}
        for of_seed in zip(*by_side, strict=True)
    ]


def _on(tasks: Sequence[str], num_tasks: int) -> str:
    if num_tasks == 1:
        return ""
    if len(tasks) == num_tasks:
        return " on all tasks"
    return f" on {', '.join(tasks)}" if len(tasks) <= 6 else f" on {len(tasks)} tasks"
