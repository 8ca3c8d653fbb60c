"""The driving demo: drawn street scenes as files, and their table with half of the labels blank."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from kerastl.demo.scenes import TASKS, Scene, draw_frame, draw_scene

NUM_SCENES = 300
FRAMES_PER_SCENE = 4
SHARE_BLANK = 0.5
_QUALITY = 85


@dataclass(frozen=True, kw_only=True)
class Drawn:
    """What a demo has written.

    Args:
        table: The table to train on; its labels have gaps.
        truth: The same rows with every label that was known to the one who drew them.
        num_examples: Number of rows.
        tasks: Names of the label columns.
    """

    table: Path
    truth: Path
    num_examples: int
    tasks: tuple[str, ...]


def draw_driving(
    folder: Path,
    *,
    seed: int = 0,
    num_scenes: int = NUM_SCENES,
    frames_per_scene: int = FRAMES_PER_SCENE,
) -> Drawn:
    """Draws scenes into `folder`: `images/*.jpg`, `driving.csv` and `truth.csv`.

    The table has the columns path, scene and one per question; half of the answers are blank, in
    every row by chance, those that are scored included. `truth.csv` has them all.

    Args:
        folder: Made where it doesn't exist; files of an earlier drawing are overwritten.
        seed: Seed of scenes and blanks.
        num_scenes: Number of scenes, the groups of the table.
        frames_per_scene: Pictures of each.
    """
    (folder / "images").mkdir(parents=True, exist_ok=True)
    rows = [
        _write_frame(folder, scene, number, frame)
        for number in range(num_scenes)
        for scene in [draw_scene(seed, number)]
        for frame in range(frames_per_scene)
    ]
    truth = pd.DataFrame(rows).astype(dict.fromkeys(TASKS, "Int64"))
    return write_with_gaps(
        truth, folder / "driving.csv", tasks=TASKS, share_blank=SHARE_BLANK, seed=seed
    )


def write_with_gaps(
    truth: pd.DataFrame, path: Path, *, tasks: tuple[str, ...], share_blank: float, seed: int
) -> Drawn:
    """Writes `truth.csv` and, with each label blanked by chance, the table at `path`."""
    blank = np.random.default_rng([seed, 7]).random((len(truth), len(tasks))) < share_blank
    table = truth.copy()
    table[list(tasks)] = truth[list(tasks)].mask(blank)
    truth_path = path.with_name("truth.csv")
    truth.to_csv(truth_path, index=False)
    table.to_csv(path, index=False)
    return Drawn(table=path, truth=truth_path, num_examples=len(truth), tasks=tasks)


def _write_frame(folder: Path, scene: Scene, number: int, frame: int) -> dict[str, object]:
    name = f"images/scene_{number:03d}_{frame}.jpg"
    picture, answers = draw_frame(scene, frame)
    picture.save(folder / name, quality=_QUALITY)
    return {"path": name, "scene": f"scene_{number:03d}", **answers}
