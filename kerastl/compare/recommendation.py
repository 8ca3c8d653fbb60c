"""What to do, in one sentence, by the verdicts on AUC and log loss."""

from collections.abc import Sequence

from kerastl.compare.contrasts import ContrastResult, difference_text
from kerastl.compare.study import GROUPING
from kerastl.compare.verdicts import FEWEST_TRAININGS, HELPS, HURTS, NO_VERDICT


def recommend(results: Sequence[ContrastResult], *, axis: str) -> str:
    """Returns the recommendation of a comparison.

    A variant is better than another if a verdict on the means over tasks is that it helps and none
    is that it hurts. The better one with the largest difference is recommended. A grouping that
    hurts compared with anything is not.
    """
    harmful = [r.mode for r in results if r.kind == GROUPING and HURTS in macro_verdicts(r)]
    answers = [
        r for r in results if r.kind == "answer" or (r.kind == GROUPING and r.mode not in harmful)
    ]
    judged = [result for result in answers if macro_verdicts(result) != {NO_VERDICT}]
    if not judged:
        return (
            f"Do not choose yet: without verdicts, which need {FEWEST_TRAININGS} trainings of each "
            "variant and enough groups, a difference may be chance."
        )
    better = [r for r in judged if HELPS in macro_verdicts(r) and HURTS not in macro_verdicts(r)]
    if axis == "examples":
        if better and better[-1] is judged[-1]:
            return f"Label more: {better[-1].question} still helps ({changes_text(better[-1])})."
        enough = better[-1].first[0] if better else judged[0].second[0]
        return f"More than {enough} examples are not seen to help."
    if better:
        best = max(better, key=lambda r: (r.macro.auc.difference, -r.macro.log_loss.difference))
        return f"Choose {best.question}: {changes_text(best)}."
    mixed = [result for result in judged if {HELPS, HURTS} <= macro_verdicts(result)]
    if mixed:
        text = f"{mixed[0].question} helps by one score and hurts by the other"
        return f"It depends: {text}: {changes_text(mixed[0])}."
    second = judged[0].second
    kept = second[0] if len(second) == 1 else "one network for each task"
    worse = [result for result in judged if HURTS in macro_verdicts(result)]
    listed = "; ".join(f"{result.question} hurts ({changes_text(result)})" for result in worse)
    return f"Stay with {kept}: {listed or 'nothing else is seen to be better'}."


def macro_verdicts(result: ContrastResult) -> set[str]:
    """Returns the verdicts on the mean over tasks, by AUC and by log loss."""
    return {result.macro.auc.verdict, result.macro.log_loss.verdict}


def changes_text(result: ContrastResult) -> str:
    """Returns the differences of the mean over tasks, in words."""
    auc, loss = difference_text(result.macro.auc), difference_text(result.macro.log_loss)
    return f"macro AUC {auc}; log loss {loss}"
