"""The whole line on sounds: recordings cut into examples, trained, scored, predicted, varied."""

import json
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import soundfile
import yaml

import kerastl
from kerastl.errors import BackboneError, RunError
from kerastl.pipeline import resume
from kerastl.progress import Progress
from kerastl.runs import Run

RATE_HZ = 8000
NUM_RECORDINGS = 12
PARTS = 6  # of half a second each


class Notes(Progress):
    def __init__(self):
        self.texts = []

    def note(self, text):
        self.texts.append(text)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Recordings of tones and noise, and a table that says where the tones are."""
    folder = tmp_path_factory.mktemp("tones")
    random = np.random.default_rng(0)
    rows = []
    for number in range(NUM_RECORDINGS):
        parts = []
        for part in range(PARTS):
            has_tone = (number + part) % 2
            noise = 0.1 * random.standard_normal(RATE_HZ // 2)
            tone = 0.4 * np.sin(np.arange(RATE_HZ // 2) * random.uniform(0.6, 0.9))
            parts.append(noise + has_tone * tone)
            start = part * 0.5
            rows.append([f"{number}.wav", start, start + 0.5, has_tone])
        soundfile.write(folder / f"{number}.wav", np.concatenate(parts), RATE_HZ)
    columns = ["path", "start_seconds", "end_seconds", "tone"]
    pd.DataFrame(rows, columns=columns).to_csv(folder / "table.csv", index=False)
    return folder


def write_config(folder: Path, *, data: dict | None = None, **more: object) -> Path:
    config = {
        "data": {"table": "table.csv", "audio": "path", "tasks": ["tone"], **(data or {})},
        "backbone": {"name": "tiny:speech", "weights": None, "input_size": 4000},
        "evaluation": {"bootstrap": 0},
        **more,
    }
    (folder / "tones.yaml").write_text(yaml.safe_dump(config))
    return folder / "tones.yaml"


@pytest.fixture(scope="module")
def run(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Run:
    return kerastl.train(write_config(folder), output=tmp_path_factory.mktemp("runs") / "run")


def test_what_is_easy_to_hear_is_learned(run: Run) -> None:
    assert run.metrics["test"]["tasks"]["tone"]["auc"] > 0.95


def test_the_bundle_says_how_a_file_becomes_samples(run: Run) -> None:
    contract = json.loads((run.path / "bundle.json").read_text())["input"]
    assert contract == {
        "modality": "audio",
        "shape": [4000],
        "rule_version": 1,
        "sample_rate_hz": 16000,
        "window": "center",
    }


def test_a_recording_lies_in_one_split_and_predictions_name_its_parts(run: Run) -> None:
    frame = run.predictions
    assert frame.groupby("path")["split"].nunique().max() == 1
    assert frame.groupby(["path", "start_seconds"]).size().max() == 1


def test_evaluate_repeats_the_figures_of_the_run(run: Run) -> None:
    stored = run.metrics["test"]["tasks"]["tone"]
    assert run.evaluate()["tasks"]["tone"]["auc"] == pytest.approx(stored["auc"], abs=1e-6)


def test_predict_cuts_the_recordings_of_a_table_as_training_did(run: Run, folder: Path) -> None:
    frame = run.predict([folder / "table.csv"])
    assert list(frame["start_seconds"][:3]) == [0.0, 0.5, 1.0]
    own = run.predictions["split"] != "validation"  # whose predictions are out-of-fold
    np.testing.assert_allclose(frame["tone"][own], run.predictions["tone"][own], atol=1e-4)


def test_predict_takes_short_clips_and_says_which_are_unreadable(
    run: Run, folder: Path, tmp_path: Path
) -> None:
    samples, _ = soundfile.read(folder / "0.wav")
    soundfile.write(tmp_path / "noise.wav", samples[: RATE_HZ // 2], RATE_HZ)
    soundfile.write(tmp_path / "tone.flac", samples[RATE_HZ // 2 : RATE_HZ], RATE_HZ)
    (tmp_path / "zero.mp3").write_bytes(b"")
    frame = run.predict([tmp_path])
    assert [Path(path).name for path in frame["path"]] == ["noise.wav", "tone.flac", "zero.mp3"]
    assert frame["tone"][0] < frame["tone"][1]
    assert frame["error"].fillna("").tolist() == ["", "", "The audio file is empty."]


def test_the_report_plays_the_part_of_the_recording(run: Run) -> None:
    assert "data:audio/flac;base64," in (run.path / "report.html").read_text()


def test_a_table_whose_segments_moved_is_another_table(run: Run, folder: Path, tmp_path) -> None:
    frame = pd.read_csv(folder / "table.csv")
    frame["path"] = [str(folder / name) for name in frame["path"]]
    frame.loc[3, "end_seconds"] -= 0.1
    frame.to_csv(tmp_path / "table.csv", index=False)
    moved = tmp_path / "moved"
    shutil.copytree(run.path, moved)
    config = (moved / "config.yaml").read_text()
    (moved / "config.yaml").write_text(
        config.replace(str(folder / "table.csv"), str(tmp_path / "table.csv"))
    )
    with pytest.raises(RunError, match=r"'config\.yaml' is not the file that was written here"):
        kerastl.load_run(moved)
    (moved / "SHA256SUMS").unlink()  # the change is meant
    with pytest.raises(RunError, match="table has changed"):
        kerastl.load_run(moved).evaluate()


def test_varied_sounds_turn_the_cache_off_and_resume_where_they_were(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = write_config(
        folder,
        augment={"shift": 0.1, "noise": {}, "spec_augment": {}},
        fit={"epochs": 2, "batch_size": 16},
    )
    notes = Notes()
    whole = kerastl.train(config, output=tmp_path / "whole", progress=notes)
    assert (
        "Features are not cached, because augment.shift changes the inputs in every epoch."
        in notes.texts
    )
    from kerastl.training.checkpoints import KeepBest

    ended = KeepBest.on_epoch_end

    def stop(self, epoch, logs=None):
        ended(self, epoch, logs)
        raise KeyboardInterrupt

    monkeypatch.setattr(KeepBest, "on_epoch_end", stop)
    with pytest.raises(KeyboardInterrupt):
        kerastl.train(config, output=tmp_path / "stopped")
    monkeypatch.setattr(KeepBest, "on_epoch_end", ended)
    resumed = resume(tmp_path / "stopped")
    np.testing.assert_allclose(resumed.predictions["tone"], whole.predictions["tone"], atol=1e-5)


def test_the_backbone_learns_on_a_window_of_each_pooled_sound(folder: Path, tmp_path: Path) -> None:
    config = write_config(
        folder,
        data={"window": "pool"},
        trainable=True,
        fit={"epochs": 1, "batch_size": 16, "backbone_learning_rate": 1.0e-4},
    )
    run = kerastl.train(config, output=tmp_path / "run")
    assert run.bundle.input.window == "pool"
    assert run.bundle.backbone.trained
    again = run.evaluate()["tasks"]["tone"]["auc"]
    assert again == pytest.approx(run.metrics["test"]["tasks"]["tone"]["auc"], abs=1e-6)


def test_a_rate_that_the_backbone_does_not_take_is_refused(folder: Path, tmp_path: Path) -> None:
    config = write_config(folder, data={"sample_rate_hz": 8000})
    with pytest.raises(BackboneError) as caught:
        kerastl.train(config, output=tmp_path / "run")
    assert str(caught.value) == (
        "The backbone 'tiny:speech' takes 16000 samples per second.\n"
        "  where:    data.sample_rate_hz\n"
        "  expected: 16000, whatever the rate of the files: they are resampled\n"
        "  received: 8000\n"
        "  fix:      Remove data.sample_rate_hz."
    )
    assert not (tmp_path / "run").exists()


def test_load_data_gives_batches_of_sounds(folder: Path) -> None:
    data = kerastl.load_data(
        folder / "table.csv", audio="path", tasks=["tone"], input_size=4000, window="loudest"
    )
    x, y = next(iter(data.train))
    assert tuple(x.shape[1:]) == (4000,)
    assert float(np.abs(x).max()) <= 1.0
    assert tuple(y.shape[1:]) == (1,)
