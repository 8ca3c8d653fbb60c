"""The cost of running a network, in multiply-adds."""

from typing import Any

import keras
import numpy as np

from kerastl.backbones.wiring import calls


def multiply_adds(network: keras.Model) -> int:
    """Returns the approximate number of multiply-adds for one example, 0 if it is not known.

    Each output position of a layer with a kernel costs as many as the kernel has values.
    """
    return sum(_multiply_adds(call.operation, call.outputs) for call in calls(network))


def _multiply_adds(operation: Any, outputs: tuple[Any, ...]) -> int:
    if isinstance(operation, keras.Model):
        return multiply_adds(operation)
    kernel = getattr(operation, "kernel", None)
    if kernel is None or not outputs:
        return 0
    positions = int(np.prod([side or 1 for side in outputs[0].shape[1:-1]]))
    return positions * int(np.prod(kernel.shape))
