"""Predictions for files, folders and tables."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np
import pandas as pd

from kerastl.data.inputs.streams import FileInputs
from kerastl.data.tables.table_file import read_frame
from kerastl.errors import RunError, TableError
from kerastl.features.cache.location import cache_folder
from kerastl.features.engines.engine import REFERENCE, EngineName
from kerastl.features.source import FeatureSource
from kerastl.heads.builder import find_layer
from kerastl.heads.logits import HeadLogits
from kerastl.media.cuts import Cuts, cell_text, cut_of, read_cuts, refuse_bad_cuts
from kerastl.media.decoder import WHOLE, Cut
from kerastl.progress import Progress
from kerastl.run.bundle import Bundle
from kerastl.run.scoring import calibrate

if TYPE_CHECKING:
    import keras

TABLES = (".csv", ".parquet", ".pq")


@dataclass(frozen=True)
class InputFile:
    """One example to predict."""

    path: Path
    name: str  # as the user wrote it
    cut: Cut = WHOLE


def predict(
    model: "keras.Model",
    bundle: Bundle,
    files: Sequence[InputFile],
    *,
    cache: bool,
    progress: Progress,
) -> pd.DataFrame:
    """Returns one row per example; see `kerastl.runs.Run.predict`."""
    cuts = Cuts.gather((file.cut for file in files), bundle.media.cut_columns)
    logits, errors, _ = file_logits(
        model,
        bundle,
        [file.path for file in files],
        cuts=cuts,
        on_error="collect",
        cache=cache,
        progress=progress,
    )
    columns: dict[str, object] = {"path": [file.name for file in files]}
    if cuts is not None:
        columns |= cuts.table_columns()
    readable = np.array([row not in errors for row in range(len(files))])
    for task, values in zip(bundle.task_names, calibrate(bundle, logits).T, strict=True):
        columns[task] = np.where(readable, values, np.nan)
        decisions = pd.array(values >= bundle.thresholds[task]).astype("Int8")
        decisions[~readable] = pd.NA
        columns[f"{task}_decision"] = decisions
    columns["error"] = [errors.get(row) for row in range(len(files))]
    return pd.DataFrame(columns)


def file_logits(
    model: "keras.Model",
    bundle: Bundle,
    paths: Sequence[Path],
    *,
    cuts: Cuts | None,
    on_error: Literal["raise", "collect"],
    engine: EngineName = "auto",
    cache: bool,
    progress: Progress,
) -> tuple[np.ndarray, Mapping[int, str], str]:
    """Returns uncalibrated logits in the precision of the shipped model, and unreadable files.

    Returns:
        `(files, tasks)`, with meaningless rows for unreadable files; the index of each unreadable
        file to the reason; and the label of the engine that computed the features.

    Raises:
        MediaError: A file is unreadable, with `on_error="raise"`.
    """
    inputs = FileInputs(paths, bundle.input, cuts=cuts, on_error=on_error)
    source = FeatureSource(cache=cache_folder() if cache else None, engine=engine)
    found = source.features_of(find_layer(model), inputs, progress=progress)
    used = found.facts.scores.engine if found.facts.scores else REFERENCE
    return HeadLogits(model, bundle.task_names)(found.values), inputs.errors, used


def find_files(bundle: Bundle, inputs: str | Path | Iterable[str | Path]) -> list[InputFile]:
    """Returns the examples in files, folders and tables, with files of the run's media type.

    Raises:
        RunError: There are no examples.
        TableError: A table lacks the column with the files.
    """
    given = [Path(item) for item in ([inputs] if isinstance(inputs, str | Path) else inputs)]
    found = [file for item in given for file in _files_in(item, bundle)]
    if not found:
        raise RunError(
            "There is nothing to predict.",
            where=", ".join(map(str, given)),
            expected=f"files, folders or a table of {bundle.media.nouns}",
        )
    return found


def _files_in(item: Path, bundle: Bundle) -> list[InputFile]:
    if item.is_dir():
        inside = sorted(
            path for path in item.rglob("*") if path.is_file() and bundle.media.matches(path)
        )
        return [InputFile(path, str(path)) for path in inside]
    if item.suffix.lower() in TABLES:
        return _files_in_table(item, bundle)
    return [InputFile(item, str(item))]


def _files_in_table(table: Path, bundle: Bundle) -> list[InputFile]:
    frame = read_frame(table)
    column = bundle.data.column
    if column not in frame.columns:
        raise TableError(
            f"The table lacks the column '{column}'.",
            where=str(table),
            expected=f"the column with the files, named as in the run's config: {column}",
            received=", ".join(str(name) for name in frame.columns[:12]),
        )
    cuts = read_cuts(frame, bundle.media, tasks=bundle.task_names)
    refuse_bad_cuts(cuts, bundle.media, source=table.name)
    names = [cell_text(cell) for cell in frame[column]]
    return [
        InputFile(table.parent / name, name, cut_of(cuts, row)) for row, name in enumerate(names)
    ]
