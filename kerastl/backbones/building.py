"""The call of the function with which a plugin builds a network."""

import inspect
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import keras

from kerastl.backbones.discovery import definition_of
from kerastl.backbones.extractor import Extractor
from kerastl.backbones.registry import check_options
from kerastl.backbones.spec import BackboneSpec, Input
from kerastl.errors import BackboneError, BrokenPluginError

T = TypeVar("T")
_OWN = ("weights", "input")


def build_network(
    spec: BackboneSpec, *, weights: str | None, input: Input | None, options: Mapping[str, Any]
) -> keras.Model:
    """Returns the network that the plugin of a backbone builds.

    `weights` is a published name, a file, or None for random weights; `input` is None if only
    loading can tell.

    Raises:
        BackboneError: The backbone is no Keras model, or cannot be built.
    """
    if spec.build is None:
        raise BackboneError(
            f"The backbone '{spec.id}' is no Keras model: it can only be frozen.",
            expected="a backbone that Keras builds",
            fix="Train it with a config: `kerastl train` computes its features and solves heads.",
        )
    return _called(spec, spec.build, keras.Model, weights=weights, input=input, **options)


def build_extractor(
    spec: BackboneSpec, *, weights: str | None, input: Input | None, options: Mapping[str, Any]
) -> Extractor:
    """Returns the extractor of a backbone that can only be frozen; arguments as above."""
    assert spec.extract is not None
    return _called(spec, spec.extract, Extractor, weights=weights, input=input, **options)


def _called(spec: BackboneSpec, function: Callable[..., Any], kind: type[T], **arguments: Any) -> T:
    """Returns what a function of a plugin returns for these arguments, which must be of a kind."""
    try:
        inspect.signature(function).bind(**arguments)
    except TypeError as error:
        options = {name: value for name, value in arguments.items() if name not in _OWN}
        check_options(spec.id, options, defaults=spec.options)
        raise _wrong_build(
            spec,
            function,
            "cannot be called",
            expected=f"a function that takes the keywords {', '.join(arguments)}",
            received=f"{inspect.signature(function)}: {error}",
        ) from None
    found = function(**arguments)
    if not isinstance(found, kind):
        raise _wrong_build(
            spec,
            function,
            "returns no model",
            expected="a functional keras.Model" if kind is keras.Model else "an Extractor",
            received=f"an object of type {type(found).__name__}",
        )
    return found


def _wrong_build(
    spec: BackboneSpec, function: Callable[..., Any], what: str, *, expected: str, received: str
) -> BrokenPluginError:
    name = "build" if function is spec.build else "extract"
    return BrokenPluginError(
        f"The function `{name}` of the backbone '{spec.id}' {what}.",
        where=definition_of(function),
        expected=expected,
        received=received,
        fix="Report this to the plugin's authors, or check backbone.options.",
    )
