"""What is decided on validation: the rate of fine-tuning, and whether to fine-tune."""

from dataclasses import replace
from pathlib import Path

import keras
import numpy as np
import pytest

from kerastl.config import parse_config
from kerastl.data.inputs.batches import ArrayInputs
from kerastl.data.tables.examples import Examples
from kerastl.evaluation.gains import Gain
from kerastl.features.source import FeatureSource
from kerastl.heads.builder import build_model, find_heads, find_layer
from kerastl.layers import Backbone
from kerastl.progress import SILENT
from kerastl.records import to_values
from kerastl.training.auto import (
    FEW_LABELS,
    best_rate,
    reason_not_to_compare,
    train_model,
)
from kerastl.training.context import TrainingContext
from kerastl.training.evidence import AutoDecision, ValidationLabels
from kerastl.training.plan import TRIED_RATES, SearchPlan, plan_training
from kerastl.training.solving import TrainingResult

TASKS = ("a", "b")
NUM_TRAIN, NUM = 160, 400
RATES = (1e-9, 0.03)
Search = tuple[Path, keras.Model, TrainingResult, AutoDecision]


def labels_with(rarer: int) -> ValidationLabels:
    return ValidationLabels(
        positives={"car": rarer, "bus": rarer}, negatives={"car": 500, "bus": 500}
    )


def test_with_few_validation_labels_models_are_not_compared_and_the_reason_is_given() -> None:
    reason = reason_not_to_compare(labels_with(FEW_LABELS - 1))
    assert reason is not None
    assert f"{FEW_LABELS - 1} known validation labels" in reason
    assert reason_not_to_compare(labels_with(FEW_LABELS)) is None


def test_unknown_labels_do_not_count_as_labels() -> None:
    column = np.r_[np.ones(3), np.zeros(5), np.full(100, np.nan)]
    counted = ValidationLabels.count(np.stack([column, 1 - column], axis=1), ("car", "bus"))
    assert counted.positives == {"car": 3, "bus": 5}
    assert counted.negatives == {"car": 5, "bus": 3}


def backbone() -> Backbone:
    """Returns a network that ignores the second of its two inputs."""
    keras.utils.set_random_seed(0)
    inputs = keras.Input((2,))
    features = keras.layers.Dense(8, activation="tanh", name="hidden")(inputs)
    network = keras.Model(inputs, features)
    kernel, bias = network.get_layer("hidden").get_weights()
    network.get_layer("hidden").set_weights([kernel * [[1], [0]], bias])
    return Backbone(network, name="backbone")


@pytest.fixture(scope="module")
def points(make_examples) -> tuple[Examples, np.ndarray]:
    """Points whose labels depend on both of their coordinates, a fifth of them unknown."""
    random = np.random.default_rng(0)
    values = random.normal(size=(NUM, 2)).astype(np.float32)
    labels = np.stack([values.sum(axis=1) > 0, values[:, 0] > values[:, 1]], axis=1)
    labels = np.where(random.random(labels.shape) < 0.2, np.nan, labels.astype(np.float32))
    return make_examples(labels, TASKS, num_train=NUM_TRAIN), values


def trained(
    folder: Path, points: tuple[Examples, np.ndarray], **sections: object
) -> tuple[keras.Model, TrainingResult, AutoDecision]:
    model, result = train_points(folder, points, **sections)
    assert result.evidence.auto is not None
    return model, result, result.evidence.auto


def train_points(
    folder: Path,
    points: tuple[Examples, np.ndarray],
    *,
    frozen: Backbone | None = None,
    **sections: object,
) -> tuple[keras.Model, TrainingResult]:
    config = parse_config(
        {
            "data": {"table": "t.csv", "image": "path", "tasks": list(TASKS)},
            "backbone": {"name": "tiny:image"},
            "trainable": "auto",
            "features": {} if frozen else None,
            **sections,
            "fit": {"solver": "keras", "epochs": 4, "batch_size": 8, **sections.get("fit", {})},
        }
    )
    model = build_model(backbone(), list(TASKS), seed=0)
    plan = plan_training(config, find_heads(model))
    examples, values = points
    context = TrainingContext(
        examples=examples,
        inputs=ArrayInputs(values),
        source=FeatureSource(engine="keras"),
        state=folder / "state",
        progress=SILENT,
    )
    other = None if frozen is None else build_model(frozen, list(TASKS), seed=0)
    features = context.prepare(plan, find_layer(other or model))
    return model, train_model(plan, model, context, features, frozen_model=other)


