"""Predictions on Ray: workers and drivers that are killed, and the speed of two actors.

Usage: python benchmarks/ray_jobs.py kills [--examples 20000] [--kills 20]
       python benchmarks/ray_jobs.py speed [--examples 3072] [--rounds 3]
"""

import argparse
import json
import os
import random
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image

from kerastl.run.shards import Part

COMMAND = [sys.executable, "-c", "from kerastl.cli import main; main()"]
TWO = "ray?actors=2&cpus=1"
ONE = "ray?actors=1&cpus=2"


def draw(folder: Path, count: int, side: int) -> Path:
    """Draws small images, some of them unreadable; returns their table."""
    folder.mkdir()
    numbers = np.random.default_rng(0)
    rows = []
    for number in range(count):
        path, bright = folder / f"{number:06}.jpg", number % 2
        if number % 997 == 500:
            path.write_bytes(b"no image")
        else:
            values = numbers.integers(0, 150, (side, side, 3), np.uint8) + np.uint8(100 * bright)
            Image.fromarray(values).save(path)
        rows.append({"path": path.name, "bright": bright, "group": number // 2})
    pd.DataFrame(rows).to_csv(folder / "table.csv", index=False)
    return folder / "table.csv"


def train(folder: Path, table: Path, backbone: dict[str, object]) -> Path:
    """Trains a run on the first 200 images."""
    small = table.with_name("small.csv")
    pd.read_csv(table).head(200).to_csv(small, index=False)
    config = {
        "data": {"table": str(small), "image": "path", "tasks": ["bright"]},
        "backbone": backbone,
        "evaluation": {"bootstrap": 50},
    }
    (folder / "config.yaml").write_text(json.dumps(config))
    call("train", folder / "config.yaml", "--output", folder / "run")
    return folder / "run"


def start(*args: object) -> subprocess.Popen[bytes]:
    """Starts a command of kerastl."""
    with Path(os.environ["RAY_JOBS_LOG"]).open("ab") as log:
        return subprocess.Popen([*COMMAND, *map(str, args), "-q"], stdout=log, stderr=log)


def call(*args: object) -> float:
    """Runs a command; returns its seconds."""
    started = time.perf_counter()
    if start(*args).wait():
        raise SystemExit(f"failed: {args}; see {os.environ['RAY_JOBS_LOG']}")
    return time.perf_counter() - started


def workers(of: int) -> list[int]:
    """Returns the processes of Ray actors that have the process as an ancestor."""
    parents, found = {}, []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            name = (folder / "cmdline").read_bytes()
            parents[int(folder.name)] = int(
                (folder / "stat").read_text().rpartition(")")[2].split()[1]
            )
        except OSError:
            continue
        if name.startswith(b"ray::Worker"):
            found.append(int(folder.name))
    return [pid for pid in found if of in ancestors(pid, parents)]


def ancestors(pid: int, parents: dict[int, int]) -> Iterator[int]:
    """Yields the ancestors of a process."""
    while pid := parents.get(pid, 0):
        yield pid


def kills(folder: Path, num_examples: int, num_kills: int) -> None:
    """Kills workers of a job, each after another part has arrived, and then drivers."""
    table = draw(folder / "images", num_examples, 48)
    run = train(folder, table, {"name": "tiny:image"})
    whole, merged = folder / "whole.csv", folder / "merged.csv"
    call("predict", run, table, "--output", whole, "--no-cache")
    job = ["predict", run, table, "--no-cache", "--on", TWO, "--output"]
    draws = random.Random(0)

    parts, killed, seen = folder / "parts", 0, 0
    process = start(*job, parts)
    while process.poll() is None:
        count = len(list(parts.glob("part-*"))) if parts.is_dir() else 0
        alive = workers(process.pid)
        if killed < num_kills and count > seen and alive:
            time.sleep(draws.uniform(0, 0.5))
            os.kill(draws.choice(alive), signal.SIGKILL)
            killed, seen = killed + 1, count
        time.sleep(0.05)
    report("workers", killed, process.returncode, parts, merged, whole)

    parts, killed = folder / "parts-of-drivers", 0
    while True:
        process = start(*job, parts)
        before = len(list(parts.glob("part-*"))) if parts.is_dir() else 0
        while process.poll() is None:
            count = len(list(parts.glob("part-*"))) if parts.is_dir() else 0
            if killed < 3 and count >= before + 8:
                process.send_signal(signal.SIGKILL)
                killed += 1
            time.sleep(0.05)
        if process.wait() == 0:
            break
        deadline = time.monotonic() + 30
        while workers(process.pid) and time.monotonic() < deadline:
            time.sleep(0.5)
    report("drivers", killed, process.returncode, parts, merged, whole)


def report(what: str, killed: int, code: int, parts: Path, merged: Path, whole: Path) -> None:
    """Merges the parts, and prints whether they are what one process predicts."""
    call("merge", parts, "--output", merged)
    is_same = merged.read_bytes() == whole.read_bytes()
    rows = len(pd.read_csv(merged))
    count = len(list(parts.glob("part-*")))
    print(f"{what} killed: {killed}, exit code {code}, {count} parts, {rows:,} rows, ", end="")
    print("equal to one process" if is_same else "DIFFERENT", flush=True)
    merged.unlink()


def speed(folder: Path, num_examples: int, rounds: int) -> None:
    """Compares one process with actors on the same processors, by turns, without their start.

    Processor seconds depend less on other programs than the time on a clock does.
    """
    table = draw(folder / "images", num_examples, 160)
    backbone = {"name": "applications:mobilenet_v2", "weights": None, "input_size": 160}
    run = train(folder, table, backbone)
    args = ["predict", run, table, "--no-cache", "--output"]
    for number in range(rounds):
        found = {"one process": alone(*args, folder / f"{number}.csv", rows=num_examples)}
        for name, on in {"1 actor with 2 processors": ONE, "2 actors with 1": TWO}.items():
            found[name] = by_actors(folder / f"{number}-{name}", on, *args)
        for name, (rate, cost) in found.items():
            others = found["one process"]
            print(
                f"{name}: {rate:.0f} images/s, {1000 * cost:.1f} ms of a processor per image; "
                f"{rate / others[0]:.2f} and {others[1] / cost:.2f} times one process",
                flush=True,
            )


def alone(*args: object, rows: int) -> tuple[float, float]:
    """Runs a command in one process; returns images per second, and seconds of processors each.

    The latter is of the rows that a run on the first 200 has less.
    """
    spent: list[float] = []
    shown = ""
    for table in (args[2], Path(str(args[2])).with_name("small.csv")):
        command = [*COMMAND, *map(str, args[:2]), str(table), *map(str, args[3:])]
        before = os.times()
        done = subprocess.run(command, stderr=subprocess.PIPE, text=True, check=True)
        after = os.times()
        spent.append(sum(after[2:4]) - sum(before[2:4]))
        shown = shown or done.stderr
    rate = float(re.findall(r"\(([\d,]+)/s;", shown)[-1].replace(",", ""))
    return rate, (spent[0] - spent[1]) / (rows - 200)


def by_actors(parts: Path, on: str, *args: object) -> tuple[float, float]:
    """Runs a command on Ray; returns the same between the first part of each actor and the last."""
    process, started = start(*args, parts, "--on", on), time.time()
    num_actors = 2 if on == TWO else 1
    seen: list[tuple[int, float, float]] = []  # parts, time, seconds of processors
    while process.poll() is None:
        count = len(list(parts.glob("part-*"))) if parts.is_dir() else 0
        if count >= num_actors and (not seen or count > seen[-1][0]):
            seen.append((count, time.time(), sum(map(processor_seconds, workers(process.pid)))))
        time.sleep(0.05)
    rows = sum(
        len(part.job.rows(part.shard))
        for part in map(Part.read, sorted(parts.glob("part-*"))[seen[0][0] :])
    )
    print(f"first part after {seen[0][1] - started:.1f} s of {time.time() - started:.1f}")
    return rows / (seen[-1][1] - seen[0][1]), (seen[-1][2] - seen[0][2]) / rows


def processor_seconds(pid: int) -> float:
    """Returns the time that a process has spent on processors, 0 if it has ended."""
    try:
        values = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return (int(values[11]) + int(values[12])) / os.sysconf("SC_CLK_TCK")


def main() -> None:
    """Reads the arguments."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", choices=["kills", "speed"])
    parser.add_argument("--examples", type=int)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--rounds", type=int, default=3)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="kerastl-ray-") as name:
        folder = Path(name)
        os.environ["RAY_JOBS_LOG"] = str(folder / "log")
        os.environ["KERASTL_CACHE"] = str(folder / "cache")
        os.environ["RAY_worker_niceness"] = "0"  # noqa: SIM112  # its name in Ray
        try:
            if args.what == "kills":
                kills(folder, args.examples or 20_000, args.kills)
            else:
                speed(folder, args.examples or 3_072, args.rounds)
        except SystemExit:
            print((folder / "log").read_text()[-3000:], file=sys.stderr)
            raise


if __name__ == "__main__":
    main()
