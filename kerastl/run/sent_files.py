"""Files that are sent with the work, for machines that do not have their folder."""

import contextlib
import hashlib
import shutil
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kerastl.features.cache.location import MODELS, cache_folder
from kerastl.files import temporary_path
from kerastl.run.exported_form import answering_files
from kerastl.run.record import RunRecord, read_record
from kerastl_runtime.exported_bundle import MODEL_FILES

if TYPE_CHECKING:
    from kerastl.run.trained_model import TrainedModel


@dataclass(frozen=True)
class SentFiles:
    """The files of a folder, which the receiver finds or writes.

    Args:
        folder: The absolute path of the folder on the machine that sends.
        contents: Path of each file in the folder to its bytes.
    """

    folder: Path
    contents: Mapping[str, bytes]

    @classmethod
    def read(cls, paths: Iterable[Path], folder: Path) -> "SentFiles":
        """Reads files of a folder."""
        found = {path.relative_to(folder).as_posix(): path.read_bytes() for path in sorted(paths)}
        return cls(folder.absolute(), found)

    def received(self) -> Path:
        """Returns the folder if this machine has the same files there, or else one in the cache."""
        if self._are_in(self.folder):
            return self.folder
        digest = hashlib.sha256()
        for name, content in self.contents.items():
            digest.update(f"{name} {len(content)} ".encode() + content)
        folder = cache_folder() / MODELS / digest.hexdigest()
        if not self._are_in(folder):
            self._write(folder)
        return folder

    def _are_in(self, folder: Path) -> bool:
        try:
            return all((folder / n).read_bytes() == data for n, data in self.contents.items())
        except OSError:
            return False

    def _write(self, folder: Path) -> None:
        """Writes the files into a temporary folder that is then renamed."""
        temporary = temporary_path(folder)
        for name, content in self.contents.items():
            path = temporary / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        shutil.rmtree(folder, ignore_errors=True)  # damaged
        with contextlib.suppress(OSError):  # another process was faster
            temporary.rename(folder)
        shutil.rmtree(temporary, ignore_errors=True)


class SentRun:
    """A run that is sent with the work: pickling it reads the files that answer.

    Args:
        record: The run.
        exported: Whether an export may answer.
    """

    def __init__(self, record: RunRecord, *, exported: bool = False):
        self.record = record
        self._forms = [record.layout.exports / name for name in MODEL_FILES if exported]

    def __reduce__(self) -> tuple[Any, tuple[SentFiles]]:
        layout = self.record.layout
        found = [layout.folder / name for name in answering_files(layout)]
        exported = [path for form in self._forms for path in form.rglob("*") if path.is_file()]
        return _received_run, (SentFiles.read([*found, *exported], layout.folder),)

    def load(self) -> "TrainedModel":
        """Returns the model; raises a `RunError` or `BackboneError` if it cannot be used."""
        from kerastl.run.trained_model import load_trained_model

        return load_trained_model(self.record)


def _received_run(files: SentFiles) -> SentRun:
    return SentRun(read_record(files.received()))
