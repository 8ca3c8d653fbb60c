"""The faults. Each is a trial that returns how it ended, or raises a `NotAsPromisedError`."""

import ctypes
import itertools
import os
import random
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
from kills import Killer

from fault_bench.jobs import Job, leftovers
from fault_bench.processes import Ended, NotAsPromisedError, run, start, wait

EQUAL = "equal"
REFUSED = "refused, then equal"
SAID = "said, then equal"
_OFTEN = 12  # moments that are drawn until one is before the end
_ROUNDING = 1e-5  # of logits and probabilities, if batches are composed in another way
_JUMPS_SECONDS = (-9e8, -1e6, -3600.0, -1.0, 1.0, 3600.0, 1e6, 9e8)


@dataclass(frozen=True, kw_only=True)
class Whole:
    """The undisturbed results of a job.

    Args:
        folder: Where they are.
        seconds: How long the commands took.
        num_changes: How often they changed a file.
    """

    folder: Path
    seconds: float
    num_changes: int


@dataclass
class Bench:
    """Where trials take place.

    Args:
        folder: Folder of everything.
        seed: Seed of all moments and choices.
    """

    folder: Path
    seed: int
    _wholes: dict[str, Whole] = field(default_factory=dict)

    @property
    def project(self) -> Path:
        """Folder of the data and the configs."""
        return self.folder / "project"

    @property
    def out(self) -> Path:
        """Folder of the trial, always the same because runs remember paths."""
        return self.folder / "trial" / "out"

    def run(self, job: Job, **more: object) -> Ended:
        """Gives the commands of a job that are left to do."""
        return run(job.commands(self.out), project=self.project, out=self.out, **more)  # type: ignore[arg-type]

    def whole(self, job: Job) -> Whole:
        """Returns the undisturbed results of a job, computed once."""
        if job.name not in self._wholes:
            self._empty()
            counted = self.out.with_name("changes")
            ended = self.run(job, prepare=lambda: _count_changes(self.out, counted)).require(0)
            folder = self.folder / f"whole-{len(self._wholes)}"
            self.out.rename(folder)
            self._wholes[job.name] = Whole(
                folder=folder, seconds=ended.seconds, num_changes=counted.stat().st_size
            )
        return self._wholes[job.name]

    def begin(self, job: Job) -> Whole:
        """Returns the undisturbed results, after clearing the folder of the trial."""
        whole = self.whole(job)
        self._empty()
        return whole

    def require_equal(self, job: Job) -> None:
        """Raises an error if the results differ from the undisturbed ones, or litter is left."""
        found = job.differences(self.whole(job).folder, self.out) + leftovers(self.out)
        if found:
            raise NotAsPromisedError(f"differs: {', '.join(found)}")

    def finish(self, job: Job) -> None:
        """Gives the commands of a job again, which have to end with the undisturbed results."""
        self.run(job).require(0)
        self.require_equal(job)

    def _empty(self) -> None:
        shutil.rmtree(self.folder / "trial", ignore_errors=True)
        self.out.mkdir(parents=True)


Fault = Callable[[Bench, Job, random.Random], str | None]
"""A trial of a fault with a job; returns how it ended, or None if it cannot happen to the job."""


def kill_at_a_moment(bench: Bench, job: Job, draw: random.Random) -> str:
    """SIGKILL at any moment, and in every third trial once more when it is given again."""
    return _stopped(bench, job, draw, signal.SIGKILL, times=draw.choice((1, 1, 2)))


def kill_at_a_change(bench: Bench, job: Job, draw: random.Random) -> str:
    """SIGKILL at any change of a file, whose content is cut to half if it is being replaced."""
    place = draw.randrange(bench.whole(job).num_changes)
    while True:
        bench.begin(job)
        prepare = partial(_count_changes, bench.out, bench.out.with_name("changes"), kill_at=place)
        ended = bench.run(job, prepare=prepare)
        if ended.status == -signal.SIGKILL:
            bench.finish(job)
            return EQUAL
        ended.require(0)
        place = place * 3 // 4  # this time there were fewer changes


