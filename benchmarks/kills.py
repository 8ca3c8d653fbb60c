"""Whether a killed training that is resumed ends with the same bits as one that was not killed.

    python benchmarks/kills.py --kills 200                 # SIGKILL at random moments of every step
    python benchmarks/kills.py --every 1 --scenario tuned  # at every change of a file
    python benchmarks/kills.py --files bundle.json         # while a file is written

A training without a kill is compared with each killed and resumed one: all variables in
`model.keras`, `history.csv`, `splits.csv`, `predictions.parquet`, `metrics.json`,
`missingness.json`, and the bundle but for times and folder. Nothing temporary may remain. A
training that is killed before its run exists is started again, which has to give the same bits as
well.

Convention: TensorFlow is imported once; each training is a forked process with its own cache.
"""

import argparse
import io
import itertools
import json
import os
import random
import select
import shutil
import signal
import sys
import tempfile
import time
import zipfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pandas as pd
from kill_scenarios import SCENARIOS, make_project

from kerastl import pipeline
from kerastl.errors import KerastlError
from kerastl.files import WRITING
from kerastl.progress import Progress

NOT_KILLED = "not killed, because it had ended"
_TEXTS = ("history.csv", "splits.csv", "metrics.json", "missingness.json")
_OWN = {"created", "origin", "seconds", "training", "scores", "agreement"}  # times, folder, cache


class Steps(Progress):
    """Writes the title of each step to a pipe."""

    def __init__(self, pipe: int):
        self.pipe = pipe

    def step(self, title: str, total: int | None = None) -> None:
        """Writes the title in one line."""
        os.write(self.pipe, f"{title}\n".encode())


@dataclass(frozen=True, kw_only=True)
class Killer:
    """Kills this process at a change of a file in a folder, in the middle of writing it.

    At a renaming the file is first cut to half, like one whose writing was interrupted.

    Args:
        folder: The folder.
        is_due: Tells by the number of a change, from 0, and its text whether to kill.
    """

    folder: Path
    is_due: Callable[[int, str], bool]
    _counted: list[str] = field(default_factory=list, init=False)

    def install(self) -> None:
        """Starts to count."""
        sys.addaudithook(self._hook)

    def _hook(self, event: str, arguments: tuple[Any, ...]) -> None:
        if event not in ("os.rename", "os.remove", "os.rmdir", "os.mkdir", "open"):
            return
        path = arguments[0]
        if not isinstance(path, str | Path) or not str(path).startswith(str(self.folder)):
            return
        if event == "open" and not arguments[2] & (os.O_WRONLY | os.O_RDWR | os.O_CREAT):
            return
        changed = arguments[1] if event == "os.rename" else path
        self._counted.append(f"{event} {Path(changed).name}")
        if self.is_due(len(self._counted) - 1, self._counted[-1]):
            if event == "os.rename" and Path(path).is_file():
                os.truncate(path, Path(path).stat().st_size // 2)
            os.kill(os.getpid(), signal.SIGKILL)


class Trainings:
    """Trainings of one scenario in forked processes."""

    def __init__(self, project: Path, name: str):
        self.config = project / f"{name}.yaml"
        self.config.write_text(json.dumps(SCENARIOS[name]))  # JSON is YAML

    def run(
        self,
        folder: Path,
        *,
        kill_at: Callable[[str, int], float | None] = lambda title, number: None,
        killer: Killer | None = None,
    ) -> tuple[int, list[tuple[str, float]]]:
        """Trains into `folder / "run"`, or resumes; returns the exit status and the timed steps.

        Args:
            folder: Folder of the run and of the cache.
            kill_at: Returns after how many seconds of a step the process is killed, or None.
            killer: What kills the process at a change of a file.
        """
        reading, writing = os.pipe()
        pid = os.fork()
        if not pid:
            os.close(reading)
            os._exit(self._train(folder, Steps(writing), killer))
        os.close(writing)
        steps: list[tuple[str, float]] = []
        deadline: float | None = None
        with os.fdopen(reading, "rb", buffering=0) as pipe:
            while True:
                left = None if deadline is None else max(deadline - time.monotonic(), 0)
                if not select.select([pipe], [], [], left)[0]:
                    os.kill(pid, signal.SIGKILL)
                    deadline = None
                    continue
                received = pipe.read(4096)
                if not received:
                    break
                for title in received.decode().splitlines():
                    seconds = kill_at(title, len(steps))
                    steps.append((title, time.monotonic()))
                    deadline = deadline or (None if seconds is None else steps[-1][1] + seconds)
        return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), [
            *steps,
            ("", time.monotonic()),
        ]

    def finish(self, folder: Path) -> None:
        """Trains or resumes until the run is complete."""
        status, _ = self.run(folder)
        if status:
            raise RuntimeError(f"resuming {folder} ended with {status}")

    def _train(self, folder: Path, steps: Steps, killer: Killer | None) -> int:
        os.environ["KERASTL_CACHE"] = str(folder / "cache")
        write_results = pipeline.write_results

        def announced(*arguments: Any) -> None:
            steps.step("Writing the run")
            write_results(*arguments)

        pipeline.write_results = announced
        if killer is not None:
            killer.install()
        try:
            if (folder / "run" / "config.yaml").is_file():
                pipeline.resume(folder / "run", progress=steps)
            else:
                pipeline.train(self.config, output=folder / "run", progress=steps)
        except KerastlError as error:
            print(error, file=sys.stderr, flush=True)
            return 2
        except BaseException as error:
            print(f"{type(error).__name__}: {error}", file=sys.stderr, flush=True)
            return 1
        return 0


