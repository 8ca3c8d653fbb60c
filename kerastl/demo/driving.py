"""The driving demo: drawn street scenes as files, and a table with half of the labels blank."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from kerastl.demo.scenes import TASKS, draw_frame, draw_scene

NUM_SCENES = 700
FRAMES_PER_SCENE = 2
SHARE_BLANK = 0.5
_QUALITY = 85


@dataclass(frozen=True, kw_only=True)
class DemoData:
    """The files of a demo."""

    table: Path  # to train on, with missing labels
    truth: Path  # the same rows with all labels that are known
    num_examples: int
    tasks: tuple[str, ...]


def draw_driving(
    folder: Path,
    *,
    seed: int = 0,
    num_scenes: int = NUM_SCENES,
    frames_per_scene: int = FRAMES_PER_SCENE,
) -> DemoData:
    """Draws scenes into `folder`: `images/*.jpg`, `driving.csv` and `truth.csv`.

    The table has the columns path and scene and one column per task. Half of the labels, drawn at
    random, are blank in every split; `truth.csv` has them all. The seed is that of the scenes (the
    groups of the table) and of the blank labels. Existing files are overwritten.
    """
    (folder / "images").mkdir(parents=True, exist_ok=True)
    rows = []
    for number in range(num_scenes):
        scene = draw_scene(seed, number)
        for frame in range(frames_per_scene):
            name = f"images/scene_{number:03d}_{frame}.jpg"
            image, answers = draw_frame(scene, frame)
            image.save(folder / name, quality=_QUALITY)
            rows.append({"path": name, "scene": f"scene_{number:03d}", **answers})
    truth = pd.DataFrame(rows).astype(dict.fromkeys(TASKS, "Int64"))
    return write_with_gaps(
        truth, folder / "driving.csv", tasks=TASKS, share_blank=SHARE_BLANK, seed=seed
    )


def write_with_gaps(
    truth: pd.DataFrame, path: Path, *, tasks: tuple[str, ...], share_blank: float, seed: int
) -> DemoData:
    """Writes `truth.csv` and, with labels blanked at random, the table at `path`."""
    blank = np.random.default_rng([seed, 7]).random((len(truth), len(tasks))) < share_blank
    table = truth.copy()
    table[list(tasks)] = truth[list(tasks)].mask(blank)
    truth_path = path.with_name("truth.csv")
    truth.to_csv(truth_path, index=False)
    table.to_csv(path, index=False)
    return DemoData(table=path, truth=truth_path, num_examples=len(truth), tasks=tasks)
