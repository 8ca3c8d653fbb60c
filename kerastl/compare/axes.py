"""From the text after `--axis` to a study: its variants and the contrasts between them."""

import itertools
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import yaml

from kerastl.compare.sharing import DEFAULT_MODES, MODES, sharing_study
from kerastl.compare.study import (
    SCRATCH_NOTE,
    Contrast,
    Study,
    TrainingRows,
    TrainingVariant,
    Treatment,
    from_scratch,
)
from kerastl.config import Config, TrainableStages
from kerastl.config.strict_yaml import read_yaml, syntax_problem
from kerastl.data.tables.examples import Examples
from kerastl.errors import ConfigError, suggestion
from kerastl.settings.problems import format_path

ALL = "all"
FROM_SCRATCH = "from scratch"
_SIZES = (50, 200, ALL)
_FORM = "sharing, trainable, uncertain, backbone=A,B, unknown, examples or KEY=V1,V2"
_TREATMENTS: dict[str, Treatment] = {
    "masked": "as they are",
    "drop rows": "drop rows",
    "blanks as no": "blanks as no",
}


def plan_study(axis: str, config: Config, table: Examples, *, fit: Mapping[str, Any]) -> Study:
    """Returns the study that the text after `--axis` asks for.

    The text is the name of an axis or a dotted key, followed by `=` and values if the defaults are
    not wanted. `fit` contains the keys of `fit` of all solvers.
    """
    name, equals, text = (part.strip() for part in axis.partition("="))
    if not name or (equals and not text):
        raise _no_axis(axis)
    values = read_values(name, text) if equals else []
    if name in _NAMED:
        return _NAMED[name](values, config, table, fit)
    if not equals:
        raise _no_axis(axis, name)
    return study_of(name, [_variant(value, table, changes={name: value}) for value in values])


def read_values(name: str, text: str) -> list[Any]:
    """Returns the values of an axis, written as the inside of a YAML list, each once."""
    try:
        values, problems = read_yaml(f"[{text}]")
    except yaml.YAMLError as error:
        raise _bad_values(name, text, syntax_problem(error)) from None
    if problems:
        expected = "; ".join(problem.text.removeprefix("expected ") for problem in problems)
        raise _bad_values(name, text, expected)
    names = [value_name(value) for value in values]
    if len(set(names)) < len(names):
        raise _bad_values(name, text, "each value once")
    return list(values)


def value_name(value: Any) -> str:
    """Returns how a value of the config is written in a table."""
    if isinstance(value, bool) or value is None:
        return {True: "true", False: "false", None: "null"}[value]
    if isinstance(value, dict):
        return ", ".join(f"{key}: {value_name(item)}" for key, item in value.items())
    if isinstance(value, list):
        return " ".join(value_name(item) for item in value)
    return f"{value:g}" if isinstance(value, float) else str(value)


def _sharing(values: list[Any], config: Config, table: Examples, fit: Mapping[str, Any]) -> Study:
    _refuse_others("sharing", values, MODES)
    modes = [str(value) for value in values] or DEFAULT_MODES
    return sharing_study(config, table.tasks, modes=modes, fit=fit)


def _trainable(values: list[Any], config: Config, table: Examples, fit: Mapping[str, Any]) -> Study:
    stages = config.trainable.stages if isinstance(config.trainable, TrainableStages) else 1
    wanted = values or [False, {"stages": stages}, True, FROM_SCRATCH]
    variants = []
    for value in wanted:
        changes = from_scratch(fit) if value == FROM_SCRATCH else {"trainable": value}
        variants.append(_variant(value, table, changes=changes))
    notes = (SCRATCH_NOTE,) if FROM_SCRATCH in wanted else ()
    return study_of("trainable", variants, notes=notes)


def _uncertain(values: list[Any], _: Config, table: Examples, *__: Any) -> Study:
    unsure = [task for i, task in enumerate(table.tasks) if table.uncertain[:, i].any()]
    if not unsure:
        raise ConfigError(
            "No cell of the table is uncertain, so there is nothing to compare.",
            where="data.labels",
            expected="tasks whose cells data.labels lists under uncertain",
        )
    keys = [format_path(("data", "labels", task, "when_uncertain")) for task in unsure]
    policies = values or ["ignore", "positive", "negative", {"soft": 0.7}]
    variants = [_variant(one, table, changes=dict.fromkeys(keys, one)) for one in policies]
    return study_of("uncertain", variants)


