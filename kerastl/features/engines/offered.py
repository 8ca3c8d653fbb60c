"""The engines that this machine offers.

Convention: finding them out imports TensorFlow and OpenVINO, so the answer is stored together with
everything that it depends on. A GPU that TensorFlow does not use is asked for again each time.
"""

import contextlib
import json
import os
import platform
import sys
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from kerastl.backbones.fingerprints import combined_fingerprint
from kerastl.features.engines import openvino_engine
from kerastl.features.engines.engine import XLA_NAME
from kerastl.features.network import REFERENCE
from kerastl.files import write_json
from kerastl.records import from_values, to_values
from kerastl.versions import installed_version

_FILE = "offered.json"
_PACKAGES = ("keras", "tensorflow", "openvino")
_GPU_FILES = ("nvidia[0-9]*", "kfd", "dxg")
_VARIABLES = ("CUDA_VISIBLE_DEVICES", "HIP_VISIBLE_DEVICES", "ROCR_VISIBLE_DEVICES")


@dataclass(frozen=True, kw_only=True)
class OfferedEngines:
    """The labels of the engines, fastest first, Keras last."""

    labels: tuple[str, ...]
    lacks_openvino: bool  # whether installing it would add an engine


def offered_engines() -> OfferedEngines:
    """Returns the engines that this machine offers."""
    import keras

    from kerastl.features.engines.keras_engine import has_gpu

    is_installed = openvino_engine.is_installed()
    if has_gpu():
        return OfferedEngines(labels=(f"{XLA_NAME} float16", REFERENCE), lacks_openvino=False)
    if keras.backend.backend() != "tensorflow" or not is_installed:
        lacks = keras.backend.backend() == "tensorflow"
        return OfferedEngines(labels=(REFERENCE,), lacks_openvino=lacks)
    names = [f"{openvino_engine.NAME} {name}" for name in openvino_engine.precisions()]
    return OfferedEngines(labels=(*names, REFERENCE), lacks_openvino=False)


def stored_offer(folder: Path | None) -> OfferedEngines:
    """Returns the same, without importing TensorFlow if the answer is stored in a folder."""
    if folder is None:
        return offered_engines()
    path, gpus = folder / _FILE, _gpu_files()
    key = combined_fingerprint(keras_settings() | {"machine": _machine(), "gpus": gpus})
    if "keras" not in sys.modules:
        with contextlib.suppress(OSError, ValueError, TypeError, KeyError):
            stored = json.loads(path.read_text())
            found = from_values(OfferedEngines, stored["offered"])
            if stored["key"] == key and (not gpus or found.labels[0].startswith(XLA_NAME)):
                return found
    found = offered_engines()
    with contextlib.suppress(OSError):
        write_json(path, {"key": key, "offered": to_values(found)})
    return found


def keras_settings() -> dict[str, Any]:
    """Returns what determines how Keras computes, without importing it."""
    home = os.environ.get("KERAS_HOME") or "~/.keras"
    # Path.expanduser fails for a user without a home folder.
    settings = Path(os.path.expanduser(home)) / "keras.json"  # noqa: PTH111
    return {
        "settings": settings.read_text() if settings.is_file() else "",
        "backend": os.environ.get("KERAS_BACKEND", ""),
        "versions": [installed_version(name) for name in _PACKAGES if find_spec(name)],
    }


def _gpu_files() -> list[str]:
    return sorted(str(path) for name in _GPU_FILES for path in Path("/dev").glob(name))


def _machine() -> list[str]:
    """Returns what OpenVINO's precisions and TensorFlow's devices depend on."""
    variables = [os.environ.get(name, "") for name in _VARIABLES]
    processor = Path("/proc/cpuinfo")
    if not processor.is_file():
        return [platform.platform(), platform.processor(), *variables]
    first = processor.read_text().partition("\n\n")[0].splitlines()
    facts = [line for line in first if line.startswith(("model name", "flags", "Features"))]
    return [platform.system(), platform.machine(), *facts, *variables]
