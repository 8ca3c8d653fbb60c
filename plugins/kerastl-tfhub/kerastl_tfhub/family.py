"""The family `tfhub`: the catalogue's modules by name, and every other module by its handle."""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from kerastl.backbones import BackboneSpec, Stage
from kerastl_tfhub.catalogue import CATALOGUE, Entry
from kerastl_tfhub.handles import check_handle

if TYPE_CHECKING:
    import keras

OPTIONS: Mapping[str, Any] = {
    "arguments": None,
    "input_range": None,
    "output": None,
    "pooling": None,
    "signature": None,
    "tags": None,
}


class TfHubFamily:
    """Modules of TF Hub and Kaggle Models, and any SavedModel; `names` lists the well-known."""

    def names(self) -> Sequence[str]:
        """Returns the names in the catalogue, sorted; any handle is accepted too."""
        return tuple(CATALOGUE)

    def spec(self, name: str, *, options: Mapping[str, Any] = {}) -> BackboneSpec:
        """Returns the facts of one module, which for an unknown handle only loading can tell.

        Raises:
            UnknownBackboneError: It is no name, no URL and no existing path.
        """
        del options
        check_handle(name)
        return _known(name, CATALOGUE[name]) if name in CATALOGUE else _unknown(name)


def _known(name: str, entry: Entry) -> BackboneSpec:
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
        options={**OPTIONS, **entry.options},
        description=f"TF Hub's {name}. {entry.limits}".strip(),
        facts={
            "handle": entry.handle,
            "input range": f"[{low:g}, {high:g}], applied inside",
            "input size": "any" if entry.any_size else "this one only",
        },
    )


def _unknown(handle: str) -> BackboneSpec:
    return BackboneSpec(
        id=f"tfhub:{handle}",
        input=None,
        feature_dim=None,
        num_params=None,
        weights=("module",),
        license="the module's own; see where it comes from",
        reference=handle,
        build=partial(_build, handle),
        stages=_stages,
        options={**OPTIONS, "pooling": "mean"},
        description="A SavedModel, inspected when it is built.",
        facts={"handle": handle},
    )


def _build(handle: str, *, weights: str | None, input: Any = None, **options: Any) -> "keras.Model":
    from kerastl_tfhub.network import build_network

    given = {name: value for name, value in options.items() if value is not None}
    return build_network(handle, weights=weights, input=input, **given)


def _stages(network: "keras.Model") -> Sequence[Stage]:
    from kerastl_tfhub.network import module_stages

    return module_stages(network)
