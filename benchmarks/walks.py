"""Follows a value through a small training and lists the functions that receive it.

    python benchmarks/walks.py table|trainable|image|label

Convention: the value is marked so that it can be recognized in each of its forms (an image: its
file, its pixels, its features). A function is listed at its first call with the marked value in an
argument, up to three objects deep. Once a later form has been seen, earlier ones no longer count.
What a file is asked is not listed, as with any value.
"""

import argparse
import csv
import os
import sys
import tempfile
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from itertools import groupby
from pathlib import Path
from types import FrameType
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np
import pandas as pd
import tensorflow as tf
import yaml
from PIL import Image

import kerastl
from kerastl_runtime import media_file

PACKAGE = Path(kerastl.__file__).parent
ROWS, TEST_ROWS, SIDE = 72, 24, 32
COLOR = (201, 87, 33)
SOFT_LABEL = 0.7123
PATTERN = "*coars[e]*"
MOST_CALLS = 400  # of one function that are looked at
DEPTH = 3
ANSWERS = np.random.default_rng(3).integers(0, 2, ROWS).astype("float32")

Form = Callable[[Any], bool]


class Walk:
    """Records the functions of kerastl that receive a marked value.

    Args:
        forms: Recognize the value in its forms, the first form first.
        last: End of the path of the file in which the walk ends, or None.
    """

    def __init__(self, forms: list[Form], *, last: str | None = None) -> None:
        self._forms = forms
        self._last = last
        self._form = 0
        self._calls: Counter[Any] = Counter()
        self.steps: dict[tuple[str, str], None] = {}

    def __call__(self, frame: FrameType, event: str, _: object) -> None:
        code = frame.f_code
        file = code.co_filename
        is_ours = file.startswith(str(PACKAGE)) and file != media_file.__file__
        if event != "call" or not is_ours or code.co_name.startswith("<"):
            return
        step = (Path(file).relative_to(PACKAGE.parent).as_posix(), code.co_qualname)
        self._calls[step] += 1
        if step in self.steps or self._calls[step] > MOST_CALLS or self._is_over(step[0]):
            return
        number = code.co_argcount + code.co_kwonlyargcount
        arguments = [frame.f_locals.get(name) for name in code.co_varnames[:number]]
        for form in reversed(range(self._form, len(self._forms))):
            if any(holds(argument, self._forms[form], DEPTH) for argument in arguments):
                self._form = form
                self.steps[step] = None
                return

    def _is_over(self, file: str) -> bool:
        if self._last is None or file.endswith(self._last):
            return False
        return any(seen.endswith(self._last) for seen, _ in self.steps)

    def files(self) -> list[str]:
        """Returns the files in the order in which they are entered."""
        return [file for file, _ in groupby(file for file, _ in self.steps)]


def holds(value: Any, form: Form, depth: int) -> bool:
    """Whether a value or a part of it has the form."""
    if isinstance(value, str | np.ndarray | pd.DataFrame | pd.Series | tf.Tensor | Path):
        return form(value)
    return depth > 0 and (form(value) or any(holds(part, form, depth - 1) for part in parts(value)))


def parts(value: Any) -> Iterator[Any]:
    """Yields the items of a container and the attributes of an object of kerastl."""
    if isinstance(value, dict):
        yield from (*value.keys(), *value.values())
    elif isinstance(value, list | tuple):
        yield from value[:ROWS]
    elif type(value).__module__.startswith("kerastl") and not isinstance(value, keras.Layer):
        yield from vars(value).values() if hasattr(value, "__dict__") else ()


def text(*marks: str) -> Form:
    """Returns a form: text or a path that contains a mark."""
    return lambda value: isinstance(value, str | Path) and any(mark in str(value) for mark in marks)


def cells(*marks: str) -> Form:
    """Returns a form: a table or column in which a cell is one of the marks."""
    return lambda value: (
        (isinstance(value, pd.Series | pd.DataFrame) and value.isin(marks).to_numpy().any())
        or (isinstance(value, np.ndarray) and value.dtype == object and np.isin(value, marks).any())
    )


def numbers(is_marked: Callable[[np.ndarray], Any]) -> Form:
    """Returns a form: a numeric array for which `is_marked` is true."""

    def form(value: Any) -> bool:
        if isinstance(value, pd.DataFrame | pd.Series):
            value = value.select_dtypes("number") if isinstance(value, pd.DataFrame) else value
        elif not isinstance(value, np.ndarray) and not hasattr(value, "numpy"):
            return False
        array = np.asarray(value)
        return array.dtype.kind in "fiu" and array.size > 0 and bool(is_marked(array))

    return form


def has_color(array: np.ndarray) -> bool:
    """Whether pixels have the color of the marked image."""
    return array.ndim >= 3 and array.shape[-1] == 3 and np.isclose(array, COLOR).all(-1).any()


