"""Time and memory of the commands on tables of a thousand to a million images.

    python benchmarks/scale_commands.py --rows 1000 10000 100000 1000000

The images are blobs of color of 64 x 64 pixels, each other bytes; the labels of four tasks depend
on them, and 40 % are unknown. The backbone is `tiny:image`. Each command is a process of its own,
and the cache begins empty. Prints seconds, rows per second, seconds of processors, and the memory
of the process at its peak.
"""

import argparse
import io
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
from frozen_common import print_table
from PIL import Image

TASKS = ("red", "green", "blue", "bright")
UNKNOWN = 0.4
PER_FOLDER = 10_000


def write_images(folder: Path, numbers: range) -> list[tuple[str, np.ndarray]]:
    """Writes images; returns their paths, and the mean color of each."""
    found = []
    for number in numbers:
        rng = np.random.default_rng(number)
        color = rng.uniform(60, 190, 3)
        pixels = np.clip(color + rng.normal(0, 50, (8, 8, 3)), 0, 255).astype(np.uint8)
        data = io.BytesIO()
        Image.fromarray(pixels).resize((64, 64), Image.Resampling.BICUBIC).save(data, "JPEG")
        path = folder / str(number // PER_FOLDER) / f"{number}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data.getvalue())
        found.append((str(path), color))
    return found


def write_table(folder: Path, num_rows: int) -> Path:
    """Writes images and their table; returns the table."""
    parts = [range(i, min(i + 1000, num_rows)) for i in range(0, num_rows, 1000)]
    with ProcessPoolExecutor() as pool:
        rows = [row for part in pool.map(partial(write_images, folder), parts) for row in part]
    rng = np.random.default_rng(0)
    colors = np.array([color for _, color in rows])
    scores = np.column_stack([colors - 125, colors.sum(1) - 375]) + rng.normal(0, 30, (num_rows, 4))
    labels = pd.DataFrame((scores > 0).astype(int), columns=TASKS).astype("Int8")
    labels = labels.mask(rng.random(labels.shape) < UNKNOWN)
    labels.insert(0, "image", [path for path, _ in rows])
    labels.to_csv(table := folder / f"{num_rows}.csv", index=False)
    return table


def measured(cache: Path, *arguments: object) -> tuple[float, float, float]:
    """Runs a command; returns seconds, seconds of processors, and megabytes at the peak."""
    started = time.perf_counter()
    with tempfile.TemporaryFile() as log:
        process = subprocess.Popen(
            [str(Path(sys.executable).with_name("kerastl")), *map(str, arguments)],
            env={**os.environ, "KERASTL_CACHE": str(cache), "KERASTL_CACHE_LIMIT": "1TB"},
            stdout=log,
            stderr=subprocess.STDOUT,
        )
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            log.seek(0)
            raise SystemExit(f"{arguments}: {log.read()[-3000:].decode()}")
    seconds = time.perf_counter() - started
    return seconds, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024


def measure(folder: Path, num_rows: int) -> list[tuple[str, ...]]:
    """Returns a row for each command."""
    table, cache = write_table(folder, num_rows), folder / f"cache-{num_rows}"
    config, run = folder / f"{num_rows}.yaml", folder / f"run-{num_rows}"
    settings = {
        "data": {"table": str(table), "image": "image", "tasks": list(TASKS)},
        "backbone": {"name": "tiny:image"},
    }
    config.write_text(json.dumps(settings))
    commands = {
        "data check": ("data", "check", config),
        "extract": ("extract", config),
        "train": ("train", config, "--output", run),
        "predict": ("predict", run, table, "--output", folder / "predictions.csv", "--no-export"),
        "evaluate": ("evaluate", run, "--no-cache"),
    }
    rows = []
    for name, arguments in commands.items():
        seconds, of_processors, megabytes = measured(cache, *arguments)
        figures = f"{seconds:,.1f} s", f"{num_rows / seconds:,.0f}/s", f"{of_processors:,.1f} s"
        rows.append((f"{num_rows:,}", name, *figures, f"{megabytes:,.0f} MB"))
        print(*rows[-1], flush=True)
    return rows


def main(arguments: Sequence[str] | None = None) -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, nargs="+", default=[1000, 10_000])
    parser.add_argument("--folder", type=Path, help="Where files are written; default: temporary.")
    given = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory(dir=given.folder) as folder:
        rows = [row for num in given.rows for row in measure(Path(folder), num)]
    print_table(("rows", "command", "time", "rows per second", "processors", "memory"), rows)


if __name__ == "__main__":
    main()
