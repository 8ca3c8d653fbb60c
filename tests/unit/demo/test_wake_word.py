"""The wake-word demo: clips, their table, and recordings by other voices."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import soundfile

from kerastl.demo.driving import Drawn
from kerastl.demo.wake_word import RATE_HZ, WORDS, load_clips, pink_noise, write_wake_word

TAKES, SECONDS = 1, 30.0


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> Drawn:
    folder = tmp_path_factory.mktemp("wake_word")
    return write_wake_word(folder, seed=3, takes=TAKES, recording_seconds=SECONDS)


def test_the_shipped_speech_is_small_and_every_voice_says_every_wake_word() -> None:
    clips = load_clips()
    voices = {voice for voice, _ in clips}
    assert len(voices) >= 16
    assert {(voice, word) for voice in voices for word in WORDS} <= set(clips)
    seconds = sum(len(sound) for sound in clips.values()) / RATE_HZ
    assert 30 < seconds < 75
    assert all(0.1 < np.abs(sound).max() <= 1 for sound in clips.values())


def test_the_table_names_files_of_one_second_that_exist(drawn: Drawn) -> None:
    table = pd.read_csv(drawn.table)
    assert len(table) == drawn.num_examples
    for name in table["path"]:
        info = soundfile.info(drawn.table.parent / name)
        assert (info.samplerate, info.frames) == (RATE_HZ, RATE_HZ)


def test_a_clip_is_of_its_own_word_alone_and_other_words_and_noise_of_none(drawn: Drawn) -> None:
    table = pd.read_csv(drawn.table, keep_default_na=False)
    expected = {word: (table["said"] == word).astype(int) for word in WORDS}
    pd.testing.assert_frame_equal(table[list(WORDS)], pd.DataFrame(expected), check_names=False)
    assert {"", "juniper"} <= set(table["said"])
    per_voice = table.groupby("speaker")[list(WORDS)].sum()
    assert (per_voice == TAKES).all(axis=None)


def test_voices_of_table_and_recordings_are_others(drawn: Drawn) -> None:
    clips = load_clips()
    in_table = set(pd.read_csv(drawn.table)["speaker"])
    assert len({voice for voice, _ in clips} - in_table) == 6


@pytest.mark.parametrize("part", ["validation", "test"])
def test_the_events_of_a_recording_lie_where_it_is_loud(drawn: Drawn, part: str) -> None:
    folder = drawn.table.parent / "recordings"
    sound, _ = soundfile.read(folder / f"{part}.flac")
    assert len(sound) == SECONDS * RATE_HZ
    events = pd.read_csv(folder / f"{part}.csv")
    assert len(events) > 3
    assert set(events["word"]) <= set(WORDS)
    background = np.sqrt(np.median(sound**2))
    for event in events.itertuples():
        said = sound[round(event.start_seconds * RATE_HZ) : round(event.end_seconds * RATE_HZ)]
        assert np.sqrt(np.mean(said**2)) > 1.5 * background


def test_the_same_seed_gives_the_same_sounds_and_another_seed_others(
    drawn: Drawn, tmp_path: Path
) -> None:
    for name, seed in (("same", 3), ("other", 4)):
        write_wake_word(tmp_path / name, seed=seed, takes=TAKES, recording_seconds=SECONDS)
    name = "recordings/test.flac"
    first, same, other = (
        soundfile.read(folder / name)[0]
        for folder in (drawn.table.parent, tmp_path / "same", tmp_path / "other")
    )
    assert (first == same).all()
    assert (first != other).any()


def test_pink_noise_has_power_1_and_less_of_it_above() -> None:
    noise = pink_noise(np.random.default_rng(0), RATE_HZ)
    power = np.abs(np.fft.rfft(noise)) ** 2
    assert noise.std() == pytest.approx(1.0, abs=1e-3)
    assert power[100:1000].mean() > 3 * power[4000:].mean()
