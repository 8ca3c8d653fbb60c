"""The backbone under test, built once with its smallest input, and examples for it."""

import json
import unittest
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cached_property, lru_cache, partial
from typing import Any

import keras
import numpy as np

from kerastl.backbones.building import build_extractor, build_network
from kerastl.backbones.extractor import Extractor
from kerastl.backbones.layer import Backbone, named_leaves
from kerastl.backbones.registry import find_backbone
from kerastl.backbones.spec import BackboneSpec, Input, Stage
from kerastl.backbones.stages import stages_by_resolution
from kerastl.media.base import MediaType
from kerastl.media.media_types import media_type_of

SAME_ROW = 1e-4
"""Largest difference of an example alone and in a batch, as a share of the largest feature."""


class DoesNotApply(unittest.SkipTest):
    """The check does not apply to this backbone; the text says why."""


class Subject:
    """One backbone, built with weights or with random ones, and what the checks need of it."""

    def __init__(self, identifier: str, weights: str | None, options: dict[str, Any]):
        self.identifier = identifier
        self.options = options
        # An extractor has no random weights.
        self.weights = weights or (self.spec.default_weights if self.is_extractor else None)
        self._failure: str | None = None

    @cached_property
    def spec(self) -> BackboneSpec:
        """The facts."""
        return find_backbone(self.identifier, options=self.options)

    @property
    def is_extractor(self) -> bool:
        """Whether the backbone is no Keras model."""
        return self.spec.is_extractor

    @cached_property
    def input(self) -> Input | None:
        """The smallest input that the backbone takes; the usual one of an extractor."""
        if self.spec.input is None or self.is_extractor:
            return self.spec.input
        return self.spec.input.smallest()

    @cached_property
    def extractor(self) -> Extractor:
        """The network of a backbone that is no Keras model."""
        return build_extractor(
            self.spec, weights=self.weights, input=self.input, options=self.options
        )

    @property
    def media(self) -> MediaType:
        """The media type of the backbone."""
        return media_type_of(self.spec.input, self.input_shape)

    @property
    def input_shape(self) -> tuple[int | None, ...]:
        """Shape of one raw input."""
        if self.is_extractor:
            return self.extractor.input_shape
        return tuple(self.network.input_shape[1:])

    @cached_property
    def network(self) -> keras.Model:
        """The built model, frozen, with BatchNorm's statistics fitted to the examples if random.

        With the statistics of a new BatchNorm, features of a deep random network vanish, and all
        comparisons are equal.
        """
        network = self.build()
        if self.weights is None:
            settle_statistics(network, self.examples(network))
        network.trainable = False
        return network

    def build(self) -> keras.Model:
        """Builds the model again, always with the same random weights.

        What keeps it from being built fails one check, the first; it is one mistake.
        """
        keras.utils.set_random_seed(0)
        try:
            return build_network(
                self.spec, weights=self.weights, input=self.input, options=self.options
            )
        except Exception as error:
            if repr(error) == self._failure:
                raise DoesNotApply("the network cannot be built; see the failed check") from error
            self._failure = repr(error)
            raise

    def check_build(self) -> None:
        """Builds whatever the backbone is."""
        if self.is_extractor:
            _ = self.extractor
        else:
            self.build()

    def examples(self, network: keras.Model | None = None) -> np.ndarray:
        """Returns raw inputs that differ widely, one example per row."""
        shape = self.input_shape if network is None else network.input_shape[1:]
        return media_type_of(self.spec.input, shape).varied_examples(shape)

    def features(self, raw: np.ndarray) -> np.ndarray:
        """Returns the features of `raw`, in inference."""
        if self.is_extractor:
            return self.extractor.features(raw)
        return keras.ops.convert_to_numpy(self.network(raw, training=False))

    def stages(self) -> tuple[Stage, ...]:
        """Returns the stages of the network."""
        self._refuse_extractor()
        return tuple((self.spec.stages or stages_by_resolution)(self.network))

    @contextmanager
    def layer(self) -> Iterator[Backbone]:
        """Yields the network as a trainable layer, and restores its weights afterwards."""
        self._refuse_extractor()
        before = [keras.ops.convert_to_numpy(variable) for variable in self.network.variables]
        layer = Backbone(self.network, stages=self.stages())
        try:
            yield layer
        finally:
            layer.freeze()
            for variable, value in zip(self.network.variables, before, strict=True):
                variable.assign(value)

    def _refuse_extractor(self) -> None:
        if self.is_extractor:
            raise DoesNotApply("the backbone can only be frozen")


@lru_cache(maxsize=1)
def find_subject(identifier: str, weights: str | None, options: str) -> Subject:
    """Returns the subject, one for all checks of the same backbone; the last one is kept.

    The options are JSON.
    """
    return Subject(identifier, weights, json.loads(options))


def settle_statistics(network: keras.Model, raw: np.ndarray) -> None:
    """Gives every BatchNorm of a random network statistics that keep its features alive.

    Each divides by the root of the mean square of all its values together. Statistics per channel,
    or taking off the mean, would magnify rounding errors in each layer, up to 60,000 times in an
    EfficientNetB0 instead of 33 times.
    """
    kind, leaves = keras.layers.BatchNormalization, [layer for _, layer in named_leaves(network)]
    layers = [layer for layer in leaves if isinstance(layer, kind)]
    for layer in layers:
        layer.call = partial(_settle_and_call, layer, layer.call)
    network(raw, training=False)
    for layer in layers:
        del layer.call


def _settle_and_call(
    layer: keras.layers.Layer, call: Callable[..., Any], inputs: Any, **arguments: Any
) -> Any:
    mean_square = keras.ops.mean(keras.ops.square(inputs))
    layer.moving_variance.assign(keras.ops.full(layer.moving_variance.shape, mean_square))
    return call(inputs, training=False)


def assert_equal_features(
    received: np.ndarray, expected: np.ndarray, *, tolerance: float, what: str
) -> None:
    """Fails with a message that starts with `what` if features `(batch, feature_dim)` differ.

    The tolerance is relative to the largest feature.
    """
    scale = float(np.max(np.abs(expected)))
    difference = float(np.max(np.abs(received - expected)))
    assert difference <= tolerance * scale, (
        f"{what}: features differ by {difference:.3g}, where the largest is {scale:.3g}"
    )
