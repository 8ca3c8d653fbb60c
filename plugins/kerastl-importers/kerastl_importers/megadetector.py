"""Tables from the JSON of MegaDetector: what each image contains, or a row for each detection.

Convention: a detector's score is no label that a person gave. An image with a score of at least
`present` is 1, one without a score above `absent` is 0, and everything between is unknown. If
people's labels of whole images are given, each detection inherits what they say for certain: "no"
holds for every part of an image, "yes" only for a detection beside which no other score is above
`absent`.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeGuard

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
    labels_frame,
    read_json,
    received,
    relative_path,
)
from kerastl_importers.labels import read_labels

MAX_BYTES = 2**31
REGION = ("x", "y", "width", "height")


@dataclass(frozen=True, kw_only=True)
class Detection:
    """Something that the detector found in an image."""

    category: str  # its key in `detection_categories`
    score: float  # in [0, 1]
    box: tuple[float, float, float, float]  # left, top, width, height, as fractions of the image


@dataclass(frozen=True, kw_only=True)
class Detections:
    """The content of a file of detections."""

    categories: Mapping[str, str]  # names by key
    images: Sequence[tuple[str, Sequence[Detection] | None]]  # None: the detector failed


def table_from_megadetector(
    source: str | Path,
    images: str | Path,
    *,
    relative_to: str | Path,
    present: float = 0.5,
    absent: float = 0.1,
    crops: bool = False,
    labels: str | Path | None = None,
) -> MadeTable:
    """Makes a table from a file of detections, in the format of MegaDetector's batch output.

    Args:
        images: Folder with the images, as `file` names them.
        relative_to: Folder of the table.
        present: Score from which a category is in an image, and from which a detection is kept.
        absent: Score up to which a category is not in an image.
        crops: Make a row for each detection, with its region, instead of one for each image.
        labels: Table of labels of whole images, for `crops`: `path` and columns of 1, 0 and blank.
    """
    path, folder = Path(source), Path(images)
    found = read_detections(path)
    names = [name for name, _ in found.images]
    files: list[Path | None] = [folder / name for name in names]
    kept, notes = existing_files(files, names, folder=folder, option="--images")
    failed = [row for row in kept if found.images[row][1] is None]
    rows = [row for row in kept if found.images[row][1] is not None]
    if failed:
        first = found.images[failed[0]][0]
        notes += (
            f"Left out: {counted(len(failed), 'image')} that the detector could not read, "
            f"first {first}.",
        )
    if not rows:
        raise TableError("The detector could read none of the images.", where=str(path))
    detections = [found.images[row][1] or () for row in rows]
    paths = [folder / names[row] for row in rows]
    given = paths, detections, found.categories, Path(relative_to), present, absent
    made = _crops(*given, labels) if crops else _images(*given, path)
    return MadeTable(frame=made.frame, tasks=made.tasks, notes=(*notes, *made.notes))


def _images(
    paths: Sequence[Path],
    detections: Sequence[Sequence[Detection]],
    categories: Mapping[str, str],
    relative_to: Path,
    present: float,
    absent: float,
    source: Path,
) -> MadeTable:
    columns = column_names(categories.values(), where=f"{source}: detection_categories")
    places = {key: place for place, key in enumerate(categories)}
    scores = np.zeros((len(paths), len(places)))
    for row, several in enumerate(detections):
        for one in several:
            scores[row, places[one.category]] = max(scores[row, places[one.category]], one.score)
    values = np.where(scores >= present, 1, np.where(scores > absent, UNKNOWN, 0)).astype(np.int8)
    files = pd.DataFrame({FILE_COLUMN: [relative_path(path, relative_to) for path in paths]})
    unsure = int((values == UNKNOWN).sum())
    return MadeTable(
        frame=pd.concat([files, labels_frame(values, list(columns.values()))], axis=1),
        tasks=tuple(columns.values()),
        notes=(
            f"Unknown: {counted(unsure, 'label')} with scores above {absent:g} and below "
            f"{present:g}.",
            "The other labels are the detector's, not a person's: what it overlooked is 0.",
        ),
    )


def _crops(
    paths: Sequence[Path],
    detections: Sequence[Sequence[Detection]],
    categories: Mapping[str, str],
    relative_to: Path,
    present: float,
    absent: float,
    labels: str | Path | None,
) -> MadeTable:
    kept = [[one for one in several if one.score >= present] for several in detections]
    owners = np.repeat(np.arange(len(paths)), [len(several) for several in kept])
    flat = [one for several in kept for one in several]
    if not flat:
        raise TableError(
            "No detection reaches the score from which detections are kept.",
            expected=f"scores of at least {present:g}",
            received=f"{counted(sum(map(len, detections)), 'detection')}, all below",
            fix="Lower it with --present.",
        )
    frame = pd.DataFrame(
        {FILE_COLUMN: [relative_path(paths[row], relative_to) for row in owners.tolist()]}
    )
    frame[list(REGION)] = [one.box for one in flat]
    frame["category"] = [categories[one.category] for one in flat]
    frame["score"] = [one.score for one in flat]
    notes = [
        f"Left out: {counted(sum(map(len, detections)) - len(flat), 'detection')} with scores "
        f"below {present:g}."
    ]
    if labels is None:
        notes.append("The table has no labels yet: add columns of 1, 0 and blank, or --labels.")
        return MadeTable(frame=frame, tasks=(), notes=tuple(notes))
    given = read_labels(Path(labels), paths)
    values = given.values[owners]
    candidates = [sum(one.score > absent for one in several) for several in detections]
    shared = (np.array(candidates) > 1)[owners]
    ambiguous = (values == 1) & shared[:, None]
    values[ambiguous] = UNKNOWN
    if ambiguous.any():
        notes.append(
            f"Unknown: {counted(int(ambiguous.sum()), 'label')} of images with several detections, "
            'because "yes" doesn\'t say which one it is.'
        )
    if given.unlabeled:
        notes.append(
            f"Unknown: all labels of {counted(given.unlabeled, 'image')} without a row "
            f"in {Path(labels).name}."
        )
    table = pd.concat([frame, labels_frame(values, given.tasks)], axis=1)
    return MadeTable(frame=table, tasks=tuple(given.tasks), notes=tuple(notes))


def read_detections(source: Path) -> Detections:
    """Reads a file of detections, or raises a `TableError`."""
    try:
        content = read_json(source, max_bytes=MAX_BYTES)
    except (OSError, ValueError) as error:
        raise _unusable(source, "", getattr(error, "strerror", None) or str(error)) from error
    parts = content if isinstance(content, dict) else {}
    categories, images = parts.get("detection_categories"), parts.get("images")
    if not isinstance(categories, dict) or not isinstance(images, list) or not images:
        raise _unusable(source, "", received(content))
    names = {str(key): name for key, name in categories.items()}
    if not names or not all(isinstance(name, str) and name for name in names.values()):
        raise _unusable(source, "detection_categories", received(categories))
    return Detections(
        categories=names,
        images=[_image(one, f"images[{place}]", names, source) for place, one in enumerate(images)],
    )


def _image(
    image: Any, where: str, categories: Mapping[str, str], source: Path
) -> tuple[str, Sequence[Detection] | None]:
    if not isinstance(image, dict) or not isinstance(image.get("file"), str):
        raise _unusable(source, where, received(image))
    found = image.get("detections")
    if image.get("failure") is not None or found is None:
        return image["file"], None
    if not isinstance(found, list):
        raise _unusable(source, f"{where}.detections", received(found))
    return image["file"], list(_detections(found, f"{where}.detections", categories, source))


def _detections(
    found: Sequence[Any], where: str, categories: Mapping[str, str], source: Path
) -> Iterator[Detection]:
    for place, one in enumerate(found):
        here = f"{where}[{place}]"
        values = one if isinstance(one, dict) else {}
        category, score, box = values.get("category"), values.get("conf"), values.get("bbox")
        if str(category) not in categories:
            raise _unusable(source, f"{here}.category", received(category))
        if not _is_share(score):
            raise _unusable(source, f"{here}.conf", received(score))
        if not isinstance(box, list) or len(box) != 4 or not all(map(_is_share, box)):
            raise _unusable(source, f"{here}.bbox", received(box))
        left, top, width, height = (float(side) for side in box)
        # Boxes are rounded, so they can end a little outside of the image.
        size = (min(width, 1 - left), min(height, 1 - top))
        if min(size) > 0:
            yield Detection(category=str(category), score=float(score), box=(left, top, *size))


def _is_share(value: Any) -> TypeGuard[float]:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= 1


def _unusable(source: Path, where: str, found: str) -> TableError:
    return TableError(
        "The file is not as MegaDetector writes it.",
        where=f"{source}{f': {where}' if where else ''}",
        expected="detection_categories, and images with file and detections: category, conf in "
        "[0, 1], bbox of four fractions",
        received=found,
        fix="Use the JSON of its batch processing, as megadetector.detection.run_detector_batch "
        "writes it.",
    )
