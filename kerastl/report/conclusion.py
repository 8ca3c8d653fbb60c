"""The conclusion at the top of a report: what each task's scores are good for.

Convention: a conclusion is drawn on the first split of the report, from the AUC and its interval.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from kerastl.errors import counted
from kerastl.evaluation.score_types import MacroScores
from kerastl.report.panels import DescribedScore, Panel
from kerastl.report.render import figure

FEW = 10  # known labels of a class below which nothing is concluded
USABLE_AUC = 0.7
_USABLE, _WEAK = "usable", "weak"
_GUESSING, _WORSE = "no better than guessing", "worse than guessing"
_FEW, _UNJUDGED = "too few labels to say", "no interval to judge by"
VERDICTS = (_USABLE, _WEAK, _GUESSING, _WORSE, _FEW, _UNJUDGED)


@dataclass(frozen=True, kw_only=True)
class TaskVerdict:
    """What the scores of one task are good for."""

    task: str
    index: int  # of the task
    verdict: str  # one of `VERDICTS`
    auc: DescribedScore | None
    reason: str | None  # why the labels are too few


@dataclass(frozen=True, kw_only=True)
class Conclusion:
    """The conclusion of a report."""

    headline: str
    is_good: bool  # whether any task is better than guessing
    part: str
    tasks: tuple[TaskVerdict, ...]
    usable_auc: float = USABLE_AUC

    @property
    def by_verdict(self) -> dict[str, list[TaskVerdict]]:
        """The verdicts that occur, the best first, with their tasks, the highest AUC first."""
        found = {name: [one for one in self.tasks if one.verdict == name] for name in VERDICTS}
        return {name: sorted(ones, key=_rank) for name, ones in found.items() if ones}


def conclude(
    tasks: Sequence[str], panels: Sequence[Panel], macro: MacroScores | None
) -> Conclusion:
    """Returns the conclusion from the panels of all tasks on one split, and the mean scores."""
    part = panels[0].part
    found = tuple(
        TaskVerdict(
            task=task,
            index=i,
            verdict=_FEW if too_few_labels(panel) else _of_interval(panel.score("auc")),
            auc=panel.score("auc"),
            reason=too_few_labels(panel),
        )
        for i, (task, panel) in enumerate(zip(tasks, panels, strict=True))
    )
    is_good = part != "train" and any(one.verdict in (_USABLE, _WEAK) for one in found)
    headline = _headline(found, macro, part)
    return Conclusion(headline=headline, is_good=is_good, part=part, tasks=found)


def too_few_labels(panel: Panel) -> str | None:
    """Returns why nothing can be concluded from the labels of a panel, or None."""
    yes, no = panel.positives, panel.known - panel.positives
    if panel.undefined is not None:
        return panel.undefined
    if min(yes, no) >= FEW:
        return None
    return f"{yes} known yes" if yes <= no else f"{no} known no"


def _of_interval(auc: DescribedScore | None) -> str:
    if auc is None or auc.interval is None:
        return _UNJUDGED
    low, high = auc.interval
    if low > 0.5:
        return _USABLE if auc.value >= USABLE_AUC else _WEAK
    return _WORSE if high < 0.5 else _GUESSING


def _headline(found: Sequence[TaskVerdict], macro: MacroScores | None, part: str) -> str:
    if part == "train":
        return "Nothing can be concluded: all examples were used for training."
    mean = _macro_text(macro, part)
    better = [one for one in found if one.verdict in (_USABLE, _WEAK)]
    if _is_noise(macro) and better:
        names = ", ".join(one.task for one in better)
        return f"On average no better than guessing{mean}; only {names} may be better."
    if all(one.verdict in (_FEW, _UNJUDGED) for one in found):
        verdicts = {one.verdict for one in found}
        return f"{(_FEW if _FEW in verdicts else _UNJUDGED).capitalize()}{mean}."
    if not better:
        return f"No better than guessing{mean}."
    counts = [(sum(one.verdict == name for one in found), name) for name in VERDICTS]
    if len(found) == 1:
        return f"{found[0].task} is {found[0].verdict}{mean}."
    listed = [f"{n} {name}" for n, name in counts if n]
    return f"Of {counted(len(found), 'task')}: {', '.join(listed)}{mean}."


def _is_noise(macro: MacroScores | None) -> bool:
    if macro is None or macro.auc_interval is None:
        return False
    low, _ = macro.auc_interval
    return low <= 0.5


def _macro_text(macro: MacroScores | None, part: str) -> str:
    if macro is None or math.isnan(macro.auc):
        return ""
    name = "AUC" if macro.defined == 1 else "macro AUC"
    text = f" ({name} {figure(macro.auc)} on {part}"
    if macro.auc_interval is not None:
        low, high = (figure(end) for end in macro.auc_interval)
        text += f", 95 % {low} to {high}"
    return text + ")"


def _rank(one: TaskVerdict) -> tuple[float, int]:
    return (-one.auc.value if one.auc is not None else 0.0, one.index)
