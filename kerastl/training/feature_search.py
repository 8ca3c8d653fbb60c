"""The search for what a frozen backbone computes of each example: `features: auto`.

Convention: candidates are tried in the order of their cost, and one is kept only if it lowers the
out-of-fold loss on the training rows by more than the noise of that reduction.
"""

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from kerastl.backbones import BackboneSpec
from kerastl.config import BackboneConfig, DataConfig
from kerastl.config.features_section import FeaturesConfig
from kerastl.data.inputs.streams import FileInputs
from kerastl.data.tables.examples import Examples
from kerastl.errors import BackboneError
from kerastl.evaluation.gains import calibrated_loss, measure_gain
from kerastl.features.network import FrozenBackbone
from kerastl.features.source import FeatureSource
from kerastl.files import write_json
from kerastl.heads.backbone_settings import chosen_extractor
from kerastl.media.base import InputContract, MediaType
from kerastl.progress import SILENT, Progress
from kerastl.records import from_values, to_values
from kerastl.training.evidence import FeatureTrial
from kerastl.training.exact_head.solver import solve_head
from kerastl.training.solving import TrainingResult

if TYPE_CHECKING:
    from kerastl.backbones import Backbone

_FILE = "feature_trials.json"


def search_features(
    spec: BackboneSpec,
    backbone: BackboneConfig,
    data: DataConfig,
    examples: Examples,
    source: FeatureSource,
    *,
    budget: float,
    seed: int,
    progress: Progress,
) -> tuple[FeaturesConfig, tuple[FeatureTrial, ...]]:
    """Solves linear heads on the features of each candidate and chooses the best one.

    Only training rows are used. The budget is the largest cost of a prediction, in passes of one
    example; the seed is that of the folds and of the bootstrap. Returns the features that were
    chosen, and what was tried, in the order of cost.
    """
    rows = examples.rows("train")

    def found() -> Iterator[tuple[FeaturesConfig, float, np.ndarray]]:
        for settings, cost in candidates(data.media, _usual_shape(spec, backbone, data), budget):
            try:
                layer, contract = _build(spec, backbone, data, settings)
                inputs = FileInputs(
                    [examples.files[row] for row in rows],
                    contract,
                    cuts=None if examples.cuts is None else examples.cuts.take(rows),
                )
                unscored = np.zeros(len(rows), bool)
                features = source.features_of(layer, inputs, is_scored=unscored, progress=progress)
            except BackboneError as error:
                progress.note(f"features: {_summary(settings, data.media)}: {error.what}")
            else:
                yield settings, cost, features.values

    return choose_features(
        found(),
        examples.training_labels[rows],
        None if examples.groups is None else examples.groups[rows],
        data.media,
        seed=seed,
        progress=progress,
    )


def choose_features(
    found: Iterable[tuple[FeaturesConfig, float, np.ndarray]],
    labels: np.ndarray,
    groups: np.ndarray | None,
    media: MediaType,
    *,
    seed: int,
    progress: Progress = SILENT,
) -> tuple[FeaturesConfig, tuple[FeatureTrial, ...]]:
    """Returns the last candidate that was better than the best before it, and all trials.

    Candidates, at least one, are features, their cost, and their values for the training rows. The
    labels of these rows are `(rows, tasks)` in [0, 1], NaN where unknown; the seed is that of the
    folds and of the bootstrap.
    """
    hard = np.where(np.isnan(labels), np.nan, (labels >= 0.5).astype(float))
    trials: list[FeatureTrial] = []
    best = FeaturesConfig()
    best_logits: np.ndarray | None = None
    for settings, cost, features in found:
        logits = solve_head(features, labels, groups=groups, seed=seed).out_of_fold_logits
        gain = None
        if best_logits is not None:
            gain = measure_gain(best_logits, logits, hard, groups, seed=seed)
        is_kept = gain is None or gain.is_larger_than_noise
        if is_kept:
            best, best_logits = settings, logits
        trial = FeatureTrial(
            features=_summary(settings, media),
            cost=round(cost, 2),
            loss=calibrated_loss(logits, hard),
            gain=gain,
            kept=is_kept,
        )
        trials.append(trial)
        progress.note(_trial_text(trial))
    return best, tuple(trials)


