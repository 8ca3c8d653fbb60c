"""Noise for training sounds: colored, or taken from recordings at random places."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from kerastl.errors import MediaError
from kerastl.media.audio.decoding import read_sound, sound_length
from kerastl.media.audio.files import open_sound
from kerastl.media.extensions import MEDIA_EXTENSIONS

_EXPONENTS = {"white": 0.0, "pink": 0.5, "brown": 1.0}  # of amplitude over frequency


class NoiseSource:
    """Recordings of noise; only the drawn part of one is read.

    Args:
        paths: Sounds, and folders with sounds at any depth.
        rate_hz: Samples per second of what is drawn.

    Raises:
        MediaError: There are no sounds, or one can't be read.
    """

    def __init__(self, paths: Sequence[Path], rate_hz: int):
        self.rate_hz = rate_hz
        self._files = [(file, _length(file, rate_hz)) for file in _sounds(paths)]

    def draw(self, num_samples: int, random: np.random.Generator) -> np.ndarray:
        """Returns a part of a recording, `(num_samples,)`; a short recording is repeated."""
        path, length = self._files[random.integers(len(self._files))]
        start = int(random.integers(max(1, length - num_samples + 1)))
        part = read_sound(
            path,
            rate_hz=self.rate_hz,
            start_seconds=start / self.rate_hz,
            end_seconds=min(start + num_samples, length) / self.rate_hz,
        )
        return np.resize(part, num_samples)


def colored_noise(num_samples: int, color: str, random: np.random.Generator) -> np.ndarray:
    """Returns noise of power 1.

    Args:
        num_samples: How long.
        color: `"white"` (equal power at all frequencies), `"pink"` (power falls with frequency) or
            `"brown"` (with its square).
        random: Draws it.
    """
    spectrum = np.fft.rfft(random.standard_normal(num_samples))
    frequencies = np.arange(1, len(spectrum) + 1)
    noise = np.fft.irfft(spectrum / frequencies ** _EXPONENTS[color], num_samples)
    return (noise / np.sqrt(np.mean(np.square(noise)))).astype(np.float32)


def _sounds(paths: Sequence[Path]) -> list[Path]:
    found: list[Path] = []
    for path in paths:
        inside = sorted(path.rglob("*")) if path.is_dir() else [path]
        found += [file for file in inside if not path.is_dir() or _is_sound(file)]
    if not found:
        raise MediaError(
            "There are no sounds to take noise from.",
            where=", ".join(str(path) for path in paths),
            expected="WAV, FLAC, OGG or MP3 files, or folders with such files",
            fix="Correct augment.noise.files.",
        )
    return found


def _is_sound(path: Path) -> bool:
    return path.is_file() and path.suffix.lower() in MEDIA_EXTENSIONS["audio"]


def _length(path: Path, rate_hz: int) -> int:
    with open_sound(path) as sound:
        return sound_length(sound, rate_hz)
