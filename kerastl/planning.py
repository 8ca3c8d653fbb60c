"""From a config to the plan of a run: backbone, examples, splits, phases, warnings, models."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

from kerastl.backbones import BackboneSpec, list_backbones
from kerastl.config import Config
from kerastl.config.augment_section import usual_augment, usual_augment_text
from kerastl.config.features_section import AutoFeatures, FeaturesConfig
from kerastl.config.head import resolve_heads
from kerastl.config.policies import TrainablePolicy
from kerastl.data.tables.examples import Examples, refuse_missing_files
from kerastl.data.tables.loading import load_table
from kerastl.data.tables.recordings import about_training, load_recordings
from kerastl.data.tables.splits import assign_splits, split_warnings
from kerastl.errors import BackboneError, ConfigError
from kerastl.features.cache.location import cache_folder
from kerastl.features.source import FeatureSource
from kerastl.heads.backbone_settings import spec_of
from kerastl.media.base import MediaType
from kerastl.media.media_types import media_type
from kerastl.progress import SILENT, Progress
from kerastl.run.extractor_model import make_run_model
from kerastl.run.model_cache import ModelParts
from kerastl.run.results import RunPlan
from kerastl.run.run_model import RunModel
from kerastl.training.evidence import FeatureTrial
from kerastl.training.feature_search import search_features
from kerastl.training.plan import SearchPlan, plan_training
from kerastl.training.task_weights import rare_task_warnings


def make_plan(config: Config, *, progress: Progress = SILENT) -> RunPlan:
    """Finds the backbone, reads the table and draws the splits; loads no framework."""
    spec = spec_of(config.backbone)
    for sentence in filter(None, (spec.warning, _warning_of_random_weights(spec, config))):
        progress.warn(sentence)
    refuse_other_modality(spec, config)
    refuse_impossible_training(spec, config)
    if config.augment is not None and config.augment == usual_augment(config.data.media):
        progress.note(_augment_text(config.data.media))
    examples = load_table(config.data)
    refuse_missing_files(examples)
    decided = config.data.media.decided_settings(config.data.media_settings, examples.files)
    if decided:
        for key, value in decided.items():
            progress.note(f"data.{key}: {value}, by the files of the table.")
        config = config.changed(data=config.data.changed(**decided))
    examples = assign_splits(examples, config.data.split)
    plan = plan_with_warnings(config, spec, examples, split_warnings(examples))
    for warning in plan.warnings:
        if warning != spec.warning:
            progress.warn(warning)
    return plan


def plan_with_warnings(
    config: Config, spec: BackboneSpec, examples: Examples, about_splits: Iterable[str]
) -> RunPlan:
    """Returns the plan with what the user should know about backbone, splits and labels."""
    heads = resolve_heads(config.heads, examples.tasks)
    training = plan_training(config, heads)
    recordings = config.evaluation.recordings
    overlap = _overlap_warning(recordings, examples, training.fitted_on)
    rare = rare_task_warnings(training.phases, heads, examples.num_known())
    found = (spec.warning, *about_splits, *rare, overlap)
    return RunPlan(
        config=config,
        spec=spec,
        examples=examples,
        training=training,
        warnings=tuple(filter(None, found)),
    )


def make_models(
    plan: RunPlan, cache: Path | None, *, progress: Progress
) -> tuple[RunModel, RunModel | None]:
    """Returns the model and, if its backbone may stay frozen with other features, that model."""
    config, training = plan.config, plan.training
    assert not isinstance(config.features, AutoFeatures)  # the search has replaced them

    def model(features: FeaturesConfig | None) -> RunModel:
        parts = ModelParts(
            spec=plan.spec,
            backbone=config.backbone,
            features=features,
            heads=config.heads,
            tasks=plan.examples.tasks,
            seed=config.fit.seed,
        )
        return make_run_model(parts, cache=cache, progress=progress)

    if isinstance(training, SearchPlan) and training.frozen is not None:
        return model(None), model(config.features)
    return model(config.features), None


def with_chosen_features(
    plan: RunPlan, *, cache: bool, progress: Progress
) -> tuple[RunPlan, tuple[FeatureTrial, ...]]:
    """Returns the plan with the features that `features: auto` chooses, and what it tried."""
    config = plan.config
    if not isinstance(config.features, AutoFeatures):
        return plan, ()
    chosen, trials = search_features(
        plan.spec,
        config.backbone,
        config.data,
        plan.examples,
        FeatureSource(cache=cache_folder() if cache else None, engine=plan.training.engine),
        budget=config.features.cost,
        seed=config.fit.seed,
        progress=progress,
    )
    backbone = config.backbone
    if config.data.media.largest_size(chosen) is not None:
        backbone = backbone.changed(input_size=None)  # the largest of the chosen sizes
    return replace(plan, config=config.changed(features=chosen, backbone=backbone)), trials


def refuse_undecided_features(config: Config) -> None:
    """Raises a `ConfigError` if the training itself chooses its features."""
    if isinstance(config.features, AutoFeatures):
        raise ConfigError(
            "`features: auto` finds out while it trains which features there are.",
            where="features",
            fix="Set them, as the config.yaml of a run that chose them states them.",
        )


def refuse_unsolved_heads(config: Config) -> None:
    """Raises a `ConfigError` if heads are not solved, so that nothing else can solve them."""
    if config.fit.solver != "exact":
        raise ConfigError(
            "The heads of this training are not solved, so neither shards nor workers can solve "
            "them.",
            where="fit.solver",
            expected="exact, which takes linear heads, a frozen backbone and no augmentation",
            received=config.fit.solver,
            fix="Leave out --shard and --on. `distribute` divides what Keras trains.",
        )


def _overlap_warning(table: Path | None, examples: Examples, parts: Sequence[str]) -> str | None:
    """Returns a sentence about recordings that thresholds are chosen on and that are trained on."""
    if table is None:
        return None
    recordings = load_recordings(table, examples.tasks)
    fitted = examples.rows(*parts)
    return about_training(recordings, {str(examples.files[row]) for row in fitted})


def _augment_text(media: MediaType) -> str:
    sentences = (
        f"Training {media.nouns} are changed at random: augment: {usual_augment_text(media)}.",
        media.augment_caution,
        "With augment: null they are not changed.",
    )
    return " ".join(filter(None, sentences))


def _warning_of_random_weights(spec: BackboneSpec, config: Config) -> str | None:
    is_random = spec.chosen_weights(config.backbone.weights) is None
    if not (is_random and TrainablePolicy.parse(config.trainable).is_frozen):
        return None
    published = f" ({', '.join(spec.weights[:3])})" if spec.weights else ""
    return (
        f"The backbone '{spec.id}' has random weights and is frozen, so its features are random. "
        f"Set backbone.weights to pretrained ones{published}, or trainable to true."
    )


def refuse_impossible_training(spec: BackboneSpec, config: Config) -> None:
    """Checks that a backbone that can only be frozen is, and that Keras runs only Keras models.

    Raises:
        ConfigError: It would be trained, or be run by Keras and is no Keras model.
    """
    if spec.trainable:
        return
    problems = []
    if not TrainablePolicy.parse(config.trainable).is_frozen:
        problems.append(
            f"trainable: '{spec.id}' cannot be trained, because {spec.frozen_reason}. Set "
            "trainable: false."
        )
    elif spec.is_extractor and config.augment is not None and config.augment.active:
        problems.append(
            f"augment: Keras would have to run '{spec.id}' in every epoch, and it is no Keras "
            "model. Set augment: null; features.flips looks at mirror images."
        )
    if spec.is_extractor and config.fit.engine == "keras":
        problems.append("fit.engine: Keras cannot run the backbone. Set fit.engine: auto.")
    if problems:
        raise ConfigError("The backbone can only be frozen.", problems=problems)


def refuse_other_modality(spec: BackboneSpec, config: Config) -> None:
    """Checks that the backbone takes the kind of input that the table contains."""
    media = config.data.media
    if spec.modality in (None, media.name):
        return
    fitting = [name for name in list_backbones(modality=media.name) if name != spec.id]
    raise BackboneError(
        f"The backbone '{spec.id}' takes {media_type(str(spec.modality)).collective}, but the "
        f"table's column '{config.data.file_column}' contains {media.collective}.",
        where="backbone.name",
        fix=f"Choose a backbone for {media.collective}: {', '.join(fitting[:3])}"
        if fitting
        else f"Install a plugin with backbones for {media.collective}.",
    )
