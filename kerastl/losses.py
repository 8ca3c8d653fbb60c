"""The loss of multi-task learning with unknown labels.

Convention: an unknown label is NaN and contributes neither to the value nor to the gradient, unless
it is given a weight as "no".
"""

import math
from collections.abc import Callable, Sequence
from numbers import Real
from typing import Any

import keras
import numpy as np
from keras import ops

from kerastl.errors import LabelError, ModelError, suggestion
from kerastl.masking import align, checked_per_task, computing_dtype, logistic_loss, per_task

_HALF_PRECISION = ("float16", "bfloat16")
_NUM_SHOWN = 5
_IN_GRAPH = (
    "A label is neither unknown nor in [0, 1]. Replace other codes, such as -1 for uncertain, by "
    "NaN or a value in [0, 1]; kerastl.losses.check_labels names them."
)


@keras.saving.register_keras_serializable(package="kerastl")
class MaskedBinaryCrossentropy(keras.losses.Loss):
    """The logistic loss over known labels; unknown labels, NaN, may count as "no" with a weight.

    With ℓ = −(w·y·log p + (1−y)·log(1−p)) for one label (w is 1, or the task's positive weight),
    v_j the weight of task j, m examples in the batch, K known labels in the batch and K_j of them
    of task j, the loss is

    - `normalize_by="examples"`: `(1/m) Σ_i Σ_{j known for i} v_j·ℓ_ij`
    - `normalize_by="known"`: `(1/K) Σ_i Σ_{j known for i} v_j·ℓ_ij`
    - `normalize_by="tasks"`: `(1/T) Σ_j (1/K_j) Σ_{i known for j} v_j·ℓ_ij`, over the T tasks with
      any known label in the batch

    A batch without any known label gives exactly 0 and zero gradients in all three.

    | property                                                         | examples | known | tasks |
    |------------------------------------------------------------------|----------|-------|-------|
    | unknown labels have exactly zero gradient, and all are finite    | yes      | yes   | yes   |
    | no known label in the batch: 0, zero gradients                   | yes      | yes   | yes   |
    | the order of the examples does not matter                        | yes      | yes   | yes   |
    | m times the loss adds up over batches and devices                | yes      | no    | no    |
    | one output of n tasks = n outputs of one task, loss and gradient | yes      | no    | no    |
    | an example without known labels adds nothing to the sum          | yes      | yes   | yes   |
    | and does not change the loss: masking equals dropping            | no       | yes   | yes   |
    | a rarely labeled task counts as much as a fully labeled one      | no       | no    | yes   |

    `call` returns one value per example; their mean is the loss above, so `reduction` and Keras's
    distribution work as for any loss. `sample_weight` multiplies the value of its example and
    leaves the denominators m, K and K_j unchanged; so do positive weights and task weights. K and
    K_j are counted in one batch, on one device. A task weight is a constant, so it keeps all of
    these properties: with `"examples"`, it lets a rarely labeled task count more, and the loss
    still adds up.

    Computed in float32 or more with any dtype policy. From logits the gradient is p − y at
    any size. From probabilities the loss's own gradient is finite everywhere, and not 0 if a
    known label is wrong, also at 0 and 1; but a float32 sigmoid rounds to exactly 1 and passes no
    gradient from a logit of 17 on (on the other side it works down to −69). Probabilities in
    float16 or bfloat16 are refused: they round to 1 from logits of 8 and 6 on.

    With `unknown_weight`, an unknown label is a "no" whose loss has this weight, and counts as so
    much of a known label in K and K_j. That is for tasks of which only positives were recorded.

    A label that is neither unknown nor in [0, 1], such as −1, stops TensorFlow at its batch. With
    `jit_compile=True` (Keras's default on a GPU), JAX and PyTorch it does not: call `check_labels`.

    Do not use `fit(class_weight=…)`: Keras silently applies it wrongly to several tasks.

    Args:
        from_logits: Whether predictions are logits; otherwise probabilities in [0, 1].
        label_smoothing: In [0, 1]. A known label y becomes y·(1 − s) + s/2.
        positive_weight: Factor for the positive part of the loss, more than 0: a number for all
            tasks, or one per task. None is 1.
        normalize_by: `"examples"`, `"known"` or `"tasks"`.
        task_weight: Factor for the loss of a task, more than 0: a number for all tasks, or one per
            task. None is 1.
        unknown_weight: Weight in [0, 1] with which an unknown label counts as "no": a number for
            all tasks, or one per task. None is 0.
        name: Name of the loss.
        reduction: As for any Keras loss.
        dtype: Dtype of the computation; float32 at least.

    Call arguments:
        y_true: Labels in [0, 1], NaN where unknown, shape `(batch, tasks)`, or `(batch,)` for a
            single task.
        y_pred: Logits or probabilities, shape `(batch, tasks)` or `(batch,)`.
        sample_weight: A weight per example, shape `(batch,)`.

    Raises:
        ModelError: An argument is out of range, or probabilities have half precision.
        LabelError: Labels and predictions have different shapes, or TensorFlow runs eagerly and a
            label is not valid; in a graph, as in `fit`, this is an `InvalidArgumentError`.

    Example:

    ```python
    loss = kerastl.losses.MaskedBinaryCrossentropy(from_logits=True)
    y_true = [[1.0, float("nan")], [float("nan"), float("nan")]]
    loss(y_true, [[0.0, 3.0], [0.0, 0.0]])  # log(2) / 2 = 0.347
    ```

    Reference:
        Caruana, Multitask Learning, 1997. https://doi.org/10.1023/A:1007379606734
    """

    def __init__(
        self,
        from_logits: bool = False,
        label_smoothing: float = 0.0,
        positive_weight: float | Sequence[float] | None = None,
        normalize_by: str = "examples",
        task_weight: float | Sequence[float] | None = None,
        unknown_weight: float | Sequence[float] | None = None,
        name: str = "masked_binary_crossentropy",
        reduction: str | None = "sum_over_batch_size",
        dtype: Any = None,
    ):
        super().__init__(name=name, reduction=reduction, dtype=computing_dtype(dtype))
        self.from_logits = from_logits
        self.label_smoothing = _checked_smoothing(label_smoothing)
        self.positive_weight = _checked_weight("positive_weight", positive_weight)
        self.normalize_by = _checked_normalization(normalize_by)
        self.task_weight = _checked_weight("task_weight", task_weight)
        self.unknown_weight = _checked_weight("unknown_weight", unknown_weight, highest=1)

    def __call__(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> Any:
        if not self.from_logits:
            _refuse_half_precision(y_pred)
        return super().__call__(y_true, y_pred, sample_weight)

    def call(self, y_true: Any, y_pred: Any) -> Any:
        labels, predictions = align(ops.cast(y_true, self.dtype), ops.cast(y_pred, self.dtype))
        if keras.backend.backend() == "tensorflow":
            _refuse_in_tensorflow(labels)
        known = ops.logical_not(ops.isnan(labels))
        num_tasks = predictions.shape[-1]
        counts = ops.where(known, 1.0, self._per_task("unknown_weight", num_tasks, default=0.0))
        filled = ops.where(known, labels, 0.0)
        losses = logistic_loss(
            filled * (1 - self.label_smoothing) + self.label_smoothing / 2,
            ops.where(counts > 0, predictions, 0.0 if self.from_logits else 0.5),
            from_logits=self.from_logits,
            positive_weight=self._per_task("positive_weight", num_tasks),
        )
        weights = _WEIGHTS[self.normalize_by](counts)
        return ops.sum(losses * weights * self._per_task("task_weight", num_tasks), axis=-1)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "from_logits": self.from_logits,
            "label_smoothing": self.label_smoothing,
            "positive_weight": self.positive_weight,
            "normalize_by": self.normalize_by,
            "task_weight": self.task_weight,
            "unknown_weight": self.unknown_weight,
            "dtype": self.dtype,
        }

    def _per_task(self, name: str, num_tasks: int, *, default: float = 1.0) -> Any:
        weight = getattr(self, name)
        return per_task(name, default if weight is None else weight, num_tasks, self.dtype)


