"""The family `example`: one small network for images."""

from collections.abc import Mapping

from kerastl.backbones import BackboneSpec, ImageInput, unknown_backbone


class Example:
    def names(self):
        return ("small",)

    def spec(self, name, *, options: Mapping = {}):
        if name not in self.names():
            raise unknown_backbone("example", name, self.names())
        return BackboneSpec(
            id=f"example:{name}",
            input=ImageInput(height=64, width=64, min_size=32),
            feature_dim=32,
            num_params=5232,
            weights=(),
            license="Apache-2.0",
            reference="https://example.org/small",
            build=build,
        )


def build(*, weights, input):
    from kerastl_example.network import small

    return small(weights, input.shape)


family = Example()
