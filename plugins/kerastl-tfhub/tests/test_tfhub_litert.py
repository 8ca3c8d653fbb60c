"""LiteRT: what a phone computes is what Keras computes, read by name."""

from pathlib import Path

import keras
import numpy as np
import pytest

from kerastl_tfhub import SavedModelLayer

litert = pytest.importorskip(
    "ai_edge_litert.interpreter", reason="LiteRT's interpreter isn't installed"
)


def lite_outputs(path: Path, inputs: np.ndarray) -> np.ndarray:
    interpreter = litert.Interpreter(model_path=str(path))
    runner = interpreter.get_signature_runner()
    (name,) = runner.get_input_details()
    outputs = [runner(**{name: row[None]}) for row in inputs]
    return np.concatenate([next(iter(output.values())) for output in outputs])


def exported(layer: SavedModelLayer, inputs: np.ndarray, path: Path) -> tuple:
    raw = keras.Input(inputs.shape[1:])
    model = keras.Model(raw, keras.layers.Dense(2)(layer(raw)))
    model.export(path, format="litert", verbose=False)
    return lite_outputs(path, inputs), model.predict(inputs, verbose=0)


@pytest.mark.parametrize("form", ["conv_net", "plain", "duplicate_names", "dictionary", "tf1_hub"])
def test_litert_agrees_with_keras(
    form: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    shape = {"conv_net": (8, 8, 3)}.get(form, (3,))
    options = {"dictionary": {"output": "features"}}
    layer = SavedModelLayer(request.getfixturevalue(form), **options.get(form, {}))
    inputs = np.random.default_rng(0).uniform(0, 1, (4, *shape)).astype("float32")
    lite, expected = exported(layer, inputs, tmp_path / "model.tflite")
    assert expected.std() > 1e-3
    np.testing.assert_allclose(lite, expected, rtol=1e-4, atol=1e-5)


def test_an_unbatched_module_runs_in_litert_too(unbatched: str, tmp_path: Path) -> None:
    layer = SavedModelLayer(unbatched, output=1, pooling="mean")
    inputs = np.random.default_rng(0).uniform(-1, 1, (4, 400)).astype("float32")
    lite, expected = exported(layer, inputs, tmp_path / "model.tflite")
    np.testing.assert_allclose(lite, expected, rtol=1e-4, atol=1e-5)
