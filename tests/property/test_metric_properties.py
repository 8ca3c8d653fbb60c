"""Every metric × every property that its documentation states, on whatever backend runs."""

from collections.abc import Callable

import keras
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import (
    accuracy_score,
    log_loss,
    precision_score,
    recall_score,
    roc_auc_score,
)

from kerastl.metrics import (
    MaskedAUC,
    MaskedBinaryAccuracy,
    MaskedLogLoss,
    MaskedPrecision,
    MaskedRecall,
)

pytestmark = pytest.mark.backends

NAN = float("nan")
NUM_EXAMPLES, NUM_TASKS = 24, 2
CUTS = ((), (8, 16), (1, 12))  # few, because JAX compiles every operation per shape

few_examples = settings(max_examples=15, deadline=None, derandomize=True)


def auc_reference(labels: np.ndarray, scores: np.ndarray, weights: np.ndarray) -> float:
    areas = [
        roc_auc_score(y[known], p[known], sample_weight=w[known])
        for y, p, w in zip(labels.T, scores.T, weights.T, strict=True)
        for known in [is_decided(y) & (w > 0)]
        if len(set(y[known])) == 2
    ]
    return float(np.mean(areas)) if areas else NAN


def pooled(score: Callable, needed: Callable) -> Callable:
    """Returns a reference that pools all decided labels and is NaN where nothing is needed."""

    def reference(labels: np.ndarray, scores: np.ndarray, weights: np.ndarray) -> float:
        known = is_decided(labels) & (weights > 0)
        y, decided = labels[known], scores[known] >= 0.5
        if not needed(y, decided).any():
            return NAN
        return score(y, decided, sample_weight=weights[known])

    return reference


def log_loss_reference(labels: np.ndarray, scores: np.ndarray, weights: np.ndarray) -> float:
    known = ~np.isnan(labels) & (weights > 0)
    if not known.any():
        return NAN
    y, p, w = labels[known], scores[known].astype("float64"), weights[known]
    # A soft label is a positive of weight y and a negative of weight 1 − y.
    truth = np.r_[np.ones(len(y)), np.zeros(len(y))]
    return log_loss(truth, np.r_[p, p], sample_weight=np.r_[w * y, w * (1 - y)], labels=[0, 1])


def is_decided(labels: np.ndarray) -> np.ndarray:
    return (labels == 0) | (labels == 1)


REFERENCES = {
    MaskedBinaryAccuracy: pooled(accuracy_score, lambda y, decided: np.ones(len(y))),
    MaskedPrecision: pooled(precision_score, lambda y, decided: decided),
    MaskedRecall: pooled(recall_score, lambda y, decided: y),
    MaskedLogLoss: log_loss_reference,
    MaskedAUC: auc_reference,
}
every_metric = pytest.mark.parametrize("metric_class", REFERENCES, ids=lambda c: c.__name__)


