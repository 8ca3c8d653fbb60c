"""The input contract of models for audio."""

from typing import Literal

from kerastl.media.audio.input import AudioInput
from kerastl.media.base import InputContract

Window = Literal["start", "center", "loudest", "pool"]

DEFAULT_RATE_HZ = 16000
EXTENSIONS = (".wav", ".flac", ".ogg", ".mp3")
FORMATS = "WAV, FLAC, OGG or MP3"


class AudioContract(InputContract):
    """The input contract for audio.

    Args:
        sample_rate_hz: Samples per second of an input; files are resampled to it.
        window: Which part of a longer audio clip becomes the input.
    """

    foreign_keys = frozenset({"resize"})

    modality: Literal["audio"] = "audio"
    sample_rate_hz: int = DEFAULT_RATE_HZ
    window: Window = "center"

    @property
    def has_windows(self) -> bool:
        """Whether an example can have several windows, whose features are averaged."""
        return self.window == "pool"

    @property
    def recording_rate_hz(self) -> int:
        """Sample rate of recordings that the model slides over."""
        return self.sample_rate_hz

    @property
    def details(self) -> tuple[str, ...]:
        """The sample rate."""
        return (f"{self.sample_rate_hz:,} Hz",)

    def backbone_input(self) -> AudioInput:
        """Returns the same input as a backbone states it."""
        return AudioInput(sample_rate_hz=self.sample_rate_hz, num_samples=self.shape[0])
