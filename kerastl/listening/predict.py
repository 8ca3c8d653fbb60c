"""Detections in files and in what comes through a pipe, with times, scores and words."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING

import numpy as np
import pandas as pd

from kerastl.errors import MediaError
from kerastl.listening.evaluate import settings_of
from kerastl.listening.listener import Detection, Frames, Listener
from kerastl.listening.scorer import WindowScorer
from kerastl.media.audio.blocks import file_blocks, pipe_blocks
from kerastl.progress import SILENT, Progress

if TYPE_CHECKING:
    from kerastl.run.folder import Run

COLUMNS = ("path", "start_seconds", "end_seconds", "word", "score", "error")


@dataclass(frozen=True, kw_only=True)
class News:
    """What is new about one sound.

    Args:
        path: Its name as given; `-` for what comes through a pipe.
        frames: Scores of the next windows, or None.
        detections: What was detected in them.
        error: Why the sound can't be read to its end, or None.
    """

    path: str
    frames: Frames | None = None
    detections: Sequence[Detection] = ()
    error: str | None = None

    def rows(self) -> list[tuple[object, ...]]:
        """Returns a row of `COLUMNS` per detection, or one with the error."""
        if self.error is not None:
            return [(self.path, None, None, None, None, self.error)]
        return [
            (self.path, one.start_seconds, one.end_seconds, one.word, one.score, None)
            for one in self.detections
        ]

    def score_rows(self) -> list[tuple[object, ...]]:
        """Returns path, start, end and the score of each word, a row per window."""
        if self.frames is None:
            return []
        times = zip(self.frames.starts.tolist(), self.frames.ends.tolist(), strict=True)
        scores = self.frames.scores.tolist()
        return [(self.path, *ends, *row) for ends, row in zip(times, scores, strict=True)]


class Ear:
    """A run that listens.

    Args:
        run: A run of sounds.
        cache: Whether the converted network is kept for later, and used.
        progress: Told which engine is used.

    Raises:
        RunError: The run is of pictures.
    """

    def __init__(self, run: "Run", *, cache: bool = True, progress: Progress = SILENT):
        self._run = run
        scorer = WindowScorer.of_run(run, cache=cache, progress=progress)
        self.listener = Listener(scorer, settings_of(run.bundle))

    def hear_file(self, path: Path, shown: str) -> Iterator[News]:
        """Yields what is new in a file, block by block; an unreadable file is news, too.

        Args:
            path: The file.
            shown: Its name in the rows.
        """
        try:
            yield from self._hear(file_blocks(path, rate_hz=self._rate_hz), shown)
        except MediaError as error:
            yield News(path=shown, error=error.what)

    def hear_pipe(self, stream: IO[bytes], *, rate_hz: int | None) -> Iterator[News]:
        """Yields what is new in a pipe as it arrives.

        Args:
            stream: WAV, or bare samples.
            rate_hz: Rate of bare samples; None: there is a WAV header.

        Raises:
            MediaError: There is no header, or it isn't PCM.
        """
        yield from self._hear(pipe_blocks(stream, rate_hz=self._rate_hz, source_hz=rate_hz), "-")

    @property
    def _rate_hz(self) -> int:
        return self.listener.scorer.rate_hz

    def _hear(self, blocks: Iterator[np.ndarray], shown: str) -> Iterator[News]:
        detector = self.listener.trigger(self._run.bundle.thresholds)
        for frames in self.listener.frames(blocks):
            yield News(path=shown, frames=frames, detections=detector.push(frames))


def listen(
    run: "Run", files: Sequence[tuple[Path, str]], *, cache: bool, progress: Progress
) -> pd.DataFrame:
    """Returns one row per detection; see `kerastl.run.folder.Run.listen`."""
    ear = Ear(run, cache=cache, progress=progress)
    progress.step("Listening (files)", len(files))
    rows: list[tuple[object, ...]] = []
    for done, (path, shown) in enumerate(files, start=1):
        for news in ear.hear_file(path, shown):
            rows += news.rows()
        progress.advance(done)
    return pd.DataFrame(rows, columns=list(COLUMNS))
