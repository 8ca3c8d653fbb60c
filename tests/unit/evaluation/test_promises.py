"""Thresholds that promise a share in new data."""

import numpy as np
import pytest
import scipy.stats

from kerastl.config.policies import ThresholdPolicy
from kerastl.evaluation.bounds import Share, design_effects, lower_bound, similarity
from kerastl.evaluation.thresholds import ChosenThreshold, choose_threshold


def drawn(count: int, seed: int = 0, shift: float = 2.0) -> tuple[np.ndarray, np.ndarray]:
    """Returns labels, half of them positive, and probabilities."""
    random = np.random.default_rng(seed)
    labels = np.repeat([0.0, 1.0], count // 2)
    return labels, scipy.stats.norm.cdf(random.normal(size=len(labels)) + shift * labels - 1)


def chosen(policy: str, count: int, groups: np.ndarray | None = None, **draw) -> ChosenThreshold:
    return choose_threshold(*drawn(count, **draw), ThresholdPolicy.parse(policy), groups=groups)


def test_the_lower_bound_is_that_of_clopper_and_pearson() -> None:
    exact = scipy.stats.binomtest(45, 50, alternative="greater").proportion_ci(0.9, "exact").low
    assert lower_bound(45, 50) == pytest.approx(exact)


@pytest.mark.parametrize("goal", ["sensitivity", "specificity", "precision"])
def test_a_promise_is_kept_by_its_bound_and_paid_for(goal: str) -> None:
    promise = chosen(f"{goal}>=0.8", 400).promise
    assert promise.is_promised
    assert promise.value > promise.bound >= 0.8
    assert promise.price.value < promise.price.at_point_choice
    assert promise.price.quantity == ("specificity" if goal == "sensitivity" else "sensitivity")


def test_a_promise_takes_the_cheapest_threshold_that_keeps_it() -> None:
    labels, probabilities = drawn(100)
    found = choose_threshold(labels, probabilities, ThresholdPolicy.parse("sensitivity>=0.8"))
    hits = int((probabilities[labels == 1] >= found.threshold).sum())
    assert lower_bound(hits, 50) >= 0.8 > lower_bound(hits - 1, 50)


@pytest.mark.parametrize(
    ("goal", "count", "unit", "needed"),
    [("sensitivity", 40, "positives", 22), ("specificity", 40, "negatives", 22)],
)
def test_too_few_labels_promise_nothing_and_say_how_many_are_needed(
    goal: str, count: int, unit: str, needed: int
) -> None:
    found = chosen(f"{goal}>=0.9", count)
    assert found.promise.is_promised is False
    assert (found.promise.count, found.promise.unit, found.promise.needed) == (20, unit, needed)
    assert found.threshold == chosen(f"{goal}~0.9", count).threshold
    assert found.note == (
        f"{goal}>=0.9 is not promised: 20 {unit} show a {goal} of at least "
        f"{found.promise.bound:.3f} in new data, and about 22 {unit} are needed; the threshold is "
        f"that of {goal}~0.9"
    )
    assert chosen(f"{goal}>=0.9", 44).promise.is_promised


def test_a_precision_says_how_many_labels_it_needs() -> None:
    found = chosen("precision>=0.9", 40)
    assert found.promise.is_promised is False
    assert found.promise.unit == "known labels"
    assert found.promise.needed > 40
    needed, half = found.promise.needed, -(-found.promise.needed // 2)  # as here, half are positive
    assert f"about {needed} known labels, {half} of them positive, are needed" in found.note


def test_what_no_number_of_labels_can_promise_is_said() -> None:
    assert "no number of labels like these would be enough" in chosen("sensitivity>=1", 40).note
    useless = chosen("precision>=0.9", 400, shift=0.0)
    assert "no number of labels like these would be enough" in useless.note


def test_a_point_choice_promises_nothing_and_does_not_complain() -> None:
    found = chosen("sensitivity~0.9", 40)
    assert found.note is None
    assert found.promise.is_promised is None
    assert found.promise.bound < 0.9 <= found.promise.value


def test_a_promise_that_calls_everything_positive_says_so() -> None:
    labels, probabilities = drawn(60, shift=-9.0)
    found = choose_threshold(labels, probabilities, ThresholdPolicy.parse("sensitivity>=0.9"))
    assert found.note == "a sensitivity of 0.9 is only promised by calling every example positive"


def test_other_policies_have_bounds_and_no_promise() -> None:
    for policy in ("youden", "f1", "0.5"):
        found = choose_threshold(*drawn(200), ThresholdPolicy.of_bundle(policy))
        assert found.promise is None
        assert set(found.bounds) == {"sensitivity", "specificity", "precision"}
        assert all(0.5 < bound < 1 for bound in found.bounds.values())


def test_examples_of_a_group_count_as_fewer_if_they_are_alike() -> None:
    labels, probabilities = drawn(200)
    alike = np.arange(200) // 10
    order = np.concatenate([np.argsort(probabilities[:100]), 100 + np.argsort(probabilities[100:])])
    policy = ThresholdPolicy.parse("sensitivity~0.9")
    apart = choose_threshold(labels, probabilities, policy).promise
    together = choose_threshold(labels[order], probabilities[order], policy, groups=alike).promise
    assert apart.effective == 100
    assert 8 < together.effective < 15
    assert together.bound < apart.bound
    assert "worth 10 independent ones," in str(
        choose_threshold(
            labels[order], probabilities[order], ThresholdPolicy.parse("sensitivity>=0.9"),
            groups=alike,
        ).note
    )  # fmt: skip


def test_the_design_effect_grows_with_the_size_of_groups() -> None:
    groups = np.array([0, 1, 0, 1])
    np.testing.assert_allclose(design_effects(groups, 1.0), [1, 1, 5 / 3, 2])
    np.testing.assert_array_equal(design_effects(groups, 0.0), 1)
    np.testing.assert_array_equal(design_effects(np.arange(4), 1.0), 1)


def test_similarity_is_the_share_of_variance_between_groups() -> None:
    random = np.random.default_rng(0)
    groups = np.repeat(np.arange(2000), 3)
    values = 0.6 * random.normal(size=2000)[groups] + 0.8 * random.normal(size=6000)
    assert similarity(values, groups) == pytest.approx(0.36, abs=0.03)
    assert similarity(values, np.arange(6000)) == 0
    assert similarity(values, np.zeros(6000)) == 1


def test_promises_are_tested_in_order_up_to_the_first_failure() -> None:
    trials = np.arange(0, 301)
    successes = np.minimum(trials, 30) + np.maximum(trials - 50, 0)
    share = Share(successes=successes, trials=trials, design_effect=np.ones(301), starts_at=0)
    last = share.promising_step(0.8)
    assert 30 < last < 40  # not a later one whose bound happens to reach it
    assert share.promising_step(0.999) is None
