"""Speaks the clips of `kerastl demo wake-word`: one audio file and the positions of its words.

The voices and the wake words are not among those that `tiny:speech` was trained on. Run from the
root of the repository; needs espeak-ng:

    python -m research.tiny.speech.clips --folder kerastl/demo/clips
"""

import argparse
import dataclasses
from pathlib import Path

import numpy as np
import pandas as pd
import soundfile
from numpy.typing import NDArray

from research.tiny.speech.speak import RATE_HZ, Draw, draw, generator, speak
from research.tiny.speech.voices import DEMO_VOICES, HELD_OUT_VOICES, check_voices
from research.tiny.speech.words import DEMO_OTHER_WORDS, DEMO_WORDS

SEED = 2
VOICES = (*DEMO_VOICES, *HELD_OUT_VOICES[:4])
OTHERS_PER_VOICE = 3
SLOWEST = 160  # words per minute: a wake word fits into the second of the backbone's window
_PAUSE = RATE_HZ // 20


def clean(voice: str, rng: np.random.Generator) -> Draw:
    """Draws how a voice speaks, close to a good microphone in a dry room."""
    drawn = draw(rng, (voice,))
    return dataclasses.replace(
        drawn,
        words_per_minute=max(SLOWEST, drawn.words_per_minute),
        size=1.0,
        is_telephone=False,
        tilt=0.0,
        echo_seconds=0.0,
        level_db=6.0,
    )


def clips() -> tuple[NDArray[np.float32], pd.DataFrame]:
    """Returns all clips as one array, and a row for each: word, voice, start and end in seconds."""
    parts, rows, position = [], [], 0
    for number, voice in enumerate(VOICES):
        first = number * OTHERS_PER_VOICE
        others = [
            DEMO_OTHER_WORDS[(first + i) % len(DEMO_OTHER_WORDS)] for i in range(OTHERS_PER_VOICE)
        ]
        for word in (*DEMO_WORDS, *others):
            rng = generator(SEED, word, number)
            audio = speak(word, clean(voice, rng), rng)
            start, position = position, position + len(audio)
            rows.append(
                {
                    "word": word,
                    "voice": voice.lower(),
                    "start_seconds": start / RATE_HZ,
                    "end_seconds": position / RATE_HZ,
                }
            )
            parts += [audio, np.zeros(_PAUSE, np.float32)]
            position += _PAUSE
    return np.concatenate(parts), pd.DataFrame(rows)


def main() -> None:
    """Runs the command line of this script."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, required=True, help="folder to write")
    folder = parser.parse_args().folder
    check_voices(VOICES)
    audio, table = clips()
    folder.mkdir(parents=True, exist_ok=True)
    soundfile.write(
        folder / "wake_word.ogg", audio, RATE_HZ, subtype="VORBIS", compression_level=0.5
    )
    table.to_csv(folder / "wake_word.csv", index=False, float_format="%.5f")
    print(f"{len(table)} clips, {len(audio) / RATE_HZ:.0f} seconds: {folder}")


if __name__ == "__main__":
    main()
