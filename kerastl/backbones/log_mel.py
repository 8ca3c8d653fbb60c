"""The front end of backbones for audio: from the raw waveform to its log-mel spectrogram.

Convention: it is a layer of the network, so training, prediction and every export take the raw
waveform. It has no weights and draws nothing at random.
"""

from typing import Any, Literal

import keras
from keras import ops

Normalization = Literal["clip", "none"]

_EPSILON = 1e-3  # squared decibels: below it, a clip is silent and becomes 0 throughout


@keras.saving.register_keras_serializable(package="kerastl")
class LogMel(keras.layers.Layer):
    """The log-mel spectrogram of a waveform, in decibels, each clip normalized by itself.

    No value of a clip depends on the other clips of its batch (`keras.layers.MelSpectrogram` clips
    against the loudest of them by default). Computed in float32 whatever the dtype policy says,
    because float16 cannot represent the powers of quiet audio.

    Args:
        sample_rate_hz: Samples per second of the waveform.
        window_seconds: Length of one frame, above 0.
        hop_seconds: From one frame to the next, above 0.
        num_bands: Mel bands.
        min_hz: Lower edge of the lowest band, in hertz.
        max_hz: Upper edge of the highest band, in hertz; None is half the sample rate.
        subtract_mean: Takes from each band its mean over the clip, which removes what a microphone
            or a room adds to all of it.
        normalization: `"clip"` brings each clip to mean 0 and variance 1 over all frames and bands,
            which removes its level; a silent clip becomes 0. `"none"` leaves decibels.
        min_power: Lowest power; anything quieter is raised to it.

    Input shape:
        `(batch, samples)`, float in [-1, 1].

    Output shape:
        `(batch, frames, num_bands)`, float32, with `1 + samples // hop` frames.

    Example:

    ```python
    waveform = keras.Input((16000,))
    spectrogram = kerastl.backbones.log_mel.LogMel(sample_rate_hz=16000)(waveform)  # (101, 64)
    ```

    Reference:
        Stevens, Volkmann and Newman (1937), https://doi.org/10.1121/1.1915893
    """

    def __init__(
        self,
        *,
        sample_rate_hz: int,
        window_seconds: float = 0.025,
        hop_seconds: float = 0.010,
        num_bands: int = 64,
        min_hz: float = 60.0,
        max_hz: float | None = None,
        subtract_mean: bool = False,
        normalization: Normalization = "clip",
        min_power: float = 1e-5,
        **kwargs: Any,
    ):
        kwargs["dtype"] = "float32"
        super().__init__(**kwargs)
        self.sample_rate_hz = sample_rate_hz
        self.window_seconds = window_seconds
        self.hop_seconds = hop_seconds
        self.num_bands = num_bands
        self.min_hz = min_hz
        self.max_hz = max_hz
        self.subtract_mean = subtract_mean
        self.normalization = normalization
        self.min_power = min_power
        self.hop = round(hop_seconds * sample_rate_hz)
        window = round(window_seconds * sample_rate_hz)
        self._mel = keras.layers.MelSpectrogram(
            fft_length=2 ** (window - 1).bit_length(),
            sequence_stride=self.hop,
            sequence_length=window,
            sampling_rate=sample_rate_hz,
            num_mel_bins=num_bands,
            min_freq=min_hz,
            max_freq=max_hz,
            top_db=1000.0,  # the default, 80, is relative to the loudest clip of the batch
            min_power=min_power,
            dtype="float32",
            name="mel",
        )

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        self._mel.build(input_shape)

    def call(self, inputs: Any) -> Any:
        decibels = ops.transpose(self._mel(inputs), (0, 2, 1))
        if self.subtract_mean:
            decibels = decibels - ops.mean(decibels, axis=1, keepdims=True)
        if self.normalization == "none":
            return decibels
        centered = decibels - ops.mean(decibels, axis=(1, 2), keepdims=True)
        variance = ops.mean(ops.square(centered), axis=(1, 2), keepdims=True)
        return centered * ops.rsqrt(variance + _EPSILON)

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        samples = input_shape[1]
        frames = None if samples is None else 1 + samples // self.hop
        return (input_shape[0], frames, self.num_bands)

    def get_config(self) -> dict[str, Any]:
        config = super().get_config()
        del config["dtype"]
        return {
            **config,
            "sample_rate_hz": self.sample_rate_hz,
            "window_seconds": self.window_seconds,
            "hop_seconds": self.hop_seconds,
            "num_bands": self.num_bands,
            "min_hz": self.min_hz,
            "max_hz": self.max_hz,
            "subtract_mean": self.subtract_mean,
            "normalization": self.normalization,
            "min_power": self.min_power,
        }