def unequal(whole: Path, resumed: Path) -> list[str]:
    """Returns the names of the results of two runs that differ, and what should not remain."""
    found = [name for name in _TEXTS if _bytes(whole, name) != _bytes(resumed, name)]
    frames = [pd.read_parquet(run / "predictions.parquet") for run in (whole, resumed)]
    if not frames[0].equals(frames[1]):
        found.append("predictions.parquet")
    bundles = [json.loads((run / "bundle.json").read_text()) for run in (whole, resumed)]
    if _without_own(bundles[0]) != _without_own(bundles[1]):
        found.append("bundle.json")
    if not _same_arrays(_variables(whole), _variables(resumed)):
        found.append("model.keras")
    parent = resumed.parent
    found += [path.name for path in parent.glob(f"{WRITING}*")]
    found += [path.name for path in resumed.rglob(f"{WRITING}*")]
    found += [name for name in ("state",) if (resumed / name).exists()]
    return found + [name for name in ("report.html",) if not (resumed / name).exists()]


def _without_own(value: Any) -> Any:
    """Returns a part of a bundle without what every training has of its own."""
    if isinstance(value, dict):
        return {key: _without_own(one) for key, one in value.items() if key not in _OWN}
    return [_without_own(one) for one in value] if isinstance(value, list) else value


def _bytes(run: Path, name: str) -> bytes:
    path = run / name
    return path.read_bytes() if path.is_file() else b""


def _variables(run: Path) -> dict[str, np.ndarray]:
    """Returns every variable that the model file has, states of seed generators included."""
    found: dict[str, np.ndarray] = {}
    with zipfile.ZipFile(run / "model.keras") as archive:
        content = io.BytesIO(archive.read("model.weights.h5"))
    with h5py.File(content) as file:
        file.visititems(
            lambda name, item: found.update(
                {name: item[()]} if isinstance(item, h5py.Dataset) else {}
            )
        )
    return found


def _same_arrays(first: dict[str, np.ndarray], second: dict[str, np.ndarray]) -> bool:
    return first.keys() == second.keys() and all(
        first[name].tobytes() == second[name].tobytes() for name in first
    )


@dataclass(frozen=True, kw_only=True)
class Kill:
    """One kill and what the resumed training differed in."""

    scenario: str
    step: str
    unequal: list[str]