@st.composite
def tables(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Draws labels with gaps, logits, and a weight per example."""
    count = NUM_EXAMPLES * NUM_TASKS
    kinds = draw(st.sampled_from([(0, 1, NAN), (0, 1, NAN, 0.3), (0, NAN), (NAN,)]))
    labels = draw(st.lists(st.sampled_from(kinds), min_size=count, max_size=count))
    random = np.random.default_rng(draw(st.integers(0, 999)))
    logits = random.normal(draw(st.sampled_from([-6, 0])), 2, (NUM_EXAMPLES, NUM_TASKS))
    weights = random.choice([0.0, 0.5, 1.0, 2.0], NUM_EXAMPLES)
    shape = (NUM_EXAMPLES, NUM_TASKS)
    return (
        np.array(labels, "float32").reshape(shape),
        logits.astype("float32"),
        weights.astype("float32"),
    )


def sigmoid(logits: np.ndarray) -> np.ndarray:
    return (1 / (1 + np.exp(-logits.astype("float64")))).astype("float32")


def measure(metric: keras.metrics.Metric, *columns: np.ndarray, cuts: tuple = ()) -> float:
    """Returns the result after the examples came in batches cut at these rows."""
    for batch in zip(*(np.split(column, cuts) for column in columns), strict=True):
        metric.update_state(*batch)
    return float(metric.result())


def binning_tolerance(metric: MaskedAUC) -> float:
    """Returns the documented bound: half the share of pairs that fall into one bin."""
    positives, negatives = (
        keras.ops.convert_to_numpy(state) for state in (metric.positives, metric.negatives)
    )
    pairs = positives.sum(axis=1) * negatives.sum(axis=1)
    shares = (positives * negatives).sum(axis=1)[pairs > 0] / pairs[pairs > 0]
    return float(shares.mean()) / 2 if len(shares) else 0.0


@every_metric
@few_examples
@given(table=tables(), from_logits=st.booleans(), weighted=st.booleans())
def test_equals_the_reference_on_the_known_labels(metric_class, table, from_logits, weighted):
    labels, logits, weights = table
    metric = metric_class(from_logits=from_logits)
    predictions = logits if from_logits else sigmoid(logits)
    columns = (labels, predictions, weights) if weighted else (labels, predictions)
    value = measure(metric, *columns)
    grid = np.repeat(weights[:, None] if weighted else np.ones((len(labels), 1)), NUM_TASKS, axis=1)
    expected = REFERENCES[metric_class](labels, sigmoid(logits), grid)
    tolerance = binning_tolerance(metric) if metric_class is MaskedAUC else 0
    assert value == pytest.approx(expected, rel=1e-5, abs=tolerance + 1e-6, nan_ok=True)


@every_metric
@few_examples
@given(table=tables(), cuts=st.sampled_from(CUTS[1:]), seed=st.integers(0, 99))
def test_does_not_depend_on_how_examples_fall_into_batches(metric_class, table, cuts, seed):
    at_once = measure(metric_class(), table[0], sigmoid(table[1]), table[2])
    order = np.random.default_rng(seed).permutation(NUM_EXAMPLES)
    columns = [column[order] for column in (table[0], sigmoid(table[1]), table[2])]
    in_batches = measure(metric_class(), *columns, cuts=cuts)
    assert in_batches == pytest.approx(at_once, rel=1e-5, abs=1e-6, nan_ok=True)


@every_metric
@few_examples
@given(table=tables())
def test_after_reset_state_it_has_seen_nothing(metric_class, table):
    metric = metric_class()
    first = measure(metric, table[0], sigmoid(table[1]))
    metric.reset_state()
    assert np.isnan(float(metric.result()))
    again = measure(metric, table[0], sigmoid(table[1]))
    assert again == pytest.approx(first, nan_ok=True)


@every_metric
def test_without_known_labels_it_is_undefined_and_not_0(metric_class):
    metric = metric_class()
    assert np.isnan(float(metric.result()))
    value = measure(metric, np.full((4, 2), NAN, "float32"), np.full((4, 2), 0.7, "float32"))
    assert np.isnan(value)


@every_metric
def test_a_batch_without_known_labels_leaves_the_result_as_it_was(metric_class):
    metric = metric_class()
    labels = np.array([[1, 0], [0, 1], [1, NAN], [0, NAN]], "float32")
    scores = np.array([[0.9, 0.2], [0.6, 0.7], [0.3, 0.1], [0.1, 0.9]], "float32")
    before = measure(metric, labels, scores)
    assert not np.isnan(before)
    after = measure(metric, np.full((4, 2), NAN, "float32"), np.full((4, 2), NAN, "float32"))
    assert after == before


@every_metric
def test_a_broken_prediction_of_a_known_label_shows(metric_class):
    labels = np.array([[1.0], [0.0], [1.0], [0.0]], "float32")
    scores = np.array([[0.9], [0.2], [NAN], [NAN]], "float32")
    assert np.isnan(measure(metric_class(), labels, scores))


@every_metric
def test_half_precision_predictions_are_measured_in_float32(metric_class):
    labels = np.tile(np.array([[1.0, 0.0], [0.0, 1.0]], "float32"), (2048, 1))
    scores = keras.ops.cast(np.full((4096, 2), 0.75, "float32"), "float16")
    metric = metric_class(dtype="float16")
    metric.update_state(keras.ops.cast(labels, "float16"), scores)
    expected = REFERENCES[metric_class](labels, np.full(labels.shape, 0.75), np.ones(labels.shape))
    assert float(metric.result()) == pytest.approx(expected, rel=1e-5)


@every_metric
@few_examples
@given(from_logits=st.booleans(), threshold=st.floats(0.01, 0.99), per_task=st.booleans())
def test_serialization_round_trips(metric_class, from_logits, threshold, per_task):
    arguments = {"from_logits": from_logits}
    if hasattr(metric_class, "decision_terms"):
        arguments["threshold"] = [threshold, 0.5] if per_task else threshold
    metric = metric_class(**arguments)
    copy = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(metric))
    assert type(copy) is metric_class
    assert {name: getattr(copy, name) for name in arguments} == {
        name: getattr(metric, name) for name in arguments
    }


@pytest.mark.parametrize("base_logit", [0.0, -7.0], ids=["even", "rare"])
def test_the_binned_area_is_near_the_exact_one_for_common_and_rare_classes(base_logit):
    random = np.random.default_rng(0)
    logits = random.normal(base_logit, 1.0, (4000, 1)).astype("float32")
    positive = random.random((4000, 1)) < (0.5 if base_logit == 0 else 0.01)
    logits += positive * 1.5
    labels = positive.astype("float32")
    value = measure(MaskedAUC(), labels, sigmoid(logits))
    assert value == pytest.approx(roc_auc_score(labels, logits), abs=1e-3)
