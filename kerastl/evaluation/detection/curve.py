"""The curve of missed events against false accepts per hour over all thresholds of a word."""

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from kerastl.evaluation.detection.firing import Grid
from kerastl.evaluation.detection.matching import Track, detect
from kerastl.evaluation.ranking import halfway_thresholds

MAX_POINTS = 200
HIGHEST_RATE = 360.0  # false accepts per hour at the end of a curve


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """Outcome of a threshold for one word in several recordings.

    A latency is the time from the end of a detected event to the end of the window that detects
    it, in seconds; it is below 0 if a word is detected before it ends.
    """

    threshold: float
    false_accepts: np.ndarray  # number in each recording
    missed: np.ndarray  # number of events in each recording
    latencies: np.ndarray  # of all detected events

    @property
    def num_false(self) -> int:
        """Number of false accepts in all recordings."""
        return int(self.false_accepts.sum())

    @property
    def num_missed(self) -> int:
        """Number of missed events in all recordings."""
        return int(self.missed.sum())


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
        """Returns the false accepts per hour of each of `voices`, from those of each recording."""
        rows = [row for row, track in enumerate(self.tracks) if track.speaker]
        voice = [self.voices.index(str(self.tracks[row].speaker)) for row in rows]
        hours = np.bincount(voice, [self.tracks[row].hours for row in rows])
        return np.asarray(np.bincount(voice, false_accepts[rows]) / hours)

    def at(self, threshold: float) -> Outcome:
        """Returns the outcome of a threshold."""
        false_accepts, missed, latencies = [], [], list[float]()
        for track in self.tracks:
            frames, starts, pairs = detect(track, threshold, self.grid, self.tolerance_seconds)
            false_accepts.append(len(frames) - len(pairs))
            missed.append(len(track.events) - len(pairs))
            latencies += [
                float(starts[detection])
                + self.grid.window_seconds
                - track.events[event].end_seconds
                for event, detection in pairs
            ]
        return Outcome(
            threshold=threshold,
            false_accepts=np.array(false_accepts, int),
            missed=np.array(missed, int),
            latencies=np.array(latencies),
        )


def candidates(word: Word) -> np.ndarray:
    """Returns the thresholds worth evaluating, falling.

    They are halfway between neighboring peaks of the scores, the first above all of them: as the
    threshold falls, new detections start at peaks.
    """
    padded = [np.pad(track.scores, 1, constant_values=-np.inf) for track in word.tracks]
    peaks = [one[1:-1][(one[1:-1] >= one[:-2]) & (one[1:-1] >= one[2:])] for one in padded]
    values = np.unique(np.concatenate([*peaks, np.zeros(0)]))[::-1]
    return halfway_thresholds(values) if len(values) else np.array([1.0])


def walk(word: Word, thresholds: Iterable[float], *, highest_rate: float) -> Iterator[Outcome]:
    """Yields the outcomes of falling thresholds until false accepts per hour exceed a rate."""
    for threshold in thresholds:
        found = word.at(float(threshold))
        if found.num_false > highest_rate * word.hours:
            return
        yield found


def curve(word: Word) -> list[Outcome]:
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
