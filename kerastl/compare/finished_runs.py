"""Finished runs compared with each other on the rows that they were all scored on."""

import difflib
import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from kerastl.compare.axes import study_of
from kerastl.compare.contrasts import ContrastResult, evaluate_contrasts
from kerastl.compare.cost import median_cost
from kerastl.compare.page import render_report
from kerastl.compare.recommendation import changes_text, macro_verdicts
from kerastl.compare.result import ComparisonResult
from kerastl.compare.study import TrainingVariant
from kerastl.compare.trial_results import comparison_result, variant_result
from kerastl.compare.verdicts import HELPS, HURTS, PairedRows
from kerastl.data.tables.examples import PARTS
from kerastl.errors import RunError, counted
from kerastl.files import write_text
from kerastl.media.base import MediaType
from kerastl.media.cuts import stored_cuts
from kerastl.run.record import RunRecord, read_record

AXIS = "runs"
_REPLICATES = 1000
_ONE_TRAINING = (
    "Only labels that are known and equal in all runs count. The intervals and verdicts hold for "
    "these trained models only: how much other trainings with the same configs would differ is not "
    "known. `kerastl compare` trains each several times."
)


def compare_runs(runs: Sequence[Path], output: Path) -> ComparisonResult:
    """Compares each further run with the first on common tasks and rows, and writes the page."""
    names = [run.resolve().name for run in runs]
    if len(set(names)) < len(names):
        names = [str(run) for run in runs]
    records = dict(zip(names, map(read_record, runs), strict=True))
    tasks = _common_tasks(records)
    part, frames = _common_rows(records)
    frames = _with_common_labels(frames, tasks)
    rows = PairedRows(frames[0], part=part, replicates=_REPLICATES, seed=0)
    scores = {name: [rows.score(f, tasks)] for name, f in zip(names, frames, strict=True)}
    study = study_of(AXIS, [TrainingVariant(name=name, tasks=tasks) for name in names])
    answers = evaluate_contrasts(study, scores, fewest=1)
    folder = output.resolve().parent
    result = comparison_result(
        study,
        rows.scored,
        answers,
        tasks=tasks,
        seeds=(0,),
        backbone=", ".join(dict.fromkeys(r.bundle.backbone.id for r in records.values())),
        rows={part: len(rows.paths)},
        conditions=(),
        sides=tuple(
            variant_result(
                variant,
                scores[variant.name],
                training={},
                training_loss={},
                cost=median_cost([]),
                runs=(os.path.relpath(records[variant.name].path.resolve(), folder),),
            )
            for variant in study.variants
        ),
        costs=(),
        notes=(_ONE_TRAINING, *_left_out(records, part, len(rows.paths))),
        config=_config_differences(records),
        recommendation=_conclusion(answers, names[0]),
        command=f"kerastl report {' '.join(map(str, runs))}",
    )
    write_text(output, render_report(result, name=" against ".join(names)))
    return result


def _common_tasks(records: dict[str, RunRecord]) -> tuple[str, ...]:
    first, *others = (record.tasks for record in records.values())
    tasks = tuple(task for task in first if all(task in other for other in others))
    if not tasks:
        listed = "; ".join(f"{name}: {', '.join(r.tasks)}" for name, r in records.items())
        raise RunError("The runs have no task in common.", received=listed)
    return tasks


def _common_rows(records: dict[str, RunRecord]) -> tuple[str, list[pd.DataFrame]]:
    """Returns the first held-out split with common rows, and these rows of each run."""
    for part in ("test", "validation"):
        frames = [
            _by_example(record.rows(part), record.bundle.media) for record in records.values()
        ]
        common = frames[0].index
        for frame in frames[1:]:
            common = common[common.isin(frame.index)]
        if len(common):
            return part, [frame.loc[common] for frame in frames]
    raise RunError(
        "The runs have no held-out rows in common, so they cannot be compared.",
        expected=f"runs whose {PARTS[-1]} or validation splits share files",
        fix="Train them with the same table and data.split.",
    )


def _with_common_labels(frames: Sequence[pd.DataFrame], tasks: Sequence[str]) -> list[pd.DataFrame]:
    """Returns the rows with only those labels that are the same in all runs."""
    columns = [f"{task}_label" for task in tasks]
    first = frames[0][columns]
    agree = np.logical_and.reduce([frame[columns] == first for frame in frames])
    return [frame.assign(**first.where(agree)) for frame in frames]


def _by_example(frame: pd.DataFrame, media: MediaType) -> pd.DataFrame:
    cuts = stored_cuts(frame, media)
    names = pd.Series(list(map("{} {}".format, frame["path"], cuts)), frame.index, dtype=str)
    return frame.set_index(names)[~names.duplicated().to_numpy()]


def _left_out(records: dict[str, RunRecord], part: str, num_rows: int) -> list[str]:
    found = [
        f"{name} has {counted(len(record.rows(part)), f'{part} row')}"
        for name, record in records.items()
        if len(record.rows(part)) != num_rows
    ]
    return [f"Only rows that all runs have in {part} count: {', '.join(found)}."] if found else []


def _config_differences(records: dict[str, RunRecord]) -> str:
    """Returns the lines of the configs that differ from those of the first run."""
    (first, base), *others = ((name, r.config_text) for name, r in records.items())
    return "\n".join(
        line
        for name, text in others
        for line in difflib.unified_diff(
            base.splitlines(), text.splitlines(), first, name, lineterm="", n=1
        )
    )


def _conclusion(answers: Sequence[ContrastResult], first: str) -> str:
    parts = []
    for answer in answers:
        found, name = macro_verdicts(answer), answer.first[0]
        judged = f"no difference between {name} and {first} is seen"
        if {HELPS, HURTS} <= found:
            judged = f"{name} is better than {first} by one score and worse by the other"
        elif found & {HELPS, HURTS}:
            judged = f"{name} is {'better' if HELPS in found else 'worse'} than {first}"
        parts.append(f"{judged} ({changes_text(answer)})")
    text = "; ".join(parts)
    return f"No {text.removeprefix('no ')}." if text.startswith("no difference") else f"{text}."
