"""A sliding window over audio that arrives in blocks.

Convention: window i starts at sample i * hop. The last window is the first that reaches the end of
the audio, padded with silence. The size of the blocks does not change the windows.
"""

from collections.abc import Iterator

import numpy as np

_AT_A_TIME = 128  # windows in memory at once


class SlidingWindow:
    """Cuts windows out of blocks and keeps at most one window of past samples."""

    def __init__(self, length: int, hop: int):
        self.length = length  # of a window, in samples
        self.hop = hop  # samples between the starts of two windows, at most `length`
        self.num_samples = 0
        self._num_windows = 0
        self._kept = np.zeros(0, np.float32)

    def push(self, samples: np.ndarray) -> Iterator[np.ndarray]:
        """Yields the windows that the next samples complete, in batches `(windows, length)`.

        Args:
            samples: Mono float32, shape `(samples,)`. Consume all windows before the next call.
        """
        self.num_samples += len(samples)
        self._kept = np.concatenate([self._kept, samples])
        if len(self._kept) < self.length:
            return
        every = np.lib.stride_tricks.sliding_window_view(self._kept, self.length)[:: self.hop]
        for begin in range(0, len(every), _AT_A_TIME):
            yield every[begin : begin + _AT_A_TIME]
        self._num_windows += len(every)
        self._kept = self._kept[len(every) * self.hop :].copy()

    def finish(self) -> Iterator[np.ndarray]:
        """Yields the last window if it contains samples that no earlier window does."""
        reached = (self._num_windows - 1) * self.hop + self.length if self._num_windows else 0
        if self.num_samples > reached:
            self._num_windows += 1
            yield np.pad(self._kept, (0, self.length - len(self._kept)))[None]
