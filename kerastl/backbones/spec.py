"""What a backbone is: facts that a plugin states and the contract of the network that it builds.

Convention: the network maps raw input (images as RGB float32 in [0, 255], audio as mono float32 in
[-1, 1]) to a feature vector `(batch, feature_dim)`; scaling or spectrogram are inside.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from kerastl.media.backbone_input import BackboneInput

if TYPE_CHECKING:
    import keras

    from kerastl.backbones.extractor import Extractor

DEFAULT_WEIGHTS = "default"

Modality = str
"""Name of a media type, such as `"image"` or `"audio"`."""

Input = BackboneInput


@dataclass(frozen=True, kw_only=True)
class Stage:
    """A consecutive part of a backbone that is frozen or trained as one.

    Args:
        name: Readable name, unique in its backbone.
        layers: Names of the layers of the backbone's model, input to output.
    """

    name: str
    layers: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class BackboneSpec:
    """The facts of one backbone; None if only loading can tell.

    Args:
        id: `family:name`.
        input: What the network takes, with its default size; None if the config decides.
        feature_dim: Length of the feature vector.
        num_params: Number of weights of the default build.
        weights: Published names, the first is the default; empty if there are none. A local
            file and null (random weights) are always accepted too, unless `build` refuses.
        license: SPDX name of the weights' license, or what is known of it.
        reference: Paper or page, as a URL or citation.
        build: `build(weights=, input=, **options)` returns a functional `keras.Model` from raw
            input to feature vector; imports Keras inside.
        extract: Instead of `build`, for a backbone that can only be frozen:
            `extract(weights=, input=, **options)` returns an `Extractor`.
        stages: Given the built model, its stages from input to output; None derives them from the
            architecture (`kerastl.backbones.stages.stages_by_resolution`).
        options: Names and default values of the options that `build` takes.
        description: One sentence.
        known_failures: Check of the conformance kit to the reason why it cannot pass.
        facts: Further facts to show, name to text.
        reference_features: Given the built model, a function from raw input to the features that
            the network's own project computes with the same weights; the conformance kit compares.
        is_determined: Whether the plugin's package, the options, the input and the weights (a
            published name, or the content of a file) determine the network, so that a model with
            it can be taken from the cache.
        warning: What users of this backbone should know before training, or None.
        frozen_reason: Why it can only be frozen, as a clause without a period; None: it can be
            trained. A backbone with `extract` has one if none is given.
        needs_login: Whether the download of the published weights needs a login.
        members: Instead of `build`, the backbones whose features are concatenated.
    """

    id: str
    input: Input | None
    feature_dim: int | None
    num_params: int | None
    weights: tuple[str, ...]
    license: str
    reference: str
    build: Callable[..., "keras.Model"] | None = None
    extract: "Callable[..., Extractor] | None" = None
    stages: Callable[["keras.Model"], Sequence[Stage]] | None = None
    options: Mapping[str, Any] = field(default_factory=dict)
    description: str = ""
    known_failures: Mapping[str, str] = field(default_factory=dict)
    facts: Mapping[str, str] = field(default_factory=dict)
    reference_features: "Callable[[keras.Model], Callable[[Any], Any]] | None" = None
    is_determined: bool = False
    warning: str | None = None
    frozen_reason: str | None = None
    needs_login: bool = False
    members: tuple["Member", ...] = ()

    def __post_init__(self) -> None:
        if [self.build is None, self.extract is None, not self.members].count(False) != 1:
            raise TypeError(f"the spec of '{self.id}' needs either build or extract")
        if self.is_extractor and self.frozen_reason is None:
            reason = "it is no Keras model, so no gradient passes through it"
            object.__setattr__(self, "frozen_reason", reason)

    @property
    def is_extractor(self) -> bool:
        """Whether it, or one of its members, is no Keras model, but an `Extractor`."""
        return self.extract is not None or any(one.spec.is_extractor for one in self.members)

    @property
    def trainable(self) -> bool:
        """Whether it can be trained."""
        return self.frozen_reason is None

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
        """Name of the media type, or None if only loading can tell."""
        return None if self.input is None else self.input.modality

    @property
    def default_weights(self) -> str | None:
        """The first published name, or None."""
        return self.weights[0] if self.weights else None

    def chosen_weights(self, asked: str | None) -> str | None:
        """Returns a published name, a file, or None for random weights; resolves `"default"`."""
        return self.default_weights if asked == DEFAULT_WEIGHTS else asked


@dataclass(frozen=True, kw_only=True)
class Member:
    """One of several backbones whose features are concatenated.

    Args:
        spec: Its facts.
        weights: A published name, a file, or None for random weights.
        input_size: Its own input size; None is its default.
        options: Its options.
    """

    spec: BackboneSpec
    weights: str | None
    input_size: int | tuple[int, int] | None
    options: Mapping[str, Any]


@runtime_checkable
class Family(Protocol):
    """What an entry point in the group `kerastl.backbones` names.

    The module behind it is light: it imports no Keras, TensorFlow, NumPy or pandas.
    """

    def names(self) -> Sequence[str]:
        """Returns the names that listings show; an open family accepts more."""

    def spec(self, name: str, *, options: Mapping[str, Any] = {}) -> BackboneSpec:
        """Returns the facts of one backbone, or raises `UnknownBackboneError`. Light."""
