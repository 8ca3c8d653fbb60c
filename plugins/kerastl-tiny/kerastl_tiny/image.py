"""The network `tiny:image`: three residual stages, pooled at three scales.

Convention: a layer's name starts with the name of its stage; scaling is part of the network.
"""

from collections.abc import Sequence
from pathlib import Path

import keras

from kerastl.backbones import ImageInput, Stage, WeightsError
from kerastl_tiny.weights import load_weights

STAGES = ("stem", "fine", "middle", "coarse")
FILTERS = {"stem": 24, "fine": 48, "middle": 96, "coarse": 160}


def build(*, weights: str | Path | None, input: ImageInput) -> keras.Model:
    """Builds the network.

    Args:
        weights: A published name, a file (`.npz` of this package, or `.weights.h5`, `.keras`), or
            None for random weights.
        input: Size of the images.

    Returns:
        A model from RGB float32 in [0, 255] `(batch, height, width, 3)` to features
        `(batch, 560)`: the means over the three stages and the maxima over the last two.

    Raises:
        WeightsError: The weights are missing or do not fit.
    """
    if min(input.height, input.width) < input.min_size:
        raise WeightsError(
            "The backbone 'tiny:image' cannot take images this small.",
            expected=f"both sides at least {input.min_size} pixels",
            received=f"{input.height} by {input.width}",
            fix="Set backbone.input_size.",
        )
    model = _network(input.shape)
    if weights is not None:
        load_weights(model, weights, backbone="tiny:image")
    return model


def stages(model: keras.Model) -> Sequence[Stage]:
    """Returns the stages of a built model, input to output; the pooling belongs to the last."""
    names = {stage: [] for stage in STAGES}  # type: dict[str, list[str]]
    for layer in model.layers:
        prefix = layer.name.partition("_")[0]
        names[prefix if prefix in names else STAGES[-1]].append(layer.name)
    return tuple(Stage(name=stage, layers=tuple(layers)) for stage, layers in names.items())


def _network(shape: tuple[int, ...]) -> keras.Model:
    inputs = keras.Input(shape, name="stem_image")
    scaled = keras.layers.Rescaling(1 / 127.5, offset=-1.0, name="stem_scale")(inputs)
    x = _convolution(scaled, "stem", FILTERS["stem"], strides=1)
    maps = {}
    for stage in STAGES[1:]:
        x = maps[stage] = _stage(x, stage, FILTERS[stage])
    means = [_pool("Average", x, f"{stage}_mean") for stage, x in maps.items()]
    maxima = [_pool("Max", maps[stage], f"{stage}_max") for stage in ("middle", "coarse")]
    features = keras.layers.Concatenate(name="coarse_features")([*means, *maxima])
    return keras.Model(inputs, features, name="tiny_image")


def _stage(x: keras.KerasTensor, name: str, filters: int) -> keras.KerasTensor:
    """Halves the resolution, then adds one residual convolution."""
    x = _convolution(x, f"{name}_down", filters, strides=2)
    residual = _convolution(x, f"{name}_residual", filters, strides=1)
    return keras.layers.Add(name=f"{name}_add")([x, residual])


def _convolution(
    x: keras.KerasTensor, name: str, filters: int, *, strides: int
) -> keras.KerasTensor:
    x = keras.layers.Conv2D(
        filters,
        3,
        strides=strides,
        padding="same",
        use_bias=False,
        kernel_initializer="he_normal",
        name=f"{name}_convolution",
    )(x)
    x = keras.layers.BatchNormalization(momentum=0.95, epsilon=1e-3, name=f"{name}_norm")(x)
    return keras.layers.ReLU(name=f"{name}_relu")(x)


def _pool(kind: str, x: keras.KerasTensor, name: str) -> keras.KerasTensor:
    layer = getattr(keras.layers, f"Global{kind}Pooling2D")
    return layer(name=name)(x)
