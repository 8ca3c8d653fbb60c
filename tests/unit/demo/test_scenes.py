"""Street scenes: what is drawn is what is said, and the same seed draws the same."""

import dataclasses

import numpy as np
import pytest

from kerastl.demo.brush import HEIGHT, WIDTH, Brush, Camera
from kerastl.demo.scenes import TASKS, Placed, draw_frame, draw_scene


def _pixels(seed: int, number: int, frame: int = 0) -> bytes:
    return draw_frame(draw_scene(seed, number), frame)[0].tobytes()


def test_the_same_seed_draws_identical_pixels() -> None:
    assert _pixels(3, 5) == _pixels(3, 5)


@pytest.mark.parametrize("other", [(4, 5, 0), (3, 6, 0), (3, 5, 1)])
def test_another_seed_scene_or_frame_draws_another_image(other: tuple[int, int, int]) -> None:
    assert _pixels(3, 5) != _pixels(*other)


def test_an_image_has_the_stated_size() -> None:
    image, _ = draw_frame(draw_scene(0, 0), 0)
    assert (image.size, image.mode) == ((WIDTH, HEIGHT), "RGB")


@pytest.mark.parametrize("task", TASKS)
def test_without_its_actors_a_scene_answers_no(task: str) -> None:
    scenes = [draw_scene(0, number) for number in range(30)]
    scene = next(s for s in scenes if draw_frame(s, 0)[1][task] == 1)
    others = tuple(item for item in scene.placed if item.task != task)
    _, answers = draw_frame(dataclasses.replace(scene, placed=others), 0)
    assert answers[task] == 0


@pytest.mark.parametrize("task", TASKS)
def test_an_answer_of_yes_can_be_seen_in_the_pixels(task: str) -> None:
    scenes = [draw_scene(0, number) for number in range(30)]
    scene = next(s for s in scenes if draw_frame(s, 0)[1][task] == 1)
    others = tuple(item for item in scene.placed if item.task != task)
    with_it = np.asarray(draw_frame(scene, 0)[0], float)
    without = np.asarray(draw_frame(dataclasses.replace(scene, placed=others), 0)[0], float)
    assert (np.abs(with_it - without).max(axis=2) > 20).sum() >= 15


def _pedestrian(z: float) -> Placed:
    items = (item for number in range(30) for item in draw_scene(0, number).placed)
    found = next(item for item in items if item.task == "pedestrian")
    return dataclasses.replace(found, x=0.0, z=z, speed=(0.0, 0.0))


def test_what_is_hidden_entirely_is_answered_no() -> None:
    def wall(brush: Brush, rng: np.random.Generator, x: float, z: float) -> None:
        brush.flat(x, z, [(-90.0, -9.0), (90.0, -9.0), (90.0, 90.0), (-90.0, 90.0)], (90, 90, 90))

    hidden = _pedestrian(60.0)
    screen = dataclasses.replace(hidden, task=None, z=30.0, paint=wall)
    scene = dataclasses.replace(draw_scene(0, 0), placed=(hidden, screen))
    assert draw_frame(scene, 0)[1]["pedestrian"] == 0


def test_what_shows_too_little_of_itself_is_left_open() -> None:
    scene = dataclasses.replace(draw_scene(0, 0), placed=(_pedestrian(60.0),))
    assert draw_frame(scene, 0)[1]["pedestrian"] is None


def test_nearer_things_appear_larger_and_lower() -> None:
    camera = Camera(x=0.0, eye=1.5, z=0.0, center=190.0, horizon=120.0, focal=300.0)
    near, far = camera.project(1.0, 0.0, 5.0), camera.project(1.0, 0.0, 20.0)
    assert near[0] - 190.0 == pytest.approx(4 * (far[0] - 190.0))
    assert near[1] > far[1] > 120.0


def test_a_lamp_behind_a_wall_casts_no_halo() -> None:
    brush = Brush(Camera(0.0, 1.5, 0.0, 190.0, 120.0, 300.0), air=(0, 0, 0), visibility=100.0)
    brush.owner = 1
    brush.disc(0.0, 1.5, 10.0, 0.2, (255, 0, 0))
    brush.glow(0.0, 1.5, 10.0, 0.5, (255, 0, 0))
    assert len(brush.shining()) == 1
    brush.owner = 2
    brush.flat(0.0, 5.0, [(-2.0, 0.0), (2.0, 0.0), (2.0, 3.0), (-2.0, 3.0)], (9, 9, 9))
    assert brush.shining() == []
