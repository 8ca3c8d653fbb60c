"""Tables from Label Studio's JSON export: which labels annotators gave each image or audio clip.

Convention: an annotator who finished a task saw all of its labels, so one that is not given is 0.
Tasks without a finished annotation, and labels on which annotators disagree, stay unknown.
"""

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import numpy as np
import pandas as pd

from kerastl.data.importing import (
    FILE_COLUMN,
    UNKNOWN,
    MadeTable,
    TableError,
    column_names,
    counted,
    existing_files,
    is_media_file,
    labels_frame,
    read_json,
    received,
    relative_path,
)
from kerastl_importers.files import find_file

MAX_BYTES = 2**31
_UPLOADED = re.compile("^[0-9a-f]{8}-")  # precedes the name of a file that was uploaded


@dataclass(frozen=True, kw_only=True)
class _Task:
    """One task of an export: its file, and the labels that each annotator gave."""

    file: str
    annotations: Sequence[frozenset[str]]


def table_from_label_studio(
    export: str | Path,
    files: str | Path,
    *,
    relative_to: str | Path,
    labels: Sequence[str] = (),
) -> MadeTable:
    """Makes a table from an export in Label Studio's own JSON; each label becomes a yes/no column.

    Labels are those of choices, and of regions: an image has a label if any of its regions has it.

    Args:
        export: The JSON file.
        files: Folder with the images or audio files, as they are named in the labeling project.
        relative_to: Folder of the table.
        labels: Labels of the project that nobody gave and that the export therefore lacks.
    """
    source, folder = Path(export), Path(files)
    tasks = _read(source)
    given = {label for task in tasks for labels in task.annotations for label in labels}
    names = sorted(given | set(labels))
    if not names:
        raise TableError(
            "The export has no labels.",
            where=str(source),
            expected="annotations with choices, or with regions that have labels",
            fix="Name the labels of the project with --label.",
        )
    columns = column_names(names, where=str(source))
    named = [task.file for task in tasks]
    found = [find_file(name, folder, _UPLOADED.sub("", Path(name).name)) for name in named]
    rows, left_out = existing_files(found, named, folder=folder, option="--files")
    values = np.stack([_values(tasks[row].annotations, names) for row in rows])
    present = [path for path in found if path is not None]
    paths = [relative_path(path, Path(relative_to)) for path in present]
    frame = pd.DataFrame({FILE_COLUMN: paths})
    kept = [tasks[row] for row in rows]
    return MadeTable(
        frame=pd.concat([frame, labels_frame(values, list(columns.values()))], axis=1),
        tasks=tuple(columns.values()),
        notes=(*left_out, *_notes(kept, values, paths)),
    )


def _values(annotations: Sequence[frozenset[str]], names: Sequence[str]) -> np.ndarray:
    """Returns 1, 0 or `UNKNOWN` for each label, `(labels,)`."""
    if not annotations:
        return np.full(len(names), UNKNOWN, np.int8)
    share = np.mean([[name in labels for name in names] for labels in annotations], axis=0)
    return np.where(share == 1, 1, np.where(share == 0, 0, UNKNOWN)).astype(np.int8)


def _read(source: Path) -> list[_Task]:
    try:
        content = read_json(source, max_bytes=MAX_BYTES)
    except (OSError, ValueError) as error:
        raise _unusable(source, "", getattr(error, "strerror", None) or str(error)) from error
    if not isinstance(content, list) or not content:
        raise _unusable(source, "", received(content))
    return [_task(entry, place, source) for place, entry in enumerate(content)]


def _task(entry: Any, place: int, source: Path) -> _Task:
    where = f"[{place}]"
    if not isinstance(entry, dict) or not isinstance(entry.get("data"), dict):
        raise _unusable(source, where, received(entry))
    annotations = entry.get("annotations", entry.get("completions"))  # their name before 2021
    if not isinstance(annotations, list):
        raise _unusable(source, f"{where}.annotations", received(annotations))
    finished = [
        one for one in annotations if not (isinstance(one, dict) and one.get("was_cancelled"))
    ]
    return _Task(
        file=_file(entry["data"], f"{where}.data", source),
        annotations=[
            frozenset(_labels(one, f"{where}.annotations[{number}]", source))
            for number, one in enumerate(finished)
        ],
    )


def _labels(annotation: Any, where: str, source: Path) -> Iterator[str]:
    """Yields the labels of choices and regions; texts, ratings and relations have none."""
    results = annotation.get("result") if isinstance(annotation, dict) else None
    if not isinstance(results, list):
        raise _unusable(source, f"{where}.result", received(results))
    for number, result in enumerate(results):
        kind = str(result.get("type")) if isinstance(result, dict) else ""
        has_labels = kind in ("choices", "taxonomy") or kind.endswith("labels")
        value = result.get("value") if has_labels else {}
        found = value.get(kind, []) if isinstance(value, dict) else None
        if not isinstance(found, list):
            raise _unusable(source, f"{where}.result[{number}].value", received(value))
        for one in found:  # in a taxonomy, the path to a leaf
            yield str(one[-1] if isinstance(one, list) and one else one)


def _file(data: Mapping[str, Any], where: str, source: Path) -> str:
    """Returns the path that a task's data gives: the only value that is an image or audio file."""
    paths = [_path(value) for value in data.values() if isinstance(value, str)]
    media = [path for path in paths if is_media_file(Path(path))]
    if len(media) != 1:
        what = "no image or audio file" if not media else f"several: {', '.join(media[:3])}"
        raise _unusable(source, where, what)
    return media[0]


def _path(address: str) -> str:
    """Returns the path of an address: `/data/local-files/?d=a/b.jpg` is `a/b.jpg`."""
    try:
        parts = urlsplit(address)
    except ValueError:
        return address
    local = parse_qs(parts.query).get("d")
    return local[0] if local else unquote(parts.path)


def _notes(kept: Sequence[_Task], values: np.ndarray, paths: Sequence[str]) -> Iterator[str]:
    if unseen := sum(not task.annotations for task in kept):
        yield f"Unknown: all labels of {counted(unseen, 'task')} without a finished annotation."
    seen = np.array([bool(task.annotations) for task in kept])
    if disputed := int((values[seen] == UNKNOWN).sum()):
        yield f"Unknown: {counted(disputed, 'label')} on which annotators disagree."
    if repeated := sum(count - 1 for count in Counter(paths).values()):
        yield f"{counted(repeated, 'row repeats', 'rows repeat')} the file of another task."
    yield (
        "The export names only labels that somebody gave; --label adds the others of the project, "
        "as columns of 0."
    )


def _unusable(source: Path, where: str, found: str) -> TableError:
    return TableError(
        "The export is not as Label Studio writes it.",
        where=f"{source}{f': {where}' if where else ''}",
        expected="its own JSON: a list of tasks with data and annotations",
        received=found,
        fix="Export the project as JSON; JSON-MIN, CSV and COCO lack who saw what.",
    )
