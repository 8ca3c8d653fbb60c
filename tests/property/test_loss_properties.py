"""Every property that the documentation of the masked loss states, on whatever backend runs."""

import functools
from collections.abc import Callable

import keras
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kerastl.losses import MaskedBinaryCrossentropy

pytestmark = pytest.mark.backends

NAN = float("nan")
NORMALIZATIONS = ("examples", "known", "tasks")
SHAPES = ((1, 1), (3, 1), (4, 3), (6, 2))  # few, because JAX compiles every operation per shape
POLICIES = ("float32", "float64", "mixed_float16", "mixed_bfloat16", "float16", "bfloat16")

few_examples = settings(max_examples=20, deadline=None, derandomize=True)
every_normalization = pytest.mark.parametrize("normalize_by", NORMALIZATIONS)
every_task_weight = pytest.mark.parametrize("weights", [None, (0.5, 20.0, 3.0)])
every_form = pytest.mark.parametrize("from_logits", [True, False], ids=["logits", "probabilities"])

labels_strategy = st.sampled_from([0.0, 1.0, NAN, NAN, 0.3])
logits_strategy = st.floats(-12, 12, width=32) | st.sampled_from([-12.0, 0.0, 12.0])


@st.composite
def batches(draw: st.DrawFn, shapes: tuple = SHAPES) -> tuple[np.ndarray, np.ndarray]:
    """Draws labels with gaps and logits of one shape."""
    shape = draw(st.sampled_from(shapes))
    count = int(np.prod(shape))
    labels = draw(st.lists(labels_strategy, min_size=count, max_size=count))
    logits = draw(st.lists(logits_strategy, min_size=count, max_size=count))
    return (
        np.array(labels, "float32").reshape(shape),
        np.array(logits, "float32").reshape(shape),
    )


def value_and_gradient(function: Callable, inputs: np.ndarray) -> tuple[float, np.ndarray]:
    """Returns a scalar function's value and its gradient, on the backend that runs."""
    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        tensor = tf.constant(inputs)
        with tf.GradientTape() as tape:
            tape.watch(tensor)
            value = function(tensor)
        gradient = tf.cast(tape.gradient(value, tensor), "float64")
        return float(value), gradient.numpy()
    if keras.backend.backend() == "jax":
        import jax

        value, gradient = jax.value_and_grad(function)(jax.numpy.asarray(inputs))
        return float(value), np.asarray(gradient, "float64")
    import torch

    tensor = keras.ops.convert_to_tensor(inputs).detach().requires_grad_(True)
    value = function(tensor)
    value.backward()
    return value.item(), tensor.grad.to(torch.float64).cpu().numpy()


def loss_of_logits(
    labels: np.ndarray, logits: np.ndarray, *, from_logits: bool, **settings: object
) -> tuple[float, np.ndarray]:
    """Returns the loss and its gradient in the logits, through a sigmoid where asked for."""
    function = _compiled(from_logits, tuple(sorted(settings.items())))
    if function:
        value, gradient = function(logits, labels)
        return float(value), np.asarray(gradient, "float64")
    return value_and_gradient(lambda z: _loss(from_logits, settings)(z, labels), logits)


def _loss(from_logits: bool, settings: dict[str, object]) -> Callable:
    loss = MaskedBinaryCrossentropy(from_logits=from_logits, **settings)
    activation = (lambda z: z) if from_logits else keras.ops.sigmoid
    return lambda logits, labels: loss(labels, activation(logits))


@functools.cache
def _compiled(from_logits: bool, settings: tuple[tuple[str, object], ...]) -> Callable | None:
    """Returns value and gradient compiled once per loss, because JAX is slow step by step."""
    if keras.backend.backend() != "jax":
        return None
    import jax

    return jax.jit(jax.value_and_grad(_loss(from_logits, dict(settings))))


def reference(labels: np.ndarray, logits: np.ndarray, normalize_by: str) -> float:
    """Returns the loss by its formula, in NumPy and float64, label by label."""
    y, z = labels.astype("float64"), logits.astype("float64")
    losses = y * np.logaddexp(0, -z) + (1 - y) * np.logaddexp(0, z)
    columns = [column[~np.isnan(column)] for column in losses.T]
    if normalize_by == "examples":
        return sum(column.sum() for column in columns) / len(labels)
    if normalize_by == "known":
        known = np.concatenate(columns)
        return known.mean() if len(known) else 0.0
    means = [column.mean() for column in columns if len(column)]
    return float(np.mean(means)) if means else 0.0


def wrong(labels: np.ndarray, logits: np.ndarray) -> np.ndarray:
    """Returns where a known label of 0 or 1 lies on the other side of its logit, or at 0."""
    return ((labels == 1) & (logits <= 0)) | ((labels == 0) & (logits >= 0))


