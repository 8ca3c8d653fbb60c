"""Progress on the command line: bars on a terminal, plain lines in a log.

Convention: progress and notes go to standard error, results to standard output.
"""

import time

import rich.console
import rich.progress

from kerastl.progress import Progress

_LOG_SECONDS = 10.0


class TerminalProgress(Progress):
    """Shows progress bars with the time left on a terminal, and plain lines elsewhere."""

    def __init__(self) -> None:
        self.console = rich.console.Console(stderr=True, highlight=False)
        self._bars: rich.progress.Progress | None = None
        self._bar: rich.progress.TaskID | None = None
        self._title = ""
        self._total: int | None = None
        self._started = self._printed = 0.0

    def __enter__(self) -> "TerminalProgress":
        if self.console.is_terminal:
            self._bars = rich.progress.Progress(
                rich.progress.TextColumn("{task.description:<24}"),
                rich.progress.BarColumn(),
                rich.progress.MofNCompleteColumn(),
                rich.progress.TimeElapsedColumn(),
                rich.progress.TextColumn("left"),
                rich.progress.TimeRemainingColumn(),
                console=self.console,
            )
            self._bars.start()
        return self

    def __exit__(self, *error: object) -> None:
        if self._bars is not None:
            self._bars.stop()

    def step(self, title: str, total: int | None = None) -> None:
        """Starts a bar or prints a line."""
        self._title, self._total = title, total
        self._started = self._printed = time.monotonic()
        if self._bars is not None:
            self._bar = self._bars.add_task(title, total=total)
        else:
            self.console.print(title if total is None else f"{title}: {total}")

    def advance(self, done: int) -> None:
        """Moves the bar, or prints a line every ten seconds."""
        if self._bars is not None and self._bar is not None:
            self._bars.update(self._bar, completed=done)
            return
        now = time.monotonic()
        if now - self._printed >= _LOG_SECONDS and self._total:
            self._printed = now
            left = (now - self._started) / max(done, 1) * (self._total - done)
            self.console.print(f"{self._title}: {done} of {self._total}, about {left:.0f} s left")

    def note(self, text: str) -> None:
        """Prints a note."""
        if text:
            self.console.print(text, markup=False)

    def warn(self, text: str) -> None:
        """Prints a warning."""
        self.console.print(f"Warning: {text}", markup=False, style="yellow")
