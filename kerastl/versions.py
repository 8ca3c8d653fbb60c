"""Versions of installed packages, whichever distribution provides them."""

import importlib.metadata


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
