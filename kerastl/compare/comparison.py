"""A whole comparison: from a config and an axis to `compare.json` and the report."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from kerastl import pipeline
from kerastl.backbones import find_backbone
from kerastl.compare.answers import (
    Answer,
    answer_questions,
    as_values,
    sentence,
    weigh_multiplicity,
)
from kerastl.compare.axes import FROM_SCRATCH, plan_study
from kerastl.compare.conditions import (
    Condition,
    sharing_conditions,
    training_loss,
    transfer_conditions,
)
from kerastl.compare.epochs import losses_by_epoch
from kerastl.compare.report import FILE_NAME as REPORT
from kerastl.compare.report import render_report
from kerastl.compare.running import Arm, arm_path, open_folder, read_facts, run_arms
from kerastl.compare.scores import TestRows
from kerastl.compare.sides import Side, Study, arm_config
from kerastl.compare.summary import cost_sentences, side_values
from kerastl.compare.tables import change_training, split_frame, write_table
from kerastl.config import Config, dump_config, load_config
from kerastl.errors import ConfigError
from kerastl.files import file_sha256, without_nan, write_json, write_text
from kerastl.progress import SILENT, Progress
from kerastl.run.bundle import versions
from kerastl.runs import Run

RESULT = "compare.json"
TABLES = "tables"
DEFAULT_SEEDS = 3
_ONE_TRAINING = "With one training per side the intervals don't hold the chance of the training."


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """A finished comparison.

    Args:
        path: Its folder.
        values: All of `compare.json`.
    """

    path: Path
    values: Mapping[str, Any]


def compare(
    config: Config | str | Path,
    *,
    axis: str,
    seeds: int = DEFAULT_SEEDS,
    output: str | Path | None = None,
    overrides: Sequence[str] = (),
    cache: bool = True,
    progress: Progress = SILENT,
) -> Comparison:
    """Trains the sides of an axis on the same rows and says which is better, and how sure it is.

    Every training is an ordinary run below the folder's `arms`. Called again with the same folder,
    it goes on where it was interrupted. Keras's session is cleared between trainings.

    Args:
        config: A config, or the path of its YAML file.
        axis: What varies, such as `"sharing"`, `"trainable=false,true"` or `"fit.epochs=5,20"`.
        seeds: Number of trainings of each side.
        output: Folder of the comparison; None takes `runs/` and the names of config and axis.
        overrides: `key=value` changes, as after `--set`.
        cache: Whether features of frozen backbones are kept and used.
        progress: Told what happens.

    Raises:
        ConfigError: There is no such axis, or a side makes no valid config.
        RunError: Something else lies in the folder.
        KerastlError: Whatever else a training refuses.

    Example:

    ```python
    found = compare("configs/driving.yaml", axis="trainable", seeds=3)
    print(found.values["findings"])
    ```
    """
    if seeds < 1:
        raise ConfigError(
            "At least one training of each side is needed.", received=f"{seeds} seeds"
        )
    settings = config if isinstance(config, Config) else load_config(config, overrides)
    stem = "config" if isinstance(config, Config) else Path(config).stem
    folder = Path(output) if output is not None else _default_folder(stem, axis)
    plan = pipeline.make_plan(settings, progress=progress)
    num_train = len(plan.examples.rows("train"))
    study = plan_study(axis, settings, plan.examples, num_train=num_train)
    arms = [
        _arm(study, side, seed, settings, folder.absolute())
        for side in study.sides
        for seed in range(seeds)
    ]
    _refuse_missing_backbones(arms)
    tables = _tables(study, seeds, plan)
    open_folder(folder, _identity(axis, seeds, settings))
    for name, frame in tables.items():
        write_table(folder / TABLES / name, frame)
    run_arms(arms, cache=cache, progress=progress)
    progress.step("Comparing", None)
    values = _values(study, arms, plan, settings, seeds)
    write_json(folder / RESULT, values)
    plain = without_nan(values)
    write_text(folder / REPORT, render_report(plain, name=folder.name))
    return Comparison(path=folder, values=plain)


def read_comparison(path: str | Path) -> Comparison:
    """Returns a finished comparison from its folder."""
    folder = Path(path)
    return Comparison(path=folder, values=json.loads((folder / RESULT).read_text(encoding="utf-8")))


def _default_folder(stem: str, axis: str) -> Path:
    return Path("runs") / f"{stem}-compare-{axis.partition('=')[0].strip()}"


def _arm(study: Study, side: Side, seed: int, config: Config, folder: Path) -> Arm:
    source = None if side.backbone_of is None else study.side(side.backbone_of)
    return Arm(
        side=side,
        seed=seed,
        config=arm_config(
            config,
            side,
            seed=seed,
            table=folder / TABLES / side.training.table_name(seed),
            backbone_run=None if source is None else arm_path(folder, study, source, seed),
        ),
        path=arm_path(folder, study, side, seed),
    )


def _refuse_missing_backbones(arms: Sequence[Arm]) -> None:
    """Raises before anything is written, where a side's backbone can't be used."""
    configs = [arm.config for arm in arms if arm.side.backbone_of is None and arm.seed == 0]
    for config in configs:
        spec = find_backbone(config.backbone.name, options=config.backbone.options)
        pipeline.refuse_other_modality(spec, config)


def _tables(study: Study, seeds: int, plan: pipeline.Plan) -> dict[str, Any]:
    """Returns name to frame of every table that the study needs."""
    frame = split_frame(plan.examples, plan.config)
    wanted = {side.training for side in study.sides}
    sizes = tuple(sorted(t.examples for t in wanted if t.examples is not None))
    return {
        training.table_name(seed): change_training(
            frame, plan.examples, training, sizes=sizes, seed=seed
        )
        for training in sorted(wanted, key=str)
        for seed in range(seeds)
    }


def _identity(axis: str, seeds: int, config: Config) -> dict[str, Any]:
    """Returns what makes two comparisons the same."""
    return {
        "axis": axis,
        "seeds": seeds,
        "config": dump_config(config),
        "tables": [file_sha256(path).hex() for path in config.data.tables],
    }


def _values(
    study: Study, arms: Sequence[Arm], plan: pipeline.Plan, config: Config, seeds: int
) -> dict[str, Any]:
    frames = {(arm.side.name, arm.seed): Run(arm.path).predictions for arm in arms}
    part = "test" if len(plan.examples.rows("test")) else "validation"
    evaluation = config.evaluation
    rows = TestRows(
        next(iter(frames.values())),
        part=part,
        replicates=evaluation.bootstrap,
        seed=evaluation.seed,
    )
    scores = {
        side.name: [rows.score(frames[side.name, seed], side.tasks) for seed in range(seeds)]
        for side in study.sides
    }
    answers = answer_questions(study, scores, rows, seed=evaluation.seed)
    losses = {
        side.name: {
            task: float(np.mean([training_loss(frames[side.name, s], task) for s in range(seeds)]))
            for task in side.tasks
        }
        for side in study.sides
    }
    facts = {(arm.side.name, arm.seed): read_facts(arm) for arm in arms}
    multiplicity = weigh_multiplicity(answers)
    conditions = _conditions(study, answers, plan, arms)
    return {
        "format": 1,
        "axis": study.axis,
        "tasks": list(plan.examples.tasks),
        "seeds": list(range(seeds)),
        "backbone": config.backbone.name,
        "rows": {name: len(plan.examples.rows(name)) for name in ("train", "validation", "test")},
        "scored": {
            "part": part,
            "rows": len(rows.paths),
            "groups": rows.num_groups,
            "unit": "groups" if rows.has_groups else "examples",
            "replicates": evaluation.bootstrap,
        },
        "findings": find_findings(answers),
        "answers": [as_values(answer) for answer in answers],
        "multiplicity": {**multiplicity.__dict__, "text": multiplicity.text},
        "conditions": [condition.as_values() for condition in conditions],
        "sides": [
            side_values(
                side,
                scores[side.name],
                losses[side.name],
                [facts[side.name, seed] for seed in range(seeds)],
            )
            for side in study.sides
        ],
        "costs": cost_sentences(study, facts, range(seeds)),
        "notes": [*study.notes, *([_ONE_TRAINING] if seeds == 1 else [])],
        "config": dump_config(config),
        "versions": versions(),
    }


def find_findings(answers: Sequence[Answer]) -> list[str]:
    """Returns what a reader should know first: the answers, who harms whom, what chance may do."""
    told = [sentence(answer) for answer in answers if answer.question.kind == "answer"]
    told += [_blame(answer) for answer in answers if _is_harmful(answer)]
    return [*told, weigh_multiplicity(answers).text]


def _is_harmful(answer: Answer) -> bool:
    left_out = answer.question.kind == "left out"
    return left_out and answer.macro["auc"].verdict == "hurts"


def _blame(answer: Answer) -> str:
    harmed = [task for task, verdict in answer.verdicts().items() if verdict == "hurts"]
    where = f", most of all {', '.join(harmed)}" if harmed else ""
    auc = answer.macro["auc"]
    return (
        f"{answer.question.mode}: {answer.question.about} harms the other tasks{where}: learning "
        f"it too changes their macro AUC by {auc.value:+.3f}. Learn it apart, or give it less "
        "weight."
    )


def _conditions(
    study: Study,
    answers: Sequence[Answer],
    plan: pipeline.Plan,
    arms: Sequence[Arm],
) -> list[Condition]:
    train = plan.examples.rows("train")
    if study.axis == "sharing":
        labels = plan.examples.training_labels[train]
        known = dict(
            zip(plan.examples.tasks, (~np.isnan(labels)).sum(axis=0).tolist(), strict=True)
        )
        epochs = {
            side.name: [losses_by_epoch(Run(arm.path), known) for arm in arms if arm.side == side]
            for side in study.sides
        }
        return sharing_conditions(study, answers, labels, epochs)
    if study.axis in ("trainable", "backbone"):
        asked = plan.config.backbone.weights
        return transfer_conditions(
            answers,
            modality=plan.config.data.modality,
            weights=plan.spec.default_weights if asked == "default" else asked,
            num_rows=len(train),
            scratch=FROM_SCRATCH,
        )
    return []
