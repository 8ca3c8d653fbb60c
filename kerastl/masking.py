"""Masking and the logistic loss of one label, shared by losses and metrics.

Convention: fill, compute, weight. An unknown label and its prediction are replaced by harmless
values before the computation, so neither a value nor a gradient can become NaN.
"""

from collections.abc import Callable
from numbers import Real
from typing import Any

import keras
import numpy as np
from keras import ops

from kerastl.errors import LabelError, ModelError

_LOWEST_PROBABILITY = 1e-30  # log and reciprocal stay finite in float32, weights included
_HIGHEST_PROBABILITY = 1 - 2**-24  # the largest float32 below 1


def computing_dtype(dtype: Any) -> str:
    """Returns the given dtype (name, policy, or None for Keras's default), but at least float32."""
    asked = keras.dtype_policies.get(dtype or keras.config.floatx()).compute_dtype
    return keras.backend.result_type(asked, "float32")


def align(y_true: Any, y_pred: Any) -> tuple[Any, Any]:
    """Returns labels and predictions of shape `(batch, tasks)`, from `(batch,)` for a single task.

    Nothing is broadcast: shapes that do not match raise a `LabelError`.
    """
    labels, predictions = _columns(y_true), _columns(y_pred)
    sides = zip(labels.shape, predictions.shape, strict=True)
    if not all(None in pair or pair[0] == pair[1] for pair in sides):
        raise LabelError(
            "Labels and predictions have different shapes.",
            expected=f"labels of shape {_shape_text(predictions.shape)}, as the predictions",
            received=f"labels of shape {_shape_text(labels.shape)}",
            fix="Give one label column per task of this output, NaN if the label is unknown.",
        )
    return labels, predictions


def example_weights(sample_weight: Any, dtype: str) -> Any:
    """Returns weights `(batch,)` of examples as a column `(batch, 1)`, or 1 if there are none."""
    if sample_weight is None:
        return ops.ones((), dtype=dtype)
    weights = ops.cast(ops.convert_to_tensor(sample_weight), dtype)
    if len(weights.shape) > 2 or (len(weights.shape) == 2 and weights.shape[1] != 1):
        raise LabelError(
            "sample_weight weights examples, not labels.",
            expected="shape (batch,)",
            received=f"shape {_shape_text(weights.shape)}",
            fix="Mark labels to ignore as NaN; weight a task by the weight of its head.",
        )
    return ops.reshape(weights, (-1, 1))


def logistic_loss(
    labels: Any, predictions: Any, *, from_logits: bool, positive_weight: Any = 1.0
) -> Any:
    """Returns ℓ = −(w·y·log p + (1−y)·log(1−p)) of every label, in nats.

    From logits it is exact at any size and its gradient is p − y for w = 1. A probability outside
    of [1e-30, 1 − 2⁻²⁴] is clipped; its gradient is that at the nearer end, finite and not 0.

    Labels are known values in [0, 1], `(batch, tasks)`; `positive_weight` is w, one for all tasks
    or one for each.
    """
    log_positive, log_negative = _log_probabilities(predictions, from_logits)
    return -(positive_weight * labels * log_positive + (1 - labels) * log_negative)


def checked_per_task(
    name: str, value: Any, is_valid: Callable[[float], bool], *, expected: str
) -> float | list[float]:
    """Returns a number for all tasks, or a list with one for each, if they are valid."""
    array = np.asarray(value, dtype=object)
    values = array.ravel().tolist()
    if not values or not all(isinstance(v, Real) and is_valid(float(v)) for v in values):
        raise ModelError(f"{name} is out of range.", expected=expected, received=repr(value))
    return [float(number) for number in values] if array.ndim else float(values[0])


def per_task(name: str, value: float | list[float], num_tasks: int, dtype: str) -> Any:
    """Returns the tensor of a number for all tasks of an output, or of one for each."""
    if isinstance(value, list) and len(value) != num_tasks:
        raise ModelError(
            f"{name} does not fit this output.",
            expected=f"a number, or {num_tasks} numbers, one per task of the output",
            received=f"{len(value)} numbers",
        )
    return ops.convert_to_tensor(value, dtype=dtype)


def logits(predictions: Any, *, from_logits: bool) -> Any:
    """Returns predictions as logits; probabilities of 0 and 1 give finite ones."""
    if from_logits:
        return predictions
    log_positive, log_negative = _log_probabilities(predictions, from_logits=False)
    return log_positive - log_negative


def _log_probabilities(predictions: Any, from_logits: bool) -> tuple[Any, Any]:
    """Returns log p and log(1 − p)."""
    if from_logits:
        return -ops.softplus(-predictions), -ops.softplus(predictions)
    inside = ops.clip(predictions, _LOWEST_PROBABILITY, _HIGHEST_PROBABILITY)
    # The step to the nearer end has no gradient of its own, so the gradient does not stop there.
    bounded = predictions + ops.stop_gradient(inside - predictions)
    return ops.log(bounded), ops.log1p(-bounded)


def _columns(values: Any) -> Any:
    values = ops.convert_to_tensor(values)
    if len(values.shape) == 1:
        return ops.expand_dims(values, axis=-1)
    if len(values.shape) == 2:
        return values
    raise LabelError(
        "Labels and predictions are tables.",
        expected="shape (batch, tasks), or (batch,) for a single task",
        received=f"shape {_shape_text(values.shape)}",
    )


def _shape_text(shape: tuple[int | None, ...]) -> str:
    sizes = ["batch" if size is None else str(size) for size in shape]
    return f"({', '.join(sizes)}{',' if len(sizes) == 1 else ''})"
