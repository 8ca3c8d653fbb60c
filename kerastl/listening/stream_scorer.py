"""Scores and detections over time from blocks of audio, with bounded memory.

Convention: files, pipes and arrays take the same path, whatever the size of their blocks.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from kerastl.config import ListeningConfig
from kerastl.errors import RunError
from kerastl.evaluation.detection.firing import Grid, Smoother, Trigger
from kerastl.listening.sliding_window import SlidingWindow
from kerastl.listening.window_scorer import WindowScorer


@dataclass(frozen=True, kw_only=True)
class WindowScores:
    """The scores of successive windows.

    Args:
        starts: Start of each window in seconds, `(windows,)`.
        ends: End of each window in seconds, at most the end of the audio, `(windows,)`.
        scores: Smoothed calibrated probabilities, `(windows, words)`.
    """

    starts: np.ndarray
    ends: np.ndarray
    scores: np.ndarray


@dataclass(frozen=True, kw_only=True)
class Detection:
    """A detected word.

    Args:
        word: The task.
        score: Smoothed probability at the time of the detection.
        start_seconds: Start of the window that detected it.
        end_seconds: End of that window, which is the time of the detection.
    """

    word: str
    score: float
    start_seconds: float
    end_seconds: float


class StreamScorer:
    """Slides the window of a model over audio.

    Args:
        scorer: Computes the probabilities of windows.
        settings: Hop, smoothing and refractory time.

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

        Args:
            blocks: Successive blocks of mono float32 at the scorer's rate.
        """
        window = SlidingWindow(self.scorer.num_samples, self.hop)
        smoother = Smoother(self.settings.smooth_windows)
        rate_hz, num_windows = self.scorer.rate_hz, 0
        for windows in _all_windows(window, blocks):
            scores = smoother.push(self.scorer.score(windows))
            starts = (num_windows + np.arange(len(scores))) * self.hop
            ends = np.minimum(starts + window.length, window.num_samples)
            num_windows += len(scores)
            yield WindowScores(starts=starts / rate_hz, ends=ends / rate_hz, scores=scores)

    def scores(self, blocks: Iterable[np.ndarray]) -> np.ndarray:
        """Returns all scores of one stream of audio, `(windows, words)`."""
        found = [one.scores for one in self.stream(blocks)]
        return np.concatenate([np.zeros((0, len(self.scorer.words))), *found])

    def detector(self, thresholds: Mapping[str, float]) -> "Detector":
        """Returns a new detector for one stream of audio.

        Args:
            thresholds: Threshold of each word, on the calibrated scale.
        """
        return Detector(self.scorer.words, thresholds, self.grid.refractory_frames)


class Detector:
    """Turns the scores of one stream of audio into detections.

    Args:
        words: The words, in the order of the scores.
        thresholds: Threshold of each word.
        refractory_windows: Number of windows after a detection in which the same word is not
            detected again.
    """

    def __init__(
        self, words: tuple[str, ...], thresholds: Mapping[str, float], refractory_windows: int
    ):
        self._words = words
        self._trigger = Trigger([thresholds[word] for word in words], refractory_windows)
        self._num_seen = 0

    def push(self, found: WindowScores) -> list[Detection]:
        """Returns the detections in the next windows, in the order of time."""
        first, self._num_seen = self._num_seen, self._num_seen + len(found.scores)
        return [
            Detection(
                word=self._words[word],
                score=float(found.scores[window - first, word]),
                start_seconds=float(found.starts[window - first]),
                end_seconds=float(found.ends[window - first]),
            )
            for window, word in self._trigger.push(found.scores)
        ]


def _all_windows(window: SlidingWindow, blocks: Iterable[np.ndarray]) -> Iterator[np.ndarray]:
    for block in blocks:
        yield from window.push(block)
    yield from window.finish()
