"""Several backbones of which some are ONNX files: features, cache, run, exports and refusals."""

from pathlib import Path

import keras
import numpy as np
import onnx
import pytest
from onnx import helper, numpy_helper

import kerastl
from kerastl.backbones import BackboneError
from kerastl.backbones.extractor import Extractor
from kerastl.backbones.joined_extractor import joined_extractor, members_of
from kerastl.config import Config
from kerastl.heads.backbone_settings import chosen_extractor, spec_of
from kerastl.progress import Progress
from kerastl.runs import Run

from .conftest import PIXELS, config_of, conv_net, draw_images

NET = {"name": "onnx:net.onnx", "options": PIXELS}
OTHER = {"name": "onnx:other.onnx", "options": PIXELS}
TINY = {"name": "tiny:image", "input_size": 32}


class Notes(Progress):
    """Keeps what is said about features."""

    def __init__(self) -> None:
        self.features: list[str] = []

    def note(self, text: str) -> None:
        """Keeps the note."""
        if text.startswith("Features for"):
            self.features.append(text)


def joined_config(folder: Path, *names: object, **changes: object) -> Config:
    return config_of(folder, **{"backbone": {"name": list(names)}, "features": None, **changes})


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Returns a folder with a table of 60 images and two networks."""
    folder = tmp_path_factory.mktemp("joined")
    draw_images(folder)
    onnx.save(conv_net(size=32), folder / "net.onnx")
    onnx.save(conv_net(size=32, outputs=["logits"], opset=18), folder / "other.onnx")
    onnx.save(conv_net(size=24), folder / "large.onnx")
    return folder


@pytest.fixture(scope="module")
def run(folder: Path) -> Run:
    """Returns a run on an ONNX file and a Keras model."""
    config = joined_config(folder, NET, TINY, features={"flips": True})
    return kerastl.train(config, output=folder / "run", cache=folder / "cache")


def extractor_of(config: Config) -> Extractor:
    return chosen_extractor(spec_of(config.backbone), config.backbone, config.features)[0]


def images() -> np.ndarray:
    return np.random.default_rng(1).uniform(0, 255, (3, 32, 32, 3)).astype("float32")


def test_the_features_are_those_of_each_backbone_side_by_side(folder: Path) -> None:
    found = extractor_of(joined_config(folder, NET, OTHER, TINY)).features(images())
    alone = [
        extractor_of(joined_config(folder, one, one)).features(images()) for one in (NET, OTHER)
    ]
    layer = kerastl.build_model("tiny:image", ["red"], input_size=32).get_layer("backbone")
    blocks = [*(both[:, : both.shape[1] // 2] for both in alone), np.asarray(layer(images()))]
    expected = np.concatenate(blocks, axis=1)
    np.testing.assert_allclose(found, expected, atol=1e-5 * np.abs(expected).max())


def test_the_networks_in_a_stored_file_are_the_ones_that_were_joined(tmp_path: Path) -> None:
    parts = [Extractor(_with_features(conv_net(size=32, opset=opset))) for opset in (17, 18)]
    joined_extractor(parts).save(tmp_path / "joined.onnx")
    found = members_of(Extractor.read(tmp_path / "joined.onnx"))
    raw = images().transpose(0, 3, 1, 2)
    assert [one.fingerprint for one in found] == [part.fingerprint for part in parts]
    for one, part in zip(found, parts, strict=True):
        np.testing.assert_allclose(one.features(raw), part.features(raw), atol=1e-6)
    assert members_of(parts[0]) == ()


def linear(*, opset: int, how: str) -> Extractor:
    """Returns a linear network in an inner graph, a function, or with sparse weights."""
    weights = numpy_helper.from_array(np.arange(12, dtype="float32").reshape(4, 3), "w")
    product = helper.make_node("MatMul", ["x", "w"], ["y"])
    sides = [
        helper.make_tensor_value_info(name, 1, ["batch", n]) for name, n in (("x", 4), ("y", 3))
    ]
    graph = helper.make_graph([product], "graph", sides[:1], sides[1:], [weights])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=10)
    if how == "inner":
        product.output[0] = "inner"
        inner = helper.make_graph(
            [product], "i", [], [helper.make_tensor_value_info("inner", 1, None)]
        )
        choice = helper.make_node("If", ["is"], ["y"], then_branch=inner, else_branch=inner)
        model.graph.node[0].CopyFrom(choice)
        model.graph.initializer.append(numpy_helper.from_array(np.array(True), "is"))
    if how == "function":  # with the name of an operation that the network uses too
        model.graph.node[0].CopyFrom(helper.make_node("Relu", ["x", "w"], ["z"], domain="own"))
        model.graph.node.append(helper.make_node("Relu", ["z"], ["y"]))
        opsets = list(model.opset_import)
        function = helper.make_function("own", "Relu", ["x", "w"], ["y"], [product], opsets)
        model.functions.append(function)
        model.opset_import.append(helper.make_opsetid("own", 1))
    if how == "sparse":
        del model.graph.initializer[:]
        places = numpy_helper.from_array(np.arange(12), "places")
        values = numpy_helper.from_array(np.arange(12, dtype="float32"), "w")
        model.graph.sparse_initializer.append(helper.make_sparse_tensor(values, places, [4, 3]))
    return Extractor(model)


@pytest.mark.parametrize("how", ["inner", "function", "sparse"])
@pytest.mark.parametrize("opset", [15, 18, 21])
def test_networks_of_any_structure_and_opset_are_joined(how: str, opset: int) -> None:
    parts = [linear(opset=18, how=how), linear(opset=opset, how="plain")]
    raw = np.random.default_rng(0).normal(size=(5, 4)).astype("float32")
    if how == "sparse" and opset == 21:
        with pytest.raises(BackboneError, match="One of the backbones has opset 18, and cannot be"):
            joined_extractor(parts)
        return
    joined = joined_extractor(parts)
    expected = np.concatenate([part.features(raw) for part in parts], axis=1)
    np.testing.assert_array_equal(joined.features(raw), expected)
    alone = [one.features(raw) for one in members_of(joined)]
    np.testing.assert_array_equal(np.concatenate(alone, axis=1), expected)


def test_a_keras_network_has_the_same_fingerprint_each_time_it_is_converted(folder: Path) -> None:
    def fingerprints() -> list[str]:
        keras.utils.set_random_seed(0)
        joined = extractor_of(joined_config(folder, NET, TINY))
        return [joined.fingerprint, *(one.fingerprint for one in members_of(joined))]

    assert fingerprints() == fingerprints()


def _with_features(model: onnx.ModelProto) -> onnx.ModelProto:
    model.graph.output[0].type.tensor_type.shape.dim[0].dim_param = "batch"
    return model


def test_each_backbone_has_its_own_entries_in_the_cache(folder: Path, run: Run) -> None:
    notes = Notes()
    alone = config_of(folder, backbone=NET)
    kerastl.train(alone, output=folder / "alone", cache=folder / "cache", progress=notes)
    assert notes.features, "nothing was said"
    assert all("from the cache" in text for text in notes.features)


def test_a_run_predicts_and_evaluates_as_it_was_trained(run: Run) -> None:
    rows = run.record.rows("test")
    found = kerastl.load_run(run.path).predict(list(rows["path"]), cache=False)
    np.testing.assert_allclose(found["red"], rows["red"], atol=1e-5)
    assert run.metrics["test"]["macro"]["auc"] > 0.8
    assert (run.path / "backbone.onnx").is_file()
    names = [one["id"].rpartition("/")[2] for one in run.bundle.backbone.members]
    assert names == ["net.onnx", "tiny:image"]


@pytest.mark.parametrize("format", ["onnx", "openvino"])
def test_both_backbones_and_the_heads_are_exported_in_one_file(format, run, tmp_path) -> None:
    pytest.importorskip({"onnx": "tf2onnx"}.get(format, format))
    (exported,) = kerastl.load_run(run.path).export(format, tmp_path / "export")
    assert exported.parity.largest_difference < 1e-5


def test_backbones_of_other_shapes_are_refused(folder: Path, tmp_path: Path) -> None:
    config = joined_config(folder, NET, {"name": "onnx:large.onnx", "options": PIXELS})
    with pytest.raises(BackboneError) as caught:
        kerastl.train(config, output=tmp_path / "run", cache=False)
    assert "one of the backbones is an ONNX file" in str(caught.value)
    assert "large.onnx: (24, 24, 3)" in str(caught.value)
    assert "Set input_size of one of them" in str(caught.value)
    assert not (tmp_path / "run").exists()


def test_other_versions_of_the_operations_of_others_are_refused() -> None:
    parts = [linear(opset=18, how="plain") for _ in range(2)]
    for version, part in enumerate(parts, start=1):
        part.model.opset_import.append(helper.make_opsetid("ai.onnx.ml", version))
    with pytest.raises(BackboneError, match=r"other versions of the operations 'ai\.onnx\.ml'"):
        joined_extractor(parts)
