"""Recordings with events, heard once: what scores, curves and thresholds are found on."""

import time
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from kerastl.data.tables.recordings import Recordings
from kerastl.evaluation.detection.curve import Word
from kerastl.evaluation.detection.matching import Track
from kerastl.evaluation.detection.policy import choose_for_rate
from kerastl.evaluation.thresholds import ChosenThreshold
from kerastl.listening.listener import Listener
from kerastl.media.audio.blocks import file_blocks
from kerastl.progress import SILENT, Progress


@dataclass(frozen=True, kw_only=True)
class Heard:
    """Recordings and the scores of a model on them.

    Args:
        recordings: The recordings.
        words: Each word in them.
        seconds: Processor time that reading and scoring took, all cores together.
    """

    recordings: Recordings
    words: Mapping[str, Word]
    seconds: float

    @property
    def real_time_factor(self) -> float:
        """Processor time on one core per time of sound; below 1 is faster than the sound."""
        return self.seconds / (self.recordings.hours * 3600)

    def choose(self, word: str, rate: float) -> ChosenThreshold:
        """Returns the threshold of a word for a number of false accepts per hour."""
        return choose_for_rate(self.words[word], rate)

    @property
    def tuned_on(self) -> str:
        """What is said of a threshold that was chosen here."""
        events = self.recordings.num_events()
        return f"validation recordings, {self.recordings.hours:.2g} hours, {events} events"


def hear(listener: Listener, recordings: Recordings, *, progress: Progress = SILENT) -> Heard:
    """Scores every recording once.

    Args:
        listener: Slides the window.
        recordings: Whose events are of the listener's words.
        progress: Told how many seconds are heard.

    Raises:
        MediaError: A recording can't be read to its end.
    """
    progress.step("Listening (seconds)", round(recordings.hours * 3600))
    started, heard_seconds = time.process_time(), 0.0
    scores = []
    for item in recordings.items:
        blocks = file_blocks(item.path, rate_hz=listener.scorer.rate_hz)
        scores.append(listener.scores(blocks))
        heard_seconds += item.seconds
        progress.advance(round(heard_seconds))
    seconds = time.process_time() - started
    words = {
        word: _word(listener, recordings, word, [one[:, place] for one in scores])
        for place, word in enumerate(listener.scorer.words)
    }
    return Heard(recordings=recordings, words=words, seconds=seconds)


def _word(listener: Listener, recordings: Recordings, word: str, scores: list[np.ndarray]) -> Word:
    return Word(
        tracks=[
            Track(scores=one, events=item.events[word])
            for item, one in zip(recordings.items, scores, strict=True)
        ],
        hours=recordings.hours,
        grid=listener.grid,
        tolerance_seconds=listener.settings.tolerance_seconds,
    )
