"""The command line as a user runs it, in this process."""

from collections.abc import Callable
from dataclasses import dataclass

import pytest

from kerastl.cli import main


@dataclass(frozen=True)
class Result:
    """What a command did."""

    code: int
    out: str
    err: str


@pytest.fixture
def kerastl_command(capsys: pytest.CaptureFixture[str]) -> Callable[..., Result]:
    """Runs `kerastl ARGS` and returns exit code and what it printed."""

    def run(*args: object) -> Result:
        code = 0
        try:
            main([str(arg) for arg in args])
        except SystemExit as stop:
            code = int(stop.code or 0)
        captured = capsys.readouterr()
        return Result(code, captured.out, captured.err)

    return run
