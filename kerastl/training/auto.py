"""Fitting with `trainable: auto`: frozen first, fine-tuned from there, the better one kept."""

from pathlib import Path

import keras
import numpy as np

from kerastl.config import Config, ExactFit, KerasFit
from kerastl.heads.builder import apply_policy, find_heads, find_layer
from kerastl.progress import Progress
from kerastl.training.choice import Gain, measure_gain, too_few_labels
from kerastl.training.features import Extraction, FeatureSource
from kerastl.training.fit import Fitted, fit_model
from kerastl.training.logits import logits_of_features
from kerastl.training.phases import Examples


def fit_auto(
    model: keras.Model,
    examples: Examples,
    config: Config,
    *,
    extraction: Extraction | None,
    source: FeatureSource,
    state: Path,
    progress: Progress,
) -> Fitted:
    """Fits the heads on the frozen backbone, fine-tunes from there, and keeps the better model.

    With few known labels fine-tuning isn't tried. Otherwise it is kept only where its gain on the
    known validation labels is larger than the noise of that gain. Either way the evidence is told
    and returned.

    Args:
        model: A model of `kerastl.build_model`; its weights are changed.
        examples: What to learn from.
        config: Says how.
        extraction: Features of the frozen backbone.
        source: Where features come from.
        state: Folder for what an interrupted fit continues from.
        progress: Told what happens.
    """
    frozen = fit_model(
        model,
        examples,
        _frozen_config(model, config),
        extraction=extraction,
        source=source,
        state=state / "frozen",
        progress=progress,
    )
    reason = too_few_labels(examples.training_labels[examples.train], examples.tasks)
    if reason is not None or not _has_validation(examples):
        reason = reason or "no validation label is known, so nothing could be compared"
        progress.note(f"auto: the backbone stays frozen: {reason}.")
        return _with_evidence(frozen, trained=False, reason=reason, gain=None)
    frozen_weights = model.get_weights()
    frozen_logits = _validation_logits(model, frozen, examples)
    tuned = fit_model(
        model,
        examples,
        config.model_copy(update={"trainable": True}),
        extraction=extraction,
        source=source,
        state=state,
        progress=progress,
    )
    gain = measure_gain(
        frozen_logits,
        _validation_logits(model, tuned, examples),
        examples.labels[examples.validation],
        None if examples.groups is None else examples.groups[examples.validation],
        seed=config.fit.seed,
    )
    progress.note(_told(gain))
    if gain.is_larger_than_noise:
        return _with_evidence(tuned, trained=True, reason="better on validation", gain=gain)
    model.set_weights(frozen_weights)
    apply_policy(find_layer(model), False)
    kept = _with_evidence(frozen, trained=False, reason="not clearly better", gain=gain)
    return _with_history(kept, tuned)


def _frozen_config(model: keras.Model, config: Config) -> Config:
    """Returns the config of the frozen side: solved where the heads are linear."""
    linear = all(head.is_linear for head in find_heads(model))
    assert isinstance(config.fit, KerasFit)
    exact = ExactFit(seed=config.fit.seed, engine=config.fit.engine)
    return config.model_copy(
        update={"trainable": False, "augment": None, "fit": exact if linear else config.fit}
    )


def _has_validation(examples: Examples) -> bool:
    return bool((~np.isnan(examples.labels[examples.validation])).any())


def _validation_logits(model: keras.Model, fitted: Fitted, examples: Examples) -> np.ndarray:
    return logits_of_features(model, fitted.features[examples.validation], examples.tasks)


def _told(gain: Gain) -> str:
    verdict = (
        "it is kept"
        if gain.is_larger_than_noise
        else "not beyond its noise: the backbone is frozen"
    )
    return (
        f"auto: fine-tuning changed the validation loss by {-gain.loss:+.4f} (95 % "
        f"{-gain.high:+.4f} to {-gain.low:+.4f}, {gain.known} known labels); {verdict}."
    )


def _with_evidence(fitted: Fitted, *, trained: bool, reason: str, gain: Gain | None) -> Fitted:
    evidence = {"trained": trained, "reason": reason}
    if gain is not None:
        evidence["gain"] = gain.as_evidence()
    return Fitted(**{**fitted.__dict__, "evidence": {**fitted.evidence, "auto": evidence}})


def _with_history(fitted: Fitted, other: Fitted) -> Fitted:
    """Returns `fitted` with the epochs of the model that wasn't kept, for the learning curves."""
    return Fitted(**{**fitted.__dict__, "history": [*fitted.history, *other.history]})
