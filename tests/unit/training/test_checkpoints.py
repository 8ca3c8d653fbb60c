"""Early stopping, best weights, and what an interrupted fit continues from."""

import contextlib
import importlib.metadata
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

from kerastl.errors import RunError
from kerastl.progress import SILENT, Progress
from kerastl.training import checkpoints
from kerastl.training.checkpoint_files import CheckpointFolder
from kerastl.training.checkpoints import Backup, KeepBest
from kerastl.training.evidence import CALIBRATED_LOSS

LOSSES = [3.0, 1.0, 2.0, 2.0]


class Losses(keras.callbacks.Callback):
    """Gives each epoch a validation loss and the weight 1, 2, 3, ..., then perhaps interrupts."""

    def __init__(
        self,
        losses: list[float],
        interrupt_at: int | None = None,
        calibrated: list[float] | None = None,
    ):
        super().__init__()
        self.calibrated = calibrated
        self.losses = losses
        self.interrupt_at = interrupt_at
        self.seen: list[int] = []

    def on_epoch_end(self, epoch: int, logs: dict[str, float]) -> None:
        if epoch == self.interrupt_at:
            raise KeyboardInterrupt
        self.seen.append(epoch)
        self.model.set_weights([np.array([[epoch + 1.0]])])
        logs["val_loss"] = self.losses[epoch]
        if self.calibrated is not None:
            logs[CALIBRATED_LOSS] = self.calibrated[epoch]


def fit(
    folder: Path,
    losses: list[float],
    *,
    patience: int | None = None,
    interrupt_at: int | None = None,
    settings: str = "",
    progress: Progress = SILENT,
    calibrated: list[float] | None = None,
) -> tuple[float, list[int], KeepBest]:
    """Returns the weight that remains, the epochs that ran, and the callback."""
    model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1, use_bias=False)])
    model.compile("sgd", "mse", run_eagerly=True)
    keep_best = KeepBest(patience=patience, progress=SILENT)
    given = Losses(losses, interrupt_at, calibrated)
    backup = Backup(keep_best, CheckpointFolder(folder, settings=settings, progress=progress))
    first = backup.restore(model)
    with contextlib.suppress(KeyboardInterrupt):
        model.fit(
            np.ones((1, 1)),
            np.ones((1, 1)),
            initial_epoch=first,
            epochs=first if keep_best.has_stopped else len(losses),
            verbose=0,
            callbacks=[given, keep_best, backup],
        )
    return float(model.get_weights()[0][0, 0]), given.seen, keep_best


def test_the_weights_of_the_epoch_with_the_lowest_validation_loss_are_restored(
    tmp_path: Path,
) -> None:
    weight, _, _ = fit(tmp_path, [3.0, 1.0, 2.0])
    assert weight == 2.0


def test_a_layer_that_adds_a_loss_of_its_own_can_be_trained() -> None:
    layers = [keras.layers.ActivityRegularization(l2=0.1), keras.layers.Dense(1)]
    model = keras.Sequential([keras.Input((1,)), *layers])
    model.compile("sgd", "mse")
    keep_best = KeepBest(patience=None, progress=SILENT)
    model.fit(np.ones((4, 1)), np.ones((4, 1)), epochs=2, verbose=0, callbacks=[keep_best])
    assert sorted(keep_best.epochs) == [0, 1]


def test_the_calibrated_loss_ranks_epochs_if_there_is_one(tmp_path: Path) -> None:
    calibrated = [3.0, 2.0, 1.0, 2.0, 0.0]
    fit(tmp_path, [0.0, 1.0, 2.0, 3.0, 4.0], calibrated=calibrated, patience=1, interrupt_at=2)
    weight, seen, _ = fit(tmp_path, [0.0, 1.0, 2.0, 3.0, 4.0], calibrated=calibrated, patience=1)
    assert (weight, seen[-1]) == (3.0, 3)


def test_fitting_stops_after_as_many_epochs_without_improvement_as_are_tolerated(
    tmp_path: Path,
) -> None:
    weight, seen, _ = fit(tmp_path, [3.0, 1.0, 2.0, 2.0, 0.0], patience=2)
    assert (weight, seen) == (2.0, [0, 1, 2, 3])


