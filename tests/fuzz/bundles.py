"""Bundles of runs with mutated values: read to the same thresholds and calibration, or refused."""

import json
import random
from pathlib import Path
from typing import Any

from finished_runs import write_run
from mutations import damaged, mutated
from runner import Kind, Use, WrongNumberError

from kerastl.run.bundle import read_bundle
from kerastl.run.layout import RunLayout


def _prepare(seeds: Path) -> Use:
    valid = original(seeds)
    text = json.dumps(valid, indent=2)

    def use(draw: random.Random, place: Path) -> bool:
        layout = RunLayout(place)
        if draw.random() < 0.3:
            layout.bundle.write_bytes(damaged(text.encode(), draw))
        else:
            values = valid
            for _ in range(draw.choice((0, 1, 1, 1, 2, 3))):
                values = mutated(values, draw) if values else values
            layout.bundle.write_text(json.dumps(values), errors="surrogatepass")
        use_bundle(place)
        return True

    return use


def original(seeds: Path) -> Any:
    """Returns the values of a valid bundle."""
    return json.loads((write_run(seeds / "run", rows=12) / "bundle.json").read_text())


def use_bundle(folder: Path) -> None:
    """Reads a bundle, checks its thresholds and writes it."""
    bundle = read_bundle(RunLayout(folder))
    for task, one in bundle.tasks.items():
        if not 0 <= one.threshold <= 1 and one.threshold == one.threshold:
            raise WrongNumberError(f"the threshold {one.threshold} of {task}")
    bundle.model_dump_json()


KINDS = (Kind(name="bundles", prepare=_prepare),)
