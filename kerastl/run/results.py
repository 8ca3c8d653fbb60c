"""Writing what a training found: model, bundle, scores, predictions and history."""

import dataclasses
import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from kerastl.backbones import AudioInput, BackboneError, BackboneSpec, distributions
from kerastl.config import Config, EvaluationConfig
from kerastl.data.inputs.decoders import DEFAULT_RATE_HZ
from kerastl.data.tables.examples import Examples
from kerastl.data.tables.splits import PARTS
from kerastl.evaluation.calibration import NO_SKILL
from kerastl.evaluation.held_out import HeldOutPredictions
from kerastl.evaluation.missingness import MissingnessReport, examine_missingness
from kerastl.evaluation.score_types import SplitScores
from kerastl.evaluation.tuning import NOT_ASKED_FOR
from kerastl.files import file_sha256, write_json, write_text, write_with
from kerastl.heads.builder import find_heads, find_layer
from kerastl.heads.logits import logits_of_features
from kerastl.listening.tuning import tune_on_recordings
from kerastl.media.audio.decoding import SOUND_RULE_VERSION
from kerastl.media.image.decoding import RULE_VERSION
from kerastl.progress import Progress
from kerastl.records import to_values
from kerastl.run import folder as places
from kerastl.run.bundle import (
    FILE_NAME,
    BackboneFacts,
    Bundle,
    InputContract,
    TaskBundle,
    versions,
    weights_sha256,
)
from kerastl.run.scoring import calibrate, make_bootstrap, score_rows
from kerastl.run.splits import example_columns
from kerastl.run.tuning import find_held_out, tune_tasks
from kerastl.training.exact_head.solver import STRENGTHS
from kerastl.training.fit import Fitted

if TYPE_CHECKING:
    import keras


@dataclasses.dataclass(frozen=True, kw_only=True)
class Facts:
    """What is known before training and belongs into the bundle.

    Args:
        config: What was asked for.
        input: The input contract.
        backbone: The backbone before it learned.
    """

    config: Config
    input: InputContract
    backbone: BackboneFacts

    @classmethod
    def of(cls, model: "keras.Model", spec: BackboneSpec, config: Config) -> "Facts":
        """Gathers the facts of a model that hasn't been fitted."""
        asked = config.backbone.weights
        return cls(
            config=config,
            input=input_contract(model, config, spec),
            backbone=BackboneFacts(
                id=spec.id,
                weights=spec.default_weights if asked == "default" else asked,
                options=dict(config.backbone.options),
                license=spec.license,
                sha256=backbone_sha256(model),
                trained=config.trainable is not False,
            ),
        )


def input_contract(model: "keras.Model", config: Config, spec: BackboneSpec) -> InputContract:
    """Returns what goes into the model and how a file becomes it."""
    shape = tuple(int(length) for length in model.input_shape[1:])
    if len(shape) == 3:
        return InputContract(
            modality="image", shape=shape, resize=config.data.resize, rule_version=RULE_VERSION
        )
    return InputContract(
        modality="audio",
        shape=shape,
        rule_version=SOUND_RULE_VERSION,
        sample_rate_hz=_sample_rate(config, spec),
        window=config.data.window,
    )


def _sample_rate(config: Config, spec: BackboneSpec) -> int:
    asked = config.data.sample_rate_hz
    known = spec.input.sample_rate_hz if isinstance(spec.input, AudioInput) else None
    if asked is not None and known is not None and asked != known:
        raise BackboneError(
            f"The backbone '{spec.id}' takes {known} samples per second.",
            where="data.sample_rate_hz",
            expected=f"{known}, whatever the rate of the files is: they are resampled",
            received=str(asked),
            fix="Remove data.sample_rate_hz.",
        )
    return known or asked or DEFAULT_RATE_HZ


def backbone_sha256(model: "keras.Model") -> str:
    """Returns the hash of the backbone's weights as they are now."""
    variables = find_layer(model).model.variables
    return weights_sha256(
        {f"{i:05d}:{v.path}": np.asarray(v.numpy()) for i, v in enumerate(variables)}
    )


def write_results(
    path: Path,
    model: "keras.Model",
    fitted: Fitted,
    examples: Examples,
    facts: Facts,
    *,
    progress: Progress,
) -> None:
    """Writes everything; the bundle last, because it is what makes a run finished."""
    progress.step("Scoring", None)
    logits = logits_of_features(model, fitted.features, examples.tasks)
    evaluation = facts.config.evaluation
    held_out = find_held_out(fitted, examples, logits)
    tasks = tune_tasks(held_out, evaluation, examples.tasks, facts.config.data.labels)
    tasks, chosen_on = tune_on_recordings(
        model, tasks, facts.config, facts.input, progress=progress
    )
    bundle = make_bundle(model, fitted, examples, facts, tasks, chosen_on)
    scores = score_parts(examples, logits, bundle, evaluation)
    write_json(path / places.METRICS, to_values(scores))
    missingness = look_at_missingness(fitted, examples, held_out, bundle, facts)
    write_json(path / places.MISSINGNESS, to_values(missingness))
    for sentence in (*_tuning_notes(tasks), *missingness.warnings):
        progress.warn(sentence)
    write_with(
        path / places.PREDICTIONS,
        predictions_frame(examples, logits, calibrate(bundle, logits)).to_parquet,
    )
    write_text(path / places.HISTORY, pd.DataFrame(fitted.history).to_csv(index=False))
    write_with(path / places.MODEL, model.save)
    write_json(path / FILE_NAME, bundle.model_dump(mode="json"))


