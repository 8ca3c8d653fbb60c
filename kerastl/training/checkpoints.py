"""Early stopping that survives an interruption, and the history of the epochs.

Convention: what an epoch reported is kept by its number, so an epoch that is repeated after an
interruption replaces itself.
"""

import json
import math
from pathlib import Path
from typing import Any

import keras

from kerastl.progress import Progress

_BACKUP = "backup"


class KeepBest(keras.callbacks.Callback):
    """Keeps the weights of the epoch with the lowest validation loss, on disk, and stops early.

    Without a validation loss it keeps the last epoch.

    Args:
        folder: Where the state lies between interruptions.
        patience: Epochs without a better validation loss before it stops; None never stops.
        progress: Told each epoch's figures.
    """

    def __init__(self, folder: Path, *, patience: int | None, progress: Progress):
        super().__init__()
        self.folder = folder
        self.patience = patience
        self.progress = progress
        self.epochs: dict[int, dict[str, float]] = {}

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        """Reads what earlier epochs left."""
        self.folder.mkdir(parents=True, exist_ok=True)
        if self._state_path.is_file():
            stored = json.loads(self._state_path.read_text())
            self.epochs = {int(epoch): logs for epoch, logs in stored.items()}

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Keeps the epoch's figures, and its weights where they are the best so far."""
        self.epochs[epoch] = {name: float(value) for name, value in (logs or {}).items()}
        self.epochs = {e: figures for e, figures in self.epochs.items() if e <= epoch}
        if self.best_epoch == epoch:
            temporary = self.folder / "writing.weights.h5"
            self.model.save_weights(temporary)
            temporary.replace(self._weights_path)
        self._write_state()
        self.progress.advance(epoch + 1)
        if self.patience is not None and epoch - self.best_epoch >= self.patience:
            self.model.stop_training = True

    def on_train_end(self, logs: dict[str, Any] | None = None) -> None:
        """Restores the best weights."""
        if self._weights_path.is_file():
            self.model.load_weights(self._weights_path)

    @property
    def best_epoch(self) -> int:
        """Number of the epoch with the lowest validation loss, counted from 0."""
        losses = {e: logs.get("val_loss", -float(e)) for e, logs in self.epochs.items()}
        return min(losses, key=lambda e: (math.isnan(losses[e]), losses[e], e))

    @property
    def _state_path(self) -> Path:
        return self.folder / "epochs.json"

    @property
    def _weights_path(self) -> Path:
        return self.folder / "best.weights.h5"

    def _write_state(self) -> None:
        temporary = self._state_path.with_suffix(".writing")
        temporary.write_text(json.dumps(self.epochs))
        temporary.replace(self._state_path)


def backup(folder: Path) -> keras.callbacks.BackupAndRestore:
    """Returns the callback that keeps weights and optimizer after each epoch, old beside new."""
    return keras.callbacks.BackupAndRestore(
        folder / _BACKUP, delete_checkpoint=False, double_checkpoint=True
    )


def next_epoch(folder: Path) -> int:
    """Returns the number of the epoch with which the backup in a folder goes on.

    An epoch that `KeepBest` has seen but the backup hasn't is run again.
    """
    path = folder / _BACKUP / "training_metadata.json"
    return int(json.loads(path.read_text())["epoch"]) if path.is_file() else 0
