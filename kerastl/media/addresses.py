"""Addresses of media files, as tables, runs and messages state them.

Convention: an address is a path; or `TABLE.parquet#COLUMN/ROW`, a cell of a Parquet file, with rows
from 1 and perhaps `/NAME` at the end; or a URL of one of a few schemes. Nothing else is read: no
`file://`, no chains of file systems.
"""

import os
import re
from pathlib import Path

from kerastl.media.parquet_cell import ParquetCell
from kerastl.media.remote_file import RemoteFile
from kerastl_runtime.media_file import LocalFile, MediaFile

_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://.*", re.S)


def media_file(address: str, folder: Path = Path()) -> MediaFile:
    """Returns the file with an address; a path is relative to a folder.

    Raises:
        MediaError: URLs of this scheme are not read, or a package is missing that reads them.
    """
    if is_url(address):
        return RemoteFile(address)
    folder = folder.absolute()
    return ParquetCell.of_address(address, folder) or LocalFile(folder / address)


def is_url(address: str) -> bool:
    """Whether an address is a URL, of whatever scheme."""
    return _URL.fullmatch(address) is not None


def without_links(address: str) -> str:
    """Returns the address that a file has without symbolic links; asks no server."""
    return address if is_url(address) else os.path.realpath(address)
