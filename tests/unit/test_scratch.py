"""Scratch arrays: in memory or on disk, by the memory that is available."""

import os
import resource
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from kerastl import scratch
from kerastl.errors import KerastlError
from kerastl.scratch import available_memory, float_array, scratch_array


def test_an_array_is_in_memory_if_it_takes_little_of_what_is_available(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(scratch, "available_memory", lambda: 4000)
    assert not isinstance(scratch_array((250,), np.float32), np.memmap)
    assert isinstance(scratch_array((251,), np.float32), np.memmap)


@pytest.mark.parametrize("controllers", ["", "cpu,memory"])
def test_the_limit_of_a_control_group_above_that_of_the_process_counts(
    controllers: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    limit, use, cached = scratch._GROUP_FILES[1 if controllers else 0]
    job = tmp_path / "sys/fs/cgroup" / ("memory" if controllers else "") / "job"
    (job / "task").mkdir(parents=True)
    (job / "task" / limit).write_text("max\n")
    (job / limit).write_text("1000000\n")
    (job / use).write_text("700000\n")
    (job / "memory.stat").write_text(f"anon 1\n{cached}200000\nother 3\n")
    process = tmp_path / "proc/self"
    process.mkdir(parents=True)
    (process / "cgroup").write_text(f"3:pids:/other\n1:{controllers}:/job/task\n")
    (tmp_path / "proc/meminfo").write_text("MemFree: 1 kB\nMemAvailable:    9000 kB\n")

    def below(first: str, *others: str) -> Path:
        return Path(f"{tmp_path}{first}", *others)

    monkeypatch.setattr(scratch, "Path", below)
    assert available_memory() == 500_000
    (job / limit).write_text("max\n")
    assert available_memory() == 9000 * 1024


def test_the_memory_of_this_system_is_known() -> None:
    assert 2**20 < available_memory() < 2**50


def test_a_full_disk_is_named_with_what_does_not_fit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scratch, "MEMORY_SHARE", 0)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (2**20, hard))
    try:
        with pytest.raises(KerastlError) as caught:
            float_array((1000, 1000), "features")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        signal.signal(signal.SIGXFSZ, handler)
    assert caught.value.what == "There is no room for the features."
    assert "0.0 GB free" in str(caught.value)
    assert "TMPDIR" in str(caught.value)


def test_a_killed_process_leaves_no_file_behind(tmp_path: Path) -> None:
    code = (
        "import numpy as np, os, signal; from kerastl import scratch; scratch.MEMORY_SHARE = 0;"
        "values = scratch.float_array((1000, 100), 'features'); values[:] = 1;"
        "assert isinstance(values, np.memmap); os.kill(os.getpid(), signal.SIGKILL)"
    )
    done = subprocess.run([sys.executable, "-c", code], env={**os.environ, "TMPDIR": str(tmp_path)})
    assert done.returncode == -signal.SIGKILL
    assert list(tmp_path.iterdir()) == []
