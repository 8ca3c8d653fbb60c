"""Fitting with `trainable: auto`: frozen first, fine-tuned from there, the better one kept."""

import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import keras
import numpy as np

from kerastl.config import Config, ExactFit, KerasFit
from kerastl.data.inputs.batches import Inputs
from kerastl.data.tables.examples import Examples
from kerastl.data.tables.stratification import stratify
from kerastl.evaluation.gains import Gain, measure_gain
from kerastl.features.source import Extraction, FeatureSource
from kerastl.heads.builder import apply_policy, find_heads, find_layer
from kerastl.heads.logits import logits_of_features
from kerastl.progress import SILENT, Progress
from kerastl.records import to_values
from kerastl.training.choice import (
    Supply,
    count_labels,
    reason_not_to_try,
)
from kerastl.training.exact_head.fitting import solve_heads
from kerastl.training.fit import Fitted, fit_model


def fit_auto(
    model: keras.Model,
    examples: Examples,
    inputs: Inputs,
    config: Config,
    *,
    extraction: Extraction | None,
    source: FeatureSource,
    state: Path,
    progress: Progress,
) -> Fitted:
    """Fits the heads on the frozen backbone, fine-tunes from there, and keeps the better model.

    Where the labels can't carry it, fine-tuning isn't tried. Otherwise it is kept only where its
    gain on the known validation labels is larger than the noise of that gain. Either way the
    evidence and what it cost are told and returned.

    Args:
        model: A model of `kerastl.build_model`; its weights are changed.
        examples: What to learn from.
        config: Says how.
        extraction: Features of the frozen backbone.
        source: Where features come from.
        state: Folder for what an interrupted fit continues from.
        progress: Told what happens.
    """
    started = time.monotonic()
    frozen = fit_model(
        model,
        examples,
        inputs,
        _frozen_config(model, config),
        extraction=extraction,
        source=source,
        state=state / "frozen",
        progress=progress,
    )
    frozen_weights = model.get_weights()
    supply = _find_supply(model, frozen, examples, config)
    evidence: dict[str, Any] = {"supply": supply.as_evidence()}
    evidence["seconds"] = {"frozen": time.monotonic() - started}
    reason = _reason_not_to_try(supply, examples)
    if reason is not None:
        progress.note(f"auto: the backbone stays frozen: {reason}.")
        return _with_evidence(frozen, {**evidence, "trained": False, "reason": reason})
    started = time.monotonic()
    frozen_logits = _validation_logits(model, frozen, examples)
    tuned = fit_model(
        model,
        examples,
        inputs,
        config.changed(trainable=True),
        extraction=extraction,
        source=source,
        state=state,
        progress=progress,
    )
    evidence["seconds"]["fine_tuning"] = time.monotonic() - started
    gain = measure_gain(
        frozen_logits,
        _validation_logits(model, tuned, examples),
        *_validation_labels(examples),
        seed=config.fit.seed,
    )
    progress.note(_told(gain, supply, evidence["seconds"]))
    evidence["gain"] = to_values(gain)
    if gain.is_larger_than_noise:
        return _with_evidence(
            tuned, {**evidence, "trained": True, "reason": "better on validation"}
        )
    model.set_weights(frozen_weights)
    apply_policy(find_layer(model), False)
    kept = _with_evidence(frozen, {**evidence, "trained": False, "reason": "not clearly better"})
    return replace(kept, history=[*frozen.history, *tuned.history])  # for the learning curves


def _frozen_config(model: keras.Model, config: Config) -> Config:
    """Returns the config of the frozen side: solved where the heads are linear."""
    assert isinstance(config.fit, KerasFit)
    exact = ExactFit(seed=config.fit.seed, engine=config.fit.engine)
    return config.changed(
        trainable=False, augment=None, fit=exact if _is_linear(model) else config.fit
    )


def _is_linear(model: keras.Model) -> bool:
    return all(head.is_linear for head in find_heads(model))


def _find_supply(model: keras.Model, frozen: Fitted, examples: Examples, config: Config) -> Supply:
    labels = examples.training_labels[examples.rows("train")]
    positives, negatives = count_labels(labels, examples.tasks)
    return Supply(
        positives=positives,
        negatives=negatives,
        weights=_num_weights(model),
        curve=_second_half(model, frozen, examples, config),
    )


def _num_weights(model: keras.Model) -> int:
    """Returns how many weights fine-tuning would change."""
    layer = find_layer(model)
    apply_policy(layer, True)
    count = sum(int(np.prod(variable.shape)) for variable in model.trainable_variables)
    apply_policy(layer, False)
    return count


def _second_half(
    model: keras.Model, frozen: Fitted, examples: Examples, config: Config
) -> Gain | None:
    """Returns what the second half of the training examples gained the frozen linear heads.

    The heads of the model are solved on one half and then given their weights back.
    """
    if not _is_linear(model) or not _has_validation(examples):
        return None
    rows = examples.rows("train")
    labels = examples.training_labels[rows]
    parts = stratify(
        np.where(np.isnan(labels), np.nan, labels >= 0.5),
        None if examples.groups is None else examples.groups[rows],
        fractions=[0.5, 0.5],
        seed=config.fit.seed,
    )
    half = rows[parts == 0]
    if not len(half) or np.isnan(examples.training_labels[half]).all(axis=0).any():
        return None
    whole_logits = _validation_logits(model, frozen, examples)
    weights = model.get_weights()
    solve_heads(model, frozen.features, _only_training_on(examples, half), config, SILENT)
    half_logits = _validation_logits(model, frozen, examples)
    model.set_weights(weights)
    return measure_gain(
        half_logits, whole_logits, *_validation_labels(examples), seed=config.fit.seed
    )


def _only_training_on(examples: Examples, rows: np.ndarray) -> Examples:
    splits = np.where(examples.is_held_out, examples.splits, "unused")
    splits[rows] = "train"
    return examples.with_splits(splits)


def _reason_not_to_try(supply: Supply, examples: Examples) -> str | None:
    if not _has_validation(examples):
        return "no validation label is known, so nothing could be compared"
    return reason_not_to_try(supply)


def _has_validation(examples: Examples) -> bool:
    return bool((~np.isnan(examples.labels[examples.rows("validation")])).any())


def _validation_labels(examples: Examples) -> tuple[np.ndarray, np.ndarray | None]:
    rows = examples.rows("validation")
    return examples.labels[rows], None if examples.groups is None else examples.groups[rows]


def _validation_logits(model: keras.Model, fitted: Fitted, examples: Examples) -> np.ndarray:
    return logits_of_features(model, fitted.features[examples.rows("validation")], examples.tasks)


def _told(gain: Gain, supply: Supply, seconds: dict[str, float]) -> str:
    verdict = (
        "it is kept"
        if gain.is_larger_than_noise
        else "not beyond its noise: the backbone is frozen"
    )
    return (
        f"auto: fine-tuning changed the validation loss by {-gain.loss:+.4f} (95 % "
        f"{-gain.high:+.4f} to {-gain.low:+.4f}, {gain.known} known labels); {verdict}. It was "
        f"tried because the median task has {supply.median:g} known training labels of its rarer "
        f"class, {supply.weights_per_label:,.0f} weights for each known label; it took "
        f"{seconds['fine_tuning']:.0f} s, the frozen heads {seconds['frozen']:.0f} s."
    )


def _with_evidence(fitted: Fitted, evidence: dict[str, Any]) -> Fitted:
    return replace(fitted, evidence={**fitted.evidence, "auto": evidence})
