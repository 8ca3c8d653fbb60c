"""The one rule from a sound file to the samples that a model gets.

Convention: `SOUND_RULE_VERSION` names the rule. It is raised by whatever changes a single value,
and it belongs into every cache key and bundle. Version 1:

1. **Formats**: WAV, FLAC, OGG and MP3, any rate, any number of channels.
2. **Channels** are mixed down by their mean.
3. **Rate**: resampled to the backbone's by soxr in its quality `HQ`. A part of a file is read with
   some sound around it and on the grid that both rates share, so that it has the values (to 1e-5)
   that it has in the whole file. Only what is needed is read.
4. **Range**: float32, clipped to [-1, 1]. The level is left as it is.
5. **Segment**: `start_seconds` and `end_seconds` cut an example out of a recording, to the nearest
   sample at the backbone's rate.
6. **Window**: what is longer than the window is cut; what is shorter is filled up with silence.
   `start` takes the beginning and puts silence behind. The others put silence on both sides.
   `center` takes the middle. `loudest` takes the window with the most energy among those that begin
   at multiples of a hundredth of it, the first of equals. `pool` takes as many windows as are
   needed to cover all of the sound, the first at its beginning, the last at its end, evenly spread;
   at most `MAX_WINDOWS`, then with gaps.
"""

import math
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import soundfile
import soxr

from kerastl.errors import ConfigError, MediaError
from kerastl.media.audio.files import EXTENSIONS, open_sound, read_mono
from kerastl.media.audio.windows import (
    MAX_WINDOWS,
    WINDOWS,
    cut_windows,
    energies_of,
    filled,
    grid_step,
    loudest_start,
    refuse_unknown_window,
    window_starts,
)

__all__ = [
    "EXTENSIONS",
    "MAX_WINDOWS",
    "SOUND_RULE_VERSION",
    "WINDOWS",
    "cut_windows",
    "load_sound",
    "load_windows",
    "read_sound",
]

SOUND_RULE_VERSION = 1
_LATE_SECONDS = 0.1  # what a segment may reach beyond the end: tables round
_MARGIN = 512  # samples of the lower rate around a part: more than the resampler looks at
_SCANNED = 2**20  # samples that lie in memory while the loudest window is searched


def read_sound(
    path: str | Path,
    *,
    rate_hz: int,
    start_seconds: float | None = None,
    end_seconds: float | None = None,
) -> np.ndarray:
    """Reads a sound or a segment of it.

    Args:
        path: WAV, FLAC, OGG or MP3.
        rate_hz: Rate of the result, in hertz.
        start_seconds: Where the segment begins; None is the beginning.
        end_seconds: Where it ends; None is the end.

    Returns:
        Mono float32 in [-1, 1], shape `(samples,)`.

    Raises:
        MediaError: The file is missing, damaged or no sound, or the segment lies outside of it.

    Example:

    ```python
    samples = read_sound("seven.wav", rate_hz=16000)
    ```
    """
    with open_sound(path) as sound:
        begin, end = segment_of(sound, rate_hz, start_seconds, end_seconds)
        return _read(sound, begin, end, rate_hz)


def load_sound(
    path: str | Path,
    *,
    rate_hz: int,
    num_samples: int,
    window: str = "center",
    start_seconds: float | None = None,
    end_seconds: float | None = None,
) -> np.ndarray:
    """Reads one window of a sound or of a segment of it.

    Args:
        path: WAV, FLAC, OGG or MP3.
        rate_hz: Rate of the result, in hertz.
        num_samples: Length of the window, in samples at that rate.
        window: `"start"`, `"center"` or `"loudest"`.
        start_seconds: Where the segment begins; None is the beginning.
        end_seconds: Where it ends; None is the end.

    Returns:
        Mono float32 in [-1, 1], shape `(num_samples,)`.

    Raises:
        MediaError: The file is missing, damaged or no sound, or the segment lies outside of it.
        ConfigError: There is no such window, or it is `"pool"`, which is several.
    """
    if window == "pool":
        raise ConfigError(
            "One window was asked for, but 'pool' takes several.",
            expected="start, center or loudest",
            received="'pool'",
        )
    found = load_windows(
        path,
        rate_hz=rate_hz,
        num_samples=num_samples,
        window=window,
        start_seconds=start_seconds,
        end_seconds=end_seconds,
    )
    return np.asarray(found[0])


