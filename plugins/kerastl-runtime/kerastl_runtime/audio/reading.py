"""Audio files as libsndfile reads them: opened, checked and read in parts.

Convention: nothing is guessed; a truncated file is an error if its format can tell. The header of a
WAV file states the number of bytes and that of FLAC the number of samples. OGG and MP3 just end: a
truncated file is a shorter file.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

import numpy as np
import soundfile

from kerastl_runtime.errors import MediaError
from kerastl_runtime.file_errors import FIX_DAMAGE, damaged, not_opened, wrong_format
from kerastl_runtime.input_contract import AUDIO_FORMATS
from kerastl_runtime.media_file import MediaFile, as_file

MAX_CHANNELS = 64

UNKNOWN_SIZES = (0, 2**31 - 1, 2**32 - 1)  # of programs that do not know the end yet
_BLOCK = 2**18  # samples of each channel
_MP3_WARM_UP = 16 * 1152  # samples: more frames than a frame borrows bits from
_MP3_JUMP = 2**23  # samples: minutes that are decoded in a fraction of a second


@contextmanager
def open_audio(path: MediaFile | str | Path) -> Iterator[soundfile.SoundFile]:
    """Opens a file, or raises a `MediaError` if it is missing, truncated, empty or not audio."""
    opened = as_file(path)
    where = str(opened)
    try:
        stream = opened.open()
    except OSError as error:
        raise not_opened("audio file", opened, error) from None
    with stream, _read_header(stream, where) as file:
        if file.format == "RAW":  # a guess by the extension, such as .au, of any bytes
            raise _not_audio(where, f"no header of {AUDIO_FORMATS}")
        if not file.frames:
            raise _empty(where, "0 samples")
        if file.channels > MAX_CHANNELS:
            raise _not_audio(where, f"{file.channels} channels")
        yield file


def read_mono(file: soundfile.SoundFile, begin: int, end: int) -> np.ndarray:
    """Reads samples `begin` to `end`, at the file's own rate, and averages the channels."""
    frames = _read(file, begin, end)
    return frames[:, 0] if frames.shape[1] == 1 else frames.mean(axis=1, dtype=np.float32)


def read_blocks(file: soundfile.SoundFile, begin: int, end: int) -> Iterator[np.ndarray]:
    """Yields samples `begin` to `end` in blocks of all channels, `(samples, channels)` float32."""
    for start in range(begin, end, _BLOCK):
        yield _read(file, start, min(start + _BLOCK, end))


def _read(file: soundfile.SoundFile, begin: int, end: int) -> np.ndarray:
    try:
        _go_to(file, begin)
        frames = file.read(end - begin, dtype="float32", always_2d=True)
    except (soundfile.SoundFileError, ValueError) as error:
        raise damaged("audio file", str(file.name), str(error)) from None
    if len(frames) < end - begin:
        received = f"{begin + len(frames)} of {file.frames} samples, then nothing"
        raise damaged("audio file", str(file.name), received)
    if not np.isfinite(frames).all():
        raise damaged("audio file", str(file.name), "samples that are not finite numbers")
    return np.asarray(frames)


def _read_header(stream: BinaryIO, where: str) -> "_AudioFile":
    _refuse_cut_wav(stream, where)
    try:
        return _AudioFile(stream, where)
    except (soundfile.SoundFileError, ValueError, TypeError) as error:
        if not stream.seek(0, os.SEEK_END):
            raise _empty(where, "0 bytes") from None
        raise _not_audio(where, error) from None


class _AudioFile(soundfile.SoundFile):
    """An audio file that does not seek to its own position after each read, which breaks MP3."""

    def __init__(self, stream: BinaryIO, name: str):
        self._where = name
        super().__init__(stream)

    @property
    def name(self) -> str:
        return self._where

    def seekable(self) -> bool:
        return self.format != "MP3" and bool(super().seekable())


def _go_to(file: soundfile.SoundFile, begin: int) -> None:
    """Moves to a sample.

    Right after a seek, MP3 decodes without the bits that earlier frames hold (and libmpg123
    complains on stderr), so near the beginning there is no seek, and further on it ends earlier.
    """
    place = file.tell()
    if file.format == "MP3" and begin != place:
        if begin < place or begin - place > _MP3_JUMP:
            place = file.seek(0 if begin <= _MP3_JUMP else begin - _MP3_WARM_UP)
        for start in range(place, begin, _BLOCK):
            file.read(min(_BLOCK, begin - start), dtype="float32")
    elif begin != place:
        file.seek(begin)


def _refuse_cut_wav(stream: BinaryIO, where: str) -> None:
    """Refuses a WAV file with fewer bytes than its header announces; libsndfile accepts it."""
    head = stream.read(12)
    if head[:4] == b"RIFF" and head[8:] == b"WAVE":
        while len(chunk := stream.read(8)) == 8:
            size = int.from_bytes(chunk[4:], "little")
            if chunk[:4] == b"data":
                begin = stream.tell()
                present = stream.seek(0, os.SEEK_END) - begin
                if size not in UNKNOWN_SIZES and present < size:
                    raise damaged("audio file", where, f"{present} of {size} bytes of samples")
                break
            stream.seek(size + size % 2, os.SEEK_CUR)
    stream.seek(0)


def _not_audio(where: str, reason: object) -> MediaError:
    return wrong_format("audio", where, AUDIO_FORMATS, str(reason).rpartition(": ")[2].rstrip("."))


def _empty(where: str, received: str) -> MediaError:
    return MediaError("The audio file is empty.", where=where, received=received, fix=FIX_DAMAGE)
