"""Metrics that divide one sum by another.

Convention: the state is (sum, count), so the result does not depend on how examples fall into
batches; with a count of 0 it is undefined, that is NaN.
"""

from typing import Any

import keras
from keras import ops

from kerastl.masking import align, computing_dtype, example_weights


class MaskedRatio(keras.metrics.Metric):
    """A sum over known labels divided by a count of known labels; a subclass implements `terms`."""

    def __init__(self, from_logits: bool = False, name: str | None = None, dtype: Any = None):
        super().__init__(name=name, dtype=computing_dtype(dtype))
        self.from_logits = from_logits
        self.total = self.add_variable((), "zeros", dtype=self.dtype, name="total")
        self.count = self.add_variable((), "zeros", dtype=self.dtype, name="count")

    def is_known(self, labels: Any) -> Any:
        """Returns which labels count."""
        return ops.logical_not(ops.isnan(labels))

    def terms(self, labels: Any, predictions: Any) -> tuple[Any, Any]:
        """Returns what each label adds to the sum and to the count, `(batch, tasks)`.

        Unknown labels and their predictions are filled, and what they add is left out.
        """
        raise NotImplementedError

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        labels, predictions = align(ops.cast(y_true, self.dtype), ops.cast(y_pred, self.dtype))
        known = self.is_known(labels)
        weights = example_weights(sample_weight, self.dtype) * ops.cast(known, self.dtype)
        labels, predictions = ops.where(known, labels, 0.0), ops.where(known, predictions, 0.5)
        sums, counts = self.terms(labels, predictions)
        self.total.assign_add(ops.sum(weights * sums))
        self.count.assign_add(ops.sum(weights * counts))

    def result(self) -> Any:
        return divide_or_nan(self.total, self.count)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "from_logits": self.from_logits}


def divide_or_nan(total: Any, count: Any) -> Any:
    """Returns total / count, NaN if the count is 0."""
    total, count = ops.convert_to_tensor(total), ops.convert_to_tensor(count)  # from variables
    defined = count > 0
    return ops.where(defined, total / ops.where(defined, count, 1.0), float("nan"))