def check_labels(labels: Any, *, tasks: Sequence[str] = (), where: str | None = None) -> None:
    """Checks that every label is NaN (unknown) or in [0, 1]; call it before training.

    Args:
        labels: Shape `(examples, tasks)`, or `(examples,)` for a single task.
        tasks: Names of the columns, for the message; columns without a name are numbered.
        where: Table or argument with the labels, for the message.

    Raises:
        LabelError: A label is something else; the first few are listed by row and task.

    Example:

    ```python
    kerastl.losses.check_labels(y_train, tasks=["car", "pedestrian"])
    ```
    """
    table = np.atleast_1d(np.asarray(labels))
    if table.dtype.kind not in "biuf":
        raise LabelError(
            "Labels are not numbers.",
            where=where,
            expected="numbers in [0, 1], NaN if the label is unknown",
            received=f"an array of {table.dtype}",
        )
    table = table.reshape(*table.shape, 1) if table.ndim < 2 else table
    wrong = np.argwhere(~(np.isnan(table) | ((table >= 0) & (table <= 1))))
    if len(wrong):
        raise _wrong_labels(table, wrong, tasks, where)


def _refuse_in_tensorflow(labels: Any) -> None:
    """Fails on a label outside of [0, 1]; compiled by XLA, it does nothing."""
    import tensorflow as tf

    if tf.executing_eagerly():
        check_labels(labels.numpy(), where="the labels of a batch")
    else:  # NaN compares as False, so unknown labels pass
        is_wrong = tf.reduce_any(tf.abs(labels - 0.5) > 0.5)
        tf.raw_ops.Assert(condition=tf.logical_not(is_wrong), data=[_IN_GRAPH])


