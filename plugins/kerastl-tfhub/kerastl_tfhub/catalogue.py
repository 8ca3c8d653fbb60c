"""Modules that are known by a short name, with their facts.

Convention: the facts are those of each module's own page on tfhub.dev; what a page doesn't say is
None and found out when the module is built.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from kerastl.backbones import AudioInput, ImageInput, Input

_GOOGLE = "https://tfhub.dev/google"
_MOBILENET_V1 = "https://arxiv.org/abs/1704.04861"
_MOBILENET_V2 = "https://arxiv.org/abs/1801.04381"
_MOBILENET_V3 = "https://arxiv.org/abs/1905.02244"
_EFFICIENTNET_V2 = "https://arxiv.org/abs/2104.00298"
_NOT_FINE_TUNABLE = "its page says that it cannot be fine-tuned"


@dataclass(frozen=True, kw_only=True)
class Entry:
    """Facts of one published module.

    Args:
        handle: Its old URL on TF Hub, under which tensorflow_hub's cache keeps it.
        input: Its input, with the size it was trained on.
        any_size: Whether it accepts other sizes; if not, this size is also the smallest.
        feature_dim: Length of its feature vector.
        num_params: Number of its weights, or None.
        weights: Name of its weights, which says what it was trained on.
        reference: Its paper.
        input_range: Range of its input values.
        options: Options of `SavedModelLayer` for calling it.
        frozen_reason: Why it cannot be trained, or None.
    """

    handle: str
    input: Input
    any_size: bool = False
    feature_dim: int
    num_params: int | None = None
    weights: str = "imagenet"
    license: str = "Apache-2.0"
    reference: str
    input_range: tuple[float, float]
    options: Mapping[str, Any] = field(default_factory=dict)
    frozen_reason: str | None = None


def _image(
    path: str,
    size: int,
    feature_dim: int,
    reference: str,
    *,
    min_size: int | None = None,
    **facts: Any,
) -> Entry:
    handle = path if path.startswith("https:") else f"{_GOOGLE}/imagenet/{path}/feature_vector/5"
    return Entry(
        handle=handle,
        input=ImageInput(height=size, width=size, min_size=min_size or size),
        any_size=min_size is not None,
        feature_dim=feature_dim,
        reference=reference,
        **{"input_range": (0.0, 1.0), **facts},
    )


def _audio(
    path: str, num_samples: int, feature_dim: int, reference: str, min_samples: int, **facts: Any
) -> Entry:
    return Entry(
        handle=f"{_GOOGLE}/{path}/1",
        input=AudioInput(sample_rate_hz=16000, num_samples=num_samples, min_samples=min_samples),
        any_size=True,
        feature_dim=feature_dim,
        reference=reference,
        **{"input_range": (-1.0, 1.0), **facts},
    )


CATALOGUE: Mapping[str, Entry] = {
    "bit_s_r50x1": _image(
        f"{_GOOGLE}/bit/s-r50x1/1", 224, 2048, "https://arxiv.org/abs/1912.11370", min_size=32
    ),
    "efficientnet_b0": _image(
        "https://tfhub.dev/tensorflow/efficientnet/b0/feature-vector/1",
        224,
        1280,
        "https://arxiv.org/abs/1905.11946",
        min_size=32,
    ),
    "efficientnet_v2_imagenet1k_b0": _image(
        f"{_GOOGLE}/imagenet/efficientnet_v2_imagenet1k_b0/feature_vector/2",
        224,
        1280,
        _EFFICIENTNET_V2,
    ),
    "efficientnet_v2_imagenet21k_s": _image(
        f"{_GOOGLE}/imagenet/efficientnet_v2_imagenet21k_s/feature_vector/2",
        384,
        1280,
        _EFFICIENTNET_V2,
        weights="imagenet21k",
    ),
    "inception_resnet_v2": _image(
        "inception_resnet_v2", 299, 1536, "https://arxiv.org/abs/1602.07261", min_size=75
    ),
    "inception_v3": _image(
        "inception_v3", 299, 2048, "https://arxiv.org/abs/1512.00567", min_size=75
    ),
    "mobilenet_v1_100_224": _image("mobilenet_v1_100_224", 224, 1024, _MOBILENET_V1),
    "mobilenet_v2_035_224": _image(
        "mobilenet_v2_035_224", 224, 1280, _MOBILENET_V2, num_params=410_208
    ),
    "mobilenet_v2_100_224": _image(
        "mobilenet_v2_100_224", 224, 1280, _MOBILENET_V2, num_params=2_257_984
    ),
    "mobilenet_v3_large_100_224": _image("mobilenet_v3_large_100_224", 224, 1280, _MOBILENET_V3),
    "mobilenet_v3_small_100_224": _image("mobilenet_v3_small_100_224", 224, 1024, _MOBILENET_V3),
    "nasnet_mobile": _image("nasnet_mobile", 224, 1056, "https://arxiv.org/abs/1707.07012"),
    "resnet_v2_50": _image(
        "resnet_v2_50", 224, 2048, "https://arxiv.org/abs/1603.05027", min_size=32
    ),
    "speech_embedding": _audio(
        "speech_embedding",
        16000,
        96,
        "https://arxiv.org/abs/2002.01322",
        12400,
        weights="speech_commands",
        options={"pooling": "mean"},
        frozen_reason="it is published in TF1's format, for inference only",
    ),
    "vggish": _audio(
        "vggish",
        15600,
        128,
        "https://arxiv.org/abs/1609.09430",
        15600,
        weights="youtube8m",
        options={"pooling": "mean"},
        frozen_reason=_NOT_FINE_TUNABLE,
    ),
    "yamnet": _audio(
        "yamnet",
        15600,
        1024,
        "https://doi.org/10.1109/ICASSP.2017.7952261",
        1,
        weights="audioset",
        options={"output": 1, "pooling": "mean"},
        frozen_reason=_NOT_FINE_TUNABLE,
    ),
}
"""Short name to facts, sorted by name."""
