"""The trainings that are killed: their configs, and the data and the plugin that these name."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from PIL import Image

from kerastl.demo.wake_word import write_wake_word

_FIT = {"solver": "keras", "epochs": 6, "batch_size": 16, "backbone_learning_rate": 3.0e-3}
_ON_IMAGES = {
    "data": {"table": "table.csv", "image": "path", "tasks": ["bright", "red"], "group": "scene"},
    "backbone": {"name": "killed:network"},
    "fit": _FIT,
}
_HEADS = {"all": {"tasks": ["bright", "red"], "hidden": [6], "dropout": 0.3}}
_AUGMENT = {"flip": True, "zoom": 0.2, "shift": 0.1, "brightness": 0.1}
_AUGMENT_AUDIO = {
    "shift": 0.1,
    "gain": 6.0,
    "noise": {"probability": 0.8},
    "reverberation": {"probability": 0.8},
    "spec_augment": {"masks": 1},
}
SCENARIOS: dict[str, dict[str, Any]] = {
    "exact": {key: value for key, value in _ON_IMAGES.items() if key != "fit"},
    "heads": _ON_IMAGES | {"heads": _HEADS},
    "augmented": _ON_IMAGES | {"heads": _HEADS, "augment": _AUGMENT},
    "tuned": _ON_IMAGES
    | {
        "heads": _HEADS,
        "trainable": {"stages": 2, "batch_norm": "update"},
        "augment": _AUGMENT,
    },
    "last_stage": _ON_IMAGES
    | {"trainable": {"stages": 1, "batch_norm": "update"}, "augment": None},
    # 20 validation labels of the rarer class are needed to try several rates
    "auto": _ON_IMAGES
    | {
        "data": _ON_IMAGES["data"] | {"table": "many.csv", "split": {"validation": 0.5}},
        "trainable": "auto",
        "fit": {"solver": "keras", "epochs": 8, "batch_size": 16},
        "augment": _AUGMENT,
    },
    "audio": {
        "data": {
            "table": "words/wake-word.csv",
            "audio": "path",
            "tasks": ["computer", "jupiter", "marigold"],
            "group": "speaker",
        },
        "backbone": {"name": "tiny:speech"},
        "heads": {"words": {"tasks": ["computer", "jupiter", "marigold"], "hidden": [6]}},
        "trainable": {"stages": 1, "batch_norm": "update"},
        "fit": _FIT | {"epochs": 3},
        "augment": _AUGMENT_AUDIO,
    },
}


def make_project(folder: Path) -> None:
    """Writes small data for all scenarios and the entry point of the plugin."""
    folder.mkdir(parents=True, exist_ok=True)
    frame = _draw_images(folder, 120)
    frame.to_csv(folder / "many.csv", index=False)
    frame[:60].to_csv(folder / "table.csv", index=False)
    write_wake_word(folder / "words", training_seconds=4, validation_seconds=4, test_seconds=4)
    metadata = folder / "plugin" / "kerastl_killed-1.0.dist-info"
    metadata.mkdir(parents=True)
    (metadata / "METADATA").write_text(
        "Metadata-Version: 2.1\nName: kerastl-killed\nVersion: 1.0\n"
    )
    (metadata / "entry_points.txt").write_text(
        "[kerastl.backbones]\nkilled = kill_backbone:family\n"
    )


def _draw_images(folder: Path, count: int) -> pd.DataFrame:
    """Writes images of 12 x 12 pixels and returns their table."""
    rng, rows = np.random.default_rng(0), []
    for number in range(count):
        bright, red = number % 2, (number // 2) % 2
        level = (105, 135)[bright] + int(rng.integers(-40, 40))
        pixels = rng.integers(level - 20, level + 20, (12, 12, 3)).astype(np.uint8)
        pixels[3:9, 3:9, 0] = np.minimum(level + (10, 60)[red] + int(rng.integers(-30, 30)), 255)
        Image.fromarray(pixels).save(folder / f"{number:02d}.png")
        known = "" if number % 3 == 0 else red
        rows.append({"path": f"{number:02d}.png", "bright": bright, "red": known})
    return pd.DataFrame(rows).assign(scene=[f"s{number // 2}" for number in range(count)])
