"""Fitting: the heads on constant features, then what the policy lets learn.

Convention: what is fitted are the logits, because probabilities saturate; the model that ships
shares the weights and ends in the sigmoid.
"""

import shutil
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import keras
import numpy as np

from kerastl.config import Config, ExactFit, KerasFit
from kerastl.data.inputs.batches import ArrayInputs, Inputs
from kerastl.data.inputs.streams import FileInputs
from kerastl.data.tables.examples import Examples
from kerastl.features.comparison import engines_above_limit
from kerastl.features.prefix import find_cut, run_prefix, suffix_model
from kerastl.features.source import Extraction, FeatureSource
from kerastl.heads.builder import apply_policy, find_heads, find_layer, head_model, logits_model
from kerastl.progress import Progress
from kerastl.training.augmentation import augmented_inputs, make_augmentation
from kerastl.training.exact_head.fitting import solve_heads
from kerastl.training.exact_head.solver import ExactHead
from kerastl.training.learning import learning_table
from kerastl.training.phases import FINE_TUNING_PHASE, HEADS_PHASE, fit_phase
from kerastl.training.recipe import keeping_regularization, scheduled_optimizer


@dataclass(frozen=True, kw_only=True)
class Fitted:
    """What fitting found besides the weights, which are in the model.

    Args:
        features: What the backbone of the fitted model says of all examples; of those that are
            scored in the precision of the shipped model.
        is_frozen: Whether the backbone stood still.
        history: One row per epoch: phase, epoch and figures.
        exact: The exact head, where one was solved.
        learned: The table of what learned, as lines of text.
        evidence: Engines, speed and agreement, as plain values.
    """

    features: np.ndarray
    is_frozen: bool
    history: list[dict[str, Any]] = field(default_factory=list)
    exact: ExactHead | None = None
    learned: tuple[str, ...] = ()
    evidence: dict[str, Any] = field(default_factory=dict)


def prepare(
    model: keras.Model,
    examples: Examples,
    inputs: Inputs,
    config: Config,
    *,
    source: FeatureSource,
    progress: Progress,
) -> Extraction | None:
    """Reads every file before anything is learned; returns the features of the frozen backbone.

    Where a frozen backbone sees augmented examples, its features change in every epoch: then the
    files are decoded, nothing is cached, and there are no features yet.

    Raises:
        MediaError: A file is unreadable.
    """
    augmented_inputs(inputs, config.augment)  # refuses noise that can't be read
    if config.trainable is False and _is_augmented(config):
        assert config.augment is not None
        progress.note(
            f"Features aren't cached: augment.{config.augment.active[0]} changes the "
            f"{_examples_word(config)} in every epoch."
        )
        _decode(inputs, progress)
        return None
    return _extract(model, examples, inputs, source, progress)


