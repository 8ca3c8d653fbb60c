"""Fine-tuning: schedules, and the L2 that solved heads keep."""

import keras
import numpy as np
import pytest

from kerastl.config import LossConfig
from kerastl.config.policies import TrainablePolicy
from kerastl.heads.builder import (
    build_model,
    find_layer,
    head_model,
    logits_model,
    set_heads,
)
from kerastl.losses import MaskedBinaryCrossentropy
from kerastl.progress import SILENT
from kerastl.training.checkpoints import START, KeepBest
from kerastl.training.evidence import CALIBRATED_LOSS
from kerastl.training.fine_tuning import keeping_regularization, scheduled
from kerastl.training.plan import FineTune, SolveHeads
from kerastl.training.solving import solve_heads

TASKS = ("car", "bus")


def phase(**settings) -> FineTune:
    return FineTune(
        **{
            "loss": LossConfig(),
            "epochs": 5,
            "batch_size": 4,
            "patience": None,
            "learning_rate": 0.1,
            "backbone_learning_rate": 0.1,
            "seed": 0,
            "policy": TrainablePolicy(backbone="all"),
            "schedule": "cosine",
            "warmup_epochs": 1,
            "variation": None,
            **settings,
        }
    )


def rates(tuning: FineTune, steps: list[int]) -> list[float]:
    schedule = scheduled(0.1, tuning, num_examples=40)  # 10 steps an epoch
    assert not isinstance(schedule, float)
    return [float(schedule(step)) for step in steps]


def test_rates_rise_over_the_warm_up_and_fall_along_a_cosine_to_0() -> None:
    assert rates(phase(), [0, 5, 10, 30, 50]) == pytest.approx([0, 0.05, 0.1, 0.05, 0], abs=1e-6)


def test_constant_rates_rise_over_the_warm_up_only() -> None:
    tuning = phase(warmup_epochs=2, schedule="constant")
    assert rates(tuning, [0, 10, 20, 49]) == pytest.approx([0, 0.05, 0.1, 0.1])


def test_a_constant_rate_without_a_warm_up_is_a_number() -> None:
    tuning = phase(warmup_epochs=0, schedule="constant")
    assert scheduled(0.1, tuning, num_examples=40) == 0.1


def test_more_epochs_of_warm_up_than_epochs_rise_to_the_end() -> None:
    assert rates(phase(epochs=2, warmup_epochs=9), [0, 10]) == pytest.approx([0, 0.05])


@pytest.fixture(scope="module")
def solved(make_examples):
    """A model whose heads are solved on features, a third of the labels unknown."""
    random = np.random.default_rng(0)
    raw = keras.Input((6,))
    network = keras.Model(raw, keras.layers.Rescaling(3.0)(raw))
    from kerastl.layers import Backbone

    model = build_model(Backbone(network, name="backbone"), TASKS, heads="multi")
    values = random.normal(size=(60, 6)).astype(np.float32) * np.array([1, 5, 0.2, 1, 2, 1])
    labels = (values[:, :2] + random.normal(size=(60, 2)) > 0).astype(np.float32)
    labels[random.random(labels.shape) < 0.3] = np.nan
    examples = make_examples(labels, TASKS, num_train=60)
    features = np.asarray(find_layer(model).model(values.astype(np.float32)), np.float32)
    solving = SolveHeads(
        loss=LossConfig(), regularization="auto", num_folds=5, parts=("train",), seed=0
    )
    exact = solve_heads(solving, features, examples, SILENT)
    set_heads(model, exact.kernel, exact.bias, TASKS)
    return model, exact, features, examples


def slope(model, features, examples, weights=(1.0, 1.0)) -> float:
    """The largest derivative of loss and penalty by a kernel's weight, in units of the feature."""
    losses = [MaskedBinaryCrossentropy(from_logits=True, task_weight=one) for one in weights]
    kernels = [model.get_layer(f"{task}_logits").kernel for task in TASKS]
    before = [np.array(kernel) for kernel in kernels]
    heads = head_model(model)

    def value() -> float:
        outputs = heads(features)
        found = sum(
            float(losses[i](examples.training_labels[:, i : i + 1], outputs[task]))
            for i, task in enumerate(TASKS)
        )
        return found + sum(float(k.regularizer(k)) for k in kernels if k.regularizer is not None)

    found = []
    for kernel, start in zip(kernels, before, strict=True):
        for place in range(len(start)):
            step = np.zeros_like(start)
            step[place] = 1e-2 / features[:, place].std()
            ends = []
            for sign in (1, -1):
                kernel.assign(start + sign * step)
                ends.append(value())
            kernel.assign(start)
            found.append(abs(ends[0] - ends[1]) / 2e-2)
    return max(found)


