"""The exact head."""

from dataclasses import replace

import numpy as np
import pytest
import scipy.special
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from threadpoolctl import threadpool_info

from kerastl.training.exact_head import solver
from kerastl.training.exact_head.minimization import minimize
from kerastl.training.exact_head.partitions import LocalPartitions, Partition
from kerastl.training.exact_head.rotation import Problem, rotate
from kerastl.training.exact_head.solver import make_targets, solve_head


def make_problem(
    num_rows: int = 200, dim: int = 10, tasks: int = 3, unknown: float = 0.4, seed: int = 0
) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(seed)
    features = (random.normal(size=(num_rows, dim)) * random.uniform(0.1, 5, dim) + 3).astype("f4")
    centered = (features - features.mean(0)) / features.std(0)
    logits = centered @ random.normal(size=(dim, tasks))
    labels = (random.random(logits.shape) < scipy.special.expit(logits)).astype(float)
    labels[random.random(labels.shape) < unknown] = np.nan
    return features, labels


def reference(features: np.ndarray, labels: np.ndarray, strength: float) -> LogisticRegression:
    return LogisticRegression(C=1 / (strength * len(labels)), tol=1e-10, max_iter=100_000).fit(
        features.astype(float), labels
    )


@pytest.mark.parametrize("strength", [1.0, 0.01, 0.0001])
@pytest.mark.parametrize("dim", [10, 300])
def test_the_solution_is_that_of_scikit_learn_on_the_known_labels(
    dim: int, strength: float
) -> None:
    features, labels = make_problem(dim=dim)
    head = solve_head(features, labels, groups=None, regularization=strength)
    mean, scale = features.mean(0, dtype=float), features.std(0, dtype=float)
    for task in range(3):
        known = ~np.isnan(labels[:, task])
        expected = reference(((features - mean) / scale)[known], labels[known, task], strength)
        largest = np.abs(expected.coef_).max()
        np.testing.assert_allclose(
            head.kernel[:, task] * scale, expected.coef_[0], rtol=0, atol=2e-3 * largest
        )
        np.testing.assert_allclose(
            scipy.special.expit(features @ head.kernel[:, task] + head.bias[task]),
            expected.predict_proba((features - mean) / scale)[:, 1],
            rtol=0,
            atol=1e-3,
        )


def test_an_unknown_label_with_a_weight_is_a_no_with_this_sample_weight_of_scikit_learn() -> None:
    features, labels = make_problem()
    given = [0.1, 0.0, 1.0]
    head = solve_head(features, labels, groups=None, regularization=0.05, unknown_weight=given)
    mean, scale = features.mean(0, dtype=float), features.std(0, dtype=float)
    standardized = (features - mean) / scale
    for task, weight in enumerate(given):
        known = ~np.isnan(labels[:, task])
        used = known | (weight > 0)
        expected = LogisticRegression(C=1 / (0.05 * used.sum()), tol=1e-10, max_iter=100_000)
        expected.fit(
            standardized[used],
            np.nan_to_num(labels[used, task]),
            sample_weight=np.where(known, 1.0, weight)[used],
        )
        np.testing.assert_allclose(
            scipy.special.expit(features @ head.kernel[:, task] + head.bias[task]),
            expected.predict_proba(standardized)[:, 1],
            rtol=0,
            atol=1e-3,
        )


def test_of_positives_alone_a_head_is_learned_if_unknown_labels_are_a_weak_no() -> None:
    features, labels = make_problem(unknown=0)
    recorded = np.where((labels == 1) & (np.arange(len(labels)) % 2 == 0)[:, None], 1.0, np.nan)
    weak = solve_head(features, recorded, groups=None, unknown_weight=0.1)
    ignoring = solve_head(features, recorded, groups=None)
    hidden = np.isnan(recorded)
    for task in range(labels.shape[1]):
        rows = hidden[:, task]
        truth = labels[rows, task]
        scores = features[rows] @ weak.kernel[:, task]
        assert roc_auc_score(truth, scores) > 0.75
        assert np.ptp(features @ ignoring.kernel[:, task]) < 0.05 < np.ptp(scores)


