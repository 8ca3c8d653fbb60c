"""What goes into a model for audio: the backbone's input and the input contract."""

import dataclasses
from dataclasses import dataclass
from typing import ClassVar, Literal, Self

from kerastl.errors import BackboneError
from kerastl.media.base import BackboneInput, InputContract

Window = Literal["start", "center", "loudest", "pool"]

DEFAULT_RATE_HZ = 16000
EXTENSIONS = (".wav", ".flac", ".ogg", ".mp3")
FORMATS = "WAV, FLAC, OGG or MP3"


@dataclass(frozen=True, kw_only=True)
class AudioInput(BackboneInput):
    """An audio clip: mono float32 in [-1, 1], shape `(batch, num_samples)`.

    Args:
        sample_rate_hz: Samples per second.
        num_samples: Length of the window that the network takes.
        min_samples: Shortest window that the network can take.
    """

    sample_rate_hz: int
    num_samples: int
    min_samples: int = 1

    modality: ClassVar[str] = "audio"

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of one example."""
        return (self.num_samples,)

    @property
    def window_seconds(self) -> float:
        """Length of the window in seconds."""
        return self.num_samples / self.sample_rate_hz

    @property
    def summary(self) -> str:
        """Length and sample rate in words."""
        return f"audio {self.window_seconds:g} s at {self.sample_rate_hz / 1000:g} kHz"

    def resized(self, size: int | tuple[int, int], *, backbone: str) -> Self:
        """Returns the input with another number of samples; see `BackboneInput`."""
        if not isinstance(size, int):
            raise BackboneError(
                f"The backbone '{backbone}' takes audio.",
                expected="input_size: a number of samples",
                received=str(size),
            )
        return dataclasses.replace(self, num_samples=size)


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
