"""Predictions of an exported model: from files to calibrated probabilities and decisions."""

import importlib
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Literal

import numpy as np

from kerastl_runtime.decoder import WHOLE, Cut, Decoder
from kerastl_runtime.engines import load_engine
from kerastl_runtime.errors import MediaError, RunError
from kerastl_runtime.exported_bundle import ExportedBundle, read_bundle
from kerastl_runtime.input_contract import AudioContract, Contract
from kerastl_runtime.media_file import FileInMemory, LocalFile, MediaFile
from kerastl_runtime.threads import in_order

_BATCH = 8  # inputs at a time

OnError = Literal["raise", "collect"]


@dataclass(frozen=True, kw_only=True)
class Prediction:
    """The answers for one example.

    Args:
        name: The path, or the place among the inputs.
        probabilities: Calibrated, in [0, 1], of each task; empty if the file cannot be read.
        decisions: Whether each probability reaches the task's threshold.
        error: Why the file cannot be read, or None.
    """

    name: str
    probabilities: Mapping[str, float]
    decisions: Mapping[str, bool]
    error: str | None = None


class Predictor:
    """An exported model with everything that its run does: reading, calibration, thresholds.

    Args:
        folder: The folder of an export, with `bundle.json`.
        threads: Threads of the runtime, None for one per processor.

    Raises:
        RunError: The folder holds no such model, a file has changed, or its runtime is missing.

    Example:

    ```python
    Predictor("export/onnx")(["a.jpg", array, data])[0].probabilities["car"]
    ```
    """

    def __init__(self, folder: str | Path, *, threads: int | None = None):
        self.bundle = read_bundle(folder)
        self._decoder = _decoder(self.bundle.contract)
        self._engine = load_engine(self.bundle, threads=threads)
        self._answer([self._decoder.noise(1)])

    @property
    def tasks(self) -> tuple[str, ...]:
        """The tasks in their order."""
        return tuple(self.bundle.columns)

    @property
    def thresholds(self) -> Mapping[str, float]:
        """The probability from which on the answer of each task is yes."""
        return self.bundle.thresholds

    def __call__(self, inputs: Any, *, on_error: OnError = "raise") -> list[Prediction]:
        """Predicts examples.

        Args:
            inputs: One of these or a list of them: a path; the bytes of a file; a PIL image; an RGB
                image, uint8 `(height, width, 3)`; audio, float `(samples,)` at the sample rate of
                the contract.
            on_error: `"collect"` returns why a file cannot be read instead of raising it.

        Returns:
            One prediction per example in the given order.

        Raises:
            MediaError: A file cannot be read, with `on_error="raise"`.
            RunError: A value of another shape or type.
        """
        files = find_files(inputs, self.bundle.contract)
        found, errors = self.probabilities(files, on_error=on_error)
        return [
            _prediction(str(file), row, self.bundle, errors.get(number))
            for number, (file, row) in enumerate(zip(files, found.tolist(), strict=True))
        ]

    def probabilities(
        self,
        files: Sequence[MediaFile],
        cuts: Sequence[Cut] | None = None,
        *,
        on_error: OnError = "raise",
        advance: Callable[[int], None] = lambda done: None,
    ) -> tuple[np.ndarray, Mapping[int, str]]:
        """Returns calibrated probabilities, `(files, tasks)`, NaN for unreadable files.

        Args:
            files: The file of each example.
            cuts: The part of its file that each example is; None for whole files.
            on_error: `"collect"` returns the index of each unreadable file to the reason.
            advance: Receives the number of examples that are done.

        Raises:
            MediaError: A file cannot be read, with `on_error="raise"`.
        """
        found = np.full((len(files), len(self.tasks)), np.nan)
        errors: dict[int, str] = {}
        for rows, examples in self._batches(files, cuts, on_error, errors):
            found[rows] = self._answer(examples)
            advance(rows[-1] + 1)
        return found, errors

    def _batches(
        self,
        files: Sequence[MediaFile],
        cuts: Sequence[Cut] | None,
        on_error: OnError,
        errors: dict[int, str],
    ) -> Iterator[tuple[list[int], list[np.ndarray]]]:
        """Yields indices with the inputs of each example, while threads decode the next ones."""
        tasks = (
            partial(_decoded, self._decoder, file, WHOLE if cuts is None else cuts[row])
            for row, file in enumerate(files)
        )
        rows: list[int] = []
        examples: list[np.ndarray] = []
        for row, example in enumerate(in_order(tasks, num_ahead=2 * _BATCH)):
            if isinstance(example, MediaError):
                if on_error == "raise":
                    raise example
                errors[row] = example.what
                continue
            if sum(map(len, examples)) + len(example) > _BATCH and examples:
                yield rows, examples
                rows, examples = [], []
            rows.append(row)
            examples.append(example)
        if examples:
            yield rows, examples

    def _answer(self, examples: Sequence[np.ndarray]) -> np.ndarray:
        """Returns probabilities, `(examples, tasks)`, of the inputs of each example."""
        if self.bundle.joins_windows:
            return np.concatenate([self._run(inputs) for inputs in examples])
        if max(map(len, examples)) > 1:
            raise RunError(
                "This model cannot join several windows of an audio clip.",
                where=str(self.bundle.model),
                expected="audio clips of at most one window",
                fix="Use `kerastl predict` with the run.",
            )
        inputs = np.concatenate(examples)
        size = self.bundle.batch or len(inputs)
        return np.concatenate(
            [self._run(inputs[at : at + size]) for at in range(0, len(inputs), size)]
        )

    def _run(self, inputs: np.ndarray) -> np.ndarray:
        """Returns the probabilities of the tasks in their order, one row for each answer."""
        try:
            outputs = self._engine(inputs)
            columns = [outputs[head][:, place] for head, place in self.bundle.columns.values()]
            return np.stack(columns, axis=1).astype(np.float64)
        except Exception as error:  # runtimes raise anything
            raise RunError(
                "The exported model does not answer as its bundle says.",
                where=str(self.bundle.model),
                received=f"{type(error).__name__}: {' '.join(str(error).split())}"[:300],
                fix="Export the run again.",
            ) from error


