"""What is refused, and with which text; a stranger's file reads nothing outside of its folder."""

import json
from importlib import import_module
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, external_data_helper, helper, numpy_helper

from kerastl.backbones import BackboneError, UnknownBackboneError, find_backbone

from .conftest import PIXELS, WAVEFORM, conv_net, model_of, sound_net, token_net, weights
from .test_onnx_features import extractor_of, takes_bytes

IMAGES = {"scale": 1, "mean": 0, "std": 1}


def refusal(identifier: str, options: dict) -> str:
    with pytest.raises(BackboneError) as caught:
        extractor_of(identifier, options)
    return str(caught.value)


def test_a_normalization_that_nothing_states_is_refused(save) -> None:
    identifier = save(conv_net())
    assert refusal(identifier, {"mean": 0}).splitlines() == [
        f"The backbone '{identifier}' does not state scale, std.",
        "  where:    backbone.options",
        "  expected: how pixels from 0 to 255 are normalized: (pixel * scale - mean) / std; if the "
        "network does it itself: scale: 1, mean: 0, std: 1; the three come from one place",
        "  received: mean: 0",
        "  fix:      Set scale, std to what the network was trained with: in the options, the "
        "metadata, or a preprocessor_config.json or config.json beside the file.",
    ]


def two_inputs() -> onnx.ModelProto:
    model = conv_net()
    model.graph.input.append(helper.make_tensor_value_info("mask", TensorProto.BOOL, ["batch"]))
    return model


def joined_rows() -> onnx.ModelProto:
    nodes = [
        helper.make_node("ReduceMean", ["pixels"], ["vector"], axes=[1, 2], keepdims=0),
        helper.make_node("ReduceMax", ["vector"], ["most"], keepdims=0),
        helper.make_node("Sub", ["vector", "most"], ["rest"]),
    ]
    return model_of(nodes, ["n", 8, 8, 3], ["rest"], {})


def fixed_batch() -> onnx.ModelProto:
    nodes = [
        helper.make_node("Reshape", ["pixels", "shape"], ["flat"]),
        helper.make_node("MatMul", ["flat", "kernel"], ["vector"]),
    ]
    arrays = {"shape": np.array([1, 192]), "kernel": weights(192, 4)}
    return model_of(nodes, [1, 8, 8, 3], ["vector"], arrays)


def one_row() -> onnx.ModelProto:
    nodes = [
        helper.make_node("ReduceMean", ["pixels"], ["means"], axes=[1, 2], keepdims=0),
        helper.make_node("Reshape", ["means", "shape"], ["vector"]),
    ]
    return model_of(nodes, [1, 8, 8, 3], ["vector"], {"shape": np.array([1, -1])})


def two_rows() -> onnx.ModelProto:
    nodes = [
        helper.make_node("ReduceMean", ["pixels"], ["means"], axes=[1, 2], keepdims=0),
        helper.make_node("Slice", ["means", "begin", "end"], ["vector"]),
    ]
    arrays = {"begin": np.array([0, 0]), "end": np.array([2, 3])}
    return model_of(nodes, ["n", 8, 8, 3], ["vector"], arrays)


def bytes_of_sound() -> onnx.ModelProto:
    nodes = [
        helper.make_node("Cast", ["pixels"], ["floats"], to=TensorProto.FLOAT),
        helper.make_node("Abs", ["floats"], ["vector"]),
    ]
    return model_of(nodes, ["n", 400], ["vector"], {}, kind=TensorProto.UINT8)


def whole_numbers() -> onnx.ModelProto:
    nodes = [
        helper.make_node("Cast", ["pixels"], ["floats"], to=TensorProto.FLOAT),
        helper.make_node("ReduceMean", ["floats"], ["vector"], axes=[1, 2], keepdims=0),
    ]
    return model_of(nodes, ["n", 8, 8, 3], ["vector"], {}, kind=TensorProto.INT32)


def unknown_operation() -> onnx.ModelProto:
    model = conv_net()
    model.graph.node[1].op_type, model.graph.node[1].domain = "Secret", "com.example"
    model.opset_import.append(helper.make_opsetid("com.example", 1))
    return model


def open_channels() -> onnx.ModelProto:
    model = conv_net()
    model.graph.input[0].type.tensor_type.shape.dim[1].dim_param = "channels"
    return model


