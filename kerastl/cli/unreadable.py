"""The error of a prediction that could read none of its inputs."""

from collections.abc import Mapping

from kerastl.errors import MediaError, counted

_SHOWN = 3


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
