"""Calibration and thresholds from predictions of held-out examples."""

import numpy as np
import pytest
import scipy.special
from sklearn.metrics import roc_auc_score

from kerastl.config import EvaluationConfig, LossConfig
from kerastl.evaluation.held_out import HeldOutPredictions, level_folds
from kerastl.run.bundle import TaskBundle
from kerastl.run.tuning import tune_tasks, unweighted_offsets
from kerastl.training.exact_head.solver import solve_head
from kerastl.training.task_weights import positive_weights


def held_out(
    labels: np.ndarray, logits: np.ndarray, source: str = "out-of-fold"
) -> HeldOutPredictions:
    return HeldOutPredictions(
        rows=np.arange(len(labels)), logits=logits[:, None], labels=labels[:, None], source=source
    )


def tuned(
    found: HeldOutPredictions, *, threshold: str | float = "youden", calibrate: bool = True
) -> TaskBundle:
    evaluation = EvaluationConfig.model_validate({"threshold": threshold, "calibrate": calibrate})
    return tune_tasks(found, evaluation, ("car",), {}, offsets={"car": -2.0})["car"]


def drawn(count: int = 400) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(0)
    labels = (random.random(count) < 0.3).astype(float)
    return labels, 2 * labels - 3 + random.normal(size=count)


def test_thresholds_are_on_the_calibrated_scale() -> None:
    labels, logits = drawn()
    found = tuned(held_out(labels, 5 * logits + 20))
    plain = tuned(held_out(labels, logits))
    assert found.threshold == pytest.approx(plain.threshold, abs=0.02)
    assert found.calibration.scale == pytest.approx(plain.calibration.scale / 5, rel=0.05)


def test_the_source_and_its_number_of_labels_are_stated() -> None:
    labels, logits = drawn()
    labels[:100] = np.nan
    assert tuned(held_out(labels, logits)).tuned_on == "out-of-fold, 300 known labels"
    assert tuned(held_out(labels, logits, "validation")).tuned_on == "validation, 300 known labels"
    assert tuned(held_out(labels, logits), calibrate=False, threshold=0.2).tuned_on == "nothing"


def test_a_task_without_skill_gets_the_share_of_positives_and_is_called_a_guess() -> None:
    labels, logits = drawn()
    found = tuned(held_out(labels, -logits))
    calibrated = found.calibration.scale * -logits + found.calibration.offset
    assert scipy.special.expit(calibrated).mean() == pytest.approx(labels.mean(), rel=1e-3)
    assert scipy.special.expit(calibrated).std() < 0.05
    assert found.threshold_note == (
        "its decisions are guesses because positives have no higher logits than negatives in "
        "out-of-fold predictions"
    )


@pytest.mark.parametrize("calibrate", [True, False])
def test_the_weight_is_undone_where_nothing_is_calibrated(calibrate: bool) -> None:
    labels, logits = drawn(20)
    labels[4:] = 0
    found = tuned(held_out(labels, logits), calibrate=calibrate)
    assert (found.calibration.scale, found.calibration.offset) == (1, -2.0)
    assert found.calibration.reason is not None
    assert found.threshold < 0.5


def test_rare_tasks_with_a_weight_keep_probabilities_near_their_prevalence() -> None:
    random = np.random.default_rng(0)
    labels = (random.random((600, 5)) < [0.003, 0.006, 0.01, 0.02, 0.05]).astype(float)
    labels[0, :] = 1
    features = random.normal(size=(600, 30)).astype(np.float32)
    features[:, :5] += labels
    tasks = tuple("abcde")
    for smoothing in (0.0, 0.1):
        loss = LossConfig.model_validate({"positive_weight": "auto", "label_smoothing": smoothing})
        weights = list(positive_weights("auto", labels, tasks).values())
        head = solve_head(
            features, labels, groups=None, positive_weight=weights, label_smoothing=smoothing
        )
        found = HeldOutPredictions(
            rows=np.arange(600),
            logits=level_folds(head.out_of_fold_logits, head.folds),
            labels=labels,
            source="out-of-fold",
        )
        offsets = unweighted_offsets(loss, labels, tasks, {})
        bundles = tune_tasks(found, EvaluationConfig(), tasks, {}, offsets=offsets)
        for task, column, logits, raw in zip(
            tasks, labels.T, found.logits.T, (features @ head.kernel + head.bias).T, strict=True
        ):
            fit = bundles[task].calibration
            assert scipy.special.expit(raw).mean() > 3 * column.mean()
            for z in (logits, raw):
                mean = scipy.special.expit(fit.scale * z + fit.offset).mean()
                assert mean < 1.5 * column.mean()
        assert bundles["a"].calibration.reason is not None


def test_a_promise_counts_groups_and_is_stored_with_its_bounds() -> None:
    labels, logits = drawn()
    order = np.argsort(labels + logits / 100)
    found = held_out(labels[order], logits[order])
    evaluation = EvaluationConfig.model_validate({"threshold": "sensitivity>=0.7"})
    alone, grouped = (
        tune_tasks(found, evaluation, ("car",), {}, offsets={"car": 0.0}, groups=groups)["car"]
        for groups in (None, np.arange(400) // 4)
    )
    assert alone.promise.is_promised
    assert alone.bounds["sensitivity"] == alone.promise.bound >= 0.7
    assert grouped.promise.effective < alone.promise.effective / 2
    assert TaskBundle.model_validate(alone.model_dump(mode="json")) == alone


def test_leveled_folds_have_one_mean_and_keep_their_order() -> None:
    logits = np.random.default_rng(0).normal(size=(60, 2)) + np.repeat([[0.0], [3.0], [9.0]], 20, 0)
    folds = np.repeat([0, 1, 2], 20)
    leveled = level_folds(logits, folds)
    for fold in range(3):
        np.testing.assert_allclose(leveled[folds == fold].mean(axis=0), logits.mean(axis=0))
        before, after = logits[folds == fold, 0], leveled[folds == fold, 0]
        np.testing.assert_array_equal(np.argsort(after), np.argsort(before))
    np.testing.assert_array_equal(level_folds(logits, None), logits)


def test_a_task_of_which_nothing_can_be_learned_does_not_look_reversed() -> None:
    random = np.random.default_rng(1)
    folds = np.repeat(np.arange(5), 60)
    labels = (random.random(300) < np.repeat([0.05, 0.1, 0.15, 0.2, 0.25], 60)).astype(float)
    # A model that knows nothing says how frequent positives are in the folds it saw.
    seen = np.array([labels[folds != fold].mean() for fold in range(5)])
    logits = np.log(seen / (1 - seen))[folds] + 0.001 * random.normal(size=300)
    assert roc_auc_score(labels, logits) < 0.35
    assert roc_auc_score(labels, level_folds(logits[:, None], folds)[:, 0]) > 0.45


def test_weights_of_tasks_bias_no_probability_so_nothing_is_undone() -> None:
    labels = np.array([[0.0, 1.0], [1.0, np.nan], [0.0, np.nan]])
    loss = LossConfig.model_validate({"task_weight": {"b": 20.0}})
    assert unweighted_offsets(loss, labels, ("a", "b"), {}) == pytest.approx({"a": 0.0, "b": 0.0})
