"""From a config to a finished run: plan, fit, compute results, write them, report."""

from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path

import numpy as np

from kerastl.config import Config, dump_config, load_config
from kerastl.data.inputs.streams import FileInputs
from kerastl.data.tables.splits import split_warnings
from kerastl.errors import RunError
from kerastl.features.cache.location import cache_folder
from kerastl.features.combined_features import Features
from kerastl.features.source import FeatureSource
from kerastl.heads.backbone_settings import spec_of
from kerastl.media.base import InputContract
from kerastl.planning import (
    make_models,
    make_plan,
    plan_with_warnings,
    refuse_unsolved_heads,
    with_chosen_features,
)
from kerastl.progress import SILENT, Progress
from kerastl.report import write_report_or_warn
from kerastl.run.layout import (
    RunLayout,
    finish_run,
    free_name,
    remove_leftovers,
    start_run,
)
from kerastl.run.lock import training_lock
from kerastl.run.record import RunRecord
from kerastl.run.results import (
    RunPlan,
    compute_results,
    input_contract,
    make_bundle,
    write_results,
)
from kerastl.run.run_model import RunModel
from kerastl.run.split_table import splits_frame
from kerastl.run.tuning import find_held_out
from kerastl.run.worker import Workplace, start_workers, workplace
from kerastl.runs import Run
from kerastl.training.context import TrainingContext
from kerastl.training.feature_search import (
    read_trials,
    with_trials,
    write_trials,
)
from kerastl.training.plan import SolveHeads, TrainingPlan
from kerastl.training.solving import (
    Solve,
    Solving,
    TrainingResult,
    solve_heads,
    train_solved,
)


def train(
    config: Config | str | Path,
    *,
    output: str | Path | None = None,
    overrides: Sequence[str] = (),
    cache: bool = True,
    progress: Progress = SILENT,
) -> Run:
    """Trains a model and writes its run folder.

    Nothing is written until the table, the splits, the model and every file have been checked.

    Args:
        config: A config, or the path of its YAML file.
        output: Folder of the run. By default, `runs/` and the name of the config, with a number
            if that folder exists.
        overrides: `key=value` changes of the config, as after `--set`.
        cache: Whether to read the features of a frozen backbone from the cache and write them to
            it.
        progress: Receives progress updates.

    Returns:
        The run. On several machines, the first worker writes it; the others may return before.

    Raises:
        KerastlError: Something that the user can fix; the subclasses say what.

    Example:

    ```python
    run = kerastl.train("configs/driving.yaml")
    print(run.metrics["test"]["macro"]["auc"])
    ```
    """
    run = train_and_score(
        config, output=output, overrides=overrides, cache=cache, progress=progress
    )
    if run is None:
        return Run(Path(output or ""))
    return add_report(run, trust=True, progress=progress)


def train_and_score(
    config: Config | str | Path,
    *,
    output: str | Path | None = None,
    overrides: Sequence[str] = (),
    cache: bool = True,
    solving: Solving | None = None,
    progress: Progress = SILENT,
) -> Run | None:
    """Does the same without the report; returns None on other workers than the first.

    `solving` is what solves the heads, if it is not this process.
    """
    stem = "run" if isinstance(config, Config) else Path(config).stem
    path = Path(output) if output is not None else free_name(Path("runs") / stem)
    settings = config if isinstance(config, Config) else load_config(config, overrides)
    if solving is not None:
        refuse_unsolved_heads(settings)
    is_first = start_workers(settings, path, is_named=output is not None)
    plan = make_plan(settings, progress=progress if is_first else SILENT)
    with workplace(settings, RunLayout(path), progress, is_new=True) as place:
        return _carry_out(plan, place, solving, cache=cache, is_new=True)


def resume(path: str | Path, *, cache: bool = True, progress: Progress = SILENT) -> Run:
    """Continues an interrupted training as if it had never stopped.

    On a CPU, the results are equal to those of an uninterrupted training bit by bit.
    """
    run, is_trained = resume_and_score(path, cache=cache, progress=progress)
    if run is None:
        return Run(Path(path))
    return add_report(run, trust=is_trained, progress=progress)


def resume_and_score(
    path: str | Path,
    *,
    cache: bool = True,
    solving: Solving | None = None,
    progress: Progress = SILENT,
) -> tuple[Run | None, bool]:
    """Does the same without the report; returns the run, and whether it was trained now.

    On other workers than the first there is no run.
    """
    layout = RunLayout(Path(path))
    if not layout.is_started:
        raise RunError(
            f"There is no run '{layout.folder}' to resume.",
            expected="the folder of an interrupted `kerastl train`",
        )
    if layout.is_complete:
        raise RunError(
            f"The run '{layout.folder}' is already finished.",
            where=str(layout.folder),
            fix=f"`kerastl evaluate {layout.folder}` shows its scores.",
        )
    if layout.is_finished:
        return Run(layout.folder), False
    record = RunRecord(layout)
    config = record.config
    if solving is not None:
        refuse_unsolved_heads(config)
    spec = spec_of(config.backbone)
    examples = record.examples()
    plan = plan_with_warnings(config, spec, examples, split_warnings(examples))
    with (
        workplace(config, layout, progress, is_new=False) as place,
        training_lock(place.layout),
    ):
        remove_leftovers(place.layout)
        return _carry_out(plan, place, solving, cache=cache, is_new=False), True