def find_files(inputs: Any, contract: Contract) -> list[MediaFile]:
    """Returns the file of each input; values in memory become files that hold them exactly.

    Raises:
        RunError: There are no inputs, or one is no example of the media type.
    """
    given = list(inputs) if isinstance(inputs, list | tuple | Iterator) else [inputs]
    if not given:
        raise RunError("There is nothing to predict.", expected=f"files of {contract.modality}")
    return [_file(item, f"inputs[{place}]", contract) for place, item in enumerate(given)]


def _file(item: Any, name: str, contract: Contract) -> MediaFile:
    if isinstance(item, str | Path):
        return LocalFile(item)
    if isinstance(item, bytes | bytearray | memoryview):
        return FileInMemory(name, bytes(item))
    data = _encoded(item, contract)
    if data is None:
        shape, kind = getattr(item, "shape", None), getattr(item, "dtype", None)
        is_audio = isinstance(contract, AudioContract)
        values = "floats (samples,)" if is_audio else "PIL images, uint8 (height, width, 3)"
        raise RunError(
            "Something to predict is neither a file nor a value of the model's kind.",
            where=name,
            expected=f"a path, the bytes of a file, {values}",
            received=type(item).__name__ + (f" of {kind}, shape {tuple(shape)}" if shape else ""),
        )
    return FileInMemory(name, data)


def _encoded(item: Any, contract: Contract) -> bytes | None:
    if isinstance(contract, AudioContract):
        from kerastl_runtime.audio.encoding import encode_audio

        return encode_audio(item, contract.sample_rate_hz)
    from kerastl_runtime.image.encoding import encode_image

    return encode_image(item)


def _decoder(contract: Contract) -> Decoder:
    package, name = f"kerastl_runtime.{contract.modality}.decoding", contract.modality.title()
    try:
        decoder: Decoder = getattr(importlib.import_module(package), f"{name}Decoder")(contract)
    except ImportError as error:
        raise RunError(
            f"Reading {contract.modality} files needs a package that is missing.",
            received=str(error),
            fix=f"pip install 'kerastl-runtime[{contract.modality}]'",
        ) from None
    return decoder


def _decoded(decoder: Decoder, file: MediaFile, cut: Cut) -> np.ndarray | MediaError:
    try:
        return decoder.load(file, cut).values
    except MediaError as error:
        return error


def _prediction(
    name: str, row: Sequence[float], bundle: ExportedBundle, error: str | None
) -> Prediction:
    probabilities = {
        task: value
        for task, value in zip(bundle.columns, row, strict=True)
        if not math.isnan(value)
    }
    decisions = {task: value >= bundle.thresholds[task] for task, value in probabilities.items()}
    return Prediction(name=name, probabilities=probabilities, decisions=decisions, error=error)
