"""The type of a head, and the parser of the heads of a model."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from kerastl.config.training_sections import HeadConfig
from kerastl.errors import ConfigError, ModelError
from kerastl.media.media_types import MEDIA_TYPES

SINGLE_HEAD = "tasks"
RESERVED = frozenset({"backbone", *MEDIA_TYPES})

HeadsSpec = str | Mapping[str, HeadConfig | Mapping[str, Any] | Sequence[str]]


@dataclass(frozen=True, kw_only=True)
class Head:
    """A named output that answers one or more tasks, as `HeadConfig` describes it."""

    name: str
    tasks: tuple[str, ...]  # in the order of the output's columns
    hidden: tuple[int, ...] = ()
    dropout: float = 0.0  # after each hidden layer, or of the features if there is none, in [0, 1)
    weight: float = 1.0

    @property
    def is_linear(self) -> bool:
        """Whether the logits are a linear function of the features, without dropout."""
        return not self.hidden and not self.dropout

    @property
    def logits_name(self) -> str:
        """Name of the layer that computes the logits."""
        return f"{self.name}_logits"


def task_names(tasks: Sequence[str]) -> tuple[str, ...]:
    """Returns the names of the tasks that a caller lists; a text would be a task per letter."""
    names = (tasks,) if isinstance(tasks, str) or not isinstance(tasks, Iterable) else tuple(tasks)
    if not names or names == (tasks,) or not all(isinstance(name, str) and name for name in names):
        raise ModelError(
            "The tasks are not a list of names.",
            expected="at least one name, such as ['car']",
            received=repr(tasks),
            fix=f"Write [{tasks!r}]." if tasks and isinstance(tasks, str) else None,
        )
    return names


def resolve_heads(heads: HeadsSpec, tasks: Sequence[str]) -> tuple[Head, ...]:
    """Returns the heads of a model; `build_model` documents how they are specified."""
    resolved: tuple[Head, ...]
    if heads == "single":
        resolved = (Head(name=SINGLE_HEAD, tasks=tuple(tasks)),)
    elif heads == "multi":
        resolved = tuple(Head(name=task, tasks=(task,)) for task in tasks)
    elif isinstance(heads, Mapping):
        resolved = tuple(_named(name, config) for name, config in heads.items())
    else:
        raise ModelError(
            "The heads are not valid.",
            expected="'single', 'multi' or a mapping from names to tasks",
            received=repr(heads),
        )
    for head in resolved:
        is_text = isinstance(head.name, str)
        if not is_text or not head.name or "/" in head.name or head.name in RESERVED:
            raise ModelError(
                f"A head cannot be named '{head.name}'.",
                expected=f"a name without '/', other than {', '.join(sorted(RESERVED))}",
                fix="Rename the task or head, or use heads: single.",
            )
    answered = [task for head in resolved for task in head.tasks]
    if sorted(answered) != sorted(tasks) or len(set(answered)) != len(answered):
        raise ModelError(
            "Every task must be answered by exactly one head.",
            expected=", ".join(tasks),
            received="; ".join(f"{head.name}: {', '.join(head.tasks)}" for head in resolved),
        )
    return resolved


def columns(head: Head, tasks: Sequence[str]) -> list[int]:
    """Returns the columns of the label matrix that belong to the head."""
    places = {task: place for place, task in enumerate(tasks)}
    return [places[task] for task in head.tasks]


def _named(name: str, head: HeadConfig | Mapping[str, Any] | Sequence[str]) -> Head:
    values = head if isinstance(head, HeadConfig | Mapping) else {"tasks": head}
    try:
        config = HeadConfig.parse(values)
    except ConfigError as error:
        raise ModelError(
            f"The head '{name}' is not valid.",
            problems=error.problems,
            expected="a list of tasks, or a mapping with tasks, hidden, dropout and weight",
            received=repr(head),
        ) from None
    return Head(name=name, **config.model_dump())
