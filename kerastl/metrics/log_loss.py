"""Log loss over known labels."""

from typing import Any

import keras
from keras import ops

from kerastl.masking import logistic_loss
from kerastl.metrics.ratio import MaskedRatio


@keras.saving.register_keras_serializable(package="kerastl")
class MaskedLogLoss(MaskedRatio):
    """The mean logistic loss of the known labels, Σℓ / Σknown, in nats; lower is better.

    Unlike the `loss` that Keras prints, a mean of batch means, this is the mean over all known
    labels, of all tasks of its output together. The state is (Σℓ, Σknown), weighted, so the result
    does not depend on how examples fall into batches. Without known labels it is NaN. Soft labels
    count with their value; label smoothing and positive weights of the loss are not applied.

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

    Example:

    ```python
    log_loss = kerastl.metrics.MaskedLogLoss()
    log_loss([[1.0, float("nan")], [0.0, 1.0]], [[0.5, 0.1], [0.5, 0.5]])  # log(2) = 0.693
    ```
    """

    def __init__(self, from_logits: bool = False, name: str = "log_loss", dtype: Any = None):
        super().__init__(from_logits=from_logits, name=name, dtype=dtype)

    def terms(self, labels: Any, predictions: Any) -> tuple[Any, Any]:
        losses = logistic_loss(labels, predictions, from_logits=self.from_logits)
        return losses, ops.ones_like(losses)
