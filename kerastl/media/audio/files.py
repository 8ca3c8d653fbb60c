"""Sound files as libsndfile reads them: opened, checked and read in parts, with errors in words.

Convention: nothing is guessed; a file that is cut off is an error wherever its format can tell. WAV
says in its header how many bytes follow and FLAC how many samples. OGG and MP3 just end: of these a
cut file is a shorter file.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import soundfile

from kerastl.errors import MediaError

EXTENSIONS = (".wav", ".flac", ".ogg", ".mp3")
MAX_CHANNELS = 64

UNKNOWN_SIZES = (0, 2**31 - 1, 2**32 - 1)  # what programs write that don't know the end yet
_BLOCK = 2**18  # samples of each channel
_MP3_WARM_UP = 16 * 1152  # samples: more frames than a frame borrows bits from
_MP3_JUMP = 2**23  # samples: minutes that are decoded in a fraction of a second
_FIX = (
    "Fetch the file again, or take its row out of the table; `kerastl data check` lists all such."
)


@contextmanager
def open_sound(path: str | Path) -> Iterator[soundfile.SoundFile]:
    """Opens a sound for reading.

    Args:
        path: WAV, FLAC, OGG or MP3.

    Raises:
        MediaError: The file is missing, cut off, empty or no sound.
    """
    where = str(path)
    _refuse_missing(Path(path))
    _refuse_cut_wav(Path(path))
    try:
        sound = _Sound(where)
    except (soundfile.SoundFileError, ValueError, TypeError) as error:
        raise _no_sound(where, error) from None
    with sound:
        if not sound.frames:
            raise MediaError("The sound is empty.", where=where, received="0 samples", fix=_FIX)
        if sound.channels > MAX_CHANNELS:
            raise _no_sound(where, f"{sound.channels} channels")
        yield sound


def read_mono(sound: soundfile.SoundFile, begin: int, end: int) -> np.ndarray:
    """Reads a part of an open sound and mixes its channels down by their mean.

    Args:
        sound: As `open_sound` gives it.
        begin: First sample of each channel, from 0, at the file's own rate.
        end: The sample after the last one.

    Returns:
        float32, shape `(end - begin,)`.

    Raises:
        MediaError: The file ends earlier than it says, or holds what isn't a number.
    """
    frames = _read(sound, begin, end)
    return frames[:, 0] if frames.shape[1] == 1 else frames.mean(axis=1, dtype=np.float32)


def read_blocks(sound: soundfile.SoundFile, begin: int, end: int) -> Iterator[np.ndarray]:
    """Yields a part of an open sound in blocks of all channels, `(samples, channels)` float32.

    Args:
        sound: As `open_sound` gives it.
        begin: First sample of each channel, from 0, at the file's own rate.
        end: The sample after the last one.

    Raises:
        MediaError: The file ends earlier than it says, or holds what isn't a number.
    """
    for start in range(begin, end, _BLOCK):
        yield _read(sound, start, min(start + _BLOCK, end))


def _read(sound: soundfile.SoundFile, begin: int, end: int) -> np.ndarray:
    try:
        _go_to(sound, begin)
        frames = sound.read(end - begin, dtype="float32", always_2d=True)
    except (soundfile.SoundFileError, ValueError) as error:
        raise _damaged(str(sound.name), str(error)) from None
    if len(frames) < end - begin:
        raise _damaged(
            str(sound.name), f"{begin + len(frames)} of {sound.frames} samples, then nothing"
        )
    if not np.isfinite(frames).all():
        raise _damaged(str(sound.name), "samples that aren't finite numbers")
    return np.asarray(frames)


class _Sound(soundfile.SoundFile):
    """A sound that isn't told to jump after each read, to where it is: MP3 doesn't survive that."""

    def seekable(self) -> bool:
        """Whether jumps are free of consequences."""
        return self.format != "MP3" and bool(super().seekable())


def _go_to(sound: soundfile.SoundFile, begin: int) -> None:
    """Moves to a sample.

    What MP3 decodes right behind a jump lacks what earlier frames hold of it (and libmpg123
    complains on stderr), so near the beginning nothing is jumped over, and further on the jump
    ends earlier.
    """
    place = sound.tell()
    if sound.format == "MP3" and begin != place:
        if begin < place or begin - place > _MP3_JUMP:
            place = sound.seek(0 if begin <= _MP3_JUMP else begin - _MP3_WARM_UP)
        for start in range(place, begin, _BLOCK):
            sound.read(min(_BLOCK, begin - start), dtype="float32")
    elif begin != place:
        sound.seek(begin)


def _refuse_missing(path: Path) -> None:
    where = str(path)
    try:
        with path.open("rb"):
            return
    except FileNotFoundError:
        raise MediaError(
            "The sound does not exist.",
            where=where,
            fix="Correct the path in the table: paths are relative to the table's folder.",
        ) from None
    except OSError as error:
        raise MediaError(
            "The sound can't be opened.", where=where, received=error.strerror or str(error)
        ) from None


def _refuse_cut_wav(path: Path) -> None:
    """Refuses a WAV file with fewer bytes than its header announces; libsndfile accepts it."""
    found = _data_chunk(path)
    if found is None:
        return
    begin, announced = found
    present = path.stat().st_size - begin
    if announced not in UNKNOWN_SIZES and present < announced:
        raise _damaged(str(path), f"{present} of {announced} bytes of sound")


def _data_chunk(path: Path) -> tuple[int, int] | None:
    """Returns where the samples of a WAV file begin and their bytes by the header, or None."""
    with path.open("rb") as file:
        head = file.read(12)
        if head[:4] != b"RIFF" or head[8:] != b"WAVE":
            return None
        while len(chunk := file.read(8)) == 8:
            size = int.from_bytes(chunk[4:], "little")
            if chunk[:4] == b"data":
                return file.tell(), size
            file.seek(size + size % 2, os.SEEK_CUR)
    return None


def _damaged(where: str, reason: str) -> MediaError:
    return MediaError("The sound is truncated or damaged.", where=where, received=reason, fix=_FIX)


def _no_sound(where: str, reason: object) -> MediaError:
    if not Path(where).stat().st_size:
        return MediaError("The sound is empty.", where=where, received="0 bytes", fix=_FIX)
    text = str(reason).rpartition(": ")[2].rstrip(".")
    return MediaError(
        "The file is no sound that kerastl reads.",
        where=where,
        expected="WAV, FLAC, OGG or MP3",
        received=text,
        fix="Convert it to one of these formats, or take its row out of the table.",
    )
