"""The commands into which faults are injected, their data, and how their results are compared.

A new command needs one entry in `JOBS`.
"""

import json
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import soundfile
from kill_scenarios import SCENARIOS, make_project
from kills import unequal
from PIL import Image

from kerastl.features.cache.cache_layers import FolderLayer
from kerastl.features.cache.row_file import read_row_file
from kerastl.files import WRITING

NUM_MANY = 2_600  # more than a file of features holds, so that a killed extraction has cached some
_ANSWER = """
import sys
from kerastl_runtime import Predictor
print([one.probabilities for one in Predictor(sys.argv[1], threads=1)(sys.argv[2:])])
"""

Differences = Callable[[Path, Path], list[str]]
"""From the folders of two trials to the results that differ."""


@dataclass(frozen=True, kw_only=True)
class Job:
    """Command lines that a user gives one after the other.

    Args:
        name: Name in the table of results.
        lines: The command lines; OUT is the folder of a trial.
        differences: Compares the results of two trials.
        inputs: Which files of the project are inputs that may be damaged.
        is_training: Whether the only command trains `OUT/run`, which is resumed then.
        has_workers: Whether the commands start processes.
        stays_finished: What may be there after a kill, so that the command is not given again.
    """

    name: str
    lines: tuple[str, ...]
    differences: Differences
    inputs: str = "[0-9][0-9].png"
    is_training: bool = False
    has_workers: bool = False
    stays_finished: str | None = None

    def commands(self, out: Path) -> Iterator[list[str]]:
        """Yields the arguments of the commands that are left to do."""
        if self.stays_finished is not None and (out / self.stays_finished).exists():
            return
        if self.is_training and (out / "run" / "config.yaml").is_file():
            run = out / "run"
            if (run / "state").exists() or not (run / "bundle.json").exists():
                yield ["train", "--resume", str(run), "--quiet"]
            return
        for line in self.lines:
            yield [part.replace("OUT", str(out)) for part in line.split()]


def _run(first: Path, second: Path) -> list[str]:
    return unequal(first / "run", second / "run")


def _table(name: str) -> Differences:
    def differences(first: Path, second: Path) -> list[str]:
        return [name] if (first / name).read_bytes() != (second / name).read_bytes() else []

    return differences


def _features(first: Path, second: Path) -> list[str]:
    """Compares the cached features, whichever files they are in."""
    found = [dict(_cached(folder / "cache")) for folder in (first, second)]
    return [] if found[0] == found[1] else ["the cached features"]


def _cached(cache: Path) -> Iterator[tuple[tuple[str, bytes], bytes]]:
    layer = FolderLayer(cache)
    for path in cache.glob("features/*/[!.]*.features"):
        name = path.relative_to(cache).as_posix()
        file = read_row_file(layer, name, path.stat().st_size, None)
        values, intact = file.read(np.arange(len(file.keys)))
        assert intact.all()
        for key, row in zip(file.keys, values, strict=True):
            yield (path.parent.name, key.tobytes()), row.tobytes()


def _comparison(first: Path, second: Path) -> list[str]:
    runs = sorted(path.parent.relative_to(first) for path in first.rglob("bundle.json"))
    found = [
        f"{run}/{name}"
        for run in runs
        for name in unequal(first / run, second / run)
        if name != "report.html"  # is only warned of if it cannot be written
    ]
    values = [
        _without_times(json.loads((o / "it" / "compare.json").read_text())) for o in (first, second)
    ]
    return found + (["compare.json"] if values[0] != values[1] else [])


def _exports(first: Path, second: Path) -> list[str]:
    """Compares the answers of the exported models, whose nodes have random names, and bundles."""
    found = [] if _answers(first) == _answers(second) else ["model.onnx"]
    bundles = [json.loads((o / "export/onnx/bundle.json").read_text()) for o in (first, second)]
    return found + (
        ["bundle.json"] if _without_times(bundles[0]) != _without_times(bundles[1]) else []
    )


def _answers(out: Path) -> str:
    """Returns what an exported model answers, computed in a process of its own."""
    project = next(path / "project" for path in out.parents if (path / "project").is_dir())
    images = sorted(project.glob("[0-9][0-9].png"))
    command = [sys.executable, "-c", _ANSWER, str(out / "export/onnx"), *map(str, images)]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def _without_times(value: Any) -> Any:
    """Returns nested values without seconds, costs, and what is derived from them."""
    own = re.compile("seconds|cost|command|recommendation|config|created|bytes$")
    if isinstance(value, dict):
        return {k: _without_times(v) for k, v in value.items() if not own.search(k)}
    return [_without_times(one) for one in value] if isinstance(value, list) else value