@every_form
@every_normalization
@few_examples
@given(batch=batches())
def test_the_loss_is_its_formula(batch, normalize_by, from_logits):
    value, _ = loss_of_logits(*batch, from_logits=from_logits, normalize_by=normalize_by)
    tolerance = 1e-5 if from_logits else 5e-3  # near 1 a float32 probability has few digits left
    assert value == pytest.approx(reference(*batch, normalize_by), rel=tolerance, abs=1e-6)


@every_form
@every_normalization
@few_examples
@given(batch=batches())
def test_unknown_labels_get_exactly_no_gradient_and_wrong_ones_get_some(
    batch, normalize_by, from_logits
):
    labels, logits = batch
    _, gradient = loss_of_logits(labels, logits, from_logits=from_logits, normalize_by=normalize_by)
    assert np.isfinite(gradient).all()
    assert (gradient[np.isnan(labels)] == 0).all()
    assert (gradient[wrong(labels, logits)] != 0).all()


@pytest.mark.filterwarnings("ignore:Explicitly requested dtype float64")  # JAX has none by default
@pytest.mark.parametrize("policy", POLICIES)
@every_form
@every_normalization
def test_gradients_are_right_at_logits_of_12_under_every_dtype_policy(
    policy, from_logits, normalize_by
):
    labels = np.array([[1, 0, NAN], [0, 1, NAN], [NAN, NAN, NAN], [1, 0, 0]], "float32")
    logits = np.array([[-12, 12, 12], [12, -12, 0], [12, -12, 0], [0, 0, 12]], "float32")
    with floating_point(policy):
        features_dtype = keras.dtype_policies.get(policy).compute_dtype
        features = keras.ops.convert_to_tensor(logits, dtype=features_dtype)
        activation = (lambda z: z) if from_logits else keras.ops.sigmoid
        loss = MaskedBinaryCrossentropy(from_logits=from_logits, normalize_by=normalize_by)
        # As in a head: whatever the features come in, the logits are float32.
        _, gradient = value_and_gradient(
            lambda x: loss(labels, activation(keras.ops.cast(x, "float32"))), features
        )
    assert np.isfinite(gradient).all()
    assert (gradient[np.isnan(labels)] == 0).all()
    assert (gradient[wrong(labels, logits)] != 0).all()
    with_sign = np.where(labels == 1, -gradient, gradient)
    expected = {"examples": 1 / 4, "known": 1 / 7}.get(normalize_by)
    if expected:  # at ±12 on the wrong side the slope is 1, to 6e-6
        steep = wrong(labels, logits) & (np.abs(logits) == 12)
        assert with_sign[steep] == pytest.approx(expected, rel=1e-2)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_half_precision_logits_and_labels_lose_nothing(dtype):
    labels = keras.ops.cast(np.array([[1, NAN], [0, 1]], "float32"), dtype)
    logits = keras.ops.cast(np.array([[-12, 12], [12, 12]], "float32"), dtype)
    loss = MaskedBinaryCrossentropy(from_logits=True)
    value, gradient = value_and_gradient(lambda z: loss(labels, z), logits)
    assert value == pytest.approx(12, rel=1e-5)
    assert gradient[0].tolist() == [pytest.approx(-0.5, rel=1e-2), 0]
    assert gradient[1, 0] == pytest.approx(0.5, rel=1e-2)


@pytest.mark.parametrize("probability", [0.0, 1e-38, 1e-7, 1 - 2**-24, 1.0])
@pytest.mark.parametrize("label", [0.0, 1.0])
def test_probabilities_up_to_0_and_1_have_a_finite_loss_and_a_gradient_where_wrong(
    label, probability
):
    loss = MaskedBinaryCrossentropy()
    value, gradient = value_and_gradient(
        lambda p: loss(np.array([[label]], "float32"), p), np.array([[probability]], "float32")
    )
    assert np.isfinite(value)
    assert np.isfinite(gradient).all()
    assert gradient[0, 0] != 0


def test_a_sigmoid_that_has_rounded_to_1_gives_a_finite_gradient():
    labels, logits = np.array([[0.0, 1.0]], "float32"), np.array([[40.0, -60.0]], "float32")
    value, gradient = loss_of_logits(labels, logits, from_logits=False)
    assert np.isfinite(value)
    assert gradient[0, 0] == 0  # the sigmoid's own slope
    assert gradient[0, 1] == pytest.approx(-1, rel=1e-3)