def interrupt(bench: Bench, job: Job, draw: random.Random) -> str:
    """Ctrl-C at any moment."""
    return _stopped(bench, job, draw, signal.SIGINT, times=1)


def terminate(bench: Bench, job: Job, draw: random.Random) -> str:
    """SIGTERM at any moment."""
    return _stopped(bench, job, draw, signal.SIGTERM, times=1)


def kill_workers(bench: Bench, job: Job, draw: random.Random) -> str | None:
    """SIGKILL of the processes that a command has started."""
    if not job.has_workers:
        return None
    for _ in range(_OFTEN):
        whole = bench.begin(job)
        has_killed: list[int] = []
        ended = bench.run(
            job,
            seconds=whole.seconds * draw.uniform(0.2, 1),
            action=lambda pid: has_killed.extend(_kill_children(pid)),  # noqa: B023
        )
        if has_killed:
            return _refused_or_equal(bench, job, ended)
    return None


def full_disk(bench: Bench, job: Job, draw: random.Random) -> str:
    """A file system of its own that becomes full, and is made larger then."""
    whole = bench.whole(job)
    needed = _num_bytes(whole.folder)
    with _file_system(bench, size=int(needed * draw.uniform(0.02, 1.3)) + 65_536) as resize:
        ended = bench.run(job)
        resize(needed * 8 + (256 << 20))
        return _refused_or_equal(bench, job, ended)


def full_cache(bench: Bench, job: Job, draw: random.Random) -> str:
    """A full file system for the cache alone, which may only cost time."""
    whole = bench.begin(job)
    needed = _num_bytes(whole.folder / "cache")
    cache = bench.out / "cache"
    with _mounted(cache, size=int(needed * draw.uniform(0, 1.1)) + 8_192):
        ended = bench.run(job)
        if job.differences.__name__ == "_features":
            if ended.status == 0 and "cannot be written" not in ended.log:
                bench.require_equal(job)
            return "said" if "cannot" in ended.log else EQUAL
        ended.require(0)
        bench.require_equal(job)
    return EQUAL


def read_only(bench: Bench, job: Job, draw: random.Random) -> str:
    """A file system that becomes read-only at any moment, and writable again."""
    whole = bench.whole(job)
    target = bench.out
    with _file_system(bench, size=1 << 30):
        moment = draw.choice((0.0, draw.uniform(0, whole.seconds)))
        ended = bench.run(job, seconds=moment, action=lambda _: _make_read_only(target))
        _mount("remount,rw", target)
        return _refused_or_equal(bench, job, ended)


def unreadable_input(bench: Bench, job: Job, draw: random.Random) -> str:
    """An input that is deleted, cut or replaced by a folder at any moment, and is restored."""
    path = draw.choice(sorted(bench.project.glob(job.inputs)))
    kept = bench.folder / "kept"
    shutil.copy2(path, kept)
    how = draw.choice((_delete, _cut, _overwrite, _replace_by_folder))
    whole = bench.begin(job)
    try:
        moment = draw.choice((0.0, draw.uniform(0, whole.seconds)))
        ended = bench.run(job, seconds=moment, action=lambda _: how(path))
    finally:
        if path.is_dir():
            path.rmdir()
        path.unlink(missing_ok=True)
        shutil.copy2(kept, path)
    ended.require(0, 2)
    if ended.status == 0 and not job.is_training:  # rows with an error are finished
        with suppress(NotAsPromisedError):
            bench.require_equal(job)
            return EQUAL
        shutil.rmtree(bench.out)
        bench.finish(job)
        return SAID
    return _refused_or_equal(bench, job, ended)


