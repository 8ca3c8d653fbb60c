"""Commands in forked processes, which are killed or whose surroundings change while they run."""

import contextlib
import os
import signal
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

LIMIT_SECONDS = 240.0

Action = Callable[[int], None]
"""What happens to a process, given its id."""


class NotAsPromisedError(Exception):
    """What should not have happened."""


@dataclass(frozen=True, kw_only=True)
class Ended:
    """How commands have ended.

    Args:
        status: Exit status of the last one that ran, negative if a signal ended it.
        log: What it printed.
        seconds: Time of all.
        has_acted: Whether the action was due before the end.
    """

    status: int
    log: str
    seconds: float
    has_acted: bool

    @property
    def is_refused(self) -> bool:
        """Whether it has ended with an error of the project's own."""
        return self.status == 2 and "Error: " in self.log and "Traceback" not in self.log

    def require(self, *statuses: int) -> "Ended":
        """Raises an error unless it has ended as expected; a refusal has to be a sentence."""
        if self.status not in statuses or (self.status == 2 and not self.is_refused):
            raise NotAsPromisedError(f"status {self.status}: {self.log.strip()[-1500:]}")
        if "Traceback" in self.log:
            raise NotAsPromisedError(f"a traceback: {self.log.strip()[-1500:]}")
        return self


def start(
    arguments: Sequence[str],
    *,
    project: Path,
    out: Path,
    cache: Path | None = None,
    prepare: Callable[[], None] = lambda: None,
) -> int:
    """Starts a command in a forked process with a session of its own; returns its id.

    Args:
        arguments: As after `kerastl`.
        project: The folder in which it runs.
        out: Folder of the trial, which holds the cache, temporary files and the log.
        cache: Folder of the cache, if it is elsewhere.
        prepare: Called in the process before the command.
    """
    pid = os.fork()
    if pid:
        return pid
    status = 1
    try:
        os.setsid()
        signal.signal(signal.SIGINT, signal.default_int_handler)  # ignored in the background
        out.parent.mkdir(parents=True, exist_ok=True)
        log = os.open(_log(out), os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        os.dup2(log, 1)
        os.dup2(log, 2)
        os.chdir(project)
        os.environ["KERASTL_CACHE"] = str(cache or out / "cache")
        _use_own_temporary(out)
        prepare()
        status = _call(arguments)
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)


def wait(
    pid: int, out: Path, *, seconds: float | None = None, action: Action | None = None
) -> Ended:
    """Waits for a process; after some seconds something happens to it."""
    begin, has_acted = time.monotonic(), False
    while True:
        ended, state = os.waitpid(pid, os.WNOHANG)
        spent = time.monotonic() - begin
        if ended:
            _end_orphans(pid)
            log = _log(out).read_text(errors="replace")
            status = os.waitstatus_to_exitcode(state)
            return Ended(status=status, log=log, seconds=spent, has_acted=has_acted)
        if seconds is not None and action is not None and not has_acted and spent >= seconds:
            action(pid)
            has_acted = True
        if spent > LIMIT_SECONDS:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
            raise NotAsPromisedError(f"still running after {LIMIT_SECONDS:.0f} s")
        time.sleep(0.002)


def run(
    commands: Iterable[Sequence[str]],
    *,
    project: Path,
    out: Path,
    cache: Path | None = None,
    seconds: float | None = None,
    action: Action | None = None,
    prepare: Callable[[], None] = lambda: None,
) -> Ended:
    """Runs commands one after the other until one fails; something happens after some seconds."""
    total, has_acted = 0.0, False
    ended = Ended(status=0, log="", seconds=0.0, has_acted=False)
    for arguments in commands:
        pid = start(arguments, project=project, out=out, cache=cache, prepare=prepare)
        left = None if seconds is None or has_acted else seconds - total
        ended = wait(pid, out, seconds=left, action=action)
        total, has_acted = total + ended.seconds, has_acted or ended.has_acted
        if ended.status:
            break
    return Ended(status=ended.status, log=ended.log, seconds=total, has_acted=has_acted)


def _call(arguments: Sequence[str]) -> int:
    from kerastl.cli import main

    try:
        main(list(arguments))
    except SystemExit as stop:
        return int(stop.code or 0)
    return 0


def _use_own_temporary(out: Path) -> None:
    folder = out.parent / f"{out.name}-tmp"
    folder.mkdir(parents=True, exist_ok=True)
    os.environ["TMPDIR"], tempfile.tempdir = str(folder), None


def _log(out: Path) -> Path:
    return out.parent / f"{out.name}.log"


def _end_orphans(pid: int) -> None:
    """Ends what a killed command has started, which has its session."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(pid, signal.SIGKILL)
