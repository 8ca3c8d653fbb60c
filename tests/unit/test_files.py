"""Files are written whole or not at all."""

import os
from pathlib import Path

from kerastl.files import write_text

NO_PROCESS = 2**22 + 1  # more than Linux numbers


def test_what_killed_processes_left_of_a_file_is_removed_when_it_is_written(tmp_path: Path) -> None:
    names = {pid: f".writing-{pid}-{'0' * 32}-a.csv" for pid in (NO_PROCESS, os.getppid())}
    for name in names.values():
        (tmp_path / name).touch()
    write_text(tmp_path / "a.csv", "whole")
    found = {path.name for path in tmp_path.iterdir()}
    assert found == {"a.csv", names[os.getppid()]}  # of which one is being written
