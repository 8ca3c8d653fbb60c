"""Facts about the image models of keras.applications.

Convention: facts of an architecture are in `ARCHITECTURES`, facts of a single network in
`NETWORKS`; a test compares every figure with Keras.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

Preprocessing = Literal["tf", "torch", "caffe", "inside", "inside, twice scaled"]


@dataclass(frozen=True, kw_only=True)
class Architecture:
    """Facts that all networks of one architecture share.

    Args:
        preprocessing: Preprocessing before the first weight. `"tf"` scales to [-1, 1], `"torch"`
            standardizes by ImageNet's mean and deviation, `"caffe"` turns RGB to BGR and
            subtracts the mean, `"inside"` is done by Keras's own layers. With `"inside, twice
            scaled"` Keras adds a second rescaling for `imagenet` and for nothing else.
        license: License of the published weights.
        paper: Publication of the architecture.
        min_size: Smallest side in pixels.
        options: Arguments of the constructor that change the network, with their defaults.
        published_sizes: Sides in pixels with separate weights; other sizes use those of the default
            size.
    """

    preprocessing: Preprocessing
    license: str
    paper: str
    min_size: int = 32
    options: Mapping[str, Any] = field(default_factory=dict)
    published_sizes: tuple[int, ...] = ()


class Size(NamedTuple):
    """Length of the feature vector and number of weights."""

    feature_dim: int
    num_params: int


@dataclass(frozen=True, kw_only=True)
class Network:
    """One network of keras.applications.

    Args:
        name: Name in lower snake case, without the family.
        constructor: Name in `keras.applications`.
        architecture: Key of `ARCHITECTURES`.
        default_size: Side in pixels of the images it was published for.
        sizes: For each combination of options with published weights (in the order of the
            architecture's options), the resulting size.
    """

    name: str
    constructor: str
    architecture: str
    default_size: int
    sizes: Mapping[tuple[Any, ...], Size]

    def size(self, options: Mapping[str, Any]) -> Size | None:
        """Returns the size with `options`, or None if there are no published weights."""
        return self.sizes.get(tuple(options.values()))


ARCHITECTURES: Mapping[str, Architecture] = {
    "convnext": Architecture(
        preprocessing="inside", license="MIT", paper="https://arxiv.org/abs/2201.03545"
    ),
    "densenet": Architecture(
        preprocessing="torch", license="BSD-3-Clause", paper="https://arxiv.org/abs/1608.06993"
    ),
    "efficientnet": Architecture(
        preprocessing="inside, twice scaled",
        license="Apache-2.0",
        paper="https://arxiv.org/abs/1905.11946",
    ),
    "efficientnet_v2": Architecture(
        preprocessing="inside", license="Apache-2.0", paper="https://arxiv.org/abs/2104.00298"
    ),
    "inception_resnet_v2": Architecture(
        preprocessing="tf",
        license="Apache-2.0",
        paper="https://arxiv.org/abs/1602.07261",
        min_size=75,
    ),
    "inception_v3": Architecture(
        preprocessing="tf",
        license="Apache-2.0",
        paper="https://arxiv.org/abs/1512.00567",
        min_size=75,
    ),
    "mobilenet": Architecture(
        preprocessing="tf",
        license="Apache-2.0",
        paper="https://arxiv.org/abs/1704.04861",
        options={"alpha": 1.0},
        published_sizes=(128, 160, 192, 224),
    ),
    "mobilenet_v2": Architecture(
        preprocessing="tf",
        license="Apache-2.0",
        paper="https://arxiv.org/abs/1801.04381",
        options={"alpha": 1.0},
        published_sizes=(96, 128, 160, 192, 224),
    ),
    "mobilenet_v3": Architecture(
        preprocessing="inside",
        license="Apache-2.0",
        paper="https://arxiv.org/abs/1905.02244",
        options={"alpha": 1.0, "minimalistic": False},
    ),
    "nasnet": Architecture(
        preprocessing="tf", license="Apache-2.0", paper="https://arxiv.org/abs/1707.07012"
    ),
    "resnet": Architecture(
        preprocessing="caffe", license="MIT", paper="https://arxiv.org/abs/1512.03385"
    ),
    "resnet_v2": Architecture(
        preprocessing="tf", license="BSD-3-Clause", paper="https://arxiv.org/abs/1603.05027"
    ),
    "vgg": Architecture(
        preprocessing="caffe", license="CC-BY-4.0", paper="https://arxiv.org/abs/1409.1556"
    ),
    "xception": Architecture(
        preprocessing="tf",
        license="MIT",
        paper="https://arxiv.org/abs/1610.02357",
        min_size=71,
    ),
}

_SINGLE = {
    # name: constructor, architecture, default size, feature_dim, num_params
    "convnext_tiny": ("ConvNeXtTiny", "convnext", 224, 768, 27820128),
    "convnext_small": ("ConvNeXtSmall", "convnext", 224, 768, 49454688),
    "convnext_base": ("ConvNeXtBase", "convnext", 224, 1024, 87566464),
    "convnext_large": ("ConvNeXtLarge", "convnext", 224, 1536, 196230336),
    "convnext_xlarge": ("ConvNeXtXLarge", "convnext", 224, 2048, 348147968),
    "densenet121": ("DenseNet121", "densenet", 224, 1024, 7037504),
    "densenet169": ("DenseNet169", "densenet", 224, 1664, 12642880),
    "densenet201": ("DenseNet201", "densenet", 224, 1920, 18321984),
    "efficientnet_b0": ("EfficientNetB0", "efficientnet", 224, 1280, 4049571),
    "efficientnet_b1": ("EfficientNetB1", "efficientnet", 240, 1280, 6575239),
    "efficientnet_b2": ("EfficientNetB2", "efficientnet", 260, 1408, 7768569),
    "efficientnet_b3": ("EfficientNetB3", "efficientnet", 300, 1536, 10783535),
    "efficientnet_b4": ("EfficientNetB4", "efficientnet", 380, 1792, 17673823),
    "efficientnet_b5": ("EfficientNetB5", "efficientnet", 456, 2048, 28513527),
    "efficientnet_b6": ("EfficientNetB6", "efficientnet", 528, 2304, 40960143),
    "efficientnet_b7": ("EfficientNetB7", "efficientnet", 600, 2560, 64097687),
    "efficientnet_v2_b0": ("EfficientNetV2B0", "efficientnet_v2", 224, 1280, 5919312),
    "efficientnet_v2_b1": ("EfficientNetV2B1", "efficientnet_v2", 240, 1280, 6931124),
    "efficientnet_v2_b2": ("EfficientNetV2B2", "efficientnet_v2", 260, 1408, 8769374),
    "efficientnet_v2_b3": ("EfficientNetV2B3", "efficientnet_v2", 300, 1536, 12930622),
    "efficientnet_v2_s": ("EfficientNetV2S", "efficientnet_v2", 384, 1280, 20331360),
    "efficientnet_v2_m": ("EfficientNetV2M", "efficientnet_v2", 480, 1280, 53150388),
    "efficientnet_v2_l": ("EfficientNetV2L", "efficientnet_v2", 480, 1280, 117746848),
    "inception_resnet_v2": ("InceptionResNetV2", "inception_resnet_v2", 299, 1536, 54336736),
    "inception_v3": ("InceptionV3", "inception_v3", 299, 2048, 21802784),
    "nasnet_mobile": ("NASNetMobile", "nasnet", 224, 1056, 4269716),
    "nasnet_large": ("NASNetLarge", "nasnet", 331, 4032, 84916818),
    "resnet50": ("ResNet50", "resnet", 224, 2048, 23587712),
    "resnet101": ("ResNet101", "resnet", 224, 2048, 42658176),
    "resnet152": ("ResNet152", "resnet", 224, 2048, 58370944),
    "resnet50_v2": ("ResNet50V2", "resnet_v2", 224, 2048, 23564800),
    "resnet101_v2": ("ResNet101V2", "resnet_v2", 224, 2048, 42626560),
    "resnet152_v2": ("ResNet152V2", "resnet_v2", 224, 2048, 58331648),
    "vgg16": ("VGG16", "vgg", 224, 512, 14714688),
    "vgg19": ("VGG19", "vgg", 224, 512, 20024384),
    "xception": ("Xception", "xception", 299, 2048, 20861480),
}

_Row = tuple[str, str, int, Mapping[tuple[Any, ...], Size]]

_BY_OPTIONS: dict[str, _Row] = {
    # name: constructor, architecture, default size, options to feature_dim and num_params
    "mobilenet": (
        "MobileNet",
        "mobilenet",
        224,
        {
            (0.25,): Size(256, 218544),
            (0.5,): Size(512, 829536),
            (0.75,): Size(768, 1832976),
            (1.0,): Size(1024, 3228864),
        },
    ),
    "mobilenet_v2": (
        "MobileNetV2",
        "mobilenet_v2",
        224,
        {
            (0.35,): Size(1280, 410208),
            (0.5,): Size(1280, 706224),
            (0.75,): Size(1280, 1382064),
            (1.0,): Size(1280, 2257984),
            (1.3,): Size(1664, 3766048),
            (1.4,): Size(1792, 4363712),
        },
    ),
    "mobilenet_v3_small": (
        "MobileNetV3Small",
        "mobilenet_v3",
        224,
        {
            (0.75, False): Size(432, 583160),
            (1.0, False): Size(576, 939120),
            (1.0, True): Size(576, 441000),
        },
    ),
    "mobilenet_v3_large": (
        "MobileNetV3Large",
        "mobilenet_v3",
        224,
        {
            (0.75, False): Size(720, 1808736),
            (1.0, False): Size(960, 2996352),
            (1.0, True): Size(960, 1437608),
        },
    ),
}


def _networks() -> dict[str, Network]:
    rows: dict[str, _Row] = {
        name: (constructor, architecture, default_size, {(): Size(feature_dim, num_params)})
        for name, (constructor, architecture, default_size, feature_dim, num_params) in (
            _SINGLE.items()
        )
    }
    return {
        name: Network(
            name=name,
            constructor=constructor,
            architecture=architecture,
            default_size=default_size,
            sizes=sizes,
        )
        for name, (constructor, architecture, default_size, sizes) in sorted(
            {**rows, **_BY_OPTIONS}.items()
        )
    }


NETWORKS: Mapping[str, Network] = _networks()
