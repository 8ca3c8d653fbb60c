"""A whole comparison: from a config and an axis to `compare.json` and the report."""

import itertools
import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from kerastl import planning
from kerastl.compare.axes import plan_study
from kerastl.compare.grouping import with_groupings
from kerastl.compare.page import FILE_NAME as REPORT
from kerastl.compare.page import render_report
from kerastl.compare.result import RESULT, Comparison, ComparisonResult
from kerastl.compare.solvers import load_compared
from kerastl.compare.study import SPLIT_COLUMN, Study, trial_config
from kerastl.compare.training_tables import change_training, fresh_splits, split_frame, write_table
from kerastl.compare.trial_results import score_trials, scored_part
from kerastl.compare.trials import ComparisonPlan, Trial, open_folder, run_trials, trial_path
from kerastl.config import Config, config_values, load_config
from kerastl.config.strict_yaml import write_yaml
from kerastl.errors import ConfigError
from kerastl.files import write_json, write_text
from kerastl.heads.backbone_settings import spec_of
from kerastl.progress import SILENT, Progress
from kerastl.records import to_values
from kerastl.run.results import RunPlan
from kerastl_runtime.files import file_sha256

TABLES = "tables"
DEFAULT_SEEDS = 3


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
        seeds: Number of trainings of each variant. The first has the seed `fit.seed`, each further
            one the next number.
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
    if isinstance(config, Config):
        settings, fit, stem = config, dict(config.fit), "config"
    else:
        settings, fit = load_compared(config, overrides)
        stem = Path(config).stem
    if settings.distribute is not None:
        raise ConfigError(
            "A comparison trains on one device.", where="distribute", fix="Remove distribute."
        )
    name = f"{stem}-compare-{axis.partition('=')[0].strip()}"
    folder = Path(output) if output is not None else Path("runs") / name
    plan = planning.make_plan(settings, progress=progress)
    study = plan_study(axis, settings, plan.examples, fit=fit)
    numbers = range(settings.fit.seed, settings.fit.seed + seeds)
    trials = _trials(study, numbers, settings, fit, folder.absolute())
    effective = {key for trial in trials for key in type(trial.config.fit).model_fields}
    if not isinstance(config, Config) and not set(fit) <= effective:
        load_config(config, overrides)  # names the keys and raises
    _refuse_missing_backbones(trials)
    tables = _tables(study, numbers, plan)
    text = _text(settings, fit)
    hashes = tuple(file_sha256(path).hex() for path in settings.data.tables)
    open_folder(folder, ComparisonPlan(axis=axis, seeds=seeds, config=text, tables=hashes))
    source = "compare.yaml" if isinstance(config, Config) else str(config)
    words = ["kerastl", "compare", source, "--axis", axis, "--seeds", str(seeds)]
    words += [part for change in overrides for part in ("--set", change)]
    command = shlex.join([*words, "--output", f"{folder.name}-again"])

    def carry_out(tables: Mapping[str, pd.DataFrame]) -> ComparisonResult:
        for name, frame in tables.items():
            write_table(folder / TABLES / name, frame)
        run_trials(trials, cache=cache, progress=progress)
        progress.step("Comparing", None)
        return score_trials(study, trials, plan, config=text, command=command)

    result = carry_out(tables)
    tested = with_groupings(study, result.answers, settings, fit)
    if tested is not study:
        progress.note(f"Testing a grouping of the tasks on fresh splits. {tested.notes[-1]}")
        study, trials = tested, _trials(tested, numbers, settings, fit, folder.absolute())
        result = carry_out(_tables(study, numbers, plan))
    write_json(folder / RESULT, to_values(result))
    write_text(folder / REPORT, render_report(result, name=folder.name))
    return Comparison(path=folder, result=result)


def _text(config: Config, fit: Mapping[str, Any]) -> str:
    """Returns the config as YAML, with the keys of `fit` that only some variants know."""
    values = config_values(config)
    others = {key: value for key, value in fit.items() if key not in values["fit"]}
    return write_yaml({**values, "fit": {**values["fit"], **others}})


def _trials(
    study: Study, seeds: Sequence[int], config: Config, fit: Mapping[str, Any], folder: Path
) -> list[Trial]:
    trials = []
    for variant, seed in itertools.product(study.variants, seeds):
        source = None if variant.backbone_of is None else study.variant(variant.backbone_of)
        changed = trial_config(
            config,
            variant,
            seed=seed,
            table=folder / TABLES / variant.training.table_name(seed),
            backbone_run=None if source is None else trial_path(folder, study, source, seed),
            fit=fit,
        )
        path = trial_path(folder, study, variant, seed)
        trials.append(Trial(variant=variant, seed=seed, config=changed, path=path))
    return trials


def _refuse_missing_backbones(trials: Sequence[Trial]) -> None:
    """Raises before anything is written if the backbone of a variant cannot be used."""
    for trial in trials:
        if trial.variant.backbone_of is None and trial.seed == trials[0].seed:
            spec = spec_of(trial.config.backbone)
            planning.refuse_other_modality(spec, trial.config)
            planning.refuse_impossible_training(spec, trial.config)


def _tables(study: Study, seeds: Sequence[int], plan: RunPlan) -> dict[str, pd.DataFrame]:
    """Returns every table of the study by its file name."""
    frame = split_frame(plan.examples, plan.config)
    wanted = {variant.training for variant in study.variants}
    sizes = tuple(sorted(t.examples for t in wanted if t.examples is not None))
    tables = {
        training.table_name(seed): change_training(
            frame, plan.examples, training, sizes=sizes, seed=seed
        )
        for training in sorted(wanted, key=str)
        for seed in seeds
        if not training.is_fresh_split
    }
    for training in wanted:
        if training.is_fresh_split:
            splits = fresh_splits(plan.examples, len(seeds), part=scored_part(plan), seed=seeds[0])
            for seed, names in zip(seeds, splits, strict=True):
                tables[training.table_name(seed)] = frame.assign(**{SPLIT_COLUMN: names})
    return tables
