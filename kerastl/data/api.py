"""Data for direct use with Keras: `kerastl.load_data`."""

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from pydantic import Field

from kerastl.config import DataConfig
from kerastl.config.head import HeadsSpec, resolve_heads, task_names
from kerastl.data.inputs.batches import by_head, make_batches
from kerastl.data.inputs.streams import FileInputs
from kerastl.data.tables.examples import PARTS, Examples, refuse_missing_files
from kerastl.data.tables.loading import FRAME, load_frame, load_table
from kerastl.data.tables.splits import assign_splits
from kerastl.notebook import html_table, listed
from kerastl.settings import Count, Seed
from kerastl_runtime.input_contract import Resize, Window

if TYPE_CHECKING:
    import tensorflow as tf


@dataclass(frozen=True, kw_only=True)
class Data:
    """Batches of each split, and the examples they come from.

    Args:
        train: Shuffled batches `(x, y)`: x `(batch, height, width, 3)` in [0, 255] or
            `(batch, samples)` in [-1, 1], y `(batch, tasks)` with 1, 0 and NaN for unknown, or a
            dictionary by head name if there are several heads.
        validation: The same in the order of the table, without the training policies for
            uncertain labels.
        test: The same.
        examples: The examples with their splits.
    """

    train: "tf.data.Dataset"
    validation: "tf.data.Dataset"
    test: "tf.data.Dataset"
    examples: Examples

    def __repr__(self) -> str:
        sizes = ", ".join(f"{len(self.examples.rows(part))} {part}" for part in PARTS)
        return f"<Data of {self.examples.source}: {sizes}, tasks {listed(self.examples.tasks)}>"

    def _repr_html_(self) -> str:
        rows = [
            (task, *(_counts(labels[self.examples.rows(part)]) for part in PARTS))
            for task, labels in zip(self.examples.tasks, self.examples.labels.T, strict=True)
        ]
        sizes = [f"{part} ({len(self.examples.rows(part))})" for part in PARTS]
        return html_table(f"Labels of {self.examples.source}", ("task", *sizes), rows)

    @property
    def table(self) -> Examples:
        """The examples; use `examples`."""
        _warn_renamed("table", "examples")
        return self.examples

    @property
    def parts(self) -> np.ndarray:
        """Split of each example; use `examples.splits`."""
        _warn_renamed("parts", "examples.splits")
        return self.examples.splits


class _Arguments(DataConfig):
    """The arguments of `load_data` that have bounds."""

    batch_size: Count = Field(description="Examples per batch.")
    seed: Seed = Field(description="Seed of the training order.")


def load_data(
    table: str | Path | Sequence[str | Path] | pd.DataFrame,
    *,
    tasks: Sequence[str],
    image: str | None = None,
    audio: str | None = None,
    input_size: int | tuple[int, int] | None = None,
    group: str | None = None,
    split: Mapping[str, Any] | None = None,
    labels: Mapping[str, Mapping[str, Any]] | None = None,
    resize: Resize = "stretch",
    window: Window = "center",
    sample_rate_hz: int | None = None,
    heads: HeadsSpec = "single",
    batch_size: int = 32,
    seed: int = 0,
) -> Data:
    """Reads a table, splits it and decodes every file once.

    Args:
        table: CSV or Parquet, one row per example; a list of such tables; or a DataFrame, whose
            files are relative to the current folder.
        tasks: Columns with the labels: 1, 0 or blank.
        image: Column with each image: a path relative to the table, an address such as
            `https://...`, or in a Parquet file the bytes.
        audio: The same of audio files. Columns `start_seconds` and `end_seconds`
            cut examples out of files.
        input_size: Of images: side in pixels, or (height, width); None is 224. Of audio: number of
            samples; None is one second.
        group: Column of groups; rows of one group are always in the same split.
        split: `{"validation": 0.15, "test": 0.15}` or `{"column": name}`, as in a config.
        labels: Task to its label policy, as in a config. For `when_unknown`, pass
            `unknown_weight=data.examples.unknown_weight` to `kerastl.compile`.
        resize: `"stretch"`, `"pad"` or `"crop"`.
        window: Which part of a longer audio clip: `"start"`, `"center"`, `"loudest"`, or `"pool"`:
            in training a window that is drawn anew in each epoch, elsewhere the loudest.
        sample_rate_hz: Samples per second of audio; None is 16000.
        heads: As in `build_model`. With several heads, y is a dictionary by head name.
        batch_size: Examples per batch.
        seed: Seed of the training order.

    Raises:
        ModelError: The tasks are not a list, or the heads do not fit them.
        ConfigError: An argument is invalid; all problems are listed.
        TableError: The table or a column is missing.
        LabelError: A cell is not a label.
        MediaError: A file cannot be read.

    Example:

    ```python
    data = kerastl.load_data("driving.csv", image="path", tasks=["pedestrian", "car"])
    model.fit(data.train, validation_data=data.validation)
    ```
    """
    tasks = task_names(tasks)
    outputs = resolve_heads(heads, tasks)
    frame = table if isinstance(table, pd.DataFrame) else None
    config = _Arguments.parse(
        {
            "table": table if frame is None else FRAME,
            "image": image,
            "audio": audio,
            "tasks": tasks,
            "group": group,
            "split": {} if split is None else split,
            "labels": {} if labels is None else labels,
            "resize": resize,
            "window": window,
            "sample_rate_hz": sample_rate_hz,
            "batch_size": batch_size,
            "seed": seed,
        },
        where="the arguments of load_data",
    )
    examples = load_table(config) if frame is None else load_frame(frame, config)
    refuse_missing_files(examples)
    decided = config.media.decided_settings(config.media_settings, examples.files)
    config = config.changed(**decided)
    examples = assign_splits(examples, config.split)
    media, settings = config.media, config.media_settings
    taken = media.default_input(input_size, settings)
    contract = media.contract(taken.shape, settings, taken, backbone="none")
    inputs = FileInputs(examples.files, contract, cuts=examples.cuts)
    inputs.decode_all()

    def batches(part: str, values: np.ndarray, shuffle_seed: int | None) -> "tf.data.Dataset":
        return make_batches(
            inputs,
            by_head(values, outputs, tasks),
            examples.rows(part),
            batch_size=batch_size,
            shuffle_seed=shuffle_seed,
        )

    return Data(
        train=batches("train", examples.training_labels, seed),
        validation=batches("validation", examples.labels, None),
        test=batches("test", examples.labels, None),
        examples=examples,
    )


def _warn_renamed(old: str, new: str) -> None:
    warnings.warn(f"`Data.{old}` is now `Data.{new}`.", DeprecationWarning, stacklevel=3)


def _counts(labels: np.ndarray) -> str:
    yes, no, unknown = ((labels == 1).sum(), (labels == 0).sum(), np.isnan(labels).sum())
    return f"{yes} yes, {no} no, {unknown} unknown"
