"""The misses and false accepts that a report plays."""

import numpy as np

from kerastl.data.tables.recordings import Event
from kerastl.evaluation.detection.curve import Word
from kerastl.evaluation.detection.firing import Grid
from kerastl.evaluation.detection.matching import Track
from kerastl.evaluation.detection.mistakes import find_mistakes

GRID = Grid(hop_seconds=0.1, window_seconds=1.0, refractory_frames=10)
PATHS = ["a.wav", "b.wav"]


def track(peaks: dict[int, float], *events: tuple[float, float]) -> Track:
    scores = np.full(300, 0.01)
    scores[list(peaks)] = list(peaks.values())
    return Track(
        scores=scores, events=tuple(Event(start_seconds=s, end_seconds=e) for s, e in events)
    )


def test_clearest_false_accepts_come_first_then_clearest_misses() -> None:
    word = Word(
        tracks=[
            track({52: 0.9, 120: 0.6, 200: 0.4}, (5.5, 6.0), (20.2, 20.8), (28.0, 28.4)),
            track({30: 0.8}),
        ],
        hours=0.5,
        grid=GRID,
        tolerance_seconds=0.1,
    )
    found = find_mistakes(word, PATHS, 0.5)
    assert [(one.kind, one.recording, one.start_seconds, one.score) for one in found] == [
        ("false accept", "b.wav", 3.0, 0.8),
        ("false accept", "a.wav", 12.0, 0.6),
        ("missed", "a.wav", 28.0, 0.01),
        ("missed", "a.wav", 20.2, 0.4),
    ]
