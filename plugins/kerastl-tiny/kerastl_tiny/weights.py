"""The weights in the package: one float16 array per variable, named by its path."""

import zipfile
from pathlib import Path

import keras
import numpy as np

from kerastl.backbones import WeightsError, load_weights_file, refuse_unsafe_file

_DATA = Path(__file__).parent / "data"
PUBLISHED = {
    "tiny:image": {"synthetic-scenes-v1": _DATA / "image-synthetic-scenes-v1.npz"},
    "tiny:speech": {"synthetic-speech-v1": _DATA / "speech-synthetic-speech-v1.npz"},
}


def save_weights(model: keras.Model, path: Path) -> None:
    """Writes the weights of `model` as float16, compressed."""
    arrays = {
        name: keras.ops.convert_to_numpy(variable.value).astype(np.float16)
        for name, variable in _named_variables(model).items()
    }
    np.savez_compressed(path, **arrays)


def load_weights(model: keras.Model, weights: str | Path, *, backbone: str) -> None:
    """Loads published weights, a `.npz` of this package, or a weights file of Keras, into `model`.

    Args:
        model: The network; its weights are changed.
        weights: A published name of the backbone, or a file.
        backbone: Identifier of the backbone that the network is.

    Raises:
        WeightsError: The file is missing, unreadable, or does not fit the network.
    """
    published = PUBLISHED[backbone]
    path = published.get(str(weights), Path(weights))
    if not path.is_file():
        names = ", ".join(published)
        raise WeightsError(
            f"The weights of the backbone '{backbone}' cannot be found.",
            expected=f"a published name ({names}), a file, or null for random weights",
            received=str(path),
            fix="Set backbone.weights.",
        )
    try:
        if path.suffix == ".npz":
            refuse_unsafe_file(path)
            _load_arrays(model, path)
        else:
            load_weights_file(model, path)
    except (ValueError, KeyError, OSError, zipfile.BadZipFile) as error:
        raise WeightsError(
            f"The weights do not fit the backbone '{backbone}'.",
            where=str(path),
            expected=f"{len(model.weights)} arrays of its shapes in .npz, .weights.h5 or .keras",
            received=str(error).partition("\n")[0],
        ) from error


def _load_arrays(model: keras.Model, path: Path) -> None:
    with np.load(path) as arrays:
        for name, variable in _named_variables(model).items():
            variable.assign(arrays[name].astype(np.float32))


def _named_variables(model: keras.Model) -> dict[str, keras.Variable]:
    return {
        f"{layer.name}/{variable.name}": variable
        for layer in model.layers
        for variable in layer.weights
    }
