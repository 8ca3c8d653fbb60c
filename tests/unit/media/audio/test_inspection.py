"""What `data check` finds in audio: silence, clipping, lengths, recordings."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import soundfile

from kerastl.cli.table_report import problems_of, warnings_of
from kerastl.config import DataConfig
from kerastl.data.checking.check import TableReport, check_table
from kerastl.data.tables.loading import read_table
from kerastl.media.audio.input import AudioInput
from kerastl.media.audio.inspection import inspect_audio
from kerastl.media.audio.settings import AudioSettings

RATE_HZ = 8000


def sine(seconds: float, level: float = 0.3) -> np.ndarray:
    return level * np.sin(np.arange(round(seconds * RATE_HZ)) * 0.35)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    found_audio = {
        "good.wav": sine(1.0),
        "silent.wav": sine(1.0, 1e-4),
        "clipped.wav": np.clip(sine(1.0, 1.5), -1, 1),
        "short.wav": sine(0.2),
        "long.wav": sine(9.0),
    }
    for name, samples in found_audio.items():
        soundfile.write(tmp_path / name, samples, RATE_HZ)
    soundfile.write(tmp_path / "two.flac", np.stack([sine(1.0)] * 2, axis=1), 16000)
    (tmp_path / "bad.wav").write_bytes(b"not audio")
    return tmp_path


def check(folder: Path, rows: list[dict], *, window: str = "center") -> TableReport:
    frame = pd.DataFrame(rows)
    frame["word"] = [number % 2 for number in range(len(frame))]
    frame.to_csv(folder / "table.csv", index=False)
    config = DataConfig(table=folder / "table.csv", audio="path", tasks=("word",))
    taken = AudioInput(sample_rate_hz=RATE_HZ, num_samples=RATE_HZ)
    settings = AudioSettings(window=window)
    return check_table(read_table(config), taken=taken, settings=settings)


def test_silent_clipped_short_and_long_audio_are_counted_with_their_names(folder: Path) -> None:
    names = ["good.wav", "silent.wav", "clipped.wav", "short.wav", "long.wav", "two.flac"]
    found_audio = check(folder, [{"path": name} for name in names]).summary
    assert found_audio is not None
    found = {
        "silent": found_audio.silent,
        "clipped": found_audio.clipped,
        "too_short": found_audio.too_short,
        "too_long": found_audio.too_long,
    }
    assert {kind: [one.row for one in noted] for kind, noted in found.items()} == {
        "silent": [2],
        "clipped": [3],
        "too_short": [4, 6],
        "too_long": [5],
    }
    assert Path(found_audio.clipped[0].path).name == "clipped.wav"
    assert found_audio.clipped[0].value > 0.3
    assert found_audio.rates_hz == {8000: 5, 16000: 1}
    assert found_audio.channels == {1: 5, 2: 1}
    assert (found_audio.shortest, found_audio.longest) == (0.2, 9.0)


def test_a_pooled_clip_is_never_too_long(folder: Path) -> None:
    rows = [{"path": "long.wav"}, {"path": "good.wav"}]
    assert check(folder, rows, window="pool").summary.too_long == ()


def test_each_segment_is_heard_by_itself(folder: Path) -> None:
    samples = np.concatenate([sine(2.0), np.zeros(2 * RATE_HZ), sine(2.0)])
    soundfile.write(folder / "meeting.wav", samples, RATE_HZ)
    rows = [
        {"path": "meeting.wav", "start_seconds": start, "end_seconds": start + 2}
        for start in (0, 2, 4)
    ]
    report = check(folder, rows)
    assert [one.row for one in report.summary.silent] == [2]
    assert report.summary.recordings == 1
    assert report.equal_paths == ()


def test_unreadable_audio_and_segments_outside_are_problems(folder: Path) -> None:
    rows = [
        {"path": "bad.wav", "start_seconds": "", "end_seconds": ""},
        {"path": "good.wav", "start_seconds": "5", "end_seconds": "6"},
        {"path": "good.wav", "start_seconds": "soon", "end_seconds": "1"},
    ]
    report = check(folder, rows)
    assert not report.is_usable
    assert [one.row for one in report.unreadable_files] == [1, 2]
    assert [(one.row, one.cell) for one in report.bad_cuts] == [(3, "soon")]
    assert "row 3, column start_seconds: 'soon' is not a number of 0 or more" in problems_of(report)


def test_warnings_say_what_to_do(folder: Path) -> None:
    rows = [{"path": name} for name in ("silent.wav", "clipped.wav", "short.wav", "long.wav")]
    texts = "\n".join(warnings_of(check(folder, rows)))
    assert "1 audio clip is silent (60 decibels or more below full scale): row 1, silent" in texts
    assert "1 audio clip is clipped (up to 5" in texts
    assert "1 audio clip is shorter than the backbone's window of 1.00 s" in texts
    assert "Set data.window: pool" in texts


def test_a_single_sample_at_full_scale_is_not_clipped(folder: Path) -> None:
    samples = sine(1.0)
    samples[::200] = 1.0
    soundfile.write(folder / "loud.wav", samples, RATE_HZ, subtype="FLOAT")
    assert inspect_audio(folder / "loud.wav", (None, None)).clipped == 0
