"""The synthesized speech: what is excluded from it, and that a draw is reproducible."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

import numpy as np
import pandas as pd
import pytest
import soundfile

from kerastl.config import load_config
from research.tiny.speech.clips import VOICES, clips
from research.tiny.speech.corpus import config, phonemes, speak_words, with_answers
from research.tiny.speech.speak import RATE_HZ, draw, generator, speak
from research.tiny.speech.voices import (
    DEMO_VOICES,
    HELD_OUT_VOICES,
    LEARNED_VOICES,
    check_voices,
)
from research.tiny.speech.words import (
    DEMO_OTHER_WORDS,
    DEMO_WORDS,
    EVALUATED_WORDS,
    HELD_OUT_WORDS,
    WORDS,
)

needs_espeak = pytest.mark.usefixtures("espeak")


@pytest.fixture
def espeak(without: Callable[[str, str], NoReturn]) -> None:
    if shutil.which("espeak-ng") is None:
        without("espeak", "espeak-ng isn't installed; it is for building only")


def test_words_that_are_evaluated_or_demonstrated_are_never_learned() -> None:
    kept_out = {*HELD_OUT_WORDS, *EVALUATED_WORDS, *DEMO_WORDS, *DEMO_OTHER_WORDS}
    assert len(set(WORDS)) == len(WORDS) == 295
    assert set(WORDS) & kept_out == set()
    assert {"zero", "seven", "nine"} <= kept_out


def test_voices_that_choose_or_demonstrate_are_never_learned() -> None:
    parts = (LEARNED_VOICES, HELD_OUT_VOICES, DEMO_VOICES)
    everyone = [voice for part in parts for voice in part]
    assert len(set(everyone)) == len(everyone)
    assert set(VOICES) & set(LEARNED_VOICES) == set()


def test_a_draw_depends_on_seed_word_and_number_alone() -> None:
    def drawn(seed: int, word: str, number: int) -> object:
        return draw(generator(seed, word, number), LEARNED_VOICES)

    assert drawn(1, "river", 3) == drawn(1, "river", 3)
    others = [drawn(2, "river", 3), drawn(1, "rivet", 3), drawn(1, "river", 4)]
    assert drawn(1, "river", 3) not in others


def test_the_config_of_the_pretraining_loads_with_the_tasks_of_its_table(tmp_path: Path) -> None:
    path = tmp_path / "speech.yaml"
    path.write_text(config(["word_river", "sound_00"]))
    loaded = load_config(path)
    assert loaded.data.tasks == ("word_river", "sound_00")
    assert loaded.backbone.name == "tiny:speech"
    assert loaded.backbone.weights is None


@needs_espeak
def test_a_voice_that_espeak_would_silently_replace_is_named() -> None:
    check_voices((*LEARNED_VOICES, *HELD_OUT_VOICES, *DEMO_VOICES))
    with pytest.raises(ValueError, match="does not have these voices: male3, nobody"):
        check_voices(("f2", "nobody", "male3"))


@needs_espeak
def test_a_recording_is_short_and_has_no_silence_around_it() -> None:
    rng = generator(1, "river", 3)
    drawn = draw(rng, LEARNED_VOICES)
    sound = speak("river", drawn, rng)
    again = speak("river", drawn, np.random.default_rng(0))
    assert 0.2 * RATE_HZ < len(sound) < 1.2 * RATE_HZ
    assert np.abs(sound).max() == pytest.approx(10 ** (-drawn.level_db / 20), rel=1e-3)
    assert np.abs(sound[:800]).max() > 0.01 * np.abs(sound).max()
    assert len(again) == len(sound)


@needs_espeak
def test_the_table_asks_for_words_and_for_the_sounds_in_them(tmp_path: Path) -> None:
    words = ["river", "rabbit", "radio", "rain", "ready", "moon"]
    table = with_answers(speak_words(tmp_path, words, ("f2",), numbers=range(2)))
    assert len(table) == 12
    assert all(soundfile.info(tmp_path / path).samplerate == RATE_HZ for path in table["path"])
    expected = (table["word"] == "moon").astype(int)
    pd.testing.assert_series_equal(table["word_moon"], expected, check_names=False)
    sounds = [column for column in table if column.startswith("sound_")]
    assert sounds == ["sound_00"]  # r is the only one that five of the words share
    assert (table["sound_00"] == 1 - expected).all()
    assert "r" in phonemes("river")


@needs_espeak
def test_the_demo_ships_what_the_script_speaks() -> None:
    from kerastl.demo.wake_word import load_clips

    spoken, rows = clips()
    shipped = [
        (voice, *clip) for voice, spoken_by_it in load_clips().items() for clip in spoken_by_it
    ]
    assert [(row.voice, row.word) for row in rows.itertuples()] == [clip[:2] for clip in shipped]
    for row, (_, _, heard) in list(zip(rows.itertuples(), shipped, strict=True))[::10]:
        part = spoken[round(row.start_seconds * RATE_HZ) : round(row.end_seconds * RATE_HZ)]
        shorter = min(len(part), len(heard))
        assert abs(len(part) - len(heard)) <= 1
        assert np.corrcoef(part[:shorter], heard[:shorter])[0, 1] > 0.95
