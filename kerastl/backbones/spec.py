"""What a backbone is: facts that a plugin states and the contract of the network it builds.

Convention: raw input goes in (pictures as RGB float32 in [0, 255], sound as mono float32 in
[-1, 1]), a feature vector `(batch, feature_dim)` comes out; scaling or spectrogram lie inside.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, Protocol, runtime_checkable

if TYPE_CHECKING:
    import keras

Modality = Literal["image", "audio"]


@dataclass(frozen=True, kw_only=True)
class ImageInput:
    """A picture: RGB float32 in [0, 255], shape `(batch, height, width, 3)`.

    Args:
        height: Default height in pixels.
        width: Default width in pixels.
        min_size: Smallest side in pixels that the network can take.
    """

    height: int
    width: int
    min_size: int = 32

    modality = "image"

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of one example."""
        return (self.height, self.width, 3)


@dataclass(frozen=True, kw_only=True)
class AudioInput:
    """A sound: mono float32 in [-1, 1], shape `(batch, num_samples)`.

    Args:
        sample_rate_hz: Samples per second.
        num_samples: Length of the window that the network looks at.
        min_samples: Shortest window that the network can take.
    """

    sample_rate_hz: int
    num_samples: int
    min_samples: int = 1

    modality = "audio"

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of one example."""
        return (self.num_samples,)


@dataclass(frozen=True, kw_only=True)
class Stage:
    """A consecutive part of a backbone that is frozen or trained as one.

    Args:
        name: Readable name, unique in its backbone.
        layers: Names of the layers of the backbone's model, input to output.
    """

    name: str
    layers: tuple[str, ...]


Input = ImageInput | AudioInput


@dataclass(frozen=True, kw_only=True)
class BackboneSpec:
    """The facts of one backbone; None where only loading can tell.

    Args:
        id: `family:name`.
        input: What goes in, with its default size; None where the config decides.
        feature_dim: Length of the feature vector.
        num_params: Number of weights of the default build.
        weights: Published names, the first is the default; empty where there are none. A local
            file and null (random weights) are always accepted too, unless `build` refuses.
        license: SPDX name of the weights' licence, or what is known of it.
        reference: Paper or page, as a URL or citation.
        build: `build(weights=, input=, **options)` returns a functional `keras.Model` from raw
            input to feature vector; imports Keras inside.
        stages: Given the built model, its stages from input to output; None derives them from the
            architecture (`kerastl.backbones.stages.stages_by_resolution`).
        options: Names and default values of the options that `build` takes.
        description: One sentence.
        known_failures: Check of the conformance kit to the reason why it can't pass.
        facts: More facts worth showing, name to text.
        reference_features: Given the built model, a function from raw input to the features that
            the network's own project computes with the same weights; the conformance kit compares.
        warning: What whoever chooses this backbone should know before training, or None.
    """

    id: str
    input: Input | None
    feature_dim: int | None
    num_params: int | None
    weights: tuple[str, ...]
    license: str
    reference: str
    build: Callable[..., "keras.Model"]
    stages: Callable[["keras.Model"], Sequence[Stage]] | None = None
    options: Mapping[str, Any] = field(default_factory=dict)
    description: str = ""
    known_failures: Mapping[str, str] = field(default_factory=dict)
    facts: Mapping[str, str] = field(default_factory=dict)
    reference_features: "Callable[[keras.Model], Callable[[Any], Any]] | None" = None
    warning: str | None = None

    @property
    def family(self) -> str:
        """The part of `id` before the first colon."""
        return self.id.partition(":")[0]

    @property
    def name(self) -> str:
        """The part of `id` after the first colon."""
        return self.id.partition(":")[2]

    @property
    def modality(self) -> Modality | None:
        """`"image"`, `"audio"`, or None where only loading can tell."""
        return None if self.input is None else self.input.modality  # type: ignore[return-value]

    @property
    def default_weights(self) -> str | None:
        """The first published name, or None."""
        return self.weights[0] if self.weights else None


@runtime_checkable
class Family(Protocol):
    """What an entry point in the group `kerastl.backbones` names.

    The module behind it is light: it imports no Keras, TensorFlow, NumPy or pandas.
    """

    def names(self) -> Sequence[str]:
        """Returns the names that listings show; an open family accepts more."""

    def spec(self, name: str, *, options: Mapping[str, Any] = {}) -> BackboneSpec:
        """Returns the facts of one backbone, or raises `UnknownBackboneError`. Light."""
