"""The call of the function with which a plugin builds a network."""

import inspect
from collections.abc import Mapping
from typing import Any

import keras

from kerastl.backbones.discovery import definition_of
from kerastl.backbones.registry import check_options
from kerastl.backbones.spec import BackboneSpec, Input
from kerastl.errors import BrokenPluginError


def build_network(
    spec: BackboneSpec, *, weights: str | None, input: Input | None, options: Mapping[str, Any]
) -> keras.Model:
    """Returns the network that the plugin of a backbone builds.

    `weights` is a published name, a file, or None for random weights; `input` is None if only
    loading can tell.
    """
    arguments = {"weights": weights, "input": input, **options}
    try:
        inspect.signature(spec.build).bind(**arguments)
    except TypeError as error:
        check_options(spec.id, options, defaults=spec.options)
        raise _wrong_build(
            spec,
            "cannot be called",
            expected=f"a function that takes the keywords {', '.join(arguments)}",
            received=f"{inspect.signature(spec.build)}: {error}",
        ) from None
    network = spec.build(**arguments)
    if not isinstance(network, keras.Model):
        raise _wrong_build(
            spec,
            "returns no model",
            expected="a functional keras.Model",
            received=f"an object of type {type(network).__name__}",
        )
    return network


def _wrong_build(
    spec: BackboneSpec, what: str, *, expected: str, received: str
) -> BrokenPluginError:
    return BrokenPluginError(
        f"The function `build` of the backbone '{spec.id}' {what}.",
        where=definition_of(spec.build),
        expected=expected,
        received=received,
        fix="Report this to the plugin's authors, or check backbone.options.",
    )