def fit_model(
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
    """Fits the heads, then, if the policy says so, the backbone.

    Args:
        model: A model of `kerastl.build_model`; its weights are changed.
        examples: What to learn from.
        config: Says how.
        extraction: What `prepare` returned.
        source: Where features come from.
        state: Folder for what an interrupted fit continues from.
        progress: Told what happens.
    """
    apply_policy(find_layer(model), False)
    heads: _Heads | None = None
    if extraction is not None and not starts_at_random(config):
        heads = _fit_heads(model, examples, config, extraction, state=state, progress=progress)
        extraction = heads.extraction
    history = [] if heads is None else heads.history
    exact = None if heads is None else heads.exact
    if extraction is None or config.trainable is not False:
        apply_policy(find_layer(model), config.trainable)
        history += _fit_through(
            model, examples, inputs, config, source, heads=heads, state=state, progress=progress
        )
        extraction = _extract(model, examples, inputs, source, progress)
    differences = extraction.probability_differences(head_model(model))
    if differences:
        progress.note(_differences_text(differences))
    return Fitted(
        features=extraction.values,
        is_frozen=config.trainable is False,
        history=history,
        exact=exact,
        learned=learning_table(model, config),
        evidence={**extraction.facts, "largest_probability_difference": differences},
    )


def starts_at_random(config: Config) -> bool:
    """Whether there is nothing in the backbone that heads could be fitted on before it learns."""
    return config.backbone.weights is None and config.trainable is not False


@dataclass(frozen=True, kw_only=True)
class _Heads:
    """What fitting the heads on features found.

    Args:
        history: One row per epoch, where Keras fitted them.
        exact: The exact head, where one was solved.
        extraction: The features they were fitted on.
    """

    history: list[dict[str, Any]]
    exact: ExactHead | None
    extraction: Extraction


def _fit_heads(
    model: keras.Model,
    examples: Examples,
    config: Config,
    extraction: Extraction,
    *,
    state: Path,
    progress: Progress,
) -> _Heads:
    """Fits the heads; again, on features of Keras's precision, where they come out too different.

    The second time there is no engine left that could be.
    """
    found = _fit_heads_on(model, examples, config, extraction, state=state, progress=progress)
    differences = extraction.probability_differences(head_model(model))
    refused = engines_above_limit(differences)
    if not refused:
        return found
    progress.note(
        f"{_differences_text(differences)} That is too much: the heads are fitted on float32 "
        "features instead."
    )
    shutil.rmtree(state / HEADS_PHASE, ignore_errors=True)
    again = extraction.extract_without(refused)
    return _fit_heads_on(model, examples, config, again, state=state, progress=progress)


def _fit_heads_on(
    model: keras.Model,
    examples: Examples,
    config: Config,
    extraction: Extraction,
    *,
    state: Path,
    progress: Progress,
) -> _Heads:
    if all(head.is_linear for head in find_heads(model)) and _is_exact(config):
        exact = solve_heads(model, extraction.values, examples, config, progress)
        return _Heads(history=[], exact=exact, extraction=extraction)
    fit = config.fit
    assert isinstance(fit, KerasFit)
    history = fit_phase(
        head_model(model),
        ArrayInputs(extraction.values),
        examples,
        config,
        heads=find_heads(model),
        optimizer=keras.optimizers.Adam(fit.learning_rate),
        phase=HEADS_PHASE,
        state=state,
        progress=progress,
    )
    return _Heads(history=history, exact=None, extraction=extraction)


def _is_exact(config: Config) -> bool:
    """Whether linear heads are solved: where asked for, and always before fine-tuning."""
    return isinstance(config.fit, ExactFit) or config.trainable is not False


def _fit_through(
    model: keras.Model,
    examples: Examples,
    inputs: Inputs,
    config: Config,
    source: FeatureSource,
    *,
    heads: _Heads | None,
    state: Path,
    progress: Progress,
) -> list[dict[str, Any]]:
    """Fits with the backbone in every step, or with those of its stages that learn.

    Heads that were fitted before go on with small rates and the L2 of their solution, and count as
    the first epoch.
    """
    fit = config.fit
    assert isinstance(fit, KerasFit)
    frozen = config.trainable is False
    trained, inputs = _what_learns(model, examples, inputs, config, source, progress)
    features = np.empty(0) if heads is None else heads.extraction.values
    exact = None if heads is None else heads.exact
    with keeping_regularization(model, exact, features, examples):
        return fit_phase(
            trained,
            inputs,
            examples,
            config,
            heads=find_heads(model),
            optimizer=scheduled_optimizer(model, config, num_examples=len(examples.rows("train"))),
            phase=HEADS_PHASE if frozen else FINE_TUNING_PHASE,
            state=state,
            progress=progress,
            augment=make_augmentation(config.augment, inputs, seed=fit.seed),
            keep_start=heads is not None,
        )


def _what_learns(
    model: keras.Model,
    examples: Examples,
    inputs: Inputs,
    config: Config,
    source: FeatureSource,
    progress: Progress,
) -> tuple[keras.Model, Inputs]:
    """Returns the model to fit, and its inputs: from the last frozen stage on where that is one."""
    cut = find_cut(find_layer(model))
    if cut is not None and not _is_augmented(config) and config.data.window != "pool":
        rows = np.concatenate([examples.rows("train"), examples.rows("validation")])
        try:
            behind = run_prefix(cut, inputs, rows, source=source, progress=progress)
            return suffix_model(model, cut), behind
        except OSError as error:
            progress.note(
                f"The frozen stages run in every epoch: no room for their output ({error})."
            )
    elif cut is not None:
        reason = "augment changes" if _is_augmented(config) else "data.window: pool draws from"
        progress.note(
            f"The frozen stages run in every epoch: {reason} the {_examples_word(config)}."
        )
    _decode(inputs, progress)
    return logits_model(model), augmented_inputs(inputs, config.augment)


def _extract(
    model: keras.Model,
    examples: Examples,
    inputs: Inputs,
    source: FeatureSource,
    progress: Progress,
) -> Extraction:
    return source.extract(
        find_layer(model).model, inputs, is_scored=examples.is_held_out, progress=progress
    )


def _decode(inputs: Inputs, progress: Progress) -> None:
    if isinstance(inputs, FileInputs):
        inputs.decode_all(progress=progress)


def _is_augmented(config: Config) -> bool:
    return config.augment is not None and bool(config.augment.active)


def _examples_word(config: Config) -> str:
    return "pictures" if config.data.modality == "image" else "sounds"


def _differences_text(differences: dict[str, float]) -> str:
    found = ", ".join(f"{value:.2g} with {label}" for label, value in differences.items())
    return f"Largest difference of a probability from Keras's: {found}."
