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


def detect(
    track: Track, threshold: float, grid: Grid, tolerance_seconds: float
) -> tuple[np.ndarray, np.ndarray, list[tuple[int, int]]]:
    """Returns the frame and the start of each detection, and the matches as in `match`."""
    frames = np.array(fire(track.scores, threshold, grid.refractory_frames), int)
    starts = frames * grid.hop_seconds
    return frames, starts, match(starts, track.events, grid.window_seconds, tolerance_seconds)


def match(
    starts: np.ndarray, events: Sequence[Event], window_seconds: float, tolerance_seconds: float
) -> list[tuple[int, int]]:
    """Returns the indices of event and detection of each match; `starts` of the windows rise."""
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
