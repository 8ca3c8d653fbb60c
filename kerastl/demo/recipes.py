"""The data and the config of each demo."""

import importlib
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
    config: str  # its text, which is written next to the table
    examples: str = "images"  # plural noun
    recordings: str | None = None  # table to evaluate after training, relative to the folder
    has_hard: bool = False  # whether `draw` takes `hard`


_DRIVING = """\
# Purpose: recognize objects in street scenes. Half of the labels are blank.
# Data: street scenes drawn by `kerastl demo driving`; frames of one scene share `scene`.
# Command: kerastl train driving.yaml

data:
  table: driving.csv
  image: path
  tasks: [pedestrian, car, stop_sign, traffic_light]
  group: scene                 # frames of one scene stay in one split
  split: {validation: 0.05, test: 0.3}  # exact heads on frozen features hardly need validation

backbone:
  name: tiny:image             # included in kerastl-tiny: no download
  input_size: [96, 144]        # small objects need more pixels than the default of 64

heads: single                  # one output for the four tasks
trainable: false               # the backbone is frozen; its features are computed once
"""

_DIGITS = """\
# Purpose: scanned digits with missing labels. Two fifths of the labels are blank.
# Data: the 1,797 handwritten digits of scikit-learn, written by `kerastl demo digits`.
# Command: kerastl train digits.yaml

data:
  table: digits.csv
  image: path
  tasks: [is_even, at_least_five, has_loop, is_prime, is_multiple_of_three]

backbone:
  name: tiny:image             # included in kerastl-tiny: no download

heads: single
trainable: false
"""

_WAKE_WORD = """\
# Purpose: three wake words that share one small network and one set of other words.
# Data: windows of recordings of synthesized speech, written by `kerastl demo wake-word`. If a
#   window cuts a word, its label is blank.
# Command: kerastl train wake-word.yaml

data:
  table: wake-word.csv
  audio: path
  tasks: [computer, jupiter, marigold]
  group: speaker               # each voice is in one split only
  split: {validation: 0.2, test: 0.3}

backbone:
  name: tiny:speech            # included in kerastl-tiny: no download

heads: single                  # one output for the three words
trainable: false               # the backbone is frozen; its features are computed once

evaluation:
  threshold: false_accepts_per_hour<=12     # promised for new voices: chosen on nine others
  recordings: recordings/validation.csv
"""

RECIPES = {
    recipe.name: recipe
    for recipe in (
        Recipe(
            name="driving",
            summary="drawn street scenes: pedestrian, car, stop sign, traffic light",
            draw="kerastl.demo.driving:draw_driving",
            config=_DRIVING,
        ),
        Recipe(
            name="digits",
            summary="scikit-learn's handwritten digits: five questions about each",
            draw="kerastl.demo.digits:write_digits",
            config=_DIGITS,
        ),
        Recipe(
            name="wake-word",
            summary="synthesized speech: three wake words among others, and long recordings",
            draw="kerastl.demo.wake_word:write_wake_word",
            config=_WAKE_WORD,
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
