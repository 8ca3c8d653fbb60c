"""What concerns several keys at once: each check returns the problems it finds.

Convention: a check gets what is valid so far and is silent about what isn't there; each problem
is a path below the checked field and a text.
"""

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from kerastl.errors import did_you_mean, suggestion

if TYPE_CHECKING:
    from kerastl.config.augment_section import AugmentConfig
    from kerastl.config.data_sections import DataConfig
    from kerastl.config.evaluation_section import EvaluationConfig
    from kerastl.config.training_sections import LossConfig

Problems = list[tuple[tuple[str | int, ...], str]]

SOLVERS = ("exact", "keras")
AUGMENTATIONS = {
    "image": ("flip", "rotate", "zoom", "shift", "brightness", "contrast"),
    "audio": ("shift", "gain", "noise", "reverberation", "spec_augment"),
}
THRESHOLD_POLICIES = ("youden", "f1")
THRESHOLD_GOALS = ("sensitivity", "specificity", "precision")
THRESHOLD_RATE = "false_accepts_per_hour"
_EXACT_KEYS = ("regularization", "folds")


def fractions(test: float, validation: float) -> Problems:
    """Validation and test leave rows for training."""
    if validation + test < 1:
        return []
    return [((), "validation and test together leave no rows for training")]


def ordered_range(bounds: tuple[float, float]) -> Problems:
    """The smaller bound comes first."""
    if bounds[0] <= bounds[1]:
        return []
    return [((), "expected two numbers, the smaller one first")]


def disjoint_cells(cells: tuple[str, ...], earlier: Mapping[str, Any]) -> Problems:
    """No cell means two things; numbers are compared as numbers."""
    return [
        ((place,), f"the cell '{cell}' is listed under {meaning} too.")
        for place, cell in enumerate(cells)
        for meaning in ("positive", "negative")
        if _cell_value(cell) in {_cell_value(other) for other in earlier.get(meaning, ())}
    ]


def one_file_column(audio: str | None, earlier: Mapping[str, Any]) -> Problems:
    """Either pictures or sounds."""
    if "image" not in earlier:
        return []
    image = earlier["image"]
    if image is None and audio is None:
        return [(("..", "image"), "missing. Name the column with the files: image or audio.")]
    if image is not None and audio is not None:
        return [((), "given beside image. An example is a picture or a sound: keep one of them.")]
    return []


def one_use_per_column(name: str, value: Any, earlier: Mapping[str, Any]) -> Problems:
    """A column isn't two things; a task's column above all."""
    used = {earlier[key]: key for key in ("image", "audio") if earlier.get(key) is not None}
    if name == "tasks":
        return [
            ((place,), f"the column '{task}' is data.{used[task]} already.")
            for place, task in enumerate(value)
            if task in used
        ]
    used |= dict.fromkeys(earlier.get("tasks", ()), "tasks")
    column = getattr(value, "column", None) if name == "split" else value
    if column not in used:
        return []
    path = ("column",) if name == "split" else ()
    return [(path, f"the column '{column}' is data.{used[column]} already.")]


def known_tasks(names: Iterable[str], tasks: tuple[str, ...] | None) -> Problems:
    """Every name is a task."""
    if tasks is None:
        return []
    return [((name,), _no_task(name, tasks)) for name in names if name not in tasks]


def heads(value: Any, data: "DataConfig | None") -> Problems:
    """Every task has exactly one head, and names are fit for outputs."""
    if data is None:
        return []
    if isinstance(value, str):
        return _output_names(data.tasks) if value == "multi" else []
    problems: Problems = [((name,), text) for (name,), text in _output_names(value)]
    owners: dict[str, str] = {}
    for name, head in value.items():
        for place, task in enumerate(head.tasks):
            path = (name, "tasks", place)
            if task not in data.tasks:
                problems.append((path, _no_task(task, data.tasks)))
            elif task in owners:
                problems.append((path, f"the head '{owners[task]}' answers '{task}' already."))
            owners.setdefault(task, name)
    missing = [task for task in data.tasks if task not in owners]
    if missing:
        problems.append(((), f"no head answers {_listed(missing)}. Add each task to one head."))
    return problems


def positive_weights(loss: "LossConfig", data: "DataConfig | None") -> Problems:
    """Weights per task are of tasks."""
    weights = loss.positive_weight
    if data is None or not isinstance(weights, dict):
        return []
    return [(("positive_weight", *path), text) for path, text in known_tasks(weights, data.tasks)]


def threshold_policy(policy: str, *, written: str) -> Problems:
    """A policy is a name, a goal with a share above 0 and at most 1, or a rate with a limit."""
    goal, sign, limit = policy.partition("<=")
    if goal == THRESHOLD_RATE and sign and _is_positive(limit):
        return []
    if policy.startswith(THRESHOLD_RATE):
        return [((), f"expected {THRESHOLD_RATE}<=1 or another number, received '{written}'.")]
    goal, sign, share = policy.partition(">=")
    if (not sign and goal in THRESHOLD_POLICIES) or (goal in THRESHOLD_GOALS and _is_share(share)):
        return []
    names = [*THRESHOLD_POLICIES, *(f"{goal}>=0.9" for goal in THRESHOLD_GOALS)]
    text = f"expected {', '.join(names)} or a number, received '{written}'"
    if goal in THRESHOLD_GOALS:
        return [((), f"{text}. Write {goal}>= and a share above 0, at most 1.")]
    word = policy.rstrip("<>=.0123456789")
    nearest = did_you_mean(word, [*THRESHOLD_POLICIES, *THRESHOLD_GOALS, THRESHOLD_RATE])
    meant = {goal: f"{goal}>=0.9" for goal in THRESHOLD_GOALS} | {
        THRESHOLD_RATE: f"{THRESHOLD_RATE}<=1"
    }
    return [((), f"{text}. Did you mean '{meant.get(nearest, nearest)}'?" if nearest else text)]


