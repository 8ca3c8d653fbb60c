"""Data for whoever calls Keras directly: `kerastl.load_data`."""

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from kerastl.config import DataConfig
from kerastl.data.inputs.batches import Labels, make_batches
from kerastl.data.inputs.decoders import DEFAULT_RATE_HZ
from kerastl.data.inputs.streams import FileInputs
from kerastl.data.tables.examples import Examples, refuse_missing_files
from kerastl.data.tables.loading import load_table
from kerastl.data.tables.splits import assign_splits

if TYPE_CHECKING:
    import tensorflow as tf

Resize = Literal["stretch", "pad", "crop"]
Window = Literal["start", "center", "loudest", "pool"]

_SIDE = 224  # pixels


@dataclass(frozen=True, kw_only=True)
class Data:
    """Batches of each part, and the table they came from.

    Args:
        train: Shuffled batches `(x, y)`: x `(batch, height, width, 3)` in [0, 255] or
            `(batch, samples)` in [-1, 1], y `(batch, tasks)` with 1, 0 and NaN for unknown, or a
            dictionary by head.
        validation: The same in the order of the table, without the training policies for
            uncertain labels.
        test: The same.
        examples: The examples with their splits.
    """

    train: "tf.data.Dataset"
    validation: "tf.data.Dataset"
    test: "tf.data.Dataset"
    examples: Examples

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


@dataclass(frozen=True, kw_only=True)
class _Contract:
    modality: str
    shape: tuple[int, ...]
    resize: str
    window: str
    sample_rate_hz: int | None


def load_data(
    table: str | Path,
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
    heads: str | Mapping[str, Sequence[str]] = "single",
    batch_size: int = 32,
    seed: int = 0,
) -> Data:
    """Reads a table, splits it and decodes every file once.

    Args:
        table: CSV or Parquet, one row per example.
        tasks: Columns with the labels: 1, 0 or blank.
        image: Column with the picture's file, relative to the table.
        audio: Column with the sound's file. Columns `start_seconds` and `end_seconds` cut it.
        input_size: Pictures: side in pixels, or (height, width); None is 224. Sounds: number of
            samples; None is one second.
        group: Column whose rows never fall into different parts.
        split: `{"validation": 0.15, "test": 0.15}` or `{"column": name}`, as in a config.
        labels: Task to its label policy, as in a config.
        resize: `"stretch"`, `"pad"` or `"crop"`.
        window: Which part of a longer sound: `"start"`, `"center"`, `"loudest"`, or `"pool"`: in
            training one of its windows, drawn anew in each epoch, elsewhere the loudest.
        sample_rate_hz: Samples per second of the sounds; None is 16000.
        heads: `"single"`: y is one array. `"multi"`: a dictionary by task. Or head to its tasks.
        batch_size: Examples per batch.
        seed: Seed of the training order.

    Raises:
        ConfigError: An argument is invalid; all problems are listed.
        TableError: The table or a column is missing.
        LabelError: A cell is no label.
        MediaError: A file can't be read.

    Example:

    ```python
    data = kerastl.load_data("driving.csv", image="path", tasks=["pedestrian", "car"])
    model.fit(data.train, validation_data=data.validation)
    ```
    """
    config = DataConfig.parse(
        {
            "table": Path(table).absolute(),
            "image": image,
            "audio": audio,
            "tasks": tasks if isinstance(tasks, str) else tuple(tasks),
            "group": group,
            "split": split or {},
            "labels": labels or {},
            "resize": resize,
            "window": window,
            "sample_rate_hz": sample_rate_hz,
        },
        where="the arguments of load_data",
    )
    examples = load_table(config)
    refuse_missing_files(examples)
    examples = assign_splits(examples, config.split)
    inputs = FileInputs(examples.paths, _contract(config, input_size), segments=examples.segments)
    inputs.decode_all()

    def batches(part: str, values: np.ndarray, shuffle_seed: int | None) -> "tf.data.Dataset":
        return make_batches(
            inputs,
            _by_head(values, tuple(tasks), heads),
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


def _contract(config: DataConfig, size: int | tuple[int, int] | None) -> _Contract:
    rate_hz = config.sample_rate_hz or DEFAULT_RATE_HZ
    if config.modality == "audio":
        shape: tuple[int, ...] = (size if isinstance(size, int) else rate_hz,)
    else:
        shape = (*((size, size) if isinstance(size, int) else size or (_SIDE, _SIDE)), 3)
    return _Contract(
        modality=config.modality,
        shape=shape,
        resize=config.resize,
        window=config.window,
        sample_rate_hz=rate_hz if config.modality == "audio" else None,
    )


def _by_head(
    labels: np.ndarray, tasks: tuple[str, ...], heads: str | Mapping[str, Sequence[str]]
) -> Labels:
    if heads == "single":
        return labels
    answered = {task: [task] for task in tasks} if isinstance(heads, str) else heads
    return {
        name: labels[:, [tasks.index(task) for task in chosen]] for name, chosen in answered.items()
    }
