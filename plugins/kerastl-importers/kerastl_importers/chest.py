"""Tables from the label files of two collections of chest radiographs, CheXpert and NIH.

Convention: both were labeled by programs that read the reports. In CheXpert, a blank means that the
report doesn't mention the finding: unknown. NIH lists findings; one that isn't listed was denied or
not mentioned, which the file can't tell apart.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd

from kerastl.data.importing import (
    BLANKS,
    FILE_COLUMN,
    UNKNOWN,
    MadeTable,
    TableError,
    canonical_cell,
    column_names,
    counted,
    existing_files,
    labels_frame,
    read_frame,
    relative_path,
)
from kerastl_importers.files import find_file

NO_FINDING = "No Finding"
CHEXPERT_COLUMNS = ("Path", "Frontal/Lateral", NO_FINDING)
NIH_COLUMNS = ("Image Index", "Finding Labels", "Patient ID", "View Position")
_CHEXPERT_FACTS = (*CHEXPERT_COLUMNS[:2], "Sex", "Age", "AP/PA")
_CHEXPERT_CELLS = {"1": 1, "0": 0, "-1": -1, **dict.fromkeys(BLANKS)}
_CHEXPERT_PATH = r"(?P<patient>patient\d+)/(?P<study>study\d+)/"


def table_from_chexpert(
    source: str | Path, images: str | Path, *, relative_to: str | Path
) -> MadeTable:
    """Makes a table from CheXpert's `train.csv` or `valid.csv`; uncertain labels stay -1.

    Args:
        images: Folder with the images, at any level of the paths in the file.
        relative_to: Folder of the table.
    """
    path, folder = Path(source), Path(images)
    frame = _read(path, CHEXPERT_COLUMNS, "CheXpert's train.csv or valid.csv")
    names = [str(cell) for cell in frame["Path"]]
    files = [find_file(name, folder) for name in names]
    kept, notes = existing_files(files, names, folder=folder, option="--images")
    frame = frame.iloc[kept].reset_index(drop=True)
    findings = [str(name) for name in frame.columns if name not in _CHEXPERT_FACTS]
    columns = column_names(findings, where=str(path))
    facts = frame["Path"].str.extract(_CHEXPERT_PATH)
    if facts.isna().any(axis=None):
        row = int(facts.isna().any(axis=1).argmax())
        raise TableError(
            "The path does not name patient and study.",
            where=f"{path}: {names[kept[row]]}",
            expected="a path such as train/patient00001/study1/view1_frontal.jpg",
        )
    labels = {columns[name]: _chexpert_cells(frame[name], name, path) for name in findings}
    table = pd.DataFrame(
        {FILE_COLUMN: [relative_path(_there(files[row]), Path(relative_to)) for row in kept]}
    ).assign(patient=facts["patient"], study=facts["study"], view=frame["Frontal/Lateral"])
    uncertain = sum(int((cells == -1).sum()) for cells in labels.values())
    return MadeTable(
        frame=table.assign(**labels),
        tasks=tuple(columns.values()),
        notes=(
            *notes,
            "A program read the reports; a blank is a finding that the report doesn't mention.",
            f"Uncertain: {counted(uncertain, 'label')} of -1, which the config names: `kerastl "
            "config init --table` writes uncertain: ['-1'].",
            "Rows of a patient belong together: group: patient.",
        ),
    )


def table_from_nih(
    source: str | Path,
    images: str | Path,
    *,
    relative_to: str | Path,
    unlisted: Literal["no", "unknown"] = "no",
) -> MadeTable:
    """Makes a table from `Data_Entry_2017.csv` of NIH ChestX-ray14.

    Args:
        images: Folder with the images, at any depth.
        relative_to: Folder of the table.
        unlisted: What a finding is that isn't listed. In images with "No Finding" all are 0.
    """
    path, folder = Path(source), Path(images)
    frame = _read(path, NIH_COLUMNS, "NIH's Data_Entry_2017.csv")
    names = [str(cell) for cell in frame["Image Index"]]
    by_name = {file.name: file for file in folder.rglob("*.png")}
    kept, notes = existing_files(
        [by_name.get(name) for name in names], names, folder=folder, option="--images"
    )
    listed = [set(str(cell).split("|")) for cell in frame["Finding Labels"]]
    findings = sorted(set().union(*listed) - {NO_FINDING})
    columns = column_names(findings, where=str(path))
    blank = 0 if unlisted == "no" else UNKNOWN
    values = np.array(
        [
            [1 if name in one else 0 if NO_FINDING in one else blank for name in findings]
            for one in (listed[row] for row in kept)
        ],
        np.int8,
    ).reshape(len(kept), len(findings))
    some = frame.iloc[kept].reset_index(drop=True)
    table = pd.DataFrame(
        {FILE_COLUMN: [relative_path(by_name[names[row]], Path(relative_to)) for row in kept]}
    ).assign(patient=some["Patient ID"], view=some["View Position"])
    written = "0" if unlisted == "no" else "blank, except in images with No Finding"
    return MadeTable(
        frame=pd.concat([table, labels_frame(values, list(columns.values()))], axis=1),
        tasks=tuple(columns.values()),
        notes=(
            *notes,
            "A program read the reports; a finding that isn't listed was denied or not mentioned: "
            f"{written}. --unlisted sets it.",
            "Rows of a patient belong together: group: patient.",
        ),
    )


def _read(path: Path, columns: Sequence[str], what: str) -> pd.DataFrame:
    frame = read_frame(path)
    if missing := [name for name in columns if name not in frame.columns]:
        raise TableError(
            f"The file is not {what}.",
            where=str(path),
            expected=f"columns {', '.join(columns)}",
            received=f"no column {', '.join(missing)}; it has {', '.join(map(str, frame.columns))}",
        )
    return frame


def _chexpert_cells(cells: pd.Series, name: str, path: Path) -> pd.Series:
    """Returns 1, 0, -1 or blank for cells such as "1.0" and "-1.0"."""
    texts = cells.map(canonical_cell)
    known = texts.isin(list(_CHEXPERT_CELLS))
    if not known.all():
        row = int((~known).argmax())
        raise TableError(
            "The cell is no label of CheXpert.",
            where=f"{path}: row {row + 1}, column {name}",
            expected="1, 0, -1 or blank",
            received=f"'{cells.iloc[row]}'",
        )
    return texts.map(_CHEXPERT_CELLS).astype("Int8")


def _there(path: Path | None) -> Path:
    assert path is not None
    return path
