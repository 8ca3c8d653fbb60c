"""Data for whoever calls Keras directly: `kerastl.load_data`."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from kerastl.config import ColumnSplit, DataConfig, FractionSplit, LabelPolicy
from kerastl.data.batches import Labels, make_batches
from kerastl.data.examples import decode_inputs
from kerastl.data.splits import assign_splits
from kerastl.data.table import Table, load_table, refuse_missing_files

if TYPE_CHECKING:
    import tensorflow as tf

Resize = Literal["stretch", "pad", "crop"]


@dataclass(frozen=True, kw_only=True)
class Data:
    """Batches of each part, and the table they came from.

    Args:
        train: Shuffled batches `(x, y)`: x `(batch, height, width, 3)` in [0, 255], y
            `(batch, tasks)` with 1, 0 and NaN for unknown, or a dictionary by head.
        validation: The same in the order of the table, without the training policies for
            uncertain labels.
        test: The same.
        table: The examples.
        parts: Split of each example.
    """

    train: "tf.data.Dataset"
    validation: "tf.data.Dataset"
    test: "tf.data.Dataset"
    table: Table
    parts: np.ndarray


@dataclass(frozen=True, kw_only=True)
class _Contract:
    modality: str
    shape: tuple[int, ...]
    resize: str


def load_data(
    table: str | Path,
    *,
    tasks: Sequence[str],
    image: str | None = None,
    audio: str | None = None,
    input_size: int | tuple[int, int] = 224,
    group: str | None = None,
    split: Mapping[str, Any] | None = None,
    labels: Mapping[str, Mapping[str, Any]] | None = None,
    resize: Resize = "stretch",
    heads: str | Mapping[str, Sequence[str]] = "single",
    batch_size: int = 32,
    seed: int = 0,
) -> Data:
    """Reads a table, splits it and decodes every file once.

    Args:
        table: CSV or Parquet, one row per example.
        tasks: Columns with the labels: 1, 0 or blank.
        image: Column with the picture's file, relative to the table.
        audio: Column with the sound's file.
        input_size: Side of the pictures in pixels, or (height, width).
        group: Column whose rows never fall into different parts.
        split: `{"validation": 0.15, "test": 0.15}` or `{"column": name}`, as in a config.
        labels: Task to its label policy, as in a config.
        resize: `"stretch"`, `"pad"` or `"crop"`.
        heads: `"single"`: y is one array. `"multi"`: a dictionary by task. Or head to its tasks.
        batch_size: Examples per batch.
        seed: Seed of the training order.

    Raises:
        TableError: The table or a column is missing.
        LabelError: A cell is no label.
        MediaError: A file can't be read.

    Example:

    ```python
    data = kerastl.load_data("driving.csv", image="path", tasks=["pedestrian", "car"])
    model.fit(data.train, validation_data=data.validation)
    ```
    """
    config = DataConfig(
        table=Path(table).absolute(),
        image=image,
        audio=audio,
        tasks=tuple(tasks),
        group=group,
        split=_split(split),
        labels={task: LabelPolicy(**policy) for task, policy in (labels or {}).items()},
        resize=resize,
    )
    examples = load_table(config)
    refuse_missing_files(examples)
    parts = assign_splits(examples, config.split)
    sides = (input_size, input_size) if isinstance(input_size, int) else tuple(input_size)
    decoded = decode_inputs(
        examples.paths, _Contract(modality=config.modality, shape=(*sides, 3), resize=resize)
    )

    def batches(part: str, values: np.ndarray, shuffle_seed: int | None) -> "tf.data.Dataset":
        return make_batches(
            decoded.inputs,
            _by_head(values, tuple(tasks), heads),
            np.flatnonzero(parts == part),
            batch_size=batch_size,
            shuffle_seed=shuffle_seed,
        )

    return Data(
        train=batches("train", examples.training_labels, seed),
        validation=batches("validation", examples.labels, None),
        test=batches("test", examples.labels, None),
        table=examples,
        parts=parts,
    )


def _split(split: Mapping[str, Any] | None) -> FractionSplit | ColumnSplit:
    settings = dict(split or {})
    return ColumnSplit(**settings) if "column" in settings else FractionSplit(**settings)


def _by_head(
    labels: np.ndarray, tasks: tuple[str, ...], heads: str | Mapping[str, Sequence[str]]
) -> Labels:
    if heads == "single":
        return labels
    answered = {task: [task] for task in tasks} if isinstance(heads, str) else heads
    return {
        name: labels[:, [tasks.index(task) for task in chosen]] for name, chosen in answered.items()
    }
