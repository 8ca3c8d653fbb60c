"""kerastl: transfer and multi-task learning on images and audio with missing labels.

Convention: importing this module is cheap; each name below imports its module on first use.
"""

import importlib
from typing import TYPE_CHECKING, Any

from kerastl import _moved

if TYPE_CHECKING:
    from kerastl import layers, losses, metrics
    from kerastl.backbones import find_backbone, list_backbones
    from kerastl.config import load_config
    from kerastl.data.api import load_data
    from kerastl.heads.builder import build_model
    from kerastl.pipeline import train
    from kerastl.run.models import load_model
    from kerastl.runs import load_run
    from kerastl.training.compilation import compile
    from kerastl.training.trainable import set_trainable

_HOMES = {
    "build_model": "kerastl.heads.builder",
    "compile": "kerastl.training.compilation",
    "find_backbone": "kerastl.backbones",
    "list_backbones": "kerastl.backbones",
    "load_config": "kerastl.config",
    "load_data": "kerastl.data.api",
    "load_model": "kerastl.run.models",
    "load_run": "kerastl.runs",
    "set_trainable": "kerastl.training.trainable",
    "train": "kerastl.pipeline",
}
__all__ = [
    "build_model",
    "compile",
    "find_backbone",
    "layers",
    "list_backbones",
    "load_config",
    "load_data",
    "load_model",
    "load_run",
    "losses",
    "metrics",
    "set_trainable",
    "train",
]

_moved.install()


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(importlib.import_module(_HOMES[name]), name)
    if name in __all__:
        return importlib.import_module(f"kerastl.{name}")
    if name == "__version__":
        from importlib.metadata import version  # takes longer than all else here

        return version("kerastl")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*__all__, "__version__"])
