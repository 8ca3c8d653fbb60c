"""Tables from the label files of CheXpert and NIH ChestX-ray14."""

from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from kerastl.config import parse_config
from kerastl.data.importing.guess import guess_table
from kerastl.data.tables.loading import read_table
from kerastl.errors import TableError
from kerastl_importers.chest import table_from_chexpert, table_from_nih

CHEXPERT = """\
Path,Sex,Age,Frontal/Lateral,AP/PA,No Finding,Edema,Pleural Effusion
CheXpert-v1.0-small/train/patient00001/study1/view1_frontal.jpg,Female,68,Frontal,AP,1.0,,
CheXpert-v1.0-small/train/patient00002/study1/view1_frontal.jpg,Male,87,Frontal,AP,,-1.0,1.0
CheXpert-v1.0-small/train/patient00002/study2/view2_lateral.jpg,Male,87,Lateral,,,0.0,1.0
CheXpert-v1.0-small/train/patient00003/study1/view1_frontal.jpg,Male,20,Frontal,PA,,1.0,
"""
NIH = """\
Image Index,Finding Labels,Follow-up #,Patient ID,Patient Age,Patient Gender,View Position,\
OriginalImage[Width,Height],OriginalImagePixelSpacing[x,y]
00000001_000.png,Cardiomegaly|Emphysema,0,1,57,M,PA,2682,2749,0.143,0.143
00000002_000.png,No Finding,0,2,80,M,AP,2500,2048,0.171,0.171
00000002_001.png,Effusion,1,2,80,M,PA,2500,2048,0.171,0.171
"""


def cells(frame: pd.DataFrame) -> list[list[Any]]:
    plain = frame.astype(object)
    return plain.where(plain.notna(), None).to_numpy().tolist()


def touch(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch()


@pytest.fixture
def chexpert(tmp_path: Path) -> Path:
    for line in CHEXPERT.splitlines()[1:]:
        touch(tmp_path / "chest" / line.partition(",")[0].partition("/")[2])
    (tmp_path / "train.csv").write_text(CHEXPERT)
    return tmp_path / "train.csv"


@pytest.fixture
def nih(tmp_path: Path) -> Path:
    for part, name in (("001", "00000001_000"), ("001", "00000002_000"), ("002", "00000002_001")):
        touch(tmp_path / "nih" / f"images_{part}" / "images" / f"{name}.png")
    (tmp_path / "Data_Entry_2017.csv").write_text(NIH)
    return tmp_path / "Data_Entry_2017.csv"


def test_chexpert_keeps_unmentioned_findings_blank_and_uncertain_ones_uncertain(
    chexpert: Path, tmp_path: Path
) -> None:
    made = table_from_chexpert(chexpert, tmp_path / "chest", relative_to=tmp_path)
    assert made.tasks == ("no_finding", "edema", "pleural_effusion")
    assert cells(made.frame[list(made.tasks)]) == [
        [1, None, None],
        [None, -1, 1],
        [None, 0, 1],
        [None, 1, None],
    ]
    assert made.frame["patient"].tolist() == [f"patient0000{n}" for n in (1, 2, 2, 3)]
    assert made.frame["view"].tolist() == ["Frontal", "Frontal", "Lateral", "Frontal"]
    assert made.frame["path"][0] == "chest/train/patient00001/study1/view1_frontal.jpg"
    assert any("1 label of -1" in note for note in made.notes)


def test_the_guessed_config_of_a_chexpert_table_reads_all_four_kinds_of_cells(
    chexpert: Path, tmp_path: Path
) -> None:
    made = table_from_chexpert(chexpert, tmp_path / "chest", relative_to=tmp_path)
    made.frame.to_csv(tmp_path / "table.csv", index=False)
    guess = guess_table(pd.read_csv(tmp_path / "table.csv", dtype=str), tmp_path / "table.csv")
    assert guess.data["group"] == "patient"
    data = {**guess.data, "tasks": ["edema"], "labels": {"edema": guess.data["labels"]["edema"]}}
    config = parse_config({"data": data, "backbone": {"name": "run:any"}}, where="test")
    table = read_table(config.data)
    assert table.uncertain[:, 0].tolist() == [False, True, False, False]
    assert table.labels[2, 0] == 0


def test_a_finding_that_nih_does_not_list_is_no_or_unknown(nih: Path, tmp_path: Path) -> None:
    made = table_from_nih(nih, tmp_path / "nih", relative_to=tmp_path)
    assert made.tasks == ("cardiomegaly", "effusion", "emphysema")
    assert cells(made.frame[list(made.tasks)]) == [[1, 0, 1], [0, 0, 0], [0, 1, 0]]
    assert made.frame["patient"].tolist() == ["1", "2", "2"]
    assert made.frame["path"][2] == "nih/images_002/images/00000002_001.png"
    blank = table_from_nih(nih, tmp_path / "nih", relative_to=tmp_path, unlisted="unknown")
    assert cells(blank.frame[list(blank.tasks)]) == [[1, None, 1], [0, 0, 0], [None, 1, None]]


def test_files_that_are_missing_are_counted(nih: Path, tmp_path: Path) -> None:
    (tmp_path / "nih/images_002/images/00000002_001.png").unlink()
    made = table_from_nih(nih, tmp_path / "nih", relative_to=tmp_path)
    assert made.notes[0] == "Left out: 1 of 3 files that are missing, first 00000002_001.png."


def test_a_file_of_another_collection_is_refused(chexpert: Path, tmp_path: Path) -> None:
    with pytest.raises(TableError, match="The file is not NIH"):
        table_from_nih(chexpert, tmp_path / "chest", relative_to=tmp_path)


def test_a_cell_that_chexpert_does_not_write_is_named(chexpert: Path, tmp_path: Path) -> None:
    chexpert.write_text(CHEXPERT.replace("-1.0", "maybe"))
    with pytest.raises(TableError) as caught:
        table_from_chexpert(chexpert, tmp_path / "chest", relative_to=tmp_path)
    assert "row 2, column Edema" in caught.value.parts["where"]
    assert caught.value.parts["received"] == "'maybe'"


def test_a_path_without_patient_is_named(tmp_path: Path) -> None:
    touch(tmp_path / "a.jpg")
    (tmp_path / "train.csv").write_text(CHEXPERT.splitlines()[0] + "\na.jpg,,,Frontal,,1.0,,\n")
    with pytest.raises(TableError, match="does not name patient and study"):
        table_from_chexpert(tmp_path / "train.csv", tmp_path, relative_to=tmp_path)


def test_no_file_in_the_folder_is_an_error(chexpert: Path, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(TableError, match="None of the files exists"):
        table_from_chexpert(chexpert, tmp_path / "empty", relative_to=tmp_path)