def leftovers(out: Path) -> list[str]:
    """Returns temporary files that a finished job has left; those of the cache may stay an hour."""
    return [
        str(path.relative_to(out))
        for path in out.rglob(f"{WRITING}*")
        if "cache" not in path.relative_to(out).parts
    ]


def _train(name: str, **more: Any) -> Job:
    line = f"train {name}.yaml --output OUT/run --quiet"
    return Job(name=f"train ({name})", lines=(line,), differences=_run, is_training=True, **more)


def _shards(line: str) -> tuple[str, ...]:
    return tuple(f"{line} --shard {index}/3 --output OUT/parts --quiet" for index in range(3))


JOBS = (
    _train("exact"),
    _train("tiny", inputs="many/[0-9]*.png"),  # with a converted network and a model in the cache
    _train("heads"),
    _train("tuned"),
    _train("everything"),
    _train("auto"),
    _train("audio", inputs="words/recordings/*.flac"),
    Job(
        name="compare",
        lines=("compare exact.yaml --axis unknown --seeds 2 --output OUT/it --quiet",),
        differences=_comparison,
    ),
    Job(
        name="extract",
        lines=("extract many.yaml --quiet",),
        differences=_features,
        inputs="many/[0-9]*.png",
    ),
    Job(
        name="extract --shard, merge",
        lines=(*_shards("extract exact.yaml"), "merge OUT/parts"),
        differences=_features,
    ),
    Job(
        name="train --shard, merge",
        lines=(*_shards("train exact.yaml"), "merge OUT/parts --output OUT/run --quiet"),
        differences=_run,
        stays_finished="run/bundle.json",
    ),
    Job(
        name="predict --shard, merge",
        lines=(*_shards("predict done table.csv"), "merge OUT/parts --output OUT/merged.csv"),
        differences=_table("merged.csv"),
    ),
    Job(
        name="evaluate --shard, merge",
        lines=(*_shards("evaluate done --table table.csv"), "merge OUT/parts"),
        differences=lambda first, second: [],
    ),
    Job(
        name="predict",
        lines=("predict done many --output OUT/predictions.parquet --quiet",),
        differences=_table("predictions.parquet"),
        inputs="many/[0-9]*.png",
    ),
    Job(
        name="predict --listen",
        lines=(
            "predict words-done recording.wav --listen --output OUT/found.csv --scores OUT/all.csv",
        ),
        differences=lambda a, b: _table("found.csv")(a, b) + _table("all.csv")(a, b),
        inputs="recording.wav",
    ),
    Job(
        name="export",
        lines=("export done --format onnx --output OUT/export --quiet",),
        differences=_exports,
        has_workers=True,
        stays_finished="export/onnx",
    ),
)


def write_project(folder: Path) -> None:
    """Writes the data and the configs of all jobs; `done` and `words-done` are trained later."""
    make_project(folder)
    many = SCENARIOS["exact"] | {"data": SCENARIOS["exact"]["data"] | {"table": "many/table.csv"}}
    own = {
        "everything": SCENARIOS["tuned"]
        | {"trainable": {"variables": ["*"], "batch_norm": "update"}},
        "auto": SCENARIOS["auto"] | {"fit": SCENARIOS["auto"]["fit"] | {"epochs": 3}},
        "many": many,
        "tiny": many | {"backbone": {"name": "tiny:image"}},
    }
    for name, values in (SCENARIOS | own).items():
        (folder / f"{name}.yaml").write_text(json.dumps(values))  # JSON is YAML
    _draw_many(folder / "many")
    sound, rate = soundfile.read(folder / "words/recordings/test.flac")
    soundfile.write(folder / "recording.wav", np.tile(sound, 40), rate)


def _draw_many(folder: Path) -> None:
    folder.mkdir()
    rng, rows = np.random.default_rng(1), []
    for number in range(NUM_MANY):
        pixels = rng.integers(0, 256, (12, 12, 3), dtype=np.uint8)
        pixels[..., 0] = np.minimum(pixels[..., 0].astype(int) + 60 * (number % 2), 255)
        Image.fromarray(pixels).save(folder / f"{number}.png")
        rows.append({"path": f"{number}.png", "bright": number % 2, "red": number // 2 % 2})
    frame = pd.DataFrame(rows).assign(scene=[f"s{number // 4}" for number in range(NUM_MANY)])
    frame.to_csv(folder / "table.csv", index=False)