def score_parts(
    examples: Examples,
    logits: np.ndarray,
    bundle: Bundle,
    evaluation: EvaluationConfig,
) -> dict[str, SplitScores]:
    """Returns split to scores, for every split that has rows."""
    rows = {part: examples.rows(part) for part in reversed(PARTS)}
    return {
        part: score_rows(examples.take(here), logits[here], bundle, evaluation, part=part)
        for part, here in rows.items()
        if len(here)
    }


def look_at_missingness(
    fitted: Fitted,
    examples: Examples,
    held_out: HeldOutPredictions,
    bundle: Bundle,
    facts: Facts,
) -> MissingnessReport:
    """Returns what `missingness.json` holds: counts, what depends on what, and warnings."""
    is_held_out = examples.is_held_out[:, None]
    calibrations = [task.calibration for task in bundle.tasks.values()]
    scales = np.array([one.scale for one in calibrations])
    offsets = np.array([one.offset for one in calibrations])
    return examine_missingness(
        np.where(is_held_out, examples.labels, examples.training_labels),
        examples.splits,
        examples.tasks,
        bootstrap=make_bootstrap(facts.config.evaluation, examples),
        groups=examples.groups,
        held_out=dataclasses.replace(held_out, logits=held_out.logits * scales + offsets),
        features=fitted.features,
        uncertain=dict(zip(examples.tasks, examples.uncertain.sum(axis=0).tolist(), strict=True)),
        inputs={"image": "images", "audio": "audio clips"}[examples.modality],
    )


def make_bundle(
    model: "keras.Model",
    fitted: Fitted,
    examples: Examples,
    facts: Facts,
    tasks: dict[str, TaskBundle],
    chosen_on: dict[str, Any],
) -> Bundle:
    """Returns what a deployed model needs to know besides its weights."""
    is_sound = facts.input.modality == "audio"
    return Bundle(
        tasks=tasks,
        heads={head.name: list(head.tasks) for head in find_heads(model)},
        input=facts.input,
        backbone=facts.backbone.model_copy(update={"trained": not fitted.is_frozen}),
        data=_data_facts(facts, len(examples)),
        evidence={**_evidence(fitted, examples.tasks), **chosen_on},
        listening=facts.config.evaluation.listening if is_sound else None,
        versions=versions(),
        plugins=distributions(),
        created=datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
    )


def predictions_frame(
    examples: Examples, logits: np.ndarray, probabilities: np.ndarray
) -> pd.DataFrame:
    """Returns path, segment, split, group, and per task label, logit, calibrated probability."""
    columns = {**example_columns(examples), "split": examples.splits}
    if examples.groups is not None:
        columns["group"] = examples.groups
    for column, task in enumerate(examples.tasks):
        columns[f"{task}_label"] = examples.labels[:, column]
        columns[f"{task}_logit"] = logits[:, column]
        columns[task] = probabilities[:, column]
    return pd.DataFrame(columns)


def _data_facts(facts: Facts, num_examples: int) -> dict[str, Any]:
    data = facts.config.data
    return {
        "tables": [{"path": str(path), "sha256": file_sha256(path).hex()} for path in data.tables],
        "rows": num_examples,
        "column": data.file_column,
        "group": data.group,
    }


def _tuning_notes(tasks: dict[str, TaskBundle]) -> list[str]:
    thresholds = [
        f"{task}: {found.threshold_note}."
        for task, found in tasks.items()
        if found.threshold_note is not None
    ]
    uncalibrated = [
        f"{task}: not calibrated ({found.calibration.reason})."
        for task, found in tasks.items()
        if found.calibration.reason not in (None, NOT_ASKED_FOR, NO_SKILL)
    ]
    return [*thresholds, *uncalibrated]


def _evidence(fitted: Fitted, tasks: tuple[str, ...]) -> dict[str, Any]:
    return {**_regularization(fitted, tasks), "features": fitted.evidence}


def _regularization(fitted: Fitted, tasks: tuple[str, ...]) -> dict[str, Any]:
    if fitted.exact is None:
        return {}
    strengths = dict(zip(tasks, fitted.exact.strengths.tolist(), strict=True))
    if fitted.exact.path is None:
        return {"regularization": strengths}
    losses = dict(zip(tasks, fitted.exact.path.T.tolist(), strict=True))
    path = {"strengths": list(STRENGTHS), "losses": losses}
    return {"regularization": strengths, "regularization_path": path}
