"""Which detection finds which event.

Convention: a detection finds an event of its word when its window holds the middle of the event,
give or take the tolerance. One detection finds one event, and an event is found once: a second
detection of it is a false accept.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from kerastl.data.tables.recordings import Event
from kerastl.evaluation.detection.firing import Grid, fire

RULE = (
    "A detection finds an event of its word when its window holds the middle of the event, "
    "{tolerance:g} s more or less; whatever else fires is a false accept."
)


@dataclass(frozen=True, kw_only=True)
class Track:
    """The scores of one word in one recording, and where it is said.

    Args:
        scores: Smoothed, `(frames,)`.
        events: Where the word is said, in the order of time.
    """

    scores: np.ndarray
    events: tuple[Event, ...]


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What a threshold does to some recordings.

    Args:
        false_accepts: Detections that find no event, one number per recording.
        missed: Events that no detection finds, one number per recording.
        latencies: From the end of each event that is found to the end of the window that found
            it, in seconds; below 0 where a word is found before it ends.
    """

    false_accepts: np.ndarray
    missed: np.ndarray
    latencies: np.ndarray


def outcome(
    tracks: Sequence[Track], threshold: float, grid: Grid, *, tolerance_seconds: float
) -> Outcome:
    """Returns what a threshold does to one word in some recordings.

    Args:
        tracks: The word in each recording.
        threshold: A score at or above it fires.
        grid: Where the windows stand.
        tolerance_seconds: How far the middle of an event may lie outside of the window.
    """
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
    """Returns event and detection of each pair, by their places.

    Args:
        starts: Where the windows of the detections start, rising, in seconds.
        events: In the order of time.
        window_seconds: Length of the window.
        tolerance_seconds: How far the middle of an event may lie outside of the window.
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
