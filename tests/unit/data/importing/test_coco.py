"""Tables from COCO and LVIS annotations."""

import json
import os
import random
import time

import numpy as np
import pytest
from mutations import damaged, mutated

from kerastl.data.importing.coco import ASSUMED, ASSUMED_OF_LVIS, table_from_coco
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
    def build(images, annotations, *, present=None, categories=None, listed=CATEGORIES, **more):
        content = {"images": images, "annotations": annotations, "categories": listed, **more}
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
    assert made.notes[-1] == ASSUMED_OF_LVIS


@pytest.mark.parametrize(("contributor", "count"), [("Label Studio", 1), ("COCO Consortium", 0)])
def test_an_export_of_label_studio_does_not_say_who_saw_what(make, contributor, count):
    made = make(IMAGES, [annotation(5, 10)], info={"year": 2026, "contributor": contributor})
    assert sum("data from-label-studio" in note for note in made.notes) == count


def test_missing_images_are_left_out_and_said(make):
    made = make(IMAGES, [annotation(5, 10), annotation(99, 1)], present=["sub/b.jpg"])
    np.testing.assert_array_equal(values(made), [[0, 1, 0]])
    assert made.notes[0].startswith("Left out: 1 of 2 files that are missing, first ")
    assert made.notes[1] == "Left out: 1 annotation of no image of the file."
    assert made.notes[2] == "No annotation of these images is of person, car."


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
    with pytest.raises(TableError, match="None of the files exists"):
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


def test_ids_may_be_text(make):
    images = [{"id": "a", "file_name": "a.jpg"}, {"id": "b", "file_name": "b.jpg"}]
    listed = [{"id": "1", "name": "person"}, {"id": "2", "name": "car"}]
    made = make(images, [annotation("a", "2"), annotation("b", "1")], listed=listed)
    np.testing.assert_array_equal(values(made), [[0, 1], [1, 0]])
    assert made.notes == (ASSUMED,)


@pytest.mark.parametrize(
    ("annotations", "received"),
    [
        ([annotation("7", 1)], "1 annotation, the first of image '7' and category 1"),
        ([annotation(7, "1")], "1 annotation, the first of image 7 and category '1'"),
        ([annotation(8, 1)] * 2, "2 annotations, the first of image 8 and category 1"),
        ([annotation(7, 1)], "1 annotation, the first of image 7 and category 1"),
        ([], "no annotations"),
    ],
)
def test_annotations_that_reach_no_image_are_an_error(make, annotations, received):
    with pytest.raises(TableError, match="every label would be 0") as refused:
        make(IMAGES, annotations, present=["sub/b.jpg"])
    assert refused.value.parts["received"] == received


def test_categories_without_annotations_are_said(make):
    made = make(IMAGES, [annotation(5, 10), annotation(5, 99)])
    assert made.notes == (
        "Left out: 1 annotation of no category of the file.",
        "No annotation of these images is of person, car.",
        ASSUMED,
    )


@pytest.mark.parametrize(
    ("key", "images", "annotations", "listed"),
    [
        ("images[1].id", [*IMAGES[:1], *IMAGES[:1]], [], CATEGORIES),
        ("images[0].id", [{"id": [7], "file_name": "a.jpg"}], [], CATEGORIES),
        ("images[0].id", [{"id": None, "file_name": "a.jpg"}], [], CATEGORIES),
        ("images[0].id", [{"id": True, "file_name": "a.jpg"}], [], CATEGORIES),
        ("images[0].file_name", [{"id": 7, "file_name": 5}], [], CATEGORIES),
        ("images[0].file_name", [{"id": "a", "coco_url": "x"}], [], CATEGORIES),
        ("images[0].neg_category_ids", [{**IMAGES[0], "neg_category_ids": 3}], [], CATEGORIES),
        ("images[0].neg_category_ids", [{**IMAGES[0], "neg_category_ids": [[3]]}], [], CATEGORIES),
        ("annotations[1].image_id", IMAGES, [annotation(7, 1), annotation({}, 1)], CATEGORIES),
        ("annotations[0].category_id", IMAGES, [annotation(7, 0.5)], CATEGORIES),
        ("categories[1].id", IMAGES, [], [CATEGORIES[0], {"id": 1, "name": "tram"}]),
        ("categories[0].name", IMAGES, [], [{"id": 1, "name": ["person"]}]),
        ("categories[0].name", IMAGES, [], [{"id": 1, "name": "\ud800"}]),
    ],
)
def test_a_wrong_entry_is_named(make, key, images, annotations, listed):
    with pytest.raises(TableError, match="not as COCO and LVIS write them") as refused:
        make(images, annotations, listed=listed, present=[])
    assert refused.value.parts["where"].endswith(f"instances.json: {key}")


def content():
    images = [*IMAGES, {"id": 9, "coco_url": "http://x/c.jpg", "neg_category_ids": [3]}]
    annotations = [annotation(7, 1, bbox=[1, 2, 3, 4]), annotation(5, 10), annotation(9, 3)]
    return {"images": images, "annotations": annotations, "categories": CATEGORIES, "info": {}}


@pytest.mark.parametrize("seed", range(2))
def test_a_mutated_file_is_a_table_or_refused(tmp_path, seed):
    draw = random.Random(seed)
    for name in ("a.jpg", "sub/b.jpg", "c.jpg"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    source = tmp_path / "instances.json"
    num_tables = 0
    for number in range(500):
        if number % 3:
            source.write_text(json.dumps(mutated(content(), draw)))
        else:
            source.write_bytes(damaged(json.dumps(content(), indent=1).encode(), draw))
        try:
            made = table_from_coco(source, tmp_path, relative_to=tmp_path)
        except TableError:
            continue
        made.frame.to_csv(tmp_path / "made.csv")
        assert (made.frame[list(made.tasks)] == 1).any(axis=None)
        num_tables += 1
    assert 100 < num_tables < 400


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[" * 1_000_000, "nested too deeply"),
        ('{"images": ' * 100_000, "nested too deeply"),
        (
            json.dumps(
                {
                    "images": IMAGES,
                    "annotations": [annotation(7, 1)],
                    "categories": [{"id": n, "name": f"c{n}"} for n in range(100_000)],
                }
            ),
            "100,000 categories",
        ),
    ],
    ids=["lists", "mappings", "categories"],
)
def test_what_is_too_deep_or_too_large_is_refused_at_once(tmp_path, text, message):
    (tmp_path / "a.json").write_text(text)
    begin = time.monotonic()
    with pytest.raises(TableError, match=message):
        table_from_coco(tmp_path / "a.json", tmp_path, relative_to=tmp_path)
    assert time.monotonic() - begin < 5


def test_a_pipe_is_refused_without_being_opened(tmp_path):
    os.mkfifo(tmp_path / "a.json")
    with pytest.raises(TableError, match="not a regular file"):
        table_from_coco(tmp_path / "a.json", tmp_path, relative_to=tmp_path)
