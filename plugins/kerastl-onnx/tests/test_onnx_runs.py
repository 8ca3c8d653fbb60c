"""Runs on an ONNX backbone: trained, predicted, exported, moved, and refused where it cannot be."""

import json
import shutil
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pandas as pd
import pytest
import soundfile
from PIL import Image

import kerastl
from kerastl.backbones import BackboneError, find_backbone
from kerastl.compare.comparison import compare
from kerastl.config.loader import parse_config
from kerastl.errors import ConfigError, ExportError, KerastlError
from kerastl.listening.window_scorer import WindowScorer
from kerastl.run.trained_model import TrainedModel

from .conftest import PIXELS, WAVEFORM, config_of, conv_net, draw_images, sound_net


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Returns a folder with a table of 60 images, a network, and a run that solved its heads."""
    folder = tmp_path_factory.mktemp("runs")
    draw_images(folder)
    onnx.save(conv_net(), folder / "net.onnx")
    kerastl.train(config_of(folder), output=folder / "run")
    (folder / "net.onnx").rename(folder / "moved.onnx")
    return folder


def test_a_run_needs_only_its_own_folder(folder: Path, tmp_path: Path) -> None:
    shutil.copytree(folder / "run", tmp_path / "elsewhere")
    run = kerastl.load_run(tmp_path / "elsewhere")
    assert run.metrics["test"]["macro"]["auc"] > 0.8
    stored = run.record.rows("test")
    found = run.predict([folder / name for name in stored["path"]], cache=False)
    np.testing.assert_allclose(found["red"], stored["red"], atol=1e-5)


def test_a_run_states_that_its_backbone_was_frozen(folder: Path) -> None:
    backbone = json.loads((folder / "run" / "bundle.json").read_text())["backbone"]
    assert backbone["trained"] is False
    assert backbone["extractor"]["views"]["views"][1]["is_mirrored"]
    assert "backbone.onnx" in (folder / "run" / "SHA256SUMS").read_text()


def test_the_features_are_those_of_onnx_runtime(folder: Path) -> None:
    run = kerastl.load_run(folder / "run")
    extractor = run.trained.extractor.viewed(run.trained.views)
    place = int(np.flatnonzero(run.predictions["split"] == "test")[0])
    pixels = np.asarray(
        Image.open(folder / run.predictions["path"][place]).resize(
            (16, 16), Image.Resampling.BILINEAR
        )
    )
    probabilities = run.model(extractor.features(pixels[np.newaxis])).numpy()
    found = run.predictions.iloc[place][["red_logit", "bright_logit"]].to_numpy(float)
    np.testing.assert_allclose(probabilities[0], 1 / (1 + np.exp(-found)), atol=1e-5)


def test_a_run_is_evaluated_compared_in_cost_and_served(folder: Path) -> None:
    from kerastl.compare.cost import measure_cost
    from kerastl.serving.served_run import ServedRun

    run = kerastl.load_run(folder / "run")
    assert run.evaluate(split="test")["macro"]["auc"] == run.metrics["test"]["macro"]["auc"]
    cost = measure_cost(run)
    assert cost.parameters > run.trained.extractor.num_params
    assert cost.bytes > (folder / "run" / "backbone.onnx").stat().st_size
    served = ServedRun("run", run, cache=False)
    row = run.record.rows("test").iloc[0]
    inputs = served.decode((folder / row["path"]).read_bytes(), 10**6)
    expected = row[["red", "bright"]].to_numpy(float)
    np.testing.assert_allclose(served.score([inputs])[0], expected, atol=1e-5)


@pytest.mark.parametrize("format", ["onnx", "openvino"])
def test_backbone_heads_and_calibration_are_exported_in_one_file(format, folder, tmp_path) -> None:
    pytest.importorskip({"onnx": "tf2onnx"}.get(format, format))
    run = kerastl.load_run(folder / "run")
    (exported,) = run.export(format, tmp_path / "export")
    assert exported.parity.largest_difference < 1e-5
    if format == "onnx":
        session = onnxruntime.InferenceSession(exported.path / "model.onnx")
        (given,) = session.get_inputs()
        assert (given.name, given.type) == ("image", "tensor(uint8)")


def test_other_formats_are_refused_and_skipped_by_all(folder: Path, tmp_path: Path) -> None:
    run = kerastl.load_run(folder / "run")
    with pytest.raises(ExportError, match="cannot hold the backbone of this run"):
        run.export("litert", tmp_path / "one")
    results = run.export("all", tmp_path / "all", precision="float32", examples=8)
    reasons = {one.form.label: one.error and one.error.what for one in results}
    for name in ("saved_model", "keras"):
        assert "which is an ONNX network" in reasons[name]


def test_a_changed_or_missing_backbone_is_refused(folder: Path, tmp_path: Path) -> None:
    shutil.copytree(folder / "run", tmp_path / "run")
    path = tmp_path / "run" / "backbone.onnx"
    path.write_bytes(path.read_bytes() + b" ")
    with pytest.raises(KerastlError, match="its hash has changed"):
        kerastl.load_run(tmp_path / "run").predict(folder / "0.png")
    path.unlink()
    with pytest.raises(KerastlError, match=r"'backbone\.onnx' is missing"):
        kerastl.load_run(tmp_path / "run").predict(folder / "0.png")


def test_a_backbone_of_another_run_is_refused(folder: Path, tmp_path: Path) -> None:
    shutil.copytree(folder / "run", tmp_path / "run")
    other = kerastl.load_run(folder / "run").trained
    other.extractor.viewed(None).save(tmp_path / "run" / "backbone.onnx")
    model = onnx.load(tmp_path / "run" / "backbone.onnx")
    model.graph.input[0].type.tensor_type.shape.dim[1].dim_value = 17
    onnx.save(model, tmp_path / "run" / "backbone.onnx")
    (tmp_path / "run" / "SHA256SUMS").unlink()
    with pytest.raises(KerastlError, match=r"The model and backbone\.onnx are not of one run"):
        kerastl.load_run(tmp_path / "run").predict(folder / "0.png")


def test_a_run_that_learned_nothing_is_no_backbone(folder: Path) -> None:
    with pytest.raises(BackboneError, match="It is no Keras model and learned nothing"):
        find_backbone(f"run:{folder / 'run'}")


REFUSED = {
    "training": ({"trainable": True, "features": None}, "no gradient passes through it"),
    "stages": (
        {"trainable": {"stages": 1}, "features": None},
        "no gradient passes through it",
    ),
    "a decision about training": ({"trainable": "auto"}, "no gradient passes through it"),
    "augmentation": ({"augment": {"flip": True}}, "Keras would have to run"),
    "Keras": ({"fit": {"engine": "keras"}}, "Keras cannot run the backbone"),
}


@pytest.mark.parametrize(("changes", "reason"), REFUSED.values(), ids=REFUSED)
def test_what_a_frozen_backbone_cannot_do_is_refused(changes, reason, folder, tmp_path) -> None:
    backbone = {"name": f"onnx:{folder / 'moved.onnx'}", "options": PIXELS}
    with pytest.raises(ConfigError, match=reason):
        kerastl.train(config_of(folder, backbone=backbone, **changes), output=tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_a_comparison_of_trainable_is_refused_before_it_trains(folder, tmp_path) -> None:
    backbone = {"name": f"onnx:{folder / 'moved.onnx'}", "options": PIXELS}
    config = config_of(folder, backbone=backbone, features=None)
    with pytest.raises(ConfigError, match="no gradient passes through it"):
        compare(config, axis="trainable", seeds=1, output=tmp_path / "compared")
    assert not (tmp_path / "compared").exists()


def test_a_keras_model_is_not_built_of_it(folder: Path) -> None:
    with pytest.raises(BackboneError, match="is no Keras model: it can only be frozen"):
        kerastl.build_model(f"onnx:{folder / 'moved.onnx'}", ["a"], options=PIXELS)


def test_hidden_layers_are_fitted_and_exported(folder: Path, tmp_path: Path) -> None:
    pytest.importorskip("openvino")
    heads = {"one": {"tasks": ["red"], "hidden": [5]}, "two": {"tasks": ["bright"]}}
    config = config_of(
        folder,
        backbone={"name": f"onnx:{folder / 'moved.onnx'}", "options": PIXELS},
        heads=heads,
        features=None,
        fit={"epochs": 2},
    )
    run = kerastl.train(config, output=tmp_path / "run", cache=False)
    assert isinstance(run.trained, TrainedModel)
    (exported,) = run.export("openvino", tmp_path / "export")
    assert exported.parity.largest_difference < 1e-5


def test_features_auto_skips_what_it_cannot_compute(folder: Path, tmp_path: Path) -> None:
    backbone = {"name": f"onnx:{folder / 'moved.onnx'}", "options": PIXELS}
    config = config_of(folder, backbone=backbone, features={"cost": 2})
    run = kerastl.train(config, output=tmp_path / "run")
    assert run.trained.views.sizes == (None,)


def test_a_run_on_audio_listens_and_is_exported(tmp_path: Path) -> None:
    rows = []
    for number in range(40):
        pitch = 440 if number % 2 else 60
        seconds = np.arange(400) / 8000
        noise = np.random.default_rng(number).normal(0, 0.05, 400)
        soundfile.write(
            tmp_path / f"{number}.wav", 0.3 * np.sin(2 * np.pi * pitch * seconds) + noise, 8000
        )
        rows.append({"path": f"{number}.wav", "high": number % 2})
    pd.DataFrame(rows).to_csv(tmp_path / "table.csv", index=False)
    onnx.save(sound_net(), tmp_path / "net.onnx")
    values = {
        "data": {"table": "table.csv", "audio": "path", "tasks": ["high"]},
        "backbone": {"name": "onnx:net.onnx", "options": {**WAVEFORM, "pooling": "both"}},
        "features": {"shift": 0.1},
        "evaluation": {"bootstrap": 20},
    }
    run = kerastl.train(parse_config(values, base=tmp_path), output=tmp_path / "run", cache=False)
    assert run.bundle.input.sample_rate_hz == 8000
    assert run.trained.backbone.views.views[1].shift == -40
    row = run.record.rows("test").iloc[0]
    window = soundfile.read(tmp_path / row["path"], dtype="float32")[0][np.newaxis]
    found = WindowScorer(run.trained, run.bundle, cache=False).score(window)
    np.testing.assert_allclose(found, [[row["high"]]], atol=1e-5)
    (exported,) = run.export("onnx", tmp_path / "export")
    assert exported.parity.largest_difference < 1e-5


def test_a_stranger_cannot_ask_for_views_that_an_extractor_has_not(
    folder: Path, tmp_path: Path
) -> None:
    shutil.copytree(folder / "run", tmp_path / "run")
    path = tmp_path / "run" / "bundle.json"
    values = json.loads(path.read_text())
    values["backbone"]["extractor"]["views"]["views"][0]["size"] = [8, 8]
    path.write_text(json.dumps(values))
    (tmp_path / "run" / "SHA256SUMS").unlink()
    with pytest.raises(BackboneError, match="cannot look at several sizes"):
        _ = kerastl.load_run(tmp_path / "run").trained
