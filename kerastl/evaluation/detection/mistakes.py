"""The misses and false accepts of one word, to listen to."""

from collections.abc import Iterator, Sequence

import numpy as np

from kerastl.evaluation.detection.curve import Word
from kerastl.evaluation.detection.matching import Track, detect
from kerastl.evaluation.score_types import FALSE_ACCEPT, MISS, Mistake

_MOST = 8  # of each kind


def find_mistakes(word: Word, recordings: Sequence[str], threshold: float) -> tuple[Mistake, ...]:
    """Returns the clearest false accepts, then the clearest misses, at most 8 of each."""
    found = [
        mistake
        for track, recording in zip(word.tracks, recordings, strict=True)
        for mistake in _of_track(word, track, recording, threshold)
    ]
    found.sort(key=lambda one: one.score)
    misses = [one for one in found if one.kind == MISS]
    accepts = [one for one in reversed(found) if one.kind == FALSE_ACCEPT]
    return (*accepts[:_MOST], *misses[:_MOST])


def _of_track(word: Word, track: Track, recording: str, threshold: float) -> Iterator[Mistake]:
    def mistake(kind: str, start: float, end: float, score: float) -> Mistake:
        return Mistake(
            kind=kind, recording=recording, start_seconds=start, end_seconds=end, score=score
        )

    length = word.grid.window_seconds
    frames, starts, pairs = detect(track, threshold, word.grid, word.tolerance_seconds)
    for place in sorted({*range(len(frames))} - {detection for _, detection in pairs}):
        start = float(starts[place])
        yield mistake(FALSE_ACCEPT, start, start + length, float(track.scores[frames[place]]))
    windows = np.arange(len(track.scores)) * word.grid.hop_seconds
    for place in sorted({*range(len(track.events))} - {event for event, _ in pairs}):
        event = track.events[place]
        near = (windows <= event.middle_seconds) & (event.middle_seconds <= windows + length)
        highest = float(track.scores[near].max(initial=0.0))
        yield mistake(MISS, event.start_seconds, event.end_seconds, highest)
