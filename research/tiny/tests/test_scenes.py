"""The generated images: the same everywhere, with answers that fit them."""

import numpy as np
import pytest
from numpy.typing import NDArray

from research.tiny.image import scenes, translucent
from research.tiny.image.batches import augmented, batch, mirrored
from research.tiny.image.draw import fingerprint
from research.tiny.image.drawing import ATTRIBUTES, draw_images

FIRST_100_SHA256 = "d6c82293f4f1a82b9d5ddddd9ed5b3643d80c9fc596bc8a9155d7b1f0d7a292e"
Drawn = tuple[NDArray[np.uint8], NDArray[np.float32]]


@pytest.fixture(scope="module")
def drawn() -> Drawn:
    return draw_images(1, range(300))


def _column(answers: NDArray[np.float32], name: str) -> NDArray[np.float32]:
    return answers[:, ATTRIBUTES.index(name)]


def test_the_first_images_have_the_stored_fingerprint(drawn: Drawn) -> None:
    assert fingerprint(drawn[0][:100]) == FIRST_100_SHA256


def test_an_image_depends_on_its_seed_and_number_alone(drawn: Drawn) -> None:
    assert (draw_images(1, [17])[0][0] == drawn[0][17]).all()
    assert (draw_images(2, [17])[0][0] != drawn[0][17]).any()


def test_answers_are_yes_no_or_open(drawn: Drawn) -> None:
    known = drawn[1][~np.isnan(drawn[1])]
    assert set(np.unique(known)) == {0.0, 1.0}


def test_every_question_has_both_answers(drawn: Drawn) -> None:
    shares = np.nanmean(drawn[1], axis=0)
    assert [n for n, share in zip(ATTRIBUTES, shares, strict=True) if not 0 < share < 1] == []


def test_an_opaque_scene_leaves_questions_about_translucent_ones_open(drawn: Drawn) -> None:
    is_translucent = _column(drawn[1], "is_translucent") == 1
    of_opaque = [ATTRIBUTES.index(name) for name in scenes.ATTRIBUTES]
    of_translucent = [ATTRIBUTES.index(name) for name in translucent.ATTRIBUTES]
    assert np.isnan(drawn[1][is_translucent][:, of_opaque]).all()
    assert np.isnan(drawn[1][~is_translucent][:, of_translucent]).all()


def test_colors_of_gray_images_are_open(drawn: Drawn) -> None:
    is_gray = _column(drawn[1], "is_gray") == 1
    gray = drawn[0][is_gray].astype(int)
    assert np.ptp(gray, axis=3).max() == 0
    assert np.isnan(_column(drawn[1], "color_red")[is_gray]).all()


def test_the_brighter_half_is_the_brighter_half(drawn: Drawn) -> None:
    answers = _column(drawn[1], "left_is_brighter")
    levels = drawn[0].astype(float).mean(axis=3)
    difference = levels[:, :, :32].mean((1, 2)) - levels[:, :, 32:].mean((1, 2))
    known = ~np.isnan(answers) & (np.abs(difference) > 6.0)
    assert (answers[known] == (difference[known] > 0)).all()


def test_mirroring_changes_the_answers_about_sides_and_no_others(drawn: Drawn) -> None:
    changed = mirrored(drawn[1])
    differs = [
        name
        for index, name in enumerate(ATTRIBUTES)
        if not np.array_equal(changed[:, index], drawn[1][:, index], equal_nan=True)
    ]
    assert {name for name in differs if "left" not in name and "right" not in name} == set()
    assert np.array_equal(mirrored(changed), drawn[1], equal_nan=True)


def test_augmentation_mirrors_images_and_answers_together() -> None:
    column = ATTRIBUTES.index("left_is_brighter")
    images = np.zeros((40, 64, 64, 3), np.uint8)
    images[:, :, :24] = 200
    answers = np.ones((40, len(ATTRIBUTES)), np.float32)
    windows, told = augmented(np.random.default_rng(0), images, answers)
    is_left = windows[:, :, :32].mean((1, 2, 3)) > windows[:, :, 32:].mean((1, 2, 3))
    assert 5 < is_left.sum() < 35
    assert (told[:, column] == is_left).all()


def test_batches_of_one_pass_show_every_image_once() -> None:
    numbers = np.arange(40, dtype=np.float32)[:, None]
    answers = np.repeat(numbers, len(ATTRIBUTES), axis=1)
    blank = np.zeros((40, 64, 64, 3), np.uint8)
    column = ATTRIBUTES.index("is_dark")
    seen = [batch(blank, answers, seed=0, index=i, batch_size=8)[1][:, column] for i in range(5)]
    assert sorted(np.concatenate(seen)) == list(range(40))
