"""Tables from COCO and LVIS annotations: whether each category is present in each image.

Convention: COCO marks every instance of its categories, so a category without annotation is absent:
0. LVIS searches each image for some categories only: those of `neg_category_ids` are absent, and
all others without annotation are unknown, those of `not_exhaustive_category_ids` included. A file
is read as LVIS if any image has `neg_category_ids`.

An annotation with `iscrowd: 1` outlines several instances at once: the category is present, so it
counts as 1.
"""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from kerastl.data.importing.coco_file import CocoFile, Id, read_coco
from kerastl.data.importing.made_table import (
    FILE_COLUMN,
    UNKNOWN,
    MadeTable,
    column_name,
    column_names,
    existing_files,
    labels_frame,
    relative_path,
)
from kerastl.data.tables.table_file import MAX_CELLS
from kerastl.errors import TableError, counted, suggestion

_SHOWN = 12
ASSUMED = "An image without an annotation of a category is 0, even if nobody searched for it."
ASSUMED_OF_LVIS = "Unknown: categories that were not searched for in an image."
MAX_CATEGORIES = 10_000


def table_from_coco(
    annotations: str | Path,
    images: str | Path,
    *,
    relative_to: str | Path,
    categories: Sequence[str] | None = None,
) -> MadeTable:
    """Makes a table from a COCO or LVIS file of instances; each category becomes a yes/no column.

    Images that are not in the folder are left out and counted in the notes, which also name the
    categories that no annotation uses.

    Args:
        images: Folder with the images, as `file_name` names them.
        relative_to: Folder of the table.
        categories: Names to keep, as in the file or as columns; None keeps all.
    """
    source, folder = Path(annotations), Path(images)
    content = read_coco(source)
    names = _chosen(content.categories, categories, source)
    columns = column_names(names.values(), where=str(source))
    _refuse_too_large(len(content.images), len(names), source)
    paths = [folder / name for name in content.images.values()]
    present, left_out = existing_files(
        paths, [path.name for path in paths], folder=folder, option="--images"
    )
    _refuse_unreached(content, present, source)
    values = _values(content, list(names))[present]
    kept = [relative_path(paths[row], Path(relative_to)) for row in present]
    labels = labels_frame(values, list(columns.values()))
    are_used = zip(names.values(), (values == 1).any(axis=0), strict=True)
    unused = [name for name, is_used in are_used if not is_used]
    return MadeTable(
        frame=pd.concat([pd.DataFrame({FILE_COLUMN: kept}), labels], axis=1),
        tasks=tuple(columns.values()),
        notes=(*left_out, *_notes(content, unused)),
    )


def _chosen(
    names: Mapping[Id, str], wanted: Sequence[str] | None, source: Path
) -> Mapping[Id, str]:
    if not names:
        raise TableError("The annotations have no categories.", where=str(source))
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


def _refuse_too_large(num_images: int, num_categories: int, source: Path) -> None:
    if num_categories > MAX_CATEGORIES or num_images * num_categories > MAX_CELLS:
        raise TableError(
            "The annotations have too many categories and images for one table.",
            where=str(source),
            expected=f"at most {MAX_CATEGORIES:,} categories and {MAX_CELLS:,} labels",
            received=f"{counted(num_categories, 'category', 'categories')} and "
            f"{counted(num_images, 'image')}",
            fix="Choose categories with --category.",
        )


def _refuse_unreached(content: CocoFile, present: np.ndarray, source: Path) -> None:
    """Refuses annotations that reach no image, so that every label would be 0."""
    images = list(content.images)
    there = {images[row] for row in present}
    known = content.categories.keys()
    if any(image in there and category in known for image, category in content.annotations):
        return
    first = content.annotations[0] if content.annotations else None
    raise TableError(
        "No annotation reaches an image, so every label would be 0.",
        where=str(source),
        expected="annotations of images that exist and of categories of the file; ids are compared "
        'as written, so 7 and "7" differ',
        received=f"{counted(len(content.annotations), 'annotation')}, the first of image "
        f"{first[0]!r} and category {first[1]!r}"
        if first
        else "no annotations",
    )


def _values(content: CocoFile, categories: Sequence[Id]) -> np.ndarray:
    """Returns 1, 0 or `UNKNOWN`, `(images, categories)`."""
    rows = {identifier: row for row, identifier in enumerate(content.images)}
    columns = {identifier: column for column, identifier in enumerate(categories)}
    values = np.full((len(rows), len(columns)), 0 if content.absent is None else UNKNOWN, np.int8)
    for identifier, absent in (content.absent or {}).items():
        values[rows[identifier], [columns[c] for c in absent if c in columns]] = 0
    for image, category in content.annotations:
        if image in rows and category in columns:
            values[rows[image], columns[category]] = 1
    return values


def _notes(content: CocoFile, unused: Sequence[str]) -> Iterator[str]:
    if content.is_of_label_studio:
        yield (
            "Label Studio's COCO export doesn't say which images an annotator saw, so an image "
            "that nobody saw counts as 0. Its own JSON does: kerastl data from-label-studio."
        )
    images, categories = zip(*content.annotations, strict=True)
    for noun, used, known in (
        ("image", images, content.images),
        ("category", categories, content.categories),
    ):
        if num_others := sum(identifier not in known for identifier in used):
            yield f"Left out: {counted(num_others, 'annotation')} of no {noun} of the file."
    if unused:
        more = f" and {len(unused) - _SHOWN:,} more" if len(unused) > _SHOWN else ""
        yield f"No annotation of these images is of {', '.join(unused[:_SHOWN])}{more}."
    yield ASSUMED if content.absent is None else ASSUMED_OF_LVIS
