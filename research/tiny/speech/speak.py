"""One spoken word: drawn voice, accent, pitch and speed, then a drawn microphone and room."""

import io
import subprocess
from dataclasses import dataclass
from zlib import crc32

import numpy as np
import soundfile
import soxr
from numpy.typing import NDArray
from scipy.signal import fftconvolve, lfilter

from research.tiny.speech.voices import ACCENTS

RATE_HZ = 16_000
_TELEPHONE_HZ = 8_000
_QUIET = 0.02  # of the peak: quieter samples before and after the word are cut off
_MARGIN = 400  # samples kept on both sides of it, 25 ms


@dataclass(frozen=True, kw_only=True)
class Draw:
    """How a word is spoken and recorded.

    Args:
        voice: Variant of espeak-ng.
        accent: Its language.
        pitch: From 0 to 99.
        words_per_minute: Speed.
        size: Size of the vocal tract; all frequencies are divided by it.
        is_telephone: Whether frequencies above 4 kHz are removed.
        tilt: Coefficient of a one-pole filter; above 0 dull, below 0 sharp.
        echo_seconds: Time until the room's echo falls by 60 dB; 0 for no echo.
        echo_gain: Its strength relative to the direct sound.
        level_db: Peak, in dB below full scale.
    """

    voice: str
    accent: str
    pitch: int
    words_per_minute: int
    size: float
    is_telephone: bool
    tilt: float
    echo_seconds: float
    echo_gain: float
    level_db: float


def generator(seed: int, word: str, number: int) -> np.random.Generator:
    """Returns the random numbers of one draw of a word."""
    return np.random.default_rng([seed, crc32(word.encode()), number])


def draw(rng: np.random.Generator, voices: tuple[str, ...]) -> Draw:
    """Draws voice and recording."""
    return Draw(
        voice=voices[rng.integers(len(voices))],
        accent=str(rng.choice(list(ACCENTS), p=list(ACCENTS.values()))),
        pitch=int(rng.integers(15, 90)),
        words_per_minute=int(rng.integers(110, 250)),
        size=float(rng.uniform(0.88, 1.14)),
        is_telephone=bool(rng.random() < 0.4),
        tilt=float(rng.uniform(-0.5, 0.5)),
        echo_seconds=float(rng.uniform(0.08, 0.5)) * bool(rng.random() < 0.5),
        echo_gain=float(rng.uniform(0.1, 0.8)),
        level_db=float(rng.uniform(3.0, 24.0)),
    )


def speak(text: str, drawn: Draw, rng: np.random.Generator) -> NDArray[np.float32]:
    """Returns the recording: mono float32 in [-1, 1] at 16 kHz, without silence around the word."""
    spoken, rate_hz = _espeak(text, drawn)
    audio = soxr.resample(spoken, rate_hz * drawn.size, RATE_HZ)
    audio = _trimmed(audio)
    if drawn.is_telephone:
        audio = soxr.resample(soxr.resample(audio, RATE_HZ, _TELEPHONE_HZ), _TELEPHONE_HZ, RATE_HZ)
    audio = lfilter([1.0, -max(0.0, -drawn.tilt)], [1.0, -max(0.0, drawn.tilt)], audio)
    if drawn.echo_seconds:
        audio = _with_echo(audio, drawn, rng)
    return (audio / np.abs(audio).max() * 10 ** (-drawn.level_db / 20)).astype(np.float32)


def _espeak(text: str, drawn: Draw) -> tuple[NDArray[np.float64], int]:
    command = ["espeak-ng", "-v", f"{drawn.accent}+{drawn.voice}", "-p", str(drawn.pitch)]
    command += ["-s", str(drawn.words_per_minute), "--stdout", text]
    spoken = subprocess.run(command, capture_output=True, check=True).stdout
    return soundfile.read(io.BytesIO(spoken), dtype="float64")


def _trimmed(audio: NDArray[np.float64]) -> NDArray[np.float64]:
    loud = np.flatnonzero(np.abs(audio) > _QUIET * np.abs(audio).max())
    return audio[max(0, loud[0] - _MARGIN) : loud[-1] + _MARGIN]


def _with_echo(
    audio: NDArray[np.float64], drawn: Draw, rng: np.random.Generator
) -> NDArray[np.float64]:
    """Adds noise that falls exponentially from 10 ms after the direct sound on."""
    length = int(drawn.echo_seconds * RATE_HZ)
    time = np.arange(length) / RATE_HZ
    echo = rng.standard_normal(length) * 10 ** (-3.0 * time / drawn.echo_seconds)
    echo[: RATE_HZ // 100] = 0.0
    echo *= drawn.echo_gain / np.sqrt(np.square(echo).sum())
    echo[0] = 1.0
    tail = min(length, RATE_HZ // 10)
    return fftconvolve(audio, echo)[: len(audio) + tail]
