import numpy as np
import pytest

from kerastl.errors import LabelError, ModelError
from kerastl.metrics import MaskedBinaryAccuracy, MaskedLogLoss, MaskedPrecision, MaskedRecall

pytestmark = pytest.mark.backends

NAN = float("nan")
DECISIONS = (MaskedBinaryAccuracy, MaskedPrecision, MaskedRecall)


def measure(metric, *batch, **settings):
    return float(metric(*batch, **settings))


def test_accuracy_precision_and_recall_of_a_table_one_can_count():
    labels = np.array([[1, NAN], [0, 1], [1, 0], [NAN, 1]], "float32")
    scores = np.array([[0.9, 0.9], [0.8, 0.7], [0.4, 0.1], [0.9, 0.2]], "float32")
    assert measure(MaskedBinaryAccuracy(), labels, scores) == pytest.approx(3 / 6)
    assert measure(MaskedPrecision(), labels, scores) == pytest.approx(2 / 3)
    assert measure(MaskedRecall(), labels, scores) == pytest.approx(2 / 4)


def test_a_score_at_the_threshold_is_a_yes():
    assert measure(MaskedRecall(), [[1.0]], [[0.5]]) == 1
    assert measure(MaskedRecall(from_logits=True), [[1.0]], [[0.0]]) == 1
    assert measure(MaskedRecall(threshold=0.25), [[1.0]], [[0.25]]) == 1


def test_each_task_may_have_its_own_threshold():
    labels, scores = [[1.0, 1.0]], [[0.4, 0.4]]
    assert measure(MaskedRecall(threshold=[0.3, 0.5]), labels, scores) == 0.5
    with pytest.raises(ModelError):
        measure(MaskedRecall(threshold=[0.3, 0.5, 0.5]), labels, scores)


@pytest.mark.parametrize("threshold", [0, 1, -0.1, 2, NAN, "0.5", [], [0.5, None]], ids=str)
def test_a_threshold_outside_of_0_and_1_is_refused(threshold):
    with pytest.raises(ModelError):
        MaskedRecall(threshold=threshold)


@pytest.mark.parametrize("metric_class", DECISIONS)
def test_soft_labels_have_no_right_decision_and_count_as_unknown(metric_class):
    hard = measure(metric_class(), [[1.0], [0.0]], [[0.9], [0.8]])
    soft = measure(metric_class(), [[1.0], [0.0], [0.7]], [[0.9], [0.8], [0.9]])
    assert soft == hard


def test_soft_labels_count_in_the_log_loss():
    expected = -(0.7 * np.log(0.9) + 0.3 * np.log(0.1))
    assert measure(MaskedLogLoss(), [[0.7, NAN]], [[0.9, 0.1]]) == pytest.approx(expected, rel=1e-5)


def test_precision_is_undefined_where_nothing_is_decided_yes_and_recall_is_not():
    labels, scores = [[1.0], [0.0]], [[0.1], [0.2]]
    assert np.isnan(measure(MaskedPrecision(), labels, scores))
    assert measure(MaskedRecall(), labels, scores) == 0


@pytest.mark.parametrize("weights", [[3.0, 1.0], [[3.0], [1.0]]], ids=["flat", "column"])
def test_examples_are_weighted(weights):
    labels, scores = [[1.0], [0.0]], [[0.9], [0.9]]
    assert measure(MaskedBinaryAccuracy(), labels, scores, sample_weight=weights) == 0.75


def test_a_weight_per_label_is_refused():
    with pytest.raises(LabelError):
        MaskedRecall()(np.ones((2, 2)), np.ones((2, 2)), sample_weight=np.ones((2, 2)))
