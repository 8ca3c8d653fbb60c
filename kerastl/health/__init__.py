"""The health of an installation: versions, devices, plugins, and whether Keras behaves.

Convention: what is broken becomes a line of the report; looking never fails.
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

PACKAGES = ("kerastl", "keras", "tensorflow", "numpy", "pandas", "pillow", "scikit-learn")
BACKENDS = ("tensorflow", "jax", "torch")


@dataclass(frozen=True, kw_only=True)
class Check:
    """The outcome of trying one behavior.

    Args:
        name: The behavior, as a sentence without its full stop.
        ok: Whether it was seen.
        detail: What was seen instead, or a figure worth knowing.
    """

    name: str
    ok: bool
    detail: str = ""


@dataclass(frozen=True, kw_only=True)
class Health:
    """All that `kerastl doctor` shows.

    Args:
        versions: Name to version; None where it is not installed.
        backend: The backend of Keras that is used.
        backends: Every backend of Keras to its version; None where it is not installed.
        devices: Devices that the used backend sees.
        plugins: Every installed plugin, broken ones with their problem.
        checks: Behaviors that were tried.
    """

    versions: Mapping[str, str | None]
    backend: str
    backends: Mapping[str, str | None]
    devices: tuple[str, ...]
    plugins: tuple[Plugin, ...]
    checks: tuple[Check, ...]

    @property
    def problems(self) -> tuple[str, ...]:
        """What is not as it should be, one line each."""
        broken = [
            f"The plugin '{plugin.family}' of {plugin.distribution} {plugin.version} fails: "
            f"{plugin.problem}"
            for plugin in self.plugins
            if plugin.problem
        ]
        failed = [f"Not so: {check.name}. {check.detail}" for check in self.checks if not check.ok]
        return (*broken, *failed)

    def facts(self) -> dict[str, Any]:
        """Returns everything as JSON can hold it."""
        return {"ok": not self.problems, **asdict(self), "problems": list(self.problems)}


def examine() -> Health:
    """Looks at the installation and tries what kerastl needs of Keras; takes some seconds."""
    checks = _tried_behaviors()
    return Health(
        versions=_versions(),
        backend=_backend(),
        backends={name: _version(name) for name in BACKENDS},
        devices=_devices(),
        plugins=plugins(),
        checks=checks,
    )


def try_behavior(name: str, behavior: Callable[[], str]) -> Check:
    """Returns whether a behavior was seen.

    Args:
        name: The behavior, as a sentence without its full stop.
        behavior: Returns a detail, or raises with what was seen instead.
    """
    try:
        return Check(name=name, ok=True, detail=behavior())
    except Exception as error:  # whatever goes wrong is the finding
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
    except Exception:  # the check of the import reports it
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
        return importlib.metadata.version(distribution)
    except importlib.metadata.PackageNotFoundError:
        spec = importlib.util.find_spec(distribution.replace("-", "_"))
        return "installed under another name" if spec else None


def _devices() -> tuple[str, ...]:
    try:
        import keras

        if keras.backend.backend() == "torch":
            return _torch_devices()
        return tuple(keras.distribution.list_devices())
    except Exception as error:  # that they can't be listed is a finding
        return (f"can't be listed: {type(error).__name__}: {error}",)


def _torch_devices() -> tuple[str, ...]:
    cuda = importlib.import_module("torch.cuda")
    return ("cpu:0", *(f"gpu:{index}" for index in range(cuda.device_count())))
