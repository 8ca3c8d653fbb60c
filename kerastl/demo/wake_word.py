"""The wake-word demo: recordings of synthesized words in noise, and the table of their windows.

Convention: training, validation and test recordings have different voices; a recording depends on
the seed alone.
"""

import itertools
from collections.abc import Sequence
from importlib.resources import as_file, files
from pathlib import Path

import numpy as np
import pandas as pd
import soundfile
from numpy.typing import NDArray

from kerastl.data.importing.recording_windows import table_from_recordings
from kerastl.demo.driving import DemoData

WORDS = ("computer", "jupiter", "marigold")
RATE_HZ = 16_000
TRAINING_SECONDS = 180.0
VALIDATION_SECONDS = 80.0
TEST_SECONDS = 300.0
HOP_SECONDS = 0.2
_VALIDATION_VOICES = 9  # the fewest that can promise anything about new voices
_TEST_VOICES = 3
_SPEEDS = (0.88, 1.0, 1.13)  # of the words in training: other pitches and vocal tracts
_PAUSE_SECONDS = (0.1, 2.0)
_LOOKALIKES = ("commuter", "juniper", "marathon")
_COLUMNS = ["path", "word", "start_seconds", "end_seconds"]  # of a table of events
Clip = NDArray[np.float32]
Event = dict[str, str | float]


def write_wake_word(
    folder: Path,
    *,
    seed: int = 0,
    training_seconds: float = TRAINING_SECONDS,
    validation_seconds: float = VALIDATION_SECONDS,
    test_seconds: float = TEST_SECONDS,
    hard: bool = False,
) -> DemoData:
    """Writes recordings of wake words among others, and the table of windows to train on.

    The words are spoken by espeak-ng and come with the package. `recordings/` holds one recording
    for each voice of training and of validation, `test.flac` by other voices, and the tables of
    their events. `wake-word.csv` has a row for each window of the training recordings: path,
    start_seconds, end_seconds, one column per wake word, and speaker; if a window cuts a word, its
    label is blank. Existing files are overwritten.

    The seconds are the lengths of the training and the validation recording of each voice, and of
    the test recording. In the hard demo, words that sound like the wake words are among the others,
    some words are quiet, and the noise is louder.
    """
    spoken = load_clips()
    if not hard:
        spoken = {
            voice: [pair for pair in pairs if pair[0] not in _LOOKALIKES]
            for voice, pairs in spoken.items()
        }
    voices = np.random.default_rng([seed, 0]).permutation(sorted(spoken)).tolist()
    validation, rest = voices[:_VALIDATION_VOICES], voices[_VALIDATION_VOICES:]
    place = folder / "recordings"
    place.mkdir(parents=True, exist_ok=True)
    words = [pair for voice in rest[:_TEST_VOICES] for pair in spoken[voice]]
    rng = np.random.default_rng([seed, 1])
    events = write_recording(place / "test.flac", words, rng, seconds=test_seconds, hard=hard)
    pd.DataFrame(events).to_csv(place / "test.csv", index=False)
    for part, names, seconds in (
        ("validation", validation, validation_seconds),
        ("train", rest[_TEST_VOICES:], training_seconds),
    ):
        events = []
        for number, voice in enumerate(names):
            rng = np.random.default_rng([seed, len(part), number])
            words = _at_speeds(spoken[voice]) if part == "train" else spoken[voice]
            path = place / f"{part}_{voice}.flac"
            found = write_recording(path, words, rng, seconds=seconds, hard=hard)
            events += [{**event, "speaker": voice} for event in found]
        pd.DataFrame(events).to_csv(place / f"{part}.csv", index=False)
    return _write_windows(folder)


def load_clips() -> dict[str, list[tuple[str, Clip]]]:
    """Returns the shipped words by voice: word and mono float32 in [-1, 1] at 16 kHz."""
    shipped = files("kerastl.demo") / "clips"
    with as_file(shipped / "wake_word.ogg") as path:
        audio, _ = soundfile.read(path, dtype="float32")
    with as_file(shipped / "wake_word.csv") as path:
        rows = pd.read_csv(path)
    clips: dict[str, list[tuple[str, Clip]]] = {}
    for row in rows.to_dict("records"):
        part = audio[_sample(row["start_seconds"]) : _sample(row["end_seconds"])]
        clips.setdefault(str(row["voice"]), []).append((str(row["word"]), part))
    return clips


def write_recording(
    path: Path,
    words: Sequence[tuple[str, Clip]],
    rng: np.random.Generator,
    *,
    seconds: float,
    hard: bool,
) -> list[Event]:
    """Writes a FLAC file: words in random order, equally often, with pauses and noise.

    Returns a row for each spoken wake word: path, word, start_seconds and end_seconds.
    """
    recording, events = np.zeros(_sample(seconds), np.float32), list[Event]()
    position = _pause(rng)
    shuffled = (rng.permutation(len(words)).tolist() for _ in itertools.count())
    for number in itertools.chain.from_iterable(shuffled):
        word, clip = words[number]
        end = position + len(clip)
        if end > len(recording):
            break
        recording[position:end] = clip * rng.uniform(0.3 if hard else 0.6, 1.0)
        if word in WORDS:
            times = (round(sample / RATE_HZ, 3) for sample in (position, end))
            events.append(dict(zip(_COLUMNS, (path.name, word, *times), strict=True)))
        position = end + _pause(rng)
    loudest = -2.0 if hard else -3.0  # of the noise, as a power of ten
    recording += 10 ** rng.uniform(loudest - 1.0, loudest) * pink_noise(rng, len(recording))
    soundfile.write(path, np.clip(recording, -1.0, 1.0), RATE_HZ)
    return events


def pink_noise(rng: np.random.Generator, num_samples: int) -> Clip:
    """Returns pink noise (3 dB less power per octave) with power 1."""
    spectrum = rng.standard_normal(num_samples // 2 + 1) + 0j
    spectrum += 1j * rng.standard_normal(num_samples // 2 + 1)
    lowest = num_samples * 40 // RATE_HZ  # below 40 Hz it is white
    spectrum /= np.sqrt(np.maximum(np.arange(num_samples // 2 + 1), max(1, lowest)))
    noise = np.fft.irfft(spectrum, num_samples)
    return np.asarray(noise / noise.std(), np.float32)


def _at_speeds(words: Sequence[tuple[str, Clip]]) -> list[tuple[str, Clip]]:
    """Returns the words played at several speeds, as if by other voices."""
    return [
        (word, np.interp(np.arange(0, len(clip) - 1, speed), np.arange(len(clip)), clip))
        for word, clip in words
        for speed in _SPEEDS
    ]


def _write_windows(folder: Path) -> DemoData:
    path, events = folder / "wake-word.csv", folder / "recordings" / "train.csv"
    made = table_from_recordings(events, relative_to=folder, words=WORDS, hop_seconds=HOP_SECONDS)
    speakers = made.frame["path"].str.extract(r"train_(.+)\.flac", expand=False)
    made.frame.assign(speaker=speakers).to_csv(path, index=False)
    return DemoData(table=path, truth=path, num_examples=len(made.frame), tasks=WORDS)


def _pause(rng: np.random.Generator) -> int:
    return _sample(rng.uniform(*_PAUSE_SECONDS))


def _sample(seconds: float) -> int:
    return round(seconds * RATE_HZ)
