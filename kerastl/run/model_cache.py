"""Models in the cache, from which a run takes its model without building it.

Convention: the models of two runs that solve the heads of one frozen backbone differ only in the
numbers of their heads. So `model.keras` of the first one is stored with the places of these numbers
in it, under everything that determines the rest. A stored model that is damaged or does not fit is
built again.
"""

import hashlib
import importlib.util
import io
import json
import shutil
import sys
import time
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from kerastl.backbones import BackboneSpec
from kerastl.backbones.discovery import allowed
from kerastl.backbones.fingerprints import combined_fingerprint
from kerastl.backbones.views import Views
from kerastl.config import BackboneConfig
from kerastl.config.features_section import FeaturesConfig
from kerastl.config.head import Head, HeadsSpec, resolve_heads
from kerastl.errors import CacheError
from kerastl.features.cache.file_hashes import FileHashes
from kerastl.features.cache.location import MODELS, size_limit, touch
from kerastl.features.cache.pruning import prune
from kerastl.features.engines.offered import keras_settings
from kerastl.features.network import NetworkFacts
from kerastl.files import temporary_path, write_json
from kerastl.records import from_values, to_values
from kerastl.training.solving import ModelPart
from kerastl.versions import installed_version
from kerastl_runtime.files import file_sha256
from kerastl_runtime.media_file import LocalFile

Arrays = Mapping[str, tuple[np.ndarray, np.ndarray]]
"""Name of each layer of logits to its kernel and its bias, float32."""

_MODEL, _FACTS = "model.keras", "facts.json"
_WEIGHTS, _METADATA = "model.weights.h5", "metadata.json"  # in a model
_SOURCES = ("backbones", "heads", "media")  # packages that determine how a model is built


@dataclass(frozen=True, kw_only=True)
class ModelParts:
    """What a model is made of."""

    spec: BackboneSpec
    backbone: BackboneConfig  # its weights, options and input size
    features: FeaturesConfig | None  # what it computes of each input
    heads: HeadsSpec
    tasks: tuple[str, ...]
    seed: int  # of the initial weights

    @property
    def resolved_heads(self) -> tuple[Head, ...]:
        """The heads with their tasks."""
        return resolve_heads(self.heads, self.tasks)


@dataclass(frozen=True, kw_only=True)
class Place:
    """Where the numbers of an array begin in the file of weights, and its shape."""

    offset: int
    shape: tuple[int, ...]


@dataclass(frozen=True, kw_only=True)
class ModelFacts:
    """What a training that only solves heads needs to know of its model.

    Args:
        input_shape: Shape of one raw input.
        backbone_sha256: Hash of the weights of the backbone.
        views: What the backbone computes of each input.
        networks: Its networks, one for each size of the views.
        parts: Parts of the model, for the learning table.
        seed: The seed, if the model has layers with a random state; None if it has none.
    """

    input_shape: tuple[int, ...]
    backbone_sha256: str
    views: Views | None
    networks: tuple[NetworkFacts, ...]
    parts: tuple[ModelPart, ...]
    seed: int | None


@dataclass(frozen=True, kw_only=True)
class _Stored:
    facts: ModelFacts
    sha256: str  # of the model
    places: Mapping[str, tuple[Place, ...]]


class StoredModel:
    """A model in the cache.

    Args:
        folder: Its folder.
        seed: The seed that the model must have, if it depends on one.
    """

    def __init__(self, folder: Path, *, seed: int):
        self._folder = folder
        self._stored = _read(folder)
        if self._stored is not None and self._stored.facts.seed not in (None, seed):
            self._stored = None

    @property
    def facts(self) -> ModelFacts | None:
        """What is known of the model, or None if it is not stored."""
        return None if self._stored is None else self._stored.facts

    def write(self, path: Path, arrays: Arrays) -> bool:
        """Writes the model with the numbers of these heads, unless it is damaged."""
        stored = self._stored
        try:
            if stored is None:
                return False
            content = (self._folder / _MODEL).read_bytes()
            if hashlib.sha256(content).hexdigest() != stored.sha256:
                raise ValueError("damaged")
            _write_model(path, content, stored.places, arrays)
        except (OSError, ValueError, KeyError, zipfile.BadZipFile):
            shutil.rmtree(self._folder, ignore_errors=True)
            return False
        touch(self._folder / _MODEL)
        return True

    def store(self, model: Path, facts: ModelFacts, arrays: Arrays) -> None:
        """Stores a model that Keras has saved, if the numbers of its heads are found in it."""
        temporary = temporary_path(self._folder)
        try:
            places = _find_places(model, arrays)
            stored = to_values(_Stored(facts=facts, sha256=file_sha256(model).hex(), places=places))
            temporary.mkdir(parents=True)
            shutil.copyfile(model, temporary / _MODEL)
            facts_hash = combined_fingerprint(stored)
            write_json(temporary / _FACTS, {"stored": stored, "sha256": facts_hash})
            shutil.rmtree(self._folder, ignore_errors=True)
            temporary.rename(self._folder)
            prune(self._folder.parents[1], size_limit())
        # disk full, no permission, another process was faster, or a limit that is not a size
        except (OSError, ValueError, CacheError):
            shutil.rmtree(temporary, ignore_errors=True)


