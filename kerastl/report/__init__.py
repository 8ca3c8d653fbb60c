"""The report of a run: one HTML page that works offline and in print.

Convention: Python draws every chart as inline SVG, so the page is complete without scripts and in
print; a few kilobytes of plain JavaScript only move thresholds and select what is shown. A plotting
library such as plotly would add more than 3 MB to each report. The template escapes everything, and
the content policy of the page allows only its one script and its one stylesheet, by their hashes.
"""

from pathlib import Path

from kerastl.files import write_text
from kerastl.progress import SILENT, Progress
from kerastl.report.card import render_card, write_card
from kerastl.report.content import doubt_warning, gather_content
from kerastl.report.plots import unit_frame
from kerastl.report.render import json_for_page, render_page
from kerastl.run.origin import ReadableFiles, readable_files
from kerastl.run.record import read_record

__all__ = ["write_report", "write_report_or_warn"]


def write_report(
    run: str | Path,
    *,
    output: str | Path | None = None,
    trust: bool = False,
    progress: Progress = SILENT,
) -> Path:
    """Builds the report and the model card of a finished run from the files in its folder.

    It shows only images and audio that the run's own table names, and none if the run may be
    somebody else's: if it was trained on another machine or in another folder, belongs to another
    user, or its table cannot be read. A warning says so.

    Args:
        run: Path of the run folder.
        output: The file to write; None writes `report.html` in the run folder, and `MODEL_CARD.md`
            unless somebody has edited it.
        trust: Whether to show every image or audio clip that the run names, whosever it is.
        progress: Receives progress updates.

    Returns:
        The file that was written.

    Raises:
        RunError: The folder does not contain a finished run, or one of its files cannot be read.
    """
    progress.step("Writing the report", None)
    record = read_record(run)
    files = ReadableFiles() if trust else readable_files(record)
    content = gather_content(record, files)
    card = write_card(record.layout.card, content) if output is None else render_card(content)
    if files.doubt is not None:
        progress.warn(doubt_warning(record, files.doubt))
    path = Path(output) if output is not None else record.layout.report
    sliders = {panel.id: panel.slider for task in content.tasks for panel in task.panels}
    page = render_page(
        "report.html",
        script="report.js",
        content=content,
        data=json_for_page(sliders),
        card=card.partition("\n---\n")[2].strip() or card,
        unit_frame=unit_frame(),
    )
    write_text(path, page)
    return path


def write_report_or_warn(
    run: Path, *, trust: bool = False, progress: Progress = SILENT
) -> Path | None:
    """Builds the report, or warns and returns None, because the run itself is complete."""
    try:
        return write_report(run, trust=trust, progress=progress)
    except Exception as error:  # the model and its scores are already written
        reason = f"{type(error).__name__}: {error}".splitlines()[0]
        progress.warn(
            f"The run is complete, but its report could not be written ({reason}). "
            f"Run `kerastl report {run}` to try again."
        )
        return None
