"""Early stopping, best weights, and what an interrupted fit continues from."""

import contextlib
from pathlib import Path

import keras
import numpy as np
import pytest

from kerastl.progress import SILENT
from kerastl.training import checkpoints
from kerastl.training.checkpoints import Backup, KeepBest, next_epoch


class Losses(keras.callbacks.Callback):
    """Gives each epoch a validation loss and the weight 1, 2, 3, ..., then perhaps interrupts."""

    def __init__(self, losses: list[float], interrupt_at: int | None = None):
        super().__init__()
        self.losses = losses
        self.interrupt_at = interrupt_at
        self.seen: list[int] = []

    def on_epoch_end(self, epoch: int, logs: dict[str, float]) -> None:
        if epoch == self.interrupt_at:
            raise KeyboardInterrupt
        self.seen.append(epoch)
        self.model.set_weights([np.array([[epoch + 1.0]])])
        logs["val_loss"] = self.losses[epoch]


def fit(
    folder: Path,
    losses: list[float],
    *,
    patience: int | None = None,
    interrupt_at: int | None = None,
) -> tuple[float, list[int], KeepBest]:
    """Returns the weight that remains, the epochs that ran, and the callback."""
    model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1, use_bias=False)])
    model.compile("sgd", "mse", run_eagerly=True)
    keep_best = KeepBest(folder, patience=patience, progress=SILENT)
    given = Losses(losses, interrupt_at)
    first = next_epoch(folder)
    with contextlib.suppress(KeyboardInterrupt):
        model.fit(
            np.ones((1, 1)),
            np.ones((1, 1)),
            epochs=first if keep_best.has_stopped else len(losses),
            verbose=0,
            callbacks=[given, keep_best, Backup(keep_best)],
        )
    return float(model.get_weights()[0][0, 0]), given.seen, keep_best


def test_the_weights_of_the_epoch_with_the_lowest_validation_loss_are_restored(
    tmp_path: Path,
) -> None:
    weight, _, _ = fit(tmp_path, [3.0, 1.0, 2.0])
    assert weight == 2.0


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
    assert next_epoch(tmp_path) == 1
    weight, seen, _ = fit(tmp_path, [4.0, 3.0, 2.0, 1.0])
    assert (weight, seen) == (4.0, [1, 2, 3])


def test_long_epochs_are_each_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checkpoints, "_WRITING_SHARE", 1e9)
    fit(tmp_path, [4.0, 3.0, 2.0, 1.0], interrupt_at=3)
    assert next_epoch(tmp_path) == 3