def _wrong_labels(
    table: np.ndarray, wrong: np.ndarray, tasks: Sequence[str], where: str | None
) -> LabelError:
    names = dict(enumerate(f"'{task}'" for task in tasks))
    problems = [
        f"row {row}, task {names.get(column, column)}: {table[row, column]:g}"
        for row, column in wrong[:_NUM_SHOWN].tolist()
    ]
    if len(wrong) > _NUM_SHOWN:
        problems.append(f"and {len(wrong) - _NUM_SHOWN} more")
    count = "1 label is" if len(wrong) == 1 else f"{len(wrong)} labels are"
    return LabelError(
        f"{count} neither unknown nor in [0, 1].",
        problems=problems,
        where=where,
        expected="0 (no), 1 (yes), between them (soft), or NaN (unknown); rows count from 0",
        fix="Replace other codes, such as -1 for uncertain, by NaN or a value in [0, 1].",
    )


def _weigh_by_known(known: Any) -> Any:
    """Returns weights whose mean over examples divides by K; 0 if K is 0."""
    known_per_example = ops.mean(ops.sum(known, axis=-1))
    return ops.divide_no_nan(known, known_per_example)


def _weigh_by_tasks(known: Any) -> Any:
    """Returns weights whose mean over examples divides task j by K_j and T; 0 if K_j is 0."""
    known_share = ops.mean(known, axis=0, keepdims=True)
    num_tasks = ops.sum(ops.cast(known_share > 0, known.dtype))
    return ops.divide_no_nan(known, known_share * num_tasks)


_WEIGHTS: dict[str, Callable[[Any], Any]] = {
    "examples": lambda known: known,
    "known": _weigh_by_known,
    "tasks": _weigh_by_tasks,
}


def _refuse_half_precision(y_pred: Any) -> None:
    dtype = getattr(y_pred, "dtype", None)
    if dtype is not None and keras.backend.standardize_dtype(dtype) in _HALF_PRECISION:
        raise ModelError(
            "Probabilities in half precision cannot be trained on: they round to exactly 0 and 1.",
            expected="probabilities in float32, or logits in any precision",
            received=f"probabilities in {keras.backend.standardize_dtype(dtype)}",
            fix="Give the last layer dtype='float32', or pass logits with from_logits=True.",
        )


def _checked_smoothing(label_smoothing: float) -> float:
    if isinstance(label_smoothing, Real) and 0 <= label_smoothing <= 1:
        return float(label_smoothing)
    raise ModelError(
        "label_smoothing is out of range.",
        expected="a number in [0, 1]",
        received=repr(label_smoothing),
    )


def _checked_weight(
    name: str, weight: float | Sequence[float] | None, *, highest: float = math.inf
) -> float | list[float] | None:
    """Returns a weight above 0, or from 0 to the highest one if there is one."""
    if weight is None:
        return None
    is_bounded = math.isfinite(highest)
    kind = f"a number in [0, {highest:g}]" if is_bounded else "a finite number above 0"
    return checked_per_task(
        name,
        weight,
        lambda w: 0 <= w <= highest if is_bounded else math.isfinite(w) and w > 0,
        expected=f"None, {kind}, or one such number per task",
    )


def _checked_normalization(normalize_by: str) -> str:
    if normalize_by in _WEIGHTS:
        return normalize_by
    raise ModelError(
        f"normalize_by cannot be {normalize_by!r}.",
        expected=f"one of {', '.join(repr(name) for name in _WEIGHTS)}",
        fix=suggestion(str(normalize_by), _WEIGHTS),
    )
