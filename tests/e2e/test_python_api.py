"""The Python interface as the design prints it."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import kerastl
from kerastl.errors import BackboneError, ConfigError, KerastlError, ModelError

TASKS = ["bright", "red"]


def test_backbones_are_listed_by_modality() -> None:
    images = kerastl.list_backbones(modality="image")
    assert "applications:mobilenet_v2" in images
    assert "tiny:image" in images
    assert not set(images) & {"tfhub:yamnet"}


@pytest.mark.parametrize(
    ("wanted", "message"),
    [({"modality": "images"}, "Did you mean 'image'"), ({"family": "tinny"}, "family 'tinny'")],
)
def test_backbones_of_nothing_that_exists_are_an_error(wanted, message) -> None:
    with pytest.raises(BackboneError, match=message):
        kerastl.list_backbones(**wanted)


@pytest.mark.parametrize(
    "heads", ["single", "multi", {"one": TASKS}, {"a": TASKS[:1], "b": ["red"]}]
)
def test_a_model_is_built_compiled_and_fitted_on_a_table_with_gaps(
    bright_images: Path, heads: object
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


@pytest.mark.parametrize(
    ("wrong", "error"),
    [
        ({"tasks": "bright"}, ModelError),
        ({"table": None}, ConfigError),
        ({"batch_size": 0}, ConfigError),
        ({"seed": "x"}, ConfigError),
        ({"input_size": 0}, BackboneError),
        ({"input_size": (32, 32, 3)}, BackboneError),
        ({"split": []}, ConfigError),
        ({"labels": "car"}, ConfigError),
        ({"heads": {"h": {"tasks": TASKS, "dropout": "x"}}}, ModelError),
    ],
)
def test_a_wrong_argument_of_load_data_is_explained(bright_images: Path, wrong, error) -> None:
    settings = {"table": bright_images / "table.csv", "image": "path", "tasks": TASKS, **wrong}
    with pytest.raises(error):
        kerastl.load_data(**settings)


def test_load_data_takes_a_frame_with_files_in_the_current_folder(
    bright_images: Path, monkeypatch
) -> None:
    monkeypatch.chdir(bright_images)
    settings = {"image": "path", "tasks": TASKS, "group": "scene", "input_size": 32}
    data = kerastl.load_data(pd.read_csv("table.csv"), **settings)
    same = kerastl.load_data("table.csv", **settings)
    for (x, y), (same_x, same_y) in zip(data.train, same.train, strict=True):
        np.testing.assert_array_equal(x, same_x)
        np.testing.assert_array_equal(y, same_y)
    with pytest.raises(KerastlError, match="for a DataFrame to the current one"):
        kerastl.load_data(
            pd.DataFrame({"path": ["no.png"], "red": [1]}), image="path", tasks=["red"]
        )


def test_data_show_their_splits_and_labels_in_short(bright_images: Path) -> None:
    data = kerastl.load_data(bright_images / "table.csv", image="path", tasks=TASKS, input_size=32)
    assert repr(data) == "<Data of table.csv: 42 train, 9 validation, 9 test, tasks bright, red>"
    assert repr(data.examples) == "<Examples of table.csv: 60 rows, tasks bright, red>"
    html = data._repr_html_()
    assert "<th>train (42)</th>" in html
    assert "<td>21 yes, 21 no, 0 unknown</td>" in html
