"""Tables of DICOM files: what says which images belong together, and never who is in them.

Convention: nothing that identifies a person is copied but the patient's id, which keeps the images
of a patient in one split; an id that is made of the patient's name is replaced by its hash.
"""

import hashlib
import os
import re
import warnings
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd

from kerastl.data.importing import FILE_COLUMN, MadeTable, TableError, counted, relative_path

COLUMNS = ("patient", "study", "view", "laterality")
FRAME = "frame"

_TAGS = (
    "PatientID",
    "PatientName",  # to recognize it in the id
    "StudyInstanceUID",
    "ViewPosition",
    "ViewCodeSequence",
    "ImageLaterality",
    "Laterality",
    "NumberOfFrames",
    "Rows",
)
_MAGIC_PLACE, _MAGIC = 128, b"DICM"
_LONGEST_HASH = 12
# What is left out, one and several of it.
_OTHER = ("file of another format", "files of another format")
_NO_IMAGE = ("DICOM without an image, such as a report", "DICOM without images, such as reports")
_DAMAGED = ("damaged DICOM", "damaged DICOM")

Kind = tuple[str, str]


def table_from_dicom(folder: str | Path, *, relative_to: str | Path) -> MadeTable:
    """Makes a table with a row for each DICOM image of a folder, or for each of its frames.

    The columns are `path`, `patient`, `study`, `view` and `laterality`, and `frame` if any file has
    several; what a file does not say is blank, and is counted in the notes.

    Args:
        folder: Folder with the files, at any depth and with any ending.
        relative_to: Folder of the table.

    Raises:
        TableError: There is no DICOM image, or pydicom is missing.
    """
    root, left_out = Path(folder), Counter[Kind]()
    if not root.is_dir():
        raise TableError(f"There is no folder '{root.name}'.", where=str(root))
    rows: list[dict[str, Any]] = []
    for path in sorted(_files(root)):
        values = _read(path)
        if isinstance(values, tuple):
            left_out[values] += 1
            continue
        row = {FILE_COLUMN: relative_path(path, Path(relative_to)), **values}
        frames = row.pop("num_frames")
        rows += [{**row, FRAME: frame if frames > 1 else None} for frame in range(frames)]
    if not rows:
        found = ", ".join(counted(count, *kind) for kind, count in left_out.items())
        raise TableError(
            "The folder contains no DICOM images.", where=str(root), received=found or "no files"
        )
    frame = pd.DataFrame(rows)
    frame[FRAME] = frame[FRAME].astype("Int64")
    if frame[FRAME].isna().all():
        frame = frame.drop(columns=FRAME)
    return MadeTable(
        frame=frame.drop(columns="is_pseudonym"),
        tasks=(),
        notes=tuple(_notes(frame, left_out)),
    )


def _files(root: Path) -> Iterator[Path]:
    for current, folders, names in os.walk(root):
        folders[:] = [name for name in folders if not name.startswith(".")]
        yield from (Path(current, name) for name in names if not name.startswith("."))


def _read(path: Path) -> dict[str, Any] | Kind:
    """Returns the values of a file, or the kind of files without an image that it is."""
    try:
        import pydicom
    except ImportError:
        raise TableError(
            "Reading DICOM needs the package pydicom.", fix="pip install 'kerastl[dicom]'"
        ) from None
    warnings.filterwarnings("ignore", module="pydicom")  # headers with odd values are common
    try:
        with path.open("rb") as file:
            if file.read(_MAGIC_PLACE + len(_MAGIC))[_MAGIC_PLACE:] != _MAGIC:
                return _OTHER
        header = pydicom.dcmread(path, stop_before_pixels=True, specific_tags=list(_TAGS))
        return _values(header) if header.get("Rows") else _NO_IMAGE
    except Exception:  # pydicom raises nearly anything on damaged bytes
        return _DAMAGED


def _values(header: Any) -> dict[str, Any]:
    def text(*names: str) -> str:
        return next((value for name in names if (value := str(header.get(name) or "").strip())), "")

    patient, codes = text("PatientID"), header.get("ViewCodeSequence") or []
    is_name = bool(_words(patient)) and _words(patient) <= _words(text("PatientName"))
    if is_name:
        patient = hashlib.sha256(patient.encode()).hexdigest()[:_LONGEST_HASH]
    return {
        "patient": patient,
        "study": text("StudyInstanceUID"),
        "view": text("ViewPosition") or (str(codes[0].get("CodeMeaning", "")) if codes else ""),
        "laterality": text("ImageLaterality", "Laterality"),
        "num_frames": int(header.get("NumberOfFrames") or 1),
        "is_pseudonym": is_name,
    }


def _words(text: str) -> set[str]:
    return set(re.findall(r"[^\W\d_]+", text.casefold()))


def _notes(frame: pd.DataFrame, left_out: Counter[Kind]) -> Iterator[str]:
    for kind, count in sorted(left_out.items()):
        yield f"Left out: {counted(count, *kind)}."
    files = frame.drop_duplicates(FILE_COLUMN)
    for column in COLUMNS:
        if missing := int((files[column] == "").sum()):
            yield f"Blank: the {column} of {counted(missing, 'file')}."
    if pseudonyms := files.loc[files["is_pseudonym"], "patient"].nunique():
        yield (
            f"Replaced by a hash: {counted(pseudonyms, 'patient id')} made of the patient's name."
        )
    if (files["patient"] != "").any():
        yield "In the config: data: {group: patient}, so that no patient is in two splits."
    yield "The table has no labels yet: add columns of 1, 0 and blank."
