"""Two groups of tasks that learn apart: proposed by what each task does to the others, then tested.

Convention: the figures that propose a grouping favor it by chance, so it is tested on fresh splits,
whose test rows were no test rows before.
"""

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from kerastl.compare.contrasts import ContrastResult
from kerastl.compare.sharing import FROZEN, SharingMode
from kerastl.compare.study import GROUPING, Contrast, Study, TrainingRows, TrainingVariant
from kerastl.compare.verdicts import HURTS
from kerastl.config import Config

_MOST_TASKS = 16
_FRESH = TrainingRows(is_fresh_split=True)


@dataclass(frozen=True, kw_only=True)
class Grouping:
    """Two groups of tasks, and what is expected of learning them apart."""

    mode: str
    groups: tuple[tuple[str, ...], tuple[str, ...]]
    expected: float  # change of the macro AUC from one network for all tasks

    @property
    def text(self) -> str:
        """The groups in words."""
        return " apart from ".join(", ".join(group) for group in self.groups)


def with_groupings(
    study: Study, results: Sequence[ContrastResult], config: Config, fit: Mapping[str, Any]
) -> Study:
    """Returns a study of sharing with the variants that test a grouping, if tasks harm others."""
    if study.axis != "sharing":
        return study
    tasks = study.variants[0].tasks
    modes = dict.fromkeys(variant.mode for variant in study.variants)
    for mode in modes:
        grouping = propose_grouping([r for r in results if r.mode == mode])
        if grouping is not None:
            study = _with_grouping(study, grouping, SharingMode(mode, config, tasks, fit))
    return study


def propose_grouping(results: Sequence[ContrastResult]) -> Grouping | None:
    """Returns the two groups with the least harm within them, or None if no task harms another.

    If effects add up, learning apart gains what each group did to the other. So of all ways to make
    two groups, that with the lowest sum of effects between them is proposed.

    Reference:
        Standley et al. (2020), https://proceedings.mlr.press/v119/standley20a.html
    """
    left_out = {r.about: r for r in results if r.kind == "left out" and r.about is not None}
    tasks = tuple(left_out)
    verdicts = [v for result in left_out.values() for v in result.verdicts().values()]
    if not 3 <= len(tasks) <= _MOST_TASKS or HURTS not in verdicts:
        return None
    changes = [
        [0.0 if one == other else left_out[one].tasks[other].auc.difference for other in tasks]
        for one in tasks
    ]
    effects = np.nan_to_num(np.array(changes))
    rest = list(itertools.product((False, True), repeat=len(tasks) - 1))[1:]
    is_second = np.array([(False, *one) for one in rest])
    between = np.einsum("pi,ij,pj->p", ~is_second, effects + effects.T, is_second)
    best = int(np.argmin(between))
    if between[best] >= 0:
        return None
    return Grouping(
        mode=left_out[tasks[0]].mode or "",
        groups=tuple(
            tuple(task for task, second in zip(tasks, is_second[best], strict=True) if second == of)
            for of in (False, True)
        ),  # type: ignore[arg-type]
        expected=-float(between[best]) / len(tasks),
    )


def _with_grouping(study: Study, grouping: Grouping, mode: SharingMode) -> Study:
    """Returns the study with one network for all, each group and each task on fresh splits."""
    names = {group: f"{', '.join(group)} as a group" for group in grouping.groups}
    names = {mode.tasks: "all tasks", **names} | {(task,): f"{task} alone" for task in mode.tasks}
    names = {tasks: f"{name}, {mode.name}, fresh splits" for tasks, name in names.items()}
    variants = [
        TrainingVariant(
            name=name, tasks=tasks, changes=mode.changes(tasks), training=_FRESH, mode=mode.name
        )
        for tasks, name in names.items()
    ]
    together, alone = (names[mode.tasks],), tuple(names[task,] for task in mode.tasks)
    groups = tuple(names[group] for group in grouping.groups)
    pairs = [
        (groups, together, f"networks for {grouping.text} instead of one for all tasks"),
        (groups, alone, f"networks for {grouping.text} instead of one for each"),
    ]
    if mode.name != FROZEN:  # where heads by group share nothing, like two networks
        by_name = dict(zip(("first", "second"), grouping.groups, strict=True))
        by_group = replace(
            variants[0],
            name=f"heads by group, {mode.name}, fresh splits",
            changes={**variants[0].changes, "heads": mode.hidden_heads(by_name)},
        )
        variants.append(by_group)
        text = f"one network with a hidden layer each for {grouping.text}, instead of its own heads"
        pairs.append(((by_group.name,), together, text))
    contrasts = tuple(
        Contrast(
            first=first,
            second=second,
            tasks=mode.tasks,
            text=f"{mode.name}, fresh splits: {text}",
            kind=GROUPING,
            mode=mode.name,
        )
        for first, second, text in pairs
    )
    note = (
        f"{mode.name}: from what each task does to the others, learning {grouping.text} is "
        f"expected to change the macro AUC by {grouping.expected:+.3f}. The figures that propose a "
        "grouping favor it, so it is tested on fresh splits: each training has test rows of its "
        "own, none of which was a test row before."
    )
    return replace(
        study,
        variants=(*study.variants, *variants),
        contrasts=(*study.contrasts, *contrasts),
        notes=(*study.notes, note),
    )
