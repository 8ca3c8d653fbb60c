"""Models in the cache: other numbers in their heads, and nothing else."""

import json
import zipfile
from dataclasses import replace
from pathlib import Path

import keras
import numpy as np
import pytest

from kerastl.features.network import NetworkFacts
from kerastl.heads.builder import build_model
from kerastl.layers import Backbone
from kerastl.run.model_cache import Arrays, ModelFacts, StoredModel
from kerastl.training.solving import ModelPart

FACTS = ModelFacts(
    input_shape=(32, 32, 3),
    backbone_sha256="00",
    views=None,
    networks=(NetworkFacts(fingerprint="ff", output_shape=(6,), multiply_adds=10),),
    parts=(ModelPart(name="backbone", weights=5, trained=0),),
    seed=None,
)


def stored(folder: Path, *, seed: int = 0) -> StoredModel:
    return StoredModel(folder, seed=seed)


@pytest.fixture
def model(small_backbone: Backbone) -> keras.Model:
    return build_model(small_backbone, ["a", "b"], heads="multi", seed=0)


def heads_of(model: keras.Model) -> Arrays:
    return {name: tuple(model.get_layer(name).get_weights()) for name in ("a_logits", "b_logits")}


@pytest.fixture
def folder(model: keras.Model, tmp_path: Path) -> Path:
    """The folder of a stored model."""
    model.save(tmp_path / "first.keras")
    stored(tmp_path / "models" / "x").store(tmp_path / "first.keras", FACTS, heads_of(model))
    return tmp_path / "models" / "x"


def drawn(model: keras.Model) -> Arrays:
    random = np.random.default_rng(1)
    return {
        name: tuple(random.normal(size=array.shape).astype(np.float32) for array in arrays)
        for name, arrays in heads_of(model).items()
    }


def test_a_stored_model_is_written_with_other_heads_as_keras_saves_it(
    model: keras.Model, folder: Path, tmp_path: Path
) -> None:
    heads = drawn(model)
    assert stored(folder).facts == FACTS
    assert stored(folder).write(tmp_path / "second.keras", heads)
    for name, arrays in heads.items():
        model.get_layer(name).set_weights(arrays)
    model.save(tmp_path / "saved.keras")
    names = ("second.keras", "saved.keras")
    second, saved = (zipfile.ZipFile(tmp_path / name) for name in names)
    assert second.namelist() == saved.namelist()
    for name in ("config.json", "model.weights.h5"):
        assert second.read(name) == saved.read(name)
    loaded = keras.saving.load_model(tmp_path / "second.keras")
    images = np.random.default_rng(0).uniform(0, 255, (3, 32, 32, 3)).astype(np.float32)
    for task, output in loaded(images).items():
        np.testing.assert_array_equal(output, model(images)[task])


@pytest.mark.parametrize("is_valid", [False, True])
def test_a_model_that_was_changed_is_removed_instead_of_written(
    model: keras.Model, folder: Path, tmp_path: Path, is_valid: bool
) -> None:
    content = bytearray((folder / "model.keras").read_bytes())
    content[len(content) // 2] ^= 1
    (folder / "model.keras").write_bytes(content)
    if is_valid:
        model.set_weights([np.ones_like(values) for values in model.get_weights()])
        model.save(folder / "model.keras")
    assert not stored(folder).write(tmp_path / "second.keras", drawn(model))
    assert not folder.exists()


@pytest.mark.parametrize("change", ["shape", "dtype", "name"])
def test_a_model_is_not_written_with_heads_that_do_not_fit(
    model: keras.Model, folder: Path, tmp_path: Path, change: str
) -> None:
    heads = dict(drawn(model))
    kernel, bias = heads.pop("a_logits")
    heads["c_logits" if change == "name" else "a_logits"] = {
        "shape": (kernel[1:], bias),
        "dtype": (kernel.astype(np.float64), bias),
        "name": (kernel, bias),
    }[change]
    assert not stored(folder).write(tmp_path / "second.keras", heads)


def test_a_model_that_depends_on_a_seed_is_not_used_for_another(
    model: keras.Model, folder: Path, tmp_path: Path
) -> None:
    seeded = replace(FACTS, seed=0)
    stored(folder).store(tmp_path / "first.keras", seeded, heads_of(model))
    assert stored(folder, seed=0).facts == seeded
    assert stored(folder, seed=1).facts is None
    assert not stored(folder, seed=1).write(tmp_path / "second.keras", heads_of(model))


def test_a_model_is_stored_only_if_its_heads_are_found_in_it(
    model: keras.Model, tmp_path: Path
) -> None:
    model.save(tmp_path / "first.keras")
    stored(tmp_path / "x").store(tmp_path / "first.keras", FACTS, drawn(model))
    assert list(tmp_path.iterdir()) == [tmp_path / "first.keras"]


def test_storing_a_model_keeps_the_cache_within_its_limit(
    model: keras.Model, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KERASTL_CACHE_LIMIT", "1KB")
    model.save(tmp_path / "first.keras")
    empty = stored(tmp_path / "cache" / "models" / "x")
    empty.store(tmp_path / "first.keras", FACTS, heads_of(model))
    assert list((tmp_path / "cache" / "models").iterdir()) == []


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"stored": 1, "sha256": ""}', "changed"])
def test_facts_that_were_changed_are_not_used(folder: Path, text: str) -> None:
    path = folder / "facts.json"
    found = json.loads(path.read_text())
    found["stored"]["facts"]["parts"][0]["weights"] = 6
    path.write_text(json.dumps(found) if text == "changed" else text)
    assert stored(folder).facts is None
