"""The plugin of a small backbone with everything that a checkpoint has to restore."""

from collections.abc import Sequence
from typing import Any

import keras

from kerastl.backbones import BackboneSpec, ImageInput, Stage, unknown_backbone


@keras.saving.register_keras_serializable("kills")
class Noise(keras.layers.Layer):
    """Multiplicative noise, whose seed generator is in a list."""

    def __init__(self, **kwargs: Any):
        super().__init__(**kwargs)
        self.seeds = [keras.random.SeedGenerator(3)]

    def call(self, inputs: Any, training: bool = False) -> Any:
        if not training:
            return inputs
        shape = keras.ops.shape(inputs)
        return inputs * keras.random.uniform(shape, 0.8, 1.2, seed=self.seeds[0])


class Family:
    """The family `killed`."""

    def names(self) -> Sequence[str]:
        """Returns the only name."""
        return ("network",)

    def spec(self, name: str, *, options: Any = None) -> BackboneSpec:
        """Returns the facts of the only network."""
        if name not in self.names():
            raise unknown_backbone("killed", name, self.names())
        return BackboneSpec(
            id="killed:network",
            input=ImageInput(height=12, width=12, min_size=8),
            feature_dim=6,
            num_params=300,
            weights=("published",),
            license="Apache-2.0",
            reference="https://example.org",
            build=_build,
            stages=_stages,
        )


family = Family()


def _build(*, weights: str, input: ImageInput) -> keras.Model:
    image = keras.Input(input.shape)
    x = keras.layers.Rescaling(1 / 255, name="scale")(image)
    x = keras.layers.Conv2D(4, 3, strides=2, name="low")(x)
    x = keras.layers.BatchNormalization(name="norm")(x)
    x = Noise(name="noise")(x)
    inner = keras.Sequential(
        [keras.Input(x.shape[1:]), keras.layers.ReLU(), keras.layers.Dropout(0.3, seed=5)],
        name="inner",
    )
    x = keras.layers.Conv2D(6, 3, name="high")(inner(x))
    x = keras.layers.GlobalAveragePooling2D(name="pool")(x)
    network = keras.Model(image, x, name="killed")
    for layer in ("low", "high"):
        kernel = network.get_layer(layer).kernel
        values = (keras.ops.arange(kernel.shape.num_elements()) * 7 % 13 - 6) / 12
        kernel.assign(keras.ops.reshape(values, kernel.shape))
    return network


def _stages(network: keras.Model) -> tuple[Stage, ...]:
    return (
        Stage(name="low", layers=("scale", "low", "norm")),
        Stage(name="high", layers=("noise", "inner", "high", "pool")),
    )
