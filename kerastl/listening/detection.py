"""Detections in files and pipes, with times, scores and words."""

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING

import numpy as np
import pandas as pd

from kerastl.errors import MediaError
from kerastl.listening.stream_scorer import Detection, StreamScorer, WindowScores
from kerastl.listening.window_scorer import WindowScorer
from kerastl.media.audio.blocks import file_blocks, pipe_blocks
from kerastl.progress import SILENT, Progress
from kerastl.run.bundle import Bundle
from kerastl.run.examples_to_predict import InputFile
from kerastl_runtime.media_file import MediaFile

if TYPE_CHECKING:
    import keras

    from kerastl.run.trained_model import TrainedModel

COLUMNS = ("path", "start_seconds", "end_seconds", "word", "score", "error")


@dataclass(frozen=True, kw_only=True)
class DetectionUpdate:
    """New scores and detections of one file or pipe."""

    path: str  # name of the file as given; "-" for a pipe
    scores: WindowScores | None = None
    detections: Sequence[Detection] = ()
    error: str | None = None  # why the rest of the audio cannot be read

    def rows(self) -> list[tuple[object, ...]]:
        """Returns a row of `COLUMNS` per detection, or one row with the error."""
        if self.error is not None:
            return [(self.path, None, None, None, None, self.error)]
        return [
            (self.path, one.start_seconds, one.end_seconds, one.word, one.score, None)
            for one in self.detections
        ]

    def score_rows(self) -> list[tuple[object, ...]]:
        """Returns a row per window: path, start, end and the score of each word."""
        if self.scores is None:
            return []
        times = zip(self.scores.starts.tolist(), self.scores.ends.tolist(), strict=True)
        scores = self.scores.scores.tolist()
        return [(self.path, *ends, *row) for ends, row in zip(times, scores, strict=True)]


class StreamingDetector:
    """Detects the words of a run in files and pipes."""

    def __init__(
        self,
        model: "keras.Model | TrainedModel",
        bundle: Bundle,
        *,
        cache: bool = True,
        progress: Progress = SILENT,
    ):
        scorer = WindowScorer(model, bundle, cache=cache, progress=progress)
        self.stream_scorer = StreamScorer(scorer, bundle.listening_config)
        self._thresholds = bundle.thresholds

    def detect_in_files(
        self, files: Collection[tuple[MediaFile, str]], *, progress: Progress = SILENT
    ) -> Iterator[DetectionUpdate]:
        """Yields updates of files, each with its name, block by block.

        An unreadable file gives an update with the error.
        """
        progress.step("Listening (files)", len(files))
        for done, (file, name) in enumerate(files, start=1):
            try:
                yield from self._detect(file_blocks(file, rate_hz=self._rate_hz), name)
            except MediaError as error:
                yield DetectionUpdate(path=name, error=error.what)
            progress.advance(done)

    def table_of_detections(
        self, files: Iterable[InputFile], *, progress: Progress = SILENT
    ) -> pd.DataFrame:
        """Returns the detections in files, each file once; see `kerastl.runs.Run.listen`."""
        unique = list(dict.fromkeys((file.file, file.name) for file in files))
        updates = self.detect_in_files(unique, progress=progress)
        rows = [row for update in updates for row in update.rows()]
        return pd.DataFrame(rows, columns=list(COLUMNS))

    def detect_in_pipe(
        self, stream: IO[bytes], *, rate_hz: int | None
    ) -> Iterator[DetectionUpdate]:
        """Yields updates as the audio arrives: WAV, or raw samples if their rate is given.

        Raises:
            MediaError: There is no header, or the audio is not PCM.
        """
        yield from self._detect(pipe_blocks(stream, rate_hz=self._rate_hz, source_hz=rate_hz), "-")

    @property
    def _rate_hz(self) -> int:
        return self.stream_scorer.scorer.rate_hz

    def _detect(self, blocks: Iterator[np.ndarray], name: str) -> Iterator[DetectionUpdate]:
        for scores, detections in self.stream_scorer.detect(blocks, self._thresholds):
            yield DetectionUpdate(path=name, scores=scores, detections=detections)