REFUSED = {
    "several inputs": (two_inputs, IMAGES, "takes 2 inputs", "mask (?)"),
    "several outputs": (
        lambda: conv_net(outputs=["vector", "logits"]),
        IMAGES,
        "has 2 outputs",
        "Set output to the one that holds the features.",
    ),
    "an unknown output": (conv_net, {**IMAGES, "output": "x"}, "has no output 'x'", "vector"),
    "an unknown input": (conv_net, {**IMAGES, "input": "x"}, "has no input 'x'", "pixels"),
    "an unknown option": (
        conv_net,
        {**IMAGES, "stds": 1},
        "has no option 'stds'",
        "mean 'std'",
    ),
    "open channels": (
        open_channels,
        IMAGES,
        "does not state layout",
        "nchw or nhwc",
    ),
    "the wrong layout": (
        conv_net,
        {**IMAGES, "layout": "nhwc"},
        "takes 16 channels",
        "Set layout",
    ),
    "the wrong number of means": (
        conv_net,
        {**IMAGES, "mean": [1, 2]},
        "cannot have mean [1.0, 2.0]",
        "one per channel",
    ),
    "a deviation of 0": (conv_net, {**IMAGES, "std": 0}, "cannot have std [0.0]", "above 0"),
    "no number": (conv_net, {**IMAGES, "scale": "1/0"}, "cannot have scale '1/0'", "1/255"),
    "any size": (
        lambda: conv_net(size="any"),
        IMAGES,
        "takes images of any size",
        "backbone.input_size",
    ),
    "tokens": (token_net, IMAGES, "How its tokens become one vector is not known", "Set pooling"),
    "maps of tokens": (
        conv_net,
        {**IMAGES, "output": "maps", "pooling": "cls"},
        "How its maps become",
        "mean or max",
    ),
    "audio without a rate": (
        sound_net,
        {"num_samples": 400},
        "does not state sample_rate_hz, normalize, scale",
        "peak",
    ),
    "audio with a mean": (
        sound_net,
        {**WAVEFORM, "mean": 0},
        "has no effect on audio: mean",
        "Remove 'mean'.",
    ),
    "another window": (
        sound_net,
        {**WAVEFORM, "num_samples": 300},
        "takes windows of 400 samples",
        "300",
    ),
    "a spectrogram": (
        lambda: sound_net(("batch", 40, 10)),
        {**WAVEFORM},
        "takes no waveforms",
        "from waveforms",
    ),
    "images as audio": (conv_net, WAVEFORM, "takes no waveforms", "(batch, samples)"),
    "audio as images": (sound_net, IMAGES, "takes inputs with 2 axes", "sample_rate_hz"),
    "rows that depend on others": (
        joined_rows,
        IMAGES,
        "depend on the others in its batch",
        "computed by itself",
    ),
    "a batch of one": (
        fixed_batch,
        IMAGES,
        "cannot run it with a batch of two",
        "ONNXRuntimeError",
    ),
    "a type of token ids": (whole_numbers, IMAGES, "a type that images", "INT32"),
    "all rows in one": (
        one_row,
        IMAGES,
        "An output has 1 rows for a batch of two",
        "Export the network again with an open batch axis.",
    ),
    "two rows at most": (
        two_rows,
        IMAGES,
        "Its features are not one row per example",
        "Export the network again with an open batch axis.",
    ),
    "bytes that are scaled": (takes_bytes, PIXELS, "UINT8, which cannot hold", "of floats"),
    "bytes of sound": (bytes_of_sound, WAVEFORM, "UINT8, which cannot hold", "of floats"),
    "a list of inputs": (conv_net, {**IMAGES, "input": ["x"]}, "has no input ['x']", "pixels"),
    **{
        f"a size of {size}": (
            lambda: conv_net(size="any"),
            {**IMAGES, "size": size},
            f"cannot have size {size!r}",
            "a whole number of pixels, 1 or more, or [height, width]",
        )
        for size in (2.5, ["a", 3], -5, 0, True, [8])
    },
    "an unknown operation": (
        unknown_operation,
        IMAGES,
        "cannot run it with a batch",
        "ONNXRuntimeError",
    ),
}


@pytest.mark.parametrize(("make", "options", "what", "more"), REFUSED.values(), ids=REFUSED)
def test_a_file_that_cannot_be_used_is_refused_with_the_reason(make, options, what, more, save):
    text = refusal(save(make()), options)
    assert what in text
    assert more in text


def test_random_weights_are_refused(save) -> None:
    from kerastl.backbones.building import build_extractor

    spec = find_backbone(save(conv_net()), options=PIXELS)
    with pytest.raises(BackboneError, match="weights of its file only"):
        build_extractor(spec, weights=None, input=spec.input, options=PIXELS)


