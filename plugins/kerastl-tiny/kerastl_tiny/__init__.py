"""The family `tiny`: backbones small enough to ship in the package.

Convention: this module is light; the networks have modules of their own, which import Keras.
"""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from kerastl.backbones import AudioInput, BackboneSpec, ImageInput, Stage, unknown_backbone

if TYPE_CHECKING:
    import keras

LICENSE = "Apache-2.0"


def _build_image(*, weights: str | None, input: ImageInput) -> "keras.Model":
    from kerastl_tiny.image import build

    return build(weights=weights, input=input)


def _image_stages(model: "keras.Model") -> Sequence[Stage]:
    from kerastl_tiny.image import stages

    return stages(model)


def _build_speech(*, weights: str | None, input: AudioInput) -> "keras.Model":
    from kerastl_tiny.speech import build

    return build(weights=weights, input=input)


def _speech_stages(model: "keras.Model") -> Sequence[Stage]:
    from kerastl_tiny.speech import stages

    return stages(model)


IMAGE = BackboneSpec(
    id="tiny:image",
    input=ImageInput(height=64, width=64, min_size=32),
    feature_dim=560,
    num_params=527_336,
    weights=("synthetic-scenes-v1",),
    license=LICENSE,
    reference="research/tiny/image in the source of kerastl",
    build=_build_image,
    stages=_image_stages,
    is_determined=True,
    description="Small residual network pretrained on generated scenes; for demonstrations.",
    facts={
        "pretraining": "91 yes/no questions on 40,000 generated images of 64 by 64 pixels; "
        "no photographs"
    },
)
SPEECH = BackboneSpec(
    id="tiny:speech",
    input=AudioInput(sample_rate_hz=16_000, num_samples=16_000, min_samples=4_000),
    feature_dim=256,
    num_params=317_600,
    weights=("synthetic-speech-v1",),
    license=LICENSE,
    reference="research/tiny/speech in the source of kerastl",
    build=_build_speech,
    stages=_speech_stages,
    is_determined=True,
    description="Small network pretrained to recognize words in synthesized speech.",
    facts={
        "pretraining": "295 English words and the speech sounds in them, spoken 48 times each by "
        "espeak-ng; no human voices"
    },
)
_SPECS = {spec.name: spec for spec in (IMAGE, SPEECH)}


class TinyFamily:
    """The embedded backbones of this package."""

    def names(self) -> Sequence[str]:
        """Returns the names of the embedded backbones."""
        return tuple(_SPECS)

    def spec(self, name: str, *, options: Mapping[str, Any] = {}) -> BackboneSpec:
        """Returns the facts of one backbone, which has no options."""
        if name not in _SPECS:
            raise unknown_backbone("tiny", name, self.names())
        return _SPECS[name]


family = TinyFamily()
