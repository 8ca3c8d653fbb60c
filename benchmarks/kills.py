"""Whether a training killed at changes of files, and resumed, ends with the undisturbed bits.

    python benchmarks/kills.py --every 1 --scenario tuned  # at every change of a file
    python benchmarks/kills.py --files bundle.json         # while a file is written

A training without a kill is compared with each killed and resumed one: all variables in
`model.keras`, `history.csv`, `splits.csv`, `predictions.parquet`, `metrics.json`,
`missingness.json`, and the bundle but for times and folder. Nothing temporary may remain. A
training that is killed before its run exists is started again, which has to give the same bits as
well. Kills at random moments, and of other commands, are faults of `benchmarks/faults.py`.

Convention: TensorFlow is imported once; each training is a forked process with its own cache.
"""

import argparse
import io
import itertools
import json
import os
import shutil
import signal
import sys
import tempfile
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

_NOT_KILLED = "not killed, because it had ended"
_TEXTS = ("history.csv", "splits.csv", "metrics.json", "missingness.json")
_OWN = {"created", "origin", "seconds", "training", "scores", "agreement"}  # times, folder, cache


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

    def run(self, folder: Path, killer: Killer | None = None) -> int:
        """Trains into `folder / "run"`, or resumes; returns the exit status."""
        pid = os.fork()
        if not pid:
            os._exit(self._train(folder, killer))
        return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])

    def finish(self, folder: Path) -> None:
        """Trains or resumes until the run is complete."""
        if status := self.run(folder):
            raise RuntimeError(f"resuming {folder} ended with {status}")

    def _train(self, folder: Path, killer: Killer | None) -> int:
        os.environ["KERASTL_CACHE"] = str(folder / "cache")
        if killer is not None:
            killer.install()
        try:
            if (folder / "run" / "config.yaml").is_file():
                pipeline.resume(folder / "run")
            else:
                pipeline.train(self.config, output=folder / "run")
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
    place: str
    unequal: list[str]


def kills_at_changes(trainings: dict[str, Trainings], folder: Path, every: int) -> Iterator[Kill]:
    """Yields a kill at each change of a file, or at every n-th one."""
    for name, one in trainings.items():
        one.finish(folder / name / "whole")
        for place in itertools.count(0, every):
            kill = _kill(one, folder / name, str(place), lambda number, _, p=place: number == p)
            if _NOT_KILLED in kill.unequal:
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
    status = one.run(at, Killer(folder=at, is_due=is_due))
    found = [_NOT_KILLED] if status == 0 else []
    if status not in (0, -signal.SIGKILL):
        found.append(f"ended with {status} before it was killed")
    elif status and (second := one.run(at)):
        found.append(f"resuming ended with {second}")
    if not found:
        found = unequal(folder / "whole" / "run", at / "run")
        shutil.rmtree(at)
    return Kill(scenario=one.config.stem, place=name, unequal=found)


def main() -> None:
    """Prints a line for each kill and a table in Markdown; exits with 1 if one changed anything."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--scenario", choices=SCENARIOS, nargs="*", default=list(SCENARIOS))
    parser.add_argument("--every", type=int, default=1, help="kill at each n-th change of a file")
    parser.add_argument("--files", nargs="*", help="kill while these files are written")
    arguments = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="kills-")).resolve()
    make_project(folder / "project")
    sys.path.insert(0, str(folder / "project" / "plugin"))
    trainings = {name: Trainings(folder / "project", name) for name in arguments.scenario}
    if arguments.files:
        kills = kills_at_files(trainings, folder, arguments.files)
    else:
        kills = kills_at_changes(trainings, folder, arguments.every)
    counts: dict[str, list[int]] = {}
    for kill in kills:
        count = counts.setdefault(kill.scenario, [0, 0])
        count[0] += 1
        count[1] += not kill.unequal
        print(f"{kill.scenario}, {kill.place}: {', '.join(kill.unequal) or 'equal'}", flush=True)
    print("\n| scenario | kills | equal |\n|---|---:|---:|")
    for scenario, (made, equal) in sorted(counts.items()):
        print(f"| {scenario} | {made} | {equal} |")
    print(f"| all | {sum(m for m, _ in counts.values())} | {sum(e for _, e in counts.values())} |")
    sys.exit(any(made > equal for made, equal in counts.values()))


if __name__ == "__main__":
    main()
