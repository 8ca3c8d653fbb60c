"""The results of a training: computed as values, then written into the run folder."""

import datetime
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd

from kerastl.backbones import BackboneSpec, distributions
from kerastl.config import Config, DataConfig
from kerastl.config.head import Head
from kerastl.data.tables.examples import Examples
from kerastl.evaluation.held_out import HeldOutPredictions
from kerastl.evaluation.missingness import MissingnessReport, examine_missingness
from kerastl.evaluation.score_types import SplitScores
from kerastl.files import without_nan, write_json, write_text, write_with
from kerastl.media.base import InputContract
from kerastl.media.media_types import media_type
from kerastl.records import to_values
from kerastl.run.bundle import (
    BackboneFacts,
    Bundle,
    DataFacts,
    EngineFacts,
    Evidence,
    ExtractorFacts,
    StrengthPath,
    TableFile,
    heads_hash,
)
from kerastl.run.checksums import NAME, write_checksums
from kerastl.run.layout import RunLayout
from kerastl.run.origin import current_origin
from kerastl.run.scoring import (
    calibrate,
    calibrated_logits,
    engine_facts,
    make_bootstrap,
    score_parts,
    with_positive_shares,
)
from kerastl.run.split_table import example_columns
from kerastl.run.tuning import tune_tasks, unweighted_offsets
from kerastl.run.warnings import find_warnings
from kerastl.training.evidence import TrainingEvidence
from kerastl.training.exact_head.solver import STRENGTHS
from kerastl.training.plan import SearchPlan, TrainingPlan
from kerastl.training.solving import TrainingResult
from kerastl.versions import versions
from kerastl_runtime.files import file_sha256


@dataclass(frozen=True, kw_only=True)
class RunPlan:
    """Everything that is determined before a model is built."""

    config: Config
    spec: BackboneSpec
    examples: Examples  # with their splits
    training: TrainingPlan | SearchPlan
    warnings: tuple[str, ...] = ()  # about the backbone and the table


@dataclass(frozen=True, kw_only=True)
class RunResults:
    """Everything a finished training writes besides the model."""

    bundle: Bundle
    metrics: Mapping[str, SplitScores]
    missingness: MissingnessReport
    predictions: pd.DataFrame
    history: pd.DataFrame

    @property
    def warnings(self) -> tuple[str, ...]:
        """What a user should know about thresholds, calibration and unknown labels."""
        return tuple(find_warnings(self.bundle, self.missingness))


def input_contract(shape: tuple[int, ...], data: DataConfig, spec: BackboneSpec) -> InputContract:
    """Returns what goes into a model with inputs of this shape and how a file becomes it."""
    return data.media.contract(shape, data.media_settings, spec.input, backbone=spec.id)


def make_bundle(
    plan: RunPlan,
    fitted: TrainingResult,
    held_out: HeldOutPredictions,
    *,
    heads: Sequence[Head],
    contract: InputContract,
    backbone_sha256: str,
    folder: Path,
    extractor: ExtractorFacts | None = None,
) -> Bundle:
    """Returns the bundle, with thresholds and calibration chosen on held-out predictions.

    The hash is that of the backbone's weights before training.
    """
    config, spec, tasks = plan.config, plan.spec, plan.examples.tasks
    tasks_of = {head.name: head.tasks for head in heads}
    groups = np.asarray(make_bootstrap(config.evaluation, plan.examples).groups)[held_out.rows]
    labels = plan.examples.training_labels[plan.examples.rows(*fitted.fitted_on)]
    return Bundle(
        tasks=tune_tasks(
            held_out,
            config.evaluation,
            tasks,
            config.data.labels,
            offsets=unweighted_offsets(config.loss, labels, tasks, plan.examples.unknown_weight),
            groups=groups,
        ),
        heads=tasks_of,
        heads_sha256=heads_hash(tasks, tasks_of),
        input=contract,
        backbone=BackboneFacts(
            id=spec.id,
            weights=spec.chosen_weights(config.backbone.weights),
            options=dict(config.backbone.options),
            license=spec.license,
            sha256=backbone_sha256,
            trained=not fitted.is_frozen,
            extractor=extractor,
            reference=spec.reference,
            frozen_reason=spec.frozen_reason,
            members=tuple(
                {
                    "id": member.spec.id,
                    "weights": member.weights,
                    "input_size": member.input_size,
                    "options": dict(member.options),
                }
                for member in spec.members
            ),
        ),
        fitted_on=fitted.fitted_on,
        data=_data_facts(config.data, num_rows=len(plan.examples.files)),
        evidence=_evidence(fitted, tasks, plan.warnings),
        engines=_engines(fitted.evidence),
        listening=config.evaluation.listening if config.data.media.has_recordings else None,
        versions=versions(),
        plugins=distributions(),
        origin=current_origin(folder),
        created=datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
    )


