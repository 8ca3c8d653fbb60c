"""Scores and detections over time from blocks of audio, with bounded memory.

Convention: files, pipes and arrays take the same path, whatever the size of their blocks.
"""

import itertools
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from kerastl.config import ListeningConfig
from kerastl.errors import RunError
from kerastl.evaluation.detection.firing import Grid, Smoother, Trigger
from kerastl.listening.window_scorer import WindowScorer

_AT_A_TIME = 128  # windows in memory at once


@dataclass(frozen=True, kw_only=True)
class WindowScores:
    """The scores of successive windows."""

    starts: np.ndarray  # in seconds, (windows,)
    ends: np.ndarray  # at most the end of the audio
    scores: np.ndarray  # smoothed calibrated probabilities, (windows, words)


@dataclass(frozen=True, kw_only=True)
class Detection:
    """A detected word, with the window that detected it."""

    word: str
    score: float  # smoothed probability at the time of the detection
    start_seconds: float
    end_seconds: float  # the time of the detection


class SlidingWindow:
    """Cuts windows out of audio that arrives in blocks, and keeps at most one of past samples.

    Window i starts at sample i * hop. The last window is the first that reaches the end of the
    audio, padded with silence. The size of the blocks does not change the windows.
    """

    def __init__(self, length: int, hop: int):
        self.length = length  # of a window, in samples
        self.hop = hop  # samples between the starts of two windows, at most `length`
        self.num_samples = 0
        self._num_windows = 0
        self._kept = np.zeros(0, np.float32)

    def push(self, samples: np.ndarray) -> Iterator[np.ndarray]:
        """Yields the windows that the next samples complete, in batches `(windows, length)`.

        Consume all windows before the next call.
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


class StreamScorer:
    """Slides the window of a model over audio.

    Raises:
        RunError: The hop is longer than the window.
    """

    def __init__(self, scorer: WindowScorer, settings: ListeningConfig):
        self.scorer = scorer
        self.settings = settings
        self.hop = max(1, round(settings.hop_seconds * scorer.rate_hz))
        window_seconds = scorer.num_samples / scorer.rate_hz
        if self.hop > scorer.num_samples:
            raise RunError(
                "The hop is longer than the window, so parts of the audio would be skipped.",
                where="evaluation.listening.hop_seconds",
                expected=f"at most the length of the window, {window_seconds:g} s",
                received=f"{settings.hop_seconds:g} s",
            )
        hop_seconds = self.hop / scorer.rate_hz
        self.grid = Grid(
            hop_seconds=hop_seconds,
            window_seconds=window_seconds,
            refractory_frames=max(1, round(settings.refractory_seconds / hop_seconds)),
        )

    def stream(self, blocks: Iterable[np.ndarray]) -> Iterator[WindowScores]:
        """Yields the scores of one stream of audio as soon as they are known.

        The blocks are mono float32 at the scorer's rate.
        """
        window = SlidingWindow(self.scorer.num_samples, self.hop)
        smoother = Smoother(self.settings.smooth_windows)
        rate_hz, num_windows = self.scorer.rate_hz, 0
        pushed = itertools.chain.from_iterable(map(window.push, blocks))
        for windows in itertools.chain(pushed, window.finish()):
            scores = smoother.push(self.scorer.score(windows))
            starts = (num_windows + np.arange(len(scores))) * self.hop
            ends = np.minimum(starts + window.length, window.num_samples)
            num_windows += len(scores)
            yield WindowScores(starts=starts / rate_hz, ends=ends / rate_hz, scores=scores)

    def scores(self, blocks: Iterable[np.ndarray]) -> np.ndarray:
        """Returns all scores of one stream of audio, `(windows, words)`."""
        found = [one.scores for one in self.stream(blocks)]
        return np.concatenate([np.zeros((0, len(self.scorer.words))), *found])

    def detect(
        self, blocks: Iterable[np.ndarray], thresholds: Mapping[str, float]
    ) -> Iterator[tuple[WindowScores, list[Detection]]]:
        """Yields the scores of one stream of audio and the detections in them.

        Thresholds are on the calibrated scale.
        """
        words, num_windows = self.scorer.words, 0
        trigger = Trigger([thresholds[word] for word in words], self.grid.refractory_frames)
        for found in self.stream(blocks):
            detections = [
                Detection(
                    word=words[word],
                    score=float(found.scores[window - num_windows, word]),
                    start_seconds=float(found.starts[window - num_windows]),
                    end_seconds=float(found.ends[window - num_windows]),
                )
                for window, word in trigger.push(found.scores)
            ]
            num_windows += len(found.scores)
            yield found, detections
