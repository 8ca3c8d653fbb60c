"""Accuracy over known labels."""

from collections.abc import Sequence
from typing import Any

import keras

from kerastl.metrics.ratio import MaskedDecisionRatio


@keras.saving.register_keras_serializable(package="kerastl")
class MaskedBinaryAccuracy(MaskedDecisionRatio):
    """The share of known labels that are decided correctly, in [0, 1]; higher is better.

    Pooled over the tasks of its output. The state is (correct decisions, known labels), weighted,
    so the result does not depend on how examples fall into batches. Without known labels it is NaN.
    Labels strictly between 0 and 1 count as unknown.

    Args:
        threshold: Probability in (0, 1) at or above which the decision is positive, also with
            `from_logits`; one for all tasks, or one for each.
        from_logits: Whether predictions are logits; otherwise probabilities in [0, 1].
        name: Name of the metric.
        dtype: Dtype of state and computation; float32 at least.

    Call arguments:
        y_true: Labels in [0, 1], NaN where unknown, shape `(batch, tasks)`, or `(batch,)` for a
            single task.
        y_pred: Logits or probabilities, shape `(batch, tasks)` or `(batch,)`.
        sample_weight: A weight per example, shape `(batch,)`.

    Raises:
        ModelError: A threshold is not in (0, 1).
        LabelError: Labels and predictions have different shapes.

    Example:

    ```python
    accuracy = kerastl.metrics.MaskedBinaryAccuracy()
    accuracy([[1.0, float("nan")], [0.0, 1.0]], [[0.9, 0.1], [0.2, 0.3]])  # 2/3
    ```
    """

    def __init__(
        self,
        threshold: float | Sequence[float] = 0.5,
        from_logits: bool = False,
        name: str = "binary_accuracy",
        dtype: Any = None,
    ):
        super().__init__(threshold=threshold, from_logits=from_logits, name=name, dtype=dtype)

    def decision_terms(self, positive: Any, decided: Any) -> tuple[Any, Any]:
        correct = positive * decided + (1 - positive) * (1 - decided)
        return correct, keras.ops.ones_like(correct)