def test_the_gradient_of_the_loss_vanishes_at_the_solution() -> None:
    features, labels = make_problem()
    settings = {"label_smoothing": 0.1, "positive_weight": [1.0, 2.0, 5.0]}
    head = solve_head(features, labels, groups=None, regularization=0.05, **settings)
    mean, scale = features.mean(0, dtype=float), features.std(0, dtype=float)
    targets = make_targets(labels, **settings)
    p = scipy.special.expit(features @ head.kernel.astype(float) + head.bias)
    slopes = (targets.negative * p - targets.positive * (1 - p)) / targets.num_known
    gradient = ((features - mean) / scale).T @ slopes + 0.05 * head.kernel * scale[:, None]
    assert np.abs(gradient).max() < 1e-5


def test_an_unknown_label_changes_nothing() -> None:
    """The labels that are known alone give the same head, turned and scaled by the same rows."""
    features, labels = make_problem()
    problem = rotate(LocalPartitions(Partition(features)))
    settings = {"label_smoothing": 0, "positive_weight": None}

    def weights(problem: Problem, labels: np.ndarray) -> np.ndarray:
        targets = make_targets(labels, **settings)
        problem.partitions.set_targets(targets)
        strengths = np.full(labels.shape[1], 0.1)
        return minimize(problem, targets, strengths, tolerance=1e-7, precision=np.float64)

    together = weights(problem, labels)
    for task in range(3):
        known = np.flatnonzero(~np.isnan(labels[:, task]))
        some = LocalPartitions(Partition(features, known))
        some.each("standardize", problem.mean, problem.scale)
        some.each("rotate", problem.axes)
        alone = weights(replace(problem, partitions=some), labels[known, task : task + 1])
        np.testing.assert_allclose(together[:, task], alone[:, 0], atol=1e-5)


def test_the_path_costs_no_accuracy_where_it_starts_from_the_last_solution() -> None:
    features, labels = make_problem(num_rows=300, dim=40)
    chosen = solve_head(features, labels, groups=None)
    for task, strength in enumerate(chosen.strengths):
        direct = solve_head(
            features, labels[:, [task]], groups=None, regularization=float(strength)
        )
        np.testing.assert_allclose(chosen.kernel[:, task], direct.kernel[:, 0], atol=1e-4)


def test_one_thread_of_blas_is_used_and_given_back() -> None:
    before = [pool["num_threads"] for pool in threadpool_info()]
    solve_head(*make_problem(), groups=None)
    assert [pool["num_threads"] for pool in threadpool_info()] == before


def test_a_soft_label_lies_between_its_hard_ones() -> None:
    features = np.zeros((10, 1), "f4")
    heads = [
        solve_head(features, np.full((10, 1), value), groups=None, regularization=1.0)
        for value in (0.2, 0.7)
    ]
    biases = [float(scipy.special.expit(head.bias[0])) for head in heads]
    np.testing.assert_allclose(biases, [0.2, 0.7], atol=1e-3)


def test_a_positive_weight_counts_as_that_many_positives() -> None:
    labels = np.array([[1.0], [0], [0], [0]])
    head = solve_head(
        np.zeros((4, 1), "f4"), labels, groups=None, regularization=1.0, positive_weight=[3.0]
    )
    np.testing.assert_allclose(head.bias[0], 0.0, atol=1e-3)


def test_a_constant_feature_does_no_harm() -> None:
    features, labels = make_problem()
    features[:, 0] = 7.0
    head = solve_head(features, labels, groups=None)
    assert np.isfinite(head.kernel).all()
    assert np.abs(head.kernel[0]).max() < 1e-3


