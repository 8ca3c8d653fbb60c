"""`kerastl train`, `evaluate` and `predict`, and what they say when something is wrong."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import yaml

Command = Callable[..., Any]


@pytest.fixture
def config(bright_images: Path, tmp_path: Path) -> Path:
    return write_config(tmp_path, bright_images / "table.csv")


def write_config(folder: Path, table: Path, **backbone: object) -> Path:
    path = folder / "bright.yaml"
    settings = {
        "data": {"table": str(table), "image": "path", "tasks": ["bright", "red"]},
        "backbone": {"name": "tiny:image", "weights": None, "input_size": 32, **backbone},
    }
    path.write_text(yaml.safe_dump(settings))
    return path


def refused(result: Any, *parts: str) -> None:
    """Asserts a deliberate error: exit code 2, one message with these parts, no traceback."""
    assert result.code == 2, result.err
    assert "Traceback" not in result.err
    assert result.err.count("Error:") == 1
    for part in parts:
        assert part in result.err


def test_train_evaluate_predict_work_in_a_row(
    kerastl_command: Command, config: Path, tmp_path: Path, bright_images: Path
) -> None:
    trained = kerastl_command("train", config, "--output", tmp_path / "run")
    assert trained.code == 0, trained.err
    assert "macro" in trained.out
    assert str(tmp_path / "run") in trained.out
    scores = json.loads(kerastl_command("evaluate", tmp_path / "run", "--json").out)
    assert set(scores["tasks"]) == {"bright", "red"}
    out = tmp_path / "p.csv"
    kerastl_command("predict", tmp_path / "run", bright_images / "table.csv", "-o", out)
    assert len(pd.read_csv(out)) == 60


WARNING = "The backbone 'tiny:image' has random weights and is frozen"


@pytest.mark.parametrize(
    ("weights", "trainable", "warned"),
    [(None, False, True), (None, True, False), ("default", False, False)],
)
def test_random_weights_that_are_not_trained_are_warned_of_before_training(
    config: Path, weights: str | None, trainable: bool, warned: bool
) -> None:
    from kerastl.config import load_config
    from kerastl.planning import make_plan
    from kerastl.progress import Progress

    class Warnings(Progress):
        def warn(self, text: str) -> None:
            given.append(text)

    given: list[str] = []
    chosen = "null" if weights is None else weights
    overrides = [f"backbone.weights={chosen}", f"trainable={str(trainable).lower()}"]
    make_plan(load_config(config, overrides), progress=Warnings())
    assert any(text.startswith(WARNING) for text in given) == warned


@pytest.mark.parametrize(
    ("overrides", "noted"),
    [
        (["trainable=true"], True),
        (["trainable=true", "augment=null"], False),
        (["trainable=true", "augment.flip=false"], False),
        ([], False),
    ],
)
def test_augmentation_by_default_is_noted_in_one_line(
    config: Path, overrides: list[str], noted: bool
) -> None:
    from kerastl.config import load_config
    from kerastl.planning import make_plan
    from kerastl.progress import Progress

    class Notes(Progress):
        def note(self, text: str) -> None:
            given.append(text)

    given: list[str] = []
    make_plan(load_config(config, overrides), progress=Notes())
    expected = (
        "Training images are changed at random: augment: {flip: true, zoom: 0.3, shift: 0.1, "
        "brightness: 0.1, contrast: 0.2}. If left and right matter, as with letters, digits and "
        "organs, set augment.flip to false. With augment: null they are not changed."
    )
    assert (expected in given) == noted
    assert len(given) == noted


def test_a_wrong_config_lists_all_problems(kerastl_command: Command, config: Path) -> None:
    config.write_text(config.read_text().replace("backbone", "bakbone") + "seed: 1\n")
    result = kerastl_command("train", config, "-o", config.parent / "run")
    refused(result, "2 problems", "Did you mean 'backbone'?", str(config))


def test_a_missing_config_is_named(kerastl_command: Command, tmp_path: Path) -> None:
    refused(kerastl_command("train", tmp_path / "no.yaml"), "no.yaml")


def test_a_missing_table_is_named(kerastl_command: Command, tmp_path: Path) -> None:
    config = write_config(tmp_path, tmp_path / "no.csv")
    refused(kerastl_command("train", config), "no.csv", "data.table")


def test_a_missing_image_is_named_with_its_row(
    kerastl_command: Command, tmp_path: Path, bright_images: Path
) -> None:
    frame = pd.read_csv(bright_images / "table.csv").assign(
        path=lambda f: [str(bright_images / name) for name in f["path"]]
    )
    frame.loc[4, "path"] = "gone.png"
    frame.to_csv(tmp_path / "t.csv", index=False)
    result = kerastl_command("train", write_config(tmp_path, tmp_path / "t.csv"))
    refused(result, "row 5", "gone.png", "kerastl data check")


def test_a_truncated_image_is_named(
    kerastl_command: Command, tmp_path: Path, bright_images: Path
) -> None:
    from PIL import Image

    whole = tmp_path / "whole.jpg"
    Image.open(bright_images / "01.png").save(whole)
    (tmp_path / "torn.jpg").write_bytes(whole.read_bytes()[:-200])
    frame = pd.read_csv(bright_images / "table.csv").assign(
        path=lambda f: [str(bright_images / name) for name in f["path"]]
    )
    frame.loc[4, "path"] = "torn.jpg"
    frame.to_csv(tmp_path / "t.csv", index=False)
    config = write_config(tmp_path, tmp_path / "t.csv")
    result = kerastl_command("train", config, "-o", tmp_path / "run")
    refused(result, "torn.jpg")
    assert not (tmp_path / "run").exists()


def test_an_unknown_backbone_gets_a_suggestion(
    kerastl_command: Command, tmp_path: Path, bright_images: Path
) -> None:
    config = write_config(tmp_path, bright_images / "table.csv", name="tiny:imagee")
    refused(kerastl_command("train", config), "tiny:imagee", "Did you mean 'tiny:image'?")


def test_a_backbone_for_audio_is_refused_before_anything_heavy_is_loaded(
    kerastl_command: Command, tmp_path: Path, bright_images: Path
) -> None:
    config = write_config(tmp_path, bright_images / "table.csv", name="tfhub:yamnet")
    result = kerastl_command("train", config)
    refused(result, "takes audio", "column 'path' contains images", "Choose a backbone for images")


def test_missing_weights_are_named(
    kerastl_command: Command, tmp_path: Path, bright_images: Path
) -> None:
    config = write_config(tmp_path, bright_images / "table.csv", weights="no.weights.h5")
    refused(kerastl_command("train", config), "no.weights.h5")


def test_an_earlier_run_is_never_overwritten(
    kerastl_command: Command, config: Path, tmp_path: Path
) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "mine.txt").write_text("precious")
    refused(kerastl_command("train", config, "-o", tmp_path / "run"), "already exists", "run-2")
    assert (tmp_path / "run" / "mine.txt").read_text() == "precious"


def test_a_misspelt_command_gets_a_suggestion(kerastl_command: Command) -> None:
    refused(kerastl_command("trian"), "The command 'trian' does not exist", "Did you mean 'train'?")


def test_a_misspelt_option_is_an_error_without_traceback(kerastl_command: Command) -> None:
    result = kerastl_command("train", "--outptu", "x")
    assert result.code == 2
    assert "--output" in result.err


def test_train_without_anything_says_what_is_needed(kerastl_command: Command) -> None:
    refused(kerastl_command("train"), "a config, or --resume RUN")


@pytest.mark.parametrize("command", ["evaluate", "predict"])
def test_a_folder_without_a_run_is_named(
    kerastl_command: Command, tmp_path: Path, command: str
) -> None:
    refused(kerastl_command(command, tmp_path / "no", *["a.png"][: command == "predict"]), "no")


def test_set_changes_a_key(kerastl_command: Command, config: Path, tmp_path: Path) -> None:
    kerastl_command("train", config, "-o", tmp_path / "run", "--set", "fit.folds=3")
    assert yaml.safe_load((tmp_path / "run" / "config.yaml").read_text())["fit"]["folds"] == 3


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system with half a megabyte."""
    folder = tmp_path / "disk"
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=512k", "tmpfs", str(folder)]
    if os.geteuid() != 0 or subprocess.run(command, check=False, capture_output=True).returncode:
        pytest.skip("mounting a small file system needs root")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


