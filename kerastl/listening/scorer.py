"""Probabilities of windows: the backbone on the fastest engine that agrees, heads, calibration."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

import keras
import numpy as np

from kerastl.data.inputs.streams import Part
from kerastl.errors import RunError
from kerastl.evaluation.calibration import calibrated_probabilities
from kerastl.features.cache.fingerprint import combined_fingerprint, network_fingerprint
from kerastl.features.cache.folder import ENGINES, cache_folder
from kerastl.features.engines.agreement import NUM_EXAMPLES
from kerastl.features.engines.choice import EngineName, Engines
from kerastl.heads.builder import find_layer
from kerastl.heads.logits import HeadLogits
from kerastl.progress import SILENT, Progress
from kerastl.run.bundle import Calibration, InputContract

if TYPE_CHECKING:
    from kerastl.run.folder import Run

_WORTH = 36_000  # windows of an hour: for these an engine is chosen, so that it is always the same


class WindowScorer:
    """Gives calibrated probabilities for windows of sound.

    Args:
        model: A model of `kerastl.build_model` for sounds.
        calibrations: Of each task, in the order of the probabilities.
        contract: What goes into the model.
        cache: Whether the converted network is kept for later, and used.
        engine: `"auto"`, or the engine to use.
        progress: Told which engine is used, and why.

    Raises:
        RunError: The model takes pictures.
    """

    def __init__(
        self,
        model: keras.Model,
        calibrations: Mapping[str, Calibration],
        contract: InputContract,
        *,
        cache: bool = True,
        engine: EngineName = "auto",
        progress: Progress = SILENT,
    ):
        self.rate_hz = _rate(contract)
        self.num_samples = contract.shape[0]
        self.words = tuple(calibrations)
        self._calibrations = tuple(calibrations.values())
        self._heads = HeadLogits(model, self.words)
        network = find_layer(model).model
        rule = {"network": network_fingerprint(network), "rule": "windows of a recording"}
        engines = Engines(
            network,
            np.dtype(np.float32),
            asked=engine,
            folder=cache_folder() / ENGINES / combined_fingerprint(rule) if cache else None,
            sample=lambda: _sample(self.num_samples, self.rate_hz),
            progress=progress,
        )
        label = engines.known("exact") or engines.choose("exact", _WORTH)
        self._engine = engines.engine(label)

    @classmethod
    def of_run(
        cls, run: "Run", *, cache: bool = True, progress: Progress = SILENT
    ) -> "WindowScorer":
        """Returns the scorer of a finished run."""
        calibrations = {name: task.calibration for name, task in run.bundle.tasks.items()}
        _rate(run.bundle.input)  # before the model is loaded
        return cls(run.model, calibrations, run.bundle.input, cache=cache, progress=progress)

    @property
    def engine(self) -> str:
        """Name and precision of the engine."""
        return self._engine.label

    def score(self, windows: np.ndarray) -> np.ndarray:
        """Returns calibrated probabilities, `(windows, words)`.

        Args:
            windows: Mono float32 in [-1, 1], shape `(windows, num_samples)`.
        """
        rows = np.arange(len(windows))
        keys = (None,) * len(rows)
        part = Part(rows=rows, values=windows, keys=keys, errors={}, seconds=0.0)
        ((_, features),) = self._engine.run(iter([part]))
        return calibrated_probabilities(
            self._heads(features),
            [one.scale for one in self._calibrations],
            [one.offset for one in self._calibrations],
        )


def _rate(contract: InputContract) -> int:
    if contract.sample_rate_hz is None:
        raise RunError(
            "The run takes pictures; only a run of sounds can listen to recordings.",
            expected="a run whose config has data.audio",
            received=f"a run for inputs of the shape {contract.shape}",
        )
    return contract.sample_rate_hz


def _sample(num_samples: int, rate_hz: int) -> np.ndarray:
    """Returns sounds on which engines are compared: gliding tones in noise, each another."""
    random = np.random.default_rng(0)
    seconds = np.arange(num_samples) / rate_hz
    pitch = random.uniform(80, 400, (NUM_EXAMPLES, 1))
    glide = random.uniform(-0.8, 0.8, (NUM_EXAMPLES, 1))
    phase = 2 * np.pi * pitch * (seconds + glide * seconds**2 / 2)
    tones = np.sum([np.sin(number * phase) / number for number in range(1, 9)], axis=0)
    noise = random.standard_normal((NUM_EXAMPLES, num_samples))
    levels = 10 ** random.uniform(-3, -1, (2, NUM_EXAMPLES, 1))
    return np.asarray(levels[0] * tones + levels[1] * noise, np.float32)