@pytest.mark.parametrize("content", [b"", b"\x00" * 50, b"no protobuf at all", b"\x3a\xff\xff\x7f"])
def test_another_file_is_not_read(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "model.onnx").write_bytes(content)
    with pytest.raises(UnknownBackboneError, match="it is not an ONNX file"):
        find_backbone(f"onnx:{tmp_path / 'model.onnx'}", options=PIXELS)


def test_every_cut_of_a_file_is_refused(save) -> None:
    identifier = save(conv_net())
    path = Path(identifier.removeprefix("onnx:"))
    whole = path.read_bytes()
    for end in range(0, len(whole), 37):
        path.write_bytes(whole[:end])
        refusal(identifier, PIXELS)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(UnknownBackboneError, match="there is no such file"):
        find_backbone(f"onnx:{tmp_path / 'none.onnx'}")


def with_weights_at(location: str) -> onnx.ModelProto:
    model = conv_net()
    for array in model.graph.initializer:
        external_data_helper.set_external_data(array, location)
        array.ClearField("raw_data")
    return model


@pytest.mark.parametrize("location", ["../secret", "/etc/hostname", "inner/../../secret", "link"])
def test_weights_outside_of_the_folder_are_refused(location: str, save, tmp_path: Path) -> None:
    (tmp_path / "secret").write_bytes(b"\0" * 10_000)
    (tmp_path / "files" / "inner").mkdir(parents=True)
    (tmp_path / "files" / "link").symlink_to(tmp_path / "secret")
    identifier = save(with_weights_at(location), "files/model.onnx")
    assert "in a file outside of its folder" in refusal(identifier, PIXELS)


def test_weights_of_inner_graphs_are_checked_too(save, tmp_path: Path) -> None:
    tensor = numpy_helper.from_array(weights(3), "value")
    external_data_helper.set_external_data(tensor, "../secret")
    tensor.ClearField("raw_data")
    constant = helper.make_node("Constant", [], ["result"], value=tensor)
    result = helper.make_tensor_value_info("result", TensorProto.FLOAT, [3])
    inner = helper.make_graph([constant], "inner", [], [result])
    branches = {"then_branch": inner, "else_branch": inner}
    model = conv_net()
    model.graph.node.append(helper.make_node("If", ["yes"], ["unused"], **branches))
    model.graph.initializer.append(numpy_helper.from_array(np.array(True), "yes"))
    assert "outside of its folder" in refusal(save(model, "files/model.onnx"), PIXELS)


def test_weights_of_functions_are_checked_too(save) -> None:
    tensor = numpy_helper.from_array(weights(3), "value")
    external_data_helper.set_external_data(tensor, "../secret")
    tensor.ClearField("raw_data")
    constant = helper.make_node("Constant", [], ["result"], value=tensor)
    domain = [helper.make_opsetid("", 17)]
    model = conv_net()
    model.functions.append(helper.make_function("own", "Three", [], ["result"], [constant], domain))
    assert "outside of its folder" in refusal(save(model, "files/model.onnx"), PIXELS)


def test_weights_in_the_folder_are_read(save, tmp_path: Path) -> None:
    expected = extractor_of(save(conv_net()), PIXELS)
    path = tmp_path / "outer.onnx"
    onnx.save(conv_net(), path, save_as_external_data=True, location="outer.data", size_threshold=0)
    assert (tmp_path / "outer.data").is_file()
    raw = np.full((1, 16, 16, 3), 9.0)
    found = extractor_of(f"onnx:{path}", PIXELS)
    assert np.array_equal(found.features(raw), expected.features(raw))
    (tmp_path / "outer.data").unlink()
    assert "A file with its weights is missing" in refusal(f"onnx:{path}", PIXELS)


def write(path: Path, values: object) -> None:
    path.write_text(json.dumps(values))


TRANSFORMERS = {
    "do_rescale": True,
    "rescale_factor": 1 / 255,
    "do_normalize": True,
    "image_mean": [0.4, 0.5, 0.6],
    "image_std": [0.2, 0.3, 0.25],
    "size": {"height": 16, "width": 16},
}
TIMM = {
    "architecture": "x",
    "pretrained_cfg": {"mean": [0.4, 0.5, 0.6], "std": [0.2, 0.3, 0.25], "input_size": [3, 16, 16]},
}