def test_a_full_disk_is_a_sentence_and_leaves_earlier_runs_untouched(
    kerastl_command: Command, config: Path, small_disk: Path
) -> None:
    (small_disk / "earlier").mkdir()
    (small_disk / "earlier" / "bundle.json").write_text("{}")
    result = kerastl_command("train", config, "-o", small_disk / "run")
    refused(result, "no space left on device", "Free some space")
    assert (small_disk / "earlier" / "bundle.json").read_text() == "{}"
    assert not (small_disk / "run" / "bundle.json").exists()
    assert not list((small_disk / "run").glob(".writing*"))


def test_ctrl_c_says_how_to_continue_and_resume_ends_as_if_nothing_had_happened(
    config: Path, tmp_path: Path
) -> None:
    settings = ["--set", "trainable={stages: 1}", "--set", "fit.epochs=4"]
    whole = run_python(f"main(['train', {str(config)!r}, '-o', 'whole', *{settings!r}])", tmp_path)
    assert whole.returncode == 0, whole.stderr
    stopped = run_python(
        "from kerastl.training.checkpoints import KeepBest\n"
        "end = KeepBest.on_epoch_end\n"
        "def stop(self, epoch, logs=None):\n"
        "    end(self, epoch, logs)\n"
        "    if epoch == 2: raise KeyboardInterrupt\n"
        "KeepBest.on_epoch_end = stop\n"
        f"main(['train', {str(config)!r}, '-o', 'stopped', *{settings!r}])",
        tmp_path,
    )
    assert stopped.returncode == 130
    assert "kerastl train --resume stopped" in stopped.stderr
    assert "Traceback" not in stopped.stderr
    resumed = run_python("main(['train', '--resume', 'stopped'])", tmp_path)
    assert resumed.returncode == 0, resumed.stderr
    histories = [pd.read_csv(tmp_path / name / "history.csv") for name in ("whole", "stopped")]
    pd.testing.assert_frame_equal(*histories, rtol=1e-3, atol=1e-6)


