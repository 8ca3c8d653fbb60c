"""From scores over time to detections: smoothing, threshold and refractory period.

Convention: scores are `(frames, words)`, one frame for each position of the sliding window. Results
do not depend on how the frames are divided into blocks.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, kw_only=True)
class Grid:
    """Position of the window in each frame."""

    hop_seconds: float  # from the start of one window to the start of the next
    window_seconds: float
    refractory_frames: int  # smallest number of frames from one detection to the next


class Smoother:
    """Averages `num_frames` frames: each with those before it, at the start with those so far."""

    def __init__(self, num_frames: int):
        self._num_frames = num_frames
        self._before: np.ndarray | None = None

    def push(self, scores: np.ndarray) -> np.ndarray:
        """Returns the smoothed scores of the next frames, `(frames, words)`."""
        if self._before is None:
            self._before = np.full((self._num_frames - 1, scores.shape[1]), np.nan)
        rows = np.concatenate([self._before, scores])
        self._before = rows[len(rows) - (self._num_frames - 1) :]
        if not len(scores):
            return scores
        spans = np.lib.stride_tricks.sliding_window_view(rows, self._num_frames, axis=0)
        averages: np.ndarray = np.nanmean(spans, axis=-1)
        return averages


class Trigger:
    """Detects a word when its score reaches its threshold, once in each refractory period."""

    def __init__(self, thresholds: Sequence[float], refractory_frames: int):
        self._thresholds = tuple(thresholds)
        self._refractory_frames = refractory_frames
        self._free = [0] * len(self._thresholds)
        self._num_seen = 0

    def push(self, scores: np.ndarray) -> list[tuple[int, int]]:
        """Returns frame and word of each detection in the next frames, by time."""
        first = self._num_seen
        self._num_seen += len(scores)
        fired = []
        for word, threshold in enumerate(self._thresholds):
            frames = fire(
                scores[:, word], threshold, self._refractory_frames, free=self._free[word] - first
            )
            if frames:
                self._free[word] = first + frames[-1] + self._refractory_frames
            fired += [(first + frame, word) for frame in frames]
        return sorted(fired)


def fire(
    scores: np.ndarray, threshold: float, refractory_frames: int, *, free: int = 0
) -> list[int]:
    """Returns the frames in which one word is detected, from frame `free` on."""
    above = np.flatnonzero(scores >= threshold)
    fired = []
    while (place := int(np.searchsorted(above, free))) < len(above):
        fired.append(int(above[place]))
        free = fired[-1] + refractory_frames
    return fired
