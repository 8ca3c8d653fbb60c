"""The wake-word demo: clips, their table, and recordings by other voices."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import soundfile

from kerastl.data.tables.recordings import load_recordings
from kerastl.demo.driving import DemoData
from kerastl.demo.wake_word import RATE_HZ, WORDS, load_clips, pink_noise, write_wake_word
from kerastl.evaluation.detection.rate_threshold import FEWEST_VOICES

SECONDS = 20.0


def write(folder: Path, seed: int, *, hard: bool = False) -> DemoData:
    return write_wake_word(
        folder,
        seed=seed,
        training_seconds=SECONDS / 2,
        validation_seconds=SECONDS,
        test_seconds=SECONDS,
        hard=hard,
    )


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> DemoData:
    return write(tmp_path_factory.mktemp("wake_word"), seed=3)


def test_the_shipped_speech_is_small_and_every_voice_says_every_wake_word() -> None:
    clips = load_clips()
    assert len(clips) >= 16
    assert all(set(WORDS) < {word for word, _ in spoken} for spoken in clips.values())
    sounds = [sound for spoken in clips.values() for _, sound in spoken]
    assert 30 < sum(map(len, sounds)) / RATE_HZ < 75
    assert all(0.1 < np.abs(sound).max() <= 1 for sound in sounds)


def test_the_table_names_windows_of_one_second_in_files_that_exist(drawn: DemoData) -> None:
    table = pd.read_csv(drawn.table)
    assert len(table) == drawn.num_examples
    assert (table["end_seconds"] - table["start_seconds"]).round(3).eq(1.0).all()
    for name in table["path"].unique():
        info = soundfile.info(drawn.table.parent / name)
        assert (info.samplerate, info.duration) == (RATE_HZ, SECONDS / 2)


def test_every_word_has_windows_that_hold_it_that_dont_and_that_cut_it(drawn: DemoData) -> None:
    answers = pd.read_csv(drawn.table)[list(WORDS)]
    assert (answers.eq(1).sum() > 5).all()
    assert (answers.eq(0).mean() > 0.5).all()
    assert (answers.isna().sum() > 3).all()


def test_voices_of_training_and_of_the_other_recordings_are_others(drawn: DemoData) -> None:
    in_table = pd.read_csv(drawn.table)["speaker"]
    assert set(in_table) < set(load_clips())
    assert len(load_clips()) - in_table.nunique() == 12


def test_the_recordings_for_validation_have_enough_voices_for_a_promise(
    drawn: DemoData,
) -> None:
    found = load_recordings(drawn.table.parent / "recordings" / "validation.csv", WORDS)
    assert len(found.speakers) == len(found.items) == FEWEST_VOICES
    assert not set(found.speakers) & set(pd.read_csv(drawn.table)["speaker"])
    assert found.num_events() > 20


def test_the_events_of_a_recording_lie_where_it_is_loud(drawn: DemoData) -> None:
    folder = drawn.table.parent / "recordings"
    sound, _ = soundfile.read(folder / "test.flac")
    assert len(sound) == SECONDS * RATE_HZ
    events = pd.read_csv(folder / "test.csv")
    assert len(events) > 2
    assert set(events["word"]) <= set(WORDS)
    background = np.sqrt(np.median(sound**2))
    for event in events.itertuples():
        said = sound[round(event.start_seconds * RATE_HZ) : round(event.end_seconds * RATE_HZ)]
        assert np.sqrt(np.mean(said**2)) > 1.5 * background


def test_the_same_seed_gives_the_same_sounds_and_another_seed_others(
    drawn: DemoData, tmp_path: Path
) -> None:
    for name, seed in (("same", 3), ("other", 4)):
        write(tmp_path / name, seed)
    name = "recordings/test.flac"
    first, same, other = (
        soundfile.read(folder / name)[0]
        for folder in (drawn.table.parent, tmp_path / "same", tmp_path / "other")
    )
    assert (first == same).all()
    assert (first != other).any()


def test_the_hard_version_has_more_noise(drawn: DemoData, tmp_path: Path) -> None:
    write(tmp_path, 3, hard=True)
    folder = Path("recordings")
    easy, hard = (
        soundfile.read(place / folder / "test.flac")[0] for place in (drawn.table.parent, tmp_path)
    )
    noise = [np.quantile(np.abs(sound), 0.2) for sound in (easy, hard)]
    assert noise[1] > 3 * noise[0]


def test_pink_noise_has_power_1_and_less_of_it_above() -> None:
    noise = pink_noise(np.random.default_rng(0), RATE_HZ)
    power = np.abs(np.fft.rfft(noise)) ** 2
    assert noise.std() == pytest.approx(1.0, abs=1e-3)
    assert power[100:1000].mean() > 3 * power[4000:].mean()
