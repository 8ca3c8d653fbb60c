"""A whole comparison: from a config and an axis to `compare.json` and the report."""

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pandas as pd

from kerastl import pipeline
from kerastl.backbones import find_backbone
from kerastl.compare.axes import FROM_SCRATCH, plan_study
from kerastl.compare.conditions import (
    Condition,
    losses_by_epoch,
    sharing_conditions,
    training_loss,
    transfer_conditions,
)
from kerastl.compare.contrasts import (
    ContrastResult,
    ScoresByVariant,
    evaluate_contrasts,
    weigh_multiplicity,
)
from kerastl.compare.cost import bill, median_cost
from kerastl.compare.page import FILE_NAME as REPORT
from kerastl.compare.page import render_report
from kerastl.compare.result import (
    RESULT,
    Comparison,
    ComparisonResult,
    ScoredPart,
    SeedScores,
    VariantResult,
    VariantScores,
)
from kerastl.compare.study import Study, TrainingVariant, trial_config
from kerastl.compare.training_tables import change_training, split_frame, write_table
from kerastl.compare.trials import ComparisonPlan, Trial, open_folder, run_trials, trial_path
from kerastl.compare.verdicts import HURTS, SCORES, PairedRows, TrialScores
from kerastl.config import Config, dump_config, load_config
from kerastl.data.tables.examples import PARTS
from kerastl.errors import ConfigError
from kerastl.evaluation.means import mean_of_defined
from kerastl.files import file_sha256, write_json, write_text
from kerastl.progress import SILENT, Progress
from kerastl.records import to_values
from kerastl.run.bundle import versions
from kerastl.run.record import read_record
from kerastl.run.results import RunPlan

TABLES = "tables"
DEFAULT_SEEDS = 3
_ONE_TRAINING = (
    "With one training per variant the intervals do not cover the randomness of training."
)


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
    """Trains the variants of an axis on the same rows and compares their test scores.

    Every training is an ordinary run in the subfolder `arms`. Called again with the same folder, it
    continues where it was interrupted. Keras's session is cleared between trainings.

    Args:
        config: A config, or the path of its YAML file.
        axis: What varies, such as `"sharing"`, `"trainable=false,true"` or `"fit.epochs=5,20"`.
        seeds: Number of trainings of each variant.
        output: Folder of the comparison; None means `runs/CONFIG-compare-AXIS`.
        overrides: `key=value` changes, as after `--set`.
        cache: Whether features of frozen backbones are cached.
        progress: Receives progress updates.

    Raises:
        ConfigError: There is no such axis, or the config of a variant is not valid.
        RunError: The folder contains something else.
        KerastlError: A training cannot be run.

    Example:

    ```python
    found = compare("configs/driving.yaml", axis="trainable", seeds=3)
    print(found.result.findings)
    ```
    """
    if seeds < 1:
        raise ConfigError(
            "At least one training of each variant is needed.", received=f"{seeds} seeds"
        )
    settings = config if isinstance(config, Config) else load_config(config, overrides)
    stem = "config" if isinstance(config, Config) else Path(config).stem
    name = f"{stem}-compare-{axis.partition('=')[0].strip()}"
    folder = Path(output) if output is not None else Path("runs") / name
    plan = pipeline.make_plan(settings, progress=progress)
    study = plan_study(axis, settings, plan.examples, num_train=len(plan.examples.rows("train")))
    trials = [
        _trial(study, variant, seed, settings, folder.absolute())
        for variant in study.variants
        for seed in range(seeds)
    ]
    _refuse_missing_backbones(trials)
    tables = _tables(study, seeds, plan)
    hashes = tuple(file_sha256(path).hex() for path in settings.data.tables)
    open_folder(
        folder,
        ComparisonPlan(axis=axis, seeds=seeds, config=dump_config(settings), tables=hashes),
    )
    for name, frame in tables.items():
        write_table(folder / TABLES / name, frame)
    run_trials(trials, cache=cache, progress=progress)
    progress.step("Comparing", None)
    result = _result(study, trials, plan, settings, seeds)
    write_json(folder / RESULT, to_values(result))
    write_text(folder / REPORT, render_report(result, name=folder.name))
    return Comparison(path=folder, result=result)


def find_findings(results: Sequence[ContrastResult]) -> list[str]:
    """Returns what a reader should know first: answers, harmful tasks, and the role of chance."""
    found = [result.answer for result in results if result.kind == "answer"]
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


def _trial(
    study: Study, variant: TrainingVariant, seed: int, config: Config, folder: Path
) -> Trial:
    source = None if variant.backbone_of is None else study.variant(variant.backbone_of)
    changed = trial_config(
        config,
        variant,
        seed=seed,
        table=folder / TABLES / variant.training.table_name(seed),
        backbone_run=None if source is None else trial_path(folder, study, source, seed),
    )
    path = trial_path(folder, study, variant, seed)
    return Trial(variant=variant, seed=seed, config=changed, path=path)


