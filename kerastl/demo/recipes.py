"""What each demo draws and the config that it trains with."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from kerastl.demo.driving import Drawn


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """One demo.

    Args:
        name: Name of the demo, of its folder and of its table.
        summary: What it shows, in one sentence.
        draw: Writes the data into a folder; the seed decides what.
        config: Text of the config that is written beside the table.
        things: What an example is, in the plural.
        recordings: Table of long recordings to listen to after training, in the demo's folder.
    """

    name: str
    summary: str
    draw: Callable[[Path, int], "Drawn"]
    config: str
    things: str = "pictures"
    recordings: str | None = None


def _draw_driving(folder: Path, seed: int) -> "Drawn":
    from kerastl.demo.driving import draw_driving

    return draw_driving(folder, seed=seed)


def _write_digits(folder: Path, seed: int) -> "Drawn":
    from kerastl.demo.digits import write_digits

    return write_digits(folder, seed=seed)


def _write_wake_word(folder: Path, seed: int) -> "Drawn":
    from kerastl.demo.wake_word import write_wake_word

    return write_wake_word(folder, seed=seed)


_DRIVING = """\
# Purpose: what can be seen from behind the wheel? Half of the labels are blank.
# Data: street scenes drawn by `kerastl demo driving`; frames of one scene share `scene`.
# Command: kerastl train driving.yaml

data:
  table: driving.csv
  image: path
  tasks: [pedestrian, car, stop_sign, traffic_light]
  group: scene                 # frames of one scene stay in one split

backbone:
  name: tiny:image             # comes with kerastl-tiny: no download
  input_size: [96, 144]        # small things need more pixels than its default of 64

heads: single                  # one output for the four tasks
trainable: false               # the backbone stands still: its features are computed once
"""

_DIGITS = """\
# Purpose: real pictures with gaps in their labels. Two fifths of the labels are blank.
# Data: the 1,797 handwritten digits of scikit-learn, written by `kerastl demo digits`.
# Command: kerastl train digits.yaml

data:
  table: digits.csv
  image: path
  tasks: [is_even, at_least_five, has_loop, is_prime, is_multiple_of_three]

backbone:
  name: tiny:image             # comes with kerastl-tiny: no download

heads: single
trainable: false
"""

_WAKE_WORD = """\
# Purpose: three wake words that share one small network and one set of other words.
# Data: windows of recordings in which espeak-ng speaks, written by `kerastl demo wake-word`. Where
#   a window cuts a word, its answer is blank.
# Command: kerastl train wake-word.yaml

data:
  table: wake-word.csv
  audio: path
  tasks: [computer, jupiter, marigold]
  group: speaker               # the voices of one split speak in no other
  split: {validation: 0.2, test: 0.3}

backbone:
  name: tiny:speech            # comes with kerastl-tiny: no download

heads: single                  # one output for the three words
trainable: false               # the backbone stands still: its features are computed once

evaluation:
  threshold: false_accepts_per_hour<=12     # chosen on a recording of other voices
  recordings: recordings/validation.csv
"""

RECIPES = {
    recipe.name: recipe
    for recipe in (
        Recipe(
            name="driving",
            summary="drawn street scenes: pedestrian, car, stop sign, traffic light",
            draw=_draw_driving,
            config=_DRIVING,
        ),
        Recipe(
            name="digits",
            summary="scikit-learn's handwritten digits: five questions about each",
            draw=_write_digits,
            config=_DIGITS,
        ),
        Recipe(
            name="wake-word",
            summary="synthesized speech: three wake words among others, and long recordings",
            draw=_write_wake_word,
            config=_WAKE_WORD,
            things="windows of sound",
            recordings="recordings/test.csv",
        ),
    )
}


def prepare(recipe: Recipe, folder: Path, *, seed: int = 0) -> tuple[Path, "Drawn"]:
    """Writes the data and the config of a demo.

    Args:
        recipe: One of `RECIPES`.
        folder: Folder of the demo, made where it doesn't exist.
        seed: Seed of the data.

    Returns:
        The path of the config, and what was drawn.
    """
    drawn = recipe.draw(folder, seed)
    config = folder / f"{recipe.name}.yaml"
    config.write_text(recipe.config, encoding="utf-8")
    return config, drawn
