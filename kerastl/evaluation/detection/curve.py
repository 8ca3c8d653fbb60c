"""The curve of missed events against false accepts per hour over all thresholds of a word."""

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from kerastl.evaluation.detection.firing import Grid
from kerastl.evaluation.detection.matching import Outcome, Track, outcome

MAX_POINTS = 200
HIGHEST_RATE = 360.0  # false accepts per hour at the end of a curve


@dataclass(frozen=True, kw_only=True)
class Word:
    """One word in several recordings."""

    tracks: Sequence[Track]  # one for each recording
    hours: float  # total duration of the recordings
    grid: Grid
    tolerance_seconds: float  # largest distance of the middle of an event from the window

    @property
    def num_events(self) -> int:
        """Number of events in all recordings."""
        return sum(len(track.events) for track in self.tracks)

    @property
    def voices(self) -> tuple[str, ...]:
        """The speakers that the recordings name, sorted."""
        return tuple(sorted({track.speaker for track in self.tracks if track.speaker}))

    def rates_by_voice(self, false_accepts: np.ndarray) -> np.ndarray:
        """Returns the false accepts per hour of each of `voices`.

        Args:
            false_accepts: Number in each recording; those without a speaker count for no voice.
        """
        rows = [row for row, track in enumerate(self.tracks) if track.speaker]
        voice = [self.voices.index(str(self.tracks[row].speaker)) for row in rows]
        hours = np.bincount(voice, [self.tracks[row].hours for row in rows])
        return np.asarray(np.bincount(voice, false_accepts[rows]) / hours)

    def at(self, threshold: float) -> Outcome:
        """Returns the outcome of a threshold."""
        return outcome(self.tracks, threshold, self.grid, tolerance_seconds=self.tolerance_seconds)


@dataclass(frozen=True, kw_only=True)
class Point:
    """Number of false accepts and missed events at one threshold."""

    threshold: float
    false_accepts: int
    missed: int
    by_track: np.ndarray  # false accepts of each recording


def candidates(word: Word) -> np.ndarray:
    """Returns the thresholds worth evaluating, falling.

    They are halfway between neighboring peaks of the scores, the first above all of them: as the
    threshold falls, new detections start at peaks.
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
    """Yields the points of falling thresholds until false accepts per hour exceed a rate."""
    for threshold in thresholds:
        found = word.at(float(threshold))
        num_false = int(found.false_accepts.sum())
        if num_false > highest_rate * word.hours:
            return
        yield Point(
            threshold=float(threshold),
            false_accepts=num_false,
            missed=int(found.missed.sum()),
            by_track=found.false_accepts,
        )


def curve(word: Word) -> list[Point]:
    """Returns at most `MAX_POINTS` points of the curve, densest at high thresholds."""
    thresholds = candidates(word)
    if len(thresholds) > MAX_POINTS:
        places = np.geomspace(1, len(thresholds), MAX_POINTS).astype(int) - 1
        thresholds = thresholds[np.unique(places)]
    return list(walk(word, thresholds, highest_rate=max(HIGHEST_RATE, 1 / word.hours)))


def between(high: float, low: float) -> float:
    """Returns the threshold halfway between two on the scale of log-odds."""
    ends = [min(max(value, 1e-15), 1 - 1e-15) for value in (high, low)]
    middle = sum(math.log(value / (1 - value)) for value in ends) / 2
    return min(max(1 / (1 + math.exp(-middle)), low), high)


def _peaks(scores: np.ndarray) -> np.ndarray:
    before = np.concatenate([[-np.inf], scores[:-1]])
    after = np.concatenate([scores[1:], [-np.inf]])
    return scores[(scores >= before) & (scores >= after)]
