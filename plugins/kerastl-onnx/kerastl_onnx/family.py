"""The family `onnx`: any ONNX file by its path."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kerastl.backbones import (
    BackboneError,
    BackboneSpec,
    Input,
    UnknownBackboneError,
    WeightsError,
)
from kerastl_onnx.facts import FileFacts, read_facts
from kerastl_onnx.options import OPTIONS
from kerastl_onnx.settings import Settings, resolve
from kerastl_onnx.sidecars import stated_options

if TYPE_CHECKING:
    from kerastl.backbones import Extractor

WEIGHTS = "file"


class OnnxFamily:
    """ONNX files, each a frozen backbone."""

    def names(self) -> Sequence[str]:
        """Returns nothing, because a file is identified by its path."""
        return ()

    def spec(self, name: str, *, options: Mapping[str, Any] = {}) -> BackboneSpec:
        """Returns the facts of a file, read from its beginning and from the files beside it.

        Raises:
            UnknownBackboneError: There is no such file, or it is not an ONNX file.
            BackboneError: An option is unknown, or missing and stated nowhere.
        """
        path = Path(name).expanduser()
        try:
            if not path.is_file():
                raise FileNotFoundError("there is no such file")
            facts = read_facts(path)
        except (OSError, ValueError) as error:
            raise UnknownBackboneError(
                f"The backbone 'onnx:{name}' cannot be read.",
                where=str(path),
                expected="the path of an ONNX file",
                received=str(error),
            ) from error
        return _spec(name, path, facts, options)


def _spec(name: str, path: Path, facts: FileFacts, options: Mapping[str, Any]) -> BackboneSpec:
    try:
        stated, source = stated_options(path, facts.metadata)
    except (ValueError, KeyError, TypeError, IndexError) as error:
        raise BackboneError(
            f"What the backbone 'onnx:{name}' takes cannot be read.",
            where=str(path),
            received=str(error),
        ) from error
    settings = resolve(f"onnx:{name}", facts, stated, options)
    return BackboneSpec(
        id=f"onnx:{name}",
        input=settings.taken,
        feature_dim=_feature_dim(facts, settings),
        num_params=None,
        weights=(WEIGHTS,),
        license=str(options.get("license") or "the file's own; see its source"),
        reference=str(path),
        extract=partial(_extract, name, path, settings),
        reference_features=partial(_reference_features, path, settings),
        options=OPTIONS,
        description="An ONNX file, which can only be frozen.",
        facts={
            "inputs": ", ".join(map(str, facts.inputs)),
            "outputs": ", ".join(map(str, facts.outputs)),
            "normalization": f"{settings.image or settings.audio}",
            "stated in": source or "the options",
        },
    )


def _feature_dim(facts: FileFacts, settings: Settings) -> int | None:
    """Returns the number of features if the outputs are vectors of a fixed length."""
    known = {one.name: one.shape for one in facts.outputs}
    shapes = [known.get(name) for name in settings.outputs]
    if any(shape is None or len(shape) != 2 or shape[1] is None for shape in shapes):
        return None
    return sum(shape[1] or 0 for shape in shapes if shape is not None)


def _reference_features(path: Path, settings: Settings, _: Any) -> Callable[[Any], Any]:
    from kerastl_onnx.reference import reference_features

    return reference_features(path, settings)


def _extract(
    name: str, path: Path, settings: Settings, *, weights: str | None, input: Input | None, **_: Any
) -> "Extractor":
    from kerastl_onnx.network import make_extractor

    if weights != WEIGHTS:
        raise WeightsError(
            f"The backbone 'onnx:{name}' has the weights of its file only.",
            where="backbone.weights",
            expected=f"{WEIGHTS}, the default",
            received=str(weights),
        )
    return make_extractor(f"onnx:{name}", path, settings, input)
