"""Calibrated probabilities of windows, on the fastest engine that agrees with Keras."""

import keras
import numpy as np

from kerastl.errors import RunError
from kerastl.features.cache.location import cache_folder
from kerastl.features.engines.agreement import NUM_EXAMPLES
from kerastl.features.engines.engine import EngineName
from kerastl.features.source import FeatureSource
from kerastl.media.base import InputContract
from kerastl.media.media_types import media_type
from kerastl.progress import SILENT, Progress
from kerastl.run.bundle import Bundle
from kerastl.run.scoring import calibrate
from kerastl.run.trained_model import TrainedModel

_NUM_WINDOWS = 36_000  # of one hour: the engine is always chosen for this many


class WindowScorer:
    """Returns calibrated probabilities for windows of audio."""

    def __init__(
        self,
        model: keras.Model | TrainedModel,
        bundle: Bundle,
        *,
        cache: bool = True,
        engine: EngineName = "auto",
        progress: Progress = SILENT,
    ):
        trained = TrainedModel.of(model)
        self.rate_hz = sample_rate_of(bundle.input)
        self.num_samples = bundle.input.shape[0]
        self.words = bundle.task_names
        self._bundle = bundle
        self._heads = trained.head_logits(self.words)
        source = FeatureSource(cache=cache_folder() if cache else None, engine=engine)
        self._engine = source.select_engine(
            trained.feature_network,
            lambda: _sample(self.num_samples, self.rate_hz),
            dtype=np.dtype(np.float32),
            rule="windows of a recording",
            num_examples=_NUM_WINDOWS,
            progress=progress,
        )
        self.engine = self._engine.label  # name and precision

    def score(self, windows: np.ndarray) -> np.ndarray:
        """Returns calibrated probabilities, `(windows, words)`, of mono float32 in [-1, 1]."""
        (features,) = self._engine.run(iter([windows]))
        return calibrate(self._bundle, self._heads(features))


def sample_rate_of(contract: InputContract) -> int:
    """Returns the sample rate of a model's audio input in Hz.

    Raises:
        RunError: The model does not take audio.
    """
    if contract.recording_rate_hz is None:
        raise RunError(
            f"The run takes {media_type(contract.modality).collective}; only an audio run can "
            "listen to recordings.",
            expected="a run whose config has data.audio",
            received=f"a run for inputs of the shape {contract.shape}",
        )
    return contract.recording_rate_hz


def _sample(num_samples: int, rate_hz: int) -> np.ndarray:
    """Returns different gliding tones in noise, on which the engines are compared."""
    random = np.random.default_rng(0)
    seconds = np.arange(num_samples) / rate_hz
    pitch = random.uniform(80, 400, (NUM_EXAMPLES, 1))
    glide = random.uniform(-0.8, 0.8, (NUM_EXAMPLES, 1))
    phase = 2 * np.pi * pitch * (seconds + glide * seconds**2 / 2)
    tones = np.sum([np.sin(number * phase) / number for number in range(1, 9)], axis=0)
    noise = random.standard_normal((NUM_EXAMPLES, num_samples))
    levels = 10 ** random.uniform(-3, -1, (2, NUM_EXAMPLES, 1))
    return np.asarray(levels[0] * tones + levels[1] * noise, np.float32)