@pytest.fixture(scope="module")
def search(points, tmp_path_factory: pytest.TempPathFactory) -> Search:
    """A search in which one rate changes nothing and the other one enough."""
    folder = tmp_path_factory.mktemp("search")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("kerastl.training.plan.TRIED_RATES", RATES)
        return folder, *trained(folder, points)


def test_where_features_are_missing_the_best_rate_is_found_and_kept(search: Search) -> None:
    _, model, result, decision = search
    assert decision.trained
    assert not result.is_frozen
    assert find_layer(model).learns
    assert [trial.rate for trial in decision.trials] == list(RATES)
    assert {trial.epochs for trial in decision.trials} == {2}
    low, high = decision.trials
    assert high.loss < low.loss
    assert decision.rate == high.rate
    assert 0.7 < high.auc < 1
    assert [row["epoch"] for row in result.history] == [1, 2, 3, 4]


def test_the_interval_of_the_gain_is_that_of_the_best_of_all_choices(search: Search) -> None:
    gain = search[-1].gain
    assert gain is not None
    assert gain.choices == 2 * len(RATES)
    assert gain.low > 0


def test_a_trial_whose_rate_changes_nothing_is_the_frozen_model(search: Search) -> None:
    assert search[-1].trials[0].gain.loss == pytest.approx(0, abs=1e-5)


def test_a_resumed_search_repeats_no_finished_epoch(search: Search, points, monkeypatch) -> None:
    folder, _, first, decision = search
    assert {f"rate_{rate:g}" for rate in RATES} <= {p.name for p in (folder / "state").iterdir()}
    monkeypatch.setattr("kerastl.training.plan.TRIED_RATES", RATES)
    _, again, decision_again = trained(folder, points)
    assert again.history == first.history
    for trial, trial_again in zip(decision.trials, decision_again.trials, strict=True):
        assert trial_again.loss == pytest.approx(trial.loss, abs=1e-6)
        assert trial_again.epochs == trial.epochs


def test_the_decision_is_written_with_the_keys_of_the_bundle(search: Search) -> None:
    values = to_values(search[-1])
    assert set(values) == {"labels", "trained", "reason", "seconds", "rate", "trials", "gain"}
    assert set(values["trials"][0]) == {"rate", "epochs", "loss", "auc", "gain", "seconds"}


def test_a_model_that_is_not_clearly_better_gives_way_to_the_frozen_one(
    tmp_path: Path, points
) -> None:
    fit = {"backbone_learning_rate": 1e-9, "epochs": 1}
    model, result, decision = trained(tmp_path, points, fit=fit)
    assert not decision.trained
    assert not decision.trials
    assert decision.rate == 1e-9
    assert result.is_frozen
    assert not any(row["kept"] for row in result.history)
    assert not find_layer(model).learns
    untouched = backbone().model.get_weights()
    for before, after in zip(untouched, find_layer(model).model.get_weights(), strict=True):
        np.testing.assert_array_equal(before, after)


def seeing_backbone() -> Backbone:
    """Returns a network that passes both of its inputs on."""
    inputs = keras.Input((2,))
    network = keras.Model(inputs, keras.layers.Dense(2, name="hidden")(inputs))
    network.get_layer("hidden").set_weights([np.eye(2), np.zeros(2)])
    return Backbone(network, name="backbone")