def test_scores_are_printed_before_the_report_is_written_which_resume_makes_up_for(
    kerastl_command: Command, config: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from kerastl import pipeline

    def stop(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(pipeline, "write_report_or_warn", stop)
        stopped = kerastl_command("train", config, "-o", tmp_path / "run")
    assert stopped.code == 130
    assert "macro" in stopped.out
    assert f"kerastl train --resume {tmp_path / 'run'}` writes it" in stopped.err
    assert not (tmp_path / "run" / "report.html").exists()
    resumed = kerastl_command("train", "--resume", tmp_path / "run")
    assert (resumed.code, resumed.out) == (0, stopped.out)
    assert (tmp_path / "run" / "report.html").exists()


def run_python(code: str, folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", f"from kerastl.cli import main\n{code}"],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )


def test_quiet_prints_only_results(kerastl_command: Command, config: Path, tmp_path: Path) -> None:
    result = kerastl_command("train", config, "--output", tmp_path / "run", "--quiet")
    assert result.code == 0
    assert [line for line in result.err.splitlines() if not line.startswith("Warning: ")] == []
    assert f"Run:     {tmp_path / 'run'}" in result.out
    assert "Next:" not in result.out
    out = tmp_path / "p.csv"
    for command in ("evaluate", "predict", "report"):
        inputs = [config.parent / "none.png", "-o", out] if command == "predict" else []
        assert "Features" not in kerastl_command(command, tmp_path / "run", *inputs, "-q").err


def test_the_seed_is_that_of_the_training(
    kerastl_command: Command, config: Path, tmp_path: Path
) -> None:
    kerastl_command("train", config, "--output", tmp_path / "run", "--seed", 7, "-q")
    assert yaml.safe_load((tmp_path / "run" / "config.yaml").read_text())["fit"]["seed"] == 7


def test_a_resumed_run_keeps_its_seed(kerastl_command: Command, tmp_path: Path) -> None:
    refused(kerastl_command("train", "--resume", tmp_path, "--seed", 7), "--seed beside --resume")