def changing_input(bench: Bench, job: Job, draw: random.Random) -> str | None:
    """An input that becomes another at any moment; a later command has to see the new one.

    Results with a cache may differ by rounding: what is computed is in other batches.
    """
    paths = sorted(bench.project.glob(job.inputs))
    if len(paths) < 2:
        return None
    path, other = draw.sample(paths, 2)
    whole = bench.begin(job)
    kept = bench.folder / "kept"
    shutil.copy2(path, kept)
    try:
        moment = draw.uniform(0, whole.seconds)
        how = draw.choice((_write_over, _rename_over))
        ended = bench.run(job, seconds=moment, action=lambda _: how(other, path))
        ended.require(0, 2)
        _keep_only_the_cache(bench.out)
        bench.run(job).require(0)
        cached = bench.folder / "cached"
        shutil.rmtree(cached, ignore_errors=True)
        bench.out.rename(cached)
        bench._empty()
        bench.run(job).require(0)
        found = job.differences(bench.out, cached)
        if found and job.differences.__name__ != "_features" and _differ(bench.out, cached):
            raise NotAsPromisedError(f"with the cache differs: {', '.join(found)}")
    finally:
        shutil.copy2(kept, path)
    return "the new input"


def _differ(first: Path, second: Path) -> bool:
    """Returns whether results differ by more than rounding: the batches were other ones."""
    tables = sorted(first.rglob("predictions.parquet"))
    numbers = [pd.read_parquet(path).select_dtypes("number") for path in tables]
    others = [
        pd.read_parquet(second / path.relative_to(first)).select_dtypes("number") for path in tables
    ]
    pairs = zip(numbers, others, strict=True)
    return not tables or not all(
        one.shape == other.shape and np.allclose(one, other, rtol=0, atol=_ROUNDING, equal_nan=True)
        for one, other in pairs
    )


def two_writers_of_one_cache(bench: Bench, job: Job, draw: random.Random) -> str:
    """The same commands twice at once, with one cache and two folders of results."""
    bench.begin(job)
    second = bench.out.with_name("second")
    second.mkdir()
    ids = []
    commands = [list(job.commands(out)) for out in (bench.out, second)]
    for first, other in itertools.zip_longest(*commands):
        for out, arguments in ((bench.out, first), (second, other)):
            ids.append(
                (start(arguments, project=bench.project, out=out, cache=bench.out / "cache"), out)
            )
            time.sleep(draw.uniform(0, 0.2))
        for pid, out in ids:
            wait(pid, out).require(0)
        ids = []
    bench.require_equal(job)
    return EQUAL


def two_writers_of_one_result(bench: Bench, job: Job, draw: random.Random) -> str:
    """The same command twice at once, with one folder of results; also two that resume."""
    whole = bench.begin(job)
    if job.is_training and draw.random() < 0.5:
        bench.run(job, seconds=whole.seconds * draw.uniform(0.3, 0.95), action=_kill)
    both = []
    if not (commands := list(job.commands(bench.out))):  # it had ended before it was killed
        bench.begin(job)
        commands = list(job.commands(bench.out))
    for index, arguments in enumerate(commands[:1] * 2):
        out = bench.out.with_name(f"out-{index}")
        both.append(
            (start(arguments, project=bench.project, out=out, cache=bench.out / "cache"), out)
        )
        time.sleep(draw.uniform(0, 0.5))
    ended = [wait(pid, out).require(0, 2) for pid, out in both]
    if all(one.status for one in ended):
        raise NotAsPromisedError(f"both were refused: {[one.log[-500:] for one in ended]}")
    bench.finish(job)
    return "one refused" if any(one.status for one in ended) else "both equal"


def torn_cache(bench: Bench, job: Job, draw: random.Random) -> str | None:
    """Files of the cache that are cut, have other bits, are empty or gone."""
    whole = bench.begin(job)
    if not (whole.folder / "cache").exists():
        return None
    shutil.copytree(whole.folder / "cache", bench.out / "cache")
    files = sorted(path for path in (bench.out / "cache").rglob("*") if path.is_file())
    for path in draw.sample(files, min(len(files), draw.choice((1, 2, 5, 100)))):
        _damage(path, draw)
    bench.finish(job)
    return EQUAL


