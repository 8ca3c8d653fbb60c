"""Street scenes with known labels: placed objects, seen in a few frames by a moving camera.

Convention: a scene is drawn from its seed alone; its frames differ by the camera and by moving
objects, so frames of one scene must never be in different splits.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np
from PIL import Image

from kerastl.demo import actors, street, weather
from kerastl.demo.brush import SIZE, Brush, Camera

TASKS = ("pedestrian", "car", "stop_sign", "traffic_light")
_CLEARLY_VISIBLE = {"pedestrian": 200, "car": 400, "stop_sign": 250, "traffic_light": 200}
_PRESENCE = {"pedestrian": 0.5, "car": 0.5, "stop_sign": 0.45, "traffic_light": 0.5}


@dataclass(frozen=True)
class Placed:
    """An object in the street; lengths are in meters."""

    task: str | None  # of which it is a positive example
    x: float  # to the right of the middle of the street
    z: float  # along the street
    half: float  # half of its width, for its shadow
    speed: tuple[float, float]  # along the street and across it, per frame
    seed: int  # of its looks
    paint: Callable[[Brush, np.random.Generator, float, float], None]

    def place(self, frame: int) -> tuple[float, float]:
        """Returns its position in a frame."""
        along, across = self.speed
        return self.x + across * frame, self.z + along * frame


@dataclass(frozen=True)
class Scene:
    """Everything that the frames of one scene share."""

    seed: tuple[int, int]
    place: str
    weather: str
    placed: tuple[Placed, ...]
    camera: Camera


def draw_scene(seed: int, number: int) -> Scene:
    """Draws scene `number` of the stream `seed`: place, light, camera and objects."""
    rng = np.random.default_rng([seed, number])
    place = str(rng.choice(["city", "suburb", "park"], p=[0.5, 0.3, 0.2]))
    light = weather.draw_name(rng)
    camera = Camera(
        x=rng.uniform(-0.7, 0.7),
        eye=rng.uniform(1.3, 1.8),
        z=0.0,
        center=SIZE[0] * rng.uniform(0.47, 0.53),
        horizon=SIZE[1] * rng.uniform(0.44, 0.52),
        focal=SIZE[0] * rng.uniform(0.85, 1.0),
    )
    placed = [*_props(rng), *_actors(rng, night=light in ("night", "dusk", "rain"))]
    return Scene((seed, number), place, light, tuple(placed), camera)


def draw_frame(scene: Scene, frame: int) -> tuple[Image.Image, dict[str, int | None]]:
    """Draws one image of a scene; also returns the answer to each of `TASKS`.

    It is 1 if one is clearly visible, 0 if none is, and None if too little is visible to tell.
    """
    rng = np.random.default_rng([*scene.seed, frame])
    brush = _stage(scene, frame)
    present = [(item, *item.place(frame)) for item in scene.placed]
    present = [p for p in present if p[2] - brush.camera.z > 2.0]
    spots = [(x, z, item.half, min(item.half, 0.5)) for item, x, z in present]
    brush.ground_shadows(spots, strength=weather.WEATHERS[scene.weather].shadow)
    present.sort(key=lambda item: -item[2])
    for owner, (item, x, z) in enumerate(present, start=1):
        brush.owner = owner
        item.paint(brush, np.random.default_rng(item.seed), x, z)
    visible = dict.fromkeys(TASKS, 0)
    for owner, (item, _, _) in enumerate(present, start=1):
        if item.task:
            visible[item.task] = max(visible[item.task], brush.visible(owner))
    pixels = weather.finished(brush, rng, scene.weather)
    answers = {
        task: 1 if num >= _CLEARLY_VISIBLE[task] else None if num else 0
        for task, num in visible.items()
    }
    return Image.fromarray(pixels.astype(np.uint8)), answers


def _stage(scene: Scene, frame: int) -> Brush:
    light, base = weather.WEATHERS[scene.weather], scene.camera
    shake = np.random.default_rng([*scene.seed, frame, 1])
    camera = Camera(
        x=base.x + 0.25 * frame * float(shake.uniform(-1.0, 1.0)),
        eye=base.eye,
        z=base.z + 0.6 * frame,
        center=base.center + SIZE[0] * float(shake.normal(0.0, 0.01)),
        horizon=base.horizon + SIZE[1] * float(shake.normal(0.0, 0.015)),
        focal=base.focal,
    )
    brush = Brush(camera=camera, air=light.air, visibility=light.visibility, frame=frame)
    rng = np.random.default_rng([*scene.seed, 1_000])
    brush.image.paste(street.sky(rng, light.top, light.air, cloud=light.cloud))
    street.ground(brush, rng, scene.place)
    street.houses(brush, rng, scene.place, night=scene.weather in ("night", "dusk"))
    return brush


def _props(rng: np.random.Generator) -> list[Placed]:
    names = [name for name in street.PROPS if name != "truck"]
    props = []
    for _ in range(int(rng.integers(3, 8))):
        x, z = _beside(rng, 10.0, 34.0, reach=3.4)
        paint = street.PROPS[str(rng.choice(names))]
        props.append(Placed(None, x, z, 0.4, (0.0, 0.0), _seed(rng), paint))
    if rng.random() < 0.15:
        x, z = float(rng.choice([-1.8, 1.8])), rng.uniform(14.0, 30.0)
        props.append(Placed(None, x, z, 1.2, (0.0, 0.0), _seed(rng), street.PROPS["truck"]))
    return props


def _seed(rng: np.random.Generator) -> int:
    return int(rng.integers(1 << 30))


def _beside(
    rng: np.random.Generator, near: float, far: float, *, reach: float = 0.9
) -> tuple[float, float]:
    side = float(rng.choice([-1.0, 1.0]))
    return side * (street.ROAD + rng.uniform(0.1, reach)), rng.uniform(near, far)


def _actors(rng: np.random.Generator, *, night: bool) -> list[Placed]:
    placed = []
    for task, makers in _MAKERS.items():
        if rng.random() < _PRESENCE[task]:
            most = 3 if task in ("pedestrian", "car") else 1
            for _ in range(int(rng.integers(1, most + 1))):
                maker = makers[int(rng.integers(len(makers)))]
                placed.append(maker(rng, _seed(rng), night))
    return placed


def _walker(rng: np.random.Generator, seed: int, night: bool) -> Placed:
    if rng.random() < 0.6:
        speed = (0.0, float(rng.choice([-0.5, 0.5])))
        x, z = rng.uniform(-2.0, 2.0), rng.uniform(4.5, 7.0)
    else:
        x, z = _beside(rng, 7.5, 9.0)
        speed = (float(rng.choice([-0.7, 0.7])), 0.0)
    return Placed("pedestrian", x, z, 0.3, speed, seed, actors.pedestrian)


def _driver(rng: np.random.Generator, seed: int, night: bool) -> Placed:
    is_parked = rng.random() < 0.4
    x = float(rng.choice([-1.0, 1.0])) * (2.75 if is_parked else 1.7)
    speed = 0.0 if is_parked else rng.uniform(0.0, 2.5)
    x, z = x + rng.normal(0.0, 0.15), rng.uniform(6.0, 14.0)
    paint = partial(actors.car_along, night=night)
    return Placed("car", x, z, 1.0, (speed, 0.0), seed, paint)


def _crosser(rng: np.random.Generator, seed: int, night: bool) -> Placed:
    across = float(rng.choice([-1.0, 1.0])) * rng.uniform(0.0, 1.5)
    x, z = rng.uniform(-3.0, 3.0), rng.uniform(10.0, 16.0)
    paint = partial(actors.car_across, night=night)
    return Placed("car", x, z, 2.2, (0.0, across), seed, paint)


def _stop_sign(rng: np.random.Generator, seed: int, night: bool) -> Placed:
    x, z = _beside(rng, 9.0, 11.5, reach=0.5)
    return Placed("stop_sign", abs(x), z, 0.2, (0.0, 0.0), seed, actors.stop_sign)


def _traffic_light(rng: np.random.Generator, seed: int, night: bool) -> Placed:
    paint = partial(actors.traffic_light, lit=int(rng.integers(3)))
    x, z = _beside(rng, 9.0, 11.5, reach=0.5)
    return Placed("traffic_light", -abs(x), z, 0.2, (0.0, 0.0), seed, paint)


_MAKERS: dict[str, tuple[Callable[[np.random.Generator, int, bool], Placed], ...]] = {
    "pedestrian": (_walker,),
    "car": (_driver, _driver, _crosser),
    "stop_sign": (_stop_sign,),
    "traffic_light": (_traffic_light,),
}
