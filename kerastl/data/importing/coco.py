"""Tables from COCO and LVIS annotations: is a category in the picture or not?

Convention: COCO marks every instance of its categories, so what isn't annotated isn't there: 0.
LVIS searches each picture for some categories only: those of `neg_category_ids` are not there, and
all others that are not annotated are unknown, those of `not_exhaustive_category_ids` included. A
file is read as LVIS where any picture has `neg_category_ids`.

An annotation with `iscrowd: 1` outlines several instances at once: the category is there, so it
counts as 1.
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from kerastl.data.importing.folders import UNKNOWN, MadeTable, labels_frame, relative_path
from kerastl.data.importing.names import FILE_COLUMN, column_name, column_names
from kerastl.errors import TableError, suggestion


def table_from_coco(
    annotations: str | Path,
    images: str | Path,
    *,
    relative_to: str | Path,
    categories: Sequence[str] | None = None,
) -> MadeTable:
    """Makes a table from a COCO or LVIS file of instances; each category becomes a yes/no column.

    Pictures that aren't in the folder are left out, and counted in the notes.

    Args:
        annotations: JSON file with `images`, `annotations` and `categories`.
        images: Folder with the pictures, as `file_name` names them.
        relative_to: Folder in which the table will lie.
        categories: Names to keep, as in the file or as columns; None keeps all.

    Raises:
        TableError: The file is no such file, a category is unknown, or no picture is there.

    Example:

    ```python
    made = table_from_coco("instances.json", "val2017", relative_to=".", categories=["person"])
    ```
    """
    source, folder = Path(annotations), Path(images)
    content = _read(source)
    names = _chosen(
        {int(c["id"]): str(c["name"]) for c in content["categories"]}, categories, source
    )
    if not names:
        raise TableError("The annotations have no categories.", where=str(source))
    columns = column_names(names.values(), where=str(source))
    pictures = {int(picture["id"]): picture for picture in content["images"]}
    values, num_strangers = _values(pictures, content["annotations"], list(names))
    paths = [folder / _file_name(picture) for picture in pictures.values()]
    present = np.array([path.is_file() for path in paths], bool)
    if not present.any():
        raise _no_pictures(folder, paths)
    kept = [path for path, is_there in zip(paths, present, strict=True) if is_there]
    lead = pd.DataFrame({FILE_COLUMN: [relative_path(path, Path(relative_to)) for path in kept]})
    labels = labels_frame(values[present], list(columns.values()))
    return MadeTable(
        frame=pd.concat([lead, labels], axis=1),
        tasks=tuple(columns.values()),
        notes=_notes(paths, present, num_strangers),
    )


def _read(source: Path) -> dict[str, list[Mapping[str, Any]]]:
    try:
        content = json.loads(source.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise TableError(
            "The annotations can't be read.",
            where=str(source),
            expected="a JSON file of COCO instances",
            received=getattr(error, "strerror", None) or str(error),
        ) from error
    required = {"images": ("id",), "annotations": ("image_id", "category_id")}
    required["categories"] = ("id", "name")
    for key, fields in required.items():
        entries = content.get(key) if isinstance(content, dict) else None
        if not isinstance(entries, list) or any(not _has(entry, fields) for entry in entries):
            raise TableError(
                f"The annotations have no usable '{key}'.",
                where=str(source),
                expected=f"a list '{key}' of objects with {' and '.join(fields)}",
                fix="Use the file of instances, such as instances_val2017.json.",
            )
    return content


def _has(entry: Any, fields: Sequence[str]) -> bool:
    return isinstance(entry, dict) and all(field in entry for field in fields)


def _chosen(
    names: Mapping[int, str], wanted: Sequence[str] | None, source: Path
) -> Mapping[int, str]:
    if wanted is None:
        return names
    by_column = {column_name(name): identifier for identifier, name in names.items()}
    chosen = {}
    for name in wanted:
        identifier = by_column.get(column_name(name))
        if identifier is None:
            raise TableError(
                f"The annotations have no category '{name}'.",
                where=str(source),
                expected=f"one of {len(names)} categories",
                fix=suggestion(name, names.values()),
            )
        chosen[identifier] = names[identifier]
    return chosen


def _values(
    pictures: Mapping[int, Mapping[str, Any]],
    annotations: Sequence[Mapping[str, Any]],
    categories: Sequence[int],
) -> tuple[np.ndarray, int]:
    """Returns 1, 0 or `UNKNOWN`, `(pictures, categories)`, and how many annotations fit nowhere."""
    rows = {identifier: row for row, identifier in enumerate(pictures)}
    columns = {identifier: column for column, identifier in enumerate(categories)}
    is_lvis = any("neg_category_ids" in picture for picture in pictures.values())
    values = np.full((len(rows), len(columns)), UNKNOWN if is_lvis else 0, np.int8)
    for identifier, picture in pictures.items():
        absent = [columns[c] for c in picture.get("neg_category_ids", ()) if c in columns]
        values[rows[identifier], absent] = 0
    num_strangers = 0
    for annotation in annotations:
        row, column = rows.get(annotation["image_id"]), columns.get(annotation["category_id"])
        num_strangers += row is None
        if row is not None and column is not None:
            values[row, column] = 1
    return values, num_strangers


def _file_name(picture: Mapping[str, Any]) -> str:
    """LVIS has no `file_name`; its pictures are named by the end of their address."""
    name = picture.get("file_name") or str(picture.get("coco_url", "")).rsplit("/", 1)[-1]
    return str(name) or f"{int(picture['id']):012d}.jpg"


def _notes(paths: Sequence[Path], present: np.ndarray, num_strangers: int) -> tuple[str, ...]:
    notes = []
    missing = [path for path, is_there in zip(paths, present, strict=True) if not is_there]
    if missing:
        notes.append(
            f"{len(missing)} of {len(paths)} pictures are missing and were left out, "
            f"first {missing[0]}."
        )
    if num_strangers:
        notes.append(f"{num_strangers} annotations belong to no picture of the file.")
    return tuple(notes)


def _no_pictures(folder: Path, paths: Sequence[Path]) -> TableError:
    return TableError(
        "None of the annotated pictures is there.",
        where=str(folder),
        expected=f"{len(paths)} pictures, such as {paths[0].name}" if paths else "some pictures",
        fix="Name the folder that holds the pictures with --images.",
    )