def test_a_model_that_stays_frozen_may_have_other_features_than_the_one_that_is_fine_tuned(
    tmp_path: Path, points
) -> None:
    fit = {"backbone_learning_rate": 0.03}
    alone = train_points(tmp_path / "alone", points, fit=fit)[1]
    model, result = train_points(tmp_path / "both", points, frozen=seeing_backbone(), fit=fit)
    assert not alone.is_frozen
    assert result.is_frozen
    assert result.model is not model
    assert result.fitted_on == ("train", "validation")
    assert result.evidence.auto.gain.high < alone.evidence.auto.gain.low
    assert [row["epoch"] for row in result.history] == [1, 2, 3, 4]
    assert not any(row["kept"] for row in result.history)


def test_a_fine_tuned_model_must_be_better_than_the_frozen_one_with_its_own_features(
    tmp_path: Path, points
) -> None:
    fit = {"backbone_learning_rate": 0.03}
    model, result = train_points(tmp_path, points, frozen=backbone(), fit=fit)
    assert result.model is model
    assert result.fitted_on == ("train",)
    assert result.evidence.auto.trained


def test_rates_above_one_that_clearly_harms_are_not_tried(
    tmp_path: Path, points, monkeypatch
) -> None:
    harm = Gain(loss=-0.2, low=-0.3, high=-0.1, known=100)
    monkeypatch.setattr("kerastl.training.auto.measure_gain", lambda *_, **__: harm)
    decision = trained(tmp_path, points, fit={"epochs": 1})[2]
    assert [trial.rate for trial in decision.trials] == [TRIED_RATES[0]]
    assert not decision.trained


def test_of_two_rates_that_are_equally_good_the_higher_one_is_used() -> None:
    random = np.random.default_rng(0)
    labels = random.integers(0, 2, (200, 1)).astype(float)
    good, same, bad = (labels + scale * random.normal(size=labels.shape) for scale in (1, 1, 3))
    same = good + 0.1 * (same - labels)

    def chosen(*logits: np.ndarray) -> int:
        return best_rate(logits, labels, None, seed=0)

    assert chosen(good, same) == chosen(good, same, bad) == chosen(bad, same) == 1
    assert chosen(good) == chosen(good, bad) == chosen(good, bad, same) == 0


def test_without_validation_labels_a_trainable_backbone_gets_the_usual_rate(
    tmp_path: Path, points
) -> None:
    examples, values = points
    labels = examples.labels.copy()
    labels[NUM_TRAIN:] = np.nan
    unlabeled = replace(examples, labels=labels)
    fit = {"backbone_learning_rate": "auto", "epochs": 1}
    _, result, decision = trained(tmp_path, (unlabeled, values), trainable=True, fit=fit)
    assert "cannot be compared" in decision.reason
    assert not decision.trials
    assert not result.is_frozen
    assert result.learned[1].endswith("0.0001")


def test_a_trial_takes_the_whole_course_of_the_rates_in_half_of_the_epochs() -> None:
    config = parse_config(
        {
            "data": {"table": "t.csv", "image": "path", "tasks": list(TASKS)},
            "backbone": {"name": "tiny:image"},
            "trainable": "auto",
            "fit": {"solver": "keras", "epochs": 12, "warmup_epochs": 2},
        }
    )
    plan = plan_training(config, [])
    assert isinstance(plan, SearchPlan)
    trial = plan.candidates[0].trial()
    assert (trial.epochs, trial.warmup_epochs, trial.patience) == (6, 1.0, None)


def test_if_no_epoch_is_better_than_the_start_the_result_is_the_frozen_one(
    tmp_path: Path, points
) -> None:
    fit = {"backbone_learning_rate": 3e3, "learning_rate": 3e3, "warmup_epochs": 0, "epochs": 2}
    model, result = train_points(tmp_path, points, trainable={"variables": ["*"]}, fit=fit)
    last = [row for row in result.history if row["phase"] == "fine_tuning"]
    assert [row["epoch"] for row in last if row["kept"]] == [0]
    assert result.is_frozen
    assert not find_layer(model).learns
    for before, after in zip(
        backbone().model.get_weights(), find_layer(model).model.get_weights(), strict=True
    ):
        np.testing.assert_array_equal(before, after)
