"""Area under the ROC curve over known labels."""

from typing import Any

import keras
from keras import ops

from kerastl.errors import ModelError
from kerastl.masking import align, computing_dtype, example_weights, logits
from kerastl.metrics.ratio import divide_or_nan

_LARGEST_LOGIT = 16.0  # beyond it float32 probabilities of different logits are equal


@keras.saving.register_keras_serializable(package="kerastl")
class MaskedAUC(keras.metrics.Metric):
    """The area under the ROC curve per task, averaged over the defined tasks; higher is better.

    For one task: the share, in [0, 1], of the pairs of a known positive and a known negative in
    which the positive has the higher score, ties counting half. A task without known positives or
    without known negatives is undefined and excluded from the mean; if all are, the result is NaN.
    Labels strictly between 0 and 1 count as unknown.

    Scores are counted in bins of equal width on the logit scale from −16 to 16, so a rare class
    with small probabilities is resolved as well as any other. Pairs within one
    bin count as ties: the result differs from the exact area by at most half of the share of pairs
    that fall into one bin (with 2,048 bins of 1/64 logit, well below 0.005 on scores that spread
    over a few logits). The exact area comes from the evaluation.

    The state is, per task, the weight of positives and of negatives in each bin, so the result does
    not depend on how examples fall into batches. A score of NaN for a known label makes it NaN.

    Args:
        num_bins: Number of bins, at least 2.
        num_tasks: Number of tasks of the output; None takes it from the first batch, which needs
            to come from Keras or from outside of your own compiled function.
        from_logits: Whether predictions are logits; otherwise probabilities in [0, 1].
        name: Name of the metric.
        dtype: Dtype of state and computation; float32 at least.

    Call arguments:
        y_true: Labels in [0, 1], NaN where unknown, shape `(batch, tasks)`, or `(batch,)` for a
            single task.
        y_pred: Logits or probabilities, shape `(batch, tasks)` or `(batch,)`.
        sample_weight: A weight per example, shape `(batch,)`.

    Raises:
        ModelError: There are fewer than 2 bins, or another number of tasks than before.
        LabelError: Labels and predictions have different shapes.

    Example:

    ```python
    auc = kerastl.metrics.MaskedAUC()
    auc([1.0, float("nan"), 0.0, 1.0], [0.9, 0.1, 0.2, 0.1])  # 1/2
    ```

    Reference:
        Hanley and McNeil, The meaning and use of the area under a ROC curve, 1982.
        https://doi.org/10.1148/radiology.143.1.7063747
    """

    def __init__(
        self,
        num_bins: int = 2048,
        num_tasks: int | None = None,
        from_logits: bool = False,
        name: str = "auc",
        dtype: Any = None,
    ):
        super().__init__(name=name, dtype=computing_dtype(dtype))
        if num_bins < 2:
            raise ModelError(
                "MaskedAUC has too few bins.", expected="at least 2", received=str(num_bins)
            )
        self.num_bins = num_bins
        self.num_tasks = num_tasks
        self.from_logits = from_logits
        self.positives: Any = None
        self.negatives: Any = None
        if num_tasks is not None:
            self._build(num_tasks)

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        labels, predictions = align(ops.cast(y_true, self.dtype), ops.cast(y_pred, self.dtype))
        self._build(predictions.shape[-1])
        known = ops.logical_or(labels == 0, labels == 1)
        scores = logits(ops.where(known, predictions, 0.5), from_logits=self.from_logits)
        weights = ops.where(ops.isnan(scores), float("nan"), ops.cast(known, self.dtype))
        weights = weights * example_weights(sample_weight, self.dtype)
        positive = ops.where(known, labels, 0.0)
        bins = self._bins(scores)
        self.positives.assign_add(self._histogram(bins, weights * positive))
        self.negatives.assign_add(self._histogram(bins, weights * (1 - positive)))

    def result(self) -> Any:
        if self.positives is None:
            return ops.convert_to_tensor(float("nan"), dtype=self.dtype)
        num_positive = ops.sum(self.positives, axis=-1)
        num_negative = ops.sum(self.negatives, axis=-1)
        below = ops.cumsum(self.negatives, axis=-1) - self.negatives / 2
        area = ops.sum(
            ops.divide_no_nan(self.positives, num_positive[:, None])
            * ops.divide_no_nan(below, num_negative[:, None]),
            axis=-1,
        )
        # A NaN count is defined, and makes the result NaN.
        undefined = ops.logical_or(num_positive == 0, num_negative == 0)
        defined = ops.cast(ops.logical_not(undefined), self.dtype)
        return divide_or_nan(ops.sum(ops.where(undefined, 0.0, area)), ops.sum(defined))

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "num_bins": self.num_bins,
            "num_tasks": self.num_tasks,
            "from_logits": self.from_logits,
        }

    def _build(self, num_tasks: int) -> None:
        if self.positives is None:
            shape = (num_tasks, self.num_bins)
            self.positives = self.add_variable(shape, "zeros", dtype=self.dtype, name="positives")
            self.negatives = self.add_variable(shape, "zeros", dtype=self.dtype, name="negatives")
        elif self.positives.shape[0] != num_tasks:
            raise ModelError(
                "A MaskedAUC cannot be shared by outputs with different numbers of tasks.",
                expected=f"{self.positives.shape[0]} tasks",
                received=f"{num_tasks} tasks",
                fix="Create one metric for each output.",
            )

    def _bins(self, scores: Any) -> Any:
        """Returns the number of each score's bin in its task, in [0, num_bins)."""
        scores = ops.where(ops.isnan(scores), 0.0, scores)
        share = (ops.clip(scores, -_LARGEST_LOGIT, _LARGEST_LOGIT) / _LARGEST_LOGIT + 1) / 2
        bins = ops.cast(ops.floor(share * self.num_bins), "int32")
        return ops.minimum(bins, self.num_bins - 1)

    def _histogram(self, bins: Any, weights: Any) -> Any:
        """Returns the weight in each bin of each task, shape `(tasks, num_bins)`."""
        num_tasks = self.positives.shape[0]
        first_bins = ops.arange(num_tasks, dtype="int32") * self.num_bins
        flat = ops.segment_sum(
            ops.reshape(weights, (-1,)),
            ops.reshape(bins + first_bins, (-1,)),
            num_segments=num_tasks * self.num_bins,
        )
        return ops.reshape(flat, (num_tasks, self.num_bins))
