"""Early stopping that survives an interruption, and the history of the epochs.

Convention: the figures of an epoch are stored by its number, so an epoch that is repeated after an
interruption replaces its figures. If epochs are short, not every one is written: writing takes at
most a twentieth of the time, and the epochs since the last writing are repeated.
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

START = -1  # epoch number of the weights that training starts from
_BACKUP = "backup"
_WRITING_SHARE = 0.05


class KeepBest(keras.callbacks.Callback):
    """Keeps the weights of the epoch with the lowest validation loss, and stops early.

    The validation loss is the loss of the labels without the penalties of the weights. It is a sum
    over examples divided by their number, so it does not depend on the batches, and it ranks epochs
    like the mean over known labels. Without a validation loss, the last epoch is kept. `Backup`
    writes the state.

    Args:
        folder: Folder of the state.
        patience: Number of epochs without a better validation loss before training stops; None
            never stops.
        evaluate: Returns the figures of the starting weights, which then count as an epoch; None
            ignores them.
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
        self._state_path, self._weights_path = folder / "epochs.json", folder / "best.npz"
        stored = json.loads(self._state_path.read_text()) if self._state_path.is_file() else {}
        self.epochs: dict[int, dict[str, float]] = {int(e): stored[e] for e in stored}
        self._best: list[np.ndarray] = []
        self._is_written = False

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        """Keeps the starting weights, unless training is resumed."""
        if self.evaluate is not None and not self.epochs:
            figures = {f"val_{name}": float(value) for name, value in self.evaluate().items()}
            self.epochs[START] = self._without_penalties(figures)
            self._best, self._is_written = self.model.get_weights(), False

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Keeps the figures of the epoch, and its weights if they are the best so far."""
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
        """Whether the validation loss has not improved for `patience` epochs."""
        if self.patience is None or not self.epochs:
            return False
        return max(self.epochs) - max(self.best_epoch, 0) >= self.patience  # START is not an epoch

    @property
    def is_last(self) -> bool:
        """Whether the epoch that has just ended is the last one."""
        return self.has_stopped or max(self.epochs) + 1 >= self.params["epochs"]

    def write(self) -> None:
        """Writes the figures and the best weights, each completely or not at all."""
        self.folder.mkdir(parents=True, exist_ok=True)
        if self._best and not self._is_written:
            with replacing(self._weights_path) as temporary:
                np.savez(temporary, *self._best)
            self._is_written = True
        write_text(self._state_path, json.dumps(self.epochs))

    @property
    def best_epoch(self) -> int:
        """Number of the epoch with the lowest validation loss, from 0."""
        losses = {e: logs.get("val_loss", -float(e)) for e, logs in self.epochs.items()}
        return min(losses, key=lambda e: (math.isnan(losses[e]), losses[e], e))

    def _without_penalties(self, figures: dict[str, float]) -> dict[str, float]:
        """Subtracts the penalties of the current weights, which Keras adds."""
        if "val_loss" not in figures:
            return figures
        penalties = sum(float(keras.ops.convert_to_numpy(loss)) for loss in self.model.losses)
        return {**figures, "val_loss": figures["val_loss"] - penalties}


class Backup(keras.callbacks.BackupAndRestore):
    """Writes weights, optimizer and the state of `KeepBest`; keeps the previous backup.

    It must follow `KeepBest` in the list of callbacks. It always writes after the last epoch.
    """

    def __init__(self, keep_best: KeepBest):
        super().__init__(
            keep_best.folder / _BACKUP, delete_checkpoint=False, double_checkpoint=True
        )
        self._keep_best = keep_best
        self._written = -math.inf
        self._cost = 0.0

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Writes if enough time has passed since the last writing."""
        started = time.perf_counter()
        if not self._keep_best.is_last and started - self._written < self._cost / _WRITING_SHARE:
            return
        self._keep_best.write()
        super().on_epoch_end(epoch, logs)
        self._written = time.perf_counter()
        self._cost = self._written - started


def next_epoch(folder: Path) -> int:
    """Returns the number of the epoch at which training resumes from the backup in a folder.

    An epoch that is in the state of `KeepBest` but not in the backup is repeated.
    """
    path = folder / _BACKUP / "training_metadata.json"
    return int(json.loads(path.read_text())["epoch"]) if path.is_file() else 0