def thresholds(evaluation: "EvaluationConfig", data: "DataConfig | None") -> Problems:
    """Thresholds per task are of tasks."""
    if data is None or not isinstance(evaluation.threshold, dict):
        return []
    found = known_tasks(evaluation.threshold, data.tasks)
    return [(("threshold", *path), text) for path, text in found]


def recordings_serve(recordings: Any, threshold: Any) -> Problems:
    """Recordings are there for the one policy that needs them, and only for that."""
    policies = threshold.values() if isinstance(threshold, dict) else [threshold]
    rates = [one for one in policies if isinstance(one, str) and one.startswith(THRESHOLD_RATE)]
    if rates and recordings is None:
        return [((), f"missing. {rates[0]} is chosen on long recordings: name their table.")]
    if recordings is not None and threshold is not None and not rates:
        return [((), f"has no effect without threshold: {THRESHOLD_RATE}<=x.")]
    return []


def listening(evaluation: "EvaluationConfig", data: "DataConfig | None") -> Problems:
    """Only a model of sounds listens."""
    if data is None or data.modality == "audio":
        return []
    fields = type(evaluation).model_fields
    return [
        ((key,), "has no effect on images. Remove it.")
        for key in ("recordings", "listening")
        if getattr(evaluation, key) != fields[key].default
    ]


def augmentation(augment: "AugmentConfig | None", data: "DataConfig | None") -> Problems:
    """What varies the examples exists for their modality."""
    if augment is None or data is None:
        return []
    kind = {"image": "images", "audio": "audio"}[data.modality]
    return [
        ((key,), f"has no effect on {kind}. Remove it.")
        for key in augment.active
        if key not in AUGMENTATIONS[data.modality]
    ]


def solver_name(solver: Any) -> Problems:
    """The solver is one of those that exist."""
    if solver in SOLVERS:
        return []
    received = f"'{solver}'" if isinstance(solver, str) else str(solver)
    nearest = suggestion(solver, SOLVERS) if isinstance(solver, str) else None
    text = f"expected one of {', '.join(SOLVERS)}, received {received}"
    return [(("solver",), f"{text}. {nearest}" if nearest else text)]


def default_solver(fit: Mapping[str, Any], earlier: Mapping[str, Any]) -> str:
    """Returns the solver for a `fit` that names none.

    Where what decides is itself wrong, the keys of `fit` show which one is meant.
    """
    if not all(key in earlier for key in ("heads", "trainable", "augment")):
        return "exact" if any(key in fit for key in _EXACT_KEYS) else "keras"
    return "keras" if obstacles(earlier) else "exact"


def exact_is_possible(earlier: Mapping[str, Any]) -> Problems:
    """Nothing stands in the way of the exact solver."""
    found = [f"{key}: {setting}" if setting else key for key, setting in obstacles(earlier)]
    if not found:
        return []
    return [
        (
            ("solver",),
            f"exact can't be used with {_listed(found, quote=False)}: it solves linear heads on "
            "frozen features without augmentation. Set fit.solver: keras, or remove what is in "
            "the way.",
        )
    ]


def obstacles(settings: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Returns the settings that the exact solver can't honor, key path and value.

    Args:
        settings: Valid `heads`, `trainable` and `augment`; what is absent is no obstacle.
    """
    found: list[tuple[str, str]] = []
    trainable = settings.get("trainable", False)
    if trainable is not False:
        word = trainable if isinstance(trainable, str) else "true" if trainable is True else ""
        found.append(("trainable", word))
    named = settings.get("heads")
    for name, head in named.items() if isinstance(named, dict) else ():
        if head.hidden:
            found.append((f"heads.{name}.hidden", ""))
        if head.dropout:
            found.append((f"heads.{name}.dropout", ""))
    augment = settings.get("augment")
    if augment is not None and augment.active:
        found.append(("augment", ""))
    return found


def _is_share(text: str) -> bool:
    try:
        return 0 < float(text) <= 1
    except ValueError:
        return False


def _is_positive(text: str) -> bool:
    try:
        return 0 < float(text) < float("inf")
    except ValueError:
        return False


def _cell_value(cell: str) -> float | str:
    try:
        return float(cell)
    except ValueError:
        return cell.strip()


def _output_names(names: Iterable[str]) -> Problems:
    return [
        ((name,), "a head's name is the name of an output and has no slash. Rename it.")
        for name in names
        if "/" in name
    ]


def _no_task(name: str, tasks: tuple[str, ...]) -> str:
    text = f"'{name}' is not in data.tasks."
    nearest = suggestion(name, tasks)
    return f"{text} {nearest}" if nearest else text


def _listed(names: list[str], *, quote: bool = True) -> str:
    quoted = [f"'{name}'" if quote else name for name in names]
    return quoted[0] if len(quoted) == 1 else f"{', '.join(quoted[:-1])} and {quoted[-1]}"
