"""Standard output and standard error of the command line."""

import io
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer


def keep_working_without_reader() -> None:
    """Discards output from the moment on at which its reader has ended, as in `kerastl ... | head`.

    Otherwise the command would end at its next line, and a training without its files.
    """
    sys.stdout, sys.stderr = _without_reader(sys.stdout), _without_reader(sys.stderr)


def _without_reader(stream: TextIO | None) -> TextIO:
    """Returns a stream that never fails for lack of a reader; None is a closed descriptor."""
    if stream is None:
        return Path(os.devnull).open("w")
    if not isinstance(stream, io.TextIOWrapper):  # replaced by the caller
        return stream
    raw = io.BufferedWriter(_Descriptor(stream.fileno(), "wb", closefd=False))
    return io.TextIOWrapper(
        raw, stream.encoding, stream.errors, line_buffering=stream.line_buffering
    )


class _Descriptor(io.FileIO):
    """A file descriptor that becomes the null device when nobody reads what is written."""

    def write(self, data: "ReadableBuffer") -> int:
        try:
            return super().write(data)
        except BrokenPipeError:
            null = os.open(os.devnull, os.O_WRONLY)
            os.dup2(null, self.fileno())
            os.close(null)
            return memoryview(data).nbytes
