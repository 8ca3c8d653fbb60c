"""A plugin with a backbone for vectors."""

from vector_type import VectorInput

from kerastl.backbones import BackboneSpec


class Family:
    def names(self):
        return ("identity",)

    def spec(self, name, *, options=None):
        return BackboneSpec(
            id=f"vectors:{name}",
            input=VectorInput(length=4),
            feature_dim=4,
            num_params=0,
            weights=("none",),
            license="MIT",
            reference="https://example.org",
            build=build,
            stages=lambda network: (),
        )


def build(*, weights, input):
    import keras

    raw = keras.Input(input.shape, name="vector")
    return keras.Model(raw, keras.layers.Rescaling(1.0)(raw))


family = Family()
