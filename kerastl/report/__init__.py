"""The report of a run: one page that needs no network and prints well.

Convention: Python draws every chart as inline SVG, so that the page also shows where scripts are
blocked and in print; a few kilobytes of plain JavaScript only move thresholds and choose what is
seen. A plotting library such as plotly would add more than 3 MB to each report and would leave an
empty page where scripts don't run. The template escapes everything, the page's own content policy
allows nothing but its one script and its one stylesheet, by their hashes.
"""

from pathlib import Path

from kerastl.files import write_text
from kerastl.progress import SILENT, Progress
from kerastl.report.content import gather_content
from kerastl.report.render import render
from kerastl.run.record import read_record

__all__ = ["write_report", "write_report_or_warn"]


def write_report(
    run: str | Path, *, output: str | Path | None = None, progress: Progress = SILENT
) -> Path:
    """Builds the report of a finished run from the files in its folder.

    Args:
        run: Folder of the run.
        output: The file to write; None is `report.html` in the folder.
        progress: Told what happens.

    Returns:
        The file that was written.

    Raises:
        RunError: The folder holds no finished run, or a file of it can't be read.

    Example:

    ```python
    write_report("runs/driving")
    ```
    """
    progress.step("Writing the report", None)
    record = read_record(run)
    content = gather_content(record)
    path = Path(output) if output is not None else record.layout.report
    write_text(path, render(content))
    return path


def write_report_or_warn(run: Path, *, progress: Progress = SILENT) -> Path | None:
    """Builds the report; a failure is a warning, because a finished training is worth more.

    Returns:
        The file that was written, or None.
    """
    try:
        return write_report(run, progress=progress)
    except Exception as error:  # whatever it is, the model and its scores are already written
        reason = f"{type(error).__name__}: {error}".splitlines()[0]
        progress.warn(
            f"The run is complete, but its report couldn't be written ({reason}). "
            f"`kerastl report {run}` tries again."
        )
        return None