def add_report(run: Run, *, trust: bool, progress: Progress = SILENT) -> Run:
    """Writes the report of a run whose results are written, and removes its state.

    `trust` is whether the run was trained here, so that every file that it names may be shown.
    """
    try:
        write_report_or_warn(run.path, progress=progress, trust=trust)
        finish_run(run.record.layout)
    except KeyboardInterrupt as stop:
        raise KeyboardInterrupt(
            f"Only the report is missing; `kerastl train --resume {run.path}` writes it."
        ) from stop
    return run


def _carry_out(
    plan: RunPlan, place: Workplace, solving: Solving | None, *, cache: bool, is_new: bool
) -> Run | None:
    layout, progress, distribution = place.layout, place.progress, place.distribution
    plan, trials = with_chosen_features(plan, cache=cache, progress=progress)
    trials = trials or read_trials(layout.state)
    config, examples, training = plan.config, plan.examples, plan.training
    folder = cache_folder() if cache else None
    model, frozen_model = make_models(plan, folder, progress=progress)
    if distribution is not None:
        with distribution.scope():
            _built = [one.keras_model for one in (model, frozen_model) if one is not None]
    contract = input_contract(model.facts.input_shape, config.data, plan.spec)
    context = TrainingContext(
        examples=examples,
        inputs=FileInputs(examples.files, contract, cuts=examples.cuts),
        source=FeatureSource(cache=folder, engine=training.engine, is_whole=not is_new),
        state=layout.state,
        progress=progress,
        distribution=distribution,
    )
    features = context.prepare(training, (frozen_model or model).backbone)
    begun: AbstractContextManager[Solve] = nullcontext(solve_heads)
    if solving is not None:
        assert isinstance(training.phases[0], SolveHeads)
        assert features is not None
        begun = solving(training.phases[0], features.values, examples, progress)
    with begun as solve:
        if is_new:
            splits = splits_frame(examples).to_csv(index=False)
            start_run(layout, config=dump_config(config), splits=splits)
            write_trials(layout.state, trials)
        try:
            with training_lock(layout) if is_new else nullcontext():
                model, fitted, logits = _train(plan, model, frozen_model, context, features, solve)
                if not place.is_first:
                    return None
                fitted = with_trials(fitted, trials)
                progress.note("\n".join(fitted.learned))
                _conclude(plan, layout, model, fitted, logits, contract, progress=progress)
        except KeyboardInterrupt as stop:
            raise KeyboardInterrupt(
                "The progress so far is saved; continue with `kerastl train --resume "
                f"{layout.folder}`."
            ) from stop
    return Run(layout.folder)


def _train(
    plan: RunPlan,
    model: RunModel,
    frozen_model: RunModel | None,
    context: TrainingContext,
    features: Features | None,
    solve: Solve,
) -> tuple[RunModel, TrainingResult, np.ndarray]:
    """Trains as planned; returns the trained model, the outcome and the logits of all examples."""
    match plan.training:
        case TrainingPlan(phases=(SolveHeads() as phase,)) if features is not None:
            parts = model.facts.parts
            fitted, exact = train_solved(phase, model.heads, context, features, parts, solve)
            model.solve(exact)
            return model, fitted, exact.logits(fitted.features)
    from kerastl.heads.logits import HeadLogits
    from kerastl.training.auto import train_model

    other = None if frozen_model is None else frozen_model.keras_model
    found = train_model(plan.training, model.keras_model, context, features, frozen_model=other)
    chosen = model if frozen_model is None or found.model is not other else frozen_model
    return chosen, found, HeadLogits(found.model, plan.examples.tasks)(found.features)


def _conclude(
    plan: RunPlan,
    layout: RunLayout,
    model: RunModel,
    fitted: TrainingResult,
    logits: np.ndarray,
    contract: InputContract,
    *,
    progress: Progress,
) -> None:
    """Chooses thresholds and calibration, scores the model, and writes the results."""
    progress.step("Scoring", None)
    config = plan.config
    held_out = find_held_out(fitted, plan.examples, logits)
    bundle = make_bundle(
        plan,
        fitted,
        held_out,
        heads=model.heads,
        contract=contract,
        backbone_sha256=model.facts.backbone_sha256,
        folder=layout.folder,
        extractor=model.extractor_facts,
    )
    if config.evaluation.recordings is not None:
        from kerastl.listening.recording_thresholds import tune_on_recordings

        bundle = tune_on_recordings(model.trained_model, bundle, config, progress=progress)
    results = compute_results(plan, fitted, logits, held_out, bundle)
    for sentence in results.warnings:
        progress.warn(sentence)
    model.save_extractor(layout.extractor)
    write_results(layout, model.save, results)
