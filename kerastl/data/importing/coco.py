"""Tables from COCO and LVIS annotations: whether each category is present in each image.

Convention: COCO marks every instance of its categories, so a category without annotation is absent:
0. LVIS searches each image for some categories only: those of `neg_category_ids` are absent, and
all others without annotation are unknown, those of `not_exhaustive_category_ids` included. A file
is read as LVIS if any image has `neg_category_ids`.

An annotation with `iscrowd: 1` outlines several instances at once: the category is present, so it
counts as 1.
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from kerastl.data.importing.folders import (
    FILE_COLUMN,
    UNKNOWN,
    MadeTable,
    column_name,
    column_names,
    labels_frame,
    relative_path,
)
from kerastl.errors import TableError, counted, suggestion

_REQUIRED = {
    "images": ("id",),
    "annotations": ("image_id", "category_id"),
    "categories": ("id", "name"),
}  # fields of the entries of each list


def table_from_coco(
    annotations: str | Path,
    images: str | Path,
    *,
    relative_to: str | Path,
    categories: Sequence[str] | None = None,
) -> MadeTable:
    """Makes a table from a COCO or LVIS file of instances; each category becomes a yes/no column.

    Images that are not in the folder are left out, and counted in the notes.

    Args:
        annotations: JSON file with `images`, `annotations` and `categories`.
        images: Folder with the images, as `file_name` names them.
        relative_to: Folder of the table.
        categories: Names to keep, as in the file or as columns; None keeps all.

    Raises:
        TableError: The file is not a file of instances, a category is unknown, or no image exists.

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
    described = {int(image["id"]): image for image in content["images"]}
    values, num_unassigned = _values(described, content["annotations"], list(names))
    paths = [folder / _file_name(image) for image in described.values()]
    present = np.array([path.is_file() for path in paths], bool)
    if not present.any():
        example = f"{counted(len(paths), 'image')}, such as {paths[0].name}" if paths else None
        raise TableError(
            "None of the annotated images exists.",
            where=str(folder),
            expected=example or "at least one image",
            fix="Name the folder that contains the images with --images.",
        )
    kept = [path for path, is_there in zip(paths, present, strict=True) if is_there]
    missing = [path for path, is_there in zip(paths, present, strict=True) if not is_there]
    lead = pd.DataFrame({FILE_COLUMN: [relative_path(path, Path(relative_to)) for path in kept]})
    labels = labels_frame(values[present], list(columns.values()))
    return MadeTable(
        frame=pd.concat([lead, labels], axis=1),
        tasks=tuple(columns.values()),
        notes=_notes(missing, len(paths), num_unassigned),
    )


def _read(source: Path) -> dict[str, list[Mapping[str, Any]]]:
    try:
        content = json.loads(source.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise TableError(
            "The annotations cannot be read.",
            where=str(source),
            expected="a JSON file of COCO instances",
            received=getattr(error, "strerror", None) or str(error),
        ) from error
    for key, fields in _REQUIRED.items():
        entries = content.get(key) if isinstance(content, dict) else None
        if not isinstance(entries, list) or not all(
            isinstance(entry, dict) and entry.keys() >= {*fields} for entry in entries
        ):
            raise TableError(
                f"The annotations have no usable '{key}'.",
                where=str(source),
                expected=f"a list '{key}' of objects with {' and '.join(fields)}",
                fix="Use the file of instances, such as instances_val2017.json.",
            )
    return content


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
    images: Mapping[int, Mapping[str, Any]],
    annotations: Sequence[Mapping[str, Any]],
    categories: Sequence[int],
) -> tuple[np.ndarray, int]:
    """Returns 1, 0 or `UNKNOWN`, `(images, categories)`, and the number of unassigned ones."""
    rows = {identifier: row for row, identifier in enumerate(images)}
    columns = {identifier: column for column, identifier in enumerate(categories)}
    is_lvis = any("neg_category_ids" in image for image in images.values())
    values = np.full((len(rows), len(columns)), UNKNOWN if is_lvis else 0, np.int8)
    for identifier, image in images.items():
        absent = [columns[c] for c in image.get("neg_category_ids", ()) if c in columns]
        values[rows[identifier], absent] = 0
    num_unassigned = 0
    for annotation in annotations:
        row, column = rows.get(annotation["image_id"]), columns.get(annotation["category_id"])
        num_unassigned += row is None
        if row is not None and column is not None:
            values[row, column] = 1
    return values, num_unassigned


def _file_name(image: Mapping[str, Any]) -> str:
    """Returns the name of an image; LVIS has no `file_name`, but the address ends with it."""
    name = image.get("file_name") or str(image.get("coco_url", "")).rsplit("/", 1)[-1]
    return str(name) or f"{int(image['id']):012d}.jpg"


def _notes(missing: Sequence[Path], num_images: int, num_unassigned: int) -> tuple[str, ...]:
    notes = []
    if missing:
        notes.append(
            f"Left out: {len(missing):,} of {counted(num_images, 'image')} whose files are "
            f"missing, first {missing[0]}."
        )
    if num_unassigned:
        notes.append(f"Left out: {counted(num_unassigned, 'annotation')} of no image of the file.")
    return tuple(notes)
