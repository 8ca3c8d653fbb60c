"""Export: what is deployed answers as the run did when it was measured."""

import dataclasses
import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import kerastl
from kerastl.cli import main
from kerastl.errors import ExportError, RunError
from kerastl.export.exporting import Check, DifferentAnswersError, Exported, export_run
from kerastl.export.formats import find_form
from kerastl.media.image.fit_images import FitImages
from kerastl.progress import SILENT
from kerastl.runs import Run

FORMS = [("saved_model", "float32"), ("keras", "float32"), ("litert", "int8"), ("onnx", "float16")]
FORMS += [("openvino", "float32")]

# A client that has TensorFlow and Pillow and answers a request of TensorFlow Serving.
CLIENT = """
import json, sys
import numpy as np, tensorflow as tf
from PIL import Image
model, *images = sys.argv[1:]
request = json.dumps({"instances": [np.asarray(Image.open(p)).tolist() for p in images]})
loaded = tf.saved_model.load(model)
for signature, dtype in (("serving_default", tf.uint8), ("serving_float", tf.float32)):
    values = tf.constant(json.loads(request)["instances"], dtype)
    outputs = loaded.signatures[signature](image=values)
    print(json.dumps({name: value.numpy().tolist() for name, value in outputs.items()}))
assert "kerastl" not in sys.modules
"""


@pytest.fixture(scope="module")
def run(bright: Run) -> Run:
    return bright


@pytest.fixture(scope="module")
def exports(run: Run) -> dict[str, Exported]:
    pytest.importorskip("tf2onnx", reason="the extras onnx and fast are not installed")
    found = export_run(
        run.record,
        lambda: run.model,
        [find_form(*form) for form in FORMS],
        run.path / "export",
        Check(most_auc_cost=1.0, num_examples=12),
        progress=SILENT,
    )
    assert [result.error for result in found] == [None] * len(FORMS)
    return {result.form.label: result for result in found}


def test_every_format_answers_as_the_run_does(exports: dict[str, Exported]) -> None:
    for label, result in exports.items():
        limit = {"litert-int8": 0.5, "onnx-float16": 0.02}.get(label, 1e-4)
        assert result.parity.largest_difference < limit, label
        assert set(result.parity.tasks) == {"bright", "red"}


def test_an_export_says_what_a_client_needs_to_know(run: Run, exports: dict[str, Exported]) -> None:
    for label, result in exports.items():
        contents = json.loads((result.path / "bundle.json").read_text())
        takes_any_size = label in ("saved_model", "keras", "onnx-float16")
        side = None if takes_any_size else 32
        batch = 1 if label == "litert-int8" else None
        assert contents["input"]["shape"] == [batch, side, side, 3]
        assert contents["outputs"] == {"bright": ["bright"], "red": ["red"]}
        assert contents["tasks"]["red"]["threshold"] == run.bundle.thresholds["red"]
        assert contents["backbone"]["license"] == run.bundle.backbone.license
        assert contents["parity"]["examples"] == result.parity.examples
        assert (result.path / contents["file"]).exists()


def test_a_file_of_an_export_that_has_changed_is_named(
    exports: dict[str, Exported], tmp_path: Path
) -> None:
    for result in exports.values():
        files = {path for path in result.path.rglob("*") if path.is_file()}
        sums = (result.path / "SHA256SUMS").read_text().splitlines()
        listed = {result.path / line.partition("  ")[2] for line in sums}
        assert listed == files - {result.path / "SHA256SUMS"}
    copy = shutil.copytree(exports["keras"].path, tmp_path / "keras")
    kerastl.load_model(copy / "serving.keras")
    with (copy / "serving.keras").open("ab") as file:
        file.write(b"more")
    with pytest.raises(RunError, match=r"'serving\.keras' is not the file that was written here"):
        kerastl.load_model(copy / "serving.keras")


