"""A backbone plugin for the stored runs: 160 weights, so that their files are small."""

from kerastl.backbones import BackboneSpec, ImageInput, unknown_backbone


def build(*, weights, input):
    import keras

    image = keras.Input(input.shape)
    x = keras.layers.Rescaling(1 / 255)(image)
    x = keras.layers.Conv2D(4, 3, strides=2, name="first")(x)
    x = keras.layers.BatchNormalization(name="norm")(x)
    x = keras.layers.ReLU(name="relu")(x)
    x = keras.layers.GlobalAveragePooling2D(name="pool")(x)
    network = keras.Model(image, x, name="small")
    kernel = [((7 * i) % 13 - 6) / 12 for i in range(108)]
    network.get_layer("first").kernel.assign(
        keras.ops.reshape(keras.ops.array(kernel), (3, 3, 3, 4))
    )
    return network


class Family:
    def names(self):
        return ("network",)

    def spec(self, name, *, options=None):
        if name not in self.names():
            raise unknown_backbone("small", name, self.names())
        return BackboneSpec(
            id="small:network",
            input=ImageInput(height=12, width=12, min_size=8),
            feature_dim=4,
            num_params=128,
            weights=("published",),
            license="Apache-2.0",
            reference="https://example.org",
            build=build,
        )


family = Family()