def load_windows(
    path: str | Path,
    *,
    rate_hz: int,
    num_samples: int,
    window: str,
    start_seconds: float | None = None,
    end_seconds: float | None = None,
) -> np.ndarray:
    """Reads all windows that a rule takes: one, but for `"pool"`.

    Memory is bounded by the windows, however long the file is.

    Args:
        path: WAV, FLAC, OGG or MP3.
        rate_hz: Rate of the result, in hertz.
        num_samples: Length of a window, in samples at that rate.
        window: `"start"`, `"center"`, `"loudest"` or `"pool"`.
        start_seconds: Where the segment begins; None is the beginning.
        end_seconds: Where it ends; None is the end.

    Returns:
        Mono float32 in [-1, 1], shape `(windows, num_samples)`.

    Raises:
        MediaError: The file is missing, damaged or no sound, or the segment lies outside of it.
        ConfigError: There is no such window.
    """
    refuse_unknown_window(window)
    with open_sound(path) as sound:
        begin, end = segment_of(sound, rate_hz, start_seconds, end_seconds)
        if end - begin <= max(num_samples, _SCANNED) and window in ("loudest", "pool"):
            return cut_windows(
                _read(sound, begin, end, rate_hz), num_samples=num_samples, rule=window
            )
        if window == "loudest":
            energies = _scan(sound, begin, end, rate_hz, grid_step(num_samples))
            starts = [loudest_start(energies, end - begin, num_samples)]
        else:
            starts = window_starts(window, end - begin, num_samples)
        parts = [
            _read(sound, begin + start, min(begin + start + num_samples, end), rate_hz)
            for start in starts
        ]
    return np.stack([filled(part, num_samples, window) for part in parts])


def sound_length(sound: soundfile.SoundFile, rate_hz: int) -> int:
    """Returns the samples of an open sound at another rate; at least one."""
    return max(1, round(sound.frames * rate_hz / sound.samplerate))


def segment_of(
    sound: soundfile.SoundFile, rate_hz: int, start: float | None, end: float | None
) -> tuple[int, int]:
    """Returns the first sample of a segment and the one after its last, at a rate.

    Raises:
        MediaError: The segment lies outside of the sound.
    """
    length = sound_length(sound, rate_hz)
    first = round((start or 0.0) * rate_hz)
    last = length if end is None else round(end * rate_hz)
    if 0 <= first < min(last, length) and last <= length + _LATE_SECONDS * rate_hz:
        return first, min(last, length)
    seconds = sound.frames / sound.samplerate
    shown_end = "the end" if end is None else f"{end:g} s"
    raise MediaError(
        "The segment lies outside of the sound.",
        where=str(sound.name),
        expected=f"a part of 0 to {seconds:.3f} s",
        received=f"{start or 0.0:g} s to {shown_end}",
        fix="Correct start_seconds and end_seconds in the table; they are seconds of the file.",
    )


def _read(sound: soundfile.SoundFile, begin: int, end: int, rate_hz: int) -> np.ndarray:
    """Reads samples `begin` to `end` of the sound as it is at the wanted rate."""
    source_hz = sound.samplerate
    if source_hz == rate_hz:
        return np.clip(read_mono(sound, begin, end), -1.0, 1.0)
    shared = math.gcd(source_hz, rate_hz)
    step, source_step = rate_hz // shared, source_hz // shared
    margin = math.ceil(_MARGIN * max(1.0, rate_hz / source_hz))
    block = max(0, begin - margin) // step  # sample block * step is sample block * source_step
    source_end = math.ceil((end + margin) * source_hz / rate_hz)
    around = read_mono(sound, block * source_step, min(source_end, sound.frames))
    resampled = soxr.resample(around, source_hz, rate_hz, quality="HQ")
    part = resampled[begin - block * step : end - block * step]
    missing = end - begin - len(part)  # at the very end: lengths are rounded
    return np.clip(np.pad(part, (0, missing)) if missing else part, -1.0, 1.0)


def _scan(sound: soundfile.SoundFile, begin: int, end: int, rate_hz: int, hop: int) -> np.ndarray:
    """Returns the energy of each hop of a segment, reading it in parts."""

    def parts() -> Iterator[np.ndarray]:
        length = _SCANNED // hop * hop
        for start in range(begin, end, length):
            yield energies_of(_read(sound, start, min(start + length, end), rate_hz), hop)

    return np.concatenate(list(parts()))