@pytest.mark.parametrize("weights", [(1.0, 1.0), (4.0, 0.5)])
def test_with_the_l2_it_was_solved_with_the_solved_head_stays_at_its_optimum(
    solved, weights
) -> None:
    model, exact, features, examples = solved
    by_task = dict(zip(TASKS, weights, strict=True))
    assert slope(model, features, examples, weights) > 5e-3
    with keeping_regularization(model, exact, features, examples, by_task):
        assert slope(model, features, examples, weights) < 5e-4


def test_the_l2_is_gone_afterwards(solved) -> None:
    model, exact, features, examples = solved
    with keeping_regularization(model, exact, features, examples, dict.fromkeys(TASKS, 1.0)):
        assert logits_model(model).losses
    assert not logits_model(model).losses


def test_the_weights_that_training_starts_from_are_kept_where_no_epoch_is_better() -> None:
    model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1, use_bias=False)])
    model.set_weights([np.ones((1, 1))])
    keep_best = KeepBest(patience=None, progress=SILENT, evaluate=lambda: {"loss": 1.0, "auc": 0.5})
    keep_best.set_model(model)
    keep_best.on_train_begin()
    model.set_weights([np.full((1, 1), 2.0)])
    keep_best.on_epoch_end(0, {"val_loss": 1.5})
    keep_best.on_train_end()
    assert float(model.get_weights()[0][0, 0]) == 1
    assert keep_best.epochs[START] == {"val_loss": 1.0, "val_auc": 0.5}


def test_the_start_is_compared_by_the_calibrated_loss_too() -> None:
    model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1, use_bias=False)])
    start = {"loss": 1.0, "calibrated_log_loss": 0.5}
    keep_best = KeepBest(patience=None, progress=SILENT, evaluate=lambda: start)
    keep_best.set_model(model)
    keep_best.on_train_begin()
    keep_best.on_epoch_end(0, {"val_loss": 1.5, CALIBRATED_LOSS: 0.4})
    assert keep_best.best_epoch == 0
    keep_best.on_epoch_end(1, {"val_loss": 0.5, CALIBRATED_LOSS: 0.6})
    assert keep_best.best_epoch == 0


def test_the_weights_it_starts_from_use_up_no_patience() -> None:
    model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
    keep_best = KeepBest(patience=2, progress=SILENT, evaluate=lambda: {"loss": 1.0})
    keep_best.set_model(model)
    keep_best.on_train_begin()
    stopped = []
    for epoch in range(3):
        keep_best.on_epoch_end(epoch, {"val_loss": 1.5})
        stopped.append(keep_best.has_stopped)
    assert stopped == [False, False, True]


def test_penalties_of_the_weights_count_in_neither_loss() -> None:
    random = np.random.default_rng(0)
    x, y = random.normal(size=(64, 3)), random.normal(size=(64, 1))
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(1, kernel_regularizer="l2")])
    model.set_weights([np.full((3, 1), 4.0), np.zeros(1)])
    model.compile(keras.optimizers.SGD(0.0), "mse")
    keep_best = KeepBest(patience=None, progress=SILENT)
    model.fit(x, y, validation_data=(x, y), batch_size=16, verbose=0, callbacks=[keep_best])
    loss = float(np.mean((x.sum(axis=1, keepdims=True) * 4 - y) ** 2))
    assert keep_best.epochs[0]["loss"] == pytest.approx(loss, rel=1e-4)
    assert keep_best.epochs[0]["val_loss"] == pytest.approx(loss, rel=1e-4)


def test_penalties_of_the_weights_do_not_count_in_the_validation_loss() -> None:
    model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1, kernel_regularizer="l2")])
    model.set_weights([np.full((1, 1), 10.0), np.zeros(1)])
    keep_best = KeepBest(patience=None, progress=SILENT)
    keep_best.set_model(model)
    keep_best.on_epoch_end(0, {"val_loss": 1.5})
    assert keep_best.epochs[0]["val_loss"] == pytest.approx(0.5)
