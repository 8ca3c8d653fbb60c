"""The command line spares Python's garbage collector; a program that calls it keeps its own."""

import subprocess
import sys

PROGRAM = """
import contextlib, gc, sys
from kerastl.cli import main
sys.argv = ["kerastl", "--version"]
with contextlib.suppress(SystemExit):
    main({arguments})
print(gc.get_threshold()[0])
"""


def threshold_after(arguments: str) -> int:
    command = [sys.executable, "-c", PROGRAM.format(arguments=arguments)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return int(done.stdout.split()[-1])


def test_a_command_from_a_shell_collects_rarely() -> None:
    assert threshold_after("") >= 50_000


def test_a_call_from_a_program_leaves_its_collector_alone() -> None:
    import gc

    assert threshold_after('["--version"]') == gc.get_threshold()[0]
