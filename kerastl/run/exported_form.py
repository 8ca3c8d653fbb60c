"""An exported form of a run, in its folder, that answers in its place without TensorFlow.

Convention: only a form in float32 answers, whose export has compared it with the run, and only if
the run still has the files that were exported.
"""

from pathlib import Path

from kerastl.progress import Progress
from kerastl.run.layout import RunLayout
from kerastl_runtime.engines import is_installed
from kerastl_runtime.errors import KerastlError
from kerastl_runtime.exported_bundle import MODEL_FILES, read_bundle
from kerastl_runtime.files import file_sha256
from kerastl_runtime.predictor import Predictor


def answering_files(layout: RunLayout) -> dict[str, str]:
    """Returns the hashes of the files that determine the answers of a run."""
    files = (layout.bundle, layout.model, layout.extractor)
    return {path.name: file_sha256(path).hex() for path in files if path.is_file()}


def find_exported_form(layout: RunLayout, *, progress: Progress) -> Predictor | None:
    """Returns the exported form that answers as the run does, or None if there is none."""
    current = None
    for name in MODEL_FILES:
        folder = layout.exports / name
        if not folder.is_dir() or not is_installed(name):
            continue
        current = current or answering_files(layout)
        try:
            bundle = read_bundle(folder)
            is_exact = bundle.precision == "float32" and bundle.run.get("sha256") == current
            if is_exact and (bundle.joins_windows or not bundle.contract.has_windows):
                form = Predictor(folder)
                progress.note(f"{_shown(folder)} answers in the place of the run.")
                return form
        except KerastlError as error:
            progress.note(f"{_shown(folder)} is not used: {error.what}")
    return None


def _shown(folder: Path) -> str:
    return f"The export {folder.parent.name}/{folder.name}"