def write_trials(state: Path, trials: Sequence[FeatureTrial]) -> None:
    """Writes what was tried to the state of a run, for a training that is resumed."""
    if trials:
        write_json(state / _FILE, to_values(trials))


def read_trials(state: Path) -> tuple[FeatureTrial, ...]:
    """Returns what was tried before the training was interrupted, or nothing."""
    path = state / _FILE
    if not path.exists():
        return ()
    return tuple(from_values(FeatureTrial, one) for one in json.loads(path.read_text()))


def with_trials(result: TrainingResult, trials: tuple[FeatureTrial, ...]) -> TrainingResult:
    """Returns the outcome of a training whose features were chosen by these trials."""
    return replace(result, evidence=replace(result.evidence, feature_trials=trials))


def candidates(
    media: MediaType, shape: tuple[int, ...], budget: float
) -> list[tuple[FeaturesConfig, float]]:
    """Returns the features worth trying with their costs, up to a cost, cheapest first."""
    wanted = [FeaturesConfig(), *map(FeaturesConfig.model_validate, media.candidate_views(shape))]
    costs = [media.view_cost(settings, shape) for settings in wanted]
    found = [pair for pair in zip(wanted, costs, strict=True) if pair[1] <= max(budget, 1.0)]
    return sorted(found, key=lambda pair: pair[1])


def _usual_shape(spec: BackboneSpec, backbone: BackboneConfig, data: DataConfig) -> tuple[int, ...]:
    size = backbone.input_size
    if spec.input is None:
        return data.media.default_input(size, data.media_settings).shape
    return (spec.input if size is None else spec.input.resized(size, backbone=spec.id)).shape


def _build(
    spec: BackboneSpec, backbone: BackboneConfig, data: DataConfig, settings: FeaturesConfig
) -> tuple["Backbone | FrozenBackbone", InputContract]:
    """Returns the backbone with these features, and what it takes."""
    if spec.is_extractor:
        extractor, views = chosen_extractor(spec, backbone, settings)
        shape, frozen = extractor.input_shape, FrozenBackbone.of_extractor(extractor, views)
        return frozen, data.media.contract(shape, data.media_settings, spec.input, backbone=spec.id)
    from kerastl.heads.builder import build_backbone

    layer, raw = build_backbone(
        spec,
        weights=backbone.weights,
        input_size=None if data.media.largest_size(settings) else backbone.input_size,
        options=backbone.options,
        features=settings,
    )
    shape = tuple(raw.shape[1:])
    return layer, data.media.contract(shape, data.media_settings, spec.input, backbone=spec.id)


def _summary(settings: FeaturesConfig, media: MediaType) -> str:
    """Returns what differs from the default, as a config writes it."""
    default = FeaturesConfig()
    keys = [
        key
        for key in media.view_settings.model_fields
        if getattr(settings, key) != getattr(default, key)
    ]
    return ", ".join(f"{key}: {_plain(getattr(settings, key))}" for key in keys) or "one view"


def _plain(value: object) -> str:
    if isinstance(value, Sequence) and not isinstance(value, str):
        return f"[{', '.join(map(_plain, value))}]"
    return str(value).lower() if isinstance(value, bool) else str(value)


def _trial_text(trial: FeatureTrial) -> str:
    text = f"features: {trial.features}: cost {trial.cost:g}, out-of-fold loss {trial.loss:.4f}"
    if trial.gain is None:
        return f"{text}."
    gain = trial.gain
    return (
        f"{text}, {-gain.loss:+.4f} ({-gain.high:+.4f} to {-gain.low:+.4f}) from the best so far: "
        f"{'kept' if trial.kept else 'not kept'}."
    )