def jumping_clock(bench: Bench, job: Job, draw: random.Random) -> str:
    """A clock that jumps by up to 28 years, back and forth, and inputs from the future."""
    bench.begin(job)
    seed = draw.randrange(2**32)
    paths = draw.sample(sorted(bench.project.glob(job.inputs)), 1)
    times = {path: path.stat().st_mtime for path in paths}
    for path in paths:
        os.utime(path, (2**32, 2**32) if draw.random() < 0.5 else (0, 0))
    try:
        ended = bench.run(job, prepare=lambda: _let_clock_jump(seed))
    finally:
        for path, mtime in times.items():
            os.utime(path, (mtime, mtime))
    ended.require(0)
    bench.finish(job) if job.is_training else bench.require_equal(job)
    return EQUAL


FAULTS: dict[str, Fault] = {
    fault.__name__: fault
    for fault in (
        kill_at_a_moment,
        kill_at_a_change,
        interrupt,
        terminate,
        kill_workers,
        full_disk,
        full_cache,
        read_only,
        unreadable_input,
        changing_input,
        two_writers_of_one_cache,
        two_writers_of_one_result,
        torn_cache,
        jumping_clock,
    )
}


def _stopped(
    bench: Bench, job: Job, draw: random.Random, number: signal.Signals, *, times: int
) -> str:
    whole = bench.begin(job)
    num_stopped = 0
    for _ in range(_OFTEN):
        ended = bench.run(
            job,
            seconds=whole.seconds * draw.random(),
            action=lambda pid: os.kill(pid, number),
        )
        if "Nothing was written" in ended.log and (bench.out / "run" / "bundle.json").exists():
            raise NotAsPromisedError(f"a finished run, but: {ended.log[-500:]}")
        if ended.status in (-number, 130) and "Traceback" not in ended.log:
            num_stopped += 1
        else:
            ended.require(0)
            bench.begin(job)
        if num_stopped == times:
            break
    bench.finish(job)
    return EQUAL if num_stopped == 1 else f"{EQUAL} after {num_stopped}"


def _refused_or_equal(bench: Bench, job: Job, ended: Ended) -> str:
    ended.require(0, 2)
    if ended.status == 0:
        if job.differences.__name__ == "_features" and "cannot be written" in ended.log:
            bench.finish(job)
            return SAID
        if job.is_training and (bench.out / "run" / "state").exists():
            bench.finish(job)  # only the report is missing
            return SAID
        if job.is_training and not (bench.out / "run" / "report.html").exists():
            if "report" not in ended.log:
                raise NotAsPromisedError(f"no report: {ended.log[-500:]}")
            line = ["report", str(bench.out / "run"), "--quiet"]
            run([line], project=bench.project, out=bench.out).require(0)
            bench.require_equal(job)
            return SAID
        bench.require_equal(job)
        return EQUAL
    bench.finish(job)
    return REFUSED


def _count_changes(folder: Path, counter: Path, *, kill_at: int | None = None) -> None:
    """Counts changes of files, of all commands of a trial, as the length of a file."""
    before = counter.stat().st_size if counter.exists() else 0
    file = os.open(counter, os.O_WRONLY | os.O_CREAT | os.O_APPEND)

    def is_due(number: int, _: str) -> bool:
        os.write(file, b".")
        return before + number == kill_at

    Killer(folder=folder, is_due=is_due).install()


def _kill(pid: int) -> None:
    os.kill(pid, signal.SIGKILL)


def _kill_children(pid: int) -> Iterator[int]:
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError, IndexError):
            fields = (folder / "stat").read_text().rpartition(")")[2].split()
            if int(fields[1]) == pid:
                os.kill(int(folder.name), signal.SIGKILL)
                yield int(folder.name)


