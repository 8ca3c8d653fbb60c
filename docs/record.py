"""Records a terminal in which the tutorial is worked through: `python docs/record.py`.

Convention: the recording is in asciinema's format, version 2: JSON lines, a header and events. An
event "i" is what is typed, "o" what the terminal shows. Pauses are cut to `_LONGEST_PAUSE`.
"""

import codecs
import fcntl
import getpass
import json
import os
import pty
import re
import socket
import struct
import subprocess
import sys
import tempfile
import termios
import time
from collections.abc import Iterator
from pathlib import Path

PAGE = Path(__file__).parent / "tutorials" / "first-model.md"
RECORDING = PAGE.with_suffix(".cast")
COLUMNS, ROWS = 100, 30
_LONGEST_PAUSE = 1.0  # seconds
_READING = 2.0  # seconds before a command is typed
_BLOCK = re.compile(r'^```(python|console|yaml)(?: title="(.+)")?\n(.*?)^```$', re.M | re.S)
_FOLDERS = r"(?<![\w.])/(?:home|mnt|opt|root|srv|tmp|usr|var|Users|work|workspace)/"


def commands(page: str) -> list[str]:
    """Returns what is typed into a shell to do all that a page says."""
    found = []
    for language, title, text in _BLOCK.findall(page):
        if language == "console":
            found += re.findall(r"^\$ (.*)$", text, re.M)
        else:
            program = "python -" if language == "python" else f"cat > {title}"
            found.append(f"{program} <<'END'\n{text}END")
    return found


def run(command: str, folder: Path) -> Iterator[tuple[float, str]]:
    """Runs a command in a terminal; yields the seconds since the last output, and the output."""
    terminal, inside = pty.openpty()
    fcntl.ioctl(inside, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, COLUMNS, 0, 0))
    home = {"HOME": str(folder), "KERASTL_CACHE": str(folder / ".cache")}
    terminal_type = {"TERM": "xterm-256color", "TF_CPP_MIN_LOG_LEVEL": "3"}
    process = subprocess.Popen(  # pty.fork would copy a process that may have threads
        ["bash", "-c", command],
        cwd=folder,
        env=os.environ | home | terminal_type,
        stdin=inside,
        stdout=inside,
        stderr=inside,
        start_new_session=True,
    )
    os.close(inside)
    decoder, last = codecs.getincrementaldecoder("utf-8")(), time.monotonic()
    while data := _read(terminal):
        now = time.monotonic()
        yield now - last, decoder.decode(data)
        last = now
    os.close(terminal)
    code = process.wait()
    if code not in (0, 2):  # 2 is a mistake that the page makes deliberately
        raise RuntimeError(f"exit code {code}: {command}")


def _read(terminal: int) -> bytes:
    try:
        return os.read(terminal, 65536)
    except OSError:  # Linux reports the end of the program like this
        return b""


def record(page: str) -> str:
    """Returns the recording of a page."""
    clock, events = 0.0, list[tuple[float, str, str]]()
    with tempfile.TemporaryDirectory() as folder:
        for command in commands(page):
            clock += _READING if events else 0.0
            typed = command.replace("\n", "\r\n") + "\r\n"
            events += [(clock, "i", command + "\n"), (clock, "o", f"\x1b[1m$ {typed}\x1b[0m")]
            for pause, output in run(command, Path(folder)):
                clock += min(pause, _LONGEST_PAUSE)
                events.append((clock, "o", output))
    title = "Your first model with kerastl"
    header = {"version": 2, "width": COLUMNS, "height": ROWS, "title": title}
    lines = [header, *([round(at, 3), kind, text] for at, kind, text in events)]
    return "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines)


def told_about_the_machine(recording: str) -> list[str]:
    """Returns what a recording tells about the machine: folders, its name, its user."""
    names = {getpass.getuser(), socket.gethostname()} - {"root", "localhost"}
    told = [rf"\b{re.escape(name)}\b" for name in sorted(names) if len(name) > 2]
    return re.findall("|".join([_FOLDERS, r"\broot@", *told]), recording)


if __name__ == "__main__":
    recording = record(PAGE.read_text(encoding="utf-8"))
    if told := told_about_the_machine(recording):
        sys.exit(f"Not written: the recording names {', '.join(sorted(set(told)))}.")
    RECORDING.write_text(recording, encoding="utf-8")
    print(f"wrote {RECORDING}")
