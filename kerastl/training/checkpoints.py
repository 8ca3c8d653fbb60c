"""Early stopping that survives an interruption, and the history of the epochs.

Convention: what an epoch reported is kept by its number, so an epoch that is repeated after an
interruption replaces itself. Where epochs are short, not each one is written: writing takes at most
a twentieth of the time, and the epochs since the last writing are repeated.
"""

import json
import math
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np

from kerastl.files import replacing, write_text
from kerastl.progress import Progress

START = -1  # number of the epoch that stands for the weights training starts from
_BACKUP = "backup"
_WRITING_SHARE = 0.05


class KeepBest(keras.callbacks.Callback):
    """Keeps the weights of the epoch with the lowest validation loss, and stops early.

    The validation loss is that of the labels alone, without the penalties of the weights; it is a
    sum over examples divided by their number, so it doesn't depend on the batches, and it ranks
    epochs as the sum over known labels divided by their number does. Without a validation loss the
    last epoch is kept. `Backup` writes what is kept.

    Args:
        folder: Where the state lies between interruptions.
        patience: Epochs without a better validation loss before it stops; None never stops.
        progress: Told each epoch's figures.
        evaluate: Returns the figures of the model as it stands, for the weights that training
            starts from, which are kept where no epoch is better; None doesn't keep them.
    """

    def __init__(
        self,
        folder: Path,
        *,
        patience: int | None,
        progress: Progress,
        evaluate: Callable[[], dict[str, float]] | None = None,
    ):
        super().__init__()
        self.evaluate = evaluate
        self.folder = folder
        self.patience = patience
        self.progress = progress
        self.epochs = self._read_state()
        self._best: list[np.ndarray] = []
        self._is_written = False

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        """Keeps the weights that training starts from, unless it goes on."""
        if self.evaluate is not None and not self.epochs:
            figures = {f"val_{name}": value for name, value in self.evaluate().items()}
            self.epochs[START] = self._without_penalties(figures)
            self._best, self._is_written = self.model.get_weights(), False

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Keeps the epoch's figures, and its weights where they are the best so far."""
        figures = {name: float(value) for name, value in (logs or {}).items()}
        self.epochs[epoch] = self._without_penalties(figures)
        self.epochs = {e: figures for e, figures in self.epochs.items() if e <= epoch}
        if self.best_epoch == epoch:
            self._best, self._is_written = self.model.get_weights(), False
        self.progress.advance(epoch + 1)
        if self.has_stopped:
            self.model.stop_training = True

    def on_train_end(self, logs: dict[str, Any] | None = None) -> None:
        """Restores the best weights."""
        if not self._best and self._weights_path.is_file():
            with np.load(self._weights_path) as stored:
                self._best = [stored[name] for name in stored.files]
        if self._best:
            self.model.set_weights(self._best)

    @property
    def has_stopped(self) -> bool:
        """Whether the validation loss hasn't improved for as many epochs as is tolerated."""
        if self.patience is None or not self.epochs:
            return False
        return max(self.epochs) - max(self.best_epoch, 0) >= self.patience  # the start is no epoch

    @property
    def is_last(self) -> bool:
        """Whether no epoch follows the one that has just ended."""
        return self.has_stopped or max(self.epochs) + 1 >= self.params["epochs"]

    def write(self) -> None:
        """Writes the figures and the best weights, each as a whole or not at all."""
        self.folder.mkdir(parents=True, exist_ok=True)
        if self._best and not self._is_written:
            with replacing(self._weights_path) as temporary:
                np.savez(temporary, *self._best)
            self._is_written = True
        write_text(self._state_path, json.dumps(self.epochs))

    @property
    def best_epoch(self) -> int:
        """Number of the epoch with the lowest validation loss, counted from 0."""
        losses = {e: logs.get("val_loss", -float(e)) for e, logs in self.epochs.items()}
        return min(losses, key=lambda e: (math.isnan(losses[e]), losses[e], e))

    def _without_penalties(self, figures: dict[str, float]) -> dict[str, float]:
        """Keras adds the penalties of the weights, which are those of the present ones."""
        if "val_loss" not in figures:
            return figures
        penalties = sum(float(keras.ops.convert_to_numpy(loss)) for loss in self.model.losses)
        return {**figures, "val_loss": figures["val_loss"] - penalties}

    def _read_state(self) -> dict[int, dict[str, float]]:
        if not self._state_path.is_file():
            return {}
        stored = json.loads(self._state_path.read_text())
        return {int(epoch): figures for epoch, figures in stored.items()}

    @property
    def _state_path(self) -> Path:
        return self.folder / "epochs.json"

    @property
    def _weights_path(self) -> Path:
        return self.folder / "best.npz"


class Backup(keras.callbacks.BackupAndRestore):
    """Writes weights, optimizer and what `KeepBest` keeps, old beside new.

    It comes after `KeepBest` in the list of callbacks. After the last epoch it always writes.

    Args:
        keep_best: What else is written.
    """

    def __init__(self, keep_best: KeepBest):
        super().__init__(
            keep_best.folder / _BACKUP, delete_checkpoint=False, double_checkpoint=True
        )
        self._keep_best = keep_best
        self._written = -math.inf
        self._cost = 0.0

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Writes, where the time since the last writing is long enough to pay for it."""
        started = time.perf_counter()
        if not self._keep_best.is_last and started - self._written < self._cost / _WRITING_SHARE:
            return
        self._keep_best.write()
        super().on_epoch_end(epoch, logs)
        self._written = time.perf_counter()
        self._cost = self._written - started


def next_epoch(folder: Path) -> int:
    """Returns the number of the epoch with which the backup in a folder goes on.

    An epoch that `KeepBest` has seen but the backup hasn't is run again.
    """
    path = folder / _BACKUP / "training_metadata.json"
    return int(json.loads(path.read_text())["epoch"]) if path.is_file() else 0
