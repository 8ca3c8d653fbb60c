"""Metrics of decisions: accuracy, precision and recall at a threshold, over known labels."""

import inspect
from collections.abc import Sequence
from typing import Any, ClassVar

import keras
from keras import ops

from kerastl.masking import checked_per_task, per_task
from kerastl.metrics.ratio import MaskedRatio


class MaskedDecisionRatio(MaskedRatio):
    """A ratio of counts of decisions, which are positive at or above a threshold.

    A subclass implements `decision_terms`, and documents only what differs: the sections below are
    added to its docstring. Only labels of exactly 0 and 1 are known; a soft label has no correct
    decision and counts as unknown. A prediction of NaN for a known label makes the result NaN.

    Args:
        threshold: Probability in (0, 1) at or above which the decision is positive, also with
            `from_logits`; one for all tasks, or one for each.
        from_logits: Whether predictions are logits; otherwise probabilities in [0, 1].
        name: Name of the metric; None is the usual one, such as `"precision"`.
        dtype: Dtype of state and computation; float32 at least.

    Call arguments:
        y_true: Labels in [0, 1], NaN where unknown, shape `(batch, tasks)`, or `(batch,)` for a
            single task.
        y_pred: Logits or probabilities, shape `(batch, tasks)` or `(batch,)`.
        sample_weight: A weight per example, shape `(batch,)`.

    Raises:
        ModelError: A threshold is not in (0, 1).
        LabelError: Labels and predictions have different shapes.
    """

    default_name: ClassVar[str | None] = None

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        own, _, example = inspect.cleandoc(cls.__doc__ or "").partition("Example:")
        _, _, shared = inspect.cleandoc(MaskedDecisionRatio.__doc__ or "").partition("Args:")
        cls.__doc__ = f"{own}Args:{shared}\n\nExample:{example}"

    def __init__(
        self,
        threshold: float | Sequence[float] = 0.5,
        from_logits: bool = False,
        name: str | None = None,
        dtype: Any = None,
    ):
        super().__init__(from_logits=from_logits, name=name or self.default_name, dtype=dtype)
        self.threshold = checked_per_task(
            "threshold",
            threshold,
            lambda number: 0 < number < 1,
            expected="a probability above 0 and below 1, or one per task",
        )

    def decision_terms(self, positive: Any, decided: Any) -> tuple[Any, Any]:
        """Returns what each known label adds to the sum and to the count.

        Args:
            positive: 1 if the label is positive, 0 if it is negative.
            decided: 1 if the decision is positive, 0 if negative, NaN if there is none.
        """
        raise NotImplementedError

    def is_known(self, labels: Any) -> Any:
        return ops.logical_or(labels == 0, labels == 1)

    def terms(self, labels: Any, predictions: Any) -> tuple[Any, Any]:
        scores = ops.sigmoid(predictions) if self.from_logits else predictions
        thresholds = per_task("threshold", self.threshold, scores.shape[-1], self.dtype)
        decided = ops.cast(scores >= thresholds, self.dtype)
        return self.decision_terms(labels, ops.where(ops.isnan(scores), float("nan"), decided))

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "threshold": self.threshold}


@keras.saving.register_keras_serializable(package="kerastl")
class MaskedBinaryAccuracy(MaskedDecisionRatio):
    """The share of known labels that are decided correctly, in [0, 1]; higher is better.

    Pooled over the tasks of its output. The state is (correct decisions, known labels), weighted,
    so the result does not depend on how examples fall into batches. Without known labels it is NaN.
    Labels strictly between 0 and 1 count as unknown.

    Example:

    ```python
    accuracy = kerastl.metrics.MaskedBinaryAccuracy()
    accuracy([[1.0, float("nan")], [0.0, 1.0]], [[0.9, 0.1], [0.2, 0.3]])  # 2/3
    ```
    """

    default_name = "binary_accuracy"

    def decision_terms(self, positive: Any, decided: Any) -> tuple[Any, Any]:
        correct = positive * decided + (1 - positive) * (1 - decided)
        return correct, keras.ops.ones_like(correct)


@keras.saving.register_keras_serializable(package="kerastl")
class MaskedPrecision(MaskedDecisionRatio):
    """The share of positives among known labels decided positive, in [0, 1]; higher is better.

    Pooled over the tasks of its output. The state is (true positives, positive decisions),
    weighted, so the result does not depend on how examples fall into batches. Without a positive
    decision it is NaN, not 0. Labels strictly between 0 and 1 count as unknown.

    Example:

    ```python
    precision = kerastl.metrics.MaskedPrecision()
    precision([[1.0, float("nan")], [0.0, 1.0]], [[0.9, 0.8], [0.7, 0.3]])  # 1/2
    ```
    """

    default_name = "precision"

    def decision_terms(self, positive: Any, decided: Any) -> tuple[Any, Any]:
        return positive * decided, decided


@keras.saving.register_keras_serializable(package="kerastl")
class MaskedRecall(MaskedDecisionRatio):
    """The share of known positives that are decided positive, in [0, 1]; higher is better.

    Pooled over the tasks of its output. The state is (true positives, known positives), weighted,
    so the result does not depend on how examples fall into batches. Without known positives it is
    NaN, not 0. Labels strictly between 0 and 1 count as unknown.

    Example:

    ```python
    recall = kerastl.metrics.MaskedRecall()
    recall([[1.0, float("nan")], [0.0, 1.0]], [[0.9, 0.8], [0.7, 0.3]])  # 1/2
    ```
    """

    default_name = "recall"

    def decision_terms(self, positive: Any, decided: Any) -> tuple[Any, Any]:
        return positive * decided, positive
