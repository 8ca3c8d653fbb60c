"""Writing of the hashes of the files in a folder; see `kerastl_runtime.checksums`."""

from collections.abc import Iterable
from pathlib import Path

from kerastl.files import write_text
from kerastl_runtime.checksums import NAME, listed_name
from kerastl_runtime.files import file_sha256


def write_checksums(folder: Path, files: Iterable[Path]) -> None:
    """Writes the hashes of those of these files that exist."""
    lines = [
        f"{file_sha256(path).hex()}  {listed_name(folder, path)}"
        for path in files
        if path.is_file()
    ]
    write_text(folder / NAME, "\n".join(lines) + "\n")