def _backbone(values: list[Any], config: Config, table: Examples, *_: Any) -> Study:
    """The config's own backbone keeps its weights and options; others use their defaults."""
    if not values:
        raise ConfigError(
            "The axis 'backbone' needs the names of backbones.",
            expected="--axis backbone=A,B, such as backbone=applications:mobilenet_v2,tiny:image",
            fix="`kerastl backbones list` shows their names.",
        )
    variants = []
    for value in values:
        section = {"name": value, "input_size": config.backbone.input_size}
        changes = {"backbone": value if isinstance(value, dict) else section}
        own = value == config.backbone.name
        variants.append(_variant(value, table, changes={} if own else changes))
    return study_of("backbone", variants)


def _unknown(values: list[Any], _: Config, table: Examples, *__: Any) -> Study:
    """Treatments of unknown labels; a mapping is a value of `when_unknown` of every task."""
    _refuse_others("unknown", [v for v in values if not isinstance(v, dict)], _TREATMENTS)
    keys = [format_path(("data", "labels", task, "when_unknown")) for task in table.tasks]
    variants = [
        _variant(value, table, changes=dict.fromkeys(keys, value))
        if isinstance(value, dict)
        else _variant(value, table, training=TrainingRows(treatment=_TREATMENTS[value]))
        for value in values or _TREATMENTS
    ]
    return study_of("unknown", variants)


def _examples(values: list[Any], _: Config, table: Examples, *__: Any) -> Study:
    num_train = len(table.rows("train"))
    wanted = values or [size for size in _SIZES if size == ALL or int(size) < num_train]
    for value in wanted:
        expected = None
        if not isinstance(value, int) or isinstance(value, bool) or value <= 0:
            expected = "numbers of rows above 0, or all"
        elif value >= num_train:
            expected = f"fewer than the {num_train} training rows, or all"
        if value != ALL and expected is not None:
            raise _bad_values("examples", value_name(value), expected)
    variants = [
        _variant(size, table, training=TrainingRows(examples=None if size == ALL else int(size)))
        for size in sorted(wanted, key=lambda size: num_train if size == ALL else int(size))
    ]
    study = study_of("examples", variants)
    steps = [_contrast(more, fewer, " examples") for fewer, more in itertools.pairwise(variants)]
    note = (
        "Only training rows are drawn, in whole groups, each draw from the next larger one and "
        "anew for each seed; validation and test stay complete."
    )
    return replace(study, contrasts=tuple(steps), notes=(note,))


def _variant(value: Any, table: Examples, **more: Any) -> TrainingVariant:
    return TrainingVariant(name=value_name(value), tasks=tuple(table.tasks), **more)


def _contrast(first: TrainingVariant, second: TrainingVariant, what: str = "") -> Contrast:
    text = f"{first.name}{what} instead of {second.name}"
    return Contrast(first=(first.name,), second=(second.name,), tasks=first.tasks, text=text)


def study_of(
    axis: str, variants: Sequence[TrainingVariant], *, notes: tuple[str, ...] = ()
) -> Study:
    """Returns the study of variants in which each is compared with the first."""
    if len(variants) < 2:
        raise ConfigError(
            f"The axis '{axis}' needs at least two values to compare.",
            expected=_FORM,
            received=variants[0].name if variants else "none",
        )
    contrasts = tuple(_contrast(variant, variants[0]) for variant in variants[1:])
    return Study(axis=axis, variants=tuple(variants), contrasts=contrasts, notes=notes)


_NAMED: dict[str, Callable[[list[Any], Config, Examples, Mapping[str, Any]], Study]] = {
    "sharing": _sharing,
    "trainable": _trainable,
    "uncertain": _uncertain,
    "backbone": _backbone,
    "unknown": _unknown,
    "examples": _examples,
}


def _refuse_others(name: str, values: Iterable[Any], known: Iterable[str]) -> None:
    for value in values:
        if value not in known:
            text = value_name(value)
            raise _bad_values(name, text, ", ".join(known), fix=suggestion(text, list(known)))


def _bad_values(name: str, received: str, expected: str, *, fix: str | None = None) -> ConfigError:
    return ConfigError(
        f"The axis '{name}' cannot have these values.",
        where=f"--axis {format_path((name,)) if '.' not in name else name}",
        expected=expected,
        received=received,
        fix=fix,
    )


def _no_axis(axis: str, name: str = "") -> ConfigError:
    return ConfigError(
        "The axis is missing." if not name else f"'{name}' is not an axis by itself.",
        where=f"--axis {axis}",
        expected=_FORM,
        fix=suggestion(name, list(_NAMED)),
    )
