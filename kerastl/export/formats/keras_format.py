"""Keras's own format: for programs that have Keras and the layers of the run."""

import json
import zipfile
from pathlib import Path

from kerastl.export.formats.model_format import Format, Precision, Source

_METADATA = "metadata.json"


class KerasFormat(Format):
    """A `.keras` file; it has layers of kerastl and maybe of a plugin, and its own metadata."""

    name = "keras"
    file = "serving.keras"  # `model.keras` is that of a run, without calibration

    def write(self, source: Source, precision: Precision, path: Path) -> None:
        plain = source.folder / self.file
        source.serving(takes_any_extent=True).network.save(plain)
        with zipfile.ZipFile(plain) as old, zipfile.ZipFile(path, "w") as new:
            for entry in old.infolist():
                data = old.read(entry)
                if entry.filename == _METADATA:
                    data = json.dumps({**json.loads(data), "kerastl": source.metadata}).encode()
                new.writestr(entry, data)
