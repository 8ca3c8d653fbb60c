"""Progress on the command line: bars on a terminal, plain lines in a log.

Convention: progress and notes go to standard error, results to standard output.
"""

import datetime
import time

import rich.console
import rich.progress
import rich.text
from rich.table import Column

from kerastl.progress import Progress

_LOG_SECONDS = 10.0
_TEXT_WIDTH = 60  # of everything beside the bar


class TerminalProgress(Progress):
    """Shows progress bars with the time left on a terminal, and plain lines elsewhere."""

    def __init__(self, is_quiet: bool = False) -> None:
        self.console = rich.console.Console(stderr=True, highlight=False)
        self.console.soft_wrap = not self.console.is_terminal  # a line in a log is never divided
        self._is_quiet = is_quiet
        self._warned: set[str] = set()
        self._bars: rich.progress.Progress | None = None
        self._bar: rich.progress.TaskID | None = None
        self._title = ""
        self._total: int | None = None
        self._started = self._printed = 0.0

    def __enter__(self) -> "TerminalProgress":
        if self.console.is_terminal and not self._is_quiet:
            self._bars = rich.progress.Progress(
                rich.progress.TextColumn(
                    "{task.description:<24}", table_column=Column(overflow="fold")
                ),
                rich.progress.BarColumn(max(4, min(40, self.console.width - _TEXT_WIDTH))),
                _CountColumn(table_column=Column(no_wrap=True)),
                rich.progress.TimeElapsedColumn(table_column=Column(no_wrap=True)),
                _TimeLeftColumn(table_column=Column(no_wrap=True)),
                console=self.console,
            )
            self._bars.start()
        return self

    def __exit__(self, error: type[BaseException] | None, *more: object) -> None:
        if self._bars is None:
            return
        if error is None:
            self._finish_bar()
        elif self._bar is not None:
            self._bars.stop_task(self._bar)
        self._bars.stop()

    def step(self, title: str, total: int | None = None) -> None:
        """Starts a bar, which ends the one before, or prints a line."""
        self._title, self._total = title, total
        self._started = self._printed = time.monotonic()
        if self._bars is not None:
            self._finish_bar()
            self._bar = self._bars.add_task(title, total=total, is_counted=total is not None)
        elif not self._is_quiet:
            self.console.print(title if total is None else f"{title}: {total}")

    def advance(self, done: int) -> None:
        """Moves the bar, or prints a line every ten seconds."""
        if self._bars is not None and self._bar is not None:
            self._bars.update(self._bar, completed=done)
            return
        now = time.monotonic()
        if now - self._printed >= _LOG_SECONDS and self._total and not self._is_quiet:
            self._printed = now
            left = (now - self._started) / max(done, 1) * (self._total - done)
            self.console.print(f"{self._title}: {done} of {self._total}, about {left:.0f} s left")

    def note(self, text: str) -> None:
        """Prints a note."""
        if text and not self._is_quiet:
            self.console.print(text, markup=False)

    def warn(self, text: str) -> None:
        """Prints a warning, unless it was printed before."""
        if text not in self._warned:
            self._warned.add(text)
            self.console.print(f"Warning: {text}", markup=False, style="yellow")

    def _finish_bar(self) -> None:
        """Completes the bar, so that its clock stops; the total of a step may be unknown."""
        if self._bars is not None and self._bar is not None:
            total = self._bars.tasks[self._bars.task_ids.index(self._bar)].total or 1
            self._bars.update(self._bar, total=total, completed=total)


class _CountColumn(rich.progress.ProgressColumn):
    def render(self, task: rich.progress.Task) -> rich.text.Text:
        is_counted = task.fields["is_counted"] and task.total is not None
        count = f"{task.completed:,.0f}/{task.total:,.0f}" if is_counted else ""
        return rich.text.Text(count, style="progress.download")


class _TimeLeftColumn(rich.progress.ProgressColumn):
    max_refresh = 0.5  # seconds; as in rich, because a faster estimate flickers

    def render(self, task: rich.progress.Task) -> rich.text.Text:
        seconds = None if task.finished else task.time_remaining
        left = "" if seconds is None else f"{datetime.timedelta(seconds=int(seconds))} left"
        return rich.text.Text(left, style="progress.remaining")
