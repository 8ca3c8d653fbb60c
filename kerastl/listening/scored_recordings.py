"""Recordings with events, scored once: the basis of scores, curves and thresholds."""

import time
from collections.abc import Mapping
from dataclasses import dataclass

from kerastl.config import ListeningConfig
from kerastl.data.tables.recordings import Recordings
from kerastl.evaluation.detection.curve import Word
from kerastl.evaluation.detection.matching import Track
from kerastl.listening.stream_scorer import StreamScorer
from kerastl.media.audio.blocks import file_blocks
from kerastl.progress import SILENT, Progress


@dataclass(frozen=True, kw_only=True)
class ScoredRecordings:
    """Recordings and the scores of a model on them."""

    recordings: Recordings
    words: Mapping[str, Word]
    seconds: float  # processor time of reading and scoring, summed over all cores
    settings: ListeningConfig
    window_seconds: float
    engine: str  # name and precision

    @property
    def real_time_factor(self) -> float:
        """Processor time on one core per duration; below 1 is faster than real time."""
        return self.seconds / (self.recordings.hours * 3600)


def score_recordings(
    scorer: StreamScorer, recordings: Recordings, *, progress: Progress = SILENT
) -> ScoredRecordings:
    """Scores every recording once.

    Raises:
        MediaError: A recording cannot be read to its end.
    """
    progress.step("Listening (seconds)", round(recordings.hours * 3600))
    started, done_seconds = time.process_time(), 0.0
    scores = []
    for item in recordings.items:
        scores.append(scorer.scores(file_blocks(item.file, rate_hz=scorer.scorer.rate_hz)))
        done_seconds += item.seconds
        progress.advance(round(done_seconds))
    return ScoredRecordings(
        recordings=recordings,
        words={
            word: Word(
                tracks=[
                    Track(
                        scores=found[:, column],
                        events=item.events[word],
                        hours=item.seconds / 3600,
                        speaker=item.speaker,
                    )
                    for item, found in zip(recordings.items, scores, strict=True)
                ],
                hours=recordings.hours,
                grid=scorer.grid,
                tolerance_seconds=scorer.settings.tolerance_seconds,
            )
            for column, word in enumerate(scorer.scorer.words)
        },
        seconds=time.process_time() - started,
        settings=scorer.settings,
        window_seconds=scorer.grid.window_seconds,
        engine=scorer.scorer.engine,
    )
