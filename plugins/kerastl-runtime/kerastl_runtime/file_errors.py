"""The errors of media files."""

from collections.abc import Iterator
from contextlib import contextmanager

from kerastl_runtime.errors import MediaError
from kerastl_runtime.media_file import MediaFile

FIX_DAMAGE = (
    "Fetch the file again, or remove its row from the table; `kerastl data check` lists all such "
    "files."
)


def not_opened(noun: str, file: MediaFile, error: OSError) -> MediaError:
    """Returns the error of a file, such as an "image", that is missing or cannot be opened."""
    if isinstance(error, FileNotFoundError):
        return MediaError(
            f"The {noun} does not exist.",
            where=str(file),
            fix=file.fix_missing,
        )
    return MediaError(
        f"The {noun} cannot be opened.", where=str(file), received=error.strerror or str(error)
    )


def damaged(noun: str, where: str, reason: str) -> MediaError:
    """Returns the error of a file that is truncated or damaged."""
    return MediaError(
        f"The {noun} is truncated or damaged.", where=where, received=reason, fix=FIX_DAMAGE
    )


@contextmanager
def as_damage(noun: str, where: str) -> Iterator[None]:
    """Raises all but a `MediaError` and a lack of memory as damage: decoders raise anything."""
    try:
        yield
    except (MediaError, MemoryError):
        raise
    except Exception as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        raise damaged(noun, where, reason) from error


def wrong_format(noun: str, where: str, formats: str, received: str) -> MediaError:
    """Returns the error of a file that is not "an image" or not "audio"."""
    return MediaError(
        f"The file is not {noun} that kerastl reads.",
        where=where,
        expected=formats,
        received=received,
        fix="Convert it to one of these formats, or remove its row from the table.",
    )
