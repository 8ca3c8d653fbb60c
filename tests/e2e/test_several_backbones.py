"""Several backbones at once: from the config to predictions, exports and another run."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import kerastl
from kerastl.backbones import Backbone, BackboneError, find_backbone
from kerastl.config import Config, dump_config, load_config, parse_config
from kerastl.errors import ConfigError
from kerastl.heads.backbone_settings import spec_of
from kerastl.heads.builder import build_backbone
from kerastl.pipeline import resume
from kerastl.progress import Progress
from kerastl.runs import Run

LARGE = {"name": "tiny:image", "input_size": 40}
SMALL = {"name": "tiny:image", "weights": None, "input_size": 32}


class Notes(Progress):
    """Keeps what is said about features, and stops at a step."""

    def __init__(self, stop: str | None = None) -> None:
        self.features: list[str] = []
        self._stop = stop

    def note(self, text: str) -> None:
        """Keeps the note."""
        if text.startswith("Features for"):
            self.features.append(" ".join(text.split()[2:4]).rstrip("."))

    def step(self, text: str, total: int | None) -> None:
        """Stops like Ctrl-C."""
        if text == self._stop:
            raise KeyboardInterrupt


def config_of(folder: Path, backbone: Mapping[str, Any], **more: Any) -> Config:
    data = {"table": "table.csv", "image": "path", "tasks": ["bright", "red"], "group": "scene"}
    values = {"data": data, "backbone": backbone, "evaluation": {"bootstrap": 20}}
    return parse_config({**values, **more}, base=folder)


@pytest.fixture(scope="module")
def both(bright_images: Path, tmp_path_factory: pytest.TempPathFactory) -> Run:
    config = config_of(bright_images, {"name": [LARGE, SMALL]}, features={"flips": True})
    return kerastl.train(config, output=tmp_path_factory.mktemp("both") / "run", cache=False)


def test_the_features_are_those_of_each_backbone_side_by_side(bright_images: Path) -> None:
    config = config_of(bright_images, {"name": [LARGE, LARGE]})
    layer, raw = build_backbone(spec_of(config.backbone), features=config.features)
    alone, _ = build_backbone("tiny:image", input_size=40, features=config.features)
    images = np.random.default_rng(0).uniform(0, 255, (3, 40, 40, 3)).astype("float32")
    found = np.asarray(layer(images))
    assert raw.shape == (None, 40, 40, 3)
    np.testing.assert_allclose(found, np.tile(np.asarray(alone(images)), 2), atol=1e-5)
    assert [member.name for member in layer.members] == ["backbone_1", "backbone_2"]


def test_the_model_takes_the_largest_input_and_resizes_it_for_the_others(both: Run) -> None:
    model = kerastl.load_model(both.path)
    small = model.get_layer("backbone").members[1]
    assert model.input_shape == (None, 40, 40, 3)
    assert small.model.input_shape == (None, 32, 32, 3)
    images = np.random.default_rng(0).uniform(0, 255, (2, 40, 40, 3)).astype("float32")
    resized = [
        np.asarray(Image.fromarray(image[..., channel]).resize((32, 32), Image.Resampling.BILINEAR))
        for image in images
        for channel in range(3)
    ]
    expected = np.moveaxis(np.reshape(resized, (2, 3, 32, 32)), 1, -1)
    alone = Backbone(small.model, stages=small.stages, views=small.views)
    np.testing.assert_allclose(small(images), alone(expected), atol=1e-4)


def test_predictions_and_exports_are_those_of_the_run(both: Run, tmp_path: Path) -> None:
    table = both.predictions[both.predictions["split"] == "test"]
    found = both.predict(list(table["path"]), cache=False)
    np.testing.assert_allclose(found["bright"], table["bright"], atol=1e-5)
    loaded = kerastl.load_run(both.path)
    assert loaded.bundle.backbone.id == "tiny:image + tiny:image"
    assert loaded.bundle.backbone.weights == "synthetic-scenes-v1 + random"
    (exported,) = both.export("saved_model", tmp_path / "export")
    assert exported.parity.largest_difference < 1e-5
    stated = json.loads((tmp_path / "export" / "saved_model" / "bundle.json").read_text())
    assert stated["backbone"]["reference"] == find_backbone("tiny:image").reference


def test_a_run_states_the_settings_of_each_backbone(both: Run) -> None:
    first, second = kerastl.load_run(both.path).bundle.backbone.members
    assert first == {
        "id": "tiny:image",
        "weights": "synthetic-scenes-v1",
        "input_size": 40,
        "options": {},
    }
    assert (second["weights"], second["input_size"]) == (None, 32)


def test_a_run_on_several_backbones_is_a_backbone(both: Run, tmp_path: Path) -> None:
    folder = Path(both.predictions["path"][0]).parent
    config = config_of(folder, {"name": f"run:{both.path}"})
    assert "can only be frozen" in str(find_backbone(f"run:{both.path}").frozen_reason)
    run = kerastl.train(config, output=tmp_path / "run", cache=False)
    assert run.bundle.input.shape == (40, 40, 3)


def test_each_backbone_has_its_own_entries_in_the_cache(
    bright_images: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KERASTL_CACHE", str(tmp_path / "cache"))
    kerastl.train(config_of(bright_images, LARGE), output=tmp_path / "alone")
    notes = Notes()
    config = config_of(bright_images, {"name": [SMALL, LARGE]})
    kerastl.train(config, output=tmp_path / "both", progress=notes)
    assert len(notes.features) == 4
    small, large = notes.features[:2], notes.features[2:]
    assert {text.split()[1] for text in small} == {"0"}
    assert "0" not in {text.split()[1] for text in large}


def test_a_stopped_training_goes_on_to_the_same_predictions(both: Run, tmp_path: Path) -> None:
    config = load_config(both.path / "config.yaml")
    with pytest.raises(KeyboardInterrupt):
        kerastl.train(config, output=tmp_path / "run", cache=False, progress=Notes("Scoring"))
    resumed = resume(tmp_path / "run", cache=False)
    np.testing.assert_allclose(resumed.predictions["red"], both.predictions["red"], atol=1e-6)


def test_hidden_layers_are_fitted_on_the_features_of_both(
    bright_images: Path, tmp_path: Path
) -> None:
    heads = {"one": {"tasks": ["red", "bright"], "hidden": [4]}}
    config = config_of(bright_images, {"name": [LARGE, SMALL]}, heads=heads, fit={"epochs": 1})
    run = kerastl.train(config, output=tmp_path / "run", cache=False)
    found = run.predict(list(run.predictions["path"]), cache=False)
    np.testing.assert_allclose(found["red"], run.predictions["red"], atol=1e-5)


def test_names_and_settings_of_each_backbone_survive_a_dump(tmp_path: Path) -> None:
    config = config_of(tmp_path, {"name": ["tiny:image", {"name": "run:old", "weights": "./w.h5"}]})
    (tmp_path / "config.yaml").write_text(dump_config(config))
    assert load_config(tmp_path / "config.yaml") == config
    first, second = config.backbone.name
    assert first.weights == "default"
    assert (second.name, second.weights) == (f"run:{tmp_path / 'old'}", str(tmp_path / "w.h5"))


BOTH = {"name": ["tiny:image", "tiny:image"]}
INVALID = {
    "settings of all": (
        {**BOTH, "weights": None, "options": {"alpha": 1}},
        {},
        [
            "backbone.weights: is of one backbone. Write it into the list of names: "
            "{name: tiny:image, weights: ...}.",
            "backbone.options: is of one backbone. Write it into the list of names: "
            "{name: tiny:image, options: ...}.",
        ],
    ),
    "one": (
        {"name": ["tiny:image"]},
        {},
        [
            "backbone.name: a list has at least two backbones. Write the name of one without "
            "brackets."
        ],
    ),
    "auto": (
        BOTH,
        {"features": "auto"},
        ["features: cannot be auto with several backbones. Remove it, or name one backbone."],
    ),
    "sizes": (
        BOTH,
        {"features": {"sizes": [64]}},
        ["features: asks for input sizes, but each of several backbones has its own. Remove it."],
    ),
}


@pytest.mark.parametrize(("backbone", "more", "problems"), INVALID.values(), ids=INVALID)
def test_a_config_says_what_several_backbones_cannot_have(
    backbone: dict[str, Any], more: dict[str, Any], problems: list[str], tmp_path: Path
) -> None:
    with pytest.raises(ConfigError) as caught:
        config_of(tmp_path, backbone, **more)
    assert list(map(str, caught.value.problems)) == problems


def test_several_backbones_are_not_trained(bright_images: Path, tmp_path: Path) -> None:
    config = config_of(bright_images, BOTH, trainable=True)
    with pytest.raises(ConfigError) as caught:
        kerastl.train(config, output=tmp_path / "run")
    assert caught.value.problems == (
        "trainable: 'tiny:image + tiny:image' cannot be trained, because several backbones at "
        "once can only be frozen. Set trainable: false.",
    )


def test_images_and_audio_are_not_combined(tmp_path: Path) -> None:
    config = config_of(tmp_path, {"name": ["tiny:image", "tiny:speech"]})
    with pytest.raises(BackboneError) as caught:
        spec_of(config.backbone)
    assert str(caught.value) == (
        "The backbones take different inputs.\n"
        "  where:    backbone.name\n"
        "  expected: images, or audio of one length and sample rate\n"
        "  received: tiny:image: image 64 x 64; tiny:speech: audio 1 s at 16 kHz\n"
        "  fix:      Set input_size of one of them, or choose others."
    )
