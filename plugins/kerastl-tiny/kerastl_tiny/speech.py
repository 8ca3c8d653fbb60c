"""The network `tiny:speech`: a log-mel spectrogram, separable convolutions, pooled over time.

Convention: a layer's name starts with the name of its stage; the spectrogram is one of them.
"""

from collections.abc import Sequence
from pathlib import Path

import keras

from kerastl.backbones import AudioInput, LogMel, Stage, WeightsError
from kerastl_tiny.weights import load_weights

STAGES = ("front", "sound", "syllable", "word")
NUM_BANDS = 48
MAX_HZ = 7600.0


def build(*, weights: str | Path | None, input: AudioInput) -> keras.Model:
    """Builds the network.

    Args:
        weights: A published name, a file (`.npz` of this package, or `.weights.h5`, `.keras`), or
            None for random weights.
        input: Sample rate, which must be 16 kHz, and length of the window.

    Returns:
        A model from mono float32 in [-1, 1] `(batch, samples)` to features `(batch, 256)`: the
        means over time of 128 channels and their maxima.

    Raises:
        WeightsError: The window is too short, the sample rate differs, or the weights are missing
            or do not fit.
    """
    if input.sample_rate_hz != 16_000 or input.num_samples < input.min_samples:
        raise WeightsError(
            "The backbone 'tiny:speech' cannot take audio like this.",
            expected=f"16000 samples per second, at least {input.min_samples} of them",
            received=f"{input.num_samples} samples at {input.sample_rate_hz} per second",
            fix="Set backbone.input_size.",
        )
    model = _network(input.shape)
    if weights is not None:
        load_weights(model, weights, backbone="tiny:speech")
    return model


def stages(model: keras.Model) -> Sequence[Stage]:
    """Returns the stages of a built model, input to output; the pooling belongs to the last."""
    names = {stage: [] for stage in STAGES}  # type: dict[str, list[str]]
    for layer in model.layers:
        names[layer.name.partition("_")[0]].append(layer.name)
    return tuple(Stage(name=stage, layers=tuple(layers)) for stage, layers in names.items())


def _network(shape: tuple[int, ...]) -> keras.Model:
    inputs = keras.Input(shape, name="front_waveform")
    x = LogMel(sample_rate_hz=16_000, num_bands=NUM_BANDS, max_hz=MAX_HZ, name="front_mel")(inputs)
    x = keras.layers.Reshape((-1, NUM_BANDS, 1), name="front_map")(x)
    x = keras.layers.Conv2D(
        32,
        5,
        strides=2,
        padding="same",
        use_bias=False,
        kernel_initializer="he_normal",
        name="front_convolution",
    )(x)
    x = _activated(x, "front")
    x = _block(x, "sound_first", 64, halves="bands")
    x = _block(x, "sound_second", 64)
    x = _block(x, "syllable_first", 128, halves="both")
    x = _block(x, "syllable_second", 128)
    x = _block(x, "syllable_third", 128)
    x = keras.layers.Reshape((-1, 1, x.shape[2] * x.shape[3]), name="word_columns")(x)
    x = _block(x, "word_first", 224, kernel=(5, 1))
    x = _block(x, "word_second", 224, kernel=(5, 1))
    x = _activated(_pointwise(x, "word", 128), "word")
    mean = keras.layers.GlobalAveragePooling2D(name="word_mean")(x)
    maximum = keras.layers.GlobalMaxPooling2D(name="word_max")(x)
    features = keras.layers.Concatenate(name="word_features")([mean, maximum])
    return keras.Model(inputs, features, name="tiny_speech")


def _block(
    x: keras.KerasTensor,
    name: str,
    filters: int,
    *,
    kernel: tuple[int, int] = (3, 3),
    halves: str | None = None,
) -> keras.KerasTensor:
    """Adds a depthwise and a pointwise convolution, with a shortcut if the shapes agree.

    Args:
        x: `(batch, frames, bands, channels)`.
        name: Name of the block.
        filters: Number of output channels.
        kernel: Size of the depthwise convolution in frames and bands.
        halves: `"bands"` halves the bands, `"both"` the frames too; None halves neither.
    """
    y = keras.layers.DepthwiseConv2D(
        kernel,
        strides=2 if halves == "both" else 1,
        padding="same",
        use_bias=False,
        depthwise_initializer="he_normal",
        name=f"{name}_depthwise",
    )(x)
    if halves == "bands":
        y = keras.layers.MaxPooling2D((1, 2), name=f"{name}_pool")(y)
    y = keras.layers.BatchNormalization(momentum=0.95, name=f"{name}_depthwise_norm")(y)
    y = _activated(_pointwise(y, name, filters), name)
    return keras.layers.Add(name=f"{name}_add")([x, y]) if x.shape == y.shape else y


def _pointwise(x: keras.KerasTensor, name: str, filters: int) -> keras.KerasTensor:
    return keras.layers.Conv2D(
        filters, 1, use_bias=False, kernel_initializer="he_normal", name=f"{name}_pointwise"
    )(x)


def _activated(x: keras.KerasTensor, name: str) -> keras.KerasTensor:
    x = keras.layers.BatchNormalization(momentum=0.95, name=f"{name}_norm")(x)
    return keras.layers.ReLU(name=f"{name}_relu")(x)
