"""Long recordings on the command line: detections as they happen, and scores of detections."""

import csv
import json
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import partial
from pathlib import Path
from typing import IO, TYPE_CHECKING

import click
import rich.console

from kerastl.cli.console import TerminalProgress
from kerastl.cli.score_tables import score_table
from kerastl.errors import RunError, counted
from kerastl.files import replacing

if TYPE_CHECKING:
    from kerastl.evaluation.score_types import DetectionRates, RecordingScores
    from kerastl.listening.detection import DetectionUpdate
    from kerastl.runs import Run

PIPE = Path("-")
Write = Callable[[Sequence[object]], None]


def refuse_options(
    *, listen: bool, inputs: Sequence[Path], output: Path | None, **only_listening: object
) -> None:
    """Checks that the options of `predict` fit together.

    Raises:
        RunError: An option has no effect with the others.
    """
    given = [f"--{name}" for name, value in only_listening.items() if value is not None]
    if not listen and (given or PIPE in inputs):
        raise RunError(
            f"{given[0] if given else 'Standard input'} has no effect without --listen.",
            fix="Add --listen to detect words in long recordings.",
        )
    if PIPE in inputs and len(inputs) > 1:
        raise RunError(
            "Standard input must be the only input.",
            received=" ".join(str(item) for item in inputs),
            fix="Give - as the only input.",
        )
    if only_listening.get("rate") is not None and PIPE not in inputs:
        raise RunError(
            "--rate applies only to raw samples on standard input.",
            fix="Remove --rate, or give - as the input.",
        )
    if listen and output is not None and output.suffix.lower() != ".csv":
        raise RunError(
            "Detections are written as CSV.",
            where=f"--output {output}",
            expected="a name that ends in .csv",
        )


def listen(
    run: "Run",
    inputs: Sequence[Path],
    *,
    output: Path | None,
    scores: Path | None,
    rate_hz: int | None,
    cache: bool,
    as_json: bool,
) -> None:
    """Writes each detection as soon as it is known."""
    from kerastl.listening.detection import COLUMNS

    is_live = PIPE in inputs
    score_columns = ("path", "start_seconds", "end_seconds", *run.tasks)
    with (
        _rows(output, COLUMNS, is_live=is_live, as_json=as_json) as write,
        _maybe_rows(scores, score_columns, is_live=is_live) as write_scores,
    ):
        try:
            num_detections, num_unreadable = _write(
                _updates(run, inputs, rate_hz=rate_hz, cache=cache, is_shown=output is None),
                write,
                write_scores,
            )
        except KeyboardInterrupt:
            kept = "The detections so far are saved." if is_live else "Nothing was written."
            raise KeyboardInterrupt(kept) from None
    if output is not None:
        click.echo(f"{counted(num_detections, 'detection')} in {output}", err=True)
    if num_unreadable:
        click.echo(f"{counted(num_unreadable, 'recording')} cannot be read; see 'error'.", err=True)


def show_detection_scores(scores: "RecordingScores", *, title: str) -> None:
    """Prints a table with a row per word and one for all words, followed by remarks."""
    columns = ("events", "missed", "95 %", "false/h", "95 %", "latency", "90 %", "from")
    table = score_table(title, "word", columns, min_width=8)
    for word, score in scores.words.items():
        table.add_row(word, *_cells(score), _figure(score.threshold))
    table.add_section()
    table.add_row("all", *_cells(scores.all), "")
    rich.console.Console(highlight=False).print(table)
    for line in _remarks(scores):
        click.echo(line)


def _updates(
    run: "Run", inputs: Sequence[Path], *, rate_hz: int | None, cache: bool, is_shown: bool
) -> Iterator["DetectionUpdate"]:
    from kerastl.run.predict import find_files

    with TerminalProgress() as progress:
        files = [] if PIPE in inputs else find_files(run.bundle, inputs)
        detector = run.streaming_detector(cache=cache, progress=progress)
        if PIPE in inputs:
            yield from detector.detect_in_pipe(sys.stdin.buffer, rate_hz=rate_hz)
            return
        if not is_shown:  # a bar would interleave with the rows
            progress.step("Listening (files)", len(files))
        for done, file in enumerate(files, start=1):
            yield from detector.detect_in_file(file.path, file.name)
            if not is_shown:
                progress.advance(done)


