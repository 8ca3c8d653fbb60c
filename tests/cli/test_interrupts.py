"""Ctrl-C in the moments in which Python would print a traceback or ignore it."""

import subprocess
import sys

import pytest

PROGRAM = """
import os, signal, sys, time

def press():
    os.kill(os.getpid(), signal.SIGINT)
    time.sleep(0)

class Destroyed:
    def __del__(self):
        press()

class Finder:
    def find_spec(self, name, path=None, target=None):
        if name == MODULE:
            MOMENT

def in_an_extension():
    try:
        press()
    except KeyboardInterrupt:
        raise ImportError("a part of numpy failed to import") from None

def in_a_destructor():
    Destroyed()
    time.sleep(20)

sys.meta_path.insert(0, Finder())
signal.signal(signal.SIGINT, signal.default_int_handler)
sys.argv = ["kerastl", "runs", "."]
from kerastl.command import main
main()
"""


@pytest.mark.parametrize(
    ("module", "moment"),
    [
        ("click", "in_an_extension()"),
        ("kerastl.cli.runs", "press()"),
        ("kerastl.cli.runs", "in_an_extension()"),
        ("kerastl.cli.runs", "in_a_destructor()"),
    ],
)
def test_ctrl_c_is_neither_lost_nor_a_traceback(module: str, moment: str) -> None:
    program = PROGRAM.replace("MODULE", repr(module)).replace("MOMENT", moment)
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.returncode, done.stderr.strip()) == (130, "Stopped.")


def test_ctrl_c_stays_ignored_in_the_background() -> None:
    program = PROGRAM.replace("MODULE", "'kerastl.cli.runs'").replace("MOMENT", "press()")
    program = program.replace("signal.default_int_handler", "signal.SIG_IGN")
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, check=False)
    assert done.returncode == 0
