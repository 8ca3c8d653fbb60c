"""A run in memory that answers: files or inputs to probabilities and decisions.

Convention: files are decoded by the rule of the run and pass through an engine that agrees with
Keras, as in `kerastl predict`, so the answers are the same.
"""

import io
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import soundfile

from kerastl.data.inputs.streams import Part
from kerastl.features.cache.location import cache_folder
from kerastl.features.computation import FeatureComputation
from kerastl.features.engines.agreement import NUM_EXAMPLES
from kerastl.features.source import FeatureSource
from kerastl.progress import SILENT, Progress
from kerastl.run.scoring import calibrate
from kerastl.runs import Run
from kerastl.serving.limits import RefusedError
from kerastl_runtime.image.opening import image_size
from kerastl_runtime.media_file import FileInMemory

_NUM_EXAMPLES = 36_000  # the engine is chosen for so many


class ServedRun:
    """A run whose model is in memory.

    Args:
        name: The name by which it is served.
        run: The run.
        cache: Whether to read the converted network from the cache and write it to it.
        progress: Receives a note about each engine that is tried.
    """

    def __init__(self, name: str, run: Run, *, cache: bool = True, progress: Progress = SILENT):
        self.name = name
        self.bundle = run.bundle
        self.decoder = run.bundle.media.decoder(run.bundle.input)
        self._heads = run.trained.head_logits(run.tasks)
        self._transformed = run.trained.transformed
        source = FeatureSource(cache=cache_folder() if cache else None)
        self._engine = source.select_engine(
            run.trained.joined_network,
            lambda: self.decoder.noise(NUM_EXAMPLES),
            dtype=self.decoder.dtype,
            rule=str(self.decoder.rule),
            num_examples=_NUM_EXAMPLES,
            progress=progress,
        )
        self.engine = self._engine.label
        self.score([np.asarray(self.decoder.noise(1))])  # what is built at the first call

    def decode(self, data: bytes, max_values: int) -> np.ndarray:
        """Returns the inputs of a file, `(inputs, *shape)`.

        Raises:
            MediaError: The file cannot be read.
            RefusedError: It would decode to more values.
        """
        _refuse_large(data, self.bundle.input.modality, max_values)
        return self.decoder.load(FileInMemory("file", data)).values

    def score(self, examples: Sequence[np.ndarray]) -> np.ndarray:
        """Returns calibrated probabilities, `(examples, tasks)`, of the inputs of each example."""
        counts = np.array([len(inputs) for inputs in examples])
        part = Part(
            rows=np.arange(len(examples)),
            values=np.concatenate(examples),
            keys=(None,) * len(examples),
            counts=None if (counts == 1).all() else counts,
        )
        computation = FeatureComputation(self._engine, iter([part]))
        ((_, features),) = computation.run(len(examples), title="Features", progress=SILENT)
        return calibrate(self.bundle, self._heads(self._transformed(features)))

    def answers(self, probabilities: np.ndarray) -> dict[str, dict[str, Any]]:
        """Returns probability, threshold and decision of each task for one example."""
        return {
            task: {"probability": value, "threshold": threshold, "decision": value >= threshold}
            for (task, threshold), value in zip(
                self.bundle.thresholds.items(), probabilities.tolist(), strict=True
            )
        }


def _num_pixels(data: bytes) -> int:
    width, height = image_size(data)
    return width * height


def _num_samples(data: bytes) -> int:
    try:
        found = soundfile.info(io.BytesIO(data))
    except (soundfile.SoundFileError, ValueError, TypeError):
        return 0  # the decoder says why it cannot be read
    return int(found.frames * found.channels)


_NUM_VALUES: Mapping[str, tuple[Callable[[bytes], int], str]] = {
    "image": (_num_pixels, "pixels"),
    "audio": (_num_samples, "samples"),
}


def _refuse_large(data: bytes, modality: str, most: int) -> None:
    count_values, noun = _NUM_VALUES.get(modality, (len, "bytes"))
    count = count_values(data)
    if count > most:
        raise RefusedError(413, f"The file has {count:,} {noun}; at most {most:,} are decoded.")