@every_task_weight
@every_form
@every_normalization
def test_a_batch_without_known_labels_gives_exactly_0_and_no_gradient(
    from_logits, normalize_by, weights
):
    labels = np.full((4, 3), NAN, "float32")
    logits = np.linspace(-12, 12, 12, dtype="float32").reshape(4, 3)
    value, gradient = loss_of_logits(
        labels,
        logits,
        from_logits=from_logits,
        normalize_by=normalize_by,
        label_smoothing=0.1,
        task_weight=weights,
    )
    assert value == 0
    assert (gradient == 0).all()


@every_form
@every_normalization
def test_a_broken_prediction_beside_an_unknown_label_changes_nothing(from_logits, normalize_by):
    labels = np.array([[1.0, NAN], [0.0, NAN]], "float32")
    predictions = np.array([[0.5, NAN], [0.5, np.inf]], "float32")
    loss = MaskedBinaryCrossentropy(from_logits=from_logits, normalize_by=normalize_by)
    value, gradient = value_and_gradient(lambda p: loss(labels, p), predictions)
    assert np.isfinite(value)
    assert (gradient[:, 1] == 0).all()


@every_normalization
@few_examples
@given(batch=batches(), seed=st.integers(0, 99))
def test_the_order_of_examples_and_tasks_does_not_matter(batch, seed, normalize_by):
    random = np.random.default_rng(seed)
    rows, columns = (random.permutation(size) for size in batch[0].shape)
    value, gradient = loss_of_logits(*batch, from_logits=True, normalize_by=normalize_by)
    shuffled = [table[rows][:, columns] for table in batch]
    same_value, same_gradient = loss_of_logits(
        *shuffled, from_logits=True, normalize_by=normalize_by
    )
    assert same_value == pytest.approx(value, rel=1e-5, abs=1e-7)
    np.testing.assert_allclose(same_gradient, gradient[rows][:, columns], rtol=1e-5, atol=1e-8)


@few_examples
@given(
    normalize_by=st.sampled_from(NORMALIZATIONS),
    from_logits=st.booleans(),
    label_smoothing=st.floats(0, 0.5),
    positive_weight=st.none() | st.floats(0.1, 9) | st.lists(st.floats(0.1, 9), min_size=3),
    task_weight=st.none() | st.floats(0.1, 9) | st.lists(st.floats(0.1, 9), min_size=3),
    reduction=st.sampled_from(["sum_over_batch_size", "sum", "none"]),
)
def test_serialization_round_trips(**arguments):
    loss = MaskedBinaryCrossentropy(**arguments)
    copy = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(loss))
    assert type(copy) is MaskedBinaryCrossentropy
    assert {name: getattr(copy, name) for name in arguments} == {
        name: getattr(loss, name) for name in arguments
    }


@every_form
@every_normalization
@few_examples
@given(batch=batches(shapes=((4, 3),)))
def test_a_task_counts_its_weight_times(batch, normalize_by, from_logits):
    labels, logits = batch
    settings = {"from_logits": from_logits, "normalize_by": normalize_by}
    weights = np.array([0.5, 20.0, 3.0])
    found, slopes = loss_of_logits(labels, logits, task_weight=tuple(weights), **settings)
    _, gradient = loss_of_logits(labels, logits, **settings)
    np.testing.assert_allclose(slopes, gradient * weights, rtol=1e-5, atol=1e-8)
    by_task = []
    for task in range(3):
        only = np.where(np.arange(3) == task, labels, NAN)
        # with the other tasks unknown, K and T are counted otherwise
        value, _ = loss_of_logits(only, logits, from_logits=from_logits)
        by_task.append(value * _rescaled(labels, task, normalize_by))
    assert found == pytest.approx(float(np.dot(by_task, weights)), rel=1e-4, abs=1e-6)


def _rescaled(labels: np.ndarray, task: int, normalize_by: str) -> float:
    """Returns the share of the loss by examples that a task has in the loss by something else."""
    known = (~np.isnan(labels)).sum(axis=0)
    denominators = {
        "examples": len(labels),
        "known": known.sum(),
        "tasks": known[task] * (known > 0).sum(),
    }
    return len(labels) / max(denominators[normalize_by], 1)


@every_task_weight
@few_examples
@given(batch=batches(shapes=((6, 2), (4, 3))), cut=st.sampled_from([2, 3]))
def test_by_examples_batches_add_up(batch, cut, weights):
    labels, logits = batch
    settings = {"from_logits": True, "task_weight": weights and weights[: labels.shape[1]]}
    value, gradient = loss_of_logits(labels, logits, **settings)
    parts = [
        (len(y), *loss_of_logits(y, z, **settings))
        for y, z in ((labels[:cut], logits[:cut]), (labels[cut:], logits[cut:]))
    ]
    total = sum(count * part for count, part, _ in parts)
    assert total == pytest.approx(len(labels) * value, rel=1e-5, abs=1e-6)
    slopes = np.concatenate([count * slope for count, _, slope in parts])
    np.testing.assert_allclose(slopes, len(labels) * gradient, rtol=1e-5, atol=1e-7)


