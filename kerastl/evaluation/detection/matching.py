"""Matching of detections and events.

Convention: a detection matches an event of its word if its window contains the middle of the event,
within the tolerance. Each detection matches at most one event and each event at most one detection;
a second detection of an event is a false accept.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from kerastl.data.tables.recordings import Event
from kerastl.evaluation.detection.firing import Grid, fire

RULE = (
    "A detection is correct if its window contains the middle of an event of its word, "
    "give or take {tolerance:g} s; any other detection is a false accept."
)


@dataclass(frozen=True, kw_only=True)
class Track:
    """Scores and events of one word in one recording."""

    scores: np.ndarray  # smoothed, `(frames,)`
    events: tuple[Event, ...]  # by time
    hours: float = math.nan  # length of the recording
    speaker: str | None = None  # the only voice in it, if known


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """Outcome of a threshold in several recordings.

    A latency is the time from the end of a detected event to the end of the window that detects
    it, in seconds; it is below 0 if a word is detected before it ends.
    """

    false_accepts: np.ndarray  # number in each recording
    missed: np.ndarray  # number in each recording
    latencies: np.ndarray  # of all detected events


def outcome(
    tracks: Sequence[Track], threshold: float, grid: Grid, *, tolerance_seconds: float
) -> Outcome:
    """Returns the outcome of a threshold for one word in several recordings."""
    false_accepts, missed = np.zeros(len(tracks), int), np.zeros(len(tracks), int)
    latencies: list[float] = []
    for place, track in enumerate(tracks):
        fired = np.array(fire(track.scores, threshold, grid.refractory_frames), int)
        starts = grid.starts(fired)
        found = match(starts, track.events, grid.window_seconds, tolerance_seconds)
        latencies += [
            float(starts[detection]) + grid.window_seconds - track.events[event].end_seconds
            for event, detection in found
        ]
        false_accepts[place] = len(fired) - len(found)
        missed[place] = len(track.events) - len(found)
    return Outcome(false_accepts=false_accepts, missed=missed, latencies=np.array(latencies))


def match(
    starts: np.ndarray, events: Sequence[Event], window_seconds: float, tolerance_seconds: float
) -> list[tuple[int, int]]:
    """Returns the indices of event and detection of each match.

    Args:
        starts: Starts of the windows of the detections, rising, in seconds.
        events: Events by time.
        window_seconds: Length of each window.
        tolerance_seconds: Largest distance of the middle of an event from the window.
    """
    pairs, detection = [], 0
    order = sorted(range(len(events)), key=lambda place: events[place].middle_seconds)
    for event in order:
        middle = events[event].middle_seconds
        while (
            detection < len(starts)
            and starts[detection] + window_seconds + tolerance_seconds < middle
        ):
            detection += 1
        if detection < len(starts) and starts[detection] - tolerance_seconds <= middle:
            pairs.append((event, detection))
            detection += 1
    return pairs
