"""Ctrl-C that reaches the command also through code which ignores or replaces exceptions."""

import _thread
import atexit
import signal
import sys
import threading
from contextlib import suppress
from types import FrameType

_SECONDS = 0.1  # until an interrupt that was ignored comes again


def keep_interrupts() -> threading.Event:
    """Returns an event that is set once Ctrl-C was pressed, and lets no interrupt be ignored.

    A destructor or a callback of native code ignores the exception, which is raised once more
    then. While Python ends, Ctrl-C does nothing.
    """
    pressed, usual = threading.Event(), sys.unraisablehook

    def interrupt(number: int, frame: FrameType | None) -> None:
        pressed.set()
        raise KeyboardInterrupt

    def raise_again(ignored: "sys.UnraisableHookArgs") -> None:
        if not issubclass(ignored.exc_type, KeyboardInterrupt):
            usual(ignored)
            return
        again = threading.Timer(_SECONDS, _thread.interrupt_main)
        again.daemon = True
        with suppress(RuntimeError):  # there are no new threads while Python ends
            again.start()

    sys.unraisablehook = raise_again
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, interrupt)
        atexit.register(signal.signal, signal.SIGINT, signal.SIG_IGN)
    return pressed
