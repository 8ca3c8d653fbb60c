"""A few broken inputs of each kind, and that the runner of `make fuzz` finds what it looks for."""

import os
import random
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from runner import Kind, WrongNumberError, all_kinds, fuzz, try_one

from kerastl.errors import KerastlError

# Those that start no server, train nothing and make few inputs in a moment.
QUICK = (
    *("configs", "tables-csv", "tables-parquet", "coco", "label-studio", "megadetector"),
    *("chexpert", "nih", "images", "audio", "bundles"),
)
SEED = 20_000  # not one of those that `make fuzz` usually tries


@pytest.mark.parametrize("name", QUICK)
def test_broken_inputs_are_refused_or_read(name: str, tmp_path: Path) -> None:
    kind = all_kinds()[name]
    (tmp_path / "seeds").mkdir()
    use = kind.prepare(tmp_path / "seeds")
    place = tmp_path / "input"
    accepted = [try_one(kind, use, number, seed=SEED, place=place) for number in range(24)]
    assert 0 < sum(accepted) < 24


def crash() -> bool:
    os._exit(139)


def hang() -> bool:
    time.sleep(60)
    return True


def take_memory() -> bool:
    return bool(np.ones(30_000_000).any())


def answer_wrongly() -> bool:
    raise WrongNumberError("7 is not 8")


def refuse() -> bool:
    raise KerastlError("No.")


@pytest.mark.parametrize(
    ("act", "words"),
    [
        (crash, "the process ended with 139"),
        (hang, "a hang"),
        (take_memory, "MB of memory"),
        (answer_wrongly, "WrongNumberError: 7 is not 8"),
        (lambda: bool(1 // 0), "ZeroDivisionError"),
    ],
)
def test_a_defect_is_found_and_its_input_kept(
    act: Callable[[], bool], words: str, tmp_path: Path
) -> None:
    def use(draw: random.Random, place: Path) -> bool:
        (place / "a.txt").write_text("broken")
        number = draw.random()
        if number == random.Random("0/one/1").random():
            return act()
        return True if number < 0.5 else refuse()

    kind = Kind(name="one", prepare=lambda _: use, limit_seconds=3, limit_megabytes=100)
    found = fuzz(kind, range(4), seed=0, folder=tmp_path)
    assert list(found.defects) == [1]
    assert words in found.defects[1]
    assert (tmp_path / "one-1" / "a.txt").read_text() == "broken"
    assert found.num_accepted + found.num_refused == 3
