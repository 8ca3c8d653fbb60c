"""Tables of DICOM files: patients are groups, and names stay where they are."""

from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from kerastl.errors import TableError
from kerastl_importers.dicom import table_from_dicom

pydicom = pytest.importorskip("pydicom", reason="needs pydicom: pip install 'kerastl[dicom]'")


def write(path: Path, **elements: Any) -> None:
    dataset = pydicom.Dataset()
    dataset.file_meta = pydicom.dataset.FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = pydicom.uid.ExplicitVRLittleEndian
    dataset.SOPClassUID, dataset.SOPInstanceUID = "1.2.840.10008.5.1.4.1.1.1.1", "1.2.3"
    dataset.Rows = 8
    for name, value in elements.items():
        setattr(dataset, name, value)
    path.parent.mkdir(parents=True, exist_ok=True)
    pydicom.dcmwrite(path, dataset, enforce_file_format=True)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    root = tmp_path / "files"
    front = {"PatientID": "17", "PatientName": "Doe^Jane", "StudyInstanceUID": "1.2.5"}
    write(root / "b" / "IM1", **front, ViewPosition="PA", Laterality="L")
    write(root / "a.dcm", PatientID="18", PatientName="Roe^Rick", ImageLaterality="R")
    return root


def test_each_file_is_a_row_with_patient_study_view_and_laterality(folder: Path) -> None:
    made = table_from_dicom(folder, relative_to=folder.parent)
    assert made.frame.to_dict("list") == {
        "path": ["files/a.dcm", "files/b/IM1"],
        "patient": ["18", "17"],
        "study": ["", "1.2.5"],
        "view": ["", "PA"],
        "laterality": ["R", "L"],
    }
    assert made.tasks == ()
    assert made.notes == (
        "Blank: the study of 1 file.",
        "Blank: the view of 1 file.",
        "In the config: data: {group: patient}, so that no patient is in two splits.",
        "The table has no labels yet: add columns of 1, 0 and blank.",
    )


def test_each_frame_of_a_file_is_a_row(folder: Path) -> None:
    write(folder / "c.dcm", PatientID="17", NumberOfFrames=3)
    frame = table_from_dicom(folder, relative_to=folder).frame
    assert frame["path"].tolist() == ["a.dcm", "b/IM1", "c.dcm", "c.dcm", "c.dcm"]
    assert frame["frame"].astype(object).where(frame["frame"].notna(), None).tolist() == [
        *[None, None],
        *[0, 1, 2],
    ]


def test_no_name_gets_into_the_table(folder: Path) -> None:
    name = {"PatientName": "Doe^Jane^M", "PatientID": "Jane Doe"}
    write(folder / "d.dcm", **name)
    write(folder / "e.dcm", **name)
    made = table_from_dicom(folder, relative_to=folder)
    text = made.frame.to_csv().lower() + " ".join(made.notes).lower()
    assert "doe" not in text
    assert "jane" not in text
    same = made.frame.set_index("path")["patient"]
    assert same["d.dcm"] == same["e.dcm"] != ""
    assert "Replaced by a hash: 1 patient id made of the patient's name." in made.notes


def test_what_is_left_out_is_counted(folder: Path) -> None:
    (folder / "notes.txt").write_text("not an image")
    (folder / ".DS_Store").write_text("hidden")
    write(folder / "bad", NumberOfFrames=13)
    (folder / "bad").write_bytes(
        (folder / "bad").read_bytes().replace(b"IS\2\x0013", b"IS\2\x00xy")
    )
    write(folder / "report.dcm", Rows=None)
    notes = table_from_dicom(folder, relative_to=folder).notes
    assert [note for note in notes if note.startswith("Left out")] == [
        "Left out: 1 DICOM without an image, such as a report.",
        "Left out: 1 damaged DICOM.",
        "Left out: 1 file of another format.",
    ]


def test_a_folder_without_dicom_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.png").touch()
    with pytest.raises(TableError) as caught:
        table_from_dicom(tmp_path, relative_to=tmp_path)
    assert caught.value.what == "The folder contains no DICOM images."
    with pytest.raises(TableError, match="There is no folder 'b'"):
        table_from_dicom(tmp_path / "b", relative_to=tmp_path)


def test_the_table_has_blank_cells_in_a_file(folder: Path, tmp_path: Path) -> None:
    table_from_dicom(folder, relative_to=tmp_path).frame.to_csv(tmp_path / "t.csv", index=False)
    assert pd.read_csv(tmp_path / "t.csv")["study"].isna().tolist() == [True, False]
