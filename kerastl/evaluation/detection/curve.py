"""What every threshold of a word would do: the curve of misses against false accepts per hour."""

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from kerastl.evaluation.detection.firing import Grid
from kerastl.evaluation.detection.matching import Outcome, Track, outcome

MAX_POINTS = 200
HIGHEST_RATE = 360.0  # false accepts per hour, beyond which nobody looks at a curve


@dataclass(frozen=True, kw_only=True)
class Word:
    """One word in some recordings.

    Args:
        tracks: The word in each recording.
        hours: Length of all recordings.
        grid: Where the windows stand.
        tolerance_seconds: How far the middle of an event may lie outside of the window.
    """

    tracks: Sequence[Track]
    hours: float
    grid: Grid
    tolerance_seconds: float

    @property
    def num_events(self) -> int:
        """How often the word is said."""
        return sum(len(track.events) for track in self.tracks)

    def at(self, threshold: float) -> Outcome:
        """Returns what a threshold does."""
        return outcome(self.tracks, threshold, self.grid, tolerance_seconds=self.tolerance_seconds)


@dataclass(frozen=True, kw_only=True)
class Point:
    """One threshold of the curve.

    Args:
        threshold: A score at or above it fires.
        false_accepts: How many detections find no event.
        missed: How many events aren't found.
    """

    threshold: float
    false_accepts: int
    missed: int


def candidates(word: Word) -> np.ndarray:
    """Returns the thresholds that are looked at, falling.

    They lie halfway between neighboring peaks of the scores, the first above all of them: as the
    threshold falls, a word fires where it hasn't yet at a peak.
    """
    peaks = [_peaks(track.scores) for track in word.tracks]
    values = np.unique(np.concatenate([*peaks, np.zeros(0)]))[::-1]
    if not len(values):
        return np.array([1.0])
    lower = np.append(values[1:], 0.0)
    middle = (values + lower) / 2
    highest = max((values[0] + 1) / 2, float(np.nextafter(values[0], 2)))
    return np.concatenate([[highest], np.where(middle > lower, middle, values)])


def walk(word: Word, thresholds: Iterable[float], *, highest_rate: float) -> Iterator[Point]:
    """Yields what thresholds do until there are more false accepts than is asked for.

    Args:
        word: The word.
        thresholds: Falling.
        highest_rate: False accepts per hour; the first point beyond it ends the walk.
    """
    for threshold in thresholds:
        found = word.at(float(threshold))
        num_false = int(found.false_accepts.sum())
        if num_false > highest_rate * word.hours:
            return
        yield Point(
            threshold=float(threshold), false_accepts=num_false, missed=int(found.missed.sum())
        )


def curve(word: Word) -> list[Point]:
    """Returns at most `MAX_POINTS` points of the curve, closest where thresholds are high."""
    thresholds = candidates(word)
    if len(thresholds) > MAX_POINTS:
        places = np.geomspace(1, len(thresholds), MAX_POINTS).astype(int) - 1
        thresholds = thresholds[np.unique(places)]
    return list(walk(word, thresholds, highest_rate=max(HIGHEST_RATE, 1 / word.hours)))


def between(high: float, low: float) -> float:
    """Returns the threshold in the middle of two, by their log-odds."""
    ends = [min(max(value, 1e-15), 1 - 1e-15) for value in (high, low)]
    middle = sum(math.log(value / (1 - value)) for value in ends) / 2
    return min(max(1 / (1 + math.exp(-middle)), low), high)


def _peaks(scores: np.ndarray) -> np.ndarray:
    before = np.concatenate([[-np.inf], scores[:-1]])
    after = np.concatenate([scores[1:], [-np.inf]])
    return scores[(scores >= before) & (scores >= after)]
