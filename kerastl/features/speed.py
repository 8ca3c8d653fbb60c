"""How fast passes and epochs are: measured, and put into words."""

import time
from collections.abc import Iterator, Mapping
from typing import Any

import keras

from kerastl.data.inputs.streams import Part
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


class PassClock:
    """Measures how long the network waits for inputs, and how long threads decode them."""

    def __init__(self) -> None:
        self._started = time.perf_counter()
        self._waited = 0.0
        self._decoded = 0.0

    def watch(self, parts: Iterator[Part]) -> Iterator[Part]:
        """Passes parts on."""
        while True:
            asked = time.perf_counter()
            part = next(parts, None)
            self._waited += time.perf_counter() - asked
            if part is None:
                return
            self._decoded += part.seconds
            yield part

    def seconds(self) -> dict[str, float]:
        """Returns the seconds in all, those of them without input, and those of the threads."""
        return {
            "seconds": round(time.perf_counter() - self._started, 3),
            "waited_for_inputs_seconds": round(self._waited, 3),
            "decoding_thread_seconds": round(self._decoded, 3),
        }


def summary_of_pass(purpose: str, facts: Mapping[str, Any]) -> str:
    """Returns what a pass took from the cache and what it computed, how fast, in a sentence."""
    computed, cached = facts["computed"], facts["examples"] - facts["computed"]
    text = f"Features for {purpose}: {cached:,} from the cache"
    if not computed:
        return f"{text}."
    speed = computed / max(facts["seconds"], 1e-9)
    return (
        f"{text}, {computed:,} by {facts['engine']} in {facts['seconds']:.1f} s ({speed:,.0f}/s; "
        f"decoding took {facts['decoding_thread_seconds']:.1f} s of threads, the network waited "
        f"{facts['waited_for_inputs_seconds']:.1f} s for it)."
    )


_LOSSES = {"loss": "loss", "val_loss": "in validation"}
