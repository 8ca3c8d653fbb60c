"""Trainings of broken configs: refused, or trained to probabilities."""

import random
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import soundfile
import yaml
from mutations import mutated
from PIL import Image
from runner import Kind, Use, WrongNumberError

from configs import VALID, _dumped

_MOST = {"epochs": 2, "bootstrap": 20, "patience": 5}


def write_files(folder: Path, *, rows: int = 24) -> None:
    """Writes small images, audio, and a table of both."""
    rng, table = np.random.default_rng(0), []
    for number in range(rows):
        bright, red = number % 2, number // 2 % 2
        pixels = rng.integers(60, 120, (24, 24, 3)).astype(np.uint8) + np.uint8(100 * bright)
        pixels[..., 0] = np.minimum(pixels[..., 0].astype(int) + 60 * red, 255)
        Image.fromarray(pixels).save(folder / f"{number}.png")
        tone = 0.4 * np.sin(np.arange(6000) * rng.uniform(0.6, 0.9)) * bright
        soundfile.write(folder / f"{number}.wav", tone + 0.1 * rng.standard_normal(6000), 8000)
        cell = "" if number % 3 == 0 else str(red)
        table.append({"bright": str(bright), "red": cell, "tone": str(bright)})
    frame = pd.DataFrame(table).assign(scene=[f"s{number // 2}" for number in range(rows)])
    for ending in ("png", "wav"):
        frame["path"] = [str(folder / f"{number}.{ending}") for number in range(rows)]
        frame.to_csv(folder / f"{ending}.csv", index=False)


def _within_time(values: Any) -> Any:
    """Limits what takes long in any training, such as epochs."""
    if isinstance(values, dict):
        return {
            key: min(value, _MOST[key])
            if key in _MOST and isinstance(value, int)
            else _within_time(value)
            for key, value in values.items()
        }
    return [_within_time(one) for one in values] if isinstance(values, list) else values


def _prepare(seeds: Path) -> Use:
    import kerastl

    write_files(seeds)

    def use(draw: random.Random, place: Path) -> bool:
        valid = draw.choice(VALID)
        kind = "wav" if "audio" in valid["data"] else "png"
        valid = {**valid, "data": {**valid["data"], "table": str(seeds / f"{kind}.csv")}}
        values = _within_time(mutated(valid, draw))
        (place / "config.yaml").write_bytes(_dumped(values))
        run = kerastl.train(place / "config.yaml", output=place / "run")
        found = run.predictions[list(run.tasks)].to_numpy()
        if not ((found >= 0) & (found <= 1)).all():
            raise WrongNumberError("no probabilities")
        _ = yaml.safe_load((place / "run" / "config.yaml").read_text())
        return True

    return use


KINDS = (Kind(name="trainings", prepare=_prepare, share=0.1, limit_seconds=90),)
