"""Shared by the benchmarks of frozen backbones: the street table, configs, and fresh processes."""

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np

    from kerastl.data.inputs.streams import FileInputs

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

HERE = Path(__file__).parent
TASKS = ("person", "car", "stop_sign", "traffic_light")
WEIGHTS = "mobilenet_v2_1.0_224_dequant_no_top.weights.h5"
SIZE = 160


def street_table(shared: Path) -> Path:
    """Returns the table of street photos."""
    return shared / "data" / "street" / "street.csv"


def street_weights(shared: Path) -> Path:
    """Returns the weights of MobileNetV2 1.0."""
    return shared / "weights" / WEIGHTS


def write_config(path: Path, shared: Path, *, table: Path | None = None, **more: Any) -> Path:
    """Writes a config of MobileNetV2 on the street photos, or on another table of the same form."""
    config = {
        "data": {
            "table": str((table or street_table(shared)).absolute()),
            "image": "path",
            "tasks": list(TASKS),
            "split": {"column": "split"},
        },
        "backbone": {
            "name": "applications:mobilenet_v2",
            "weights": str(street_weights(shared).absolute()),
            "input_size": SIZE,
        },
        **more,
    }
    path.write_text(json.dumps(config))  # JSON is YAML
    return path


def run_fresh(script: str, *arguments: str, cache: Path | None = None) -> dict[str, Any]:
    """Runs a script of this folder in a process of its own; returns the JSON of its last line."""
    environment = {**os.environ}
    if cache is not None:
        environment["KERASTL_CACHE"] = str(cache)
    done = subprocess.run(
        [sys.executable, str(HERE / script), *arguments],
        capture_output=True,
        text=True,
        env=environment,
        check=False,
    )
    if done.returncode:
        raise SystemExit(f"{script} {' '.join(arguments)} failed:\n{done.stderr[-3000:]}")
    result: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
    return result


def peak_megabytes() -> float:
    """Returns the most memory that this process has held."""
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def print_table(heading: tuple[str, ...], rows: list[tuple[str, ...]]) -> None:
    """Prints a table in Markdown."""
    for row in (heading, ("---",) * len(heading), *rows):
        print("| " + " | ".join(row) + " |")
    sys.stdout.flush()


def file_inputs(paths: Sequence[Path], *, size: int = SIZE) -> "FileInputs":
    """Returns images of `size` by `size` pixels, decoded on demand."""
    from kerastl.data.inputs.streams import FileInputs
    from kerastl.media.image.settings import ImageContract

    return FileInputs(paths, ImageContract(shape=(size, size, 3)))


def load_images(paths: Sequence[Path], *, size: int = SIZE) -> "np.ndarray":
    """Returns decoded images, uint8 `(images, size, size, 3)`."""
    import numpy as np

    return file_inputs(paths, size=size).take(np.arange(len(paths)))
