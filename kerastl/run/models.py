"""Loading a saved model with the packages that its layers need.

Convention: a model file is a stranger's. No name in it is imported: layers come from Keras, from
kerastl, from what the program has already registered, and from the entry points of installed
plugins.
"""

import importlib
import re
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kerastl.backbones.declared_values import declared_values_within, refuse_huge_input
from kerastl.backbones.discovery import Plugin, allowed, import_layers, in_one_line
from kerastl.backbones.registry import OFFICIAL_FAMILIES
from kerastl.backbones.weights_file import read_model_config, refuse_unsafe_file
from kerastl.errors import RunError
from kerastl.run.bundle import read_bundle
from kerastl.run.layout import RunLayout
from kerastl_runtime.checksums import refuse_changed

if TYPE_CHECKING:
    import keras

_BROKEN = (ValueError, OSError, LookupError, TypeError, AttributeError)
# What models are made of. Functions elsewhere in Keras read, write and download files, and Keras
# refuses only those that it knows to be dangerous.
_KERAS_MODULES = {
    "keras",
    *(
        f"keras.{name}"
        for name in (
            "activations",
            "constraints",
            "dtype_policies",
            "initializers",
            "layers",
            "losses",
            "metrics",
            "models",
            "ops",
            "optimizers",
            "optimizers.schedules",
            "quantizers",
            "regularizers",
        )
    ),
}


def load_model(path: str | Path) -> "keras.Model":
    """Loads `model.keras` after importing the plugins that its layers need.

    Only installed plugins are imported, and of those only the ones that `bundle.json` names, if it
    is beside the file. Nothing is imported because the file contains its name.

    Args:
        path: A `.keras` file, or the folder of a run.

    Raises:
        RunError: The file is missing, damaged or changed, has layers that no such
            plugin provides, or declares more weights than it has values for.

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
    refuse_changed(file.parent, [file])
    config, num_values = _read(file)
    _import_needed(file, config)
    import keras

    try:
        with declared_values_within(num_values, file=file):
            model = keras.saving.load_model(file)
    except (*_BROKEN, ImportError, RecursionError) as error:
        raise RunError(
            f"The model '{file.name}' cannot be loaded.",
            where=str(file),
            received=(str(error).strip() or type(error).__name__).splitlines()[0],
            fix="Train the run again, or install the versions in its bundle.json.",
        ) from error
    refuse_huge_input(model, file=file)
    return model


def _import_needed(file: Path, config: Any) -> None:
    """Imports the layers of kerastl and, if the file needs more, of the plugins it may use.

    Raises:
        RunError: No plugin provides one of the layers.
    """
    for module in ("layers", "losses", "metrics"):
        importlib.import_module(f"kerastl.{module}")
    objects = list(_objects(config))
    if not _unknown(objects):
        return
    broken = [problem for plugin in _usable_plugins(file) if (problem := _import_problem(plugin))]
    unknown = _unknown(objects)
    if unknown:
        raise RunError(
            f"The model '{file.name}' contains layers that no installed plugin provides.",
            problems=broken,
            where=str(file),
            expected="layers of Keras, of kerastl, or of an installed plugin that the run names",
            received=", ".join(unknown[:5]) + (", ..." if len(unknown) > 5 else ""),
            fix=_fix(unknown),
        )


def _usable_plugins(file: Path) -> list[Plugin]:
    """Returns the installed plugins, of a run only those that its bundle names."""
    layout = RunLayout(file.parent)
    if file != layout.model or not layout.is_finished:
        return allowed()
    named = {_normalized(name) for name in read_bundle(layout).plugins}
    return [plugin for plugin in allowed() if _normalized(plugin.distribution) in named]


def _normalized(distribution: str) -> str:
    return re.sub(r"[-_.]+", "-", distribution).lower()


def _import_problem(plugin: Plugin) -> str | None:
    try:
        import_layers(plugin)
    except (Exception, SystemExit) as error:
        reason = in_one_line(error, plugin.target)
        return f"{plugin.distribution} {plugin.version} cannot be imported: {reason}"
    return None


def _fix(unknown: list[str]) -> str:
    """Names a package to install only if it is one of kerastl's own."""
    for family, package in OFFICIAL_FAMILIES.items():
        if any(name.startswith(f"kerastl_{family}>") for name in unknown):
            return f"pip install {package}"
    return (
        "If you know where the model comes from, install the plugin that it was trained with, or "
        "import its layers before loading it."
    )


def _read(file: Path) -> tuple[Any, int]:
    """Returns the config and the number of values in all arrays.

    Raises:
        RunError: The file is not a Keras archive.
    """
    try:
        num_values = refuse_unsafe_file(file)
        with zipfile.ZipFile(file) as archive:
            return read_model_config(archive), num_values
    except (zipfile.BadZipFile, KeyError, ValueError, OSError) as error:
        raise RunError(
            f"The model '{file.name}' is not a Keras archive.",
            where=str(file),
            received=str(error),
            fix="Restore the file, or train the run again.",
        ) from error


def _unknown(objects: list[tuple[str, str]]) -> list[str]:
    """Returns the objects that Keras doesn't have and nobody has registered, sorted."""
    return sorted({_shown(*one) for one in objects if not _is_known(*one)})


def _is_known(module: str, name: str) -> bool:
    import keras

    if keras.saving.get_registered_object(name) is not None:
        return True
    package = module.partition(".")[0]
    if package == "keras":
        return ">" not in name and (module in _KERAS_MODULES or module.startswith("keras.src."))
    # Keras imports the module of some packages, so only one that is imported already may remain.
    return ">" not in name and package in {"", "builtins", *sys.modules}


def _shown(module: str, name: str) -> str:
    text = name if ">" in name else f"{module}.{name}"
    return text if text.isprintable() and len(text) <= 80 else repr(text[:80])


def _objects(config: Any) -> Iterator[tuple[str, str]]:
    """Yields module and registered name of every object in a config; blank if it has none."""
    values = [config]
    while values:
        value = values.pop()
        if isinstance(value, dict):
            if isinstance(value.get("class_name"), str):
                yield _identity(value)
            values.extend(value.values())
        elif isinstance(value, list):
            values.extend(value)


def _identity(value: dict[str, Any]) -> tuple[str, str]:
    is_function = value["class_name"] == "function"
    names = [value.get("config") if is_function else None, value.get("registered_name")]
    name = next((name for name in names if isinstance(name, str)), value["class_name"])
    module = value.get("module")
    return module if isinstance(module, str) else "", name
