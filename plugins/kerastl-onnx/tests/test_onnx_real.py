"""Real weights: an exported MobileNetV2, and a speech embedding as ONNX and as a SavedModel."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from kerastl.backbones import find_backbone
from kerastl.backbones.building import build_network

from .test_onnx_features import extractor_of

WEIGHTS = "mobilenet_v2_0.35_224_no_top.weights.h5"


def test_an_exported_mobilenet_gives_the_features_of_keras(shared: Path, tmp_path: Path) -> None:
    tf, tf2onnx = pytest.importorskip("tensorflow"), pytest.importorskip("tf2onnx")
    keras = pytest.importorskip("keras")
    options = {"alpha": 0.35}
    spec = find_backbone("applications:mobilenet_v2", options=options)
    taken = spec.input.resized(96, backbone=spec.id)
    weights = str(shared / "weights" / WEIGHTS)
    own = build_network(spec, weights=weights, input=taken, options=options)
    plain = keras.applications.MobileNetV2(
        input_shape=(96, 96, 3), alpha=0.35, include_top=False, pooling="avg", weights=None
    )
    plain.load_weights(weights)
    signature = [tf.TensorSpec((None, 96, 96, 3), tf.float32, name="image")]
    call = tf.function(lambda image: plain(image, training=False), input_signature=signature)
    path = tmp_path / "mobilenet.onnx"
    tf2onnx.convert.from_function(call, input_signature=signature, output_path=str(path))
    extractor = extractor_of(f"onnx:{path}", {"scale": "1/127.5", "mean": 1, "std": 1})
    raw = np.random.default_rng(0).uniform(0, 255, (4, 96, 96, 3)).astype("float32")
    expected = own.predict(raw, verbose=0)
    assert np.abs(expected).max() > 0.1
    np.testing.assert_allclose(extractor.features(raw), expected, atol=1e-4)


def test_a_speech_embedding_gives_the_features_of_its_saved_model(
    shared: Path, tmp_path: Path
) -> None:
    tf = pytest.importorskip("tensorflow")
    recipe = Path(__file__).parents[1] / "recipes" / "speech_embedding.py"
    path, folder = tmp_path / "speech.onnx", shared / "weights" / "onnx_speech_embedding"
    command = [sys.executable, str(recipe), str(folder), "16000", str(path)]
    subprocess.run(command, check=True)
    options = {"sample_rate_hz": 16000, "num_samples": 16000, "normalize": "none"}
    extractor = extractor_of(f"onnx:{path}", {**options, "scale": 32767, "pooling": "mean"})
    raw = np.random.default_rng(0).normal(0, 0.05, (3, 16000)).astype("float32")
    raw *= np.geomspace(0.1, 1, 3)[:, np.newaxis].astype("float32")
    module = tf.saved_model.load(str(shared / "weights" / "hub_speech_embedding"))
    (expected,) = module.signatures["serving_default"](tf.constant(raw)).values()
    assert np.abs(expected).max() > 1
    np.testing.assert_allclose(
        extractor.features(raw), expected.numpy().mean(axis=(1, 2)), atol=1e-4
    )
