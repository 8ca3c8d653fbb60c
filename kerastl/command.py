"""The command `kerastl`, which Ctrl-C ends with a sentence from its first import on."""

import signal
from os import _exit, write
from types import FrameType


def main() -> None:
    """Runs the command line; while it is imported, nothing has begun and Ctrl-C ends at once."""
    usual = signal.getsignal(signal.SIGINT)
    if usual is signal.default_int_handler:  # not ignored, as in the background of a shell
        signal.signal(signal.SIGINT, _end)
    from kerastl.cli import main as run

    signal.signal(signal.SIGINT, usual)
    run()


def _end(number: int, frame: FrameType | None) -> None:
    """Ends the process, because an exception might get lost in the import of an extension."""
    write(2, b"Stopped.\n")
    _exit(130)
