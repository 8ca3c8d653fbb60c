"""The data and the config of each demo."""

import importlib
import importlib.resources
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from kerastl.demo.driving import DemoData


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """One demo."""

    name: str  # of the demo, its folder and its table
    summary: str
    draw: str  # function that writes the data, as `module:name`
    examples: str = "images"  # plural noun
    recordings: str | None = None  # table to evaluate after training, relative to the folder
    has_hard: bool = False  # whether `draw` takes `hard`

    @property
    def config(self) -> str:
        """Text of its config, which is written next to the table."""
        path = importlib.resources.files(__package__) / "configs" / f"{self.name}.yaml"
        return path.read_text(encoding="utf-8")


RECIPES = {
    recipe.name: recipe
    for recipe in (
        Recipe(
            name="driving",
            summary="drawn street scenes: pedestrian, car, stop sign, traffic light",
            draw="kerastl.demo.driving:draw_driving",
        ),
        Recipe(
            name="digits",
            summary="scikit-learn's handwritten digits: five questions about each",
            draw="kerastl.demo.digits:write_digits",
        ),
        Recipe(
            name="wake-word",
            summary="synthesized speech: three wake words among others, and long recordings",
            draw="kerastl.demo.wake_word:write_wake_word",
            examples="windows",
            recordings="recordings/test.csv",
            has_hard=True,
        ),
    )
}


def prepare(
    recipe: Recipe, folder: Path, *, seed: int = 0, **options: bool
) -> tuple[Path, "DemoData"]:
    """Writes data and config of a demo; returns the path of the config, and the files."""
    module, _, name = recipe.draw.partition(":")
    data = getattr(importlib.import_module(module), name)(folder, seed=seed, **options)
    config = folder / f"{recipe.name}.yaml"
    config.write_text(recipe.config, encoding="utf-8")
    return config, data