def test_a_task_without_any_label_gives_a_head_of_zeros() -> None:
    features, labels = make_problem()
    labels[:, 1] = np.nan
    head = solve_head(features, labels, groups=None)
    assert np.abs(head.kernel[:, 1]).max() == 0
    assert np.isfinite(head.kernel).all()


def test_strong_regularization_is_chosen_for_noise_and_weak_for_signal() -> None:
    random = np.random.default_rng(0)
    features = random.normal(size=(400, 20)).astype("f4")
    signal = (features[:, 0] > 0).astype(float)
    noise = random.integers(0, 2, 400).astype(float)
    head = solve_head(features, np.stack([signal, noise], 1), groups=None)
    assert head.strengths[0] < head.strengths[1]


def test_out_of_fold_logits_know_nothing_of_their_own_label() -> None:
    random = np.random.default_rng(0)
    features = random.normal(size=(300, 100)).astype("f4")
    noise = random.integers(0, 2, (300, 1)).astype(float)
    head = solve_head(features, noise, groups=None)
    agreement = np.mean((head.out_of_fold_logits > 0) == noise)
    assert 0.35 < agreement < 0.65


def test_folds_keep_groups_whole() -> None:
    """Copies of one row with one label are learned by heart only where groups are divided."""
    random = np.random.default_rng(1)
    features = np.repeat(random.normal(size=(40, 60)), 8, axis=0).astype("f4")
    labels = np.repeat(random.integers(0, 2, 40), 8)[:, None].astype(float)
    groups = np.repeat([f"g{i}" for i in range(40)], 8)
    divided = solve_head(features, labels, groups=None).path
    whole = solve_head(features, labels, groups=groups).path
    assert divided is not None
    assert whole is not None
    assert np.nanmin(divided) < 0.4 < 0.6 < np.nanmin(whole)


@pytest.mark.parametrize("tasks", [1, 4])
def test_the_same_seed_gives_the_same_head(tasks: int) -> None:
    features, labels = make_problem(tasks=tasks)
    one, two = (solve_head(features, labels, groups=None, seed=5) for _ in range(2))
    np.testing.assert_array_equal(one.kernel, two.kernel)


def test_a_task_whose_known_labels_are_equal_gives_a_finite_head() -> None:
    features, labels = make_problem()
    labels[:, 1] = np.where(np.isnan(labels[:, 1]), np.nan, 1.0)
    head = solve_head(features, labels, groups=None, regularization=0.1)
    assert np.isfinite(head.kernel).all()
    assert 5 < head.bias[1] < 50


@pytest.mark.parametrize("regularization", ["auto", 1e-4])
def test_a_task_beside_tasks_of_one_class_is_the_task_alone(
    regularization: float | str, monkeypatch: pytest.MonkeyPatch
) -> None:
    features, labels = make_problem(num_rows=600, dim=30, tasks=6)
    known = ~np.isnan(labels)
    labels[known[:, 1], 1] = 1
    labels[known[:, 2], 2] = 0
    labels[np.flatnonzero(known[:, 2])[:2], 2] = 1
    labels[:, 3] = np.nan
    together = solve_head(features, labels, groups=None, regularization=regularization)
    monkeypatch.setattr(solver, "TASKS_TOGETHER", 1)
    alone = solve_head(features, labels, groups=None, regularization=regularization)
    np.testing.assert_array_equal(together.strengths, alone.strengths)
    largest = np.abs(alone.kernel).max(axis=0) + np.abs(alone.bias) + 1e-30
    assert (np.abs(together.kernel - alone.kernel) / largest).max() < 1e-6
    assert (np.abs(together.bias - alone.bias) / largest).max() < 1e-6
    if regularization == "auto":
        np.testing.assert_allclose(
            together.out_of_fold_logits, alone.out_of_fold_logits, rtol=0, atol=1e-3
        )
        assert np.isnan(together.path[-1, 0])  # the end of its path, though not of task 1
