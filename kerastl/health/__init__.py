"""The health of an installation: versions, devices, plugins and the behavior of Keras.

Convention: a failure becomes a line of the report, never an exception.
"""

import importlib
import importlib.metadata
import importlib.util
import os
import platform
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from kerastl.backbones import Plugin, plugins
from kerastl.versions import installed_version

PACKAGES = (
    "kerastl",
    "keras",
    "tensorflow",
    "openvino",
    "numpy",
    "pandas",
    "pillow",
    "scikit-learn",
)
BACKENDS = ("tensorflow", "jax", "torch")


@dataclass(frozen=True, kw_only=True)
class Check:
    """The outcome of one check."""

    name: str  # the expected behavior, as a sentence without its period
    ok: bool
    detail: str = ""  # the observed behavior if it differs, or a figure of interest


@dataclass(frozen=True, kw_only=True)
class Health:
    """The report of `kerastl doctor`."""

    versions: Mapping[str, str | None]  # of each package, None if it is not installed
    backend: str  # of Keras
    backends: Mapping[str, str | None]
    devices: tuple[str, ...]  # of the backend
    engines: tuple[str, ...]  # that can compute features, fastest first, then what is missing
    plugins: tuple[Plugin, ...]
    checks: tuple[Check, ...]

    @property
    def problems(self) -> tuple[str, ...]:
        """The problems, one line each."""
        broken = [
            f"The plugin '{plugin.family}' of {plugin.distribution} {plugin.version} fails: "
            f"{plugin.problem}"
            for plugin in self.plugins
            if plugin.problem
        ]
        failed = [f"Failed: {check.name}. {check.detail}" for check in self.checks if not check.ok]
        return (*broken, *failed)

    def facts(self) -> dict[str, Any]:
        """Returns the report as values for JSON."""
        return {"ok": not self.problems, **asdict(self), "problems": list(self.problems)}


def examine() -> Health:
    """Inspects the installation and checks the behavior of Keras; takes a few seconds."""
    checks = _tried_behaviors()  # first, because it imports Keras
    return Health(
        versions=_versions(),
        backend=_backend(),
        backends={name: _version(name) for name in BACKENDS},
        devices=_listed(_devices),
        engines=_listed(_engines),
        plugins=plugins(),
        checks=checks,
    )


def try_behavior(name: str, behavior: Callable[[], str]) -> Check:
    """Runs one check; `behavior` returns a detail, or raises an error with what it observed."""
    try:
        return Check(name=name, ok=True, detail=behavior())
    except Exception as error:  # any error is a finding
        text = " ".join(str(error).split())
        kind = "" if isinstance(error, AssertionError) else f"{type(error).__name__}: "
        return Check(name=name, ok=False, detail=f"{kind}{text}"[:500])


def _tried_behaviors() -> tuple[Check, ...]:
    imported = try_behavior("Keras can be imported", _import_keras)
    if not imported.ok:
        return (imported,)
    from kerastl.health.behaviors import BEHAVIORS

    tried = [try_behavior(name, behavior) for name, behavior in BEHAVIORS.items()]
    return (imported, *tried)


def _import_keras() -> str:
    keras = importlib.import_module("keras")
    importlib.import_module("kerastl.health.behaviors")
    return f"{keras.__version__} on {keras.backend.backend()}"


def _backend() -> str:
    try:
        import keras

        return str(keras.backend.backend())
    except Exception:  # the check of the import reports the error
        return os.environ.get("KERAS_BACKEND", "unknown")


def _versions() -> dict[str, str | None]:
    distributions = {plugin.distribution: plugin.version for plugin in plugins()}
    return {
        "python": platform.python_version(),
        **{name: _version(name) for name in PACKAGES},
        **dict(sorted(distributions.items())),
    }


def _version(distribution: str) -> str | None:
    try:
        return installed_version(distribution)
    except importlib.metadata.PackageNotFoundError:
        spec = importlib.util.find_spec(distribution.replace("-", "_"))
        return "installed under another name" if spec else None


def _listed(find: Callable[[], tuple[str, ...]]) -> tuple[str, ...]:
    try:
        return find()
    except Exception as error:  # a failure is a finding too
        return (f"cannot be listed: {type(error).__name__}: {error}",)


def _devices() -> tuple[str, ...]:
    import keras

    if keras.backend.backend() != "torch":
        return tuple(keras.distribution.list_devices())
    num_gpus = importlib.import_module("torch.cuda").device_count()
    return ("cpu:0", *(f"gpu:{index}" for index in range(num_gpus)))


def _engines() -> tuple[str, ...]:
    from kerastl.features.engines import offered, selection

    found = offered.offered_engines()
    return (*found.labels, *((selection.OPENVINO_HINT,) if found.lacks_openvino else ()))
