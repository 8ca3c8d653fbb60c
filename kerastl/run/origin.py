"""Whether a run was trained here, and which files of examples a report of it may read.

Convention: predictions.parquet may come from anyone, so a report reads a file only if the run's own
table names it, and only if the run is this user's. Runs of kerastl 0.1 store no origin; they are
this user's if their table, at the absolute path that the bundle states, is.
"""

import os
import platform
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from kerastl.data.tables.loading import cell_text, read_frame
from kerastl.errors import KerastlError, MediaError
from kerastl.files import is_own
from kerastl.media.addresses import media_file
from kerastl.run.bundle import Bundle, Origin
from kerastl.run.record import RunRecord
from kerastl_runtime.media_file import MediaFile

_ROOT = 0
_NOT_PLACES = ("proc", "dev", "sys")  # their paths depend on the process that follows them


@dataclass(frozen=True)
class ReadableFiles:
    """The files of examples that a report may read.

    Args:
        named: Address of every file; None allows all.
        doubt: Why the run may be somebody else's, in which case `named` is empty, or None.
    """

    named: frozenset[str] | None = None
    doubt: str | None = None

    def file(self, address: str) -> MediaFile:
        """Returns the file with an address, or raises a `MediaError` if it must not be read."""
        if self.named is None or address in self.named:
            return media_file(address)
        if self.doubt is not None:
            raise MediaError("not shown: the run may be somebody else's")
        raise MediaError("not shown: the table of the run does not name this file")


def current_origin(folder: Path) -> Origin:
    """Returns the origin of a run that is trained now in a folder."""
    return Origin(host=_host(), folder=str(folder.resolve()))


def readable_files(record: RunRecord) -> ReadableFiles:
    """Returns the files that the run's own table names; none if the run may be somebody else's."""
    doubt = _doubt(record)
    if doubt is not None:
        return ReadableFiles(frozenset(), doubt)
    try:
        return ReadableFiles(frozenset(_named_files(record.bundle)))
    except (OSError, KerastlError, KeyError, TypeError, ValueError) as error:
        what = error.what if isinstance(error, KerastlError) else "its table cannot be read"
        return ReadableFiles(frozenset(), what[0].lower() + what[1:].rstrip("."))


def _doubt(record: RunRecord) -> str | None:
    layout, origin = record.layout, record.bundle.origin
    for path in (layout.folder, layout.bundle, layout.predictions):
        if path.exists() and not is_own(path):
            return f"'{path.name}' belongs to another user"
    if origin is None:
        return None
    if origin.host != _host():
        return "it was trained on another machine"
    if origin.folder != str(record.path.resolve()):
        return "it was trained in another folder"
    return None


def _named_files(bundle: Bundle) -> Iterator[str]:
    for table in bundle.data.tables:
        path = Path(os.path.normpath(table.path))
        _refuse_foreign_table(path, bundle)
        for cell in read_frame(path)[bundle.data.column]:
            yield str(media_file(cell_text(cell), path.parent))


def _refuse_foreign_table(path: Path, bundle: Bundle) -> None:
    if not path.is_absolute() or {*path.parts[1:2]} & {*_NOT_PLACES}:
        raise ValueError(path)
    if bundle.origin is None and path.is_file() and not is_own(path, _ROOT):
        raise KerastlError("Its table belongs to another user.")


def _host() -> str:
    return platform.node().partition(".")[0]
