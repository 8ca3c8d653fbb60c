"""The audio encoders of KerasHub: from the waveform to features.

Convention: what the audio converter of a preset computes is a layer of the network. The decoder is
left out. All frames of a window count, silence that was padded included.
"""

from collections.abc import Callable, Mapping
from typing import Any

import keras
import keras_hub
import numpy as np
from keras import ops

from kerastl.backbones import BackboneError
from kerastl_hub.architectures import ARCHITECTURES
from kerastl_hub.folders import Contents, longest
from kerastl_hub.layers import name_layers


@keras.saving.register_keras_serializable(package="kerastl_hub")
class WhisperSpectrogram(keras.layers.Layer):
    """The log-mel spectrogram that Whisper was trained on, scaled by the loudest of each window.

    Computed in float32 whatever the dtype policy says. The Fourier transform is a convolution,
    because LiteRT transforms only frames of a power of two.

    Args:
        num_mels: Mel bands.
        num_fft_bins: Samples of one frame, which is the length of the Fourier transform too.
        stride: Samples from one frame to the next.
        sampling_rate: Samples per second.

    Input shape:
        `(batch, samples)`, float in [-1, 1].

    Output shape:
        `(batch, samples // stride, num_mels)`, float32.

    Reference:
        Radford et al. (2022), https://arxiv.org/abs/2212.04356
    """

    def __init__(
        self,
        *,
        num_mels: int = 80,
        num_fft_bins: int = 400,
        stride: int = 160,
        sampling_rate: int = 16_000,
        **kwargs: Any,
    ):
        super().__init__(**{**kwargs, "dtype": "float32"})
        self.arguments = {
            "num_mels": num_mels,
            "num_fft_bins": num_fft_bins,
            "stride": stride,
            "sampling_rate": sampling_rate,
        }
        self._filters = keras_hub.layers.WhisperAudioConverter(**self.arguments).mel_filters
        self._waves = _windowed_waves(num_fft_bins)

    def call(self, inputs: Any) -> Any:
        length, stride = self.arguments["num_fft_bins"], self.arguments["stride"]
        padded = ops.pad(inputs, [[0, 0], [length // 2, length // 2]], mode="reflect")
        parts = ops.conv(
            padded[..., None], self._waves, strides=stride, data_format="channels_last"
        )
        real, imaginary = ops.split(ops.square(parts[:, :-1]), 2, axis=-1)
        power = real + imaginary
        decades = ops.log10(ops.maximum(ops.matmul(power, self._filters), 1e-10))
        loudest = ops.max(decades, axis=(1, 2), keepdims=True)
        return (ops.maximum(decades, loudest - 8) + 4) / 4

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        frames = input_shape[1] and input_shape[1] // self.arguments["stride"]
        return (input_shape[0], frames, self.arguments["num_mels"])

    def get_config(self) -> dict[str, Any]:
        config = super().get_config()
        del config["dtype"]
        return {**config, **self.arguments}


def _windowed_waves(length: int) -> np.ndarray:
    """Returns cosines and sines in a Hann window, `(length, 1, 2 * (length // 2 + 1))`."""
    times = np.arange(length)
    angles = 2 * np.pi * (np.outer(times, np.arange(length // 2 + 1)) % length) / length
    window = 0.5 - 0.5 * np.cos(2 * np.pi * times / length)
    waves = np.concatenate([np.cos(angles), np.sin(angles)], axis=1) * window[:, None]
    return np.asarray(waves[:, None], np.float32)


@keras.saving.register_keras_serializable(package="kerastl_hub")
class AddPositions(keras.layers.Layer):
    """Adds position embeddings that are never trained, such as the sinusoids of Whisper."""

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        self.positions = self.add_weight(
            name="positions", shape=input_shape[1:], trainable=False, initializer="zeros"
        )

    def call(self, inputs: Any) -> Any:
        return inputs + ops.cast(self.positions, inputs.dtype)


@keras.saving.register_keras_serializable(package="kerastl_hub")
class HubAudioNetwork(keras.Model):
    """A functional model from mono float32 in [-1, 1] to features `(batch, feature_dim)`.

    The features are the mean of the encoder's output over all frames.

    Args:
        architecture: Key of `ARCHITECTURES`.
        config: Arguments of the encoder; see `audio_config_of`.
        converter: Arguments of the audio converter, without the length of its window.
        num_samples: Length of the window.
        encoder: A backbone of KerasHub with this config; None builds one with random weights.
    """

    def __init__(
        self,
        *,
        architecture: str,
        config: Mapping[str, Any],
        converter: Mapping[str, Any],
        num_samples: int,
        encoder: keras.Model | None = None,
        **kwargs: Any,
    ):
        if encoder is None:
            encoder = build_audio_encoder(architecture, config)
        raw = keras.Input((num_samples,), name="audio")
        frames = _CHAINS[architecture](encoder, raw, config, converter)
        features = ops.mean(frames, axis=1)
        if keras.backend.standardize_dtype(features.dtype) != "float32":
            features = ops.cast(features, "float32")
        super().__init__(raw, features, **kwargs)
        name_layers(self, encoder.name)
        self.arguments: dict[str, Any] = {
            "architecture": architecture,
            "config": dict(config),
            "converter": dict(converter),
            "num_samples": num_samples,
        }

    def get_config(self) -> dict[str, Any]:
        return {"name": self.name, **dict(self.arguments)}

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: Any = None) -> "HubAudioNetwork":
        if config.get("architecture") not in _CHAINS:
            raise ValueError(f"There is no architecture {config.get('architecture')!r}.")
        return cls(**config)


def make_audio_network(
    identifier: str,
    contents: Contents,
    config: Mapping[str, Any],
    loaded: keras.Model | None,
    taken: Any,
) -> HubAudioNetwork:
    """Returns the network of a preset, whose backbone is loaded unless the weights are random.

    Raises:
        BackboneError: The encoder cannot take this window.
    """
    audio = ARCHITECTURES[contents.architecture].audio
    assert audio is not None
    config = config if loaded is None else audio_config_of(loaded)
    rate = contents.converter["sampling_rate"]
    shortest = round(audio.min_seconds * rate)
    limit = round(longest(audio, contents.converter, config) * rate)
    if not shortest <= taken.num_samples <= limit:
        raise BackboneError(
            f"The backbone '{identifier}' cannot take a window of {taken.num_samples} samples.",
            where="backbone.input_size",
            expected=f"{shortest} to {limit} samples at {rate} per second",
            fix=f"Set backbone.input_size to {min(max(taken.num_samples, shortest), limit)}.",
        )
    return HubAudioNetwork(
        architecture=contents.architecture,
        config=config,
        converter=contents.converter,
        num_samples=taken.num_samples,
        encoder=loaded,
        name="keras_hub",
    )


def build_audio_encoder(architecture: str, config: Mapping[str, Any]) -> keras.Model:
    """Returns a backbone of KerasHub with random weights and the smallest possible decoder.

    The number of layers of Whisper's decoder is that of its encoder. Only one is built of each;
    the chain makes the others.
    """
    decoder = {
        "whisper": {"vocabulary_size": 1, "max_decoder_sequence_length": 1, "num_layers": 1},
        "moonshine": {"vocabulary_size": 1, "decoder_num_layers": 0, "decoder_num_heads": 1},
    }[architecture]
    return getattr(keras_hub.models, ARCHITECTURES[architecture].backbone)(**{**config, **decoder})


def audio_config_of(backbone: keras.Model) -> dict[str, Any]:
    """Returns the arguments of the encoder of a backbone."""
    config = backbone.get_config()
    unused = ("name", "trainable", "dtype", "vocabulary_size", "dropout", "attention_dropout")
    return {
        key: value
        for key, value in config.items()
        if key not in unused and not key.startswith(("decoder", "max_decoder"))
    }


def _whisper(
    backbone: Any, raw: Any, config: Mapping[str, Any], converter: Mapping[str, Any]
) -> Any:
    values = WhisperSpectrogram(**converter, name="spectrogram")(raw)
    values = keras.activations.gelu(backbone.encoder_conv_layer_1(values), approximate=False)
    values = backbone.encoder_conv_layer_2(backbone.encoder_padder(values))
    values = keras.activations.gelu(values, approximate=False)
    positions = AddPositions(name="positions")
    values = positions(values)
    table = backbone.encoder_position_embedding.position_embeddings
    positions.positions.assign(ops.convert_to_tensor(table)[: values.shape[1]])
    blocks = list(backbone.encoder_transformer_layers)
    for number in range(len(blocks), config["num_layers"]):
        own = {**blocks[0].get_config(), "name": f"transformer_encoder_layer_{number}"}
        blocks.append(type(blocks[0]).from_config(own))
    for block in blocks:
        values = block(values)
    return backbone.encoder_layer_norm(values)


def _moonshine(
    backbone: Any, raw: Any, config: Mapping[str, Any], converter: Mapping[str, Any]
) -> Any:
    values = keras.layers.Reshape((-1, 1), name="waveform")(raw)
    if converter["do_normalize"]:
        values = keras.layers.LayerNormalization(
            axis=1, epsilon=1e-7, center=False, scale=False, name="normalization"
        )(values)
    values = backbone.group_norm(backbone.tanh_after_conv1(backbone.conv1(values)))
    values = backbone.gelu_after_conv2(backbone.conv2(values))
    values = backbone.gelu_after_conv3(backbone.conv3(values))
    rotations = backbone.encoder_rotary_embedding(np.arange(values.shape[1], dtype="int32"))
    for block in backbone.encoder_blocks:
        values = block(values, rotations)
    return backbone.encoder_final_layer_norm(values)


_CHAINS: Mapping[str, Callable[[Any, Any, Mapping[str, Any], Mapping[str, Any]], Any]] = {
    "moonshine": _moonshine,
    "whisper": _whisper,
}
