"""The whole story: from a config to a finished run."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import keras

from kerastl.backbones import BackboneSpec, find_backbone
from kerastl.config import Config, dump_config, load_config
from kerastl.data.inputs.streams import FileInputs
from kerastl.data.tables.examples import Examples, refuse_missing_files
from kerastl.data.tables.leakage import leak_warning
from kerastl.data.tables.loading import load_table
from kerastl.data.tables.splits import assign_splits, split_gaps
from kerastl.errors import BackboneError, RunError
from kerastl.features.cache.folder import cache_folder
from kerastl.features.source import FeatureSource
from kerastl.heads.builder import build_model
from kerastl.listening.tuning import check_recordings
from kerastl.progress import SILENT, Progress
from kerastl.report import write_report_or_warn
from kerastl.run.folder import (
    CONFIG,
    STATE,
    Run,
    finish_run,
    free_name,
    is_finished,
    refuse_taken,
    start_run,
)
from kerastl.run.results import Facts, write_results
from kerastl.run.splits import read_splits, splits_frame
from kerastl.training.auto import fit_auto
from kerastl.training.fit import fit_model, prepare


@dataclass(frozen=True, kw_only=True)
class Plan:
    """Everything that is decided before anything is learned.

    Args:
        config: What was asked for.
        spec: The backbone.
        examples: The examples with their splits.
    """

    config: Config
    spec: BackboneSpec
    examples: Examples


def train(
    config: Config | str | Path,
    *,
    output: str | Path | None = None,
    overrides: Sequence[str] = (),
    cache: bool = True,
    progress: Progress = SILENT,
) -> Run:
    """Trains a model as a config says and writes its run folder.

    Nothing is written before the table, the splits, the model and every file have been found good.

    Args:
        config: A config, or the path of its YAML file.
        output: Folder of the run; None takes `runs/` and the config's name, with a number where
            that is taken.
        overrides: `key=value` changes, as after `--set`.
        cache: Whether features of a frozen backbone are kept for later runs, and used.
        progress: Told what happens.

    Raises:
        KerastlError: Whatever the user can mend; the subclasses say what.

    Example:

    ```python
    run = kerastl.train("configs/driving.yaml")
    print(run.metrics["test"]["macro"]["auc"])
    ```
    """
    stem = "run" if isinstance(config, Config) else Path(config).stem
    path = Path(output) if output is not None else free_name(Path("runs") / stem)
    settings = config if isinstance(config, Config) else load_config(config, overrides)
    refuse_taken(path)
    plan = make_plan(settings, progress=progress)
    return _carry_out(plan, path, cache=cache, progress=progress, is_new=True)


def resume(path: str | Path, *, cache: bool = True, progress: Progress = SILENT) -> Run:
    """Continues an interrupted training as if nothing had happened.

    Args:
        path: Folder of the run.
        cache: Whether features of a frozen backbone are kept for later runs, and used.
        progress: Told what happens.

    Raises:
        RunError: The folder holds no run, or a finished one.
    """
    folder = Path(path)
    if not (folder / CONFIG).is_file():
        raise RunError(
            f"There is no run '{folder}' to continue.",
            expected="a folder that an interrupted `kerastl train` left",
        )
    if is_finished(folder):
        raise RunError(
            f"The run '{folder}' is finished; there is nothing to continue.",
            where=str(folder),
            fix=f"`kerastl evaluate {folder}` shows its scores.",
        )
    config = load_config(folder / CONFIG)
    spec = find_backbone(config.backbone.name, options=config.backbone.options)
    examples = read_splits(folder, load_table(config.data))
    plan = Plan(config=config, spec=spec, examples=examples)
    return _carry_out(plan, folder, cache=cache, progress=progress, is_new=False)


def make_plan(config: Config, *, progress: Progress = SILENT) -> Plan:
    """Finds the backbone, reads the table and draws the splits; loads no framework.

    Raises:
        KerastlError: Whatever is wrong with any of them.
    """
    spec = find_backbone(config.backbone.name, options=config.backbone.options)
    refuse_other_modality(spec, config)
    if spec.warning:
        progress.warn(spec.warning)
    examples = load_table(config.data)
    refuse_missing_files(examples)
    examples = assign_splits(examples, config.data.split)
    for sentence in split_gaps(examples):
        progress.warn(sentence)
    trained_on = {examples.paths[row] for row in examples.rows("train")}
    for leak in (leak_warning(examples), check_recordings(config, trained_on)):
        if leak is not None:
            progress.warn(leak)
    return Plan(config=config, spec=spec, examples=examples)


def refuse_other_modality(spec: BackboneSpec, config: Config) -> None:
    """Raises a `BackboneError` where the backbone takes another kind of input than the table's."""
    if spec.modality in (None, config.data.modality):
        return
    holds = {"image": "images", "audio": "sounds"}
    fitting = [name for name in _offered(config.data.modality) if name != spec.id]
    raise BackboneError(
        f"The backbone '{spec.id}' takes {_a(spec.modality)}, but the table's column "
        f"'{config.data.file_column}' holds {holds[config.data.modality]}.",
        where="backbone.name",
        fix=f"Choose a backbone for {holds[config.data.modality]}: {', '.join(fitting[:3])}"
        if fitting
        else f"Install a plugin with backbones for {holds[config.data.modality]}.",
    )


def _carry_out(plan: Plan, path: Path, *, cache: bool, progress: Progress, is_new: bool) -> Run:
    config, examples = plan.config, plan.examples
    keras.utils.set_random_seed(config.fit.seed)
    progress.step("Building the model", None)
    model = build_model(
        plan.spec,
        examples.tasks,
        heads=config.heads,
        weights=config.backbone.weights,
        input_size=config.backbone.input_size,
        options=config.backbone.options,
        seed=config.fit.seed,
    )
    facts = Facts.of(model, plan.spec, config)
    inputs = FileInputs(examples.paths, facts.input, segments=examples.segments)
    source = FeatureSource(cache=cache_folder() if cache else None, engine=config.fit.engine)
    extraction = prepare(model, examples, inputs, config, source=source, progress=progress)
    if is_new:
        start_run(path, config=dump_config(config), splits=splits_frame(examples))
    with _explaining_interrupts(path):
        fit = fit_auto if config.trainable == "auto" else fit_model
        fitted = fit(
            model,
            examples,
            inputs,
            config,
            extraction=extraction,
            source=source,
            state=path / STATE,
            progress=progress,
        )
        progress.note("\n".join(fitted.learned))
        write_results(path, model, fitted, examples, facts, progress=progress)
    finish_run(path)
    write_report_or_warn(path, progress=progress)
    return Run(path)


@contextmanager
def _explaining_interrupts(path: Path) -> Iterator[None]:
    try:
        yield
    except KeyboardInterrupt as stop:
        raise KeyboardInterrupt(
            f"What was learned so far is kept; continue with `kerastl train --resume {path}`."
        ) from stop


def _offered(modality: str) -> tuple[str, ...]:
    from kerastl.backbones import list_backbones

    return list_backbones(modality="image" if modality == "image" else "audio")


def _a(modality: str | None) -> str:
    return {"image": "images", "audio": "audio"}[str(modality)]
