"""The runtime package: an exported model answers as its run does, without TensorFlow."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml
from odd_files import odd_audio, odd_images
from PIL import Image

import kerastl
from kerastl.cli import main
from kerastl.errors import ExportError, RunError
from kerastl.runs import Run
from kerastl.serving.served_run import ServedRun
from kerastl_runtime import Predictor
from kerastl_runtime import engines as runtimes
from kerastl_runtime.errors import MediaError

CLOSE = 1e-5
FORMATS = {"onnx": "onnxruntime", "openvino": "openvino", "litert": "ai_edge_litert"}

# A client in whose process nothing of kerastl but the runtime, and no large package, can be loaded.
ALONE = """
import json, sys
from importlib.abc import MetaPathFinder
class Nothing(MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in ("kerastl", "tensorflow", "keras", "pandas", "pydantic"):
            raise ImportError(name + " is not here")
sys.meta_path.insert(0, Nothing())
from kerastl_runtime import Predictor
found = Predictor(sys.argv[1])(sys.argv[2:], on_error="collect")
print(json.dumps([[one.probabilities, one.decisions, one.error] for one in found]))
"""


@pytest.fixture(scope="module")
def exports(bright: Run) -> Path:
    """The folder with the exports of an image run with several views and heads."""
    for name, package in {**FORMATS, "onnx": "tf2onnx"}.items():
        pytest.importorskip(package, reason="the extras fast, litert and onnx are not installed")
        bright.export(name, examples=12)
    return bright.path / "export"


def assert_same(
    predictor: Predictor, run: Run, files: list[Path], close: float = CLOSE
) -> pd.DataFrame:
    """Compares with `Run.predict`: probabilities, decisions, and errors word by word."""
    expected = run.predict(files, cache=False)
    found = predictor(files, on_error="collect")
    for one, row in zip(found, expected.to_dict("records"), strict=True):
        assert one.name == row["path"]
        if isinstance(row["error"], str):
            assert (one.error, dict(one.probabilities)) == (row["error"], {})
            continue
        assert one.error is None
        assert list(one.probabilities) == list(run.tasks)
        for task, probability in one.probabilities.items():
            assert probability == pytest.approx(row[task], abs=close), (one.name, task)
            if abs(row[task] - run.bundle.thresholds[task]) > close:
                assert one.decisions[task] == bool(row[f"{task}_decision"])
    return expected


@pytest.mark.parametrize("name", FORMATS)
def test_images_of_every_odd_kind_are_answered_as_the_run_answers_them(
    name: str, bright: Run, exports: Path, tmp_path: Path
) -> None:
    expected = assert_same(Predictor(exports / name), bright, odd_images(tmp_path))
    assert expected["error"].notna().sum() == 4


def test_audio_of_every_odd_kind_is_answered_with_all_its_windows(
    tones: Run, tmp_path: Path
) -> None:
    pytest.importorskip("tf2onnx", reason="the extra onnx is not installed")
    tones.export("onnx", examples=12)
    predictor = Predictor(tones.path / "export/onnx")
    expected = assert_same(predictor, tones, odd_audio(tmp_path))
    assert expected["error"].notna().sum() == 3


@pytest.mark.parametrize("name", ["saved_model", "openvino", "litert"])
def test_every_format_joins_the_windows_of_an_example(name: str, tones: Run) -> None:
    pytest.importorskip(FORMATS.get(name, "tensorflow"), reason="its extra is not installed")
    (result,) = tones.export(name, examples=12)
    assert result.parity.largest_difference < CLOSE
    contents = json.loads((result.path / "bundle.json").read_text())
    assert "all windows of an audio clip" in contents["windows"]


def test_serve_joins_windows_as_the_run_does(tones: Run, tmp_path: Path) -> None:
    served = ServedRun("tones", tones, cache=False)
    files = odd_audio(tmp_path)[:-3]
    inputs = [served.decode(path.read_bytes(), 10**8) for path in files]
    expected = tones.predict(files, cache=False)["tone"].tolist()
    assert max(map(len, inputs)) > 10
    assert served.score(inputs)[:, 0].tolist() == pytest.approx(expected, abs=CLOSE)


def test_several_backbones_join_windows_each_before_its_own_transform(
    tones: Run, tmp_path: Path
) -> None:
    pytest.importorskip("openvino", reason="the extra fast is not installed")
    one = {"name": "tiny:speech", "weights": None, "input_size": 4000}
    config = yaml.safe_load((tones.path / "config.yaml").read_text())
    config |= {"backbone": {"name": [one, one]}, "features": {"transform": "sqrt"}}
    (tmp_path / "both.yaml").write_text(yaml.safe_dump(config))
    run = kerastl.train(tmp_path / "both.yaml", output=tmp_path / "both")
    (tmp_path / "odd").mkdir()
    files = odd_audio(tmp_path / "odd")
    expected = run.predict(files[:-3], cache=False)["tone"].tolist()
    served = ServedRun("both", run, cache=False)
    inputs = [served.decode(path.read_bytes(), 10**8) for path in files[:-3]]
    assert served.score(inputs)[:, 0].tolist() == pytest.approx(expected, abs=CLOSE)
    run.export("openvino", examples=12)
    assert_same(Predictor(run.path / "export/openvino"), run, files, close=1e-4)


def test_a_form_of_one_window_at_a_time_is_refused(tones: Run) -> None:
    pytest.importorskip("ai_edge_litert", reason="the extra litert is not installed")
    with pytest.raises(ExportError, match="takes one window at a time"):
        tones.export("litert", precision="int8")


def test_values_in_memory_are_answered_as_files_that_hold_them(
    bright: Run, exports: Path, tmp_path: Path
) -> None:
    predictor, path = Predictor(exports / "onnx"), tmp_path / "0-plain.bmp"
    odd_images(tmp_path)
    pixels = np.asarray(Image.open(path))
    found = predictor([path, str(path), path.read_bytes(), Image.open(path), pixels])
    assert [one.name for one in found[2:]] == ["inputs[2]", "inputs[3]", "inputs[4]"]
    for one in found[1:]:
        assert one.probabilities == found[0].probabilities
    assert predictor(pixels)[0].probabilities == pytest.approx(found[0].probabilities)
    with pytest.raises(RunError, match=r"neither a file nor a value of the model's kind"):
        predictor([pixels.astype(float)])
    with pytest.raises(RunError, match="nothing to predict"):
        predictor([])


def test_an_unreadable_file_is_raised_unless_errors_are_collected(
    exports: Path, tmp_path: Path
) -> None:
    (tmp_path / "text.jpg").write_bytes(b"no image")
    with pytest.raises(MediaError, match="not an image"):
        Predictor(exports / "onnx")(tmp_path / "text.jpg")


def test_neither_kerastl_nor_tensorflow_nor_pandas_is_needed(
    bright: Run, exports: Path, bright_images: Path
) -> None:
    images = [str(path) for path in sorted(bright_images.glob("*.png"))[:4]]
    command = [sys.executable, "-c", ALONE, str(exports / "onnx"), *images]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    expected = bright.predict(images)
    for (probabilities, _, error), row in zip(
        json.loads(done.stdout), expected.to_dict("records"), strict=True
    ):
        assert error is None
        assert probabilities == pytest.approx({task: row[task] for task in bright.tasks}, abs=CLOSE)


def test_openvino_runs_an_onnx_file_where_onnx_runtime_is_missing(
    bright: Run, exports: Path, bright_images: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    there = runtimes._is_there
    monkeypatch.setattr(runtimes, "_is_there", lambda name: name != "onnxruntime" and there(name))
    assert_same(Predictor(exports / "onnx"), bright, [bright_images / "00.png"])
    monkeypatch.setattr(runtimes, "_is_there", lambda name: False)
    with pytest.raises(RunError, match=r"needs onnxruntime or openvino") as caught:
        Predictor(exports / "onnx")
    assert "pip install 'kerastl-runtime[onnx]'" in str(caught.value)


def changed(text: str, **values: Any) -> str:
    return json.dumps({**json.loads(text), **values})


def audio_contract(text: str) -> str:
    content = json.loads(text)
    content["input"]["contract"] = {"modality": "video", "shape": [1]}
    return json.dumps(content)


def changed_input(text: str, **values: Any) -> str:
    content = json.loads(text)
    content["input"] |= values
    return json.dumps(content)


def newer_rule(text: str) -> str:
    content = json.loads(text)
    content["input"]["contract"]["rule_version"] = 2
    return json.dumps(content)


BUNDLES: dict[str, tuple[Callable[[str], str], str]] = {
    "another format": (lambda text: changed(text, format="saved_model"), "does not run models"),
    "another version": (lambda text: changed(text, version=9), "received: version 9"),
    "no JSON": (lambda text: text[:100], "bundle of the exported model cannot be read"),
    "a list": (lambda text: "[]", "bundle of the exported model cannot be read"),
    "no tasks": (lambda text: changed(text, tasks=None), "cannot be read"),
    "a threshold that no float holds": (
        lambda text: text.replace('"threshold": 0.', f'"threshold": 1{"0" * 400}'),
        "bundle of the exported model cannot be read",
    ),
    "a batch of a word": (lambda text: changed_input(text, shape=["a", 8, 8, 3]), "cannot be read"),
    "an input that is not there": (lambda text: changed_input(text, name="x"), "does not answer"),
    "a head that is not there": (
        lambda text: changed(text, outputs={"z": ["bright", "red"]}),
        "does not answer as its bundle says",
    ),
    "another media type": (audio_contract, "input that this version cannot read"),
    "a newer rule of reading": (newer_rule, "version 2 of the rule"),
}


@pytest.mark.parametrize("what", BUNDLES)
def test_a_bundle_that_cannot_be_used_is_one_clear_sentence(
    what: str, exports: Path, tmp_path: Path
) -> None:
    change, message = BUNDLES[what]
    folder = shutil.copytree(exports / "onnx", tmp_path / "onnx")
    (folder / "SHA256SUMS").unlink()
    path = folder / "bundle.json"
    path.write_text(change(path.read_text()))
    with pytest.raises(RunError, match=message):
        Predictor(folder)


def test_settings_in_a_bundle_reach_no_runtime(exports: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(exports / "openvino", tmp_path / "openvino")
    (folder / "SHA256SUMS").unlink()
    path = folder / "bundle.json"
    cache = {"CACHE_DIR": str(tmp_path / "cache")}
    path.write_text(changed(path.read_text(), runtime_settings=cache))
    Predictor(folder)
    assert not (tmp_path / "cache").exists()


def test_a_file_that_has_changed_or_is_missing_is_named(
    bright: Run, exports: Path, tmp_path: Path
) -> None:
    folder = shutil.copytree(exports / "openvino", tmp_path / "openvino")
    with (folder / "model.bin").open("ab") as file:
        file.write(b"more")
    with pytest.raises(RunError, match=r"'model\.bin' is not the file that was written here"):
        Predictor(folder)
    (folder / "model.bin").unlink()
    with pytest.raises(RunError, match=r"lacks its file 'model\.bin'"):
        Predictor(folder)
    with pytest.raises(RunError, match="folder of a run, not of an exported model"):
        Predictor(bright.path)
    with pytest.raises(RunError, match="contains no exported model"):
        Predictor(tmp_path)


def test_a_file_that_is_no_model_is_one_clear_sentence(exports: Path, tmp_path: Path) -> None:
    for name in FORMATS:
        folder = shutil.copytree(exports / name, tmp_path / name)
        (folder / "SHA256SUMS").unlink()
        for path in folder.glob("model.*"):
            path.write_bytes(b"no model")
        with pytest.raises(RunError, match="exported model cannot be loaded by"):
            Predictor(folder)


def test_the_command_prints_a_line_of_json_per_file(exports: Path, bright_images: Path) -> None:
    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        code = "from kerastl_runtime.command import main; main()"
        command = [sys.executable, "-c", code, *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=False)

    done = run(str(exports / "onnx"), str(bright_images / "00.png"), str(bright_images / "no.png"))
    first, second = map(json.loads, done.stdout.splitlines())
    assert done.returncode == 0
    assert set(first["decisions"]) == {"bright", "red"}
    assert "does not exist" in second["error"]
    done = run(str(exports / "onnx"), str(bright_images / "no.png"))
    assert (done.returncode, "None of the files" in done.stderr) == (2, True)
    done = run(str(bright_images), "a.png")
    assert (done.returncode, "Traceback" in done.stderr) == (2, False)


def predicted(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[list[Any], str]:
    assert main(["predict", *arguments, "--json", "--no-cache"]) in (0, None)
    captured = capsys.readouterr()
    return [json.loads(line) for line in captured.out.splitlines()], captured.err


def test_predict_lets_an_export_answer(
    bright: Run, exports: Path, bright_images: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = [str(bright.path), str(bright_images / "table.csv")]
    by_export, said = predicted(capsys, *arguments)
    assert "The export export/onnx answers in the place of the run." in said
    by_model, said = predicted(capsys, *arguments, "--no-export")
    assert "export" not in said
    for one, other in zip(by_export, by_model, strict=True):
        assert one == pytest.approx(other, abs=CLOSE)


def test_predict_does_not_use_an_export_of_another_model_or_a_damaged_one(
    bright: Run,
    exports: Path,
    bright_images: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    run = shutil.copytree(bright.path, tmp_path / "run")
    image = str(bright_images / "00.png")
    shutil.rmtree(run / "export/litert")
    with (run / "export/onnx/model.onnx").open("ab") as file:
        file.write(b"more")
    _, said = predicted(capsys, str(run), image)
    assert "The export export/onnx is not used: 'model.onnx' is not the file" in said
    assert "The export export/openvino answers" in said
    os.utime(run / "bundle.json")
    bundle = json.loads((run / "bundle.json").read_text())
    bundle["tasks"]["red"]["threshold"] = 0.123
    (run / "bundle.json").write_text(json.dumps(bundle))
    (run / "SHA256SUMS").unlink()
    _, said = predicted(capsys, str(run), image)
    assert "answers" not in said
