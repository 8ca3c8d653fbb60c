"""Loading a run runs no code of the run's choosing, and opens no file outside of its folder.

Each attack would leave the file `ran`, or get a text out of the file `secret`.
"""

import base64
import json
import marshal
import os
import pickle
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pandas as pd
import pytest
from finished_runs import write_run

import kerastl
from kerastl.backbones import find_backbone
from kerastl.errors import KerastlError, RunError
from kerastl.run.layout import RunLayout
from kerastl.run.record import RunRecord, read_record


class Payload:
    """An object whose unpickling leaves a file."""

    def __reduce__(self) -> tuple[Any, ...]:
        return os.system, ("touch ran",)


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "secret").write_text("password")
    return tmp_path


@pytest.fixture
def run(folder: Path) -> RunLayout:
    return RunLayout(write_run(folder / "run", rows=12))


def function(module: str, name: str) -> dict[str, Any]:
    return {"module": module, "class_name": "function", "config": name, "registered_name": name}


def layer(kind: str, **config: Any) -> dict[str, Any]:
    config["name"] = "dense"
    return {"module": "keras.layers", "class_name": kind, "config": config, "registered_name": None}


def lambda_code() -> dict[str, Any]:
    code = marshal.dumps((lambda x: __import__("os").system("touch ran") or x).__code__)
    text = base64.b64encode(code).decode()
    return {"class_name": "__lambda__", "config": {"code": text, "defaults": None, "closure": None}}


LAYERS: dict[str, dict[str, Any]] = {
    "Python code": layer("Lambda", function=lambda_code()),
    "a SavedModel elsewhere": layer("TFSMLayer", filepath="elsewhere"),
    "a vocabulary elsewhere": layer("StringLookup", vocabulary="secret"),
    "a vocabulary elsewhere, inside": layer("TextVectorization", vocabulary="secret"),
    "a pickle of PyTorch": layer(
        "TorchModuleWrapper",
        module=base64.b64encode(pickle.dumps(Payload())).decode(),
    ),
}
FUNCTIONS = [
    function("builtins", "eval"),
    function("builtins", "exec"),
    function("os", "system"),
    function("subprocess", "check_output"),
    function("keras.utils", "get_file"),
    function("keras.utils", "plot_model"),
    function("keras.saving", "load_model"),
    function("keras.config", "enable_unsafe_deserialization"),
    function("keras.datasets.mnist", "load_data"),
    function("keras.applications", "MobileNetV2"),
    function("keras.src.utils.file_utils", "get_file"),
    function("kerastl", "load_run"),
]


def write_model(path: Path, change: Callable[[dict[str, Any]], None], **members: bytes) -> None:
    raw = keras.Input((3,))
    keras.Model(raw, keras.layers.Dense(2, activation="relu", name="dense")(raw)).save(path)
    with zipfile.ZipFile(path) as archive:
        contents = {name: archive.read(name) for name in archive.namelist()}
    config = json.loads(contents["config.json"])
    change(config["config"]["layers"][1])
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in {**contents, "config.json": json.dumps(config).encode()}.items():
            archive.writestr(name, data)
        for name, data in members.items():
            archive.writestr(name, data)


@pytest.mark.parametrize("name", LAYERS)
def test_no_layer_runs_code_or_reads_another_file(name: str, folder: Path) -> None:
    def change(dense: dict[str, Any]) -> None:
        dense.update(LAYERS[name])

    write_model(folder / "model.keras", change)
    with pytest.raises(RunError) as caught:
        kerastl.load_model(folder / "model.keras")
    assert "password" not in str(caught.value)
    assert not (folder / "ran").exists()


@pytest.mark.parametrize("one", FUNCTIONS, ids=lambda one: f"{one['module']}.{one['config']}")
def test_a_model_calls_no_function_but_those_that_models_are_made_of(
    one: dict[str, Any], folder: Path
) -> None:
    write_model(folder / "model.keras", lambda dense: dense["config"].update(activation=one))
    with pytest.raises(RunError, match=r"contains layers that no|cannot be loaded"):
        kerastl.load_model(folder / "model.keras")
    assert not (folder / "ran").exists()


def test_no_member_of_a_model_leaves_its_folder(folder: Path) -> None:
    names = ("../ran", "assets/../../../ran", f"{folder}/ran", "assets/ran")
    path = folder / "inside" / "model.keras"
    path.parent.mkdir()
    write_model(path, lambda _: None, **dict.fromkeys(names, b"out"))
    kerastl.load_model(path)
    assert not list(folder.rglob("ran"))


def test_no_text_of_a_run_constructs_python_objects(run: RunLayout, folder: Path) -> None:
    run.config.write_text("data: !!python/object/apply:os.system ['touch ran']\n")
    with pytest.raises(KerastlError):
        _ = read_record(run.folder).config
    assert not (folder / "ran").exists()


@pytest.mark.parametrize("name", ["predictions", "splits", "history", "metrics", "bundle"])
def test_no_file_of_a_run_is_unpickled(name: str, run: RunLayout, folder: Path) -> None:
    getattr(run, name).write_bytes(pickle.dumps(Payload()))
    with pytest.raises(RunError):
        getattr(RunRecord(run), name)
    assert not (folder / "ran").exists()


def test_objects_in_predictions_are_refused(run: RunLayout, folder: Path) -> None:
    frame = pd.read_parquet(run.predictions)
    frame["car_logit"] = pickle.dumps(Payload())
    frame.attrs = {"object": pickle.dumps(Payload()).hex()}
    frame.to_parquet(run.predictions)
    with pytest.raises(RunError, match="cannot be read"):
        _ = RunRecord(run).predictions
    assert not (folder / "ran").exists()


def test_no_array_of_a_backbones_weights_is_unpickled(folder: Path) -> None:
    path = folder / "weights.npz"
    np.savez(path, kernel=np.array([Payload()], dtype=object))
    with pytest.raises(KerastlError):
        kerastl.build_model("tiny:image", ["car"], weights=str(path))
    assert not (folder / "ran").exists()


def test_a_run_as_a_backbone_loads_as_carefully(run: RunLayout, folder: Path) -> None:
    write_model(run.model, lambda dense: dense.update(LAYERS["Python code"]))
    spec = find_backbone(f"run:{run.folder}")
    with pytest.raises(RunError):
        spec.build(weights="trained", input=None)
    assert not (folder / "ran").exists()


@pytest.mark.parametrize("place", ["config", "bundle", "metrics", "predictions", "splits", "card"])
def test_no_file_of_a_run_leads_to_a_file_elsewhere(place: str, run: RunLayout) -> None:
    path: Path = getattr(run, place)
    path.unlink(missing_ok=True)
    path.symlink_to(run.folder.parent / "secret")
    with pytest.raises(RunError, match="a link to a file outside of the run") as caught:
        read_record(run.folder)
    assert "password" not in str(caught.value)
