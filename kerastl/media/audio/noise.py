"""Noise for training audio: colored, or taken from recordings at random places."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from kerastl.errors import MediaError
from kerastl.media.audio.settings import EXTENSIONS
from kerastl_runtime.audio.decoding import audio_length, read_audio
from kerastl_runtime.audio.reading import open_audio
from kerastl_runtime.input_contract import AUDIO_FORMATS

_EXPONENTS = {"white": 0.0, "pink": 0.5, "brown": 1.0}  # of amplitude over frequency


class NoiseSource:
    """Recordings of noise, in files and in folders at any depth; only the drawn part is read.

    `setting` is what names the paths, for errors.
    """

    def __init__(
        self, paths: Sequence[Path], rate_hz: int, *, setting: str = "augment.noise.files"
    ):
        self.rate_hz = rate_hz
        self._files = [(file, _length(file, rate_hz)) for file in _audio_files(paths, setting)]

    def draw(self, num_samples: int, random: np.random.Generator) -> np.ndarray:
        """Returns a part of a recording, `(num_samples,)`; a short recording is repeated."""
        path, length = self._files[random.integers(len(self._files))]
        start = int(random.integers(max(1, length - num_samples + 1)))
        bounds = start / self.rate_hz, min(start + num_samples, length) / self.rate_hz
        return np.resize(read_audio(path, bounds, rate_hz=self.rate_hz), num_samples)


def colored_noise(num_samples: int, color: str, random: np.random.Generator) -> np.ndarray:
    """Returns noise of power 1.

    The power of white noise is equal at all frequencies; that of pink noise falls with the
    frequency, that of brown noise with its square.
    """
    spectrum = np.fft.rfft(random.standard_normal(num_samples))
    frequencies = np.arange(1, len(spectrum) + 1)
    noise = np.fft.irfft(spectrum / frequencies ** _EXPONENTS[color], num_samples)
    return (noise / np.sqrt(np.mean(np.square(noise)))).astype(np.float32)


def _audio_files(paths: Sequence[Path], setting: str) -> list[Path]:
    found: list[Path] = []
    for path in paths:
        files = [file for file in sorted(path.rglob("*")) if file.suffix.lower() in EXTENSIONS]
        found += [file for file in files if file.is_file()] if path.is_dir() else [path]
    if not found:
        raise MediaError(
            "There are no audio files to take noise from.",
            where=", ".join(str(path) for path in paths),
            expected=f"{AUDIO_FORMATS} files, or folders with such files",
            fix=f"Correct {setting}.",
        )
    return found


def _length(path: Path, rate_hz: int) -> int:
    with open_audio(path) as file:
        return audio_length(file, rate_hz)