def enter_own_namespace() -> bool:
    """Lets mounts of this process be seen by it and its children only; whether it may mount."""
    libc = ctypes.CDLL(None, use_errno=True)
    new_mounts, new_user = 0x00020000, 0x10000000
    user, group = os.getuid(), os.getgid()
    if libc.unshare(new_mounts | (0 if user == 0 else new_user)):
        return False
    if user:
        Path("/proc/self/setgroups").write_text("deny")
        Path("/proc/self/uid_map").write_text(f"0 {user} 1")
        Path("/proc/self/gid_map").write_text(f"0 {group} 1")
    return subprocess.run(["mount", "--make-rprivate", "/"], check=False).returncode == 0


@contextmanager
def _file_system(bench: Bench, *, size: int) -> Iterator[Callable[[int], None]]:
    """Makes a small file system of the folder of a trial; yields what changes its size."""
    bench._empty()
    with _mounted(bench.out, size=size) as resize:
        yield resize


@contextmanager
def _mounted(folder: Path, *, size: int) -> Iterator[Callable[[int], None]]:
    folder.mkdir(parents=True, exist_ok=True)
    _mount(f"size={size}", folder)
    try:
        yield lambda num_bytes: _mount(f"remount,size={num_bytes}", folder)
    finally:
        for _ in range(50):
            if subprocess.run(["umount", folder], capture_output=True, check=False).returncode == 0:
                break
            time.sleep(0.1)


def _mount(options: str, folder: Path) -> None:
    subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", folder], check=True)


def _make_read_only(folder: Path) -> None:
    """Makes a file system read-only as soon as no file is open for writing."""
    for _ in range(400):
        command = ["mount", "-o", "remount,ro", folder]
        if subprocess.run(command, capture_output=True, check=False).returncode == 0:
            return
        time.sleep(0.005)


def _num_bytes(folder: Path) -> int:
    return sum(path.stat().st_size + 4096 for path in folder.rglob("*"))


def _keep_only_the_cache(out: Path) -> None:
    for path in out.iterdir():
        if path.name != "cache":
            shutil.rmtree(path) if path.is_dir() else path.unlink()


def _delete(path: Path) -> None:
    path.unlink(missing_ok=True)


def _cut(path: Path) -> None:
    os.truncate(path, path.stat().st_size // 2)


def _overwrite(path: Path) -> None:
    path.write_bytes(b"no such file" * 20)


def _replace_by_folder(path: Path) -> None:
    path.unlink(missing_ok=True)
    path.mkdir()


def _write_over(source: Path, path: Path) -> None:
    path.write_bytes(source.read_bytes())


def _rename_over(source: Path, path: Path) -> None:
    shutil.copy2(source, path.with_suffix(".new"))
    path.with_suffix(".new").replace(path)


def _damage(path: Path, draw: random.Random) -> None:
    data = bytearray(path.read_bytes())
    kind = draw.randrange(5)
    if kind == 0 or not data:
        path.unlink()
        return
    if kind == 1:
        data = data[: draw.randrange(len(data))]
    elif kind == 2:
        for _ in range(draw.choice((1, 1, 8, 64))):
            place = draw.randrange(len(data))
            data[place] ^= 1 << draw.randrange(8)
    elif kind == 3:
        begin = draw.randrange(len(data))
        data[begin : begin + 4096] = bytes(len(data[begin : begin + 4096]))
    else:
        data = bytearray()
    path.write_bytes(data)


def _let_clock_jump(seed: int) -> None:
    """Replaces Python's clock by one that jumps at about every fiftieth reading."""
    draw, offset, real = random.Random(seed), [0.0], time.time

    def jumping() -> float:
        if draw.random() < 0.02:
            offset[0] = draw.choice(_JUMPS_SECONDS)
        return max(real() + offset[0], 0.0)

    time.time = jumping
    time.time_ns = lambda: int(jumping() * 1e9)
