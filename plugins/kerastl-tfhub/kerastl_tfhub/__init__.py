"""TF Hub modules as trainable Keras 3 layers, and as the backbone family `tfhub`.

Convention: importing this module is free; TensorFlow and Keras load with the first layer.
"""

import importlib
from typing import TYPE_CHECKING, Any

from kerastl_tfhub.family import TfHubFamily

if TYPE_CHECKING:
    from kerastl_tfhub.layers import SavedModelLayer
    from kerastl_tfhub.safety import UntrustedModuleError, trust

_HOMES = {
    "SavedModelLayer": "kerastl_tfhub.layers",
    "UntrustedModuleError": "kerastl_tfhub.safety",
    "trust": "kerastl_tfhub.safety",
}

family = TfHubFamily()

__all__ = ["SavedModelLayer", "TfHubFamily", "UntrustedModuleError", "family", "trust"]


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(importlib.import_module(_HOMES[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
