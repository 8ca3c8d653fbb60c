"""Recordings without any word: babble, non-words and noise, which may only raise thresholds.

Convention: a third of the time each. A recording depends on the seed, its kind and its number
alone; the table is written last.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import soundfile

from kerastl.data.tables.recordings import COLUMNS
from kerastl.errors import TableError
from kerastl.files import replacing, write_with
from kerastl.media.audio.noise import NoiseSource, colored_noise
from kerastl.progress import SILENT, Progress

RATE_HZ = 16_000
TABLE = "negatives.csv"
_FILE_SECONDS = 600  # of the longest recording
_SECTION_SECONDS = 15  # of one color and level of noise
_VOICES = 4  # at a time, in babble
_NUM_WORDS = 150  # different ones in a recording, or one per second
_PAUSE_SECONDS = (0.05, 0.6)
_VOWELS_HZ = np.array(  # first three formants of i, e, a, o, u, and of a neutral vowel
    [
        (280, 2250, 2890),
        (450, 1950, 2600),
        (750, 1250, 2500),
        (480, 900, 2450),
        (320, 800, 2250),
        (500, 1500, 2500),
    ]
)
_WIDTHS_HZ = np.array([70.0, 100.0, 150.0])
Draw = Callable[[], np.ndarray]


@dataclass(frozen=True, kw_only=True)
class Voice:
    """A synthetic voice."""

    pitch_hz: float
    tract: float  # factor of the formants: high for a short vocal tract
    speed: float  # factor of the duration of sounds


def write_negatives(
    folder: Path,
    *,
    hours: float = 3.0,
    clips: Path | None = None,
    seed: int = 0,
    progress: Progress = SILENT,
) -> Path:
    """Writes FLAC files at 16 kHz and their table of recordings; returns the path of the table.

    `hours` is the length of all recordings together. `clips`, an audio file or folder, contain none
    of the words to detect: babble is mixed from them, or else from synthetic non-words.
    """
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise TableError(
            "The folder of the negatives is not empty.",
            where=str(folder),
            fix="Name a new folder, or empty it.",
        )
    source = None if clips is None else NoiseSource([clips], RATE_HZ, setting="--clips")
    folder.mkdir(parents=True, exist_ok=True)
    kinds = ("babble", "nonwords", "noise")
    seconds_each = hours * 3600 / len(kinds)
    count = math.ceil(seconds_each / _FILE_SECONDS)
    plan = [(kind, seconds_each / count) for kind in kinds for _ in range(count)]
    progress.step("Making negatives (seconds)", round(hours * 3600))
    done, names = 0.0, []
    for number, (kind, seconds) in enumerate(plan):
        random = np.random.default_rng([seed, number])
        samples = _recording(kind, round(seconds * RATE_HZ), source, random)
        names.append(f"{kind}_{number:02d}.flac")
        with replacing(folder / names[-1]) as path:
            soundfile.write(path, samples, RATE_HZ, format="FLAC")
        done += seconds
        progress.advance(round(done))
    frame = pd.DataFrame({"path": names}).reindex(columns=list(COLUMNS))
    write_with(folder / TABLE, lambda path: frame.to_csv(path, index=False))
    return folder / TABLE


def non_word(voice: Voice, random: np.random.Generator) -> np.ndarray:
    """Returns one to four syllables of a voice, of power 1: mono float32 at 16 kHz.

    A syllable is a burst or hiss of noise, and a vowel: harmonics of a gliding pitch under three
    formants that glide to those of another vowel.

    Reference:
        Fant (1960), "Acoustic Theory of Speech Production"
    """
    parts = []
    for _ in range(random.integers(1, 5)):
        parts += [_consonant(voice, random), _vowel(voice, random)]
    word = np.concatenate(parts)
    return np.asarray(word / np.sqrt(np.mean(np.square(word))), np.float32)


def _recording(
    kind: str, length: int, clips: NoiseSource | None, random: np.random.Generator
) -> np.ndarray:
    samples = _noise(length, (-60, -25) if kind == "noise" else (-70, -45), random)
    if kind != "noise":
        own = clips if kind == "babble" else None
        draw = _words(math.ceil(length / RATE_HZ), random) if own is None else _parts(own, random)
        for _ in range(_VOICES if kind == "babble" else 1):
            _say(samples, draw, random)
    return np.clip(samples, -1, 1)


def _noise(length: int, decibels: tuple[int, int], random: np.random.Generator) -> np.ndarray:
    size = _SECTION_SECONDS * RATE_HZ
    sections = []
    for start in range(0, length, size):
        noise = colored_noise(size, str(random.choice(["white", "pink", "brown"])), random)
        sections.append(noise[: length - start] * 10 ** (random.uniform(*decibels) / 20))
    return np.concatenate(sections)


def _words(count: int, random: np.random.Generator) -> Draw:
    """Returns a function that draws one of at most `count` non-words of several voices."""
    words = [non_word(_voice(random), random) for _ in range(min(count, _NUM_WORDS))]
    return lambda: words[random.integers(len(words))]


def _parts(clips: NoiseSource, random: np.random.Generator) -> Draw:
    """Returns a function that draws a part of a clip, of power 1."""

    def draw() -> np.ndarray:
        part = clips.draw(round(RATE_HZ * random.uniform(0.5, 2)), random)
        return part / max(1e-4, float(np.sqrt(np.mean(np.square(part)))))

    return draw


def _say(samples: np.ndarray, draw: Draw, random: np.random.Generator) -> None:
    """Adds sounds one after the other, with pauses and at different levels."""
    position = round(RATE_HZ * random.uniform(0, 1))
    while position < len(samples):
        sound = draw()[: len(samples) - position]
        samples[position : position + len(sound)] += sound * 10 ** (random.uniform(-32, -16) / 20)
        position += len(sound) + round(RATE_HZ * random.uniform(*_PAUSE_SECONDS))


def _voice(random: np.random.Generator) -> Voice:
    pitch_hz = float(np.exp(random.uniform(np.log(80), np.log(280))))
    tract = 0.9 + 0.15 * np.log(pitch_hz / 80) + random.normal(0, 0.05)
    return Voice(pitch_hz=pitch_hz, tract=float(tract), speed=float(random.uniform(0.8, 1.3)))


def _vowel(voice: Voice, random: np.random.Generator) -> np.ndarray:
    length = round(RATE_HZ * voice.speed * random.uniform(0.07, 0.22))
    path = np.linspace(0, 1, length)
    pitch_hz = voice.pitch_hz * np.exp(random.normal(0, 0.1) + random.normal(0, 0.15) * path)
    start, end = voice.tract * _VOWELS_HZ[random.integers(len(_VOWELS_HZ), size=2)]
    formants_hz = start[:, None] + (end - start)[:, None] * path  # (formants, samples)
    numbers = np.arange(1, int(min(7000 / pitch_hz.max(), 60)) + 1)[:, None]
    harmonics_hz = numbers * pitch_hz
    gain = sum(
        1 / (1 + ((harmonics_hz - formant) / width) ** 2)
        for formant, width in zip(formants_hz, _WIDTHS_HZ, strict=True)
    )
    phase = 2 * np.pi * np.cumsum(pitch_hz) / RATE_HZ
    sound = (gain / np.sqrt(numbers) * np.sin(numbers * phase)).sum(axis=0)
    return np.asarray(sound / np.abs(sound).max() * np.sin(np.pi * path) ** 0.5)


def _consonant(voice: Voice, random: np.random.Generator) -> np.ndarray:
    length = round(RATE_HZ * voice.speed * random.uniform(0.02, 0.12))
    frequencies = np.fft.rfftfreq(length, 1 / RATE_HZ)
    center_hz, width = np.exp(random.uniform(np.log(500), np.log(6000))), random.uniform(0.2, 0.8)
    band = np.exp(-((np.log(np.maximum(frequencies, 1) / center_hz) / width) ** 2))
    sound = np.fft.irfft(np.fft.rfft(random.standard_normal(length)) * band, length)
    level = random.uniform(0.05, 0.5)
    return np.asarray(level * sound / np.abs(sound).max() * np.hanning(length))