def random_kills(
    trainings: dict[str, Trainings], folder: Path, kills: int, seed: int
) -> Iterator[Kill]:
    """Yields kills at random moments of random steps; epochs are drawn four times as often."""
    draw = random.Random(seed)
    steps = {}
    for name, one in trainings.items():
        status, timed = one.run(folder / name / "whole")
        if status:
            raise RuntimeError(f"{name} ended with {status}")
        steps[name] = timed
    made = 0
    for number in itertools.count():
        if made == kills:
            return
        name = list(trainings)[number % len(trainings)]
        timed = steps[name]
        weights = [4 if title.startswith("Epochs") else 1 for title, _ in timed[:-1]]
        place = draw.choices(range(len(weights)), weights)[0]
        seconds = draw.uniform(0, timed[place + 1][1] - timed[place][1])
        at = folder / name / f"kill-{number}"
        status, reached = trainings[name].run(
            at, kill_at=lambda title, n, p=place, s=seconds: s if n == p else None
        )
        made += status != 0
        yield _finished(trainings[name], folder / name / "whole", at, status, reached[-2][0])


def kills_at_changes(trainings: dict[str, Trainings], folder: Path, every: int) -> Iterator[Kill]:
    """Yields a kill at each change of a file, or at every n-th one."""
    for name, one in trainings.items():
        one.finish(folder / name / "whole")
        for place in itertools.count(0, every):
            kill = _kill(one, folder / name, str(place), lambda number, _, p=place: number == p)
            if kill.step == NOT_KILLED:
                break
            yield kill


def kills_at_files(
    trainings: dict[str, Trainings], folder: Path, files: Sequence[str]
) -> Iterator[Kill]:
    """Yields a kill while each of these files is written for the first time."""
    for name, one in trainings.items():
        one.finish(folder / name / "whole")
        for file in files:
            yield _kill(one, folder / name, file, lambda _, text, f=file: text == f"os.rename {f}")


def _kill(one: Trainings, folder: Path, name: str, is_due: Callable[[int, str], bool]) -> Kill:
    at = folder / f"killed-at-{name}"
    at.mkdir()
    status, reached = one.run(at, killer=Killer(folder=at, is_due=is_due))
    return _finished(one, folder / "whole", at, status, reached[-2][0])


def _finished(one: Trainings, whole: Path, at: Path, status: int, step: str) -> Kill:
    """Resumes a training unless it ended before it was to be killed, and compares it."""
    found = [] if status in (0, -signal.SIGKILL) else [f"ended with {status} before it was killed"]
    if status:
        second, _ = one.run(at)
        found += [f"resuming ended with {second}"] if second else []
    if not found:
        found = unequal(whole / "run", at / "run")
        shutil.rmtree(at)
    return Kill(scenario=one.config.stem, step=step if status else NOT_KILLED, unequal=found)


def main() -> None:
    """Prints a line for each kill and a table in Markdown; exits with 1 if one changed anything."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--scenario", choices=SCENARIOS, nargs="*", default=list(SCENARIOS))
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--every", type=int, help="kill at each n-th change of a file")
    parser.add_argument("--files", nargs="*", help="kill while these files are written")
    arguments = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="kills-")).resolve()
    make_project(folder / "project")
    sys.path.insert(0, str(folder / "project" / "plugin"))
    trainings = {name: Trainings(folder / "project", name) for name in arguments.scenario}
    if arguments.every:
        kills = kills_at_changes(trainings, folder, arguments.every)
    elif arguments.files:
        kills = kills_at_files(trainings, folder, arguments.files)
    else:
        kills = random_kills(trainings, folder, arguments.kills, arguments.seed)
    counts: dict[tuple[str, str], list[int]] = {}
    for number, kill in enumerate(kills, start=1):
        count = counts.setdefault((kill.scenario, kill.step), [0, 0])
        count[0] += 1
        count[1] += not kill.unequal
        print(
            f"{number} {kill.scenario}, {kill.step}: {', '.join(kill.unequal) or 'equal'}",
            flush=True,
        )
    print("\n| scenario | killed during | kills | equal |\n|---|---|---:|---:|")
    for (scenario, step), (made, equal) in sorted(counts.items()):
        print(f"| {scenario} | {step} | {made} | {equal} |")
    print(
        f"| all | | {sum(m for m, _ in counts.values())} | {sum(e for _, e in counts.values())} |"
    )
    sys.exit(any(made > equal for made, equal in counts.values()))


if __name__ == "__main__":
    main()
