"""Listening: blocks of sound in, scores over time and detections out, with bounded memory.

Convention: files, pipes and arrays go through the same function, whatever their blocks.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from kerastl.config import ListeningConfig
from kerastl.errors import RunError
from kerastl.evaluation.detection.firing import Grid, Smoother, Trigger
from kerastl.listening.scorer import WindowScorer
from kerastl.listening.windows import SlidingWindow


@dataclass(frozen=True, kw_only=True)
class Frames:
    """The scores of neighboring windows.

    Args:
        starts: Where the windows start, in seconds, `(frames,)`.
        ends: Where they end, the last one no later than the sound, `(frames,)`.
        scores: Smoothed calibrated probabilities, `(frames, words)`.
    """

    starts: np.ndarray
    ends: np.ndarray
    scores: np.ndarray


@dataclass(frozen=True, kw_only=True)
class Detection:
    """A word that was detected.

    Args:
        word: The task.
        score: Smoothed probability at the moment of the detection.
        start_seconds: Where the window starts that detected it.
        end_seconds: Where that window ends: the moment of the detection.
    """

    word: str
    score: float
    start_seconds: float
    end_seconds: float


class Listener:
    """Slides a model's window over sounds.

    Args:
        scorer: Gives probabilities for windows.
        settings: How the window slides, and how detections come about.

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
                "The window would jump over parts of the sound.",
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

    def frames(self, blocks: Iterable[np.ndarray]) -> Iterator[Frames]:
        """Yields the scores of one sound as soon as they are known.

        Args:
            blocks: Mono float32 at the scorer's rate, one after the other; or a single one.
        """
        window = SlidingWindow(self.scorer.num_samples, self.hop)
        smoother = Smoother(self.settings.smooth_windows)
        num_frames = 0
        for windows in _all_windows(window, blocks):
            scores = smoother.push(self.scorer.score(windows))
            starts = (num_frames + np.arange(len(scores))) * self.hop
            ends = np.minimum(starts + window.length, window.num_samples)
            num_frames += len(scores)
            rate_hz = self.scorer.rate_hz
            yield Frames(starts=starts / rate_hz, ends=ends / rate_hz, scores=scores)

    def scores(self, blocks: Iterable[np.ndarray]) -> np.ndarray:
        """Returns all scores of one sound, `(frames, words)`."""
        found = [frames.scores for frames in self.frames(blocks)]
        return np.concatenate([np.zeros((0, len(self.scorer.words))), *found])

    def trigger(self, thresholds: Mapping[str, float]) -> "Detector":
        """Returns what turns the frames of one sound into detections.

        Args:
            thresholds: Threshold of each word, on the calibrated scale.
        """
        return Detector(self.scorer.words, thresholds, self.grid.refractory_frames)


class Detector:
    """Turns the frames of one sound into detections.

    Args:
        words: The words, in the order of the scores.
        thresholds: Threshold of each.
        refractory_frames: How many frames a word that was detected isn't detected again.
    """

    def __init__(
        self, words: tuple[str, ...], thresholds: Mapping[str, float], refractory_frames: int
    ):
        self._words = words
        self._trigger = Trigger([thresholds[word] for word in words], refractory_frames)
        self._num_seen = 0

    def push(self, frames: Frames) -> list[Detection]:
        """Returns what is detected in the next frames, in the order of time."""
        first, self._num_seen = self._num_seen, self._num_seen + len(frames.scores)
        return [
            Detection(
                word=self._words[word],
                score=float(frames.scores[frame - first, word]),
                start_seconds=float(frames.starts[frame - first]),
                end_seconds=float(frames.ends[frame - first]),
            )
            for frame, word in self._trigger.push(frames.scores)
        ]


def _all_windows(window: SlidingWindow, blocks: Iterable[np.ndarray]) -> Iterator[np.ndarray]:
    for block in blocks:
        yield from window.push(block)
    yield from window.finish()
