"""A reader that ends early, such as `head`, takes nothing away but the output."""

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from kerastl.runs import Run

COMMAND = "import sys; from kerastl.cli import main; sys.argv[0] = 'kerastl'; main()"


def run_without_reader(*args: str, streams: Sequence[str]) -> subprocess.CompletedProcess[str]:
    reading, writing = os.pipe()
    os.close(reading)
    outputs = {
        name: writing if name in streams else subprocess.PIPE for name in ("stdout", "stderr")
    }
    try:
        return subprocess.run([sys.executable, "-c", COMMAND, *args], text=True, **outputs)  # type: ignore[call-overload, no-any-return]
    finally:
        os.close(writing)


def test_a_list_ends_quietly() -> None:
    result = run_without_reader("backbones", "list", streams=["stdout"])
    assert (result.returncode, result.stderr) == (0, "")


@pytest.mark.parametrize(
    "streams",
    [("stdout",), pytest.param(("stdout", "stderr"), marks=pytest.mark.slow)],
    ids=["stdout", "both"],
)
def test_the_work_is_done_to_the_end(streams: tuple[str, ...], bright: Run, tmp_path: Path) -> None:
    config = str(bright.path / "config.yaml")
    result = run_without_reader("train", config, "--output", str(tmp_path / "run"), streams=streams)
    assert result.returncode == 0
    assert (tmp_path / "run" / "report.html").exists()


def test_a_closed_standard_output_is_no_error() -> None:
    command = f'"{sys.executable}" -c "{COMMAND}" backbones list >&-'
    result = subprocess.run(command, shell=True, stderr=subprocess.PIPE, text=True)
    assert (result.returncode, result.stderr) == (0, "")
