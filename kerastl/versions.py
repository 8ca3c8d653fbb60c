"""Versions of installed packages, whichever distribution provides them."""

import importlib.metadata


def installed_version(package: str) -> str:
    """Returns the version of the distribution of a package.

    Args:
        package: Name of the distribution, or of the module that one of another name provides, such
            as `tensorflow`, which `tensorflow-cpu` provides, too.

    Raises:
        PackageNotFoundError: No installed distribution provides it.
    """
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        providers = importlib.metadata.packages_distributions().get(package.replace("-", "_"))
        if not providers:
            raise
        return importlib.metadata.version(providers[0])