@every_task_weight
@few_examples
@given(batch=batches(shapes=((6, 2), (4, 3))))
def test_by_examples_one_output_of_n_tasks_equals_n_outputs_of_one_task(batch, weights):
    labels, logits = batch
    num_tasks = labels.shape[1]
    value, gradient = loss_of_logits(
        labels, logits, from_logits=True, task_weight=weights and weights[:num_tasks]
    )
    columns = [
        loss_of_logits(
            labels[:, [task]],
            logits[:, [task]],
            from_logits=True,
            task_weight=weights and weights[task],
        )
        for task in range(num_tasks)
    ]
    assert sum(part for part, _ in columns) == pytest.approx(value, rel=1e-5, abs=1e-6)
    slopes = np.concatenate([slope for _, slope in columns], axis=1)
    np.testing.assert_allclose(slopes, gradient, rtol=1e-5, atol=1e-8)


@every_normalization
@few_examples
@given(batch=batches(shapes=((4, 3),)), logits=st.lists(logits_strategy, min_size=3, max_size=3))
def test_an_example_without_known_labels_adds_nothing(batch, logits, normalize_by):
    value, _ = loss_of_logits(*batch, from_logits=True, normalize_by=normalize_by)
    longer = (
        np.vstack([batch[0], np.full((1, 3), NAN, "float32")]),
        np.vstack([batch[1], np.array([logits], "float32")]),
    )
    longer_value, gradient = loss_of_logits(*longer, from_logits=True, normalize_by=normalize_by)
    share = 4 / 5 if normalize_by == "examples" else 1  # m counts it, K and K_j don't
    assert longer_value == pytest.approx(value * share, rel=1e-5, abs=1e-7)
    assert (gradient[4] == 0).all()


@few_examples
@given(batch=batches(shapes=((4, 3), (6, 2))))
def test_by_known_masking_equals_dropping(batch):
    labels, logits = batch
    known = ~np.isnan(labels)
    value, gradient = loss_of_logits(labels, logits, from_logits=True, normalize_by="known")
    if not known.any():
        assert value == 0
        return
    kept, kept_gradient = loss_of_logits(
        labels[known][:, None], logits[known][:, None], from_logits=True, normalize_by="known"
    )
    assert value == pytest.approx(kept, rel=1e-5)
    np.testing.assert_allclose(gradient[known], kept_gradient[:, 0], rtol=1e-5, atol=1e-8)


@few_examples
@given(batch=batches(shapes=((4, 3), (6, 2))))
def test_by_tasks_masking_equals_dropping(batch):
    labels, logits = batch
    value, gradient = loss_of_logits(labels, logits, from_logits=True, normalize_by="tasks")
    kept = {}
    for task, column in enumerate(labels.T):
        rows = ~np.isnan(column)
        if rows.any():
            kept[task] = loss_of_logits(
                labels[rows][:, [task]], logits[rows][:, [task]], from_logits=True
            )
    assert value == pytest.approx(
        np.mean([part for part, _ in kept.values()]) if kept else 0, rel=1e-5
    )
    for task, (_, slope) in kept.items():
        rows = ~np.isnan(labels[:, task])
        np.testing.assert_allclose(
            gradient[rows, task], slope[:, 0] / len(kept), rtol=1e-5, atol=1e-8
        )


@every_normalization
def test_a_weighted_example_counts_its_weight_times(normalize_by):
    labels = np.array([[1, NAN], [NAN, 0], [0, 1]], "float32")
    logits = np.array([[-1, 2], [3, 0.5], [2, -2]], "float32")
    weights = np.array([2.0, 0.0, 0.5], "float32")
    loss = MaskedBinaryCrossentropy(from_logits=True, normalize_by=normalize_by)
    _, gradient = value_and_gradient(lambda z: loss(labels, z), logits)
    _, weighted = value_and_gradient(lambda z: loss(labels, z, sample_weight=weights), logits)
    np.testing.assert_allclose(weighted, gradient * weights[:, None], rtol=1e-5)


class floating_point:  # noqa: N801 - reads as what it is, a context
    """Keras's dtype policy and floatx, put back at the end."""

    def __init__(self, policy: str):
        self.policy = policy

    def __enter__(self) -> None:
        self.before = keras.config.dtype_policy(), keras.config.floatx()
        keras.config.set_dtype_policy(self.policy)
        if not self.policy.startswith("mixed"):
            keras.config.set_floatx(self.policy)

    def __exit__(self, *_: object) -> None:
        keras.config.set_dtype_policy(self.before[0])
        keras.config.set_floatx(self.before[1])
