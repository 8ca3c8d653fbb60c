"""A model file cannot make its reader allocate more weights than it has values for."""

import json
import time
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

from kerastl.backbones import Backbone, declare_values
from kerastl.errors import RunError
from kerastl.run.models import load_model

HUGE = 10**9
Change = Callable[[dict[str, Any]], None]


@pytest.fixture(scope="module")
def model() -> keras.Model:
    """A model with a layer of every kind, some of them in nested networks."""
    image = keras.Input((8, 8, 3), name="image")
    x = keras.layers.Conv2D(2, 3, name="conv")(image)
    x = keras.layers.GlobalAveragePooling2D(name="pool")(x)
    inner = keras.Sequential([keras.Input((2,)), keras.layers.Dense(3, name="inner")])
    backbone = Backbone(keras.Model(image, inner(x)))
    raw = keras.Input((8, 8, 3))
    x = keras.layers.Dense(4, name="dense")(backbone(raw))
    x = keras.layers.Reshape((1, 4))(x)
    x = keras.layers.GRU(3, name="recurrent")(x)
    x = keras.layers.BatchNormalization()(x)
    words = keras.Input((5,), dtype="int32", name="words")
    y = keras.layers.Embedding(6, 2, name="embedding")(words)
    y = keras.layers.MultiHeadAttention(1, 2, name="attention")(y, y)
    y = keras.layers.Flatten()(y)
    model = keras.Model(
        [raw, words], keras.layers.Dense(1, name="last")(keras.layers.Concatenate()([x, y]))
    )
    model.compile("adam", "mse", metrics=[keras.metrics.MeanIoU(2)])
    return model


def layer(config: Any, name: str) -> dict[str, Any]:
    """Returns the settings of a layer, wherever it is nested."""
    values = [config]
    while values:
        value = values.pop()
        if isinstance(value, dict):
            inside = value.get("config")
            if "class_name" in value and isinstance(inside, dict) and inside.get("name") == name:
                return inside
            values.extend(value.values())
        elif isinstance(value, list):
            values.extend(value)
    raise AssertionError(name)


def setting(name: str, key: str, value: Any = HUGE) -> Change:
    return lambda config: layer(config, name).update({key: value})


def repeated(config: dict[str, Any]) -> None:
    """Makes 100 branches of 4 million weights, none of which is remarkable."""
    layers = config["config"]["layers"]
    dense = next(one for one in layers if one["name"] == "dense")
    dense["config"]["units"] = 2**20
    for number in range(100):
        copy = json.loads(json.dumps(dense))
        copy["name"] = copy["config"]["name"] = f"dense_{number}x"
        layers.append(copy)


CHANGES: dict[str, Change] = {
    "units": setting("dense", "units"),
    "filters": setting("conv", "filters"),
    "a kernel": lambda config: layer(config, "conv").update(
        kernel_size=[40_000, 40_000], padding="same"
    ),
    "words": setting("embedding", "input_dim"),
    "a recurrent layer": setting("recurrent", "units", 10**5),
    "heads of attention": setting("attention", "num_heads"),
    "a nested network": setting("inner", "units"),
    "many layers": repeated,
    "a metric": lambda config: layer(config["compile_config"], "mean_io_u").update(
        num_classes=10**5
    ),
}


def rewritten(model: keras.Model, folder: Path, change: Change) -> Path:
    path = folder / "model.keras"
    model.save(path)
    with zipfile.ZipFile(path) as archive:
        content = {name: archive.read(name) for name in archive.namelist()}
    config = json.loads(content["config.json"])
    change(config)
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in (content | {"config.json": json.dumps(config).encode()}).items():
            archive.writestr(name, data)
    return path


@pytest.mark.parametrize("what", CHANGES)
def test_weights_that_the_file_has_no_values_for_are_never_allocated(
    what: str, model: keras.Model, tmp_path: Path
) -> None:
    path = rewritten(model, tmp_path, CHANGES[what])
    begin = time.monotonic()
    with pytest.raises(RunError, match=r"declares more weights than it has values for"):
        load_model(path)
    assert time.monotonic() - begin < 10


def test_the_message_names_the_layer_and_both_numbers(model: keras.Model, tmp_path: Path) -> None:
    path = rewritten(model, tmp_path, CHANGES["units"])
    with pytest.raises(RunError) as caught:
        load_model(path)
    assert str(caught.value) == (
        "The model 'model.keras' declares more weights than it has values for.\n"
        f"  where:    {path}: dense/kernel\n"
        f"  expected: about {stored(path):,} values in all layers, as many as the file stores\n"
        "  received: at least 3,000,000,065, with a shape of (3, 1000000000) here\n"
        "  fix:      Restore the file, or ask its author for the original."
    )


def stored(path: Path) -> int:
    from kerastl.backbones import refuse_unsafe_file

    return refuse_unsafe_file(path)


def test_examples_of_a_billion_values_are_refused(tmp_path: Path) -> None:
    raw = keras.Input((4, 1))
    keras.Model(raw, keras.layers.GlobalAveragePooling1D()(raw)).save(tmp_path / "a.keras")
    load_model(tmp_path / "a.keras")
    raw = keras.Input((HUGE, 1))
    keras.Model(raw, keras.layers.GlobalAveragePooling1D()(raw)).save(tmp_path / "a.keras")
    with pytest.raises(RunError, match="takes examples that are too large"):
        load_model(tmp_path / "a.keras")


def test_a_model_loads_as_before_and_keras_is_left_as_it_was(
    model: keras.Model, tmp_path: Path
) -> None:
    before = keras.layers.Layer.add_weight, keras.metrics.Metric.add_variable
    model.save(tmp_path / "model.keras")
    loaded = load_model(tmp_path / "model.keras")
    assert (keras.layers.Layer.add_weight, keras.metrics.Metric.add_variable) == before
    for own, other in zip(model.weights, loaded.weights, strict=True):
        np.testing.assert_array_equal(own.numpy(), other.numpy())
    declare_values((HUGE, HUGE), "outside of loading nothing is counted")
