"""The Python interface as the design prints it."""

from pathlib import Path

import numpy as np
import pytest

import kerastl
from kerastl.errors import ModelError


def test_backbones_are_listed_by_modality() -> None:
    images = kerastl.list_backbones(modality="image")
    assert "applications:mobilenet_v2" in images
    assert "tiny:image" in images
    assert not set(images) & {"tfhub:yamnet"}


@pytest.mark.parametrize("heads", ["single", "multi"])
def test_a_model_is_built_compiled_and_fitted_on_a_table_with_gaps(
    bright_images: Path, heads: str
) -> None:
    data = kerastl.load_data(
        bright_images / "table.csv",
        image="path",
        tasks=["bright", "red"],
        input_size=32,
        heads=heads,
    )
    model = kerastl.build_model(
        "tiny:image", ["bright", "red"], weights=None, input_size=32, heads=heads
    )
    kerastl.compile(model, "adam", learning_rate=1e-2)
    history = model.fit(data.train, validation_data=data.validation, epochs=2, verbose=0)
    assert np.isfinite(history.history["loss"]).all()
    assert np.isfinite(history.history["val_loss"]).all()
    assert len(data.examples.splits) == 60


def test_keras_own_compile_takes_the_masked_loss(bright_images: Path) -> None:
    data = kerastl.load_data(
        bright_images / "table.csv", image="path", tasks=["bright", "red"], input_size=32
    )
    model = kerastl.build_model("tiny:image", ["bright", "red"], weights=None, input_size=32)
    model.compile(optimizer="adam", loss=kerastl.losses.MaskedBinaryCrossentropy())
    history = model.fit(data.train, epochs=1, verbose=0)
    assert np.isfinite(history.history["loss"]).all()


def test_labels_are_nan_where_the_table_is_blank(bright_images: Path) -> None:
    data = kerastl.load_data(
        bright_images / "table.csv", image="path", tasks=["bright", "red"], input_size=32
    )
    labels = np.concatenate([y.numpy() for _, y in data.train])
    assert np.isnan(labels[:, 1]).any()
    assert not np.isnan(labels[:, 0]).any()


def test_each_epoch_is_shuffled_anew_and_the_seed_repeats_it(bright_images: Path) -> None:
    def orders() -> list[list[float]]:
        data = kerastl.load_data(
            bright_images / "table.csv", image="path", tasks=["bright"], input_size=32
        )
        return [[float(x.numpy().mean()) for x, _ in data.train.unbatch()] for _ in range(2)]

    first, again = orders(), orders()
    assert first == again
    assert first[0] != first[1]
    assert sorted(first[0]) == sorted(first[1])


def test_load_data_reads_heads_as_build_model_does(bright_images: Path) -> None:
    settings = {"image": "path", "tasks": ["bright", "red"], "input_size": 32}
    table = bright_images / "table.csv"
    data = kerastl.load_data(
        table, heads={"first": ["red"], "second": {"tasks": ["bright"], "dropout": 0.5}}, **settings
    )
    assert {name: spec.shape[1] for name, spec in data.train.element_spec[1].items()} == {
        "first": 1,
        "second": 1,
    }
    with pytest.raises(ModelError, match="Every task must be answered by exactly one head"):
        kerastl.load_data(table, heads={"first": ["red"], "second": ["brihgt"]}, **settings)