def _refuse_missing_backbones(trials: Sequence[Trial]) -> None:
    """Raises before anything is written if the backbone of a variant cannot be used."""
    for trial in trials:
        if trial.variant.backbone_of is None and trial.seed == 0:
            backbone = trial.config.backbone
            spec = find_backbone(backbone.name, options=backbone.options)
            pipeline.refuse_other_modality(spec, trial.config)


def _tables(study: Study, seeds: int, plan: RunPlan) -> dict[str, pd.DataFrame]:
    """Returns every table of the study by its file name."""
    frame = split_frame(plan.examples, plan.config)
    wanted = {variant.training for variant in study.variants}
    sizes = tuple(sorted(t.examples for t in wanted if t.examples is not None))
    return {
        training.table_name(seed): change_training(
            frame, plan.examples, training, sizes=sizes, seed=seed
        )
        for training in sorted(wanted, key=str)
        for seed in range(seeds)
    }


def _result(
    study: Study, trials: Sequence[Trial], plan: RunPlan, config: Config, seeds: int
) -> ComparisonResult:
    frames: dict[str, list[pd.DataFrame]] = {}
    for trial in trials:
        predictions = read_record(trial.path).predictions
        frames.setdefault(trial.variant.name, []).append(predictions)
    part = "test" if len(plan.examples.rows("test")) else "validation"
    evaluation = config.evaluation
    rows = PairedRows(
        next(iter(frames.values()))[0],
        part=part,
        replicates=evaluation.bootstrap,
        seed=evaluation.seed,
    )
    scores: ScoresByVariant = {
        variant.name: [rows.score(frame, variant.tasks) for frame in frames[variant.name]]
        for variant in study.variants
    }
    answers = evaluate_contrasts(study, scores, rows, seed=evaluation.seed)
    sides = {
        variant.name: _variant_result(
            variant,
            scores[variant.name],
            frames[variant.name],
            [trial for trial in trials if trial.variant is variant],
        )
        for variant in study.variants
    }
    return ComparisonResult(
        format=1,
        axis=study.axis,
        tasks=tuple(plan.examples.tasks),
        seeds=tuple(range(seeds)),
        backbone=config.backbone.name,
        rows={name: len(plan.examples.rows(name)) for name in PARTS},
        scored=ScoredPart(
            part=part,
            rows=len(rows.paths),
            groups=rows.num_groups,
            unit="groups" if rows.has_groups else "examples",
            replicates=evaluation.bootstrap,
        ),
        findings=tuple(find_findings(answers)),
        answers=answers,
        multiplicity=weigh_multiplicity(answers),
        conditions=tuple(_conditions(study, answers, plan, trials)),
        sides=tuple(sides.values()),
        costs=tuple(
            f"{contrast.text}: {bill([sides[name].cost for name in contrast.first])}; instead: "
            f"{bill([sides[name].cost for name in contrast.second])}."
            for contrast in study.contrasts
            if contrast.kind == "answer" and len(contrast.first) != len(contrast.second)
        ),
        notes=(*study.notes, *([_ONE_TRAINING] if seeds == 1 else [])),
        config=dump_config(config),
        versions=versions(),
    )


def _variant_result(
    variant: TrainingVariant,
    scores: Sequence[TrialScores],
    frames: Sequence[pd.DataFrame],
    trials: Sequence[Trial],
) -> VariantResult:
    return VariantResult(
        name=variant.name,
        mode=variant.mode or None,
        tasks=variant.tasks,
        changes=dict(variant.changes),
        training=asdict(variant.training),
        supporting=variant.is_supporting,
        scores={task: _mean_scores(scores, [task]) for task in variant.tasks},
        macro=_mean_scores(scores, variant.tasks),
        training_loss={
            task: float(np.mean([training_loss(frame, task) for frame in frames]))
            for task in variant.tasks
        },
        cost=median_cost([trial.cost() for trial in trials]),
    )


def _mean_scores(scores: Sequence[TrialScores], tasks: Sequence[str]) -> VariantScores:
    found = {}
    for name in SCORES:
        by_seed = [mean_of_defined([one[task][name].value for task in tasks]) for one in scores]
        found[name] = SeedScores(mean=mean_of_defined(by_seed), by_seed=tuple(by_seed))
    return VariantScores(**found)


def _conditions(
    study: Study,
    results: Sequence[ContrastResult],
    plan: RunPlan,
    trials: Sequence[Trial],
) -> list[Condition]:
    examples, train = plan.examples, plan.examples.rows("train")
    if study.axis == "sharing":
        labels = examples.training_labels[train]
        known = dict(zip(examples.tasks, (~np.isnan(labels)).sum(axis=0).tolist(), strict=True))
        epochs: dict[str, list[np.ndarray]] = {}
        for trial in trials:
            losses = losses_by_epoch(read_record(trial.path), known)
            epochs.setdefault(trial.variant.name, []).append(losses)
        return sharing_conditions(study, results, labels, epochs)
    if study.axis in ("trainable", "backbone"):
        asked = plan.config.backbone.weights
        return transfer_conditions(
            results,
            inputs=plan.config.data.media.collective,
            weights=plan.spec.default_weights if asked == "default" else asked,
            num_rows=len(train),
            scratch=FROM_SCRATCH,
        )
    return []
