"""What each epoch of fitting found, and how many examples per second it took."""

import time
from typing import Any

import keras

from kerastl.progress import Progress


class ShowEpochs(keras.callbacks.Callback):
    """Notes the losses and the speed of each epoch; the speed is that of the training part alone.

    Args:
        num_examples: Training examples of an epoch.
        progress: Told.
    """

    def __init__(self, num_examples: int, progress: Progress):
        super().__init__()
        self.num_examples = num_examples
        self.progress = progress
        self._is_first = True
        self._started = 0.0
        self._seconds: float | None = None

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Starts the clock."""
        self._started, self._seconds = time.perf_counter(), None

    def on_test_begin(self, logs: dict[str, Any] | None = None) -> None:
        """Stops the clock: validation isn't training."""
        self._stop()

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Notes the epoch."""
        speed = self.num_examples / max(self._stop(), 1e-9)
        figures = logs or {}
        found = [f"{title} {figures[key]:.4f}" for key, title in _LOSSES.items() if key in figures]
        beginning = ", the network's making included" if self._is_first else ""
        self._is_first = False
        self.progress.note(
            f"Epoch {epoch + 1} of {self.params['epochs']}: {', '.join(found)}; "
            f"{speed:,.0f} examples/s{beginning}."
        )

    def _stop(self) -> float:
        if self._seconds is None:
            self._seconds = time.perf_counter() - self._started
        return self._seconds


_LOSSES = {"loss": "loss", "val_loss": "in validation"}
