"""Backbones: the interface of plugins, their registry, and the layer in a model.

Plugins import nothing else of kerastl. Nothing here loads Keras until `Backbone` is used.
"""

import importlib
from typing import TYPE_CHECKING, Any

from kerastl.backbones.discovery import Plugin, distributions, forget_plugins, plugins
from kerastl.backbones.registry import (
    Catalog,
    check_options,
    find_backbone,
    list_backbones,
    load_family,
    read_catalog,
    unknown_backbone,
)
from kerastl.backbones.spec import BackboneSpec, Family, Input, Modality, Stage
from kerastl.errors import (
    BackboneError,
    BrokenPluginError,
    UnknownBackboneError,
    WeightsError,
    suggestion,
)
from kerastl.media.audio.input import AudioInput
from kerastl.media.image.input import ImageInput

if TYPE_CHECKING:
    from kerastl.backbones.declared_values import declare_values
    from kerastl.backbones.extractor import Extractor
    from kerastl.backbones.layer import Backbone
    from kerastl.backbones.log_mel import LogMel
    from kerastl.backbones.stages import stages_by_resolution
    from kerastl.backbones.weights_file import load_weights_file, refuse_unsafe_file

_LAZY = {
    "Backbone": "kerastl.backbones.layer",
    "Extractor": "kerastl.backbones.extractor",
    "LogMel": "kerastl.backbones.log_mel",
    "declare_values": "kerastl.backbones.declared_values",
    "load_weights_file": "kerastl.backbones.weights_file",
    "refuse_unsafe_file": "kerastl.backbones.weights_file",
    "stages_by_resolution": "kerastl.backbones.stages",
}

__all__ = [
    "AudioInput",
    "Backbone",
    "BackboneError",
    "BackboneSpec",
    "BrokenPluginError",
    "Catalog",
    "Extractor",
    "Family",
    "ImageInput",
    "Input",
    "LogMel",
    "Modality",
    "Plugin",
    "Stage",
    "UnknownBackboneError",
    "WeightsError",
    "check_options",
    "declare_values",
    "distributions",
    "find_backbone",
    "forget_plugins",
    "list_backbones",
    "load_family",
    "load_weights_file",
    "plugins",
    "read_catalog",
    "refuse_unsafe_file",
    "stages_by_resolution",
    "suggestion",
    "unknown_backbone",
]


def __getattr__(name: str) -> Any:
    if name in _LAZY:
        return getattr(importlib.import_module(_LAZY[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
