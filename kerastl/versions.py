"""Versions of installed packages, whichever distribution provides them."""

import importlib.metadata
import platform

_VERSIONED = ("kerastl", "keras", "tensorflow", "numpy", "pillow", "soundfile", "soxr")


def versions() -> dict[str, str]:
    """Returns the versions of the packages that the outputs of a model depend on."""
    found = {name: installed_version(name) for name in _VERSIONED}
    return {"python": platform.python_version(), **found}


def installed_version(package: str) -> str:
    """Returns the version of a distribution, or of the one that provides a module of this name.

    `tensorflow-cpu`, for example, provides `tensorflow` too.
    """
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        providers = importlib.metadata.packages_distributions().get(package.replace("-", "_"))
        if not providers:
            raise
        return importlib.metadata.version(providers[0])