def has_answers(array: np.ndarray) -> bool:
    """Whether a column holds the labels of the test rows in their order."""
    if array.ndim not in (1, 2) or len(array) < TEST_ROWS:
        return False
    windows = np.lib.stride_tricks.sliding_window_view(
        array.reshape(len(array), -1), TEST_ROWS, axis=0
    )
    return (windows == ANSWERS[-TEST_ROWS:]).all(-1).any()


def write_data(folder: Path, *, trainable: Any) -> Path:
    """Writes images, a table and a config; returns the path of the config."""
    random = np.random.default_rng(0)
    rows = [["path", "bright", "other", "split"]]
    for number in range(ROWS):
        pixels = random.integers(0, 90, (SIDE, SIDE, 3)) + 100 * int(ANSWERS[number])
        image = np.full_like(pixels, COLOR) if number == 0 else pixels
        path = "marked.png" if number == 0 else f"{number:02d}.png"
        Image.fromarray(image.astype(np.uint8)).save(folder / path)
        split = "test" if number >= ROWS - TEST_ROWS else ("train", "validation")[number % 2]
        other = "-7" if number % 8 == 0 else str(number // 2 % 2)
        rows.append([path, "Y" if ANSWERS[number] else "N", other, split])
    with (folder / "marked.csv").open("w", newline="") as file:
        csv.writer(file).writerows(rows)
    labels = {
        "bright": {"positive": ["Y"], "negative": ["N"]},
        "other": {"uncertain": ["-7"], "when_uncertain": {"soft": SOFT_LABEL}},
    }
    data = {"table": "marked.csv", "image": "path", "tasks": ["bright", "other"]}
    config: dict[str, Any] = {
        "data": {**data, "labels": labels, "split": {"column": "split"}},
        "backbone": {"name": "tiny:image", "input_size": SIDE},
        "trainable": trainable,
        "fit": {"engine": "keras"},
    }
    if trainable:
        config["fit"] |= {"solver": "keras", "epochs": 1, "batch_size": 16}
        config["augment"] = None  # changes images in a graph, in which no value can be seen
    (folder / "walk.yaml").write_text(yaml.safe_dump(config))
    return folder / "walk.yaml"


def features_of_the_image() -> np.ndarray:
    """Returns the features of the marked image as they are cached."""
    model = kerastl.build_model(
        "tiny:image", ["bright"], input_size=SIDE, features={"transform": "none"}
    )
    pixels = np.full((1, SIDE, SIDE, 3), COLOR, "float32")
    return np.asarray(model.get_layer("backbone")(pixels))[0]


def has_row(row: np.ndarray) -> Callable[[np.ndarray], Any]:
    """Returns a test: whether an array of vectors contains one."""
    return lambda array: (
        array.shape[-1:] == row.shape and np.isclose(array, row, rtol=1e-3).all(-1).any()
    )


VALUES = ("table", "trainable", "image", "label")


def walk_of(value: str) -> tuple[Walk, Any]:
    """Returns the walk of a value, and the `trainable` of the training in which it happens."""
    config = text("walk.yaml")
    if value == "table":
        soft = numbers(lambda array: np.isclose(array, SOFT_LABEL).any())
        forms = [config, text("marked.csv"), cells("-7"), soft]
        return Walk(forms, last="losses.py"), {"stages": 1}
    if value == "trainable":
        return Walk([config, text(PATTERN)], last="backbones/layer.py"), {"variables": PATTERN}
    if value == "image":
        pixels, features = numbers(has_color), numbers(has_row(features_of_the_image()))
        forms = [text("marked.png"), pixels, features]
        return Walk(forms, last="store.py"), False
    return Walk([cells("Y", "N"), numbers(has_answers)]), False


def print_walk(value: str) -> None:
    """Runs the training and prints the functions in order, and how many files they are in."""
    walk, trainable = walk_of(value)
    with tempfile.TemporaryDirectory() as folder:
        os.environ["KERASTL_CACHE"] = f"{folder}/cache"
        config = write_data(Path(folder), trainable=trainable)
        threading.setprofile(walk)
        sys.setprofile(walk)
        kerastl.train(config, output=f"{folder}/run")
        sys.setprofile(None)
    for number, (file, function) in enumerate(walk.steps, start=1):
        print(f"{number:3}. {file}:{function}")
    files = walk.files()
    returns = Counter(files) - Counter(set(files))
    most = max(returns.values(), default=0)
    print(f"{len(set(files))} files, {sum(returns.values())} returns, at most {most} to one file")


def main() -> None:
    """Prints the walks of some values."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("values", choices=VALUES, nargs="+")
    tf.config.run_functions_eagerly(True)
    for value in parser.parse_args().values:
        print(f"{value}:")
        print_walk(value)


if __name__ == "__main__":
    main()
