"""Tries inputs in processes of their own, and finds what is not a plain refusal."""

import contextlib
import importlib
import os
import random
import resource
import select
import shutil
import signal
import time
import traceback
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

FOLDER = Path(__file__).resolve().parent
MODULES = (
    *("configs", "tables", "annotations", "images", "audio", "dicom", "bundles"),
    *("run_folders", "exports", "onnx_files", "server_requests", "any_values", "trainings"),
)

_PREPARING_SECONDS = 120.0

Use = Callable[[random.Random, Path], bool]
"""Writes an input into an empty folder and uses it; returns whether it was accepted."""


@dataclass(frozen=True, kw_only=True)
class Kind:
    """A kind of input.

    Args:
        name: Its name.
        prepare: Makes valid inputs in a folder, once for each process; returns what breaks and uses
            them.
        inputs: How many inputs a number stands for.
        share: How many of the inputs of a kind are tried, because some take long.
        limit_seconds: Longest time of one input.
        limit_megabytes: Most memory of one input, beyond what the process had before.
    """

    name: str
    prepare: Callable[[Path], Use]
    inputs: int = 1
    share: float = 1.0
    limit_seconds: float = 20.0
    limit_megabytes: int = 1_000


@dataclass
class Found:
    """What came of the inputs of a kind."""

    num_accepted: int = 0
    num_refused: int = 0
    defects: dict[int, str] = field(default_factory=dict)
    seconds: float = 0.0
    slowest: float = 0.0
    megabytes: int = 0

    @property
    def num_inputs(self) -> int:
        """Number of numbers that were tried."""
        return self.num_accepted + self.num_refused + len(self.defects)


class WrongNumberError(Exception):
    """A number that is not the known one."""


def all_kinds() -> dict[str, Kind]:
    """Returns the kinds of all modules by their names."""
    kinds = [kind for name in MODULES for kind in importlib.import_module(name).KINDS]
    return {kind.name: kind for kind in kinds}


def fuzz(kind: Kind, numbers: range, *, seed: int, folder: Path) -> Found:
    """Tries the inputs with these numbers in a process of its own, a new one after its end."""
    found, left, begin = Found(), numbers, time.monotonic()
    while left:
        left = left[_one_process(kind, left, seed, folder, found) :]
    found.seconds = time.monotonic() - begin
    return found


def try_one(kind: Kind, use: Use, number: int, *, seed: int, place: Path) -> bool:
    """Tries one input in this process; returns whether it was accepted, or raises."""
    from kerastl.errors import KerastlError

    shutil.rmtree(place, ignore_errors=True)
    place.mkdir(parents=True)
    try:
        return use(random.Random(f"{seed}/{kind.name}/{number}"), place)
    except KerastlError as refusal:
        str(refusal)
        return False


def _one_process(kind: Kind, numbers: range, seed: int, folder: Path, found: Found) -> int:
    """Returns how many inputs were tried until the process ended."""
    reading, writing = os.pipe()
    place = folder / kind.name
    pid = os.fork()
    if not pid:
        os.close(reading)
        _work(kind, numbers, seed, place, writing)
    os.close(writing)
    done = 0
    with os.fdopen(reading, "rb", buffering=0) as pipe:
        for line in _lines(pipe, kind.limit_seconds):
            outcome, _, text = line.partition("\t")
            if outcome == "ready":
                continue
            number = numbers[done]
            done += 1
            seconds, megabytes, text = text.split("\t", 2)
            found.slowest = max(found.slowest, float(seconds))
            found.megabytes = max(found.megabytes, int(megabytes))
            if outcome == "accepted":
                found.num_accepted += 1
            elif outcome == "refused":
                found.num_refused += 1
            else:
                found.defects[number] = text
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)
    status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    if done < len(numbers):
        what = "a hang" if status == -signal.SIGKILL else f"the process ended with {status}"
        found.defects[numbers[done]] = f"{what} {_keep(place, numbers[done])}"
        done += 1
    return done


def _lines(pipe: object, limit_seconds: float) -> Iterator[str]:
    """Yields lines to the end, or until none comes for long; the first may take longer."""
    received, limit = b"", _PREPARING_SECONDS
    while select.select([pipe], [], [], limit)[0]:
        limit = limit_seconds
        data = pipe.read(65536)  # type: ignore[attr-defined]
        if not data:
            return
        *lines, received = (received + data).split(b"\n")
        for line in lines:
            yield line.decode()


def _keep(place: Path, number: int) -> str:
    """Keeps the input that is in a folder; returns where."""
    kept = place.with_name(f"{place.name}-{number}")
    shutil.rmtree(kept, ignore_errors=True)
    with contextlib.suppress(OSError):
        shutil.copytree(place / "input", kept, symlinks=True, copy_function=_copy)
    return f"[{kept}]"


def _copy(source: str, target: str) -> None:
    if Path(source).is_file():
        shutil.copyfile(source, target)


def _work(kind: Kind, numbers: range, seed: int, place: Path, pipe: int) -> None:
    """Tries inputs and writes a line about each: outcome, seconds, megabytes, text."""
    null = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1) if "FUZZ_VERBOSE" in os.environ else (0, 1, 2):
        os.dup2(null, descriptor)
    shutil.rmtree(place, ignore_errors=True)
    (place / "seeds").mkdir(parents=True)
    os.environ["KERASTL_CACHE"] = str(place / "cache")
    try:
        use = kind.prepare(place / "seeds")
        os.write(pipe, b"ready\t\n")
        for number in numbers:
            os.write(pipe, f"{_tried(kind, use, number, seed, place / 'input')}\n".encode())
    except BaseException:
        os.write(pipe, f"defect\t0\t0\tpreparing: {_one_line(traceback.format_exc())}\n".encode())
    os._exit(0)


def _tried(kind: Kind, use: Use, number: int, seed: int, place: Path) -> str:
    before, begin = _reset_peak(), time.monotonic()
    text = ""
    try:
        outcome = "accepted" if try_one(kind, use, number, seed=seed, place=place) else "refused"
    except BaseException as error:
        where = traceback.extract_tb(error.__traceback__)[-1]
        outcome = "defect"
        text = _one_line(f"{type(error).__name__}: {error} at {where.filename}:{where.lineno}")
    megabytes = max(_peak() - before, 0) // 2**20
    if megabytes > kind.limit_megabytes and outcome != "defect":
        outcome, text = "defect", f"{megabytes} MB of memory"
    if outcome == "defect":
        text = f"{text} {_keep(place.parent, number)}"
    return f"{outcome}\t{time.monotonic() - begin:.3f}\t{megabytes}\t{text}"


def _one_line(text: str) -> str:
    return " ".join(text.split()).encode("utf-8", "replace").decode()[-600:]


def _reset_peak() -> int:
    """Sets the largest resident size of this process to the present one; returns it in bytes."""
    with contextlib.suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")
    return _peak()


def _peak() -> int:
    with contextlib.suppress(OSError, StopIteration, ValueError):
        lines = Path("/proc/self/status").read_text().splitlines()
        return int(next(line for line in lines if line.startswith("VmHWM")).split()[1]) * 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
