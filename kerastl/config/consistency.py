"""What several sections of a config must agree on.

Convention: each check returns the problems it finds, with paths below the checked field, and
ignores what is missing because it is invalid itself.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from kerastl.config.augment_section import AugmentConfig
from kerastl.config.data_sections import DataConfig, unknown_tasks
from kerastl.config.evaluation_section import EvaluationConfig
from kerastl.config.policies import TrainablePolicy
from kerastl.config.training_sections import LossConfig
from kerastl.errors import suggestion
from kerastl.settings import Problems

SOLVERS = ("exact", "keras")
_EXACT_KEYS = ("regularization", "folds")


def heads(value: Any, data: DataConfig | None) -> Problems:
    """Checks that every task has exactly one head and that heads have names of outputs."""
    if data is None:
        return []
    if isinstance(value, str):
        return _output_names(data.tasks) if value == "multi" else []
    problems = _output_names(value)
    owners: dict[str, str] = {}
    for name, head in value.items():
        for index, task in enumerate(head.tasks):
            path = (name, "tasks", index)
            problems.extend((path, text) for _, text in unknown_tasks([task], data.tasks))
            if task in owners:
                problems.append((path, f"the head '{owners[task]}' answers '{task}' already."))
            owners.setdefault(task, name)
    missing = [task for task in data.tasks if task not in owners]
    if missing:
        quoted = _listed([f"'{task}'" for task in missing])
        problems.append(((), f"no head answers {quoted}. Add each task to one head."))
    return problems


def positive_weights(loss: LossConfig, data: DataConfig | None) -> Problems:
    """Checks that weights by task are of tasks."""
    return _by_task("positive_weight", loss.positive_weight, data)


def thresholds(evaluation: EvaluationConfig, data: DataConfig | None) -> Problems:
    """Checks that thresholds by task are of tasks."""
    return _by_task("threshold", evaluation.threshold, data)


def listening(evaluation: EvaluationConfig, data: DataConfig | None) -> Problems:
    """Checks that only models that slide over recordings have settings for them."""
    if data is None or data.media.has_recordings:
        return []
    fields = type(evaluation).model_fields
    return [
        ((key,), f"has no effect on {data.media.collective}. Remove it.")
        for key in ("recordings", "listening")
        if getattr(evaluation, key) != fields[key].default
    ]


def augmentation(augment: AugmentConfig | None, data: DataConfig | None) -> Problems:
    """Checks that the augmentations exist for the examples."""
    if augment is None or data is None:
        return []
    return [
        ((key,), f"has no effect on {data.media.collective}. Remove it.")
        for key in augment.active
        if key not in data.media.augment_settings.model_fields
    ]


def solver_name(solver: Any) -> Problems:
    """Checks that the solver exists."""
    if solver in SOLVERS:
        return []
    received = f"'{solver}'" if isinstance(solver, str) else str(solver)
    nearest = suggestion(solver, SOLVERS) if isinstance(solver, str) else None
    text = f"expected one of {', '.join(SOLVERS)}, received {received}"
    return [(("solver",), f"{text}. {nearest}" if nearest else text)]


def default_solver(fit: Mapping[str, Any], earlier: Mapping[str, Any]) -> str:
    """Returns the solver of a `fit` that names none.

    If the settings that decide are invalid themselves, the keys of `fit` show which one is meant.

    Args:
        fit: The keys of `fit`.
        earlier: Valid `heads`, `trainable` and `augment`.
    """
    if not all(key in earlier for key in ("heads", "trainable", "augment")):
        return "exact" if any(key in fit for key in _EXACT_KEYS) else "keras"
    return "keras" if obstacles(earlier) else "exact"


def exact_is_possible(earlier: Mapping[str, Any]) -> Problems:
    """Checks that no setting rules out the exact solver."""
    found = [f"{key}: {setting}" if setting else key for key, setting in obstacles(earlier)]
    if not found:
        return []
    return [
        (
            ("solver",),
            f"exact cannot be used with {_listed(found)}: it solves linear heads on frozen "
            "features without augmentation. Set fit.solver: keras, or remove these settings.",
        )
    ]


def obstacles(settings: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Returns the settings that rule out the exact solver: key path and value.

    Args:
        settings: Valid `heads`, `trainable` and `augment`; a missing one rules out nothing.
    """
    found: list[tuple[str, str]] = []
    trainable = TrainablePolicy.parse(settings.get("trainable", False))
    if not trainable.is_frozen:
        found.append(("trainable", {"all": "true", "auto": "auto"}.get(trainable.backbone, "")))
    named = settings.get("heads")
    for name, head in named.items() if isinstance(named, dict) else ():
        found.extend(
            (f"heads.{name}.{key}", "") for key in ("hidden", "dropout") if getattr(head, key)
        )
    augment = settings.get("augment")
    if augment is not None and augment.active:
        found.append(("augment", ""))
    return found


def _by_task(key: str, values: Any, data: DataConfig | None) -> Problems:
    if data is None or not isinstance(values, dict):
        return []
    return [((key, *path), text) for path, text in unknown_tasks(values, data.tasks)]


def _output_names(names: Iterable[str]) -> Problems:
    return [
        ((name,), "the name of a head is the name of an output and has no slash. Rename it.")
        for name in names
        if "/" in name
    ]


def _listed(names: list[str]) -> str:
    return " and ".join(filter(None, [", ".join(names[:-1]), names[-1]]))
