"""SavedModel: for TensorFlow and TensorFlow Serving."""

import shutil
from pathlib import Path

from kerastl.export.formats.model_format import Format, Precision, Source
from kerastl.files import write_text


class SavedModelFormat(Format):
    """A SavedModel; the metadata is in `assets.extra/bundle.json`, which TensorFlow ignores."""

    name = "saved_model"
    file = "model"

    def write(self, source: Source, precision: Precision, path: Path) -> None:
        shutil.copytree(source.saved_model(takes_any_extent=True), path)
        (path / "assets.extra").mkdir()
        write_text(path / "assets.extra" / "bundle.json", source.metadata)
