"""What a comparison compares: sides, each an ordinary config with a few keys changed.

Convention: all sides of a study share rows, splits and seeds; what differs between two of them is
what their changes say and nothing else.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from kerastl.config import Config, ExactFit, KerasFit, config_values, parse_config
from kerastl.config.agreement import default_solver
from kerastl.config.overrides import split_key

SPLIT_COLUMN = "kerastl_split"
UNCERTAIN = "uncertain"

Treatment = Literal["as they are", "drop rows", "blanks as no"]


@dataclass(frozen=True, kw_only=True)
class Training:
    """Which training rows a side learns from, and what it takes blanks for.

    Args:
        treatment: What happens to the labels that nobody knows.
        examples: Number of training rows that are kept, whole groups; None keeps all.
    """

    treatment: Treatment = "as they are"
    examples: int | None = None

    def table_name(self, seed: int) -> str:
        """Returns the name of the table's file; a subsample is drawn anew for each seed."""
        if self.examples is not None:
            return f"examples-{self.examples}-seed-{seed}.csv"
        return f"{self.treatment.replace(' ', '-')}.csv"


@dataclass(frozen=True, kw_only=True)
class Side:
    """One way of doing it, trained once for each seed.

    Args:
        name: What it is called in tables, unique within a study.
        tasks: The tasks that it learns.
        changes: Dotted key of the config to its value here.
        training: Which training rows it learns from.
        mode: Which part of the study it belongs to, such as `"fine-tuned"`; empty where there are
            no parts.
        backbone_of: Name of the side whose trained backbone this one takes, or None.
        is_supporting: Whether it only serves a condition and is no answer to the question.
    """

    name: str
    tasks: tuple[str, ...]
    changes: Mapping[str, Any] = field(default_factory=dict)
    training: Training = Training()
    mode: str = ""
    backbone_of: str | None = None
    is_supporting: bool = False


@dataclass(frozen=True, kw_only=True)
class Question:
    """One comparison: is a side better than what it is held against?

    Args:
        first: Names of the sides that are asked about; each answers tasks of its own.
        second: Names of the sides they are held against, likewise.
        tasks: The tasks on which they are compared.
        text: The question in words, answered by helps, no difference seen or hurts.
        kind: What it is asked for: `"answer"`, `"left out"` or `"lent"`.
        mode: Which part of the study it belongs to.
        about: The task that is left out or lent to, where there is one.
    """

    first: tuple[str, ...]
    second: tuple[str, ...]
    tasks: tuple[str, ...]
    text: str
    kind: str = "answer"
    mode: str = ""
    about: str | None = None


@dataclass(frozen=True, kw_only=True)
class Study:
    """All sides of a comparison and what is asked about them.

    Args:
        axis: What varies: the name of an axis, or a dotted key of the config.
        sides: In the order in which they are trained.
        questions: What is asked.
        notes: What a reader must know about how the sides were made.
    """

    axis: str
    sides: tuple[Side, ...]
    questions: tuple[Question, ...]
    notes: tuple[str, ...] = ()

    def side(self, name: str) -> Side:
        """Returns the side of a name."""
        return next(side for side in self.sides if side.name == name)


def arm_config(
    base: Config, side: Side, *, seed: int, table: Path, backbone_run: Path | None
) -> Config:
    """Returns the config of one training: a side with a seed.

    Args:
        base: The config that is compared.
        side: Whose changes are made.
        seed: Seed of the training.
        table: The table with the splits of the study.
        backbone_run: Run whose backbone is taken, where the side takes one.

    Raises:
        ConfigError: The changes make no valid config.
    """
    values = config_values(base)
    _keep_tasks(values, side.tasks)
    values["data"] |= {"table": table, "split": {"column": SPLIT_COLUMN}}
    fit_changes = {key: value for key, value in side.changes.items() if key.startswith("fit.")}
    for key, value in side.changes.items():
        if key not in fit_changes:
            _set(values, split_key(key), value)
    if backbone_run is not None:
        size = values["backbone"]["input_size"]
        values["backbone"] = {"name": f"run:{backbone_run}", "input_size": size}
    values["fit"] = _fitting(base, values, side.changes.get("fit.solver")) | {"seed": seed}
    for key, value in fit_changes.items():
        _set(values, split_key(key), value)
    return parse_config(values, where=f"the side '{side.name}'", base=table.parent)


def _keep_tasks(values: dict[str, Any], tasks: Sequence[str]) -> None:
    """Removes every other task from the config, and heads that answer none any more."""
    values["data"]["tasks"] = list(tasks)
    values["data"]["labels"] = {
        task: {**policy, "positive": ["1"], "negative": ["0"], "uncertain": [UNCERTAIN]}
        for task, policy in values["data"]["labels"].items()
        if task in tasks and policy["uncertain"]
    }
    if isinstance(values["heads"], dict):
        kept = {
            name: {**head, "tasks": [task for task in head["tasks"] if task in tasks]}
            for name, head in values["heads"].items()
        }
        values["heads"] = {name: head for name, head in kept.items() if head["tasks"]}
    for section, key in (("loss", "positive_weight"), ("evaluation", "threshold")):
        by_task = values[section][key]
        if isinstance(by_task, dict):
            values[section][key] = {t: value for t, value in by_task.items() if t in tasks}


def _fitting(base: Config, values: dict[str, Any], wanted: str | None) -> dict[str, Any]:
    """Returns `fit` with the solver that suits what learns, and the keys that it knows.

    A solver that was chosen for the same `trainable` stays, unless another is wanted.
    """
    settings = parse_config({**values, "fit": {}})
    same = settings.trainable == base.trainable
    solver = "exact" if isinstance(base.fit, ExactFit) else "keras"
    chosen = default_solver({}, dict(settings))
    if same and (solver == "keras" or chosen == "exact"):
        chosen = solver
    chosen = wanted or chosen
    known = ExactFit if chosen == "exact" else KerasFit
    kept = {key: value for key, value in base.fit if key in known.model_fields}
    return {**kept, "solver": chosen}


def _set(values: dict[str, Any], keys: Sequence[str], value: Any) -> None:
    inner = values
    for key in keys[:-1]:
        if not isinstance(inner.get(key), dict):
            inner[key] = {}
        inner = inner[key]
    inner[keys[-1]] = value
