"""Speaks the corpus of `tiny:speech`: FLAC files, their table of yes/no questions and its config.

Run from the root of the repository; needs espeak-ng (`apt-get install espeak-ng`):

    python -m research.tiny.speech.corpus --folder /tmp/tiny-speech
"""

import argparse
import re
import subprocess
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from pathlib import Path

import pandas as pd
import soundfile

from research.tiny.speech.speak import RATE_HZ, draw, generator, speak
from research.tiny.speech.voices import HELD_OUT_VOICES, LEARNED_VOICES, check_voices
from research.tiny.speech.words import HELD_OUT_WORDS, WORDS

SEED = 1
DRAWS_PER_WORD = 48
DRAWS_PER_PART = 2  # of each word by other voices, for validation and for test each
FIRST_OF_PART = 1_000  # draws of validation count from 1,000, those of test from 2,000
TASK = re.compile("word_|sound_")
FEWEST_WORDS = 5  # a speech sound in fewer words is not a task
_MARKS = re.compile(r"[',#;:|^%=]")
_SAME = {"I2": "I", "O2": "O", "@-": "@", "n-": "n", "aI3": "aI@"}


@lru_cache(maxsize=1024)
def phonemes(word: str) -> tuple[str, ...]:
    """Returns the speech sounds of a word in espeak-ng's mnemonics for American English."""
    command = ["espeak-ng", "-q", "-x", "--sep=_", "-v", "en-us", word]
    spoken = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    sounds = filter(None, (_MARKS.sub("", sound) for sound in spoken.strip().split("_")))
    return tuple(_SAME.get(sound, sound) for sound in sounds)


def speak_words(
    folder: Path,
    words: Sequence[str],
    voices: tuple[str, ...],
    *,
    numbers: range,
    seed: int = SEED,
) -> pd.DataFrame:
    """Speaks every word once per number into `folder`/audio.

    Returns:
        One row per file: path (relative to `folder`), word, voice and seconds.
    """
    (folder / "audio").mkdir(parents=True, exist_ok=True)

    def one(word: str, number: int) -> dict[str, object]:
        rng = generator(seed, word, number)
        drawn = draw(rng, voices)
        audio, name = speak(word, drawn, rng), f"audio/{word}_{number:03d}.flac"
        soundfile.write(folder / name, audio, RATE_HZ, subtype="PCM_16")
        seconds = round(len(audio) / RATE_HZ, 3)
        return {"path": name, "word": word, "voice": drawn.voice, "seconds": seconds}

    with ThreadPoolExecutor(2) as pool:
        wanted = [(word, number) for word in words for number in numbers]
        return pd.DataFrame(pool.map(lambda pair: one(*pair), wanted))


def with_answers(rows: pd.DataFrame) -> pd.DataFrame:
    """Adds a yes/no column for each word, and one for each speech sound."""
    words = rows["word"].unique()
    answers = {f"word_{word}": rows["word"].eq(word).astype(int) for word in words}
    count = Counter(sound for word in words for sound in set(phonemes(word)))
    for number, sound in enumerate(sorted(s for s in count if count[s] >= FEWEST_WORDS)):
        has = {word: int(sound in phonemes(word)) for word in words}
        answers[f"sound_{number:02d}"] = rows["word"].map(has)
    return pd.concat([rows, pd.DataFrame(answers)], axis=1)


def config(tasks: Sequence[str]) -> str:
    """Returns the config of the pretraining: `speech.yaml` beside this file, with its tasks."""
    text = Path(__file__).with_name("speech.yaml").read_text(encoding="utf-8")
    return text.replace("TASKS", ", ".join(tasks))


def main() -> None:
    """Runs the command line of this script."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, required=True, help="folder to write")
    parser.add_argument("--draws", type=int, default=DRAWS_PER_WORD, help="of each word")
    arguments = parser.parse_args()
    check_voices(LEARNED_VOICES + HELD_OUT_VOICES)
    folder, draws = arguments.folder, arguments.draws
    parts = {"train": (LEARNED_VOICES, range(draws))}
    for number, part in enumerate(("validation", "test")):
        first = FIRST_OF_PART * (number + 1)
        parts[part] = (HELD_OUT_VOICES[number::2], range(first, first + DRAWS_PER_PART))
    spoken = [
        speak_words(folder, WORDS, voices, numbers=numbers).assign(split=part)
        for part, (voices, numbers) in parts.items()
    ]
    table = with_answers(pd.concat(spoken, ignore_index=True))
    table.to_csv(folder / "speech.csv", index=False)
    (folder / "speech.yaml").write_text(
        config([column for column in map(str, table) if TASK.match(column)])
    )
    held_out = speak_words(folder, HELD_OUT_WORDS, HELD_OUT_VOICES, numbers=range(100))
    held_out.to_csv(folder / "held_out.csv", index=False)
    print(f"{len(table)} recordings of {table['word'].nunique()} words: {folder / 'speech.csv'}")


if __name__ == "__main__":
    main()
