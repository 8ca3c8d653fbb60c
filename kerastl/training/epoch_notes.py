"""A note about each epoch: its losses and its speed."""

import time
from typing import Any

import keras

from kerastl.progress import Progress

_LOSSES = {"loss": "loss", "val_loss": "in validation"}


class EpochNotes(keras.callbacks.Callback):
    """Notes the losses of each epoch, and the speed of its training part.

    Args:
        num_examples: Number of training examples.
        progress: Receives the notes.
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
        """Stops the clock before validation."""
        self._stop()

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Notes the epoch."""
        speed = self.num_examples / max(self._stop(), 1e-9)
        figures = logs or {}
        found = [f"{title} {figures[key]:.4f}" for key, title in _LOSSES.items() if key in figures]
        tracing = ", including the tracing of the network" if self._is_first else ""
        self._is_first = False
        self.progress.note(
            f"Epoch {epoch + 1} of {self.params['epochs']}: {', '.join(found)}; "
            f"{speed:,.0f} examples/s{tracing}."
        )

    def _stop(self) -> float:
        if self._seconds is None:
            self._seconds = time.perf_counter() - self._started
        return self._seconds
