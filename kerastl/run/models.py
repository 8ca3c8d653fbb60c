"""Loading a saved model with the packages that its layers need."""

import importlib
import json
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kerastl.backbones.registry import OFFICIAL_FAMILIES
from kerastl.errors import RunError

if TYPE_CHECKING:
    import keras


def load_model(path: str | Path) -> "keras.Model":
    """Loads `model.keras` after importing the packages that its layers need.

    Args:
        path: A `.keras` file, or the folder of a run.

    Raises:
        RunError: The file is missing or damaged, or a package that it needs is not installed.

    Example:

    ```python
    model = kerastl.load_model("runs/driving/model.keras")
    ```
    """
    file = Path(path)
    file = file / "model.keras" if file.is_dir() else file
    if not file.is_file():
        raise RunError(
            f"There is no model '{file.name}'.",
            where=str(file),
            expected="a .keras file or the folder of a run",
        )
    import_needed(file)
    import keras

    try:
        return keras.saving.load_model(file)
    except (ValueError, OSError, TypeError, KeyError) as error:
        raise RunError(
            f"The model '{file.name}' cannot be loaded.",
            where=str(file),
            received=str(error).splitlines()[0],
            fix="Train the run again, or install the versions in its bundle.json.",
        ) from error


def import_needed(file: Path) -> None:
    """Imports the layers of kerastl and of every package with a registered object in the file.

    Raises:
        RunError: A package is not installed, or the file is not a Keras archive.
    """
    for module in ("layers", "losses", "metrics"):
        importlib.import_module(f"kerastl.{module}")
    for package in sorted(_registered_packages(file)):
        _import_package(package, file)


def _import_package(package: str, file: Path) -> None:
    try:
        importlib.import_module(package)
        importlib.import_module(f"{package}.layers")
    except ModuleNotFoundError as error:
        if error.name == f"{package}.layers":
            return
        family, default = package.removeprefix("kerastl_"), package.replace("_", "-")
        raise RunError(
            f"The model needs the package '{error.name}', which is not installed.",
            where=str(file),
            fix=f"pip install {OFFICIAL_FAMILIES.get(family, default)}",
        ) from error


def _registered_packages(file: Path) -> set[str]:
    """Returns the package part of every registered name (`package>Class`), except kerastl's own."""
    try:
        with zipfile.ZipFile(file) as archive:
            config = json.loads(archive.read("config.json"))
    except (zipfile.BadZipFile, KeyError, ValueError, OSError) as error:
        raise RunError(
            f"The model '{file.name}' is not a Keras archive.",
            where=str(file),
            received=str(error),
            fix="Restore the file, or train the run again.",
        ) from error
    found = {name.partition(">")[0] for name in _registered_names(config) if ">" in name}
    return found - {"kerastl"}


def _registered_names(value: Any) -> set[str]:
    if isinstance(value, dict):
        own = {value["registered_name"]} if isinstance(value.get("registered_name"), str) else set()
        return own.union(*(_registered_names(item) for item in value.values()))
    if isinstance(value, list):
        return set().union(*(_registered_names(item) for item in value))
    return set()