def _write(
    updates: Iterator["DetectionUpdate"], write: Write, write_scores: Write
) -> tuple[int, int]:
    num_detections = num_unreadable = 0
    for update in updates:
        num_detections += len(update.detections)
        num_unreadable += update.error is not None
        for row in update.rows():
            write(row)
        for row in update.score_rows():
            write_scores(row)
    return num_detections, num_unreadable


def _maybe_rows(
    path: Path | None, columns: Sequence[str], *, is_live: bool
) -> AbstractContextManager[Write]:
    """Returns `_rows` of a file, or a writer that does nothing without a file."""
    if path is None:
        return nullcontext(_write_nothing)
    return _rows(path, columns, is_live=is_live, as_json=False)


@contextmanager
def _rows(
    path: Path | None, columns: Sequence[str], *, is_live: bool, as_json: bool
) -> Iterator[Write]:
    """Yields a function that writes a row: to a file written as a whole, or live."""
    with _opened(path, is_live=is_live) as file:
        if as_json:
            yield partial(_write_json, file, columns)
            return
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(columns)
        file.flush()

        def write(row: Sequence[object]) -> None:
            writer.writerow([_written(value) for value in row])
            file.flush()

        yield write


@contextmanager
def _opened(path: Path | None, *, is_live: bool) -> Iterator[IO[str]]:
    if path is None:
        yield sys.stdout
    elif is_live:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("w", encoding="utf-8", newline="") as file:
            yield file
    else:
        with replacing(path) as temporary, temporary.open("w", encoding="utf-8") as file:
            yield file


def _write_nothing(row: Sequence[object]) -> None:
    """Writes nothing."""


def _write_json(file: IO[str], columns: Sequence[str], row: Sequence[object]) -> None:
    file.write(json.dumps(dict(zip(columns, row, strict=True)), ensure_ascii=False) + "\n")
    file.flush()


def _written(value: object) -> object:
    return f"{value:.6g}" if isinstance(value, float) else value


def _cells(score: "DetectionRates") -> list[str]:
    latency = score.latency_seconds
    return [
        str(score.events),
        str(score.missed),
        _range(score.missed_share_interval, ".2f"),
        f"{score.false_accepts_per_hour:.3g}",
        _range(score.false_accepts_per_hour_interval, ".3g"),
        _figure(latency.median, 2),
        _figure(latency.p90, 2),
    ]


def _figure(value: float, digits: int = 3) -> str:
    return "-" if value != value else f"{value:.{digits}f}"


def _range(ends: Sequence[float] | None, form: str) -> str:
    return "-" if ends is None else f"{ends[0]:{form}}-{ends[1]:{form}}"


def _remarks(scores: "RecordingScores") -> Iterator[str]:
    listening = scores.listening
    yield (
        f"{counted(scores.recordings, 'recording')}, {scores.hours:.3g} hours; real-time "
        f"factor {scores.real_time_factor:.4f} on one core ({scores.engine})."
    )
    yield (
        f"A window of {listening['window_seconds']:g} s every {listening['hop_seconds']:g} s, "
        f"averaged over {listening['smooth_windows']}; a word is not detected "
        f"again for {listening['refractory_seconds']:g} s."
    )
    yield scores.rule
    how = scores.all.intervals
    yield f"Intervals: missed share, {how.missed_share or 'none'}; false accepts per hour, " + (
        f"{how.false_accepts_per_hour}."
    )
    yield (
        "Latency is from the end of an event to its detection, in seconds; 'from' is the threshold."
    )
    for source in dict.fromkeys(scores.tuned_on.values()):
        yield f"Thresholds come from: {source}."
    yield from scores.notes
