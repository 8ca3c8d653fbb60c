"""What several sections of a config must agree on.

Convention: each check returns the problems it finds, with paths below the checked field, and
ignores what is missing because it is invalid itself.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import chain
from typing import Any

from kerastl.config.augment_section import AugmentConfig
from kerastl.config.data_sections import DataConfig, unknown_tasks
from kerastl.config.evaluation_section import EvaluationConfig
from kerastl.config.features_section import AutoFeatures, FeaturesConfig
from kerastl.config.policies import TrainablePolicy
from kerastl.config.training_sections import ExactFit, KerasFit
from kerastl.errors import suggestion
from kerastl.media.media_types import MEDIA_TYPES, merged_fields
from kerastl.settings import KeyPath, Problems
from kerastl.settings.explain import received

SOLVERS = ("exact", "keras")
_EXACT_KEYS = set(ExactFit.model_fields) - set(KerasFit.model_fields)


def _heads(heads: Any, data: DataConfig) -> Iterator[tuple[KeyPath, str]]:
    """Checks that every task has exactly one head and that heads have names of outputs."""
    if isinstance(heads, str):
        yield from _output_names(data.tasks) if heads == "multi" else ()
        return
    yield from _output_names(heads)
    owners: dict[str, str] = {}
    known = set(data.tasks)
    for name, head in heads.items():
        for index, task in enumerate(head.tasks):
            path = (name, "tasks", index)
            if task not in known:
                yield from ((path, text) for _, text in unknown_tasks([task], data.tasks))
            if task in owners:
                yield path, f"the head '{owners[task]}' answers '{task}' already."
            owners.setdefault(task, name)
    if missing := [f"'{task}'" for task in data.tasks if task not in owners]:
        yield (), f"no head answers {_listed(missing)}. Add each task to one head."


def _augment(augment: AugmentConfig | None, data: DataConfig) -> Problems:
    known = data.media.augment_settings.model_fields
    active = augment.active if augment is not None else ()
    return _without_effect([key for key in active if key not in known], data)


def _features(features: Any, data: DataConfig) -> Problems:
    """Checks that images have no settings for audio and vice versa."""
    if not isinstance(features, FeaturesConfig):
        return []
    fields, known = type(features).model_fields, data.media.view_settings.model_fields
    others = set(merged_fields(media.view_settings for media in MEDIA_TYPES.values())) - set(known)
    return _without_effect(
        [key for key in sorted(others) if getattr(features, key) != fields[key].default], data
    )


def _evaluation(evaluation: EvaluationConfig, data: DataConfig) -> Iterator[tuple[KeyPath, str]]:
    """Checks that thresholds are of tasks, and that images have no settings for recordings."""
    fields = type(evaluation).model_fields
    of_recordings = () if data.media.has_recordings else ("recordings", "negatives", "listening")
    given = [key for key in of_recordings if getattr(evaluation, key) != fields[key].default]
    return chain(_by_task("threshold", evaluation.threshold, data), _without_effect(given, data))


CHECKS: dict[str, Callable[[Any, DataConfig], Iterable[tuple[KeyPath, str]]]] = {
    "heads": _heads,
    "features": _features,
    "loss": lambda loss, data: chain(
        *(_by_task(key, getattr(loss, key), data) for key in ("positive_weight", "task_weight"))
    ),
    "augment": _augment,
    "evaluation": _evaluation,
}  # what each section must agree on with `data`


def chosen_features(features: Any, earlier: Mapping[str, Any]) -> Any:
    """Returns the given features, or the default: None if the backbone is trained in any case.

    The defaults spelled out, as in the config of a run, are not an error if it is trained.
    """
    trainable = TrainablePolicy.parse(earlier.get("trainable", False))
    default = FeaturesConfig()
    is_default = features in ({}, default, default.model_dump(), default.model_dump(mode="json"))
    return None if is_default and not trainable.may_stay_frozen else features


def default_augment(earlier: Mapping[str, Any]) -> Mapping[str, Any]:
    """Returns the values of keys below `augment` that a config does not give."""
    trainable = TrainablePolicy.parse(earlier.get("trainable", False))
    if trainable.is_frozen or "data" not in earlier:
        return {}
    return dict(earlier["data"].media.usual_augment)


def features_are_possible(
    features: Any, earlier: Mapping[str, Any]
) -> Iterator[tuple[KeyPath, str]]:
    """Checks that the backbone may stay frozen and that its input is one of the sizes."""
    if features is None:
        return
    trainable = TrainablePolicy.parse(earlier.get("trainable", False))
    fix = "Remove it, or set trainable: false."
    if not trainable.may_stay_frozen:
        yield (), f"has an effect only if trainable is false or auto. {fix}"
    elif not trainable.is_frozen and isinstance(features, AutoFeatures):
        yield (), f"cannot be auto if trainable is auto. {fix}"
    elif not trainable.is_frozen and (
        "data" in earlier and earlier["data"].media.largest_size(features) is not None
    ):
        yield (), f"asks for input sizes, which needs trainable: false. {fix}"
    if not {"data", "backbone"} <= set(earlier):
        return
    if isinstance(earlier["backbone"].name, tuple):
        if isinstance(features, AutoFeatures):
            yield (), "cannot be auto with several backbones. Remove it, or name one backbone."
        elif earlier["data"].media.largest_size(features) is not None:
            yield (), "asks for input sizes, but each of several backbones has its own. Remove it."
    elif isinstance(features, FeaturesConfig):
        own = earlier["backbone"].input_size
        yield from earlier["data"].media.view_problems(features, own)


def solver_name(solver: Any) -> Problems:
    """Checks that the solver exists."""
    if solver in SOLVERS:
        return []
    nearest = suggestion(solver, SOLVERS) if isinstance(solver, str) else None
    text = f"expected one of {', '.join(SOLVERS)}, received {received(solver)}"
    return [(("solver",), f"{text}. {nearest}" if nearest else text)]


def default_solver(fit: Mapping[str, Any], earlier: Mapping[str, Any]) -> str:
    """Returns the solver of a `fit` that names none, by the valid ones of the earlier settings.

    If settings that decide are invalid themselves, the keys of `fit` show which one is meant.
    """
    if not all(key in earlier for key in ("heads", "trainable", "augment")):
        return "exact" if _EXACT_KEYS & set(fit) else "keras"
    return "keras" if _obstacles(earlier) else "exact"


def exact_is_possible(earlier: Mapping[str, Any]) -> Problems:
    """Checks that no setting rules out the exact solver."""
    text = (
        f"exact cannot be used with {_listed(_obstacles(earlier))}: it solves linear heads on "
        "frozen features without augmentation. Set fit.solver: keras, or remove these settings."
    )
    return [(("solver",), text)] if _obstacles(earlier) else []


def distribute_has_effect(fit: ExactFit | KerasFit) -> Problems:
    """Checks that Keras trains something."""
    text = (
        "has no effect with solver: exact, which solves heads on one processor in seconds. Remove "
        "it; `kerastl extract --shard` computes features on several machines."
    )
    return [((), text)] if fit.solver == "exact" else []


def _obstacles(settings: Mapping[str, Any]) -> list[str]:
    """Returns the settings that rule out the exact solver; a missing one rules out nothing."""
    found: list[str] = []
    trainable = TrainablePolicy.parse(settings.get("trainable", False))
    if not trainable.is_frozen:
        value = {"all": ": true", "auto": ": auto"}.get(trainable.backbone, "")
        found.append(f"trainable{value}")
    heads = settings.get("heads")
    for name, head in heads.items() if isinstance(heads, dict) else ():
        found.extend(f"heads.{name}.{key}" for key in ("hidden", "dropout") if getattr(head, key))
    augment = settings.get("augment")
    is_own = augment != AugmentConfig(**default_augment(settings))
    return [*found, "augment"] if augment is not None and augment.active and is_own else found


def _by_task(key: str, values: Any, data: DataConfig) -> Iterator[tuple[KeyPath, str]]:
    tasks = values if isinstance(values, dict) else ()
    return (((key, *path), text) for path, text in unknown_tasks(tasks, data.tasks))


def _without_effect(keys: Iterable[str], data: DataConfig) -> Problems:
    return [((key,), f"has no effect on {data.media.collective}. Remove it.") for key in keys]


def _output_names(names: Iterable[str]) -> Problems:
    return [
        ((name,), "the name of a head is the name of an output and has no slash. Rename it.")
        for name in names
        if "/" in name
    ]


def _listed(names: list[str]) -> str:
    return " and ".join(filter(None, [", ".join(names[:-1]), *names[-1:]]))
