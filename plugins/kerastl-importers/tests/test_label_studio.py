"""Tables from exports of Label Studio."""

import json
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from kerastl.data.importing import MadeTable
from kerastl.errors import TableError
from kerastl_importers.label_studio import table_from_label_studio


def choices(*labels: str) -> dict[str, Any]:
    value = {"choices": list(labels)}
    return {"from_name": "seen", "to_name": "image", "type": "choices", "value": value}


def box(label: str) -> dict[str, Any]:
    value = {"x": 1, "y": 2, "width": 3, "height": 4, "rotation": 0, "rectanglelabels": [label]}
    return {"from_name": "box", "to_name": "image", "type": "rectanglelabels", "value": value}


def task(image: str, *results: list[dict[str, Any]], **more: Any) -> dict[str, Any]:
    annotations = [
        {"id": number, "completed_by": number, "was_cancelled": False, "result": result}
        for number, result in enumerate(results)
    ]
    return {"id": 1, "data": {"image": image, "note": "a text"}, "annotations": annotations, **more}


@pytest.fixture
def make(tmp_path: Path):
    def function(*tasks: Any, files: str = "a.jpg b.jpg c.jpg", **given: Any) -> MadeTable:
        (tmp_path / "images").mkdir(exist_ok=True)
        for name in files.split():
            path = tmp_path / "images" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch()
        (tmp_path / "export.json").write_text(json.dumps(list(tasks)))
        return table_from_label_studio(
            tmp_path / "export.json", tmp_path / "images", relative_to=tmp_path, **given
        )

    return function


def cells(table: MadeTable) -> list[list[Any]]:
    frame = table.frame[list(table.tasks)].astype(object)
    return frame.where(frame.notna(), None).to_numpy().tolist()


def test_what_an_annotator_saw_and_left_empty_is_no_and_what_nobody_saw_is_unknown(make) -> None:
    found = make(
        task("/data/upload/1/0a1b2c3d-a.jpg", [choices("Car", "Bus")]),
        task("/data/upload/1/0a1b2c3e-b.jpg", [choices("Car")]),
        task("/data/upload/1/0a1b2c3f-c.jpg"),
    )
    assert found.tasks == ("bus", "car")
    assert cells(found) == [[1, 1], [0, 1], [None, None]]
    assert found.frame["path"].tolist() == ["images/a.jpg", "images/b.jpg", "images/c.jpg"]
    assert "Unknown: all labels of 1 task without a finished annotation." in found.notes


def test_an_annotation_without_any_label_is_no_everywhere(make) -> None:
    assert cells(make(task("a.jpg", [choices("car")]), task("b.jpg", []))) == [[1], [0]]


def test_a_skipped_task_is_unknown(make) -> None:
    skipped = task("b.jpg", [])
    skipped["annotations"][0]["was_cancelled"] = True
    assert cells(make(task("a.jpg", [choices("car")]), skipped)) == [[1], [None]]


def test_regions_say_what_is_in_the_image_and_texts_say_nothing(make) -> None:
    text = {"type": "textarea", "value": {"text": ["a truck"]}}
    relation = {"type": "relation", "from_id": "1", "to_id": "2"}
    found = make(
        task("a.jpg", [box("car"), box("car"), text, relation]), task("b.jpg", [box("bus")])
    )
    assert found.tasks == ("bus", "car")
    assert cells(found) == [[0, 1], [1, 0]]


def test_a_taxonomy_gives_its_leaf(make) -> None:
    value = {"taxonomy": [["animal", "cat"], ["animal", "dog"]]}
    assert make(task("a.jpg", [{"type": "taxonomy", "value": value}])).tasks == ("cat", "dog")


def test_a_label_on_which_annotators_disagree_is_unknown(make) -> None:
    found = make(task("a.jpg", [choices("car", "bus")], [choices("car")]))
    assert found.tasks == ("bus", "car")
    assert cells(found) == [[None, 1]]
    assert "Unknown: 1 label on which annotators disagree." in found.notes


def test_labels_that_nobody_gave_are_columns_of_no_if_they_are_named(make) -> None:
    found = make(task("a.jpg", [choices("car")]), labels=["tram"])
    assert found.tasks == ("car", "tram")
    assert cells(found) == [[1, 0]]


@pytest.mark.parametrize(
    "address",
    [
        "sub/a.jpg",
        "/data/local-files/?d=project/sub/a.jpg",
        "s3://bucket/project/sub/a.jpg",
        "https://host/x/sub/a.jpg?token=1",
        "/data/upload/7/12345678-a.jpg",
    ],
)
def test_a_file_is_found_by_the_end_of_its_address(make, address: str) -> None:
    files = "a.jpg" if "upload" in address else "sub/a.jpg"
    found = make(task(address, [choices("car")]), files=files)
    assert found.frame["path"].tolist() == [f"images/{files}"]


def test_a_path_cannot_leave_the_folder(make, tmp_path: Path) -> None:
    (tmp_path / "secret.jpg").touch()
    with pytest.raises(TableError, match="None of the files exists"):
        make(task("../secret.jpg", [choices("car")]))


def test_files_that_are_missing_are_left_out_and_counted(make) -> None:
    found = make(task("a.jpg", [choices("car")]), task("gone.jpg", [choices("car")]))
    assert len(found.frame) == 1
    assert "Left out: 1 of 2 files that are missing, first gone.jpg." in found.notes


@pytest.mark.parametrize(
    ("content", "where", "received"),
    [
        ({"tasks": []}, "", "keys"),
        ([], "", "an empty list"),
        (["a"], "[0]", "'a'"),
        ([{"image": "a.jpg", "seen": "car", "annotator": 1}], "[0]", "keys"),
        ([{"data": {"image": "a.jpg"}}], "[0].annotations", "nothing"),
        ([task("a.jpg", "car")], "[0].annotations[0].result", "'car'"),
        ([task("a.jpg", [{"type": "choices", "value": 3}])], ".result[0].value", "3"),
        ([task("a.jpg", [{"type": "choices", "value": {"choices": "car"}}])], ".value", "keys"),
        ([task("a.txt", [])], "[0].data", "no image or audio file"),
        ([{"data": {"a": "a.jpg", "b": "b.jpg"}, "annotations": []}], "[0].data", "several: a.jpg"),
    ],
)
def test_what_label_studio_does_not_write_is_refused(
    tmp_path: Path, content: Any, where: str, received: str
) -> None:
    (tmp_path / "export.json").write_text(json.dumps(content))
    with pytest.raises(TableError, match="not as Label Studio writes it") as refused:
        table_from_label_studio(tmp_path / "export.json", tmp_path, relative_to=tmp_path)
    assert where in refused.value.parts["where"]
    assert received in refused.value.parts["received"]


def test_an_export_without_labels_is_refused(make) -> None:
    with pytest.raises(TableError, match="The export has no labels"):
        make(task("a.jpg", []))


def test_the_table_can_be_written_and_read(make, tmp_path: Path) -> None:
    make(task("a.jpg", [choices("car")]), task("b.jpg")).frame.to_csv(
        tmp_path / "table.csv", index=False
    )
    read = pd.read_csv(tmp_path / "table.csv", dtype=str, keep_default_na=False)
    assert read["car"].tolist() == ["1", ""]
