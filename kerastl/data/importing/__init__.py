"""Tables made from other layouts.

Convention: an importer of another distribution imports only this package of kerastl.
"""

from kerastl.data.importing.made_table import (
    FILE_COLUMN,
    SPLIT_COLUMN,
    UNKNOWN,
    MadeTable,
    column_names,
    existing_files,
    is_media_file,
    labels_frame,
    relative_path,
)
from kerastl.data.tables.labels import BLANKS, canonical_cell
from kerastl.data.tables.table_file import read_frame
from kerastl.errors import TableError, counted
from kerastl.settings.explain import received
from kerastl_runtime.files import read_json

__all__ = [
    "BLANKS",
    "FILE_COLUMN",
    "SPLIT_COLUMN",
    "UNKNOWN",
    "MadeTable",
    "TableError",
    "canonical_cell",
    "column_names",
    "counted",
    "existing_files",
    "is_media_file",
    "labels_frame",
    "read_frame",
    "read_json",
    "received",
    "relative_path",
]
