"""What a comparison trains and compares: variants of a config, and contrasts between them.

Convention: all variants of a study share rows, splits and seeds; two of them differ in their
changes and in nothing else, except that each is fitted by the procedure that suits it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from kerastl.compare.solvers import fit_values
from kerastl.config import AugmentConfig, Config, config_values, parse_config
from kerastl.config.consistency import default_augment
from kerastl.config.loader import split_key, with_value
from kerastl.config.policies import TrainablePolicy

SPLIT_COLUMN = "kerastl_split"
UNCERTAIN = "uncertain"
GROUPING = "grouping"  # kind of a contrast
SCRATCH_NOTE = (
    "From scratch starts from random weights, trains everything at fit.learning_rate and updates "
    "the statistics of BatchNorm; it has the same epochs as the others."
)

Treatment = Literal["as they are", "drop rows", "blanks as no"]


@dataclass(frozen=True, kw_only=True)
class TrainingRows:
    """The training rows of a variant and how it treats unknown labels."""

    treatment: Treatment = "as they are"
    examples: int | None = None  # number of rows that are kept, in whole groups; None keeps all
    is_fresh_split: bool = False  # whether each seed has a split and test rows of its own

    def table_name(self, seed: int) -> str:
        """Returns the file name of the table; subsamples and splits are drawn for each seed."""
        if self.is_fresh_split:
            return f"fresh-split-seed-{seed}.csv"
        if self.examples is not None:
            return f"examples-{self.examples}-seed-{seed}.csv"
        return f"{self.treatment.replace(' ', '-')}.csv"


@dataclass(frozen=True, kw_only=True)
class TrainingVariant:
    """One variant of the training, trained once for each seed."""

    name: str  # unique within a study
    tasks: tuple[str, ...]
    changes: Mapping[str, Any] = field(default_factory=dict)  # dotted keys of the config to values
    training: TrainingRows = TrainingRows()
    mode: str = ""  # part of the study, such as "fine-tuned"; empty if there are no parts
    backbone_of: str | None = None  # name of the variant whose trained backbone this one uses
    is_supporting: bool = False  # whether it only serves a condition


@dataclass(frozen=True, kw_only=True)
class Contrast:
    """One comparison between variants; several variants on one side have tasks of their own."""

    first: tuple[str, ...]  # names of the variants that are compared
    second: tuple[str, ...]  # names of the variants they are compared with
    tasks: tuple[str, ...]  # on which they are compared
    text: str  # in words, answered by helps, no difference seen or hurts
    kind: str = "answer"  # or "grouping", or evidence for a condition: "left out" or "lent"
    mode: str = ""
    about: str | None = None  # the task that is left out or lent to


@dataclass(frozen=True, kw_only=True)
class Study:
    """All variants of a comparison and the contrasts between them."""

    axis: str  # name of an axis, or a dotted key of the config
    variants: tuple[TrainingVariant, ...]  # in the order in which they are trained
    contrasts: tuple[Contrast, ...]
    notes: tuple[str, ...] = ()  # how the variants were made

    def variant(self, name: str) -> TrainingVariant:
        """Returns the variant with a name."""
        return next(variant for variant in self.variants if variant.name == name)


def from_scratch(fit: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the changes of a variant whose weights all learn from random ones at one rate."""
    return {
        "trainable": {"variables": ["*"], "batch_norm": "update"},
        "backbone.weights": None,
        "fit.backbone_learning_rate": fit.get("learning_rate", 1e-3),
    }


def trial_config(
    base: Config,
    variant: TrainingVariant,
    *,
    seed: int,
    table: Path,
    backbone_run: Path | None,
    fit: Mapping[str, Any],
) -> Config:
    """Returns the config of a variant with a seed, on the table with the splits of the study.

    Of `fit`, which has the keys of all solvers, those act that the variant's solver knows.
    """
    values = config_values(base)
    _keep_tasks(values, variant.tasks)
    values["data"] |= {"table": table, "split": {"column": SPLIT_COLUMN}}
    fit_changes = {key: value for key, value in variant.changes.items() if key.startswith("fit.")}
    for key, value in variant.changes.items():
        if key not in fit_changes:
            values = with_value(values, split_key(key), value)
    own, usual = map(TrainablePolicy.parse, (values["trainable"], base.trainable))
    changed = {split_key(key)[0] for key in variant.changes}
    if own.may_stay_frozen != usual.may_stay_frozen and "features" not in changed:
        del values["features"]
    if own.is_frozen != usual.is_frozen and "augment" not in changed:
        _use_own_augment(values, base)
    if backbone_run is not None:
        size = values["backbone"]["input_size"]
        values["backbone"] = {"name": f"run:{backbone_run}", "input_size": size}
    values["fit"] = fit_values(base, values, variant.changes, fit) | {"seed": seed}
    for key, value in fit_changes.items():
        values = with_value(values, split_key(key), value)
    return parse_config(values, where=f"the variant '{variant.name}'", base=table.parent)


def _use_own_augment(values: dict[str, Any], base: Config) -> None:
    """Removes what a variant with another kind of `trainable` has a default of its own for."""
    if base.augment is not None:
        usual = default_augment(dict(base))
        by_default = AugmentConfig(**usual)
        values["augment"] = {
            key: values["augment"][key]
            for key in base.augment.model_fields_set
            if key not in usual or getattr(base.augment, key) != getattr(by_default, key)
        }
    elif "augment" not in base.model_fields_set:
        del values["augment"]


def _keep_tasks(values: dict[str, Any], tasks: Sequence[str]) -> None:
    """Removes every other task from the config, and heads that are left without tasks."""
    values["data"]["tasks"] = list(tasks)
    values["data"]["labels"] = {
        task: {
            **policy,
            "positive": ["1"],
            "negative": ["0"],
            "uncertain": [UNCERTAIN] if policy["uncertain"] else [],
        }
        for task, policy in values["data"]["labels"].items()
        if task in tasks
    }
    if isinstance(values["heads"], dict):
        kept = {
            name: {**head, "tasks": [task for task in head["tasks"] if task in tasks]}
            for name, head in values["heads"].items()
        }
        values["heads"] = {name: head for name, head in kept.items() if head["tasks"]}
    for section, key in (
        ("loss", "positive_weight"),
        ("loss", "task_weight"),
        ("evaluation", "threshold"),
    ):
        by_task = values[section][key]
        if isinstance(by_task, dict):
            values[section][key] = {t: value for t, value in by_task.items() if t in tasks}
