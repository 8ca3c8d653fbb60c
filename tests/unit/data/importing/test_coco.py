"""Tables from COCO and LVIS annotations."""

import json

import numpy as np
import pytest

from kerastl.data.importing.coco import table_from_coco
from kerastl.errors import TableError

CATEGORIES = [
    {"id": 1, "name": "person"},
    {"id": 10, "name": "traffic light"},
    {"id": 3, "name": "car"},
]


def annotation(image, category, **more):
    return {"id": 0, "image_id": image, "category_id": category, **more}


@pytest.fixture
def make(tmp_path):
    def build(images, annotations, *, present=None, categories=None, listed=CATEGORIES):
        content = {"images": images, "annotations": annotations, "categories": listed}
        (tmp_path / "instances.json").write_text(json.dumps(content))
        folder = tmp_path / "pictures"
        folder.mkdir(exist_ok=True)
        for name in present if present is not None else [i["file_name"] for i in images]:
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).touch()
        return table_from_coco(
            tmp_path / "instances.json", folder, relative_to=tmp_path, categories=categories
        )

    return build


def values(made):
    return made.frame[list(made.tasks)].astype("float64").to_numpy()


IMAGES = [{"id": 7, "file_name": "a.jpg"}, {"id": 5, "file_name": "sub/b.jpg"}]


def test_a_category_is_1_where_annotated_and_0_elsewhere(make):
    made = make(IMAGES, [annotation(7, 1), annotation(7, 1), annotation(5, 10)])
    assert made.tasks == ("person", "traffic_light", "car")
    assert made.frame["path"].tolist() == ["pictures/a.jpg", "pictures/sub/b.jpg"]
    np.testing.assert_array_equal(values(made), [[1, 0, 0], [0, 1, 0]])


def test_a_crowd_counts_as_present(make):
    made = make(IMAGES, [annotation(7, 1, iscrowd=1)])
    assert values(made)[0, 0] == 1


def test_chosen_categories_keep_their_order_and_may_be_named_as_columns(make):
    made = make(IMAGES, [annotation(5, 10)], categories=["car", "traffic_light", "Traffic Light"])
    assert made.tasks == ("car", "traffic_light")
    np.testing.assert_array_equal(values(made), [[0, 0], [0, 1]])


def test_lvis_leaves_unknown_what_nobody_looked_for(make):
    images = [
        {"id": 7, "file_name": "a.jpg", "neg_category_ids": [3]},
        {
            "id": 5,
            "coco_url": "http://images.cocodataset.org/val2017/b.jpg",
            "neg_category_ids": [],
            "not_exhaustive_category_ids": [1, 10],
        },
    ]
    made = make(images, [annotation(7, 1), annotation(5, 10)], present=["a.jpg", "b.jpg"])
    unknown = np.nan
    np.testing.assert_array_equal(values(made), [[1, unknown, 0], [unknown, 1, unknown]])


def test_missing_images_are_left_out_and_said(make):
    made = make(IMAGES, [annotation(5, 10), annotation(99, 1)], present=["sub/b.jpg"])
    np.testing.assert_array_equal(values(made), [[0, 1, 0]])
    assert made.notes[0].startswith("Left out: 1 of 2 images whose files are missing, first ")
    assert made.notes[1] == "Left out: 1 annotation of no image of the file."


def test_categories_that_share_a_column_are_an_error(make):
    with pytest.raises(TableError, match="cannot become a column"):
        make(IMAGES, [], listed=[{"id": 1, "name": "a b"}, {"id": 2, "name": "A b"}])


def test_no_categories_are_an_error(make):
    with pytest.raises(TableError, match="no categories"):
        make(IMAGES, [], listed=[])


def test_an_unknown_category_is_an_error_with_a_suggestion(make):
    with pytest.raises(TableError, match="Did you mean 'traffic light'"):
        make(IMAGES, [], categories=["trafic light"])


def test_no_image_at_all_is_an_error(make):
    with pytest.raises(TableError, match="None of the annotated images exists"):
        make(IMAGES, [], present=[])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "cannot be read"),
        ("[]", "no usable 'images'"),
        ('{"images": [], "annotations": {}}', "no usable 'annotations'"),
        ('{"images": [{}], "annotations": [], "categories": []}', "no usable 'images'"),
        ('{"images": [], "annotations": [{"id": 1}], "categories": []}', "no usable 'annotations'"),
    ],
)
def test_a_file_that_is_no_coco_file_is_an_error(tmp_path, text, message):
    (tmp_path / "a.json").write_text(text)
    with pytest.raises(TableError, match=message):
        table_from_coco(tmp_path / "a.json", tmp_path, relative_to=tmp_path)


def test_a_missing_file_is_an_error(tmp_path):
    with pytest.raises(TableError, match="cannot be read"):
        table_from_coco(tmp_path / "a.json", tmp_path, relative_to=tmp_path)
