"""What is said of files that cannot be read, and the error if none can."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

import click

from kerastl.errors import MediaError, counted

if TYPE_CHECKING:
    import pandas as pd

_SHOWN = 3


def show_unreadable(frame: "pd.DataFrame") -> None:
    """Prints how many rows of a table have an `error`."""
    count = int(frame["error"].notna().sum()) if len(frame) else 0
    if count:
        files = counted(len(frame), "file")
        click.echo(f"{count} of {files} cannot be read; see 'error'.", err=True)


def no_readable_file(reasons: Mapping[str, str]) -> MediaError:
    """Returns the error that names the first files with the reason why each cannot be read."""
    shown = [f"{path}: {reason}" for path, reason in list(reasons.items())[:_SHOWN]]
    more = [f"and {len(reasons) - _SHOWN:,} more"] if len(reasons) > _SHOWN else []
    return MediaError(
        "The only file cannot be read."
        if len(reasons) == 1
        else f"None of the {counted(len(reasons), 'file')} can be read.",
        problems=[*shown, *more],
    )
