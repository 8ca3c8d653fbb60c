import keras
import numpy as np
import pytest

from kerastl.errors import KerastlError
from kerastl.losses import MaskedBinaryCrossentropy, check_labels
from kerastl.metrics import MaskedAUC, MaskedRecall

NAN = float("nan")


def message(function, *arguments, **settings):
    with pytest.raises(KerastlError) as raised:
        function(*arguments, **settings)
    return str(raised.value)


def test_labels_out_of_range_are_named_by_row_and_task():
    labels = np.array([[1, -1], [NAN, 2], [0, 1]])
    assert message(check_labels, labels, tasks=["car", "stop_sign"], where="driving.csv") == (
        "2 labels are neither unknown nor in [0, 1].\n"
        "  - row 0, task 'stop_sign': -1\n"
        "  - row 1, task 'stop_sign': 2\n"
        "  where:    driving.csv\n"
        "  expected: 0 (no), 1 (yes), between them (soft), or NaN (unknown); rows count from 0\n"
        "  fix:      Replace other codes, such as -1 for uncertain, by NaN or a value in [0, 1]."
    )


def test_a_single_wrong_label_is_told_in_the_singular():
    assert message(check_labels, np.array([0, 3.5])).startswith(
        "1 label is neither unknown nor in [0, 1].\n  - row 1, task 0: 3.5\n"
    )


def test_many_wrong_labels_are_counted_and_not_all_listed():
    assert "  - row 4, task 0: -1\n  - and 95 more\n" in message(
        check_labels, np.full((100, 1), -1.0)
    )


def test_labels_of_another_kind_are_told_by_their_kind():
    assert message(check_labels, np.array(["yes", "no"])) == (
        "Labels are not numbers.\n"
        "  expected: numbers in [0, 1], NaN if the label is unknown\n"
        "  received: an array of <U3"
    )


def test_shapes_that_do_not_belong_together():
    loss = MaskedBinaryCrossentropy()
    assert message(loss, np.zeros((4, 1)), np.full((4, 3), 0.5)) == (
        "Labels and predictions have different shapes.\n"
        "  expected: labels of shape (4, 3), as the predictions\n"
        "  received: labels of shape (4, 1)\n"
        "  fix:      Give one label column per task of this output, NaN if the label is unknown."
    )


def test_labels_with_a_third_axis():
    assert message(MaskedBinaryCrossentropy(), np.zeros((4, 1, 1)), np.full((4, 1), 0.5)) == (
        "Labels and predictions are tables.\n"
        "  expected: shape (batch, tasks), or (batch,) for a single task\n"
        "  received: shape (4, 1, 1)"
    )


def test_half_precision_probabilities():
    predictions = keras.ops.cast([[0.5]], "bfloat16")
    assert message(MaskedBinaryCrossentropy(), [[1.0]], predictions) == (
        "Probabilities in half precision cannot be trained on: they round to exactly 0 and 1.\n"
        "  expected: probabilities in float32, or logits in any precision\n"
        "  received: probabilities in bfloat16\n"
        "  fix:      Give the last layer dtype='float32', or pass logits with from_logits=True."
    )


def test_an_unknown_normalization():
    assert message(MaskedBinaryCrossentropy, normalize_by="example") == (
        "normalize_by cannot be 'example'.\n"
        "  expected: one of 'examples', 'known', 'tasks'\n"
        "  fix:      Did you mean 'examples'?"
    )


def test_label_smoothing_out_of_range():
    assert message(MaskedBinaryCrossentropy, label_smoothing=2) == (
        "label_smoothing is out of range.\n  expected: a number in [0, 1]\n  received: 2"
    )


def test_positive_weight_out_of_range():
    assert message(MaskedBinaryCrossentropy, positive_weight=[1.0, 0.0]) == (
        "positive_weight is out of range.\n"
        "  expected: None, a finite number above 0, or one such number per task\n"
        "  received: [1.0, 0.0]"
    )


def test_positive_weights_for_another_number_of_tasks():
    loss = MaskedBinaryCrossentropy(positive_weight=[1.0, 2.0])
    assert message(loss, [[1.0] * 3], [[0.5] * 3]) == (
        "positive_weight does not fit this output.\n"
        "  expected: a number, or 3 numbers, one per task of the output\n"
        "  received: 2 numbers"
    )


def test_a_weight_per_label_in_a_metric():
    metric = MaskedRecall()
    assert message(metric, np.zeros((4, 2)), np.zeros((4, 2)), sample_weight=np.ones((4, 2))) == (
        "sample_weight weights examples, not labels.\n"
        "  expected: shape (batch,)\n"
        "  received: shape (4, 2)\n"
        "  fix:      Mark labels to ignore as NaN; weight a task by the weight of its head."
    )


def test_a_threshold_out_of_range():
    assert message(MaskedRecall, threshold=[0.5, 1]) == (
        "threshold is out of range.\n"
        "  expected: a probability above 0 and below 1, or one per task\n"
        "  received: [0.5, 1]"
    )


def test_thresholds_for_another_number_of_tasks():
    metric = MaskedRecall(threshold=[0.5, 0.6])
    assert message(metric, np.zeros((4, 3)), np.zeros((4, 3))) == (
        "threshold does not fit this output.\n"
        "  expected: a number, or 3 numbers, one per task of the output\n"
        "  received: 2 numbers"
    )


def test_too_few_bins():
    assert message(MaskedAUC, num_bins=1) == (
        "MaskedAUC has too few bins.\n  expected: at least 2\n  received: 1"
    )


def test_one_metric_on_two_outputs():
    metric = MaskedAUC(num_tasks=2)
    assert message(metric, np.zeros((4, 3)), np.zeros((4, 3))) == (
        "A MaskedAUC cannot be shared by outputs with different numbers of tasks.\n"
        "  expected: 2 tasks\n"
        "  received: 3 tasks\n"
        "  fix:      Create one metric for each output."
    )
