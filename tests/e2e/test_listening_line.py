"""Two words from recordings to detections: windows, training, thresholds, listening, reports."""

import io
import json
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import soundfile
import yaml
from in_process import kerastl_command

import kerastl
from kerastl.errors import ConfigError, KerastlError
from kerastl.runs import Run

RATE_HZ = 16000
WORDS = {"low": 300.0, "high": 2500.0}
PARTS = ("train", "train", "validation", "test")


def write_recording(path: Path, seed: int) -> list[dict[str, object]]:
    """Writes 24 s of noise with a tone or two of another pitch every 1.6 s; returns the events."""
    random = np.random.default_rng(seed)
    samples = 0.01 * random.standard_normal(24 * RATE_HZ)
    rows = []
    for number, begin in enumerate(np.arange(0.5, 23.0, 1.6)):
        word = (*WORDS, None)[number % 3]
        time = np.arange(int(0.4 * RATE_HZ)) / RATE_HZ
        pitch = WORDS.get(str(word), 900.0) * random.uniform(0.95, 1.05)
        place = int(begin * RATE_HZ)
        samples[place : place + len(time)] += 0.3 * np.sin(2 * np.pi * pitch * time)
        if word is not None:
            rows.append({"word": word, "start_seconds": begin, "end_seconds": begin + 0.4})
    soundfile.write(path, samples, RATE_HZ)
    return [{"path": path.name, **row} for row in rows]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four recordings, a table of events for each part, and windows to train on."""
    folder = tmp_path_factory.mktemp("listening")
    frames = []
    for part in dict.fromkeys(PARTS):
        rows = []
        for seed in [seed for seed, name in enumerate(PARTS) if name == part]:
            rows += write_recording(folder / f"{seed}.wav", seed)
        pd.DataFrame(rows).to_csv(folder / f"{part}.csv", index=False)
        windows = folder / f"{part}-windows.csv"
        kerastl_command("data", "from-recordings", folder / f"{part}.csv", "-o", windows)
        frames.append(pd.read_csv(windows).assign(part=part))
    pd.concat(frames).to_csv(folder / "windows.csv", index=False)
    return folder


@pytest.fixture(scope="module")
def run(folder: Path) -> Run:
    config = {
        "data": {
            "table": "windows.csv",
            "audio": "path",
            "tasks": list(WORDS),
            "split": {"column": "part"},
        },
        "backbone": {"name": "tiny:speech"},
        "features": None,
        "fit": {"engine": "keras"},
        "evaluation": {
            "threshold": {"low": "false_accepts_per_hour<=10", "high": "youden"},
            "recordings": "validation.csv",
            "listening": {"smooth_windows": 2},
            "bootstrap": 0,
        },
    }
    (folder / "words.yaml").write_text(yaml.safe_dump(config))
    return kerastl.train(folder / "words.yaml", output=folder / "run")


def test_thresholds_by_rate_come_from_recordings_and_others_do_not(run: Run, folder: Path) -> None:
    low, high = run.bundle.tasks["low"], run.bundle.tasks["high"]
    assert low.tuned_on == "validation recordings, 0.0067 hours, 10 events"
    assert low.threshold_policy == "false_accepts_per_hour<=10"
    assert "the recordings do not name their voices in a column speaker" in str(low.threshold_note)
    assert low.promise is not None
    assert low.promise.is_promised is False
    assert high.tuned_on.startswith("out-of-fold")
    assert run.bundle.evidence.recordings.table == str(folder / "validation.csv")
    assert run.bundle.listening is not None
    assert run.bundle.listening.smooth_windows == 2


def test_recordings_are_scored_for_all_words_of_one_model(run: Run, folder: Path) -> None:
    scores = run.evaluate_recordings(folder / "test.csv")
    low = scores["words"]["low"]
    assert (low["events"], low["missed"], low["false_accepts"]) == (5, 0, 0)
    assert scores["all"]["events"] == 10
    assert 0 < scores["real_time_factor"] < 0.5
    assert scores["notes"] == [f"low: {run.bundle.tasks['low'].threshold_note}."]
    assert -0.4 < low["latency_seconds"]["median"] < 0.7


def test_scores_on_the_recordings_of_the_choice_are_called_optimistic(
    run: Run, folder: Path
) -> None:
    notes = run.evaluate_recordings(folder / "validation.csv")["notes"]
    assert "Thresholds were chosen on these recordings, so the scores are optimistic." in notes


def test_detections_are_where_the_words_are(run: Run, folder: Path) -> None:
    found = run.listen(folder / "3.wav")
    low = found[found["word"] == "low"]
    events = pd.read_csv(folder / "test.csv")
    expected = events[events["word"] == "low"]
    assert len(low) == len(expected)
    middles = (expected["start_seconds"] + expected["end_seconds"]).to_numpy() / 2
    assert (low["start_seconds"].to_numpy() <= middles).all()
    assert (low["end_seconds"].to_numpy() >= middles - 0.1).all()
    assert (low["score"] >= run.bundle.thresholds["low"]).all()


def test_an_unreadable_audio_file_becomes_a_row_with_the_reason(run: Run, tmp_path: Path) -> None:
    (tmp_path / "broken.wav").write_bytes(b"RIFF")
    soundfile.write(tmp_path / "silence.wav", np.zeros(RATE_HZ), RATE_HZ)
    found = run.listen(tmp_path)
    assert found["path"].tolist() == [str(tmp_path / "broken.wav")]
    assert found["error"].notna().all()
    assert found["word"].isna().all()


def test_the_command_writes_the_detections_of_a_file_and_prints_those_of_a_pipe(
    run: Run, folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    output, scores = folder / "found.csv", folder / "scores.csv"
    listening = ("predict", run.path, folder / "3.wav", "--listen")
    assert kerastl_command(*listening, "-o", output, "--scores", scores) == 0
    of_file = pd.read_csv(output)
    expected = run.listen(folder / "3.wav").assign(error=np.nan)
    pd.testing.assert_frame_equal(of_file, expected, check_dtype=False, rtol=1e-4)
    assert len(pd.read_csv(scores)) == 231
    capsys.readouterr()
    data = (folder / "3.wav").read_bytes()
    for bare, rate in ((data, ()), (data[44:], ("--rate", RATE_HZ))):
        monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(bare)))
        assert kerastl_command("predict", run.path, "-", "--listen", *rate) == 0
        of_pipe = pd.read_csv(io.StringIO(capsys.readouterr().out))
        assert set(of_pipe["path"]) == {"-"}
        pd.testing.assert_frame_equal(
            of_pipe.drop(columns="path"), of_file.drop(columns="path"), rtol=1e-4
        )


def test_recordings_that_were_trained_on_are_named(run: Run, folder: Path) -> None:
    notes = run.evaluate_recordings(folder / "train.csv")["notes"]
    assert notes[0] == (
        "2 of 2 recordings were trained on, 0.wav first: scores on them are too optimistic."
    )


def test_a_stream_that_is_stopped_has_its_detections_written(
    run: Run, folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    class Stopped(io.BytesIO):
        def read1(self, size: int = -1) -> bytes:
            if self.tell() > 10 * 2 * RATE_HZ:
                raise KeyboardInterrupt
            return super().read1(size)

    stream = Stopped((folder / "3.wav").read_bytes())
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=stream))
    output = folder / "live.csv"
    assert kerastl_command("predict", run.path, "-", "--listen", "-o", output) == 130
    assert len(pd.read_csv(output)) >= 3
    assert "Stopped. The detections so far are saved." in capsys.readouterr().err


def test_thresholds_can_be_chosen_again_and_the_scores_follow(
    run: Run, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = run.metrics["test"]["tasks"]["high"]["threshold"]
    report = folder / "recordings.html"
    code = kerastl_command(
        "evaluate",
        run.path,
        "--recordings",
        folder / "validation.csv",
        "--set-thresholds",
        "false_accepts_per_hour <= 200",
        "--smooth-windows",
        1,
        "--report",
        report,
        "--json",
    )
    shown = json.loads(capsys.readouterr().out)
    again = Run(run.path)
    assert code == 0
    assert again.bundle.tasks["high"].threshold_policy == "false_accepts_per_hour<=200"
    assert again.bundle.listening is not None
    assert again.bundle.listening.smooth_windows == 1
    stored = again.metrics["test"]["tasks"]["high"]["threshold"]
    assert stored == again.bundle.thresholds["high"] == shown["words"]["high"]["threshold"]
    assert stored != before
    assert "the fewest misses with false accepts per hour of at most 200" in (
        run.path / "report.html"
    ).read_text(encoding="utf-8")
    page = report.read_text(encoding="utf-8")
    assert page.count("<svg") == 2
    assert "so the scores are optimistic" in page
    assert "https://" not in page


def test_negatives_can_raise_the_thresholds_of_named_voices(
    run: Run, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    events = pd.read_csv(folder / "validation.csv").assign(speaker="anna")
    events.to_csv(folder / "named.csv", index=False)
    pd.read_csv(folder / "test.csv").iloc[:1].assign(
        word="", start_seconds="", end_seconds=""
    ).to_csv(folder / "negatives.csv", index=False)
    choose = ("evaluate", run.path, "--recordings", folder / "named.csv", "--set-thresholds")
    policy = "false_accepts_per_hour<=1"
    assert kerastl_command(*choose, policy) == 0
    before = Run(run.path).bundle
    assert kerastl_command(*choose, policy, "--negatives", folder / "negatives.csv") == 0
    after = Run(run.path).bundle
    assert after.evidence.recordings.voices == 1
    assert after.evidence.recordings.negatives == str(folder / "negatives.csv")
    for word in WORDS:  # the words are said in these negatives
        assert after.thresholds[word] > before.thresholds[word]
        note = str(after.tasks[word].threshold_note)
        assert "1 voice cannot show how others differ; at least 9 voices and 2.3 hours" in note
        assert "; the negatives raised the threshold from" in note
    printed = " ".join(capsys.readouterr().out.split())
    assert "low: false_accepts_per_hour<=1" in printed
    assert " NO - " in printed


def test_a_policy_that_recordings_cannot_choose_is_refused_before_listening(
    run: Run, folder: Path
) -> None:
    with pytest.raises(KerastlError) as raised:
        run.evaluate_recordings(folder / "test.csv", set_thresholds="youden")
    assert str(raised.value) == (
        "Only one threshold policy can be used with recordings.\n"
        "  expected: false_accepts_per_hour<=x or ~x with a number above 0\n"
        "  received: youden\n"
        "  fix:      Write 'false_accepts_per_hour<=1' in quotes, or another number."
    )


def test_impossible_listening_settings_are_refused_with_their_keys(run: Run, folder: Path) -> None:
    with pytest.raises(ConfigError) as raised:
        run.evaluate_recordings(
            folder / "test.csv", listening={"hop_second": 9, "smooth_windows": 0}
        )
    assert str(raised.value) == (
        "Config has 2 problems.\n"
        "  - smooth_windows: expected 1 or more, received 0\n"
        "  - hop_second: unknown key. Did you mean 'hop_seconds'?\n"
        "  where:    the listening settings"
    )


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (("predict", "RUN", "-"), "Standard input has no effect without --listen."),
        (("predict", "RUN", "a.wav", "--rate", "8000"), "--rate has no effect without --listen."),
        (("predict", "RUN", "-", "a.wav", "--listen"), "Standard input must be the only input."),
        (("predict", "RUN", "a.wav", "--listen", "--rate", "8000"), "raw samples on standard"),
        (("predict", "RUN", "a.wav", "--listen", "-o", "a.parquet"), "are written as CSV."),
        (("evaluate", "RUN", "--recordings", "r.csv", "--negatives", "n"), "no effect without"),
        (("evaluate", "RUN", "--hop-seconds", "1"), "--hop-seconds has no effect without"),
        (("evaluate", "RUN", "--table", "t.csv", "--recordings", "r.csv"), "cannot be used"),
    ],
    ids=lambda value: " ".join(value[1:]) if isinstance(value, tuple) else "",
)
def test_options_that_do_not_fit_are_refused(
    args: tuple[str, ...], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert kerastl_command(*args) == 2
    assert message in capsys.readouterr().err
