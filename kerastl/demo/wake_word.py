"""The wake-word demo: synthesized words in noise as files, their table, and long recordings.

Convention: the voices of the table, of the recordings for validation and of those for test are
others; take and recording depend on the seed alone.
"""

from collections.abc import Iterator
from importlib.resources import as_file, files
from pathlib import Path

import numpy as np
import pandas as pd
import soundfile
from numpy.typing import NDArray

from kerastl.demo.driving import Drawn

WORDS = ("computer", "jupiter", "marigold")
RATE_HZ = 16_000
TAKES = 5
RECORDING_SECONDS = 300.0
_RECORDED_VOICES = 3  # of validation, and as many others of test
_PAUSE_SECONDS = (0.4, 2.5)
_WINDOW = RATE_HZ
Sound = NDArray[np.float32]


def write_wake_word(
    folder: Path,
    *,
    seed: int = 0,
    takes: int = TAKES,
    recording_seconds: float = RECORDING_SECONDS,
) -> Drawn:
    """Writes clips of wake words and of others, their table, and two long recordings.

    The words are spoken by espeak-ng and come with the package; each take puts one somewhere into a
    second of noise. `clips/*.flac` and `wake-word.csv` (path, speaker, said and one column per wake
    word; some clips hold noise alone) are for training. `recordings/` holds `validation.flac` and
    `test.flac` by voices that the table doesn't have, and their tables of events.

    Args:
        folder: Made where it doesn't exist; files of an earlier run are overwritten.
        seed: Seed of noise, levels, places and order.
        takes: How often each word of each voice is taken.
        recording_seconds: Length of each recording.
    """
    spoken = load_clips()
    voices = sorted({voice for voice, _ in spoken})
    voices = [voices[i] for i in np.random.default_rng([seed, 0]).permutation(len(voices))]
    recorded = voices[: 2 * _RECORDED_VOICES]
    for number, part in enumerate(("validation", "test")):
        chosen = recorded[number::2]
        words = [(word, sound) for (voice, word), sound in spoken.items() if voice in chosen]
        rng = np.random.default_rng([seed, 1, number])
        write_recording(folder / "recordings", part, words, rng, seconds=recording_seconds)
    table = _write_clips(
        folder, {key: sound for key, sound in spoken.items() if key[0] not in recorded}, seed, takes
    )
    path = folder / "wake-word.csv"
    table.to_csv(path, index=False)
    return Drawn(table=path, truth=path, num_examples=len(table), tasks=WORDS)


def load_clips() -> dict[tuple[str, str], Sound]:
    """Returns the shipped words: (voice, word) to mono float32 in [-1, 1] at 16 kHz."""
    shipped = files("kerastl.demo") / "sounds"
    with as_file(shipped / "wake_word.ogg") as path:
        sound, _ = soundfile.read(path, dtype="float32")
    with as_file(shipped / "wake_word.csv") as path:
        rows = pd.read_csv(path)
    return {
        (str(row["voice"]), str(row["word"])): sound[
            _sample(row["start_seconds"]) : _sample(row["end_seconds"])
        ]
        for row in rows.to_dict("records")
    }


def write_recording(
    folder: Path,
    name: str,
    words: list[tuple[str, Sound]],
    rng: np.random.Generator,
    *,
    seconds: float,
) -> None:
    """Writes one long recording and its table: words in random order, with pauses and noise.

    Args:
        folder: Gets `name`.flac and `name`.csv.
        name: Of the recording.
        words: Word and its sound; each is said as often as the others, give or take one.
        rng: Draws order, pauses, levels and noise.
        seconds: Length of the recording.
    """
    folder.mkdir(parents=True, exist_ok=True)
    recording, events = np.zeros(_sample(seconds), np.float32), []
    position = _pause(rng)
    for number in _shuffled_forever(len(words), rng):
        word, sound = words[number]
        end = position + len(sound)
        if end > len(recording):
            break
        recording[position:end] = sound * rng.uniform(0.2, 1.0)
        if word in WORDS:
            events.append((f"{name}.flac", word, position / RATE_HZ, end / RATE_HZ))
        position = end + _pause(rng)
    recording += 0.01 * pink_noise(rng, len(recording))
    soundfile.write(folder / f"{name}.flac", np.clip(recording, -1.0, 1.0), RATE_HZ)
    columns = ["path", "word", "start_seconds", "end_seconds"]
    table = pd.DataFrame(events, columns=columns)
    table.to_csv(folder / f"{name}.csv", index=False, float_format="%.3f")


def pink_noise(rng: np.random.Generator, num_samples: int) -> Sound:
    """Returns noise with the power 1 that falls by 3 dB per octave."""
    spectrum = rng.standard_normal(num_samples // 2 + 1) + 0j
    spectrum += 1j * rng.standard_normal(num_samples // 2 + 1)
    spectrum /= np.sqrt(np.maximum(np.arange(num_samples // 2 + 1), 1 + num_samples // 400))
    noise = np.fft.irfft(spectrum, num_samples)
    return np.asarray(noise / noise.std(), np.float32)


def _write_clips(
    folder: Path, spoken: dict[tuple[str, str], Sound], seed: int, takes: int
) -> pd.DataFrame:
    (folder / "clips").mkdir(parents=True, exist_ok=True)
    rows, silence = [], np.zeros(1, np.float32)
    said = {**spoken, **{(voice, ""): silence for voice, _ in spoken}}  # "": nothing but noise
    for number, ((voice, word), sound) in enumerate(said.items()):
        for take in range(takes):
            rng = np.random.default_rng([seed, 2, number, take])
            name = f"clips/{word or 'noise'}_{voice}_{take}.flac"
            soundfile.write(folder / name, _take(sound, rng), RATE_HZ)
            answers = {wake_word: int(word == wake_word) for wake_word in WORDS}
            rows.append({"path": name, "speaker": voice, "said": word, **answers})
    return pd.DataFrame(rows)


def _shuffled_forever(count: int, rng: np.random.Generator) -> Iterator[int]:
    while True:
        yield from rng.permutation(count).tolist()


def _take(sound: Sound, rng: np.random.Generator) -> Sound:
    """Returns a second of noise with the sound somewhere in it."""
    room = _WINDOW - len(sound)
    start = int(rng.integers(room)) if room > 0 else 0
    clip = 0.1 * 10 ** (-rng.uniform(0.5, 1.75)) * pink_noise(rng, _WINDOW)
    clip[start : start + len(sound)] += sound[:_WINDOW] * rng.uniform(0.2, 1.0)
    return np.clip(clip, -1.0, 1.0)


def _pause(rng: np.random.Generator) -> int:
    return _sample(rng.uniform(*_PAUSE_SECONDS))


def _sample(seconds: float) -> int:
    return round(seconds * RATE_HZ)