def find_stored(parts: ModelParts, cache: Path | None) -> StoredModel | None:
    """Returns the model of a run in the cache, which may be empty; None if it must be built.

    If Keras is imported already, the program may have set its global policies.
    """
    if cache is None or "keras" in sys.modules:
        return None
    key = _identity(parts, cache)
    return None if key is None else StoredModel(cache / MODELS / key, seed=parts.seed)


def _identity(parts: ModelParts, cache: Path) -> str | None:
    """Returns the hash of everything that determines a model besides the numbers of its heads."""
    spec, settings, features = parts.spec, parts.backbone, parts.features
    weights = spec.chosen_weights(settings.weights)
    if not spec.is_determined or weights is None:
        return None
    if weights not in spec.weights:
        (digest,) = FileHashes(cache).hash_files([LocalFile(weights)])
        if digest is None:
            return None
        weights = digest.hex()
    plugin = next(plugin for plugin in allowed() if plugin.family == spec.family)
    own = Path(__file__).parents[1]
    return combined_fingerprint(
        {
            **keras_settings(),
            "kerastl": [installed_version("kerastl"), *_sources(own / name for name in _SOURCES)],
            "plugin": [plugin.distribution, plugin.version, *_sources(_package(plugin.target))],
            "backbone": [spec.id, weights, dict(settings.options)],
            "input": settings.input_size,
            "features": None if features is None else features.model_dump(),
            "heads": [to_values(head) for head in parts.resolved_heads],
        }
    )


def _package(target: str) -> Iterator[Path]:
    """Yields the folder of the package, or the file of the module, behind an entry point."""
    found = importlib.util.find_spec(target.partition(":")[0].partition(".")[0])
    if found is not None:
        yield from map(Path, found.submodule_search_locations or filter(None, [found.origin]))


def _sources(places: Iterator[Path]) -> Iterator[str]:
    """Yields the hash of every file in folders, or of files themselves."""
    for folder in places:
        for path in sorted(folder.rglob("*")) if folder.is_dir() else [folder]:
            if path.is_file() and path.suffix != ".pyc":
                yield f"{path.relative_to(folder)} {file_sha256(path).hex()}"


def _read(folder: Path) -> _Stored | None:
    try:
        found = json.loads((folder / _FACTS).read_text())
        if found["sha256"] != combined_fingerprint(found["stored"]):
            return None
        return from_values(_Stored, found["stored"])
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        return None


def _write_model(
    path: Path, content: bytes, places: Mapping[str, Sequence[Place]], arrays: Arrays
) -> None:
    """Writes a model with other numbers in its heads.

    Raises:
        ValueError: The heads are not those of the model.
    """
    if places.keys() != arrays.keys():
        raise ValueError("other heads")
    with zipfile.ZipFile(io.BytesIO(content)) as old, zipfile.ZipFile(path, "w") as new:
        for member in old.infolist():
            data = bytearray(old.read(member))
            if member.filename == _WEIGHTS:
                for name, found in places.items():
                    for place, values in zip(found, arrays[name], strict=True):
                        _replace(data, place, values)
            elif member.filename == _METADATA:
                saved = time.strftime("%Y-%m-%d@%H:%M:%S")
                data = bytearray(json.dumps({**json.loads(data), "date_saved": saved}).encode())
            new.writestr(member, bytes(data))


def _replace(data: bytearray, place: Place, values: np.ndarray) -> None:
    if values.shape != place.shape or values.dtype != np.float32:
        raise ValueError("an array of another shape or type")
    data[place.offset : place.offset + values.nbytes] = values.astype("<f4").tobytes()


def _find_places(model: Path, arrays: Arrays) -> dict[str, tuple[Place, ...]]:
    """Returns where the numbers of the heads are.

    Raises:
        ValueError: They are not where HDF5 says.
    """
    import h5py

    with zipfile.ZipFile(model) as archive:
        data = archive.read(_WEIGHTS)
    places: dict[str, tuple[Place, ...]] = {}

    def visit(name: str, item: Any) -> None:
        layer = item.attrs.get("name")
        if layer in arrays:
            found = [item[str(number)] for number in range(len(item))]
            places[layer] = tuple(
                Place(offset=int(one.id.get_offset() or 0), shape=tuple(one.shape)) for one in found
            )

    with h5py.File(io.BytesIO(data)) as file:
        file.visititems(visit)
    for name, values in arrays.items():
        for place, array in zip(places.get(name, ()), values, strict=True):
            expected = array.astype("<f4").tobytes()
            if place.shape != array.shape or data[place.offset :][: len(expected)] != expected:
                raise ValueError(f"'{name}' is elsewhere")
    return places
