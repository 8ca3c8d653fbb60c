"""Metrics that divide one sum by another.

Convention: the state is (sum, count), so the result does not depend on how examples fall into
batches; with a count of 0 it is undefined, that is NaN.
"""

from collections.abc import Sequence
from numbers import Real
from typing import Any

import keras
from keras import ops

from kerastl.errors import ModelError
from kerastl.masking import align, computing_dtype, example_weights, probabilities


class MaskedRatio(keras.metrics.Metric):
    """A sum over known labels divided by a count of known labels. Abstract.

    A subclass implements `terms`, the summands of each label.

    Args:
        from_logits: Whether predictions are logits; otherwise probabilities in [0, 1].
        name: Name of the metric.
        dtype: Dtype of state and computation; float32 at least.

    Call arguments:
        y_true: Labels in [0, 1], NaN where unknown, shape `(batch, tasks)`, or `(batch,)` for a
            single task.
        y_pred: Logits or probabilities, shape `(batch, tasks)` or `(batch,)`.
        sample_weight: A weight per example, shape `(batch,)`.

    Raises:
        LabelError: Labels and predictions have different shapes.
    """

    def __init__(self, from_logits: bool = False, name: str | None = None, dtype: Any = None):
        super().__init__(name=name, dtype=computing_dtype(dtype))
        self.from_logits = from_logits
        self.total = self.add_variable((), "zeros", dtype=self.dtype, name="total")
        self.count = self.add_variable((), "zeros", dtype=self.dtype, name="count")

    def terms(self, labels: Any, predictions: Any) -> tuple[Any, Any]:
        """Returns what each label adds to the sum and to the count, 0 if it is unknown.

        Args:
            labels: Shape `(batch, tasks)`, NaN where unknown.
            predictions: Logits or probabilities, same shape.
        """
        raise NotImplementedError

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        labels, predictions = align(ops.cast(y_true, self.dtype), ops.cast(y_pred, self.dtype))
        weights = example_weights(sample_weight, self.dtype)
        sums, counts = self.terms(labels, predictions)
        self.total.assign_add(ops.sum(weights * sums))
        self.count.assign_add(ops.sum(weights * counts))

    def result(self) -> Any:
        return divide_or_nan(self.total, self.count)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "from_logits": self.from_logits}


class MaskedDecisionRatio(MaskedRatio):
    """A ratio of counts of decisions, a decision being "probability at or above the threshold".

    Abstract: a subclass implements `decision_terms`. Only labels of exactly 0 and 1 are known; a
    soft label has no correct decision and counts as unknown. A prediction of NaN for a known label
    makes the result NaN.

    Args:
        threshold: Probability in (0, 1) at or above which the decision is positive, also with
            `from_logits`; one for all tasks, or one for each.
        from_logits: Whether predictions are logits; otherwise probabilities in [0, 1].
        name: Name of the metric.
        dtype: Dtype of state and computation; float32 at least.
    """

    def __init__(
        self,
        threshold: float | Sequence[float] = 0.5,
        from_logits: bool = False,
        name: str | None = None,
        dtype: Any = None,
    ):
        super().__init__(from_logits=from_logits, name=name, dtype=dtype)
        self.threshold = _checked_threshold(threshold)

    def decision_terms(self, positive: Any, decided: Any) -> tuple[Any, Any]:
        """Returns what each known label adds to the sum and to the count.

        Args:
            positive: 1 if the label is positive, 0 if it is negative.
            decided: 1 if the decision is positive, 0 if negative, NaN if there is none.
        """
        raise NotImplementedError

    def terms(self, labels: Any, predictions: Any) -> tuple[Any, Any]:
        known = ops.logical_or(labels == 0, labels == 1)
        sums, counts = self.decision_terms(
            ops.where(known, labels, 0.0), self._decisions(ops.where(known, predictions, 0.5))
        )
        weights = ops.cast(known, self.dtype)
        return sums * weights, counts * weights

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "threshold": self.threshold}

    def _decisions(self, predictions: Any) -> Any:
        scores = probabilities(predictions, from_logits=self.from_logits)
        decided = ops.cast(scores >= self._thresholds(scores.shape[-1]), self.dtype)
        return ops.where(ops.isnan(scores), float("nan"), decided)

    def _thresholds(self, num_tasks: int) -> Any:
        if isinstance(self.threshold, list) and len(self.threshold) != num_tasks:
            raise ModelError(
                "threshold does not fit this output.",
                expected=f"a probability, or {num_tasks} of them, one per task of the output",
                received=f"{len(self.threshold)} probabilities",
            )
        return ops.convert_to_tensor(self.threshold, dtype=self.dtype)


def divide_or_nan(total: Any, count: Any) -> Any:
    """Returns total / count, NaN if the count is 0."""
    total, count = ops.convert_to_tensor(total), ops.convert_to_tensor(count)  # from variables
    defined = count > 0
    return ops.where(defined, total / ops.where(defined, count, 1.0), float("nan"))


def _checked_threshold(threshold: float | Sequence[float]) -> float | list[float]:
    single = isinstance(threshold, str | Real)
    values = [threshold] if single else list(threshold)  # type: ignore[arg-type]
    if not values or not all(isinstance(v, Real) and 0 < float(v) < 1 for v in values):
        raise ModelError(
            "threshold is out of range.",
            expected="a probability above 0 and below 1, or one per task",
            received=repr(threshold),
        )
    return float(values[0]) if single else [float(value) for value in values]  # type: ignore[arg-type]
