"""The layout of a run folder: which file is stored where, and how a run starts and finishes."""

import itertools
import os
import shutil
from pathlib import Path

from kerastl.errors import RunError
from kerastl.files import WRITING, remove_abandoned, temporary_path, write_text


class RunLayout:
    """The paths of the files in a run folder."""

    def __init__(self, folder: Path):
        self.folder = folder
        self.config = folder / "config.yaml"  # resolved
        self.splits = folder / "splits.csv"
        self.model = folder / "model.keras"  # without calibration
        self.extractor = folder / "backbone.onnx"  # of a backbone that is no Keras model
        self.bundle = folder / "bundle.json"  # written last
        self.metrics = folder / "metrics.json"
        self.missingness = folder / "missingness.json"
        self.predictions = folder / "predictions.parquet"  # of every example
        self.history = folder / "history.csv"  # one row per epoch
        self.report = folder / "report.html"
        self.card = folder / "MODEL_CARD.md"  # its author may edit it
        self.exports = folder / "export"  # with a folder of each form
        self.state = folder / "state"  # of a training, until everything is written
        self.lock = self.state / "lock"  # held by the process that trains

    @property
    def documents(self) -> tuple[Path, ...]:
        """The files whose content is shown, in tables, texts and reports."""
        scores = (self.metrics, self.missingness, self.predictions, self.history)
        return self.config, self.splits, self.bundle, *scores

    @property
    def checked(self) -> tuple[Path, ...]:
        """The files whose hashes are stored: all but the pages that are written for people."""
        return *self.documents, self.model, self.extractor

    @property
    def is_started(self) -> bool:
        """Whether the folder contains a run, finished or not."""
        return self.config.is_file()

    @property
    def is_finished(self) -> bool:
        """Whether the folder contains a finished run."""
        return self.bundle.is_file()

    @property
    def is_complete(self) -> bool:
        """Whether nothing is left to do: the run is finished, and its report was written."""
        return self.is_finished and not self.state.exists()


def free_name(path: Path) -> Path:
    """Returns `path`, or `path-2`, `path-3`, ... if it exists."""
    numbered = (path.with_name(f"{path.name}-{number}") for number in itertools.count(2))
    return next(free for free in itertools.chain([path], numbered) if not free.exists())


def refuse_taken(path: Path) -> None:
    """Checks that the folder of a new run does not exist or is empty.

    Raises:
        RunError: The path exists and is not an empty folder.
    """
    if path.exists() and (not path.is_dir() or any(path.iterdir())):
        raise RunError(
            f"'{path}' already exists; earlier runs are never overwritten.",
            where=str(path),
            fix=f"Choose another folder, such as --output {free_name(path)}.",
        )


def refuse_links(layout: RunLayout) -> None:
    """Checks that no file of a run is a link to a file elsewhere, which a report would show.

    Raises:
        RunError: A file is such a link.
    """
    folder = layout.folder.resolve()
    for path in (*layout.documents, layout.card):
        if path.is_symlink() and folder not in Path(os.path.realpath(path)).parents:
            raise RunError(
                f"The run file '{path.name}' is a link to a file outside of the run.",
                where=str(path),
                received=str(path.readlink()),
                fix="Replace the link by the file itself, if you trust the run.",
            )


def start_run(layout: RunLayout, *, config: str, splits: str) -> None:
    """Creates the folder of a new run with the resolved config (YAML) and the splits (CSV).

    The folder is renamed when it is complete, so that an interrupted start leaves no run.

    Raises:
        RunError: The path exists and is not an empty folder.
    """
    refuse_taken(layout.folder)
    remove_abandoned(layout.folder)
    begun = RunLayout(temporary_path(layout.folder))
    try:
        begun.state.mkdir(parents=True)
        write_text(begun.config, config)
        write_text(begun.splits, splits)
        if layout.folder.exists():
            layout.folder.rmdir()
        begun.folder.rename(layout.folder)
    finally:
        shutil.rmtree(begun.folder, ignore_errors=True)


def finish_run(layout: RunLayout) -> None:
    """Removes everything that only an interrupted run needs, the state last."""
    remove_leftovers(layout)
    shutil.rmtree(layout.state, ignore_errors=True)


def remove_leftovers(layout: RunLayout) -> None:
    """Removes the temporary files that an interrupted training left in the run folder."""
    for path in layout.folder.rglob(f"{WRITING}*"):
        path.unlink(missing_ok=True)


def no_finished_run(folder: Path) -> RunError:
    """Returns the error that says why a folder cannot be used as a finished run."""
    if not folder.is_dir():
        return RunError(
            f"There is no run '{folder}'.",
            expected="a folder that `kerastl train` wrote",
            fix="Check the path; `kerastl train CONFIG --output RUN` creates a run.",
        )
    if RunLayout(folder).is_started:
        return RunError(
            f"The run '{folder}' is not finished.",
            where=str(folder),
            fix=f"Run `kerastl train --resume {folder}`.",
        )
    return RunError(
        f"The folder '{folder}' does not contain a run.",
        where=str(folder),
        expected="bundle.json and model.keras, as `kerastl train` writes them",
    )
