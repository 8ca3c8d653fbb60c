"""The misses and false accepts of one word, to listen to."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from kerastl.evaluation.detection.curve import Word
from kerastl.evaluation.detection.firing import fire
from kerastl.evaluation.detection.matching import Track, match
from kerastl.evaluation.score_types import FALSE_ACCEPT, MISS, Mistake

_MOST = 8  # of each kind


def find_mistakes(word: Word, paths: Sequence[Path], threshold: float) -> tuple[Mistake, ...]:
    """Returns the clearest false accepts, then the clearest misses, at most 8 of each.

    Args:
        word: The word in several recordings.
        paths: The file of each recording.
        threshold: Threshold of the word.
    """
    found = [
        mistake
        for track, path in zip(word.tracks, paths, strict=True)
        for mistake in _of_track(word, track, path, threshold)
    ]
    found.sort(key=lambda one: one.score)
    misses = [one for one in found if one.kind == MISS]
    accepts = [one for one in reversed(found) if one.kind == FALSE_ACCEPT]
    return (*accepts[:_MOST], *misses[:_MOST])


def _of_track(word: Word, track: Track, path: Path, threshold: float) -> Iterator[Mistake]:
    grid = word.grid
    fired = np.array(fire(track.scores, threshold, grid.refractory_frames), int)
    starts = grid.starts(fired)
    pairs = match(starts, track.events, grid.window_seconds, word.tolerance_seconds)
    matched_events = {event for event, _ in pairs}
    matched = {detection for _, detection in pairs}
    for place, (frame, start) in enumerate(zip(fired, starts, strict=True)):
        if place not in matched:
            yield Mistake(
                kind=FALSE_ACCEPT,
                recording=str(path),
                start_seconds=float(start),
                end_seconds=float(start) + grid.window_seconds,
                score=float(track.scores[frame]),
            )
    for place, event in enumerate(track.events):
        if place not in matched_events:
            yield Mistake(
                kind=MISS,
                recording=str(path),
                start_seconds=event.start_seconds,
                end_seconds=event.end_seconds,
                score=_highest(word, track, event.middle_seconds),
            )


def _highest(word: Word, track: Track, middle: float) -> float:
    """Returns the highest score of a window that contains a time; 0 if there is none."""
    starts = word.grid.starts(np.arange(len(track.scores)))
    near = (starts <= middle) & (middle <= starts + word.grid.window_seconds)
    return float(track.scores[near].max(initial=0.0))
