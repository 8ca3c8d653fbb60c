"""A frozen network as the cache and the engines see it.

Convention: what identifies a network and what it costs can be stored, so that its Keras model is
built only if something has to be computed with it.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property, partial
from typing import TYPE_CHECKING

import numpy as np

from kerastl.backbones.fingerprints import network_fingerprint
from kerastl.backbones.joined_extractor import members_of
from kerastl.backbones.views import Views
from kerastl.backbones.wiring import Call, calls
from kerastl.errors import BackboneError

if TYPE_CHECKING:
    import keras

    from kerastl.backbones import Backbone
    from kerastl.backbones.extractor import Extractor

REFERENCE = "keras float32"  # label of the engine that others must agree with
EXTRACTOR_REFERENCE = "onnxruntime float32"  # the same for a network that is no Keras model

Size = tuple[int, int] | None
"""Height and width to which a view resizes inputs, or None."""


@dataclass(frozen=True, kw_only=True)
class NetworkFacts:
    """What is known of a network without its model."""

    fingerprint: str  # of everything that determines the output
    output_shape: tuple[int, ...]  # for one input
    multiply_adds: int  # for one input


class Network:
    """A network from raw input to features.

    Args:
        load: Returns the Keras model.
        facts: What is known already; the rest is found out from the model.
    """

    extractor: "Extractor | None" = None
    """The network if it is no Keras model."""
    reference = REFERENCE
    """Label of the engine that others must agree with."""

    def __init__(self, load: "Callable[[], keras.Model]", facts: NetworkFacts | None = None):
        self._load = load
        if facts is not None:
            vars(self).update(vars(facts))

    @classmethod
    def of(cls, network: "keras.Model | Network") -> "Network":
        """Returns a Keras model as a network."""
        return network if isinstance(network, Network) else cls(lambda: network)

    @cached_property
    def model(self) -> "keras.Model":
        """The Keras model."""
        return self._load()

    @cached_property
    def fingerprint(self) -> str:
        """The hash of everything that determines the output."""
        return network_fingerprint(self.model)

    @cached_property
    def output_shape(self) -> tuple[int, ...]:
        """Shape of the output for one input."""
        return tuple(self.model.output_shape[1:])

    @cached_property
    def multiply_adds(self) -> int:
        """Approximate number of multiply-adds for one input, 0 if it is not known."""
        return multiply_adds(self.model)

    @property
    def facts(self) -> NetworkFacts:
        """What can be stored."""
        return NetworkFacts(
            fingerprint=self.fingerprint,
            output_shape=self.output_shape,
            multiply_adds=self.multiply_adds,
        )


class ExtractorNetwork(Network):
    """A network that is no Keras model."""

    def __init__(self, extractor: "Extractor"):
        facts = NetworkFacts(
            fingerprint=extractor.fingerprint,
            output_shape=(extractor.feature_dim,),
            multiply_adds=0,
        )
        super().__init__(self._no_model, facts)
        self.extractor = extractor
        self.reference = EXTRACTOR_REFERENCE

    def _no_model(self) -> "keras.Model":
        raise AssertionError("an extractor has no Keras model")


@dataclass(frozen=True, kw_only=True)
class FrozenBackbone:
    """The networks of a frozen backbone.

    Args:
        views: What is computed of each input; None is the output of the only network.
        networks: The network for each size of the views; none if there are members.
        members: The backbones whose features are concatenated, if it is several.
    """

    views: Views | None
    networks: Mapping[Size, Network]
    members: tuple["FrozenBackbone", ...] = ()

    @classmethod
    def of(cls, layer: "Backbone | FrozenBackbone") -> "FrozenBackbone":
        """Returns the networks of a layer."""
        if isinstance(layer, FrozenBackbone):
            return layer
        if layer.members and layer.views is None:
            return cls(views=None, networks={}, members=tuple(map(cls.of, layer.members)))
        sizes = (None,) if layer.views is None else layer.views.sizes
        networks = {size: Network(partial(layer.network, size)) for size in sizes}
        return cls(views=layer.views, networks=networks)

    @classmethod
    def of_extractor(cls, extractor: "Extractor", views: Views | None) -> "FrozenBackbone":
        """Returns the only network of an extractor, or that of each that were joined to it.

        Raises:
            BackboneError: A view has another size, or only middle stages are wanted.
        """
        if views is not None and views.sizes != (None,):
            raise _cannot("look at several sizes", "sizes", "Remove features.sizes.")
        if views is not None and "top" not in views.stages:
            raise _cannot("give middle stages", "stages", "Set features.stages to [top].")
        joined = members_of(extractor)
        if joined:
            members = tuple(cls.of_extractor(one, views) for one in joined)
            return cls(views=None, networks={}, members=members)
        return cls(views=views, networks={None: ExtractorNetwork(extractor)})


def _cannot(what: str, key: str, fix: str) -> BackboneError:
    return BackboneError(
        f"A backbone that is no Keras model cannot {what}.", where=f"features.{key}", fix=fix
    )


def multiply_adds(network: "keras.Model") -> int:
    """Returns the approximate number of multiply-adds for one example, 0 if it is not known.

    Each output position of a layer with a kernel costs as many as the kernel has values.
    """
    return sum(map(_multiply_adds, calls(network)))


def _multiply_adds(call: Call) -> int:
    if calls(call.operation):
        return multiply_adds(call.operation)
    kernel = getattr(call.operation, "kernel", None)
    if kernel is None or not call.outputs:
        return 0
    positions = int(np.prod([side or 1 for side in call.outputs[0].shape[1:-1]]))
    return positions * int(np.prod(kernel.shape))