@pytest.mark.parametrize(
    ("name", "values"), [("preprocessor_config.json", TRANSFORMERS), ("config.json", TIMM)]
)
@pytest.mark.parametrize("file", ["model.onnx", "onnx/model.onnx"])
def test_a_file_beside_it_states_the_normalization(name, values, file, save, tmp_path) -> None:
    expected = extractor_of(save(conv_net(), "plain.onnx"), PIXELS).fingerprint
    write(tmp_path / name, values)
    identifier = save(conv_net(size="any"), file)
    assert find_backbone(identifier).input.shape == (16, 16, 3)
    assert extractor_of(identifier, {}).fingerprint == expected


def test_a_processor_without_its_mean_states_nothing(save, tmp_path) -> None:
    write(tmp_path / "preprocessor_config.json", {"do_normalize": True, "do_rescale": True})
    assert "does not state mean, std" in refusal(save(conv_net()), {})


def test_options_come_before_what_a_file_states(save, tmp_path) -> None:
    write(tmp_path / "preprocessor_config.json", TRANSFORMERS)
    identifier = save(conv_net())
    raw = np.full((1, 16, 16, 3), 9.0)
    plain = extractor_of(identifier, {}).features(raw)
    assert not np.allclose(extractor_of(identifier, IMAGES).features(raw), plain)


@pytest.mark.parametrize("key", IMAGES)
def test_one_normalization_is_not_taken_from_two_places(key, save, tmp_path) -> None:
    write(tmp_path / "preprocessor_config.json", TRANSFORMERS)
    missing = ", ".join(other for other in IMAGES if other != key)
    assert f"does not state {missing}" in refusal(save(conv_net()), {key: IMAGES[key]})


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("preprocessor_config.json", {**TRANSFORMERS, "do_center_crop": True}),
        ("config.json", {"pretrained_cfg": {**TIMM["pretrained_cfg"], "input_size": 16}}),
    ],
)
def test_a_size_that_is_stated_in_another_way_is_read(name, values, save, tmp_path) -> None:
    write(tmp_path / name, values)
    assert find_backbone(save(conv_net(size="any"))).input.shape == (16, 16, 3)


def test_a_sidecar_of_an_unknown_form_is_refused(save, monkeypatch) -> None:
    module = import_module("kerastl_onnx.family")
    monkeypatch.setattr(module, "stated_options", lambda *_: {}["size"])
    assert "What the backbone" in refusal(save(conv_net()), {})


def test_negative_lengths_are_open(save) -> None:
    model = conv_net()
    for side in model.graph.input[0].type.tensor_type.shape.dim[2:]:
        side.dim_value = -1
    identifier = save(model)
    assert "pixels (?, 3, ?, ?)" in find_backbone(identifier, options=PIXELS).facts["inputs"]
    assert find_backbone(identifier, options={**PIXELS, "size": 20}).input.shape == (20, 20, 3)


def test_the_metadata_of_the_file_states_the_normalization(save) -> None:
    expected = extractor_of(save(conv_net()), PIXELS).fingerprint
    model = conv_net()
    helper.set_model_props(model, {"kerastl": json.dumps(PIXELS)})
    assert extractor_of(save(model), {}).fingerprint == expected
    names = {"Image.NominalPixelRange": "Normalized_1_1", "Image.BitmapPixelFormat": "Bgr8"}
    helper.set_model_props(model, names)
    asked = {"scale": "1/127.5", "mean": 1, "std": 1, "color": "bgr"}
    same = extractor_of(save(conv_net()), asked).fingerprint
    assert extractor_of(save(model), {}).fingerprint == same


def test_an_exported_run_is_no_backbone(save) -> None:
    model = conv_net()
    contents = {"tasks": {"car": {}}, "input": {"name": "image"}, "outputs": {"car": ["car"]}}
    helper.set_model_props(model, {"kerastl": json.dumps(contents)})
    assert "name the folder of the run: run:FOLDER" in refusal(save(model), {})
    helper.set_model_props(model, {"kerastl": json.dumps({**PIXELS, "input": {}})})
    expected = extractor_of(save(conv_net()), PIXELS).fingerprint
    assert extractor_of(save(model), {}).fingerprint == expected


def test_a_broken_file_beside_it_is_named(save, tmp_path) -> None:
    (tmp_path / "preprocessor_config.json").write_text("{")
    assert "'preprocessor_config.json' beside it cannot be read" in refusal(save(conv_net()), {})


def test_a_feature_extractor_of_audio_states_rate_and_normalization(save, tmp_path) -> None:
    write(tmp_path / "preprocessor_config.json", {"sampling_rate": 8000, "do_normalize": True})
    spec = find_backbone(save(sound_net()), options={"num_samples": 400, "pooling": "mean"})
    assert spec.input.sample_rate_hz == 8000
    assert "standard" in spec.facts["normalization"]