def test_a_fit_that_had_stopped_runs_no_further_epoch_when_it_is_continued(tmp_path: Path) -> None:
    losses = [3.0, 1.0, 2.0, 2.0, 0.0]
    fit(tmp_path, losses, patience=2)
    weight, seen, _ = fit(tmp_path, losses, patience=2)
    assert (weight, seen) == (2.0, [])


def test_an_interrupted_fit_continues_with_its_best_weights_from_before(tmp_path: Path) -> None:
    losses = [3.0, 1.0, 2.0, 2.0]
    fit(tmp_path, losses, interrupt_at=3)
    weight, seen, keep_best = fit(tmp_path, losses)
    assert weight == 2.0
    assert seen[-1] == 3
    assert [keep_best.epochs[e]["val_loss"] for e in range(4)] == losses


def test_short_epochs_are_not_each_written_and_are_repeated_when_continued(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checkpoints, "_WRITING_SHARE", 1e-9)
    fit(tmp_path, [4.0, 3.0, 2.0, 1.0], interrupt_at=3)
    assert names(tmp_path) == ["000000.npz"]
    weight, seen, _ = fit(tmp_path, [4.0, 3.0, 2.0, 1.0])
    assert (weight, seen) == (4.0, [1, 2, 3])


@pytest.fixture
def interrupted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of checkpoints after three of four epochs, each written."""
    monkeypatch.setattr(checkpoints, "_WRITING_SHARE", 1e9)
    fit(tmp_path, LOSSES, interrupt_at=3)
    return tmp_path


def test_the_checkpoints_of_the_last_two_epochs_are_kept(interrupted: Path) -> None:
    assert names(interrupted) == ["000001.npz", "000002.npz"]


@pytest.mark.parametrize("damage", ["empty", "truncated", "changed", "other"])
def test_without_the_last_checkpoint_the_one_before_is_continued_with_a_warning(
    interrupted: Path, damage: str
) -> None:
    last, warnings = interrupted / "000002.npz", Warnings()
    break_file(last, damage)
    weight, seen, keep_best = fit(interrupted, LOSSES, progress=warnings)
    assert (weight, seen) == (2.0, [2, 3])
    assert [keep_best.epochs[e]["val_loss"] for e in range(4)] == LOSSES
    assert warnings.texts == [f"The checkpoint '{last}' is damaged, so it is not used."]


def test_without_any_intact_checkpoint_the_phase_starts_over(interrupted: Path) -> None:
    for path in interrupted.iterdir():
        break_file(path, "truncated")
    weight, seen, _ = fit(interrupted, LOSSES)
    assert (weight, seen) == (2.0, [0, 1, 2, 3])


def test_a_damaged_checkpoint_does_not_push_out_an_intact_one(interrupted: Path) -> None:
    break_file(interrupted / "000002.npz", "truncated")
    fit(interrupted, [*LOSSES, 9.0], interrupt_at=3)
    assert names(interrupted) == ["000001.npz", "000002.npz"]
    assert fit(interrupted, LOSSES)[1] == [3]


def test_a_checkpoint_for_other_settings_is_refused(interrupted: Path) -> None:
    with pytest.raises(RunError, match="have changed since the training was interrupted"):
        fit(interrupted, LOSSES, settings="other")


def test_a_checkpoint_of_another_version_of_keras_is_refused(
    interrupted: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(importlib.metadata, "version", lambda name: "9.0")
    with pytest.raises(RunError, match="another version of keras"):
        fit(interrupted, LOSSES)


def test_a_write_that_fails_leaves_the_checkpoints_as_they_were(
    interrupted: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = {path.name: path.read_bytes() for path in interrupted.iterdir()}

    def write_half(path: Path, **_: object) -> None:
        path.write_bytes(b"half")
        raise OSError("disk full")

    with monkeypatch.context() as patch:
        patch.setattr(np, "savez", write_half)
        with pytest.raises(OSError, match="disk full"):
            fit(interrupted, LOSSES)
    assert {path.name: path.read_bytes() for path in interrupted.iterdir()} == before


class Noise(keras.layers.Layer):
    """Adds noise from a seed generator in a list, as a custom layer may hold it."""

    def __init__(self, **kwargs: Any):
        super().__init__(**kwargs)
        self.seeds = [keras.random.SeedGenerator(7)]

    def call(self, inputs: Any) -> Any:
        return inputs + keras.random.normal(keras.ops.shape(inputs), seed=self.seeds[0])


def random_model() -> keras.Model:
    """A model with random states on three levels, and an optimizer with a schedule."""
    keras.utils.set_random_seed(0)
    inner = keras.Sequential([keras.Input((8,)), keras.layers.Dense(8), keras.layers.Dropout(0.5)])
    nested = keras.Sequential([keras.Input((8,)), inner, keras.layers.BatchNormalization()])
    raw = keras.Input((8,))
    model = keras.Model(raw, keras.layers.Dense(1)(keras.layers.Dropout(0.3)(Noise()(nested(raw)))))
    schedule = keras.optimizers.schedules.CosineDecay(0.1, 20)
    model.compile(keras.optimizers.Adam(schedule), "mse")
    return model


def fit_random(folder: Path, *, epochs: int) -> list[np.ndarray]:
    """Returns all variables of a model that was trained up to an epoch, continuing in a folder."""
    model = random_model()
    keep_best = KeepBest(patience=None, progress=SILENT)
    backup = Backup(keep_best, CheckpointFolder(folder, settings="", progress=SILENT))
    first = backup.restore(model)
    values = np.random.default_rng(0).normal(size=(20, 8)).astype("float32")
    model.fit(
        values,
        values[:, :1],
        initial_epoch=first,
        epochs=epochs,
        batch_size=10,
        shuffle=False,
        verbose=0,
        callbacks=[keep_best, backup],
    )
    return [variable.numpy() for variable in (*model.variables, *model.optimizer.variables)]


def test_every_random_state_optimizer_and_schedule_continues_with_the_same_bits(
    tmp_path: Path,
) -> None:
    whole = fit_random(tmp_path / "whole", epochs=4)
    for epochs in (1, 3):
        fit_random(tmp_path / "continued", epochs=epochs)
    for value, expected in zip(fit_random(tmp_path / "continued", epochs=4), whole, strict=True):
        np.testing.assert_array_equal(value, expected)


class Warnings(Progress):
    """Keeps the warnings."""

    def __init__(self) -> None:
        self.texts: list[str] = []

    def warn(self, text: str) -> None:
        self.texts.append(text)


@pytest.mark.parametrize("draw", [tf.nn.dropout, keras.random.dropout])
def test_a_layer_whose_random_state_cannot_be_stored_is_refused(
    tmp_path: Path, draw: Callable[..., Any]
) -> None:
    def fit_once() -> None:
        model = keras.Sequential([keras.Input((4,)), Drawing(draw), keras.layers.Dense(1)])
        model.compile("sgd", "mse")
        backup = Backup(
            keep_best := KeepBest(patience=None, progress=SILENT),
            CheckpointFolder(tmp_path, settings="", progress=SILENT),
        )
        backup.restore(model)
        model.fit(np.ones((2, 4)), np.ones((2, 1)), verbose=0, callbacks=[keep_best, backup])

    fit_once()
    with pytest.raises(RunError, match="random numbers whose state cannot be stored"):
        fit_once()


class Drawing(keras.layers.Layer):
    """Drops values by a function that keeps its random state outside the layer."""

    def __init__(self, draw: Callable[..., Any]):
        super().__init__()
        self.draw = draw

    def call(self, inputs: Any, training: bool = False) -> Any:
        return self.draw(inputs, 0.5) if training else inputs


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def break_file(path: Path, damage: str) -> None:
    """Damages a file as an interrupted or failing disk may."""
    content = bytearray(path.read_bytes())
    if damage == "changed":
        content[len(content) // 3] ^= 1
    path.write_bytes(
        {"empty": b"", "truncated": content[:-9], "changed": content, "other": b"text"}[damage]
    )
