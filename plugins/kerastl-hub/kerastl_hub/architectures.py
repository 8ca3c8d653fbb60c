"""Facts of the architectures, which all their presets share.

Convention: the names of classes are those of `keras_hub.models`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

IMAGENET = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
HALF = ((0.5, 0.5, 0.5), (0.5, 0.5, 0.5))
CLIP = ((0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711))


SPEECH_HZ = 16_000


@dataclass(frozen=True, kw_only=True)
class Audio:
    """What an encoder of audio takes.

    Args:
        converter: Arguments of its audio converter that change what it computes, with their
            defaults.
        seconds: Length of the window if no file says so.
        max_seconds: Longest window that KerasHub accepts.
        window: What users should know of it.
    """

    converter: Mapping[str, Any]
    seconds: float
    max_seconds: float
    window: str
    min_seconds: float = 0.1


@dataclass(frozen=True, kw_only=True)
class Architecture:
    """Facts of one architecture.

    Args:
        backbone: Class that a preset is loaded as.
        tower: Class of the image encoder, if the backbone has a text encoder too.
        paper: Its publication.
        license: License of the published weights.
        moments: Mean and deviation of the published presets, of images in [0, 1]. They are used
            only with random weights; otherwise the preset states its own.
        summary: What the option `pooling: cls` takes, or None if there is no such vector.
        num_positions_before: Position embeddings before those of the patches.
        multiple: Sides must be multiples of this, if the config of the network doesn't name a
            patch size.
        min_size: Smallest side in pixels; None is one patch.
        has_position_weights: Whether the number of weights depends on the input size.
        needs_consent: Whether the owner asks to accept the license before a download.
        audio: What it takes if it is an encoder of audio, or None.
    """

    backbone: str
    tower: str | None = None
    paper: str
    license: str
    moments: tuple[tuple[float, ...], tuple[float, ...]] = IMAGENET
    summary: str | None = None
    num_positions_before: int = 1
    multiple: int = 1
    min_size: int | None = 32
    has_position_weights: bool = False
    needs_consent: bool = False
    audio: Audio | None = None

    @property
    def poolings(self) -> tuple[str, ...]:
        """The values of the option `pooling`, the default first."""
        return ("cls", "mean", "both") if self.summary else ("mean",)


def _transformer(backbone: str, paper: str, license: str, **facts: object) -> Architecture:
    return Architecture(
        backbone=backbone,
        paper=paper,
        license=license,
        **{  # type: ignore[arg-type]  # facts are fields of an architecture
            "summary": "the class token",
            "min_size": None,
            "has_position_weights": True,
            **facts,
        },
    )


ARCHITECTURES: Mapping[str, Architecture] = {
    "clip": _transformer(
        "CLIPBackbone",
        "https://arxiv.org/abs/2103.00020",
        "MIT",
        tower="CLIPVisionEncoder",
        moments=CLIP,
    ),
    "cspnet": Architecture(
        backbone="CSPNetBackbone", paper="https://arxiv.org/abs/1911.11929", license="Apache-2.0"
    ),
    "deit": _transformer(
        "DeiTBackbone", "https://arxiv.org/abs/2012.12877", "Apache-2.0", num_positions_before=2
    ),
    "densenet": Architecture(
        backbone="DenseNetBackbone", paper="https://arxiv.org/abs/1608.06993", license="Apache-2.0"
    ),
    "dinov2": _transformer("DINOV2Backbone", "https://arxiv.org/abs/2304.07193", "Apache-2.0"),
    "dinov3": _transformer(
        "DINOV3Backbone",
        "https://arxiv.org/abs/2508.10104",
        "DINOv3 License (Meta)",
        has_position_weights=False,
        needs_consent=True,
    ),
    "efficientnet": Architecture(
        backbone="EfficientNetBackbone",
        paper="https://arxiv.org/abs/1905.11946",
        license="Apache-2.0",
    ),
    "hgnetv2": Architecture(
        backbone="HGNetV2Backbone",
        paper="https://github.com/PaddlePaddle/PaddleClas",
        license="Apache-2.0",
    ),
    "metaclip_2": _transformer(
        "MetaCLIP2Backbone",
        "https://arxiv.org/abs/2507.22062",
        "CC-BY-NC-4.0 (not for commercial use)",
        tower="MetaCLIP2VisionEncoder",
        moments=CLIP,
    ),
    "mit": Architecture(
        backbone="MiTBackbone",
        paper="https://arxiv.org/abs/2105.15203",
        license="NVIDIA Source Code License (not for commercial use)",
        multiple=32,
        min_size=64,
    ),
    "mobilenet": Architecture(
        backbone="MobileNetBackbone",
        paper="https://arxiv.org/abs/1905.02244",
        license="Apache-2.0",
    ),
    "mobilenetv5": Architecture(
        backbone="MobileNetV5Backbone",
        paper="https://ai.google.dev/gemma/docs/gemma-3n",
        license="Gemma terms of use (Google)",
        moments=((0.0, 0.0, 0.0), (1.0, 1.0, 1.0)),
        needs_consent=True,
    ),
    "moonshine": Architecture(
        backbone="MoonshineBackbone",
        paper="https://arxiv.org/abs/2410.15608",
        license="MIT",
        audio=Audio(
            converter={"do_normalize": False, "sampling_rate": SPEECH_HZ},
            seconds=4,
            max_seconds=64,
            window="0.1 to 64 seconds; 4 unless backbone.input_size says otherwise",
        ),
    ),
    "resnet": Architecture(
        backbone="ResNetBackbone", paper="https://arxiv.org/abs/1512.03385", license="Apache-2.0"
    ),
    "siglip": _transformer(
        "SigLIPBackbone",
        "https://arxiv.org/abs/2303.15343",
        "Apache-2.0",
        tower="SigLIPVisionEncoder",
        moments=HALF,
        summary="the output of its attention pooling",
        num_positions_before=0,
    ),
    "swin": Architecture(
        backbone="SwinTransformerBackbone",
        paper="https://arxiv.org/abs/2103.14030",
        license="MIT",
        multiple=32,
    ),
    "vgg": Architecture(
        backbone="VGGBackbone", paper="https://arxiv.org/abs/1409.1556", license="BSD-3-Clause"
    ),
    "vit": _transformer(
        "ViTBackbone", "https://arxiv.org/abs/2010.11929", "Apache-2.0", moments=HALF
    ),
    "whisper": Architecture(
        backbone="WhisperBackbone",
        paper="https://arxiv.org/abs/2212.04356",
        license="MIT",
        has_position_weights=True,
        audio=Audio(
            converter={
                "num_mels": 80,
                "num_fft_bins": 400,
                "stride": 160,
                "sampling_rate": SPEECH_HZ,
            },
            seconds=30,
            max_seconds=30,
            window="30 seconds, as it was trained; shorter ones (backbone.input_size) take the "
            "first position embeddings, cost less and do not average over padded silence",
        ),
    ),
    "xception": Architecture(
        backbone="XceptionBackbone",
        paper="https://arxiv.org/abs/1610.02357",
        license="Apache-2.0",
        moments=HALF,
    ),
}

BY_BACKBONE: Mapping[str, str] = {facts.backbone: name for name, facts in ARCHITECTURES.items()}
"""Class of KerasHub to architecture."""

OF_TRANSFORMERS: Mapping[str, str] = {
    "deit": "deit",
    "dinov2": "dinov2",
    "dinov2_with_registers": "dinov2",
    "dinov3_vit": "dinov3",
    "metaclip_2": "metaclip_2",
    "swin": "swin",
    "vit": "vit",
}
"""The `model_type` of transformers that KerasHub converts, to architecture."""

OF_TIMM: Mapping[str, str] = {
    "csp": "cspnet",
    "darknet": "cspnet",
    "densenet": "densenet",
    "efficientnet": "efficientnet",
    "hgnetv2": "hgnetv2",
    "mobilenetv3": "mobilenet",
    "mobilenetv5": "mobilenetv5",
    "resnet": "resnet",
    "vgg": "vgg",
}
"""Beginnings of the `architecture` of timm that KerasHub converts, to architecture."""
