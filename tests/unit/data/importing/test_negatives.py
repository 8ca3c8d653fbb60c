"""Recordings without words: babble, non-words and noise."""

from pathlib import Path, PurePath

import numpy as np
import pytest
import soundfile

from kerastl.data.importing.negatives import RATE_HZ, Voice, non_word, write_negatives
from kerastl.data.tables.recordings import load_recordings

HOURS = 9 / 3600  # three seconds of each kind


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_negatives(tmp_path_factory.mktemp("negatives") / "new", hours=HOURS)


def samples(table: Path) -> dict[str, np.ndarray]:
    return {path.stem: soundfile.read(path)[0] for path in sorted(table.parent.glob("*.flac"))}


def test_negatives_are_a_table_of_recordings_without_events(table: Path) -> None:
    found = load_recordings(table, ["seven"])
    assert [PurePath(item.file.name).stem for item in found.items] == [
        "babble_00",
        "nonwords_01",
        "noise_02",
    ]
    assert found.num_events() == 0
    assert found.hours == pytest.approx(HOURS)


def test_long_negatives_are_several_recordings(monkeypatch, tmp_path: Path) -> None:
    monkeypatch.setattr("kerastl.data.importing.negatives._FILE_SECONDS", 1)
    table = write_negatives(tmp_path / "new", hours=4.5 / 3600)
    found = load_recordings(table, ["seven"])
    assert [PurePath(item.file.name).stem.split("_")[0] for item in found.items] == [
        *["babble"] * 2, *["nonwords"] * 2, *["noise"] * 2,
    ]  # fmt: skip
    assert found.hours == pytest.approx(4.5 / 3600)


def test_the_seed_alone_decides(table: Path, tmp_path: Path) -> None:
    again = samples(write_negatives(tmp_path / "again", hours=HOURS))
    other = samples(write_negatives(tmp_path / "other", hours=HOURS, seed=1))
    for name, sound in samples(table).items():
        np.testing.assert_array_equal(again[name], sound)
        assert not np.array_equal(other[name], sound)


def test_babble_is_mixed_from_the_clips_if_there_are_any(tmp_path: Path) -> None:
    tone = 0.3 * np.sin(2 * np.pi * 1000 * np.arange(RATE_HZ) / RATE_HZ)
    soundfile.write(tmp_path / "tone.wav", tone, RATE_HZ)
    table = write_negatives(tmp_path / "new", hours=HOURS, clips=tmp_path / "tone.wav")
    spectrum = np.abs(np.fft.rfft(samples(table)["babble_00"]))
    assert np.fft.rfftfreq(3 * RATE_HZ, 1 / RATE_HZ)[spectrum.argmax()] == pytest.approx(
        1000, abs=5
    )


def test_a_non_word_has_the_pitch_and_the_formants_of_its_voice() -> None:
    random = np.random.default_rng(0)
    low, high = (
        np.concatenate(
            [non_word(Voice(pitch_hz=120, tract=tract, speed=1), random) for _ in range(12)]
        )
        for tract in (0.8, 1.3)
    )
    assert np.mean(np.square(low)) == pytest.approx(1, rel=0.01)
    centroids = []
    for sound in (low, high):
        power = np.abs(np.fft.rfft(sound)) ** 2
        centroids.append((np.fft.rfftfreq(len(sound), 1 / RATE_HZ) * power).sum() / power.sum())
    assert 200 < 1.1 * centroids[0] < centroids[1] < 3000
