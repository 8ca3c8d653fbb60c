"""The family `tfhub`: modules of the catalogue by name, any other module by its handle."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from kerastl.backbones import BackboneError, BackboneSpec, Stage, suggestion
from kerastl_tfhub.catalogue import CATALOGUE, Entry
from kerastl_tfhub.handles import check_handle
from kerastl_tfhub.kaggle import kaggle_handle

if TYPE_CHECKING:
    import keras

OPTIONS: Mapping[str, Any] = {
    "arguments": None,
    "input_range": None,
    "num_samples": None,
    "output": None,
    "pooling": None,
    "signature": None,
    "tags": None,
}


class TfHubFamily:
    """Modules of TF Hub and Kaggle Models, and any SavedModel."""

    def names(self) -> Sequence[str]:
        """Returns the names in the catalogue, sorted; any handle is accepted too."""
        return tuple(CATALOGUE)

    def spec(self, name: str, *, options: Mapping[str, Any] = {}) -> BackboneSpec:
        """Returns the facts of one module; outside the catalogue, most are unknown before loading.

        Raises:
            UnknownBackboneError: It is not a name, a URL or an existing path.
            BackboneError: There is no such option.
        """
        check_handle(name)
        _check_options(name, options)
        reference = partial(_reference_features, name, dict(options))
        if name in CATALOGUE:
            return _known(name, CATALOGUE[name], reference)
        return _unknown(name, reference)


def _check_options(name: str, options: Mapping[str, Any]) -> None:
    for option in sorted(set(options) - set(OPTIONS)):
        raise BackboneError(
            f"The backbone 'tfhub:{name}' has no option '{option}'.",
            expected=f"one of {', '.join(OPTIONS)}",
            fix=suggestion(option, OPTIONS),
        )


def _known(name: str, entry: Entry, reference: Callable[..., Any]) -> BackboneSpec:
    low, high = entry.input_range
    return BackboneSpec(
        id=f"tfhub:{name}",
        input=entry.input,
        feature_dim=entry.feature_dim,
        num_params=entry.num_params,
        weights=(entry.weights,),
        license=entry.license,
        reference=entry.reference,
        build=partial(_build, name),
        stages=_stages,
        reference_features=reference,
        options={**OPTIONS, **entry.options},
        description=f"TF Hub's {name}.",
        frozen_reason=entry.frozen_reason,
        facts={
            "handle": kaggle_handle(entry.handle) or entry.handle,
            "input range": f"[{low:g}, {high:g}], applied inside",
            "input size": "any" if entry.any_size else "this one only",
        },
    )


def _unknown(handle: str, reference: Callable[..., Any]) -> BackboneSpec:
    return BackboneSpec(
        id=f"tfhub:{handle}",
        input=None,
        feature_dim=None,
        num_params=None,
        weights=("module",),
        license="the module's own; see its source",
        reference=handle,
        build=partial(_build, handle),
        stages=_stages,
        reference_features=reference,
        options={**OPTIONS, "pooling": "mean"},
        description="A SavedModel, inspected when it is built.",
        facts={"handle": handle},
    )


def _build(handle: str, *, weights: str | None, input: Any = None, **options: Any) -> "keras.Model":
    from kerastl_tfhub.network import build_network

    given = {name: value for name, value in options.items() if value is not None}
    return build_network(handle, weights=weights, input=input, **given)


def _reference_features(
    handle: str, options: Mapping[str, Any], network: "keras.Model"
) -> Callable[[Any], Any]:
    from kerastl_tfhub.reference import reference_features

    return reference_features(handle, network, **options)


def _stages(network: "keras.Model") -> Sequence[Stage]:
    """Returns none: a module has no layers, only variables, selected by path patterns."""
    return ()
