"""The audio that a backbone takes."""

import dataclasses
from dataclasses import dataclass
from typing import ClassVar, Self

from kerastl.errors import BackboneError
from kerastl.media.backbone_input import BackboneInput


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
        if not isinstance(size, int) or size < 1:
            raise BackboneError(
                f"The backbone '{backbone}' takes audio.",
                expected="input_size: a number of samples",
                received=str(size),
            )
        return dataclasses.replace(self, num_samples=size)
