"""Extractors compute what ONNX Runtime computes with the file itself."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from kerastl.backbones import BackboneError, Extractor, find_backbone
from kerastl.backbones.building import build_extractor
from kerastl.backbones.testing import run_checks
from kerastl.backbones.views import Views
from kerastl.media.view import View

from .conftest import PIXELS, WAVEFORM, conv_net, model_of, sound_net, token_net, weights


def extractor_of(identifier: str, options: Mapping[str, Any]) -> Extractor:
    spec = find_backbone(identifier, options=options)
    return build_extractor(spec, weights="file", input=spec.input, options=options)


def in_float16(model: onnx.ModelProto) -> onnx.ModelProto:
    for array in model.graph.initializer:
        small = numpy_helper.to_array(array).astype(np.float16)
        array.CopyFrom(numpy_helper.from_array(small, array.name))
    del model.graph.value_info[:]
    model.graph.input[0].type.tensor_type.elem_type = TensorProto.FLOAT16
    model.graph.output[0].type.tensor_type.elem_type = TensorProto.FLOAT16
    return model


def takes_bytes() -> onnx.ModelProto:
    nodes = [
        helper.make_node("Cast", ["pixels"], ["floats"], to=TensorProto.FLOAT),
        helper.make_node("ReduceMean", ["floats"], ["vector"], axes=[1, 2], keepdims=0),
    ]
    return model_of(nodes, ["n", 8, 8, 3], ["vector"], {}, kind=TensorProto.UINT8)


FILES: dict[str, tuple[Callable[[], onnx.ModelProto], dict[str, Any]]] = {
    "channels first": (conv_net, PIXELS),
    "blue first": (conv_net, {**PIXELS, "color": "bgr"}),
    "gray": (lambda: conv_net(channels=1), {"scale": 1, "mean": 127, "std": 50}),
    "open sides": (lambda: conv_net(size="any"), {**PIXELS, "size": 20}),
    "a fixed batch": (lambda: conv_net(batch=1), PIXELS),
    "an old opset": (lambda: conv_net(opset=11), PIXELS),
    "a new opset": (lambda: conv_net(opset=21), PIXELS),
    "half precision": (lambda: in_float16(conv_net()), PIXELS),
    "bytes": (takes_bytes, {"scale": 1, "mean": 0, "std": 1}),
    "a value inside": (conv_net, {**PIXELS, "output": "maps"}),
    "the largest value": (conv_net, {**PIXELS, "output": "active", "pooling": "max"}),
    "several outputs": (conv_net, {**PIXELS, "output": ["vector", "maps"]}),
    **{
        f"tokens, {pooling}": (token_net, {**PIXELS, "pooling": pooling})
        for pooling in ("cls", "mean", "max", "both")
    },
    "tokens without the first two": (token_net, {**PIXELS, "pooling": "mean", "prefix_tokens": 2}),
    **{
        f"audio, {normalize}": (
            sound_net,
            {**WAVEFORM, "normalize": normalize, "scale": 0.25, "pooling": "mean"},
        )
        for normalize in ("none", "peak", "mean", "standard")
    },
    "audio with channels": (
        lambda: sound_net(("batch", 1, "samples")),
        {**WAVEFORM, "pooling": "max"},
    ),
}


@pytest.mark.parametrize(("make", "options"), FILES.values(), ids=FILES)
def test_features_are_those_of_onnx_runtime(make, options, save) -> None:
    identifier = save(make())
    extractor = extractor_of(identifier, options)
    spec = find_backbone(identifier, options=options)
    raw = np.random.default_rng(1).uniform(0, 1, (3, *extractor.input_shape)).astype("float32")
    if len(extractor.input_shape) == 3:
        raw = np.round(raw * 255)
    found, expected = extractor.features(raw), spec.reference_features(extractor)(raw)
    assert found.shape == (3, extractor.feature_dim)
    tolerance = 2e-3 if expected.dtype == np.float16 else 1e-5
    np.testing.assert_allclose(found, expected, atol=tolerance)


@pytest.mark.parametrize(
    ("make", "options"), [FILES["channels first"], FILES["audio, peak"]], ids=["image", "audio"]
)
def test_a_file_keeps_the_promises_of_a_backbone(make, options, save) -> None:
    outcomes = {one.check: one for one in run_checks(save(make()), options=options)}
    assert not [one for one in outcomes.values() if one.is_failure]
    assert outcomes["preprocesses_exactly_once"].result == "passed"
    assert outcomes["survives_saving"].result == "passed"
    assert outcomes["stays_frozen_in_fit"].reason == "the backbone can only be frozen"


def with_classifier(shape: list[int | str], classes: int) -> onnx.ModelProto:
    """Returns a network whose embedding is its input, with logits as the second output."""
    nodes = [
        helper.make_node("Flatten", ["pixels"], ["embedding"]),
        helper.make_node("ReduceMean", ["embedding"], ["mean"], axes=[1], keepdims=1),
        helper.make_node("MatMul", ["mean", "classes"], ["logits"]),
    ]
    outputs = ["embedding", "logits"] if shape[-1] == 160_000 else ["logits"]
    return model_of(nodes, shape, outputs, {"classes": weights(1, classes)})


def test_the_options_for_torchxrayvision_give_its_own_range(save) -> None:
    options = {"scale": "2048/255", "mean": 1024, "std": 1, "output": "embedding"}
    extractor = extractor_of(save(with_classifier(["batch", 1, 8, 8], 18)), options)
    gray = np.random.default_rng(0).integers(0, 256, (2, 8, 8, 1)).astype("float32")
    expected = (2 * (gray / 255) - 1) * 1024  # as in torchxrayvision.datasets.normalize
    found = extractor.features(np.repeat(gray, 3, axis=3))
    np.testing.assert_allclose(found, expected.reshape(2, 64), atol=1e-3)


@pytest.mark.parametrize(
    ("rate_hz", "num_samples", "normalize", "scale"),
    [(32_000, 160_000, "peak", 0.25), (48_000, 144_000, "none", 1)],
    ids=["Perch v2", "BirdNET"],
)
def test_the_options_for_bird_sounds_give_their_own_waveform(
    rate_hz, num_samples, normalize, scale, save
) -> None:
    options = {
        "sample_rate_hz": rate_hz,
        "num_samples": num_samples,
        "normalize": normalize,
        "scale": scale,
        "output": "embedding",
    }
    extractor = extractor_of(save(with_classifier(["batch", num_samples], 5)), options)
    raw = np.random.default_rng(0).uniform(-0.5, 0.5, (2, num_samples)).astype("float32")
    found = extractor.features(raw)
    peaks = np.abs(raw).max(axis=1, keepdims=True) if normalize == "peak" else 1
    np.testing.assert_allclose(found, scale * raw / peaks, atol=1e-6)
    assert extractor.feature_dim == num_samples


def test_views_in_one_graph_equal_views_one_by_one(save) -> None:
    extractor = extractor_of(save(conv_net()), PIXELS)
    raw = np.random.default_rng(0).uniform(0, 255, (2, 16, 16, 3)).astype("float32")
    views = Views(views=(View(), View(is_mirrored=True)), stages=("top",))
    one_by_one = [extractor.features(view.change(raw, np)) for view in views.views]
    expected = views.combine(one_by_one, np)
    np.testing.assert_allclose(extractor.viewed(views).features(raw), expected, atol=1e-6)
    assert np.abs(one_by_one[0] - one_by_one[1]).max() > 1e-3


def test_shifts_in_one_graph_equal_shifts_one_by_one(save) -> None:
    extractor = extractor_of(save(sound_net()), {**WAVEFORM, "pooling": "mean"})
    raw = weights(2, 400)
    views = Views(views=(View(), View(shift=-30), View(shift=50)), stages=("top",))
    expected = views.combine([extractor.features(v.change(raw, np)) for v in views.views], np)
    np.testing.assert_allclose(extractor.viewed(views).features(raw), expected, atol=1e-6)


def test_what_the_features_do_not_need_is_left_out(save) -> None:
    extractor = extractor_of(
        save(conv_net(outputs=["vector", "logits"])), {**PIXELS, "output": "vector"}
    )
    assert extractor.num_params < weights(5, 3, 3, 3).size + 20
    assert not [node for node in extractor.model.graph.node if "logits" in node.output[0]]


def test_inner_graphs_see_the_input(save) -> None:
    def branch(name: str, operation: str) -> onnx.GraphProto:
        output = helper.make_tensor_value_info(name, TensorProto.FLOAT, None)
        node = helper.make_node(operation, ["pixels"], [name])
        return helper.make_graph([node], name, [], [output])

    nodes = [
        helper.make_node(
            "If",
            ["yes"],
            ["changed"],
            then_branch=branch("a", "Neg"),
            else_branch=branch("b", "Abs"),
        ),
        helper.make_node("ReduceMean", ["changed"], ["vector"], axes=[1, 2], keepdims=0),
    ]
    model = model_of(nodes, ["n", 8, 8, 3], ["vector"], {"yes": np.array(True)})
    extractor = extractor_of(save(model), {"scale": 1, "mean": 0, "std": 1})
    assert np.allclose(extractor.features(np.full((1, 8, 8, 3), 3)), -3)


def test_a_file_of_other_shapes_is_no_extractor(tmp_path: Path) -> None:
    onnx.save(conv_net(outputs=["maps"]), tmp_path / "maps.onnx")
    with pytest.raises(BackboneError, match="not a network from raw input to a feature vector"):
        Extractor.read(tmp_path / "maps.onnx")
