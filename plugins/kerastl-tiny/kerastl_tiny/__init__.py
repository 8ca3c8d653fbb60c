"""The family `tiny`: backbones small enough to come inside the package.

Convention: this module is light; the networks are in modules of their own that import Keras.
"""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from kerastl.backbones import BackboneSpec, ImageInput, Stage, unknown_backbone

if TYPE_CHECKING:
    import keras

LICENSE = "Apache-2.0"


def _build_image(*, weights: str | None, input: ImageInput) -> "keras.Model":
    from kerastl_tiny.image import build

    return build(weights=weights, input=input)


def _image_stages(model: "keras.Model") -> Sequence[Stage]:
    from kerastl_tiny.image import stages

    return stages(model)


IMAGE = BackboneSpec(
    id="tiny:image",
    input=ImageInput(height=64, width=64, min_size=32),
    feature_dim=560,
    num_params=527_336,
    weights=("synthetic-scenes-v1",),
    license=LICENSE,
    reference="plugins/kerastl-tiny/pretraining/image in the source of kerastl",
    build=_build_image,
    stages=_image_stages,
    description="Small residual network pretrained on generated scenes; for demonstrations.",
    facts={
        "pretraining": "91 yes/no questions on 40,000 generated pictures of 64 by 64 pixels; "
        "never saw a photograph"
    },
)
_SPECS = {IMAGE.name: IMAGE}


class TinyFamily:
    """The embedded backbones of this package."""

    def names(self) -> Sequence[str]:
        """Returns the names of the embedded backbones."""
        return tuple(_SPECS)

    def spec(self, name: str, *, options: Mapping[str, Any] = {}) -> BackboneSpec:
        """Returns the facts of one backbone; none of them has options."""
        if name not in _SPECS:
            raise unknown_backbone("tiny", name, self.names())
        return _SPECS[name]


family = TinyFamily()
