"""Resolves names of presets, handles and paths to local folders.

Convention: downloads are those of kagglehub and huggingface_hub, with their caches, logins and
variables for working offline.
"""

import os
from pathlib import Path
from typing import Any

from kerastl.backbones import BackboneError, UnknownBackboneError, WeightsError, unknown_backbone
from kerastl_hub.catalogue import presets

KAGGLE, HUGGING_FACE = "kaggle://", "hf://"
_FILES = ("*.json", "*.h5", "*.safetensors")
_LOGINS = {KAGGLE: "set KAGGLE_API_TOKEN", HUGGING_FACE: "run `hf auth login`"}
_PAGES = {KAGGLE: "https://www.kaggle.com/models/", HUGGING_FACE: "https://huggingface.co/"}


def is_handle(name: str) -> bool:
    """Returns whether a name is a handle of Kaggle or Hugging Face."""
    return name.startswith((KAGGLE, HUGGING_FACE))


def is_path(name: str) -> bool:
    """Returns whether a name is a local path."""
    return not is_handle(name) and (name.startswith((".", "/", "~")) or os.sep in name)


def check_name(name: str) -> None:
    """Raises `UnknownBackboneError` unless it is a preset, a handle or an existing folder."""
    if name in presets() or is_handle(name):
        return
    if not is_path(name):
        raise unknown_backbone("keras_hub", name, tuple(presets()))
    if not Path(name).expanduser().is_dir():
        raise UnknownBackboneError(
            "There is no preset at this path.",
            where=name,
            expected="a folder, as `save_to_preset` or `save_pretrained` writes it",
        )


def resolve(name: str) -> Path:
    """Returns the local folder of a preset, after downloading it if needed.

    Raises:
        WeightsError: It cannot be downloaded.
    """
    if is_path(name):
        return Path(name).expanduser()
    handle = name if is_handle(name) else presets()[name].handle
    scheme = KAGGLE if handle.startswith(KAGGLE) else HUGGING_FACE
    try:
        return Path(_download(scheme, handle.removeprefix(scheme)))
    except Exception as error:
        raise _cannot_download(scheme, handle, error) from error


def _download(scheme: str, path: str) -> str:
    if scheme == KAGGLE:
        import kagglehub

        return str(kagglehub.model_download(path))
    import huggingface_hub

    return str(huggingface_hub.snapshot_download(path, allow_patterns=list(_FILES)))


def _cannot_download(scheme: str, handle: str, error: Exception) -> BackboneError:
    causes = _causes(error)
    statuses = [getattr(getattr(cause, "response", None), "status_code", None) for cause in causes]
    status = next((found for found in statuses if found is not None), None)
    page = _PAGES[scheme] + "/".join(handle.removeprefix(scheme).split("/")[:2])
    if status in (401, 403):
        what = f"needs a login or the acceptance of its license (HTTP {status})"
        fix = f"Accept the license on {page}, then {_LOGINS[scheme]}."
    elif status == 404:
        what, fix = "does not exist (HTTP 404)", f"Check the handle at {page}."
    elif isinstance(error, ValueError) and status is None and not _is_offline(causes):
        what, fix = "is not written as a handle", "Write kaggle://owner/model/keras/preset/version "
        fix += "or hf://owner/model."
    else:
        what = f"cannot be downloaded ({_first_line(causes[-1])})"
        fix = (
            "Check the network, or name a folder with the preset instead: "
            "keras_hub:./folder. Set backbone.weights to null for random weights."
        )
    return WeightsError(f"The preset {what}.", where=handle, fix=fix)


def _causes(error: BaseException) -> list[BaseException]:
    """Returns an error and what caused it, the outermost first."""
    found: list[BaseException] = [error]
    while (cause := found[-1].__cause__ or found[-1].__context__) and cause not in found:
        found.append(cause)
    return found


def _is_offline(causes: list[BaseException]) -> bool:
    return any(isinstance(cause, OSError) for cause in causes)


def _first_line(error: Any) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0][:200]