def test_the_model_file_itself_says_so_too(exports: dict[str, Exported]) -> None:
    import onnx
    import openvino

    texts = {
        "saved_model": (exports["saved_model"].path / "model/assets.extra/bundle.json").read_text(),
        "onnx": onnx.load(exports["onnx-float16"].path / "model.onnx").metadata_props[0].value,
        "openvino": openvino.Core()
        .read_model(exports["openvino"].path / "model.xml")
        .get_rt_info(["kerastl", "bundle"])
        .astype(str),
    }
    for label, text in texts.items():
        assert json.loads(text)["tasks"].keys() == {"bright", "red"}
        assert json.loads(text)["format"] == label
    assert b'"kerastl"' in (exports["keras"].path / "serving.keras").read_bytes()
    assert b'"when_uncertain"' in (exports["litert-int8"].path / "model.tflite").read_bytes()


def test_tensorflow_alone_answers_requests_of_tensorflow_serving(
    run: Run, exports: dict[str, Exported], bright_images: Path
) -> None:
    images = [str(bright_images / f"{number:02d}.png") for number in range(4)]
    model = exports["saved_model"].path / "model"
    done = subprocess.run(
        [sys.executable, "-c", CLIENT, str(model), *images],
        capture_output=True,
        text=True,
        check=True,
    )
    expected = run.predict(images)
    for line in done.stdout.splitlines():
        answers = json.loads(line)
        for task in run.tasks:
            np.testing.assert_allclose(np.ravel(answers[task]), expected[task], atol=1e-5)


def scaled(self: FitImages, inputs: object) -> object:
    return CALL(self, inputs) / 255.0


def uncalibrated(model: object, head: object, _: object) -> object:
    return model.get_layer(head.name).output


CALL = FitImages.call
MISTAKES = {
    "scaled twice": ("saved_model", "kerastl.media.image.fit_images.FitImages.call", scaled),
    "not calibrated": ("openvino", "kerastl.export.serving._calibrated", uncalibrated),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_model_that_answers_otherwise_is_refused_and_leaves_nothing(
    run: Run,
    mistake: str,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    name, target, wrong = MISTAKES[mistake]
    monkeypatch.setattr(target, wrong)
    output = ["--output", str(tmp_path / "out"), "--examples", "6"]
    with pytest.raises(SystemExit) as stop:
        main(["export", str(run.path), "--format", name, *output])
    assert stop.value.code == 2
    assert "does not answer as the run does" in capsys.readouterr().err
    assert not list(tmp_path.rglob("*"))


def test_an_audio_run_is_exported_with_the_rule_of_its_window(tones: Run, tmp_path: Path) -> None:
    pytest.importorskip("openvino", reason="the extra fast is not installed")
    config = tones.path / "config.yaml"
    run = kerastl.train(config, output=tmp_path / "run", overrides=["data.window=start"])
    (result,) = run.export("openvino", examples=10)
    assert result.parity.largest_difference < 1e-4
    contents = json.loads((run.path / "export/openvino/bundle.json").read_text())
    assert contents["input"]["name"] == "audio"
    assert contents["listening"]["window_samples"] == 4000
    assert contents["listening"]["hop_seconds"] == run.bundle.listening_config.hop_seconds


def test_all_prints_a_table_and_fails_if_a_format_answers_otherwise(
    run: Run,
    exports: dict[str, Exported],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    error = DifferentAnswersError("It answers otherwise.", received="up to 0.3")
    broken = dataclasses.replace(exports["litert-int8"], path=None, error=error)
    absent = Exported(form=find_form("onnx", "int8"), error=ExportError("No.", fix="pip install x"))
    monkeypatch.setattr(Run, "export", lambda *_, **__: [exports["saved_model"], absent])
    main(["export", str(run.path), "--format", "all"])
    shown = capsys.readouterr().out
    assert "Compared with the run on 12 examples of validation" in shown
    assert "not possible" in shown
    assert "onnx-int8: No. pip install x" in shown
    assert f"Written: {exports['saved_model'].path}" in shown
    monkeypatch.setattr(Run, "export", lambda *_, **__: [exports["saved_model"], broken])
    with pytest.raises(SystemExit) as stop:
        main(["export", str(run.path), "--format", "all", "--json"])
    assert stop.value.code == 2
    results = json.loads(capsys.readouterr().out)
    assert [result["path"] is None for result in results] == [False, True]
    assert results[1]["parity"]["examples"] == 12
