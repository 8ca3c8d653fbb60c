"""Listens to a sound file from end to end: what it is, how loud, and whether it was clipped.

Convention: a sound is read in blocks, so an hour costs no more memory than a second. Loudness is of
the channels mixed down, as the backbone hears them; clipping is looked for in every channel.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from kerastl.errors import MediaError
from kerastl.files import file_sha256
from kerastl.media.audio.decoding import segment_of
from kerastl.media.audio.files import open_sound, read_blocks

SILENT_PEAK = 1e-3  # of full scale: 60 decibels below it
CLIPPED_PART = 1e-3  # of the samples
_FULL_SCALE = 0.999
_RUN = 3  # neighbors at full scale that make a clipped peak; one or two may be just loud


@dataclass(frozen=True, kw_only=True)
class SoundFacts:
    """What one example is.

    Args:
        format: Such as `"WAV PCM_16"`, as libsndfile names it.
        rate_hz: Samples per second of the file.
        channels: Of the file.
        seconds: Length of the example: of its segment, or of the whole file.
        peak: Largest magnitude, 0 to 1 of full scale, in the channels' mean.
        clipped: Part of the samples at full scale in runs of three or more, in the worst channel.
    """

    format: str
    rate_hz: int
    channels: int
    seconds: float
    peak: float
    clipped: float

    @property
    def is_silent(self) -> bool:
        """Whether nothing reaches 60 decibels below full scale."""
        return self.peak < SILENT_PEAK

    @property
    def is_clipped(self) -> bool:
        """Whether more than a thousandth of the samples is cut off at full scale."""
        return self.clipped > CLIPPED_PART


def listen(path: Path, start_seconds: float | None, end_seconds: float | None) -> SoundFacts:
    """Reads one sound or a segment of it, all of it.

    Args:
        path: WAV, FLAC, OGG or MP3.
        start_seconds: Where the segment begins; None is the beginning.
        end_seconds: Where it ends; None is the end.

    Raises:
        MediaError: The file is missing, damaged or no sound, or the segment lies outside of it.
    """
    with open_sound(path) as sound:
        begin, end = segment_of(sound, sound.samplerate, start_seconds, end_seconds)
        peak, clipped = 0.0, np.zeros(sound.channels)
        for block in read_blocks(sound, begin, end):
            peak = max(peak, float(np.abs(block.mean(axis=1)).max()))
            clipped += _num_clipped(block)
        return SoundFacts(
            format=f"{sound.format} {sound.subtype}",
            rate_hz=sound.samplerate,
            channels=sound.channels,
            seconds=(end - begin) / sound.samplerate,
            peak=peak,
            clipped=float(clipped.max()) / (end - begin),
        )


def hash_sound(path: Path) -> str:
    """Returns the SHA-256 of a file's bytes in hexadecimal.

    Raises:
        MediaError: The file can't be opened.
    """
    try:
        return file_sha256(path).hex()
    except OSError as error:
        raise MediaError(
            "The sound can't be opened.", where=str(path), received=error.strerror or str(error)
        ) from None


def _num_clipped(block: np.ndarray) -> np.ndarray:
    """Returns how many samples of each channel lie in runs at full scale."""
    full = np.abs(block) >= _FULL_SCALE
    if not full.any():
        return np.zeros(block.shape[1])
    padded = np.pad(full, ((_RUN - 1, _RUN - 1), (0, 0)))
    windows = np.lib.stride_tricks.sliding_window_view(padded, _RUN, axis=0)
    runs: np.ndarray = np.all(windows, axis=-1)
    inside = np.zeros(full.shape, bool)
    for offset in range(_RUN):
        inside |= runs[offset : offset + len(full)]
    return np.asarray(np.sum(inside, axis=0), float)