def compute_results(
    plan: RunPlan,
    fitted: TrainingResult,
    logits: np.ndarray,
    held_out: HeldOutPredictions,
    bundle: Bundle,
) -> RunResults:
    """Scores the model on every split by the uncalibrated logits of all examples.

    Validation examples that the model was fitted on are scored by out-of-fold predictions.
    """
    examples = plan.examples
    if "validation" in bundle.fitted_on:
        is_held_out = examples.splits[held_out.rows] == "validation"
        logits = logits.copy()
        logits[held_out.rows[is_held_out]] = held_out.logits[is_held_out]
    bootstrap = make_bootstrap(plan.config.evaluation, examples)
    is_train = (examples.splits == "train")[:, None]
    missingness = examine_missingness(
        np.where(is_train, examples.training_labels, examples.labels),
        examples.splits,
        examples.tasks,
        bootstrap=bootstrap,
        held_out=replace(held_out, logits=calibrated_logits(bundle, held_out.logits)),
        groups=examples.groups,
        uncertain=dict(zip(examples.tasks, examples.uncertain.sum(0).tolist(), strict=True)),
        inputs=media_type(examples.modality).nouns,
    )
    scores = score_parts(examples, logits, bundle, bootstrap)
    return RunResults(
        bundle=bundle,
        metrics=with_positive_shares(scores, missingness),
        missingness=missingness,
        predictions=_predictions_frame(examples, logits, calibrate(bundle, logits)),
        history=pd.DataFrame(fitted.history),
    )


def write_results(layout: RunLayout, save: Callable[[Path], None], results: RunResults) -> None:
    """Writes the results; the bundle last, because it marks the run as finished.

    Args:
        layout: The run folder.
        save: Writes the model.
        results: Everything else.
    """
    write_json(layout.missingness, to_values(results.missingness))
    write_with(layout.predictions, results.predictions.to_parquet)
    write_text(layout.history, results.history.to_csv(index=False))
    write_with(layout.model, save)
    write_thresholds(layout, results.bundle, results.metrics)


def write_thresholds(layout: RunLayout, bundle: Bundle, metrics: Mapping[str, SplitScores]) -> None:
    """Writes the bundle, the scores that depend on its thresholds, and the hashes of all files."""
    (layout.folder / NAME).unlink(missing_ok=True)  # if this is interrupted, nothing has "changed"
    write_json(layout.metrics, to_values(metrics))
    write_json(layout.bundle, bundle.model_dump(mode="json"))
    write_checksums(layout.folder, layout.checked)


def _predictions_frame(
    examples: Examples, logits: np.ndarray, probabilities: np.ndarray
) -> pd.DataFrame:
    columns = {**example_columns(examples), "split": examples.splits}
    if examples.groups is not None:
        columns["group"] = examples.groups
    for column, task in enumerate(examples.tasks):
        columns[f"{task}_label"] = examples.labels[:, column]
        columns[f"{task}_logit"] = logits[:, column]
        columns[task] = probabilities[:, column]
    return pd.DataFrame(columns)


def _data_facts(data: DataConfig, *, num_rows: int) -> DataFacts:
    return DataFacts(
        tables=tuple(
            TableFile(path=str(path), sha256=file_sha256(path).hex()) for path in data.tables
        ),
        rows=num_rows,
        column=data.file_column,
        group=data.group,
    )


def _engines(evidence: TrainingEvidence) -> dict[str, EngineFacts]:
    passes = {"training": evidence.training, "scores": evidence.scores}
    return {purpose: engine_facts(facts.engine) for purpose, facts in passes.items() if facts}


def _evidence(
    fitted: TrainingResult, tasks: tuple[str, ...], warnings: tuple[str, ...]
) -> Evidence:
    features = fitted.evidence
    if fitted.exact is None:
        return Evidence(features=features, warnings=warnings)
    path = fitted.exact.path
    return Evidence(
        regularization=dict(zip(tasks, fitted.exact.strengths.tolist(), strict=True)),
        regularization_path=None
        if path is None
        else StrengthPath(
            strengths=STRENGTHS,
            losses=dict(zip(tasks, map(tuple, without_nan(path.T.tolist())), strict=True)),
        ),
        features=features,
        warnings=warnings,
    )
