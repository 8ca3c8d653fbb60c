"""kerastl-runtime: predictions of exported kerastl models without TensorFlow.

Convention: this package imports nothing of kerastl, which reads files by the same code.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from kerastl_runtime.predictor import Predictor

__all__ = ["Predictor"]


def __getattr__(name: str) -> Any:
    """Imports `Predictor` at its first use, because NumPy takes a while."""
    if name != "Predictor":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from kerastl_runtime.predictor import Predictor

    return Predictor
