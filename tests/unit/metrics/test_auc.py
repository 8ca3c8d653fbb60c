import keras
import numpy as np
import pytest

from kerastl.errors import ModelError
from kerastl.metrics import MaskedAUC

pytestmark = pytest.mark.backends

NAN = float("nan")


def test_the_share_of_pairs_in_the_right_order_ties_counting_half():
    labels = np.array([1, 1, 0, 0, NAN], "float32")
    scores = np.array([0.9, 0.4, 0.4, 0.1, 0.99], "float32")
    assert float(MaskedAUC()(labels, scores)) == pytest.approx(3.5 / 4)


def test_the_mean_is_over_the_tasks_that_are_defined():
    labels = np.array([[1, 0, NAN, 1], [0, 1, NAN, 1]], "float32")
    scores = np.array([[0.9, 0.9, 0.9, 0.9], [0.1, 0.1, 0.1, 0.1]], "float32")
    assert float(MaskedAUC()(labels, scores)) == pytest.approx((1 + 0) / 2)


def test_tasks_are_not_pooled():
    # Each task is perfect; scores of the second lie all below those of the first.
    labels = np.array([[1, 1], [0, 0]], "float32")
    scores = np.array([[0.9, 0.2], [0.5, 0.1]], "float32")
    assert float(MaskedAUC()(labels, scores)) == 1


def test_logits_and_their_probabilities_give_the_same_area():
    random = np.random.default_rng(0)
    labels = random.integers(0, 2, (200, 2)).astype("float32")
    logits = random.normal(0, 3, (200, 2)).astype("float32")
    of_logits = float(MaskedAUC(from_logits=True)(labels, logits))
    of_scores = float(MaskedAUC()(labels, keras.ops.sigmoid(logits)))
    assert of_scores == pytest.approx(of_logits, abs=2e-3)


def test_scores_beyond_the_bins_count_in_the_outermost_ones():
    labels = np.array([1, 0, 0], "float32")
    logits = np.array([400, -400, 300], "float32")
    assert float(MaskedAUC(from_logits=True)(labels, logits)) == pytest.approx(0.75)
    assert float(MaskedAUC()(labels, np.array([1, 0, 1], "float32"))) == pytest.approx(0.75)


def test_the_number_of_tasks_is_taken_from_the_first_batch_and_then_fixed():
    metric = MaskedAUC()
    metric.update_state(np.zeros((2, 3)), np.zeros((2, 3)))
    assert [tuple(state.shape) for state in metric.variables] == [(3, 2048), (3, 2048)]
    with pytest.raises(ModelError):
        metric.update_state(np.zeros((2, 2)), np.zeros((2, 2)))


def test_few_bins_make_more_ties():
    labels = np.array([1, 0], "float32")
    scores = np.array([0.6, 0.55], "float32")
    assert float(MaskedAUC()(labels, scores)) == 1
    assert float(MaskedAUC(num_bins=2)(labels, scores)) == 0.5
