"""Long recordings on the command line: detections as they happen, and scores of detections."""

import csv
import json
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import IO, TYPE_CHECKING

import click

from kerastl.cli.columns import show_columns
from kerastl.cli.console import TerminalProgress
from kerastl.cli.score_tables import interval, number, show_promises
from kerastl.cli.unreadable import no_readable_file
from kerastl.errors import RunError, counted
from kerastl.files import replacing
from kerastl.progress import SILENT

if TYPE_CHECKING:
    from kerastl.evaluation.score_types import DetectionRates, RecordingScores
    from kerastl.listening.detection import DetectionUpdate
    from kerastl.runs import Run

PIPE = "-"
Write = Callable[[Iterable[Sequence[object]]], None]


def refuse_options(
    *, listen: bool, inputs: Sequence[str], output: Path | None, **only_listening: object
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
    inputs: Sequence[str],
    *,
    output: Path | None,
    scores: Path | None,
    rate_hz: int | None,
    cache: bool,
    as_json: bool,
    is_quiet: bool,
) -> None:
    """Writes each detection as soon as it is known."""
    from kerastl.listening.detection import COLUMNS

    is_live = PIPE in inputs
    score_columns = ("path", "start_seconds", "end_seconds", *run.tasks)
    num_detections, unreadable, is_any_read = 0, dict[str, str](), False
    with (
        _rows(output, COLUMNS, is_live=is_live, as_json=as_json) as write,
        _rows(scores, score_columns, is_live=is_live)
        if scores is not None
        else nullcontext() as write_scores,
    ):
        try:
            for update in _updates(
                run,
                inputs,
                rate_hz=rate_hz,
                cache=cache,
                is_shown=output is None,
                is_quiet=is_quiet,
            ):
                num_detections += len(update.detections)
                is_any_read |= update.scores is not None
                if update.error is not None:
                    unreadable[update.path] = update.error
                write(update.rows())
                if write_scores is not None:
                    write_scores(update.score_rows())
        except KeyboardInterrupt:
            kept = "The detections so far are saved." if is_live else "Nothing was written."
            raise KeyboardInterrupt(kept) from None
    if output is not None and not is_quiet:
        click.echo(f"{counted(num_detections, 'detection')} in {output}", err=True)
    if unreadable and not is_any_read:
        raise no_readable_file(unreadable)
    if unreadable:
        files = counted(len(unreadable), "recording")
        click.echo(f"{files} cannot be read; see 'error'.", err=True)


def show_detection_scores(scores: "RecordingScores", *, title: str) -> None:
    """Prints a table with a row per word and one for all words, followed by remarks."""
    columns = ("events", "missed", "95 %", "false/h", "95 %", "latency", "90 %", "from")
    rows = [(word, *_cells(score), number(score.threshold)) for word, score in scores.words.items()]
    rows.append(("all", *_cells(scores.all), ""))
    show_columns(("word", *columns), rows, title=title, num_totals=1)
    show_promises(scores.words, scores.thresholds)
    for line in _remarks(scores):
        click.echo(line)


def _updates(
    run: "Run",
    inputs: Sequence[str],
    *,
    rate_hz: int | None,
    cache: bool,
    is_shown: bool,
    is_quiet: bool,
) -> Iterator["DetectionUpdate"]:
    from kerastl.run.examples_to_predict import find_files

    with TerminalProgress(is_quiet) as progress:
        files = [] if PIPE in inputs else find_files(run.bundle, inputs)
        detector = run.streaming_detector(cache=cache, progress=progress)
        if PIPE in inputs:
            yield from detector.detect_in_pipe(sys.stdin.buffer, rate_hz=rate_hz)
            return
        yield from detector.detect_in_files(
            [(file.file, file.name) for file in files],
            progress=SILENT if is_shown else progress,  # a bar would interleave with the rows
        )


@contextmanager
def _rows(
    path: Path | None, columns: Sequence[str], *, is_live: bool, as_json: bool = False
) -> Iterator[Write]:
    """Yields a function that writes rows: to a file written as a whole, or live."""
    with _opened(path, is_live=is_live) as file:
        writer = csv.writer(file, lineterminator="\n")

        def write(rows: Iterable[Sequence[object]]) -> None:
            for row in rows:
                if as_json:
                    values = dict(zip(columns, row, strict=True))
                    file.write(json.dumps(values, ensure_ascii=False) + "\n")
                else:
                    writer.writerow(f"{x:.6g}" if isinstance(x, float) else x for x in row)
                file.flush()

        if not as_json:
            write([columns])
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


def _cells(score: "DetectionRates") -> list[str]:
    latency = score.latency_seconds
    return [
        str(score.events),
        str(score.missed),
        interval(score.missed_share_interval, ".2f"),
        f"{score.false_accepts_per_hour:.3g}",
        interval(score.false_accepts_per_hour_interval, ".3g"),
        number(latency.median, 2),
        number(latency.p90, 2),
    ]


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
