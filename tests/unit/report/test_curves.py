"""The numbers behind the report's charts."""

import re

import numpy as np
import pytest
import sklearn.metrics

from kerastl.report import curves, plots
from kerastl.report.charts import round_values
from kerastl.report.render import figure, json_for_page, percent, score
from kerastl.report.unknown_labels import missing_together


@pytest.fixture
def sample() -> tuple[np.ndarray, np.ndarray]:
    """5,000 labels and probabilities, some of them on the slider's steps and tied."""
    random = np.random.default_rng(0)
    y = random.integers(0, 2, 5000)
    p = np.clip(0.5 + 0.2 * (y - 0.5) + random.normal(0, 0.2, 5000), 0, 1)
    p[::7] = np.round(p[::7], 3)
    return y, p


def test_levels_count_exactly_the_decisions_of_every_step(
    sample: tuple[np.ndarray, np.ndarray],
) -> None:
    _, p = sample
    scale = curves.LogitScale.of(p, 0.5)
    flat = scale.levels(p)
    level, count = np.array(flat[::2]), np.array(flat[1::2])
    for step in range(curves.STEPS + 1):
        assert count[level >= step].sum() == (p >= scale.thresholds[step]).sum()


def test_a_thinned_curve_keeps_its_ends_its_order_and_its_area(
    sample: tuple[np.ndarray, np.ndarray],
) -> None:
    y, p = sample
    points = curves.roc_points(y, p)
    assert len(points) <= curves.MAX_POINTS
    np.testing.assert_array_equal(points[[0, -1]], [[0, 0], [1, 1]])
    assert (np.diff(points, axis=0) >= 0).all()
    area = np.trapezoid(points[:, 1], points[:, 0])
    assert area == pytest.approx(sklearn.metrics.roc_auc_score(y, p), abs=0.003)


def test_the_steps_of_precision_and_recall_add_up_to_average_precision(
    sample: tuple[np.ndarray, np.ndarray],
) -> None:
    y, p = sample[0][:90], sample[1][:90]
    recall, precision = curves.precision_recall_points(y, p).T
    area = np.sum(np.diff(recall, prepend=0) * precision)
    assert area == pytest.approx(sklearn.metrics.average_precision_score(y, p))


def test_reliability_bins_hold_all_examples_and_their_shares(
    sample: tuple[np.ndarray, np.ndarray],
) -> None:
    y, p = sample
    bins = curves.reliability_bins(y, p)
    assert len(bins) == 10
    assert sum(b.count for b in bins) == len(y)
    assert sum(b.count * b.observed for b in bins) == pytest.approx(y.sum())
    assert all(b.low <= b.observed <= b.high for b in bins)


def test_too_few_examples_have_no_reliability_bins() -> None:
    assert curves.reliability_bins(np.ones(23), np.ones(23)) == ()


def test_tasks_that_are_unknown_together_are_counted_by_row() -> None:
    unknown = np.array([[1, 1, 0], [1, 0, 0], [0, 0, 0], [1, 1, 0]], bool)
    shares = missing_together(unknown)
    np.testing.assert_allclose(shares[:2, :2], [[1, 2 / 3], [1, 1]])
    assert np.isnan(shares[2]).all()


def test_ticks_are_round_and_inside() -> None:
    assert round_values(0.37, 0.54) == [0.4, 0.45, 0.5]
    assert round_values(0.0, 1.0) == [0.0, 0.2, 0.4, 0.6, 0.8, 1.0]
    assert round_values(-3, 70) == [0, 20, 40, 60]


def test_data_for_the_script_cannot_end_its_element() -> None:
    written = json_for_page({"</script><!--": "\u2028&"})
    assert not set(written) & set("<>&\u2028")
    assert written == '{"\\u003c/script\\u003e\\u003c!--":"\\u2028\\u0026"}'


def test_figures_round_halves_up_and_undefined_ones_are_dashes() -> None:
    assert [score(0.5625), score(1.0625), score(float("nan")), score(None)] == [
        "0.563",
        "1.063",
        "–",
        "–",
    ]


def test_small_figures_are_written_out_down_to_eight_digits() -> None:
    assert [score(1.6e-7), score(3.2e-9)] == ["0.00000016", "3.2e-09"]
    assert score(1 - 1e-10) == "1.00000000"


def test_scores_have_four_digits_beside_0_and_1_and_are_never_rounded_to_them() -> None:
    shown = [figure(x) for x in (0, 2e-5, 0.0012, 0.9962, 0.99984, 1 - 1e-10, 1, 2.5)]
    assert shown == ["0.000", "<0.0001", "0.0012", "0.9962", "0.9998", "0.9999", "1.000", "2.500"]


def test_percents_never_round_to_none_or_all() -> None:
    assert [percent(x) for x in (0, 0.001, 0.35, 0.999, 1)] == [
        "0 %",
        "<1 %",
        "35 %",
        ">99 %",
        "100 %",
    ]


def test_the_scale_of_a_rare_task_spans_its_probabilities_and_no_more() -> None:
    p = np.geomspace(1e-4, 2e-3, 200)
    scale = curves.LogitScale.of(p, 1e-3)
    assert (scale.low, scale.high) == (-10, -5)
    assert (scale.histogram(p) > 0).sum() > curves.NUM_BARS / 2
    assert scale.thresholds[scale.step(1e-3)] == pytest.approx(1e-3, rel=0.01)


def test_only_zero_and_one_are_shown_as_zero_and_one() -> None:
    shown = [score(x) for x in (0.0, 0.5, 0.0123, 0.000123, 0.99987, 0.9996, 1e-9, 1.0, 1.25)]
    assert shown == [
        *("0.000", "0.500", "0.012", "0.00012", "0.99987", "0.99960", "1.0e-09", "1.000", "1.250")
    ]


def test_the_reliability_of_a_rare_task_is_not_a_sliver() -> None:
    random = np.random.default_rng(0)
    p = np.geomspace(1e-4, 1e-2, 5000)
    bins = curves.reliability_bins((random.random(5000) < p).astype(float), p)
    chart = plots.reliability_chart(bins, None, label="")
    dots = re.findall(r'<circle cx="([\d.]+)" cy="([\d.]+)"', chart)
    x, y = np.array(dots, float).T
    assert len(x) == 10
    assert np.ptp(x) > 0.6 * plots.RELIABILITY.width
    assert (np.diff(x) > 8).all()
    assert y.max() == plots.RELIABILITY.bottom  # no yes in the first bin
    assert ">0.001<" in chart
    assert re.search(
        r"<title>500 examples: predicted 0\.00\d+, share of yes 0\.0\d+</title>", chart
    )
