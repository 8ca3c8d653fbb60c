"""Properties of the config: it round-trips, and no mistake in a key goes unnoticed."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from kerastl.config import Config, ConfigError, config_values, dump_config, parse_config
from kerastl.config.strict_yaml import read_yaml, write_yaml
from kerastl.settings.locations import key_types
from kerastl.settings.problems import format_path

TEXT = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=8)
TRICKY = st.sampled_from(["yes", "no", "1e-4", "012", "1:30", "null", "~", "=", "<<", "1", "a.b"])
NAME = TEXT | TRICKY
PATH = st.text("ab.-_ é", min_size=1, max_size=6).map(lambda text: f"/data/{text}x.csv")
SEED = st.integers(0, 2**32 - 1)
COUNT = st.integers(1, 10**6)
FRACTION = st.floats(0, 1, exclude_max=True)
POSITIVE = st.floats(1e-12, 1e12)
SCALAR = st.none() | st.booleans() | st.integers(-(10**9), 10**9) | TEXT | TRICKY
JSON = st.recursive(
    SCALAR | st.floats(allow_nan=False, allow_infinity=False),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAME, inner, max_size=3),
    max_leaves=5,
)


def optional(**keys: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries({}, optional=keys)


@st.composite
def label_policies(draw: st.DrawFn) -> dict[str, Any]:
    cells = draw(st.lists(st.text("abcdxyz", min_size=1, max_size=4), min_size=3, unique=True))
    first, second = draw(st.lists(st.integers(1, len(cells) - 1), min_size=2, max_size=2))
    first, second = min(first, second), max(first, second)
    policy = {"positive": cells[:first], "negative": cells[first:second]}
    soft = st.fixed_dictionaries({"soft": st.floats(0, 1)})
    words = st.sampled_from(["ignore", "positive", "negative"])
    found = {**policy, "uncertain": cells[second:], "when_uncertain": draw(words | soft)}
    if found["when_uncertain"] != "ignore" or not found["uncertain"]:
        weak = st.fixed_dictionaries({"weak_negative": st.floats(0.01, 1)})
        found["when_unknown"] = draw(st.sampled_from(["ignore", "negative"]) | weak)
    return found


@st.composite
def data_sections(draw: st.DrawFn, tasks: list[str]) -> dict[str, Any]:
    splits = optional(
        validation=st.floats(0.01, 0.4),
        test=st.floats(0.01, 0.4),
        method=st.sampled_from(["stratified", "random", "hash"]),
        seed=SEED,
    ) | st.fixed_dictionaries({"column": st.just("the split")})
    return {
        "table": draw(PATH | st.lists(PATH, min_size=1, max_size=3)),
        draw(st.sampled_from(["image", "audio"])): "the file",
        "tasks": tasks,
        "split": draw(splits),
        "labels": draw(st.dictionaries(st.sampled_from(tasks), label_policies(), max_size=2)),
        **draw(optional(group=st.just("the group"))),
    }


def audio_noises() -> st.SearchStrategy[dict[str, Any]]:
    ratios = st.tuples(st.integers(-60, 20), st.integers(20, 100)).map(list)
    return optional(files=st.lists(PATH, max_size=2), color=st.just("brown"), snr_db=ratios)


@st.composite
def named_heads(draw: st.DrawFn, tasks: list[str]) -> dict[str, Any]:
    names = draw(
        st.lists(NAME.filter(lambda n: "/" not in n), min_size=1, max_size=len(tasks), unique=True)
    )
    hidden = st.lists(st.integers(1, 16_384), max_size=3)
    keys = optional(hidden=hidden, dropout=FRACTION, weight=POSITIVE)
    owners = [*range(len(names)), *(draw(st.sampled_from(range(len(names)))) for _ in tasks)]
    return {
        name: {
            "tasks": [task for task, owner in zip(tasks, owners, strict=False) if owner == index],
            **draw(keys),
        }
        for index, name in enumerate(names)
    }


@st.composite
def raw_configs(draw: st.DrawFn) -> dict[str, Any]:
    tasks = draw(st.lists(NAME.filter(lambda n: "/" not in n), min_size=1, max_size=4, unique=True))
    data = draw(data_sections(tasks))
    assume(not {"the file", "the split", "the group"} & set(tasks))
    batch_norm = {"batch_norm": draw(st.sampled_from(["frozen", "update"]))}
    trainable = (
        st.sampled_from([False, True, "auto"])
        | st.fixed_dictionaries({"stages": COUNT}).map(lambda keys: {**keys, **batch_norm})
        | st.fixed_dictionaries({"variables": TEXT | st.lists(TEXT, min_size=1, unique=True)})
    )
    weights = (
        st.none() | st.just("auto") | POSITIVE | st.dictionaries(st.sampled_from(tasks), POSITIVE)
    )
    loss = optional(
        label_smoothing=FRACTION,
        positive_weight=weights,
        task_weight=st.none() | st.just("auto") | st.dictionaries(st.sampled_from(tasks), POSITIVE),
    )
    keras = optional(
        epochs=COUNT,
        batch_size=COUNT,
        learning_rate=POSITIVE,
        patience=st.none() | COUNT,
        seed=SEED,
    )
    augments = {
        "image": optional(flip=st.booleans(), rotate=st.floats(0, 0.5), zoom=FRACTION),
        "audio": optional(shift=FRACTION, gain=st.floats(0, 60), noise=audio_noises()),
    }
    augment = augments["image" if "image" in data else "audio"]
    policy = st.sampled_from(["youden", "f1", "sensitivity>=0.9", "precision ~ 1"]) | st.just(0.3)
    evaluation = optional(
        threshold=policy | st.dictionaries(st.sampled_from(tasks), policy),
        calibrate=st.booleans(),
        bootstrap=st.integers(0, 2000),
        seed=SEED,
    )
    return {
        "data": data,
        "backbone": {
            "name": draw(st.sampled_from(["tiny:image", "applications:x", "run:/runs/a"])),
            **draw(
                optional(
                    weights=st.sampled_from(["imagenet", None, "/w.h5", "1e-4"]),
                    input_size=st.none() | COUNT | st.lists(COUNT, min_size=2, max_size=2),
                    options=st.dictionaries(NAME, JSON, max_size=3),
                )
            ),
        },
        **draw(
            optional(
                heads=st.sampled_from(["single", "multi"]) | named_heads(tasks),
                trainable=trainable,
                loss=loss,
                evaluation=evaluation,
                fit=st.just({}) | keras.map(lambda keys: {"solver": "keras", **keys}),
                augment=st.none() | augment,
            )
        ),
    }


@given(raw_configs())
def test_loading_what_was_dumped_gives_the_same_config(raw: dict[str, Any]) -> None:
    config = parse_config(raw)
    values, problems = read_yaml(dump_config(config))
    assert problems == ()
    assert values == config_values(config)
    assert parse_config(values) == config


@given(raw_configs())
def test_a_dumped_config_is_the_same_anywhere(raw: dict[str, Any]) -> None:
    config = parse_config(raw, base="/somewhere")
    assert parse_config(config_values(config), base="/elsewhere") == config


@given(raw_configs())
def test_checking_leaves_what_it_was_given_as_it_was(raw: dict[str, Any]) -> None:
    before = write_yaml(raw)
    parse_config(raw)
    assert write_yaml(raw) == before


@given(st.dictionaries(NAME, JSON, max_size=4))
def test_what_is_written_as_yaml_is_read_without_problems(value: dict[str, Any]) -> None:
    assert read_yaml(write_yaml(value)) == (value, ())


COMPLETE: dict[str, Any] = {
    "data": {
        "table": "/a.csv",
        "image": "path",
        "audio": None,
        "tasks": ["car", "bus"],
        "group": "scene",
        "split": {"validation": 0.1, "test": 0.1, "method": "hash", "seed": 1},
        "labels": {
            "car": {
                "positive": ["Y"],
                "negative": ["N"],
                "uncertain": ["U"],
                "when_uncertain": {"soft": 0.7},
                "when_unknown": {"weak_negative": 0.1},
            }
        },
        "resize": "pad",
        "intensity": {"percentiles": [1.0, 99.0]},
        "dicom_window": False,
    },
    "backbone": {"name": "tiny:image", "weights": None, "input_size": 64, "options": {}},
    "heads": {"all": {"tasks": ["car", "bus"], "hidden": [8], "dropout": 0.1, "weight": 2.0}},
    "trainable": {"stages": 1, "batch_norm": "update"},
    "loss": {
        "label_smoothing": 0.1,
        "positive_weight": {"car": 2.0},
        "task_weight": {"bus": 3.0},
    },
    "evaluation": {
        "threshold": {"car": "sensitivity>=0.9"},
        "calibrate": False,
        "bootstrap": 100,
        "seed": 1,
    },
    "augment": {
        "flip": True,
        "rotate": 0.1,
        "zoom": 0.1,
        "shift": 0.1,
        "brightness": 0.1,
        "contrast": 0.1,
    },
    "fit": {
        "solver": "keras",
        "epochs": 3,
        "batch_size": 4,
        "learning_rate": 0.1,
        "backbone_learning_rate": 0.1,
        "fine_tuning_learning_rate": 0.1,
        "warmup_epochs": 2,
        "schedule": "constant",
        "patience": 2,
        "seed": 3,
        "engine": "openvino",
    },
}
EXACT = {**COMPLETE, "trainable": False, "augment": None, "heads": "multi"}
EXACT["fit"] = {
    "solver": "exact",
    "regularization": 1.0,
    "folds": 3,
    "refit": False,
    "seed": 1,
    "engine": "keras",
}
POOLED = {"stages": ["middle"], "pooling": ["max"], "transform": "none"}
EXACT["features"] = {**POOLED, "flips": True}
SHAPES = {
    "complete": COMPLETE,
    "exact": EXACT,
    "by column": {**COMPLETE, "data": {**COMPLETE["data"], "split": {"column": "part"}}},
    "variables": {**COMPLETE, "trainable": {"variables": "*", "batch_norm": "update"}},
    "adapters": {**COMPLETE, "trainable": {"lora": 4}},
}
LISTENING = {
    "hop_seconds": 0.2,
    "smooth_windows": 2,
    "refractory_seconds": 2.0,
    "tolerance_seconds": 0.2,
}
RATE = {"threshold": {"car": "false_accepts_per_hour<=2"}, "recordings": "/b.csv"}
SOUNDS = {"image": None, "audio": "path", "resize": "stretch", "window": "pool"}
SOUNDS |= {"intensity": "auto", "dicom_window": True}
SHAPES["recordings"] = {
    **COMPLETE,
    "data": {**COMPLETE["data"], **SOUNDS, "sample_rate_hz": 8000},
    "evaluation": {**RATE, "negatives": "/c.csv", "listening": LISTENING},
    "augment": {
        "shift": 0.1,
        "gain": 6.0,
        "noise": {"files": ["/n"], "color": "white", "snr_db": [0.0, 9.0], "probability": 0.2},
        "reverberation": {"seconds": [0.2, 0.3], "probability": 0.2},
        "spec_augment": {"time": 0.2, "frequency": 0.2, "masks": 1},
    },
}
SHAPES["sizes"] = {
    **EXACT,
    "backbone": {"name": "tiny:image", "input_size": None},
    "features": {**POOLED, "sizes": [64, [64, 32]]},
}
SHAPES["shifts"] = {
    **EXACT,
    "data": {**SHAPES["recordings"]["data"]},
    "features": {**POOLED, "shift": 0.1},
}
SHAPES["auto features"] = {**EXACT, "features": {"cost": 2.0}}
SHAPES["distributed"] = {**COMPLETE, "distribute": {"devices": 2, "workers": 2}}
OF_USERS = {
    ("data", "labels"),
    ("heads",),
    ("backbone", "options"),
    ("loss", "positive_weight"),
    ("loss", "task_weight"),
    ("evaluation", "threshold"),
}
REQUIRED = {
    ("data",),
    ("data", "table"),
    ("data", "image"),
    ("data", "tasks"),
    ("data", "labels", "car", "when_uncertain", "soft"),
    ("data", "labels", "car", "when_unknown", "weak_negative"),
    ("data", "intensity", "percentiles"),
    ("backbone",),
    ("backbone", "name"),
    ("heads", "all", "tasks"),
    ("trainable", "stages"),
}
# Deleting one of these leaves a config that means something else, or contradicts the rest.
DECISIVE = {
    ("data", "labels", "car", "uncertain"): "data.labels.car.when_uncertain: has no effect",
    ("data", "labels", "car", "when_uncertain"): "data.labels.car.when_unknown: would make",
    ("trainable", "variables"): "trainable.stages: missing.",
    ("trainable", "lora"): "trainable.stages: missing.",
    ("evaluation", "recordings"): "evaluation.recordings: missing.",
}


def paths_of(raw: dict[str, Any], before: tuple[str, ...] = ()) -> list[tuple[str, ...]]:
    paths = []
    for key, value in raw.items():
        if before not in OF_USERS:
            paths.append((*before, key))
        if isinstance(value, dict):
            paths.extend(paths_of(value, (*before, key)))
    return paths


def changed(raw: Any, path: tuple[str, ...], new_key: str | None) -> Any:
    """A copy with the key at the path renamed, or removed where there is no new key."""
    key, *rest = path
    if rest:
        return {**raw, key: changed(raw[key], tuple(rest), new_key)}
    renamed = {new_key if k == key else k: value for k, value in raw.items()}
    return {k: value for k, value in renamed.items() if k is not None}


def problems_of(raw: dict[str, Any]) -> tuple[str, ...]:
    with pytest.raises(ConfigError) as caught:
        parse_config(raw)
    return caught.value.problems


SPOILED_IN = {path: shape for shape, raw in reversed(SHAPES.items()) for path in paths_of(raw)}
EVERY_KEY = [(shape, path) for path, shape in SPOILED_IN.items()]


@pytest.mark.parametrize("shape", SHAPES)
def test_the_configs_that_are_spoiled_below_are_valid(shape: str) -> None:
    assert isinstance(parse_config(SHAPES[shape]), Config)


def test_the_configs_that_are_spoiled_below_have_every_key() -> None:
    named = {tuple(part for part in path if part not in ("car", "all")) for _, path in EVERY_KEY}
    assert set(key_types(Config)) <= named


@pytest.mark.parametrize(("shape", "path"), EVERY_KEY)
def test_a_misspelled_key_is_reported_with_its_path_and_what_was_meant(
    shape: str, path: tuple[str, ...]
) -> None:
    misspelled = path[-1] + "z"
    wrong, meant = format_path((*path[:-1], misspelled)), format_path(path)
    assert f"{wrong}: unknown key. Did you mean '{meant}'?" in problems_of(
        changed(SHAPES[shape], path, misspelled)
    )


@pytest.mark.parametrize(("shape", "path"), EVERY_KEY)
def test_a_deleted_key_is_reported_if_it_has_no_default(shape: str, path: tuple[str, ...]) -> None:
    spoiled = changed(SHAPES[shape], path, None)
    if path in REQUIRED or path in DECISIVE:
        expected = DECISIVE.get(path, f"{format_path(path)}: missing.")
        assert any(problem.startswith(expected) for problem in problems_of(spoiled))
    else:
        assert isinstance(parse_config(spoiled), Config)


@pytest.mark.parametrize(("shape", "path"), EVERY_KEY)
def test_a_value_of_a_foreign_shape_is_reported_at_its_path(
    shape: str, path: tuple[str, ...]
) -> None:
    def replaced(raw: Any, keys: tuple[str, ...]) -> Any:
        key, *rest = keys
        return {**raw, key: replaced(raw[key], tuple(rest)) if rest else [[]]}

    found = problems_of(replaced(SHAPES[shape], path))
    assert any(problem.startswith(format_path(path)) for problem in found)


@given(st.data())
def test_any_value_anywhere_gives_a_config_or_a_config_error(data: st.DataObject) -> None:
    shape, path = data.draw(st.sampled_from(EVERY_KEY))
    value = data.draw(JSON)

    def replaced(raw: Any, keys: tuple[str, ...]) -> Any:
        key, *rest = keys
        return {**raw, key: replaced(raw[key], tuple(rest)) if rest else value}

    try:
        config = parse_config(replaced(SHAPES[shape], path), base=Path("/base"))
    except ConfigError:
        return
    assert parse_config(read_yaml(dump_config(config))[0]) == config
